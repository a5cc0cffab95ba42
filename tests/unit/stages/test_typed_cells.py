"""Classifying typed cells: what was not read whole is said, and its field is never taken for harmless."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from winddown.domain.errors import Refused
from winddown.domain.finding import Status
from winddown.domain.inventory import Collection, CollectionRef, Field, Inventory, Medium
from winddown.ports import CUT, Store
from winddown.stages.case_file import read_case_file
from winddown.stages.classify import Coverage, classify
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.open import open_case

WriteCase = Callable[[Any], Path]
PLAIN = ["red", "green", "blue"]


@dataclass
class Cells:
    """A store of one table, of which only the cells can be read."""

    table: pa.Table
    breaks: bool = False

    def cells(self, _collection: Collection) -> Iterator[pa.RecordBatch]:
        yield from self.table.to_batches(max_chunksize=2)
        if self.breaks:
            raise Refused("collection shop:notes was altered since it was discovered")


@pytest.fixture
def classified(
    write_case: WriteCase, case_document: dict[str, Any], case_folder: Path, deployment: Deployment
) -> Callable[[Cells], tuple[dict[str, Any], Coverage]]:
    (case_folder / "holds" / "h-1.csv").write_text("subject\nC-1\n", "utf-8")
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")

    def run(store: Cells) -> tuple[dict[str, Any], Coverage]:
        fields = tuple(Field(field.name, str(field.type), nullable=True) for field in store.table.schema)
        ref = CollectionRef("shop", "notes")
        count = store.table.num_rows
        collection = Collection(ref, Medium.TABLE, "table", (), fields, (), count, 1, 0, "f" * 64)
        deployment.control.put("demo-1", "inventory", "first", Inventory((collection,), ()), type_=Inventory)
        object.__setattr__(deployment, "systems", lambda _: Systems({"shop": cast("Store", store)}, {}, {}))
        findings = {finding.field: finding for finding in classify(deployment, "demo-1")}
        (coverage,) = deployment.control.require("demo-1", "coverage", "coverage", type_=tuple[Coverage, ...])
        return findings, coverage

    return run


def test_typed_cells_are_classified(classified: Callable[[Cells], tuple[dict[str, Any], Coverage]]) -> None:
    numbers = pa.array([13800000000 + row for row in range(40)], pa.int64())
    findings, coverage = classified(Cells(pa.table({"contact": numbers})))
    assert findings["contact"].kind == "mobile"
    assert dict(findings["contact"].matches)["mobile"] == 40
    assert (coverage.records, coverage.cells, coverage.unread) == (40, 40, "")


def test_a_value_read_at_its_beginning_only_counts_as_unread(
    classified: Callable[[Cells], tuple[dict[str, Any], Coverage]],
) -> None:
    whole, _ = classified(Cells(pa.table({"colour": PLAIN})))
    assert whole["colour"].status is Status.NONE
    schema = pa.schema([pa.field("colour", pa.string(), metadata={CUT: b"1"})])
    findings, coverage = classified(Cells(pa.table({"colour": PLAIN[:2]}, schema=schema)))
    assert findings["colour"].status is not Status.NONE
    assert "too long" in " ".join(findings["colour"].counter_evidence)
    assert coverage.cells == 1
    assert coverage.unread.endswith("1 of 'colour'")


def test_a_reading_that_breaks_off_leaves_no_finding(
    classified: Callable[[Cells], tuple[dict[str, Any], Coverage]],
) -> None:
    findings, coverage = classified(Cells(pa.table({"colour": PLAIN}), breaks=True))
    assert findings == {}
    assert (coverage.cells, "altered" in coverage.unread) == (0, True)
