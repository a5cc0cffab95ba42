"""Rows come in the order of keys, however many runs they were sorted in."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.stores.objects.report import sorting
from winddown.stores.objects.report.sorting import Sorted

SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64())])
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "_RUN", 5)
    monkeypatch.setattr(sorting, "_PIECE", 2)


@pytest.mark.usefixtures("small_runs")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches=st.lists(st.lists(KEYS, max_size=12), max_size=6))
def test_every_row_comes_once_and_in_order(batches: list[list[str]], tmp_path: Path) -> None:
    numbered = [[(key, place * 100 + at) for at, key in enumerate(keys)] for place, keys in enumerate(batches)]
    with Sorted(SCHEMA, tmp_path) as found:
        for rows in numbered:
            found.add(pa.RecordBatch.from_pylist([{"key": key, "number": number} for key, number in rows], SCHEMA))
        rows = list(found.rows())
    assert [key.encode() for key, _ in rows] == sorted(key.encode() for keys in batches for key in keys)
    assert sorted(rows, key=lambda row: row[1]) == [row for rows in numbered for row in rows]
    assert list(tmp_path.iterdir()) == []
