"""What a freeze took is given back once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from winddown.domain.inventory import Inventory
from winddown.ports import Inspector
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.freeze import freeze, thaw
from winddown.stages.open import open_case
from winddown.stores.memory import MemoryStore, MemoryTable


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
