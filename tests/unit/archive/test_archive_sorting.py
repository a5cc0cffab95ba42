"""Records come in the order of their keys, whether they were held or waited on a disk."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.archive import sorting
from winddown.archive.spool import Spool

SCHEMA = pa.schema([("rank", pa.int64()), ("id", pa.string()), ("content", pa.binary(2))])
ROWS = st.lists(
    st.tuples(
        st.integers(-2, 2), st.none() | st.text("aé中\U00020000Z", max_size=3), st.binary(min_size=2, max_size=2)
    ),
    max_size=40,
)


def pieces(rows: list[tuple[Any, ...]], sizes: list[int]) -> Iterator[pa.Table]:
    """The rows in pieces of these sizes, and the rest in one."""
    start = 0
    for size in [*sizes, len(rows)]:
        part = rows[start : start + size]
        start += size
        columns = [[row[place] for row in part] for place in range(3)]
        yield pa.table(columns, schema=SCHEMA)


def by_bytes(row: tuple[Any, ...]) -> tuple[int, bool, bytes]:
    """As a database with the order of bytes has it, null last."""
    return row[0], row[1] is None, (row[1] or "").encode()


@given(rows=ROWS, sizes=st.lists(st.integers(0, 9), max_size=6), held=st.tuples(st.integers(1, 12), st.integers(1, 5)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_records_come_in_order_however_they_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Any], sizes: list[int], held: tuple[int, int]
) -> None:
    for name, count in zip(("_RUN_RECORDS", "_BLOCK_RECORDS"), held, strict=True):
        monkeypatch.setattr(sorting, name, count)
    with closing(sorting.InOrder(pieces(rows, sizes), ["rank", "id"], folder=tmp_path)) as ordered:
        for _ in range(2):  # whoever is interrupted reads again
            found = list(ordered)
            assert found
            assert all(piece.schema == SCHEMA for piece in found)
            records = [tuple(row.values()) for piece in found for row in piece.to_pylist()]
            assert [by_bytes(row) for row in records] == sorted(map(by_bytes, rows))
            assert sorted(records, key=repr) == sorted(rows, key=repr)
    assert list(tmp_path.iterdir()) == []


def test_what_waits_on_the_disk_cannot_be_read_there_and_does_not_lie_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = bytearray()
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda *given: written.extend(found := real(*given)) or found)
    rows: list[tuple[Any, ...]] = [(0, f"customer-{number:05}", b"xy") for number in reversed(range(20_000))]
    monkeypatch.setattr(sorting, "_RUN_RECORDS", 5_000)
    with closing(sorting.InOrder(pieces(rows, [5_000] * 4), ["id"], folder=tmp_path)) as ordered:
        sizes = [piece.num_rows for piece in ordered]
    assert sum(sizes) == 20_000
    assert max(sizes) < 4 * 5_000
    assert len(written) > 100_000
    assert b"customer" not in written


def test_few_records_need_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> Spool:
        raise AssertionError("nothing has to wait")

    monkeypatch.setattr(sorting, "Spool", refused)
    with closing(sorting.InOrder(pieces([(0, "b", b"xy"), (0, "a", b"xy")], [1]), ["id"], folder=tmp_path)) as ordered:
        assert [piece.column("id").to_pylist() for piece in ordered] == [["a", "b"]]
