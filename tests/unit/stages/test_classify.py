"""What classification records, and what it need not read again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from winddown.archive.notes import TRIED
from winddown.domain.case import Case
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Collection, CollectionRef, Inventory, Medium
from winddown.ports import AGAIN, UNREAD, Document, Notes, Store
from winddown.stages.case_file import read_case_file
from winddown.stages.classify import Coverage, classify
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.discover import record_inventory, take_inventory

from .conftest import ShelfStore

PHONES = [f"1381234{number:04}" for number in range(60)]


@pytest.fixture
def case(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Case:
    found = read_case_file(write_case(case_document)).case
    deployment.control.put(found.id, "case", "case", found, type_=Case)
    return found


@pytest.fixture
def contacts(shop: ShelfStore) -> Collection:
    return shelve(shop, change_mark="1/60/0/0")


def shelve(shop: ShelfStore, **changes: Any) -> Collection:
    found = shop.put("contacts", {"id": [str(number) for number in range(60)], "x": list(PHONES)}, key=("id",))
    changed = replace(found, **changes)
    shop.shelf["contacts"] = (changed, shop.shelf["contacts"][1])
    return changed


def classified(deployment: Deployment, case: Case, *collections: Collection) -> dict[str, Finding]:
    deployment.control.put(case.id, "inventory", "first", Inventory(collections, ()), type_=Inventory)
    return {finding.field: finding for finding in classify(deployment, case.id)}


def coverage_of(deployment: Deployment, case: Case) -> list[Coverage]:
    return list(deployment.control.require(case.id, "coverage", "coverage", type_=tuple[Coverage, ...]))


def test_what_was_not_written_to_is_read_once(
    deployment: Deployment, case: Case, shop: ShelfStore, contacts: Collection
) -> None:
    first = classified(deployment, case, contacts)
    assert (first["x"].kind, first["x"].status) == ("mobile", Status.CONFIRMED)
    assert classified(deployment, case, contacts) == first
    assert shop.readings == ["contacts"]
    assert coverage_of(deployment, case) == [Coverage("shop:contacts", 60, 120, "", "2026-11-23T02:00:00.000000Z")]


@pytest.mark.parametrize(
    "changes",
    [{"change_mark": "1/61/0/0"}, {"change_mark": ""}, {"fingerprint": "e" * 64}],
    ids=["written", "cannot tell", "other schema"],
)
def test_what_may_have_been_written_to_is_read_again(
    deployment: Deployment, case: Case, shop: ShelfStore, contacts: Collection, changes: dict[str, str]
) -> None:
    classified(deployment, case, contacts)
    classified(deployment, case, shelve(shop, **{"change_mark": contacts.change_mark} | changes))
    assert shop.readings == ["contacts"] * 2


def test_another_program_reads_again(
    deployment: Deployment, case: Case, shop: ShelfStore, contacts: Collection
) -> None:
    classified(deployment, case, contacts)
    classified(replace(deployment, code_version="newer"), case, contacts)
    assert shop.readings == ["contacts"] * 2


def test_what_could_not_be_read_is_tried_again(
    deployment: Deployment, case: Case, shop: ShelfStore, contacts: Collection
) -> None:
    shop.unreadable.add("contacts")
    assert classified(deployment, case, contacts) == {}
    assert coverage_of(deployment, case)[0].unread == "a row cannot be read"
    shop.unreadable.clear()
    assert classified(deployment, case, contacts)["x"].kind == "mobile"


class Scans:
    """A store of documents of which one may take too long to read."""

    def __init__(self) -> None:
        self.is_late = False
        self.cells = 1
        self.readings = 0

    def documents(self, collection: Collection, notes: Notes) -> Iterator[Document]:
        assert collection.medium is Medium.OBJECTS
        for name in ("scan 1", "scan 2"):
            note = notes.recall(name)
            self.readings += note is None
            yield Document(name, note, iter(()) if note else self.said(is_late=self.is_late and name == "scan 1"))

    def said(self, *, is_late: bool) -> Iterator[pa.RecordBatch]:
        cells = [f"1381234{number:04}" for number in range(self.cells)]
        yield pa.record_batch({"text": pa.array([] if is_late else cells, pa.string())})
        said = {UNREAD: json.dumps({"documents that took too long": 1} if is_late else {}).encode()}
        metadata = said | ({AGAIN: b""} if is_late else {})
        yield pa.RecordBatch.from_arrays([], schema=pa.schema([], metadata=metadata))


@pytest.fixture
def scans(
    deployment: Deployment, shop: ShelfStore, monkeypatch: pytest.MonkeyPatch
) -> tuple[Deployment, Scans, Collection]:
    monkeypatch.setattr("winddown.archive.notes.secrets.randbelow", lambda _: TRIED)
    store = Scans()
    changed = replace(deployment, systems=lambda _: Systems({"files": cast("Store", store)}, {}, {}))
    collection = shelve(shop, ref=CollectionRef("files", "scans"), medium=Medium.OBJECTS, fields=(), change_mark="m")
    return changed, store, collection


def test_a_reading_that_took_too_long_is_tried_again(scans: tuple[Deployment, Scans, Collection], case: Case) -> None:
    deployment, store, collection = scans
    store.is_late = True
    classified(deployment, case, collection)
    assert coverage_of(deployment, case)[0].unread == "opaque: 1 documents that took too long"
    store.is_late = False
    assert classified(deployment, case, collection)["text"].cells == 2
    assert coverage_of(deployment, case)[0].unread == ""
    readings = store.readings
    classified(deployment, case, collection)
    assert store.readings == readings == 3, "the late one was read again, and then nothing"


def test_a_document_that_is_too_long_to_be_noted_contradicts_what_was_noted_of_it(
    scans: tuple[Deployment, Scans, Collection], case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, store, collection = scans
    classified(deployment, case, collection)
    store.cells = 600
    monkeypatch.setattr("winddown.archive.notes.secrets.randbelow", lambda _: 0)
    found = classified(deployment, case, replace(collection, change_mark="other"))
    assert found["text"].cells == 1200
    assert list(deployment.folder(case.id, "notes").glob("*.doubted"))


@pytest.mark.parametrize("is_recorded", [False, True])
def test_what_was_read_before_a_doubt_counts_no_more_after_it(
    deployment: Deployment, case: Case, shop: ShelfStore, contacts: Collection, *, is_recorded: bool
) -> None:
    classified(deployment, case, contacts)
    if is_recorded:
        without = replace(contacts, change_mark="")
        record_inventory(deployment, case.id, Inventory((without,), ()), name="first")
    classified(deployment, case, contacts)
    assert shop.readings == ["contacts"] * (1 + is_recorded)


def test_an_answer_that_comes_later_needs_no_reading(
    deployment: Deployment, case: Case, shop: ShelfStore, contacts: Collection
) -> None:
    classified(deployment, case, contacts)
    answered = [
        replace(entry, answers=(("x", None, "serial numbers of devices"),))
        if str(entry.collection) == "shop:contacts"
        else entry
        for entry in case.register
    ]
    deployment.control.put(case.id, "case", "case", replace(case, register=tuple(answered)), type_=Case)
    assert classified(deployment, case, contacts)["x"].status is Status.STEWARD
    assert shop.readings == ["contacts"]


def test_members_of_a_structure_are_judged_one_by_one(
    deployment: Deployment, case: Case, shop: ShelfStore, contacts: Collection
) -> None:
    owners = pa.array([{"phone": phone, "no": number} for number, phone in enumerate(PHONES)])
    shop.shelf["contacts"] = (contacts, pa.table({"id": pa.array(map(str, range(60))), "x": owners}))
    found = classified(deployment, case, contacts)
    assert found["x.phone"].kind == "mobile"
    assert found["x.phone"].is_personal
    assert found["x"].kind is None


def test_an_inventory_holds_no_mark_that_could_be_tried_out(
    deployment: Deployment, case: Case, contacts: Collection
) -> None:
    (found,) = (item for item in take_inventory(deployment, case).collections if item.ref == contacts.ref)
    assert len(found.change_mark) == 64
    assert found.change_mark != contacts.change_mark
