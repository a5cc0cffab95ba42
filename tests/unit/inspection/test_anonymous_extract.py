"""The judge of an extract sees the file alone, and sees in it what an honest writer would not have left."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.domain.errors import Residual
from winddown.inspection.anonymous import check_extract

PLAIN: dict[str, Any] = {
    "compression": "none", "use_dictionary": False, "write_statistics": False, "store_schema": False
}  # fmt: skip


def write(path: Path, rows: dict[str, list[str | None]], **changes: Any) -> Path:
    table = pa.table({name: pa.array(cells, pa.string()) for name, cells in rows.items()})
    pq.write_table(table, path, **(PLAIN | changes))
    return path


def test_it_counts_rows_and_the_rarest_combination(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"city": ["a", "a", "b", "b", "b", None, None], "year": ["1"] * 7})
    found = check_extract(path, ["C-1"])
    assert (found.columns, found.rows, found.smallest) == (("city", "year"), 7, 2)
    assert (found.probes, found.found, found.extras) == (1, 0, 0)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_combination_that_is_rare_in_no_single_column_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"a": ["x", "x", "y", "y"], "b": ["1", "2", "1", "2"]})
    assert check_extract(path, []).smallest == 1


def test_nothing_and_an_empty_text_are_different(tmp_path: Path) -> None:
    assert check_extract(write(tmp_path / "x.parquet", {"a": [None, ""]}), []).smallest == 1


def test_a_value_inside_another_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"note": ["call 13800138000 now"] * 5})
    assert check_extract(path, ["13800138000", "13900139000"]).found == 1


def test_a_value_in_compressed_pages_is_found_in_the_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"note": ["13800138000" * 9] * 5}, compression="zstd")
    assert check_extract(path, ["13800138000"]).found == 1


def test_what_a_filter_left_in_a_dictionary_page_is_found(tmp_path: Path) -> None:
    whole = pa.table({"a": pa.array(["kept", "13800138000"]).dictionary_encode()})
    pq.write_table(whole.filter(pa.array([True, False])), tmp_path / "x.parquet", compression="none")
    found = check_extract(tmp_path / "x.parquet", ["13800138000"])
    assert found.found == 1
    assert found.extras > 0


def test_metadata_of_the_source_is_seen(tmp_path: Path) -> None:
    assert check_extract(write(tmp_path / "x.parquet", {"a": ["1"]}, store_schema=True), []).extras > 0


def test_an_empty_extract_has_no_combination(tmp_path: Path) -> None:
    found = check_extract(write(tmp_path / "x.parquet", {"a": []}), [])
    assert (found.rows, found.smallest) == (0, 0)


def test_a_name_with_quotes_is_a_name(tmp_path: Path) -> None:
    assert check_extract(write(tmp_path / "x.parquet", {'a"b': ["1", "1"]}), []).smallest == 2


@pytest.mark.parametrize("content", [None, b"", b"PAR1 is not enough PAR1"])
def test_what_cannot_be_read_is_no_success(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Residual, match=r"extract x\.parquet cannot be read"):
        check_extract(path, [])


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["1", "2", ""])), min_size=1, max_size=40
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_it_agrees_with_counting_by_hand(tmp_path: Path, rows: list[tuple[str | None, str]]) -> None:
    path = write(tmp_path / "x.parquet", {"x": [x for x, _ in rows], "y": [y for _, y in rows]})
    found = check_extract(path, [])
    assert (found.rows, found.smallest) == (len(rows), min(Counter(rows).values()))
