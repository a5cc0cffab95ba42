"""What a freeze took is given back once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.domain.authorization import Authorization
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.receipt import Receipt, given_back
from winddown.evidence.entry import LedgerEntry
from winddown.ports import Inspector
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.freeze import freeze, thaw
from winddown.stages.open import open_case
from winddown.stores.memory import MemoryStore, MemoryTable

from .conftest import ShelfStore


class NoWriters:
    def writers(self, collections: object) -> tuple[str, ...]:  # noqa: ARG002
        return ()


def test_what_was_revoked_after_a_thaw_is_not_granted_by_the_next_one(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]
) -> None:
    case_document["stores"] = case_document["stores"][:1]
    case_document["register"] = case_document["register"][:4]
    table = MemoryTable(("id",), [{"id": "1"}], writers={"app", "clerk"})
    shop = MemoryStore("shop", tables={"customers": table}, unlock=deployment.authority.redeem)
    systems = Systems({"shop": shop}, {"shop": cast("Inspector", NoWriters())}, {})
    current = replace(deployment, systems=lambda _: systems)
    open_case(current, read_case_file(write_case(case_document)), requested_by="operator")
    found = shop.discover()
    inventory = Inventory(found.collections, (), identities=(("shop", found.identity),))
    current.control.put("demo-1", "inventory", "first", inventory, type_=Inventory)
    freeze(current, "demo-1")
    assert table.writers == set()
    freeze(current, "demo-1")
    assert thaw(current, "demo-1") == ("shop",)
    assert table.writers == {"app", "clerk"}
    assert thaw(current, "demo-1") == ()
    table.writers.discard("clerk")  # the administrator's own decision
    freeze(current, "demo-1")
    assert thaw(current, "demo-1") == ("shop",)
    assert table.writers == {"app"}


class Writers:
    """Sees who can still write."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        assert [ref.name for ref in collections] == ["customers"]
        return self.names


Frozen = Callable[..., tuple[Deployment, MemoryTable]]
CANNOT = "cannot be frozen; a change after the plan is an objection"


@pytest.fixture
def frozen(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Frozen:
    """A case whose one store has these writers left after a freeze."""

    def make(*left: str, store: type[MemoryStore] = MemoryStore, is_empty: bool = False) -> Any:
        case_document["stores"] = case_document["stores"][:1]
        case_document["register"] = case_document["register"][:4]
        table = MemoryTable(("id",), [{"id": "1"}], writers={"app"})
        shop = store("shop", tables={"customers": table}, unlock=deployment.authority.redeem)
        systems = Systems({"shop": shop}, {"shop": cast("Inspector", Writers(*left))}, {})
        current = replace(deployment, systems=lambda _: systems)
        open_case(current, read_case_file(write_case(case_document)), requested_by="operator")
        found = shop.discover()
        collections = () if is_empty else found.collections
        inventory = Inventory(collections, (), identities=(("shop", found.identity),))
        current.control.put("demo-1", "inventory", "first", inventory, type_=Inventory)
        return current, table

    return make


def told(deployment: Deployment) -> list[tuple[str, Any]]:
    entries = map(LedgerEntry.parse, deployment.ledger.entries("demo-1"))
    effects = [one for one in entries if one.type in {"intent", "done", "frozen"}]
    return [(one.type, one.body.get("read_back", one.body.get("stores"))) for one in effects]


def test_a_freeze_is_an_effect_that_is_read_back(frozen: Frozen) -> None:
    current, table = frozen()
    assert freeze(current, "demo-1") == ("shop: writes revoked on 1 collections",)
    assert table.writers == set()
    read_back = "by inspector: no role can write"
    assert told(current) == [("intent", None), ("done", read_back), ("frozen", ["shop"])]
    assert thaw(current, "demo-1") == ("shop",)
    assert told(current)[3:] == [("intent", None), ("done", "as remembered")]


def test_who_can_still_write_is_named_to_people_and_counted_in_the_ledger(frozen: Frozen) -> None:
    current, _ = frozen("dba", "etl")
    said = "shop: writes revoked, but dba, etl can still write; ask the administrator; a change after the plan is an"
    assert freeze(current, "demo-1") == (f"{said} objection",)
    assert told(current)[1] == ("done", "2 roles can still write")


class ForgetfulStore(MemoryStore):
    """Has lost a role meanwhile."""

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        return given_back(super().thaw(authorization, remembered), ["role app"])


def test_what_could_not_be_given_back_is_told_to_people_and_the_ledger_does_not_say_otherwise(frozen: Frozen) -> None:
    current, _ = frozen(store=ForgetfulStore)
    freeze(current, "demo-1")
    assert thaw(current, "demo-1") == ("shop (not given back: 1, for want of role app)",)
    assert told(current)[-1] == ("done", "as remembered, but for what could not be given back")


class SharedStore(MemoryStore):
    """Cannot tell its writers apart."""

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        super().freeze(authorization, remembered)
        return replace(remembered, records=0)


def test_a_service_that_cannot_tell_writers_apart_is_not_called_frozen(frozen: Frozen) -> None:
    current, _ = frozen(store=SharedStore)
    said = "shop: not frozen, the service cannot tell winddown from other writers; a change after the plan is an"
    assert freeze(current, "demo-1") == (f"{said} objection",)
    assert told(current)[1] == ("done", "not frozen")


def test_a_store_in_which_nothing_was_found_is_not_frozen(frozen: Frozen) -> None:
    current, table = frozen(is_empty=True)
    assert freeze(current, "demo-1") == (f"shop: {CANNOT}",)
    assert (table.writers, told(current)) == ({"app"}, [("frozen", ["shop"])])
    assert thaw(current, "demo-1") == ()


def test_a_store_without_the_ability_is_named(frozen: Frozen) -> None:
    current, _ = frozen()
    shelf = Systems({"shop": cast("Any", ShelfStore("shop"))}, {}, {})
    assert freeze(replace(current, systems=lambda _: shelf), "demo-1") == (f"shop: {CANNOT}",)


def test_each_store_is_frozen_by_what_was_found_in_it(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: ShelfStore
) -> None:
    case_document["stores"] = [
        case_document["stores"][0] | {"name": name, "connection": name} for name in ("shop", "attic", "files")
    ]
    case_document["stores"][2]["kind"] = "sql"
    case_document["register"] = case_document["register"][:4]
    tables = {name: MemoryTable(("id",), [{"id": "1"}], writers={"app"}) for name in ("attic", "files")}
    attic, files = (
        MemoryStore(name, tables={"customers": found}, unlock=deployment.authority.redeem)
        for name, found in tables.items()
    )
    stores: Any = {"shop": shop, "attic": attic, "files": files}
    systems = Systems(stores, {"files": cast("Inspector", Writers())}, {})
    current = replace(deployment, systems=lambda _: systems)
    open_case(current, read_case_file(write_case(case_document)), requested_by="operator")
    collections = (shop.put("customers", {"id": ["1"]}, key=("id",)), *files.discover().collections)
    inventory = Inventory(collections, (), identities=(("files", files.discover().identity),))
    current.control.put("demo-1", "inventory", "first", inventory, type_=Inventory)
    said = (f"shop: {CANNOT}", f"attic: {CANNOT}", "files: writes revoked on 1 collections")
    assert freeze(current, "demo-1") == said
    assert {name: found.writers for name, found in tables.items()} == {"attic": {"app"}, "files": set()}
    assert told(current)[-1] == ("frozen", ["shop", "attic", "files"])
    assert thaw(current, "demo-1") == ("files",)


def test_a_halted_case_is_not_frozen_and_is_thawed(frozen: Frozen) -> None:
    current, table = frozen()
    freeze(current, "demo-1")
    current.switch.halt("demo-1", by="wu", reason="x", door="command")
    with pytest.raises(Refused, match="the case was halted by wu"):
        freeze(current, "demo-1")
    assert thaw(current, "demo-1") == ("shop",)
    assert table.writers == {"app"}


def test_a_case_that_was_never_looked_at_has_nothing_to_thaw(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]
) -> None:
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    assert thaw(deployment, "demo-1") == ()
