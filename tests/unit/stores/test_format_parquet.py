import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from winddown.stores.objects.formats import parquet, recognise
from winddown.stores.objects.formats.text import as_text

from .rewriting import without

ROWS = 50
DOOMED = frozenset({0, 7, 23, 24, 48})
SECRETS = [f"1380013{number:04}" for number in range(ROWS)]


def table() -> pa.Table:
    """Every row's secret stands in a dictionary column, in a plain one, as bytes and inside a list."""
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("phone", pa.dictionary(pa.int16(), pa.string()), metadata={"owner": "客服"}),
            pa.field("plain", pa.string()),
            pa.field("photo", pa.binary()),
            pa.field("tags", pa.list_(pa.string())),
            pa.field("paid", pa.decimal128(12, 2)),
            pa.field("at", pa.timestamp("ns")),
            pa.field("place", pa.struct([("city", pa.dictionary(pa.int32(), pa.string())), ("no", pa.int32())])),
        ],
        metadata={"source": "crm export"},
    )
    columns = [
        pa.array(range(ROWS)),
        pa.array(SECRETS).dictionary_encode().cast(schema.field("phone").type),
        pa.array([None if number % 9 == 8 else secret for number, secret in enumerate(SECRETS)]),
        pa.array([secret.encode() for secret in SECRETS]),
        pa.array([[secret, ""] if number % 2 else None for number, secret in enumerate(SECRETS)]),
        pa.array([Decimal(number) / 100 for number in range(ROWS)], type=pa.decimal128(12, 2)),
        pa.array([number * 10**9 + 123456789 if number else None for number in range(ROWS)], type=pa.timestamp("ns")),
        pa.array(
            [{"city": f"市{secret}", "no": number} if number % 3 else None for number, secret in enumerate(SECRETS)],
            type=schema.field("place").type,
        ),
    ]
    return pa.table(columns, schema=schema)


def written(**options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table(), sink, **{"row_group_size": 12, "compression": "none"} | options)
    return sink.getvalue()


def rows(file: pq.ParquetFile) -> list[dict[str, Any]]:
    groups = range(file.metadata.num_row_groups)
    return [row for group in groups for row in file.read_row_group(group).to_pylist()]


def leaves(content: bytes) -> list[tuple[Any, ...]]:
    schema = pq.ParquetFile(io.BytesIO(content)).schema
    columns = [schema.column(index) for index in range(len(schema))]
    return [(found.path, found.physical_type, str(found.logical_type)) for found in columns]


LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no_dictionaries": {"use_dictionary": False},
    "some_dictionaries": {"use_dictionary": ["plain"]},
    "int96": {"use_deprecated_int96_timestamps": True},
    "int96_of_old_writers": {"use_deprecated_int96_timestamps": True, "store_schema": False, "version": "1.0"},
    "page_index": {"write_page_index": True, "data_page_size": 64},
    "data_page_2": {"data_page_version": "2.0"},
    "integer_decimals": {"store_decimal_as_integer": True},
    "old_list_names": {"use_compliant_nested_type": False},
    "one_group": {"row_group_size": 1000},
    "sorted": {"sorting_columns": [pq.SortingColumn(0), pq.SortingColumn(2, descending=True, nulls_first=True)]},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_removed_values_are_nowhere_in_the_bytes_and_the_rest_is_as_it_was(layout: str) -> None:
    before = written(**LAYOUTS[layout])
    after = without("parquet", before, DOOMED)
    for number, secret in enumerate(SECRETS):
        assert secret.encode() in before
        assert (secret.encode() in after) == (number not in DOOMED)
    old, new = pq.ParquetFile(io.BytesIO(before)), pq.ParquetFile(io.BytesIO(after))
    kept = [number for number in range(ROWS) if number not in DOOMED]
    before_rows = rows(old)
    assert rows(new) == [before_rows[number] for number in kept]
    assert new.schema_arrow.equals(old.schema_arrow, check_metadata=True)
    assert leaves(after) == leaves(before)
    assert [new.metadata.row_group(group).num_rows for group in range(new.metadata.num_row_groups)] == (
        [10, 11, 11, 12, 1] if layout != "one_group" else [45]
    )
    assert new.metadata.row_group(0).sorting_columns == old.metadata.row_group(0).sorting_columns
    for index in range(old.metadata.num_columns):
        ours, theirs = new.metadata.row_group(0).column(index), old.metadata.row_group(0).column(index)
        assert ours.compression == theirs.compression
        assert ours.has_dictionary_page == theirs.has_dictionary_page


@pytest.mark.parametrize("codec", ["snappy", "zstd", "gzip", "lz4", "brotli"])
def test_every_codec_is_kept_and_dictionaries_are_rebuilt(codec: str) -> None:
    before = written(compression=codec)
    after = without("parquet", before, DOOMED)
    new = pq.ParquetFile(io.BytesIO(after), read_dictionary=["plain", "photo"])
    found = {
        str(value)
        for name in ("phone", "plain", "photo")
        for chunk in new.read(columns=[name]).column(0).chunks
        for value in chunk.dictionary.to_pylist()
    }
    assert not [secret for number, secret in enumerate(SECRETS) if number in DOOMED and secret in "".join(found)]
    codecs = {
        new.metadata.row_group(group).column(index).compression
        for group in range(new.metadata.num_row_groups)
        for index in range(new.metadata.num_columns)
    }
    assert codecs == {codec.upper()}


def test_codecs_may_differ_by_column() -> None:
    codecs = {"id": "zstd", "plain": "gzip", "phone": "none"}
    before = written(compression=codecs)
    after = without("parquet", before, DOOMED)

    def compressions(content: bytes) -> list[str]:
        group = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(1)
        return [group.column(index).compression for index in range(group.num_columns)]

    assert compressions(after) == compressions(before)


def test_a_row_group_that_loses_every_row_disappears() -> None:
    after = without("parquet", written(), frozenset(range(12, 24)))
    metadata = pq.ParquetFile(io.BytesIO(after)).metadata
    assert (metadata.num_row_groups, metadata.num_rows) == (4, 38)


def test_a_file_can_lose_every_row_and_nothing() -> None:
    before = written()
    assert pq.read_table(io.BytesIO(without("parquet", before, frozenset(range(ROWS))))).num_rows == 0
    assert rows(pq.ParquetFile(io.BytesIO(without("parquet", before, frozenset())))) == table().to_pylist()
    empty = io.BytesIO()
    pq.write_table(table().slice(0, 0), empty)
    assert pq.read_table(io.BytesIO(without("parquet", empty.getvalue(), frozenset()))).schema == table().schema


def test_a_nested_dictionary_of_nothing_but_nulls_is_written_again() -> None:
    before = written(use_dictionary=False)
    after = without("parquet", before, {49})
    assert rows(pq.ParquetFile(io.BytesIO(after))) == table().to_pylist()[:49]


def test_values_are_read_as_text_in_order() -> None:
    batches = [as_text(batch) for batch in parquet.read(io.BytesIO(written()))]
    found = [row for batch in batches for row in batch.to_pylist()]
    assert [row["id"] for row in found] == [str(number) for number in range(ROWS)]
    assert found[0] | {"place": None} == {
        "id": "0",
        "phone": SECRETS[0],
        "plain": SECRETS[0],
        "photo": SECRETS[0].encode().hex(),
        "tags": None,
        "paid": "0.00",
        "at": None,
        "place": None,
    }
    assert {str(field.type) for batch in batches for field in batch.schema} == {"string"}


def test_parquet_is_recognised_by_both_ends() -> None:
    content = written()
    assert recognise(content[:100], content[-8:]) == "parquet"
    assert recognise(content[:100], b"torn off") != "parquet"
