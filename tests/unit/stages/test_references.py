"""References: a row to which another one refers stays as long as that one, and the rest of its table goes."""

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.domain.batch import RANK
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition, Term
from winddown.domain.inventory import Collection, CollectionRef, ForeignKey
from winddown.domain.plan import Act, Method, Plan, Wave
from winddown.stages import pieces, references
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.orders import leaving, make_orders
from winddown.stages.references import (
    keep_referenced,
    kept_references,
    note_referenced,
    noted_referenced,
    ranked,
    refers_to_itself,
)

from .test_orders import REASON, case, labelled

__all__ = ["case"]


def test_whatever_blocked_rows_refer_to_stays_as_well(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put("customers", {"id": ["1"]}, key=("id",))
    shop.put("orders", {"id": ["1"]}, key=("id",), refers=[("id", "customers")])
    shop.put("payments", {"id": ["1"]}, key=("id",), refers=[("id", "orders")])
    found = [
        labelled(shelved, Disposition.BLOCKED if name == "payments" else Disposition.ERASE)
        for name, shelved in shop.shelf.items()
    ]
    orders, _ = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=found, findings=())
    assert {order.collection.name for order in orders} == {"orders", "customers"}
    named = kept_references(deployment, case, found, orders)
    assert [(one.code, one.subject) for one in named] == [
        ("referenced-by-kept", "shop:orders"),
        ("referenced-by-kept", "shop:customers"),
    ]


def test_what_is_only_emptied_keeps_its_rows_for_those_that_refer_to_them(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    shop.put("customers", {"id": ["1"]}, key=("id",))
    shop.put("orders", {"id": ["1"]}, key=("id",), refers=[("id", "customers")])
    stays, goes = (
        labelled(shop.shelf[name], found)
        for name, found in (("orders", Disposition.BLOCKED), ("customers", Disposition.ERASE))
    )
    orders, _ = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[stays, goes], findings=())
    assert [one.code for one in kept_references(deployment, case, [stays, goes], orders)] == ["referenced-by-kept"]
    emptied = [replace(order, act=Act.MINIMISE, method=Method.MOVE_FIELDS, fields=("name",)) for order in orders]
    assert kept_references(deployment, case, [stays, goes], emptied) == ()


def test_rows_that_refer_to_another_table_have_no_order_among_themselves(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    shop.put("customers", {"id": ["1", "2"]}, key=("id",))
    referring(shop, "orders", {"id": ["1", "2"], "who": ["2", "1"]}, field="who", to="customers", target="id")
    found = labelled(shop.shelf["orders"], Disposition.ERASE)
    assert not refers_to_itself(found.collection)
    orders, _ = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[found], findings=())
    assert [order.selection.count for order in orders] == [2]


def chain(shop: Any, answers: dict[str, str | None]) -> Collection:
    """A table whose rows refer to rows of the same table."""
    shop.put("tickets", {"id": list(answers), "answers": list(answers.values())}, key=("id",))
    collection, table = shop.shelf["tickets"]
    own = ForeignKey(("answers",), collection.ref, ("id",))
    found = replace(collection, foreign_keys=(own,))
    shop.shelf["tickets"] = (found, table)
    return found


@given(
    answers=st.integers(1, 40).flatmap(
        lambda size: st.lists(st.none() | st.integers(0, size - 1), min_size=size, max_size=size)
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_rows_that_refer_to_rows_of_their_own_table_are_ranked_below_them_unless_there_is_a_circle(
    deployment: Deployment, case: Case, shop: Any, answers: list[int | None]
) -> None:
    chain(shop, {str(row): None if target is None else str(target) for row, target in enumerate(answers)})
    found = labelled(shop.shelf["tickets"], Disposition.ERASE)
    given_ranks = ranked(deployment, case, found, found.records)

    def circles(row: int) -> bool:
        seen, at = {row}, answers[row]
        while at is not None and at not in seen and answers[at] != at:
            seen.add(at)
            at = answers[at]
        return at == row and answers[row] != row

    if any(map(circles, range(len(answers)))):
        assert isinstance(given_ranks, Blocker)
        assert given_ranks.code == "circular-references"
        return
    assert isinstance(given_ranks, pl.DataFrame)
    by_row = {int(row["id"]): row[RANK] for row in given_ranks.to_dicts()}
    for row, target in enumerate(answers):
        assert target is None or target == row or by_row[row] < by_row[target]


def test_a_row_that_stays_and_refers_to_a_row_of_its_own_table_that_goes_is_named(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    collection = chain(shop, {"1": None, "2": "1"})
    found = labelled(shop.shelf["tickets"], Disposition.ERASE)
    labels = pl.Series("label", ["customer", "held"])
    partly = replace(found, records=found.records.with_columns(labels))
    for going, stopped in ((found, []), (partly, [str(collection.ref)])):
        orders, blockers = make_orders(
            deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[going], findings=()
        )  # fmt: skip
        assert blockers == []
        named = kept_references(deployment, case, [going], orders)
        assert [(blocker.code, blocker.subject) for blocker in named] == [
            ("referenced-by-kept", one) for one in stopped
        ]


# -- single rows -----------------------------------------------------------------------------------------------------

TABLES = ("a", "b", "c")
Tables = dict[str, dict[str, tuple[bool, dict[str, str | None]]]]
# table → for each of its fields the table that it refers to, its own included
FIELDS = {name: {f"to_{target}": target for target in TABLES} for name in TABLES}


@st.composite
def rows(draw: st.DrawFn) -> Tables:
    """Table → key → whether it stays anyway, and field → the key that it refers to."""
    sizes = {name: draw(st.integers(0, 5)) for name in TABLES}

    def reference(target: str) -> str | None:
        return draw(st.none() | st.sampled_from([str(row) for row in range(sizes[target])] or [None]))

    return {
        name: {
            str(row): (
                draw(st.booleans()),
                {field: reference(target) for field, target in FIELDS[name].items() if draw(st.booleans())},
            )
            for row in range(sizes[name])
        }
        for name in TABLES
    }


def shelved(shop: Any, tables: Tables) -> list[Labelled]:
    """The tables in a store, with labels by whether their rows stay."""
    found = []
    for name, content in tables.items():
        cells = {field: [refers.get(field) for _, refers in content.values()] for field in FIELDS[name]}
        shop.put(name, {"id": list(content), **cells}, key=("id",))
        collection, table = shop.shelf[name]
        keys = tuple(
            ForeignKey((field,), CollectionRef("shop", target), ("id",)) for field, target in FIELDS[name].items()
        )
        shop.shelf[name] = (replace(collection, foreign_keys=keys), table)
        stays = [is_kept for is_kept, _ in content.values()]
        records = pl.DataFrame(
            {"id": list(content), "label": ["held" if kept else "customer" for kept in stays]},
            schema={"id": pl.String, "label": pl.String},
        )
        decisions = [
            Decision(collection.ref, label, stays.count(kept), disposition, (REASON,))
            for label, disposition, kept in (("customer", Disposition.ERASE, False), ("held", Disposition.HELD, True))
            if kept in stays
        ]
        found.append(Labelled(shop.shelf[name][0], records, tuple(decisions)))
    return found


def going_of(case: Case, found: list[Labelled]) -> dict[CollectionRef, set[str]]:
    """The labels of each collection whose records go."""
    return {one.collection.ref: leaving(case, Wave.AFTER_CLAIMS, one, ()) for one in found}


@given(tables=rows())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_exactly_the_rows_stay_that_rows_refer_to_that_stay(
    deployment: Deployment, case: Case, shop: Any, tables: Tables
) -> None:
    found = shelved(shop, tables)
    staying = {(name, key) for name, content in tables.items() for key, (is_kept, _) in content.items() if is_kept}
    waiting = list(staying)
    while waiting:
        name, key = waiting.pop()
        for field, target in tables[name][key][1].items():
            if target is not None and (FIELDS[name][field], target) not in staying:
                staying.add((FIELDS[name][field], target))
                waiting.append((FIELDS[name][field], target))
    going = going_of(case, found)
    kept = keep_referenced(deployment, case, found, going)
    for one in kept:
        content = tables[one.collection.ref.name]
        expected = {
            key: "held" if is_kept else "referenced" if (one.collection.ref.name, key) in staying else "customer"
            for key, (is_kept, _) in content.items()
        }
        assert dict(one.records.select("id", "label").iter_rows()) == expected
        counts = {decision.label: decision.count for decision in one.decisions}
        assert counts == {label: list(expected.values()).count(label) for label in set(expected.values())}
        stopped = [decision for decision in one.decisions if decision.label == "referenced"]
        assert all(decision.disposition is Disposition.BLOCKED for decision in stopped)
    orders, _ = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=kept, findings=())
    assert kept_references(deployment, case, kept, orders) == ()


def test_who_refers_to_rows_that_stay_is_said(deployment: Deployment, case: Case, shop: Any) -> None:
    tables: Tables = {
        "a": {"1": (True, {"to_b": "1"}), "2": (False, {"to_b": "2"})},
        "b": {"1": (False, {"to_c": "1"}), "2": (False, {"to_c": "1"})},
        "c": {"1": (False, {}), "2": (False, {})},
    }
    found = shelved(shop, tables)
    going = going_of(case, found)
    said = {
        one.collection.ref.name: decision.reasons[0].says
        for one in keep_referenced(deployment, case, found, going)
        for decision in one.decisions
        if decision.label == "referenced"
    }
    assert {name: says.partition(" that stay")[0] for name, says in said.items()} == {
        "b": "rows of shop:a", "c": "rows of shop:b",
    }  # fmt: skip


def test_what_a_law_keeps_stays_said_of_rows_that_others_refer_to(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    child, parent, _ = shelved(shop, {"a": {"1": (True, {"to_b": "1"})}, "b": {"1": (False, {})}, "c": {}})
    until, kept_fields = date(2055, 12, 31), ("id",)
    voucher = Decision(
        parent.collection.ref, "customer/2025", 1, Disposition.STORE_ONLY, (REASON,),
        needed_fields=kept_fields, until=until, terms=(Term(until, kept_fields),),
    )  # fmt: skip
    records = parent.records.with_columns(pl.lit("customer/2025").alias("label"))
    sealed = replace(parent, records=records, decisions=(voucher,))
    going = going_of(case, [sealed])
    assert going == {sealed.collection.ref: {"customer/2025"}}
    _, found = keep_referenced(deployment, case, [child, sealed], going)
    (decision,) = found.decisions
    assert (decision.label, decision.disposition, decision.until) == ("referenced/2025", Disposition.BLOCKED, until)
    assert found.records.get_column("label").to_list() == ["referenced/2025"]


def test_of_rows_of_one_year_the_longest_of_their_duties_is_said(deployment: Deployment, case: Case, shop: Any) -> None:
    to_b: dict[str, tuple[bool, dict[str, str | None]]] = {row: (True, {"to_b": row}) for row in ("1", "2")}
    child, parent, _ = shelved(shop, {"a": to_b, "b": {row: (False, {}) for row in "123"}, "c": {}})
    years = {"customer/2025": 2055, "minor/2025": 2035, "customer/2030": 2060}
    decisions = tuple(
        Decision(
            parent.collection.ref, label, 1, Disposition.STORE_ONLY, (REASON,), needed_fields=("id",),
            until=date(year, 12, 31), terms=(Term(date(year, 12, 31), ("id",)),),
        )
        for label, year in years.items()
    )  # fmt: skip
    sealed = replace(parent, records=parent.records.with_columns(pl.Series("label", list(years))), decisions=decisions)
    _, found = keep_referenced(deployment, case, [child, sealed], {sealed.collection.ref: set(years)})
    assert {one.label: (one.count, one.until) for one in found.decisions} == {
        "referenced/2025": (2, date(2055, 12, 31)), "customer/2030": (1, date(2060, 12, 31)),
    }  # fmt: skip


def test_a_table_all_of_whose_rows_go_is_not_read_for_its_references(
    deployment: Deployment, case: Case, shop: Any, monkeypatch: Any
) -> None:
    tables: Tables = {
        "a": {"1": (False, {"to_b": "1"})}, "b": {"1": (False, {})}, "c": {"1": (False, {})},
    }  # fmt: skip
    found = shelved(shop, tables)
    monkeypatch.setattr(shop, "read", lambda *_, **__: pytest.fail("it was read"))
    going = going_of(case, found)
    kept = keep_referenced(deployment, case, found, going)
    assert all(after is before for after, before in zip(kept, found, strict=True))


def referring(
    shop: Any, name: str, fields: dict[str, list[str | None]], *, field: str, to: str, target: str, types: Any = None
) -> Collection:
    """A table whose first field is its key and of which a field refers to one of another table, or of its own."""
    shop.put(name, fields, key=(next(iter(fields)),))
    collection, table = shop.shelf[name]
    own = tuple(replace(one, type=(types or {}).get(one.name, one.type)) for one in collection.fields)
    key = ForeignKey((field,), CollectionRef("shop", to), (target,))
    shop.shelf[name] = (replace(collection, fields=own, foreign_keys=(key,)), table)
    return shop.shelf[name][0]


def labels_kept(deployment: Deployment, case: Case, shop: Any, *, staying: str) -> dict[str, list[str]]:
    """Table → labels of its rows, where all rows of one table stay and all others are due."""
    found = [
        labelled(shelved, Disposition.BLOCKED if name == staying else Disposition.ERASE)
        for name, shelved in shop.shelf.items()
    ]
    kept = keep_referenced(deployment, case, found, going_of(case, found))
    return {one.collection.ref.name: one.records.get_column("label").to_list() for one in kept}


@pytest.mark.parametrize("name", ["to", "row", "from", "number"])
def test_a_field_may_have_any_name(deployment: Deployment, case: Case, shop: Any, name: str) -> None:
    people: dict[str, list[str | None]] = {name: ["1", "2", "3"], "boss": ["2", None, None]}
    collection = referring(shop, "people", people, field="boss", to="people", target=name)
    referring(shop, "calls", {"id": ["7"], name: ["1"]}, field=name, to="people", target=name)
    kept = labels_kept(deployment, case, shop, staying="calls")
    assert kept["people"] == ["referenced", "referenced", "customer"]
    found = labelled(shop.shelf["people"], Disposition.ERASE)
    ranks = ranked(deployment, case, found, found.records)
    assert isinstance(ranks, pl.DataFrame)
    assert dict(ranks.select(collection.key[0], RANK).iter_rows()) == {"1": 0, "2": 1, "3": 0}


@pytest.mark.parametrize(
    ("types", "values"),
    [
        (("numeric(10,2)", "numeric(12,4)"), ("1.50", "1.5000")),
        (("numeric", "numeric"), ("10", "10.0")),
        (("REAL", "INTEGER"), ("1.0", "1")),
        (("INTEGER", "any"), ("1", "1.0")),
    ],
)
def test_a_number_that_is_written_in_another_way_is_the_same_one(
    deployment: Deployment, case: Case, shop: Any, types: tuple[str, str], values: tuple[str, str]
) -> None:
    target, value = values
    own: dict[str, list[str | None]] = {"id": [target, "100"], "same": [value, None]}
    kinds = {"id": types[0], "same": types[1]}
    referring(shop, "people", own, field="same", to="people", target="id", types=kinds)
    referring(shop, "calls", {"no": ["7"], "who": [value]}, field="who", to="people", target="id",
              types={"who": types[1]})  # fmt: skip
    assert labels_kept(deployment, case, shop, staying="calls")["people"] == ["referenced", "customer"]
    found = labelled(shop.shelf["people"], Disposition.ERASE)
    assert isinstance(ranked(deployment, case, found, found.records), pl.DataFrame)  # to itself: no circle


def test_a_text_with_a_zero_at_its_end_is_another_one(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put("people", {"id": ["1", "1.0"]}, key=("id",))
    referring(shop, "calls", {"no": ["7"], "who": ["1.0"]}, field="who", to="people", target="id")
    assert labels_kept(deployment, case, shop, staying="calls")["people"] == ["customer", "referenced"]


def test_a_key_of_which_a_part_is_empty_refers_to_nothing(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put("people", {"id": ["1", "2", "3"], "a": ["1", "1", None], "b": ["x", None, "x"]}, key=("id",))
    shop.put("calls", {"no": ["1", "2", "3"], "a": ["1", "1", None], "b": ["x", None, "x"]}, key=("no",))
    collection, table = shop.shelf["calls"]
    key = ForeignKey(("a", "b"), CollectionRef("shop", "people"), ("a", "b"))
    shop.shelf["calls"] = (replace(collection, foreign_keys=(key,)), table)
    assert labels_kept(deployment, case, shop, staying="calls")["people"] == ["referenced", "customer", "customer"]


def test_each_row_of_a_chain_is_looked_at_once(deployment: Deployment, case: Case, shop: Any, monkeypatch: Any) -> None:
    looked_at: list[int] = []
    readings: list[str] = []
    rows_of = shop.read
    monkeypatch.setattr(
        shop, "read", lambda found, **more: (readings.append(found.ref.name), rows_of(found, **more))[1]
    )  # fmt: skip

    def of(link: references._Links, rows: Any) -> Any:
        looked_at.append(len(rows))
        return found_of(link, rows)

    found_of = references._Links.of
    monkeypatch.setattr(references._Links, "of", of)
    rows = 500
    chain(shop, {str(row): str(row - 1) if row else None for row in range(rows)})
    found = labelled(shop.shelf["tickets"], Disposition.ERASE)
    labels = pl.Series("label", ["customer"] * (rows - 1) + ["held"])
    partly = [replace(found, records=found.records.with_columns(labels))]
    (kept,) = keep_referenced(deployment, case, partly, going_of(case, partly))
    assert kept.records.get_column("label").to_list() == ["referenced"] * (rows - 1) + ["held"]
    assert sum(looked_at) == rows - 1
    assert readings == ["tickets"]


@pytest.mark.parametrize("order", [list(range(20)), list(range(19, -1, -1)), [*range(7, 20), *range(7)]])
def test_rows_may_be_read_in_another_order_than_they_were_labelled_in(
    deployment: Deployment, case: Case, shop: Any, monkeypatch: Any, order: list[int]
) -> None:
    monkeypatch.setattr(pieces, "PIECE_RECORDS", 4)
    chain(shop, {str(row): str(row - 5) if row >= 5 else None for row in range(20)})
    found = labelled(shop.shelf["tickets"], Disposition.ERASE)
    labels = pl.Series("label", ["held" if row == 19 else "customer" for row in range(20)])
    partly = [replace(found, records=found.records.with_columns(labels))]
    collection, table = shop.shelf["tickets"]
    shop.shelf["tickets"] = (collection, table.take(order))
    (kept,) = keep_referenced(deployment, case, partly, going_of(case, partly))
    stopped = kept.records.filter(pl.col("label") == "referenced").get_column("id").to_list()
    assert stopped == ["4", "9", "14"]


@pytest.mark.parametrize(
    ("target", "read"), [("id", ["calls"]), ("phone", ["calls", "people"])], ids=["its key", "another field"]
)
def test_a_table_is_read_again_only_for_what_its_key_does_not_tell(
    deployment: Deployment, case: Case, shop: Any, monkeypatch: Any, *, target: str, read: list[str]
) -> None:
    shop.put("people", {"id": ["1", "2"], "phone": ["2", "1"]}, key=("id",))
    referring(shop, "calls", {"no": ["7"], "who": ["2"]}, field="who", to="people", target=target)
    names: list[str] = []
    rows_of = shop.read
    monkeypatch.setattr(shop, "read", lambda found, **more: (names.append(found.ref.name), rows_of(found, **more))[1])
    kept = labels_kept(deployment, case, shop, staying="calls")["people"]
    assert kept == (["customer", "referenced"] if target == "id" else ["referenced", "customer"])
    assert sorted(names) == read


def test_a_row_that_was_written_after_the_labels_keeps_what_it_refers_to(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    shop.put("people", {"id": ["1", "2"]}, key=("id",))
    referring(shop, "calls", {"no": ["7", "8", "9"], "who": ["1", None, "2"]}, field="who", to="people", target="id")
    people, calls = (labelled(shop.shelf[name], Disposition.ERASE) for name in ("people", "calls"))
    seen = calls.records.head(2).with_columns(pl.Series("label", ["customer", "held"]))
    found = [people, replace(calls, records=seen)]
    kept, _ = keep_referenced(deployment, case, found, going_of(case, found))
    assert kept.records.get_column("label").to_list() == ["customer", "referenced"]


def test_rows_are_looked_at_some_at_a_time(deployment: Deployment, case: Case, shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(pieces, "PIECE_RECORDS", 6)
    rows: list[str | None] = [str(row) for row in range(20)]
    collection = shop.put("people", {"id": rows, "name": rows, "phone": rows}, key=("id",))
    found = list(references._values(deployment, case, collection, ["phone"]))
    assert [piece.height for piece in found] == [6, 6, 6, 2], "the store hands out three at a time"
    assert pl.concat(found).to_dict(as_series=False) == {"id": rows, "phone": rows}
    shop.put("people", {"id": [], "phone": []}, key=("id",))
    assert [piece.columns for piece in references._values(deployment, case, collection, ["phone"])] == [["id", "phone"]]


def test_the_keys_of_rows_to_which_others_refer_are_kept_with_the_plan_and_no_others(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    tables: Tables = {
        "a": {"1": (True, {"to_b": "1"}), "2": (True, {"to_a": "3"}), "3": (False, {})},
        "b": {"1": (False, {}), "2": (False, {})},
        "c": {"1": (False, {})},
    }
    found = shelved(shop, tables)
    kept = keep_referenced(deployment, case, found, going_of(case, found))
    note_referenced(deployment, case.id, "p-1", kept)
    decisions = tuple(decision for one in kept for decision in one.decisions)
    plan = Plan(
        "p-1", case.id, Wave.AFTER_CLAIMS, (), "", decisions, (), "", (), (), "1", 60, "usual", 2, ("pi_officer",)
    )  # fmt: skip
    noted = {name: noted_referenced(deployment, plan, CollectionRef("shop", name)) for name in TABLES}
    told = {name: None if keys is None else keys.to_dict(as_series=False) for name, keys in noted.items()}
    assert told == {"a": {"id": ["3"]}, "b": {"id": ["1"]}, "c": None}
