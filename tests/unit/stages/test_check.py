"""Nothing in a database is destroyed unless a backup of it restores: every way in which one does not is a blocker."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.domain.errors import Residual
from winddown.domain.inventory import Collection, Inventory, Medium
from winddown.evidence.entry import LedgerEntry
from winddown.inspection.backup import BackupComparison
from winddown.ports import BackupDrill, Store
from winddown.stages import check as stage
from winddown.stages.case_file import read_case_file
from winddown.stages.check import Checks, check
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.open import open_case

from .conftest import ShelfStore

DUMP = [b"dump of ", b"the shop"]
DIGEST = hashlib.sha256(b"".join(DUMP)).hexdigest()


@dataclass
class HoldingStore(ShelfStore):
    """Hands out a backup."""

    def content(self, collection: Collection) -> Iterator[bytes]:
        assert collection.ref.name == "dumps"
        yield from DUMP


@dataclass
class Drill:
    """Reads a backup to its end, and says that it is restored; or cannot restore it."""

    fault: str = ""
    scratches: list[str] = field(default_factory=list)

    def restore(self, backup: Iterator[bytes], scratch_name: str) -> str:
        assert self.scratches[-1] == scratch_name, "what an earlier drill left is dropped first"
        if self.fault:
            raise Residual(self.fault)
        assert b"".join(backup) == b"".join(DUMP)
        return f"postgresql://scratch/{scratch_name}"

    def drop(self, scratch_name: str) -> None:
        self.scratches.append(scratch_name)


@pytest.fixture
def drill() -> Drill:
    return Drill()


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Expectations that fail, and after a check the tables that were compared."""
    failed: list[str] = []

    def compare(store: str, tables: list[Collection], scratch_url: str, *, backup_sha256: str) -> BackupComparison:
        assert (store, scratch_url.partition("/winddown_scratch_")[0]) == ("shop", "postgresql://scratch")
        wrong = tuple(failed)
        failed[:] = [found.ref.name for found in tables]
        return BackupComparison(store, backup_sha256, len(tables), 1, 3, not wrong, wrong)

    monkeypatch.setattr(stage, "compare_backup", compare)
    return failed


@pytest.fixture
def prepared(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], *, shop: ShelfStore,
    drill: Drill,
) -> Callable[..., Deployment]:  # fmt: skip
    """A case of a database and a folder of backups, opened; ``change`` edits the case first."""

    def prepare(change: Callable[[dict[str, Any]], object] = lambda _: None, *, files: Any = None) -> Deployment:
        case_document["register"] = case_document["register"][:4]
        case_document["register"].append({
            "collection": "files:dumps", "category": "backup", "purpose": "recovery", "steward": "li",
            "backup": {"of": "shop", "taken_on": date(2026, 11, 1), "expires_on": date(2027, 2, 28)},
        })  # fmt: skip
        case_document["transfers"] = []
        change(case_document)
        files = files or HoldingStore("files")
        shop.put("customers", {"id": ["1"]}, key=("id",))
        view = replace(shop.put("totals", {"id": ["1"]}), format="materialised-view")
        dumps = files.put("dumps", {"winddown_object": ["d"]}, medium=Medium.OBJECTS)
        systems = Systems(
            {"shop": cast("Store", shop), "files": cast("Store", files)}, {}, {"shop": cast("BackupDrill", drill)}
        )
        current = replace(deployment, systems=lambda _: systems)
        open_case(current, read_case_file(write_case(case_document)), requested_by="operator")
        inventory = Inventory((shop.shelf["customers"][0], view, dumps), ())
        current.control.put("demo-1", "inventory", "first", inventory, type_=Inventory)
        return current

    return prepare


def stopped(checks: Checks) -> list[tuple[str, str, str]]:
    return [(one.code, one.subject, one.explanation) for one in checks.blockers]


def proven(deployment: Deployment) -> list[dict[str, Any]]:
    entries = map(LedgerEntry.parse, deployment.ledger.entries("demo-1"))
    return [dict(one.body) for one in entries if one.type == "backup_proven"]


def test_a_backup_that_restores_is_proven_by_its_digest(
    prepared: Callable[..., Deployment], compared: list[str], drill: Drill
) -> None:
    current = prepared()
    checks = check(current, "demo-1")
    assert stopped(checks) == []
    assert [(one.store, one.backup_sha256, one.success) for one in checks.backups] == [("shop", DIGEST, True)]
    what = {"store": "shop", "collection": "files:dumps", "until": "2027-02-28"}
    assert proven(current) == [what | {"backup_sha256": DIGEST, "expectations": 3}]
    assert compared == ["customers"], "rows of a materialised view are in no dump, and other stores have their own"
    assert (len(drill.scratches), len(set(drill.scratches))) == (2, 1), "dropped before and after"
    assert drill.scratches[0].startswith("winddown_scratch_")
    assert current.control.get("demo-1", "checks", "before", type_=Checks) == checks


def test_a_backup_that_differs_proves_nothing(prepared: Callable[..., Deployment], compared: list[str]) -> None:
    compared[:] = ["customers: rows", "customers: key"]
    current = prepared()
    checks = check(current, "demo-1")
    said = "the restored backup differs: customers: rows, customers: key"
    assert stopped(checks) == [("backup-not-proven", "shop", said)]
    assert [one.success for one in checks.backups] == [False]
    assert proven(current) == []


def test_a_backup_that_does_not_restore_proves_nothing_and_leaves_no_scratch(
    prepared: Callable[..., Deployment], drill: Drill, compared: list[str]
) -> None:
    drill.fault = "the dump is cut off"
    current = prepared()
    checks = check(current, "demo-1")
    assert stopped(checks) == [("backup-not-proven", "shop", "the dump is cut off")]
    assert (checks.backups, proven(current), compared) == ((), [], [])
    assert len(drill.scratches) == 2


UNDECLARED = "no backup of it is declared, or it is not where it should be"


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case["register"].pop(),
        lambda case: case["register"][-1]["backup"].update(of="files"),
        lambda case: case["register"][-1].update(collection="files:elsewhere"),
    ],
    ids=["none", "of another store", "not there"],
)
@pytest.mark.usefixtures("compared")
def test_without_its_backup_a_database_stays(
    prepared: Callable[..., Deployment], change: Callable[[dict[str, Any]], object]
) -> None:
    current = prepared(change)
    checks = check(current, "demo-1")
    assert stopped(checks) == [("backup-not-proven", "shop", UNDECLARED)]
    assert proven(current) == []


BOOKS = {"name": "books", "kind": "postgresql", "connection": "books", "region": "cn-east-1"}


@pytest.mark.parametrize("fault", ["", "the dump is cut off", "customers: rows"])
@pytest.mark.parametrize("place", [0, 2])
def test_what_is_found_of_one_database_does_not_end_the_look_at_the_next(
    prepared: Callable[..., Deployment], drill: Drill, compared: list[str], *, fault: str, place: int
) -> None:
    drill.fault = fault if "dump" in fault else ""
    compared[:] = [fault] if "rows" in fault else []
    current = prepared(lambda case: case["stores"].insert(place, BOOKS))
    found = {subject for _, subject, _ in stopped(check(current, "demo-1"))}
    assert found == ({"books", "shop"} if fault else {"books"})
    assert len(proven(current)) == (0 if fault else 1)


@pytest.mark.usefixtures("compared")
def test_a_store_that_cannot_hand_out_a_backup_proves_none(prepared: Callable[..., Deployment]) -> None:
    checks = check(prepared(files=ShelfStore("files")), "demo-1")
    said = "store files cannot hand out the content of a backup"
    assert stopped(checks) == [("backup-not-proven", "shop", said)]


@pytest.mark.usefixtures("compared")
def test_a_fault_of_the_program_is_not_taken_for_a_bad_backup(
    prepared: Callable[..., Deployment], drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(drill, "restore", broken)
    with pytest.raises(ZeroDivisionError):
        check(prepared(), "demo-1")


@pytest.mark.usefixtures("compared")
def test_other_engines_backups_are_not_restored(prepared: Callable[..., Deployment], drill: Drill) -> None:
    current = prepared(lambda case: case["stores"][0].update(kind="mysql"))
    checks = check(current, "demo-1")
    assert (stopped(checks), checks.backups, drill.scratches) == ([], (), [])
