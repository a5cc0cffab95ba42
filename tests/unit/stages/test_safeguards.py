"""What a steward sets beside the rules: the most that may go, and records that must never be touched."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from winddown.domain.batch import Batch
from winddown.domain.case import Case
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import CollectionRef, Medium
from winddown.domain.plan import Act, Method, Order, OrderId, Wave
from winddown.domain.selection import Selection
from winddown.evidence.entry import LedgerEntry
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest
from winddown.stages.plan import make_plan
from winddown.stages.safeguards import Sentinels, _refuse_selected, above_maximum, plant
from winddown.stores.memory import Row

from .conftest import OBJECT_LOCATORS
from .running import NONE, Running, running, table
from .test_orders import case

__all__ = ["case"]
VISITS = 1_250
ORDER = Order(
    OrderId("p-1-001"), CollectionRef("shop", "orders"), "customer", Act.ERASE, Method.MOVE_ROWS,
    Selection("p-1-001", "a" * 64, 5, ("b" * 64,)), 0, 5,
)  # fmt: skip


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


# -- by themselves ---------------------------------------------------------------------------------------------------


def test_a_sentinel_that_is_known_by_another_field_is_kept_by_its_key_and_content_alone(company: Running) -> None:
    entry(company, "visits")["sentinels"] = [{"phone": "13800130007"}]
    with pytest.raises(Refused, match="selects 1 of the sentinels of shop:visits, which must stay"):
        company.run()
    entry(company, "visits")["sentinels"] = []
    entry(company, "notes")["sentinels"] = [{"no": "N1", "text": "note"}]
    plan_id = company.run().plan_id
    control = company.deployment.control
    (found,) = control.require("demo-1", "sentinels", plan_id, type_=tuple[Sentinels, ...])
    columns = read_manifest(company.deployment, "demo-1", found.selection.manifest).column_names
    assert "no" in columns
    assert "text" not in columns


def test_an_inspector_looks_at_sentinels_as_at_an_orders_later_batches(company: Running) -> None:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    inspector: Any = company.deployment.systems(company.deployment.case("demo-1")).inspectors["shop"]
    unchanged, looked_at = inspector.unchanged, set()

    def noted(order: Order, batch: Batch) -> int:
        looked_at.add((order.label, batch.index))
        return int(unchanged(order, batch))

    inspector.unchanged = noted
    company.run()
    assert {index for label, index in looked_at if label == "sentinels"} == {1}


def keys_of(numbers: list[Any], **more: list[Any]) -> pa.Table:
    return pa.table({"winddown_object": ["a"] * len(numbers), "rows": numbers, "batch": [0] * len(numbers), **more})


@pytest.mark.parametrize(
    ("watched", "going", "hit"),
    [
        (keys_of([[2]]), keys_of([[1, 2, 3]], version=["v1"]), 1),
        (keys_of([[2, 3]]), keys_of([[1], [3, 2]], also=["x", "y"]), 2),
        (keys_of([[2]]), keys_of([[1, 3]]), 0),
        (pa.table({"no": ["1", None]}), pa.table({"no": ["1", None], "content": ["x", "y"], "history": ["", ""]}), 2),
        (pa.table({"no": ["1"], "content": ["x"]}), pa.table({"no": ["2"], "content": ["x"]}), 0),
    ],
)  # fmt: skip
def test_a_record_is_selected_by_where_it_stands_whatever_else_its_key_says(
    watched: pa.Table, going: pa.Table, hit: int
) -> None:
    if not hit:
        _refuse_selected(watched, [going], ORDER)
        return
    with pytest.raises(Refused, match=f"order p-1-001 selects {hit} of the sentinels of shop:orders"):
        _refuse_selected(watched, [going], ORDER)


def test_each_order_is_held_against_the_maximum_of_its_own_collection(deployment: Deployment, case: Case) -> None:
    limits = {"shop:customers": None, "shop:orders": 4, "shop:payments": 5, "shop:contacts": 4}
    register = tuple(
        replace(one, record_count_max=limits.get(str(one.collection))) for one in case.register
    )  # fmt: skip
    limited = replace(case, register=register)
    assert deployment.case(case.id) == case

    def order(name: str, **more: Any) -> Order:
        return replace(ORDER, collection=CollectionRef("shop", name), **more)

    sealing = order("orders", act=Act.SEAL, method=Method.CUSTODIAN_ARCHIVE, fields=("amount",))
    found = above_maximum(
        limited, [order("unknown"), order("customers"), sealing, order("payments"), order("contacts")]
    )
    assert [(one.code, one.subject, one.resolver) for one in found] == [("above-maximum", "shop:contacts", "li")]
    assert found[0].explanation == "an order would erase 5 records, and the register allows 4"


def test_sentinels_of_every_collection_are_planted_also_where_a_record_is_known_by_its_object(
    deployment: Deployment, case: Case, shop: Any, files: Any
) -> None:
    wanted = {
        "shop:customers": ((("name", "n"),),),
        "shop:orders": ((("order_no", "9"),),),
        "files:scans": ((("winddown_object", "b"),), (("winddown_object", "a"),)),
    }
    register = tuple(replace(one, sentinels=wanted.get(str(one.collection), ())) for one in case.register)
    planting = replace(case, register=register)
    cells: dict[str, list[str | None]] = {name: ["a", "b", "c"] for name in OBJECT_LOCATORS}
    collections = [
        shop.put("stray", {"id": ["1"]}, key=("id",)),
        shop.put("customers", {"id": ["1", "2"], "name": ["m", "n"]}, key=("id",)),
        shop.put("orders", {"order_no": ["1"]}, key=("order_no",)),
        files.put("scans", cells, medium=Medium.OBJECTS),
    ]
    (missing,) = plant(deployment, planting, "p-1", collections, [])
    assert (missing.code, missing.subject) == ("sentinel-missing", "shop:orders")
    planted = deployment.control.require(case.id, "sentinels", "p-1", type_=tuple[Sentinels, ...])
    assert [(str(one.collection), one.selection.count) for one in planted] == [
        ("shop:customers", 1), ("files:scans", 2),
    ]  # fmt: skip
    keys = read_manifest(deployment, case.id, planted[0].selection.manifest)
    assert keys.to_pylist() == [{"id": "2"}], "by its key alone"
