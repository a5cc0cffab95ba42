"""Parquet files that others wrote, with Java (Spark), Impala, Rust and C++: rewritten equal, or refused."""

import io
import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from winddown.domain.errors import Refused
from winddown.stores.objects.formats.change import Change
from winddown.stores.objects.formats.problem import Unreadable

from .rewriting import rewritten

OWN = Path(__file__).parents[2] / "data" / "parquet-testing"
FOLDER = Path(os.environ.get("WINDDOWN_TEST_PARQUET_FILES", OWN))
FILES = {str(path.relative_to(FOLDER)): path for path in sorted(FOLDER.rglob("*.parquet*")) if path.is_file()}
REFUSED = {
    "hadoop_lz4_compressed.parquet": "codec",
    "encrypt_columns_and_footer.parquet.encrypted": "is encrypted",
    "encrypt_columns_plaintext_footer.parquet.encrypted": "is encrypted",
    "repeated_no_annotation.parquet": "other rows than the file",
    "ARROW-GH-45185.parquet": "cannot be read as Parquet",
    "ARROW-RS-GH-6229-DICTHEADER.parquet": "lies outside of the file",
    "PARQUET-1481.parquet": "cannot be read as Parquet",
}
ARROW_FAILS = (pa.ArrowException, OSError, OverflowError)


def rows_of(content: bytes) -> tuple[pq.ParquetFile, list[dict[str, object]]]:
    file = pq.ParquetFile(io.BytesIO(content))
    groups = [file.read_row_group(number).to_pylist() for number in range(file.num_row_groups)]
    return file, [row for group in groups for row in group]


def outcome_of(content: bytes, doomed: frozenset[int]) -> tuple[bytes, str]:
    try:
        return rewritten("parquet", content, Change.of(doomed))[0], ""
    except (Refused, Unreadable) as error:
        return b"", str(error)


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_again_is_equal_without_the_rows(name: str) -> None:
    content, refused = FILES[name].read_bytes(), REFUSED.get(FILES[name].name)
    before: pq.ParquetFile | None = None
    rows: list[dict[str, object]] = []
    with suppress(*ARROW_FAILS):
        before, rows = rows_of(content)
    thirds, all_but_one = frozenset(range(0, len(rows), 3)), frozenset(range(1, len(rows)))
    for doomed in {frozenset({0}), thirds, all_but_one} if rows else {frozenset({0} if before is None else ())}:
        after, said = outcome_of(content, doomed)
        if refused is not None:
            assert refused in said
        elif said:
            # Of other folders nobody said beforehand what is refused, only that nothing else may happen.
            assert FOLDER != OWN, said
        elif before is not None:
            file, left = rows_of(after)
            assert repr(left) == repr([row for number, row in enumerate(rows) if number not in doomed])
            assert file.schema.equals(before.schema)
            assert file.schema_arrow.equals(before.schema_arrow, check_metadata=True)
            for what in ("created_by", "metadata"):
                assert getattr(file.metadata, what) == getattr(before.metadata, what)
