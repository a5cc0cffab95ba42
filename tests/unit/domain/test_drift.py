"""How two looks at the stores differ."""

from dataclasses import replace

from winddown.domain.blocker import Blocker
from winddown.domain.drift import Change, Drift, drift
from winddown.domain.inventory import Collection, CollectionRef, Field, Inventory, Medium

ORDERS = Collection(
    CollectionRef("shop", "orders"), Medium.TABLE, "table", ("id",), (Field("id", "bigint", nullable=False),), (),
    5, 1, 0, "f" * 64, change_mark="a",
)  # fmt: skip
NOTES = replace(ORDERS, ref=CollectionRef("shop", "notes"))
BEFORE = Inventory((ORDERS, NOTES), (), identities=(("shop", "system 1"),))


def changes(*collections: Collection, blockers: tuple[Blocker, ...] = ()) -> list[tuple[str, str, str]]:
    found = drift(BEFORE, replace(BEFORE, collections=collections, blockers=blockers))
    return [(each.subject, each.change.value, each.detail) for each in found]


def test_the_same_look_twice_shows_nothing() -> None:
    assert drift(BEFORE, BEFORE) == ()


def test_each_collection_is_listed_with_its_gravest_change() -> None:
    fresh = replace(ORDERS, ref=CollectionRef("shop", "fresh"))
    assert changes(ORDERS, fresh) == [
        ("shop:fresh", "appeared", "5 records"),
        ("shop:notes", "disappeared", "had 5 records"),
    ]
    other = replace(NOTES, fields=(Field("id", "text", nullable=False),), record_count=6, change_mark="b")
    assert changes(ORDERS, other) == [("shop:notes", "fields", "id")]
    assert changes(ORDERS, replace(NOTES, record_count=6, change_mark="b")) == [("shop:notes", "records", "5 → 6")]
    assert changes(ORDERS, replace(NOTES, change_mark="b")) == [("shop:notes", "written", "5 records as before")]


def test_what_a_store_that_is_down_holds_did_not_disappear() -> None:
    assert changes(blockers=(Blocker("store-down", "shop", "down", "administrator", "start it"),)) == []


def test_another_system_is_named() -> None:
    now = replace(BEFORE, identities=(("shop", "system 2"),))
    assert drift(BEFORE, now) == (Drift("shop", Change.SYSTEM, "was system 1, is system 2"),)
