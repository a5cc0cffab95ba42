"""What a steward sets beside the rules: the most that may go, and records that must never be touched."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Wave
from winddown.evidence.entry import LedgerEntry
from winddown.stages.deployment import Deployment
from winddown.stages.plan import make_plan
from winddown.stages.safeguards import Sentinels
from winddown.stores.memory import Row

from .running import NONE, Running, running, table

VISITS = 1_250


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    """Visits of which the rules let every one go, and notes of the company's own, which stay."""
    visits: list[Row] = [{"no": f"V{n}", "phone": f"1380013{n:04d}", "customer": f"C{n % 3}"} for n in range(VISITS)]
    visits[1]["no"] = "N1"  # called like the sentinel, in another collection
    notes: list[Row] = [{"no": f"N{n}", "text": "note"} for n in range(3)]
    customers: list[Row] = [{"id": f"C{n}", "born_on": "1980-01-01", "country": "CN"} for n in range(3)]
    tables = {
        "customers": table("id", rows=customers),
        "visits": table("no", rows=visits),
        "notes": table("no", rows=notes),
    }
    case_document["accepted_dates"] = []
    own = {"category": "company_own", "purpose": "x", "steward": "li"}
    case_document["register"] = [
        {"collection": "shop:customers", **own},
        {
            "collection": "shop:visits", "category": "customer_service", "purpose": "service", "steward": "li",
            "subject": {"field": "customer"},
            "fields": {"phone": {"kind": "mobile", "because": "seen"}, "no": NONE, "customer": NONE},
        },
        {"collection": "shop:notes", **own, "sentinels": [{"no": "N1"}]},
    ]  # fmt: skip
    return running(deployment, case_folder, case_document, tables)


def entry(company: Running, name: str) -> dict[str, Any]:
    (found,) = [one for one in company.document["register"] if one["collection"] == f"shop:{name}"]
    return cast("dict[str, Any]", found)


def test_the_first_batch_is_small_and_the_next_ones_grow(company: Running) -> None:
    plan_id = company.run().plan_id
    (order,) = company.deployment.control.plan(plan_id).orders
    company.approve(plan_id)
    company.run()
    done = [effect for effect in company.deployment.control.effects(plan_id) if effect.power == "quarantine"]
    assert [effect.records for effect in done] == [100, 1_000, VISITS - 1_100]
    assert order.selection.count == VISITS


def test_more_than_the_steward_allows_is_no_order(company: Running) -> None:
    entry(company, "visits")["record_count_max"] = VISITS - 1
    with pytest.raises(Refused, match="above-maximum"):
        company.run()
    entry(company, "visits")["record_count_max"] = VISITS
    assert company.run().reason == "approvals"


def test_a_sentinel_that_a_plan_selects_stops_the_plan(company: Running) -> None:
    entry(company, "visits")["sentinels"] = [{"no": "V7"}]
    with pytest.raises(Refused, match="selects 1 of the sentinels of shop:visits, which must stay"):
        company.run()
    assert company.deployment.control.plans("demo-1") == ()


@pytest.mark.parametrize("key", [{"no": "N9"}, {"text": "note"}, {"unknown": "N1"}])
def test_a_sentinel_that_is_not_there_once_blocks_its_collection(company: Running, key: dict[str, str]) -> None:
    entry(company, "notes")["sentinels"] = [key]
    with pytest.raises(Refused, match="shop:notes: sentinel-missing"):
        company.run()


@pytest.mark.parametrize(("harm", "is_behind_another"), [("gone", False), ("changed", False), ("changed", True)])
def test_a_sentinel_that_is_hit_stops_the_case_before_the_next_batch(
    company: Running, harm: str, is_behind_another: bool
) -> None:
    plan_id = company.run().plan_id
    if is_behind_another:
        control = company.deployment.control
        planted = control.require("demo-1", "sentinels", plan_id, type_=tuple[Sentinels, ...])
        elsewhere = replace(planted[0], collection=CollectionRef("attic", "notes"))
        control.put("demo-1", "sentinels", plan_id, (elsewhere, *planted), type_=tuple[Sentinels, ...])
    company.approve(plan_id)
    notes = company.tables["notes"].rows
    quarantined = company.deployment.systems(company.deployment.case("demo-1")).store("shop").quarantine

    def harmful(*given: Any) -> Any:
        """The first batch does more than it was asked for."""
        receipt = quarantined(*given)
        if harm == "gone":
            notes[:] = [row for row in notes if row["no"] != "N1"]
        else:
            notes[1]["text"] = "another"
        return receipt

    store: Any = company.deployment.systems(company.deployment.case("demo-1")).store("shop")
    store.quarantine = harmful
    with pytest.raises(Residual, match="1 of 1 sentinels of shop:notes changed or gone: case demo-1 is halted"):
        company.run()
    effects = company.deployment.control.effects(plan_id)
    assert [(effect.power, effect.batch, effect.state) for effect in effects] == [("quarantine", 0, "done")]
    with pytest.raises(Residual):
        company.run()
    entries = [
        one for one in map(LedgerEntry.parse, company.deployment.ledger.entries("demo-1")) if one.type == "halted"
    ]
    assert entries[0].body["reason"] == "1 of 1 sentinels of shop:notes changed"
    company.deployment.switch.resume("demo-1", by="chen", reason="looked at", door="command")
    with pytest.raises(Residual):
        company.run()
    assert len(company.tables["visits"].rows) == VISITS - 100


def test_sentinels_do_not_stand_in_what_people_read(company: Running) -> None:
    plan_id = company.run().plan_id
    assert "N1" not in str(company.deployment.control.plan(plan_id).document())
    assert "N1" not in repr(company.deployment.case("demo-1"))


def test_what_appeared_since_or_answers_in_anothers_place_is_not_planned(company: Running) -> None:
    current = company.deployment
    current.control.set_plan_state(company.run().plan_id, "superseded")
    store: Any = current.systems(current.case("demo-1")).store("shop")
    store._identity = "memory copy"
    with pytest.raises(Refused, match=r"other systems .*: shop \(classified memory shop, found memory copy\)"):
        make_plan(current, "demo-1", Wave.AFTER_CLAIMS)
    store._identity = "memory shop"
    company.tables["fresh"] = table("no", rows=[{"no": "1"}])
    with pytest.raises(Refused, match="appeared or changed their fields after classification: shop:fresh"):
        make_plan(current, "demo-1", Wave.AFTER_CLAIMS)
    del company.tables["fresh"]
    for row in company.tables["notes"].rows:
        row["more"] = "x"
    with pytest.raises(Refused, match="appeared or changed their fields after classification: shop:notes"):
        make_plan(current, "demo-1", Wave.AFTER_CLAIMS)
    assert current.control.plans("demo-1", state="open") == ()
