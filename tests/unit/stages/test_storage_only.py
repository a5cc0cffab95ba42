"""What may only be stored is not read by applications any more, and somebody keeps it when the company ends."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.decision import Decision, Disposition, Reason, Term
from winddown.domain.inventory import CollectionRef
from winddown.domain.rule import RuleKind
from winddown.stages.certify import open_ends
from winddown.stages.deployment import Deployment
from winddown.stages.freeze import freeze, thaw
from winddown.stages.report import report
from winddown.stages.storage_only import NOT_TAKEN, readable_by, stored_only
from winddown.stores.memory import MemoryTable, Row

from .running import NONE, Running, rule, running, table, with_rules

REASON = Reason("RET-1", "示例法 第一条", "must be kept", prevails=True)
MOBILE = {"kind": "mobile", "because": "seen"}


def decided(name: str, disposition: Disposition, *, label: str = "customer", **more: Any) -> Decision:
    needed = ("*",) if disposition is Disposition.STORE_ONLY else ()
    terms = (Term(None, needed),) if needed else ()
    return Decision(
        CollectionRef("shop", name), label, 1, disposition, (REASON,), needed_fields=needed, terms=terms, **more
    )


@pytest.mark.parametrize(
    ("decisions", "is_stored"),
    [
        ([decided("a", Disposition.STORE_ONLY, in_place=True)], True),
        ([decided("a", Disposition.STORE_ONLY, is_open=True)], True),
        ([decided("a", Disposition.STORE_ONLY)], False),  # sealed, then erased: no reader stays
        ([decided("a", Disposition.ERASE)], False),
        ([decided("a", Disposition.STORE_ONLY, in_place=True), decided("a", Disposition.HELD, label="held")], False),
        ([decided("a", Disposition.BLOCKED), decided("a", Disposition.STORE_ONLY, is_open=True, label="minor")], False),
    ],
)
def test_only_where_every_record_is_stored(decisions: Sequence[Decision], is_stored: bool) -> None:
    assert stored_only(decisions) == ((CollectionRef("shop", "a"),) if is_stored else ())


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    """Payments stay in place under a law, for ever; messages are erased."""
    customers: list[Row] = [{"id": f"C{n}", "born_on": "1980-01-01", "country": "CN"} for n in range(4)]
    rows: list[Row] = [{"no": f"P{n}", "customer": f"C{n}", "mobile": f"1380013{n:04d}"} for n in range(4)]
    payments = MemoryTable(("no",), rows, writers={"app"}, readers={"app", "reports"})
    messages = MemoryTable(("no",), [dict(row) for row in rows], writers={"app"}, readers={"app"})
    case_document["accepted_dates"] = []
    case_document["register"] = [
        {"collection": "shop:customers", "category": "company_own", "purpose": "x", "steward": "li"},
        *(
            {
                "collection": f"shop:{name}", "category": category, "purpose": "x", "steward": "li",
                "subject": {"field": "customer"}, "fields": {"no": NONE, "customer": NONE, "mobile": MOBILE}, **more,
            }
            for name, category, more in (
                ("payments", "settlement_records", {"custody": "in_place", "elements": {"no": "voucher_number"}}),
                ("messages", "customer_service", {}),
            )
        ),
    ]  # fmt: skip
    keep = rule(
        "RET-EVER", RuleKind.MIN_RETENTION, ("settlement_records",), "service_stopped", needs=("voucher_number",)
    )
    current = replace(deployment, rulebook=with_rules(deployment.rulebook, keep))
    tables = {"customers": table("id", rows=customers), "payments": payments, "messages": messages}
    return running(current, case_folder, case_document, tables)


def test_reads_of_what_is_only_stored_are_taken_and_given_back_once(company: Running) -> None:
    company.run()
    payments, messages = company.tables["payments"], company.tables["messages"]
    assert (payments.readers, messages.readers) == (set(), {"app"})
    (frozen,) = [found.message for found in company.deployment.control.progress("demo-1") if found.stage == "freeze"]
    assert "only stored, reads revoked: payments" in frozen
    assert readable_by(company.deployment, "demo-1") == {"shop:payments": ""}
    freeze(company.deployment, "demo-1")  # repeated: what was taken is not forgotten
    thaw(company.deployment, "demo-1")
    assert (payments.readers, payments.writers) == ({"app", "reports"}, {"app"})
    payments.readers.discard("reports")  # the administrator's own decision
    thaw(company.deployment, "demo-1")
    assert payments.readers == {"app"}


def test_a_store_that_cannot_leaves_a_task_and_the_certificate_says_so(
    company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = __import__("winddown.stages.storage_only", fromlist=["ability"]).ability
    monkeypatch.setattr(
        "winddown.stages.storage_only.ability",
        lambda store, protocol: None if protocol.__name__ == "SupportsStorageOnly" else honest(store, protocol),
    )
    company.run()
    assert company.tables["payments"].readers == {"app", "reports"}
    assert readable_by(company.deployment, "demo-1") == {"shop:payments": NOT_TAKEN}
    (frozen,) = [found.message for found in company.deployment.control.progress("demo-1") if found.stage == "freeze"]
    assert "only stored: payments; the administrator takes their readers away" in frozen


def finished(company: Running) -> tuple[dict[str, Any], str]:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    assert company.run().reason == "grace"
    company.pass_grace()
    halt = company.run()
    assert halt.reason == "finished"
    document = company.certificate(plan_id)
    (row,) = [one for one in document["remaining"] if one["collection"] == "shop:payments"]
    assert open_ends(document) == report(company.deployment, "demo-1").open_ends
    return row, halt.message


def test_what_the_custodian_agreed_to_keep_is_final(company: Running) -> None:
    row, message = finished(company)
    assert row["keeper"] == "示例托管, by agreement of 2026-10-01"
    assert row["readable_by"] == ""
    assert "not final" not in message


def test_what_nobody_keeps_and_never_ends_is_not_final(company: Running) -> None:
    company.document["custodian"]["agreement_on"] = date(2027, 1, 1)
    row, message = finished(company)
    assert (row["keeper"], row["until"]) == ("", None)
    assert message.endswith("not final, stored with neither keeper nor last day: shop:payments (4 records)")


def test_a_record_with_a_last_day_needs_no_keeper_to_be_final(company: Running) -> None:
    row = {"collection": "shop:a", "records": 4, "keeper": "", "until": "2055-12-31"}
    assert open_ends({"remaining": [row]}) == ()
    assert open_ends({"remaining": [row | {"until": None}]}) == ("shop:a (4 records)",)
    assert company.document["case"] == "demo-1"
