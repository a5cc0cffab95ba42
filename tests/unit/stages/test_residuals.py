"""A certificate says where erased records may still be: in undeclared backups, in files that were not cleared."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import openpyxl
import pytest

from winddown.control.authority import Authority, Effect
from winddown.domain.authorization import Power
from winddown.domain.inventory import CollectionRef, Fact, Inventory
from winddown.domain.plan import Wave
from winddown.domain.receipt import Receipt
from winddown.evidence.entry import LedgerEntry
from winddown.ports import Inspector, ability
from winddown.stages.deployment import Deployment
from winddown.stages.own_traces import ask_for_erasure
from winddown.stages.quarantine import restore
from winddown.stages.report import report
from winddown.stages.residuals import residuals
from winddown.stores.memory import MemoryStore

from .running import NONE, Running, TableInspector, require_sound, running, table

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


@pytest.fixture
def family(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    """Two adults and two children in one store; in another one the clubs of the children, who go at once."""
    born = {"C1": "1980-01-01", "C2": "1981-01-01", "K1": "2018-05-05", "K2": "2019-06-06"}
    customers = [{"id": name, "born_on": day, "country": "CN"} for name, day in born.items()]
    contacts = [{"no": f"T{n}", "customer": f"C{n}", "mobile": f"1380013{n:04d}"} for n in (1, 2)]
    clubs = [{"no": f"B{n}", "child": f"K{n}", "mobile": f"1390013{n:04d}"} for n in (1, 2)]
    entry = {"category": "customer_profile", "purpose": "x", "steward": "li"}
    mobile = {"kind": "mobile", "because": "seen"}
    case_document["register"] = [
        entry | {"collection": "shop:customers", "category": "company_own"},
        entry | {"collection": "shop:contacts", "subject": {"field": "customer"}}
        | {"fields": {"no": NONE, "customer": NONE, "mobile": mobile}},
        entry | {"collection": "kids:clubs", "subject": {"field": "child"}}
        | {"fields": {"no": NONE, "child": NONE, "mobile": mobile}},
    ]  # fmt: skip
    case_document["accepted_dates"] = []
    case_document["profile"]["processes_minors"] = True
    shop = {
        "customers": table("id", rows=[*map(dict, customers)]),
        "contacts": table("no", rows=[*map(dict, contacts)]),
    }
    kids = {"clubs": table("no", rows=[*map(dict, clubs)])}
    made = running(deployment, case_folder, case_document, shop)
    case_document["stores"].append({"name": "kids", "kind": "sql", "connection": "kids", "region": "cn-east-1"})
    case_document["timeline"].append(
        {"step": "S3", "event": "children_assessment_done", "on": date(2026, 11, 1), "evidence": "evidence/event.txt"}
    )
    store = MemoryStore("kids", tables=kids, unlock=made.deployment.authority.redeem)
    systems = made.deployment.systems(cast("Any", None))
    inspectors = {**systems.inspectors, "kids": cast("Inspector", TableInspector(kids, store="kids"))}
    both = replace(systems, stores={**systems.stores, "kids": store}, inspectors=inspectors)
    made.deployment = replace(made.deployment, systems=lambda _: both)
    return made


def places(company: Running) -> dict[str, list[str]]:
    """Where the certificate of each plan says that erased records may still be, by the plan's wave."""
    plans = map(company.deployment.control.plan, company.deployment.control.plans("demo-1", state="certified"))
    return {
        plan.wave.value: sorted(row["collection"] for row in company.certificate(plan.id)["residual_until"])
        for plan in plans
    }


def test_the_last_certificate_names_what_an_earlier_wave_left_in_a_store_that_it_does_not_touch(
    family: Running,
) -> None:
    family.until("finished")
    assert places(family) == {"at_once": ["kids"], "after_claims": ["kids", "shop"]}
    written = report(family.deployment, "demo-1")
    require_sound(written)
    sheet = openpyxl.load_workbook(written.registers)["备份与残留 Backups"]
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == ["shop", "kids"]
    whole = (written.registers.parent / "certificate.en.html").read_text("utf-8")
    assert whole.count(UNDECLARED) == 2
    ask_for_erasure(family.deployment, "demo-1", by="li")
    own = family.deployment.control.plan(family.run().plan_id)
    assert own.wave is Wave.OWN_TRACES
    told = [said.partition(" ")[0] for said in own.preconditions if "may hold erased records" in said]
    assert told == ["shop", "kids"]


def test_a_task_that_is_left_in_one_wave_is_left_in_the_next(family: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = MemoryStore.sanitise

    def denied(store: MemoryStore, *arguments: Any, **named: Any) -> Receipt:
        receipt = honest(store, *arguments, **named)
        tasks = (("tasks", "OPTIMIZE TABLE clubs"),) if store.name == "kids" else ()
        return replace(receipt, details=(*receipt.details, *tasks))

    monkeypatch.setattr(MemoryStore, "sanitise", denied)
    family.until("finished")
    last = family.certificate(family.deployment.control.plans("demo-1")[-1])
    assert [row["what"] for row in last["residual_until"] if "OPTIMIZE TABLE clubs" in row["what"]] == [
        "files and logs may still hold erased records until the store's administrator has done: OPTIMIZE TABLE clubs"
    ]


def test_a_store_that_nothing_cleared_in_one_wave_is_named_in_the_next(
    family: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "winddown.stages.sanitise.ability",
        lambda store, wanted: None if store.name == "kids" else ability(store, wanted),
    )
    family.until("finished")
    last = family.certificate(family.deployment.control.plans("demo-1")[-1])
    assert [row["store"] for row in last["residual_until"] if row["what"].startswith("nothing here clears")] == ["kids"]


@pytest.mark.parametrize(
    ("cleared", "left"),
    [
        pytest.param([("a", "VACUUM a"), ("b", "none")], ["VACUUM a"], id="another table was cleared since"),
        pytest.param([("a", "VACUUM a"), ("a", "none")], [], id="the same table was cleared since"),
        pytest.param([("a", "VACUUM a"), ("ab", "none")], [], id="that table and another one were cleared since"),
        pytest.param([("ab", "VACUUM a, b"), ("a", "none")], ["VACUUM a, b"], id="one of two tables was cleared since"),
        pytest.param([("a", "FLUSH LOGS"), ("b", "FLUSH LOGS")], ["FLUSH LOGS"], id="the same task twice"),
        pytest.param([("a", "VACUUM a"), ("a", "CHECKPOINT")], ["CHECKPOINT"], id="the newest of the same table"),
        pytest.param([("a", "VACUUM a"), ("", "none")], ["VACUUM a"], id="a plan that changed nothing there"),
    ],
)
def test_a_later_clearing_ends_only_the_tasks_of_what_it_cleared(
    company: Running, monkeypatch: pytest.MonkeyPatch, cleared: list[tuple[str, str]], left: list[str]
) -> None:
    plan = company.deployment.control.plan(company.run().plan_id)
    (order,) = plan.orders
    plans = [
        replace(
            plan,
            id=str(number),
            orders=tuple(replace(order, collection=CollectionRef("shop", name)) for name in names),
        )
        for number, (names, _) in enumerate(cleared)
    ]
    receipts = {str(n): Receipt("sanitise", "shop", 0, 1, (("tasks", tasks),)) for n, (_, tasks) in enumerate(cleared)}
    monkeypatch.setattr("winddown.stages.residuals.receipt_of", lambda _, plan, __: receipts[plan.id])
    kept = company.deployment.control
    monkeypatch.setattr(type(kept), "plans", lambda *_, **__: tuple(receipts)[:-1])
    monkeypatch.setattr(type(kept), "plan", lambda _, name: plans[int(name)])
    case = company.deployment.case("demo-1")
    rows = residuals(company.deployment, case, plans[-1])
    told = [row["what"].partition(" has done: ")[2] for row in rows if " has done: " in row["what"]]
    assert told == left


def test_what_a_service_keeps_is_named_by_the_newest_inventory_that_saw_its_store(
    company: Running,
) -> None:
    plan = company.deployment.control.plan(company.run().plan_id)
    earlier = replace(plan, id="earlier", wave=Wave.AT_ONCE)
    logs = "to s3://logs/, everything that was done"

    def seen(wave: Wave, *stores: str, logged: tuple[str, ...]) -> None:
        facts = tuple(Fact(store, "access-logs", f"{logs} in {store} {wave}") for store in logged)
        identities = tuple((store, "x") for store in stores)
        found = Inventory((), (), facts=facts, identities=identities)
        company.deployment.control.put("demo-1", "inventory", wave, found, type_=Inventory)

    seen(Wave.AT_ONCE, "gone", "quiet", "shop", logged=("gone", "quiet", "shop"))
    seen(Wave.AFTER_CLAIMS, "quiet", "shop", logged=("shop",))
    with pytest.MonkeyPatch.context() as patch:
        kept = type(company.deployment.control)
        patch.setattr(kept, "plans", lambda *_, **__: ("earlier",))
        patch.setattr(kept, "plan", lambda *_: earlier)
        rows = residuals(company.deployment, company.deployment.case("demo-1"), plan)
    told = {row["collection"]: row["what"].rpartition(" in ")[2] for row in rows if "access logs" in row["what"]}
    assert told == {
        "shop": "shop after_claims, until they are deleted there",
        "gone": "gone at_once, until they are deleted there",
    }
