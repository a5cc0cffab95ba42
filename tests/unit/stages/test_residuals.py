"""A certificate says where erased records may still be: in undeclared backups, in files that were not cleared."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown.control.authority import Authority, Effect
from winddown.domain.authorization import Power
from winddown.domain.receipt import Receipt
from winddown.evidence.entry import LedgerEntry
from winddown.stages.deployment import Deployment
from winddown.stages.quarantine import restore
from winddown.stages.report import report
from winddown.stores.memory import MemoryStore

from .running import NONE, Running, running, table

UNDECLARED = "no backup of this store is declared; one that exists still holds erased records"
UNPROVEN = "store shop: no backup of it was restored as a proof; only PostgreSQL's are"


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    """Two customers, who go."""
    customers = [{"id": f"C{n}", "mobile": f"1380013{n:04d}", "born_on": "1980-01-01", "country": "CN"} for n in (1, 2)]
    answers = dict.fromkeys(("id", "born_on", "country"), NONE) | {"mobile": {"kind": "mobile", "because": "seen"}}
    case_document["register"] = [
        {
            "collection": "shop:customers", "category": "customer_profile", "purpose": "x", "steward": "li",
            "subject": {"field": "id"}, "fields": answers,
        }
    ]  # fmt: skip
    case_document["accepted_dates"] = []
    tables = {"customers": table("id", rows=[dict(row) for row in customers])}
    return running(deployment, case_folder, case_document, tables)


def certificate(company: Running) -> tuple[dict[str, Any], str]:
    """The case's only certificate, and its page."""
    plan_id = company.run().plan_id
    company.approve(plan_id)
    assert company.run().reason == "grace"
    company.pass_grace()
    assert company.run().reason == "finished"
    written = report(company.deployment, "demo-1")
    return company.certificate(plan_id), written.certificates[0].read_text("utf-8")


def test_a_backup_that_nobody_declared_and_what_was_not_reached_are_named(company: Running) -> None:
    document, page = certificate(company)
    asked = {"what": "find_out", "who": "示例托管", "on": None}
    assert document["residual_until"] == [
        {"collection": "shop", "what": UNDECLARED, "until": None, "store": "shop", "next": asked}
    ]
    assert {UNPROVEN, "store shop: not reached: memory of the process"} <= set(document["not_claimed"])
    assert UNDECLARED in page


def test_what_waits_for_the_administrator_is_named_with_the_statements(
    company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = MemoryStore.sanitise

    def denied(store: MemoryStore, *arguments: Any, **named: Any) -> Receipt:
        receipt = honest(store, *arguments, **named)
        return replace(receipt, details=(*receipt.details, ("tasks", "OPTIMIZE TABLE customers; FLUSH LOGS")))

    monkeypatch.setattr(MemoryStore, "sanitise", denied)
    document, page = certificate(company)
    (_, waiting) = document["residual_until"]
    assert waiting["until"] is None
    assert waiting["what"].endswith("administrator has done: OPTIMIZE TABLE customers; FLUSH LOGS")
    assert "OPTIMIZE TABLE customers" in page


def test_a_store_forgets_what_was_purged_or_restored_and_nothing_of_a_plan_that_goes_on(
    company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = company.run().plan_id
    restored = company.deployment.control.plan(first).orders
    company.approve(first)
    assert company.run().reason == "grace"
    restore(company.deployment, "demo-1", requested_by="chen")
    honest, told = MemoryStore.sanitise, []

    def noted(store: MemoryStore, *arguments: Any, settled: list[str]) -> Receipt:
        told.append(settled)
        return honest(store, *arguments)

    monkeypatch.setattr(MemoryStore, "sanitise", noted)
    company.until("finished")
    (second,) = company.deployment.control.plans("demo-1", state="certified")
    purged = company.deployment.control.plan(second).orders
    assert told == [[order.id for order in (*restored, *purged)]]


def test_what_a_killed_clearing_did_is_in_the_ledger(company: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    assert company.run().reason == "grace"
    company.pass_grace()
    honest = Authority.close

    def killed_after(authority: Authority, effect: Effect, **said: Any) -> None:
        honest(authority, effect, **said)
        if effect.power is Power.SANITISE:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Authority, "close", killed_after)
        with pytest.raises(KeyboardInterrupt):
            company.run()
    assert company.run().reason == "finished"
    entries = [LedgerEntry.parse(raw) for raw in company.deployment.ledger.entries("demo-1")]
    (told,) = [one.body["details"] for one in entries if one.type == "sanitised"]
    assert "not_reached" in told


def test_a_store_that_nothing_clears_is_named(company: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("winddown.stages.sanitise.ability", lambda *_: None)
    document, _ = certificate(company)
    assert [row["what"].partition(";")[0] for row in document["residual_until"]] == [
        "no backup of this store is declared",
        "nothing here clears this store's files and logs",
    ]
