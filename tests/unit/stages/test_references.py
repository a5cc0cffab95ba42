"""References: a row to which another one refers stays as long as that one, and the rest of its table goes."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.domain.batch import RANK
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.inventory import Collection, CollectionRef, ForeignKey
from winddown.domain.plan import Wave
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.orders import leaving, make_orders
from winddown.stages.references import keep_referenced, kept_references, ranked

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
# table → for each of its fields the table that it refers to, its own included
FIELDS = {name: {f"to_{target}": target for target in TABLES} for name in TABLES}


@st.composite
def rows(draw: st.DrawFn) -> dict[str, dict[str, tuple[bool, dict[str, str | None]]]]:
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


def shelved(shop: Any, tables: dict[str, dict[str, tuple[bool, dict[str, str | None]]]]) -> list[Labelled]:
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


@given(tables=rows())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_exactly_the_rows_stay_that_rows_refer_to_that_stay(
    deployment: Deployment, case: Case, shop: Any, tables: dict[str, dict[str, tuple[bool, dict[str, str | None]]]]
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
    going = {one.collection.ref: leaving(case, Wave.AFTER_CLAIMS, one, ()) for one in found}
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
    tables: dict[str, dict[str, tuple[bool, dict[str, str | None]]]] = {
        "a": {"1": (True, {"to_b": "1"}), "2": (False, {"to_b": "2"})},
        "b": {"1": (False, {"to_c": "1"}), "2": (False, {"to_c": "1"})},
        "c": {"1": (False, {}), "2": (False, {})},
    }
    found = shelved(shop, tables)
    going = {one.collection.ref: leaving(case, Wave.AFTER_CLAIMS, one, ()) for one in found}
    said = {
        one.collection.ref.name: decision.reasons[0].says
        for one in keep_referenced(deployment, case, found, going)
        for decision in one.decisions
        if decision.label == "referenced"
    }
    assert {name: says.partition(" that stay")[0] for name, says in said.items()} == {
        "b": "rows of shop:a", "c": "rows of shop:b",
    }  # fmt: skip


def test_a_table_all_of_whose_rows_go_is_not_read_for_its_references(
    deployment: Deployment, case: Case, shop: Any, monkeypatch: Any
) -> None:
    tables: dict[str, dict[str, tuple[bool, dict[str, str | None]]]] = {
        "a": {"1": (False, {"to_b": "1"})}, "b": {"1": (False, {})}, "c": {"1": (False, {})},
    }  # fmt: skip
    found = shelved(shop, tables)
    monkeypatch.setattr(shop, "read", lambda *_, **__: pytest.fail("it was read"))
    going = {one.collection.ref: leaving(case, Wave.AFTER_CLAIMS, one, ()) for one in found}
    kept = keep_referenced(deployment, case, found, going)
    assert all(after is before for after, before in zip(kept, found, strict=True))
