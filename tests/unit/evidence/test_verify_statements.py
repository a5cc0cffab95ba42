"""What is signed of the whole case, and of each order alone, must be what certificates and ledger say."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.statement import CASE_TYPE, CERTIFICATE_TYPE, ORDER_TYPE, sign_statement

CASE, ORDER = "certificate.json", "orders/o2.json"
Edit = Callable[[dict[str, Any]], None]


def statement_of(signed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(signed)["payload"]))
    return found


def resigned(case: Any, name: str, edit: Edit) -> dict[str, bytes]:
    """The members of a bundle, of which one statement was edited and signed by the log's own keys."""
    files = case.files()
    statement = statement_of(files[name])
    edit(statement)
    subjects = {row["name"]: row["digest"]["sha256"] for row in statement["subject"]}
    kind = statement["predicateType"]
    files[name] = sign_statement(subjects, statement["predicate"], predicate_type=kind, signers=case.signers)
    return files


def said(**values: Any) -> Edit:
    return lambda statement: statement["predicate"].update(values)


def about(**plans: str) -> Edit:
    subjects = [{"name": f"plans/{name}.json", "digest": {"sha256": digest}} for name, digest in plans.items()]
    return lambda statement: statement.update(subject=subjects)


def typed(kind: str) -> Edit:
    return lambda statement: statement.update(predicateType=kind)


def in_order(**values: Any) -> Edit:
    return lambda statement: statement["predicate"]["order"].update(values)


def without(name: str) -> Edit:
    return lambda statement: statement["predicate"].pop(name)


# What is edited → the member, the edit, and what is said of it.
EDITS: dict[str, tuple[str, Edit, str]] = {
    f"the case says another {name}": (CASE, said(**{name: value}), f"{CASE}: another {name}")
    for name, value in {
        "case": "c2", "company": {"name_zh": "别家"}, "issued_on": "2026-11-24", "certificates": [],
        "records": {"destroyed": 14, "minimised": 0, "handed_over": 5, "anonymised": 0}, "remaining": [],
        "residual_until": [], "not_claimed": [], "unfinished": ["p9"], "waits_for": ["T1"],
        "scheduler_cleared": [{"plan_id": "p1", "person": "u-1", "bytes_searched": 1, "entry": 1}],
    }.items()
} | {
    f"an order says another {name}": (ORDER, said(**{name: value}), f"{ORDER}: another {name}")
    for name, value in {
        "case": "c2", "company": {"name_zh": "别家"}, "plan_id": "p2", "plan_digest": "0" * 64, "wave": 2,
        "issued_on": "2026-11-24", "code_version": "2", "rule_packs": [["p", "0" * 64]], "approvals": [],
        "certificate": "k2", "certificate_digest": "0" * 64, "inspection": [], "residual_until": [{"store": "shop"}],
    }.items()
} | {
    "an order's row": (ORDER, in_order(purged=10), f"{ORDER}: another order"),
    "an order for another": (
        ORDER, lambda one: one["predicate"].update(order=one["predicate"]["order"] | {"id": "o3"}),
        f"{ORDER}: another order",
    ),
    "the case about another plan": (CASE, about(p2="0" * 64), f"{CASE}: its subjects are other plans"),
    "an order about another plan": (ORDER, about(p1="0" * 64), f"{ORDER}: its subjects are other plans"),
    "the case says more": (CASE, said(remark="all is gone"), f"{CASE}: not exactly what is said there"),
    "the case says less": (CASE, without("unfinished"), f"{CASE}: not exactly what is said there"),
    "an order says more": (ORDER, said(remark="all is gone"), f"{ORDER}: not exactly what is said there"),
    "an order says less": (ORDER, without("inspection"), f"{ORDER}: not exactly what is said there"),
    "a case that says nothing": (CASE, lambda one: one.update(predicate={}), f"{CASE}: not exactly what is said there"),
    "an order as a certificate": (ORDER, typed(CERTIFICATE_TYPE), f"{ORDER}: a statement of something else"),
    "the case as an order": (CASE, typed(ORDER_TYPE), f"{CASE}: a statement of something else"),
    "an order as a case": (ORDER, typed(CASE_TYPE), f"{ORDER}: a statement of something else"),
}  # fmt: skip


def moved(old: str, new: str | None) -> Callable[[dict[str, bytes]], None]:
    def move(files: dict[str, bytes]) -> None:
        content = files.pop(old)
        if new:
            files[new] = content

    return move


MEMBERS: dict[str, tuple[Callable[[dict[str, bytes]], None], list[str]]] = {
    "the case is left out": (moved(CASE, None), [f"{CASE}: missing"]),
    "an order is left out": (moved(ORDER, None), [f"{ORDER}: missing"]),
    "an order under another name": (
        moved(ORDER, "orders/o9.json"),
        [f"{ORDER}: missing", "orders/o9.json: no certificate of this case says anything of it"],
    ),
    "an order more": (
        lambda files: files.update({"orders/o9.json": files[ORDER]}),
        ["orders/o9.json: no certificate of this case says anything of it"],
    ),
}


def forgeries(case: Any) -> dict[str, tuple[bytes, list[str]]]:
    """Every bundle above with what is said of it."""
    found = {
        name: (bundle_bytes(resigned(case, member, edit), signers=case.signers), [reason])
        for name, (member, edit, reason) in EDITS.items()
    }
    for name, (change, reasons) in MEMBERS.items():
        files = case.files()
        change(files)
        found[name] = (bundle_bytes(files, signers=case.signers), reasons)
    return found


@pytest.mark.parametrize("name", [*EDITS, *MEMBERS])
def test_a_statement_repeats_what_was_certified(case: Any, name: str) -> None:
    data, reasons = forgeries(case)[name]
    assert verify.verify(data, case.policy).reasons == reasons


def test_the_case_sums_up_its_certificates(case: Any) -> None:
    files = case.files()
    statement = statement_of(files[CASE])
    predicate = statement["predicate"]
    assert predicate["records"] == {"destroyed": 13, "minimised": 0, "handed_over": 5, "anonymised": 0}
    assert predicate["certificates"][0]["entry"] == [*case.steps].index("certificate")
    assert predicate["issued_on"] == "2026-11-23"
    assert [row["name"] for row in statement["subject"]] == ["plans/p1.json"]


def test_without_a_certificate_nothing_is_said_of_the_case(case: Any) -> None:
    for label in ("certificate", "report"):
        del case.steps[label]
    case.certificates.clear()
    files = case.files()
    assert verify.verify(bundle_bytes(files, signers=case.signers), case.policy).reasons == []
    signed = sign_statement({"plans/p1.json": "0" * 64}, {}, predicate_type=CASE_TYPE, signers=case.signers)
    data = bundle_bytes({**files, CASE: signed}, signers=case.signers)
    told = f"{CASE}: no certificate of this case says anything of it"
    assert verify.verify(data, case.policy).reasons == [told]


def second_plan(case: Any, *, orders: str) -> None:
    """Another plan like the first, made before the report; its orders are numbered under this letter."""
    plan = json.loads(json.dumps(case.plans["p1"])) | {"id": "p2"}
    for number, order in enumerate(plan["orders"], 1):
        order |= {"id": f"{orders}{number}", "requires": [f"{orders}1"] if order["requires"] else []}
    case.plans["p2"] = plan
    report = case.steps.pop("report")
    case.step("plan2", report["after"], "plan_made", plan_id="p2", wave=1, digest="plan:p2")
    case.steps["report"] = report


def test_no_order_has_the_id_of_another_plans(case: Any) -> None:
    second_plan(case, orders="o")
    reason, *_ = verify.verify(case.bundle(), case.policy).reasons
    assert reason.endswith("plan p2: an order has the id of another plan's")


def test_a_plan_has_one_certificate(case: Any) -> None:
    case.certificates["k2"] = json.loads(json.dumps(case.certificates["k1"])) | {"id": "k2"}
    report = case.steps.pop("report")
    case.step("again", report["after"], "certificate_issued", certificate_id="k2", digest="certificate:k2")
    case.steps["report"] = report
    reasons = verify.verify(case.bundle(), case.policy).reasons
    assert "certificate k2: plan p1 has a certificate already" in reasons[0]


def test_a_plan_that_was_begun_and_not_certified_is_said(case: Any) -> None:
    second_plan(case, orders="q")
    report = case.steps.pop("report")
    after = report["after"]
    for person, role in (("u-7", "liquidator"), ("u-8", "pi_officer")):
        yes = {"plan_id": "p2", "plan_digest": "plan:p2", "door": "api", "person": person, "role": role}
        case.step(f"yes-{person}", after, "approval_given", **yes)
    body = {"effect": "e2", "plan_id": "p2", "order_id": "q1", "act": "seal", "batch": "0"}
    case.step("begun", after, "intent", **body, batch_digest="d-0", records=5, nonce="n-2")
    case.steps["report"] = report
    files = case.files()
    assert statement_of(files[CASE])["predicate"]["unfinished"] == ["p2"]
    assert verify.verify(bundle_bytes(files, signers=case.signers), case.policy).reasons == []


@pytest.mark.parametrize("said", [[1], [None], [{}], "text", 1])
def test_what_a_certificate_does_not_claim_is_a_list_of_texts(case: Any, said: Any) -> None:
    case.certificates["k1"]["not_claimed"] = said
    (reason, *_) = verify.verify(case.bundle(), case.policy).reasons
    assert "not_claimed" in reason or "what it does not claim is not text" in reason


def cleared(
    *, after: str = "certificate", plan: str = "p1", person: str = "u-1", times: int = 1
) -> Callable[[Any], None]:
    """Let somebody say behind a step that what the scheduler kept is gone."""

    def bend(case: Any) -> None:
        case.plans["p1"]["scheduler_by"] = "u-1"
        steps, case.steps = case.steps, {}
        for label, step in steps.items():
            case.steps[label] = step
            for number in range(times if label == after else 0):
                body = {"plan_id": plan, "person": person, "bytes_searched": 9}
                case.step(f"cleared{number}", step["after"], "scheduler_cleared", **body)

    return bend


def named(said: Any) -> Callable[[Any], None]:
    return lambda case: case.plans["p1"].update(scheduler_by=said)


OPEN_END = ["plan p1: u-1 has not said that what the scheduler kept is gone"]
# What became of the scheduler's records → reasons, of which these are the ends, and notes of a bundle that verifies.
SCHEDULER: dict[str, tuple[Callable[[Any], None], list[str], list[str]]] = {
    "left": (named("u-1"), [], OPEN_END),
    "nobody named": (named(""), [], []),
    "gone": (cleared(), [], []),
    "no name": (named(7), ["plan p1: scheduler_by is not text"], []),
    "by another": (cleared(person="u-2"), ["plan p1 does not name u-2 for it"], OPEN_END),
    "too early": (cleared(after="residual"), ["before the certificate of plan p1"], OPEN_END),
    "twice": (cleared(times=2), [], []),
    "of another plan": (cleared(plan="p9"), ["plan p9 was not made before"], OPEN_END),
}


@pytest.mark.parametrize("name", SCHEDULER)
def test_what_the_scheduler_kept_goes_by_whom_the_plan_names(case: Any, name: str) -> None:
    bend, reasons, notes = SCHEDULER[name]
    bend(case)
    report = verify.verify(case.bundle(), case.policy)
    found = [reason.partition("): ")[2] for reason in report.reasons]
    assert found[: len(reasons)] == reasons
    assert bool(found) == bool(reasons)
    assert report.notes == notes or name == "no name"
