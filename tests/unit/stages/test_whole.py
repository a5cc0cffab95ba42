"""Which tables go whole: those of which everything goes, and which nothing that stays needs."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pytest

from winddown.domain.batch import CONTENT, RECORDS, RELATION
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, Wave
from winddown.ports import Store, Survivors, WholeTables
from winddown.rules.sentences import said
from winddown.stages.case_file import read_case_file
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.open import open_case
from winddown.stages.orders import make_orders
from winddown.stages.quarantine import units
from winddown.stages.whole import Erasure, reason_for

from .conftest import ShelfStore
from .test_orders import REASON

DIGEST = "ab" * 32
KEPT: dict[Method, tuple[Survivors | None, ...]] = {
    Method.KEEP_SURVIVORS: (Survivors(2.0), Survivors(0.2)),
    Method.ESCROW_ROWS: (None, Survivors(0.2, ("a log of changes",))),
}


@dataclass
class TableStore(ShelfStore):
    """A shelf whose tables could go whole, unless something stands against it."""

    def __post_init__(self) -> None:
        self.against: dict[str, tuple[str, ...]] = {}
        self.referred_by: dict[str, tuple[str, ...]] = {}

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        for batch in super().read(collection, fields=fields):
            digests = pa.array([DIGEST] * batch.num_rows)
            yield batch.append_column(CONTENT, digests) if bound else batch

    def whole_tables(self, collection: Collection, located: pa.Table, *, whole: bool) -> WholeTables:
        name = collection.ref.name
        against = self.against.get(name, ()) if whole else ("some of its records stay",)
        keys = pa.table(
            {RELATION: [name], RECORDS: [located.num_rows], CONTENT: ["0"], "batch": pa.array([0], pa.int32())}
        )
        kept = keys.slice(0, 0) if against else keys
        referred = tuple(CollectionRef(self.name, one) for one in self.referred_by.get(name, ()))
        return WholeTables(Method.MOVE_TABLE, kept, located if against else located.slice(0, 0), 1, against, referred)


@pytest.fixture
def tables() -> TableStore:
    return TableStore("shop")


@pytest.fixture
def case(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Case:
    case_document["register"] = case_document["register"][:4]
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    return deployment.case("demo-1")


def put(tables: TableStore, name: str, *, refers: Sequence[str] = (), rows: int = 2) -> None:
    tables.put(name, {"id": [str(row) for row in range(rows)]}, key=("id",), refers=[("id", one) for one in refers])
    for target in refers:
        tables.referred_by[target] = (*tables.referred_by.get(target, ()), name)


def planned(
    deployment: Deployment, case: Case, tables: TableStore, *, stays: Sequence[str] = ()
) -> dict[str, tuple[Method, str]]:
    """The method and the reason of each table's order; of ``stays``, one record is held."""
    current = replace(deployment, systems=lambda _: Systems({"shop": cast("Store", tables)}, {}, {}))
    found = []
    for collection, table in tables.shelf.values():
        keys = pl.DataFrame({"id": table.column("id").to_pylist()})
        labels = ["customer"] * keys.height
        if collection.ref.name in stays:
            labels[0] = "held"
        records = keys.with_columns(pl.lit(DIGEST).alias(CONTENT), pl.Series("label", labels))
        decisions = tuple(
            Decision(collection.ref, label, labels.count(label), disposition, (REASON,))
            for label, disposition in (("customer", Disposition.ERASE), ("held", Disposition.HELD))
            if label in labels
        )
        found.append(Labelled(collection, records, decisions))
    orders, blockers = make_orders(current, case, "p", wave=Wave.AFTER_CLAIMS, labelled=found, findings=())
    assert blockers == []
    return {order.collection.name: (order.method, order.reason) for order in orders}


@pytest.mark.parametrize("method", Method)
def test_why_a_method_was_taken_is_told_in_chinese(method: Method) -> None:
    records = pl.DataFrame({"label": ["customer", "other"]})
    erasure = Erasure(Labelled(cast("Collection", None), records, ()), ("customer",))
    some, rest = pa.table({"n": [1]}), pa.table({"n": [1, 2]})
    lying = WholeTables(Method.DETACH_PARTITION, some, rest, 3, ("a log of changes",))
    for move in (None, lying, replace(lying, keys=lying.keys.slice(1))):
        for act, parts in ((Act.ERASE, 0), (Act.MINIMISE, 0), (Act.MINIMISE, 2)):
            for kept in KEPT.get(method, (None,)):
                reason = reason_for(erasure, act, move, kept, method=method, fields=3, in_part=parts)
                assert not re.search("[a-z]{4}", said(reason).zh.replace("a log of changes", "") or reason), reason


def test_a_table_goes_whole_when_everything_of_it_goes(deployment: Deployment, case: Case, tables: TableStore) -> None:
    put(tables, "logs", rows=1200)
    put(tables, "notes")
    found = planned(deployment, case, tables, stays=["notes"])
    assert found == {
        "logs": (Method.MOVE_TABLE, "all 1,200 records go, and no table that stays refers to it"),
        "notes": (Method.MOVE_ROWS, "1 of 2 records go"),
    }


def test_what_the_store_has_against_it_is_said(deployment: Deployment, case: Case, tables: TableStore) -> None:
    put(tables, "logs")
    tables.against["logs"] = ("view shop.shown", "publication out")
    assert planned(deployment, case, tables)["logs"] == (
        Method.MOVE_ROWS, "2 of 2 records go; not as a whole, because of: view shop.shown, publication out",
    )  # fmt: skip


def test_a_table_keeps_to_its_rows_while_one_that_refers_to_it_does(
    deployment: Deployment, case: Case, tables: TableStore
) -> None:
    put(tables, "a")
    put(tables, "b", refers=["a"])
    put(tables, "c", refers=["b"])
    assert {name: method for name, (method, _) in planned(deployment, case, tables).items()} == dict.fromkeys(
        "abc", Method.MOVE_TABLE
    )
    tables.against["c"] = ("view shop.shown",)
    found = planned(deployment, case, tables)
    assert {method for method, _ in found.values()} == {Method.MOVE_ROWS}
    assert found["a"][1].endswith("shop:b refers to it and does not go whole")


def test_a_table_keeps_to_its_rows_when_one_that_it_refers_to_loses_some(
    deployment: Deployment, case: Case, tables: TableStore
) -> None:
    """It would take its foreign key along, which then forbids to delete what it refers to."""
    put(tables, "people")
    put(tables, "calls", refers=["people"])
    put(tables, "words", refers=["calls"])
    put(tables, "logs")
    found = planned(deployment, case, tables, stays=["people"])
    assert {name: method for name, (method, _) in found.items()} == {
        "people": Method.MOVE_ROWS, "calls": Method.MOVE_ROWS, "words": Method.MOVE_ROWS, "logs": Method.MOVE_TABLE,
    }  # fmt: skip
    assert found["calls"][1].endswith("not as a whole, because of: it refers to shop:people, which loses rows")


def test_what_the_inventory_does_not_have_may_refer_to_it(
    deployment: Deployment, case: Case, tables: TableStore
) -> None:
    put(tables, "logs")
    tables.referred_by["logs"] = ("hidden",)
    assert planned(deployment, case, tables)["logs"][0] is Method.MOVE_ROWS


def test_tables_in_a_circle_go_whole_or_not_at_all(deployment: Deployment, case: Case, tables: TableStore) -> None:
    put(tables, "a", refers=["b"])
    put(tables, "b", refers=["a"])
    found = planned(deployment, case, tables)
    assert {name: method for name, (method, _) in found.items()} == dict.fromkeys("ab", Method.MOVE_TABLE)


def test_the_list_of_customers_stays_a_table_while_records_are_tied_through_it(
    deployment: Deployment, case: Case, tables: TableStore
) -> None:
    for name in ("customers", "orders", "payments", "contacts"):
        put(tables, name)
    found = planned(deployment, case, tables)
    assert {name: method for name, (method, _) in found.items()} == dict.fromkeys(
        ("customers", "orders", "payments", "contacts"), Method.MOVE_TABLE
    )
    found = planned(deployment, case, tables, stays=["payments"])
    assert {name: method for name, (method, _) in found.items()} == {
        "customers": Method.MOVE_ROWS,
        "orders": Method.MOVE_ROWS,
        "payments": Method.MOVE_ROWS,
        "contacts": Method.MOVE_TABLE,
    }
    assert found["orders"][1].endswith("records of shop:payments stay and are tied to persons through it")


def test_whole_tables_and_rows_of_one_store_are_one_unit(
    deployment: Deployment, case: Case, tables: TableStore
) -> None:
    put(tables, "a")
    put(tables, "b", refers=["a"])
    current = replace(deployment, systems=lambda _: Systems({"shop": cast("Store", tables)}, {}, {}))
    found = [
        Labelled(
            one,
            pl.DataFrame({"id": ["0", "1"], CONTENT: [DIGEST] * 2, "label": ["customer"] * 2}),
            (Decision(one.ref, "customer", 2, Disposition.ERASE, (REASON,)),),
        )
        for one, _ in tables.shelf.values()
    ]
    orders, _ = make_orders(current, case, "p", wave=Wave.AFTER_CLAIMS, labelled=found, findings=())
    assert [(one.act, one.selection.count, one.record_count_max) for one in orders] == [(Act.ERASE, 2, 2)] * 2
    (unit,) = units(cast("Any", Held(orders)))
    assert [next(one.collection.name for one in orders if one.id == name) for name in unit] == ["b", "a"]


@dataclass(frozen=True, slots=True)
class Held:
    """All that ``units`` asks of a plan."""

    orders: tuple[Order, ...]
    traces: tuple[()] = ()
