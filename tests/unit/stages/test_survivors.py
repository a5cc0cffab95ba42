"""Which tables are emptied but for what stays: those of which enough goes, and nothing would see more than that."""

from dataclasses import replace
from typing import cast

import polars as pl
import pyarrow as pa
import pytest

from winddown.domain.batch import CONTENT
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method, Order, Wave
from winddown.ports import Store, Survivors
from winddown.stages import survivors
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.orders import make_orders

from .test_orders import REASON
from .test_whole import DIGEST, TableStore, case

__all__ = ["case"]
SAID = "{} of {} records go, in batches, and an encrypted file keeps each until the purge"
NOT_SO = "; the table is not emptied but for what stays, because of: "


class SwappingStore(TableStore):
    """Rows go into escrow, and a table can be emptied but for what stays unless something stands against it."""

    seconds = 0.4
    obstacles: tuple[str, ...] = ()
    asked = 0

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        found = super().method(collection, act, whole=whole)
        return Method.ESCROW_ROWS if found is Method.MOVE_ROWS else found

    def survivors(self, collection: Collection, *, going: int) -> Survivors:
        assert 0 < going <= collection.record_count
        self.asked += 1
        return Survivors(self.seconds, self.obstacles)


@pytest.fixture
def tables() -> SwappingStore:
    return SwappingStore("shop")


def ordered(deployment: Deployment, case: Case, tables: SwappingStore, *, rows: int, stay: int) -> Order:
    """The one order, of a table of which some records are held."""
    collection = tables.put("logs", {"id": [f"{row:07}" for row in range(rows)]}, key=("id",))
    current = replace(deployment, systems=lambda _: Systems({"shop": cast("Store", tables)}, {}, {}))
    labels = ["held"] * stay + ["customer"] * (rows - stay)
    keys = pl.DataFrame({"id": [f"{row:07}" for row in range(rows)], "label": labels})
    decisions = tuple(
        Decision(collection.ref, label, labels.count(label), disposition, (REASON,))
        for label, disposition in (("customer", Disposition.ERASE), ("held", Disposition.HELD))
        if label in labels
    )
    found = Labelled(collection, keys.with_columns(pl.lit(DIGEST).alias(CONTENT)), decisions)
    orders, blockers = make_orders(current, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[found], findings=())
    assert blockers == []
    (order,) = orders
    return order


def test_most_records_go_at_once_after_a_few(deployment: Deployment, case: Case, tables: SwappingStore) -> None:
    order = ordered(deployment, case, tables, rows=12_000, stay=1_000)
    assert order.method is Method.KEEP_SURVIVORS
    assert order.reason == (
        "11,000 of 12,000 records go, and encrypted files keep them until the purge; after a first batch the table is "
        "emptied but for the 1,000 that stay, and cannot be read for less than a second"
    )
    assert (order.selection.count, order.record_count_max, len(order.selection.batch_digests)) == (11_000, 11_000, 2)
    tables.seconds = 3.4
    assert ordered(deployment, case, tables, rows=12_000, stay=1_000).reason.endswith("read for about 3 s")


def test_what_stands_against_it_is_said(deployment: Deployment, case: Case, tables: SwappingStore) -> None:
    tables.obstacles = ("foreign key of shop.pages", "publication out")
    tables.seconds = 25.2
    order = ordered(deployment, case, tables, rows=12_000, stay=1_000)
    assert order.method is Method.ESCROW_ROWS
    assert order.reason == SAID.format("11,000", "12,000") + NOT_SO + (
        "nobody could read it for about 25 s, 10 s are the most, foreign key of shop.pages, publication out"
    )


def test_a_table_of_which_little_goes_is_not_emptied(
    deployment: Deployment, case: Case, tables: SwappingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = int(12_000 * survivors.SHARE_MIN)
    order = ordered(deployment, case, tables, rows=12_000, stay=12_000 - enough)
    assert order.method is Method.KEEP_SURVIVORS
    order = ordered(deployment, case, tables, rows=12_000, stay=12_001 - enough)
    assert order.method is Method.ESCROW_ROWS
    assert f"{NOT_SO}less than {survivors.SHARE_MIN:.0%} of its records go" in order.reason
    monkeypatch.setattr(survivors, "GOING_MAX", 10_000)
    order = ordered(deployment, case, tables, rows=12_000, stay=1_000)
    assert order.reason.endswith(f"{NOT_SO}more than 10,000 records go, too many to be named at once")


def test_where_there_is_no_choice_nobody_is_asked(deployment: Deployment, case: Case, tables: SwappingStore) -> None:
    few = ordered(deployment, case, tables, rows=survivors.GOING_MIN + 1, stay=1)
    assert (few.method, few.reason) == (Method.ESCROW_ROWS, SAID.format("1,100", "1,101"))
    whole = ordered(deployment, case, tables, rows=12_000, stay=0)
    assert (whole.method, tables.asked) == (Method.MOVE_TABLE, 0)


def test_a_table_that_cannot_go_whole_is_emptied_and_both_is_said(
    deployment: Deployment, case: Case, tables: SwappingStore
) -> None:
    tables.against["logs"] = ("view shop.shown",)
    order = ordered(deployment, case, tables, rows=12_000, stay=0)
    assert order.method is Method.KEEP_SURVIVORS
    assert order.reason.startswith("12,000 of 12,000 records go, and encrypted files keep them")
    assert order.reason.endswith("; not as a whole, because of: view shop.shown")


def test_the_first_batch_stays_and_all_others_are_one() -> None:
    keys = pa.table({"id": list("abcde"), "batch": pa.array([0, 1, 1, 2, 3], pa.int32())})
    (found,) = survivors.in_two([keys])
    assert found.schema == keys.schema
    assert found.column("batch").to_pylist() == [0, 1, 1, 1, 1]
    numbers = [piece.column("batch").to_pylist() for piece in survivors.in_two([keys.slice(0, 1), keys.slice(3)])]
    assert numbers == [[0], [1, 1]]
