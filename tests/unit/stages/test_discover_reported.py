"""A report serves for a case's first look at a store, and for nothing later."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.domain.blocker import Blocker
from winddown.ports import Discovery, Store
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.discover import discover, take_inventory
from winddown.stages.open import open_case

from .conftest import ShelfStore

UNUSABLE = Blocker("unusable-inventory-report", "shop", "it is torn", "storage administrator", "wait for the next one")


@dataclass
class ReportedStore(ShelfStore):
    """A store with a report that can be told to be torn."""

    is_torn: bool = False
    looks: list[str] = field(default_factory=list)

    def discover_reported(self) -> Discovery | None:
        self.looks.append("report")
        return Discovery((), (UNUSABLE,)) if self.is_torn else super().discover()

    def discover(self) -> Discovery:
        self.looks.append("listing")
        return super().discover()


@pytest.fixture
def store(shop: ShelfStore) -> ReportedStore:
    shop.put("contacts", {"customer": ["1"]})
    return ReportedStore("shop", shelf=shop.shelf, identity="bucket 1")


@pytest.fixture
def case_id(
    deployment: Deployment,
    store: ReportedStore,
    files: ShelfStore,
    write_case: Callable[[Any], Path],
    case_document: dict[str, Any],
) -> str:
    files.put("reports", {"customer": ["1"]})
    systems = Systems({"shop": cast("Store", store), "files": cast("Store", files)}, {}, {})
    object.__setattr__(deployment, "systems", lambda _: systems)
    return open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")


def test_only_the_first_look_is_by_report(deployment: Deployment, case_id: str, store: ReportedStore) -> None:
    for _ in range(3):
        discover(deployment, case_id)
    assert store.looks == ["report", "listing", "listing"]


def test_the_inventory_of_a_plan_is_never_by_report(deployment: Deployment, case_id: str, store: ReportedStore) -> None:
    take_inventory(deployment, deployment.case(case_id))
    assert store.looks == ["listing"]


def test_a_report_that_was_not_used_is_asked_for_again(
    deployment: Deployment, case_id: str, store: ReportedStore
) -> None:
    store.is_torn = True
    found = discover(deployment, case_id)
    assert UNUSABLE in found.blockers
    assert not [
        blocker
        for blocker in found.blockers
        if blocker.code == "missing-collection" and blocker.subject.startswith("shop:")
    ]
    store.is_torn = False
    assert "shop" in {entry.ref.store for entry in discover(deployment, case_id).collections}
    assert store.looks == ["report", "report"]
