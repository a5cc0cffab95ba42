"""What is said of one thing alone that is wrong with a bundle: all of it, and nothing else beside."""

from typing import Any

import pytest
from test_evidence_verify import both, move_before, set_body
from test_verify_approvals import KEYS, sign, text_of

from winddown.domain.canonical import digest
from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.statement import CERTIFICATE_TYPE, sign_statement


def reasons(case: Any, *, approvers: str = "") -> list[str]:
    return verify.verify(case.bundle(), case.policy, approvers=approvers).reasons


def at(case: Any, label: str) -> str:
    """How the reasons of a step begin."""
    return f"entry {[*case.steps].index(label)} ({case.steps[label]['type']}): "


@pytest.mark.parametrize("cut", ["no signature", "no end"])
def test_a_signed_approval_is_a_note(case: Any, cut: str) -> None:
    sign(case)
    body = case.steps["yes2"]["body"]
    body["note"] = {"no signature": text_of(case), "no end": body["note"].rstrip("\n")}[cut]
    first, *others = reasons(case, approvers=KEYS)
    assert first == at(case, "yes2") + "not a signed note"
    said = {one.partition(": ")[2] for one in others if "certificate" not in one}
    assert said == {"plan p1: 1 distinct persons approved before this intent, 2 needed"}


def test_a_purge_that_is_faster_than_a_restore_is_no_breach(case: Any) -> None:
    both(lambda made: made.effect("r", 0, "intent", "restore", "o3", "0", 4), move_before("r", "P-o3b1"))(case)
    assert reasons(case) == [at(case, "certificate") + "certificate k1: restore of order o3 batch 0 is open (intent)"]


def test_of_a_certificate_each_order_is_looked_at_whatever_became_of_those_before(case: Any) -> None:
    rows = {row["id"]: row for row in case.certificates["k1"]["orders"]}
    rows["o3"]["label"] = "another"
    case.certificates["k1"]["orders"] = [rows["o2"], rows["o3"]]
    told = "certificate k1: it has no order o1; order o3: another label"
    assert reasons(case) == [at(case, "certificate") + told]


def test_a_report_lists_its_documents_by_their_names(case: Any) -> None:
    names = case.steps["report"]["body"]["documents"]
    set_body("report", documents=sorted(names))(case)
    first, *others = reasons(case)
    assert first == at(case, "report") + "documents is not a list of names with digests"
    assert others == [f"{name}: not what the ledger's last report_issued entry names" for name in sorted(names)]


def test_a_document_that_the_last_report_names_may_not_be_left_out(case: Any) -> None:
    case.steps["report"]["body"]["documents"]["registers.zh.xlsx"] = "0" * 64
    assert reasons(case) == ["registers.zh.xlsx: not what the ledger's last report_issued entry names"]


@pytest.mark.parametrize("name", ["another digest", "another name", "another beside it", "nothing"])
def test_a_certificate_is_signed_about_its_own_plan_alone(case: Any, name: str) -> None:
    own = {"plans/p1.json": digest(case.plans["p1"])}
    subject = {
        "another digest": {"plans/p1.json": "0" * 64}, "another name": {"plans/p2.json": own["plans/p1.json"]},
        "another beside it": {**own, "plans/p2.json": "0" * 64}, "nothing": {"nothing": "0" * 64},
    }[name]  # fmt: skip
    signed = sign_statement(subject, case.issued("k1"), predicate_type=CERTIFICATE_TYPE, signers=case.signers)
    data = bundle_bytes({**case.files(), "certificates/k1.json": signed}, signers=case.signers)
    told = "certificate k1: its subject is another plan"
    assert verify.verify(data, case.policy).reasons == [at(case, "certificate") + told]
