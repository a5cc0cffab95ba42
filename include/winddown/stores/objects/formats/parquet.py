"""Apache Parquet: columns in row groups, magic ``PAR1`` at both ends (https://parquet.apache.org/docs/file-format/).

A removed value must leave no copy in dictionary pages, statistics or page indexes. Arrow's ``filter`` keeps unused
dictionary values, so dictionary columns, nested ones included, are encoded anew. Kept: schema, key-value metadata,
codec and row-group size of each row group, sorting columns, INT96 timestamps. Not kept: exact page boundaries,
encryption; an encrypted file fails to open and becomes a blocker.
"""

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.columnar import opened, rows_a_batch, translated
from winddown.stores.objects.formats.ends import Ends

ID = "parquet"
_MAGIC = b"PAR1"
_BUFFER = 1 << 20
_PROBED = 64


def recognise(ends: Ends) -> bool:
    """Parquet's magic at both ends."""
    return ends.head.startswith(_MAGIC) and ends.tail.endswith(_MAGIC)


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield all rows in the file's types, only ``fields`` when given; memory is bounded by pages, not by row groups."""
    with translated(source, "Parquet"):
        file = _opened(source)
        wanted = None if fields is None else [name for name in file.schema_arrow.names if name in set(fields)]
        # Group by group: Arrow cannot join the dictionaries of several groups inside nested columns.
        for group in range(file.metadata.num_row_groups):
            for batch in file.iter_batches(
                batch_size=_batch_size(file, group, wanted), row_groups=[group], columns=wanted, use_threads=False
            ):
                limits.check_batch(batch.nbytes)
                yield batch


def describe(source: BinaryIO) -> tuple[pa.Schema, int]:
    """Schema and number of rows, from the footer alone."""
    with translated(source, "Parquet"):
        file = _opened(source)
        return file.schema_arrow, file.metadata.num_rows


def _opened(source: BinaryIO) -> pq.ParquetFile:
    # Buffered columns stream their pages; Arrow's default would fetch whole row groups, which may be gigabytes.
    file = pq.ParquetFile(opened(source), pre_buffer=False, buffer_size=_BUFFER)
    limits.check_names(file.schema_arrow.names)
    return file


def _batch_size(file: pq.ParquetFile, group: int, wanted: list[str] | None) -> int:
    """Rows of a batch. Dictionaries may unfold to far more than the footer says, so a few rows of them are tried."""
    footer = file.metadata.row_group(group)
    if not footer.num_rows:
        return 1
    columns = [footer.column(index) for index in range(footer.num_columns)]
    folded = {
        found.path_in_schema.partition(".")[0]
        for found in columns
        if found.has_dictionary_page and found.physical_type == "BYTE_ARRAY"
    }
    tried = sorted(folded if wanted is None else folded & set(wanted))
    batches = file.iter_batches(batch_size=_PROBED, row_groups=[group], columns=tried, use_threads=False)
    first = next(batches, None) if tried else None
    probed = 0 if first is None or not first.num_rows else first.nbytes // first.num_rows
    return rows_a_batch(max(footer.total_byte_size // footer.num_rows, probed))


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """Write the file without the rows of the change."""
    if change.fields:
        raise Refused("fields of rows cannot be emptied in this format yet")
    before = sum(batch.num_rows for batch in read(source))
    source.seek(0)
    after = without(source.read(), frozenset(change.rows.tolist()))
    sink.write(after)
    return Outcome(before, erased=len(change.within(0, before)))


def without(content: bytes, rows: frozenset[int]) -> bytes:
    """Rewrite the file without these rows; row groups that lose all rows disappear.

    Raises Refused when Arrow cannot write what it has read, or would write other physical types.
    """
    try:
        return _rewritten(content, rows)
    except pa.ArrowException:
        # Arrow's message may quote a value.
        raise Refused(
            "a Parquet file cannot be written again by Arrow",
            rule="a rewrite keeps what stays",
            next_step="have the file written anew by its producer, without the rows",
        ) from None


def _rewritten(content: bytes, rows: frozenset[int]) -> bytes:
    source = pq.ParquetFile(io.BytesIO(content))
    footer = source.metadata
    schema = source.schema_arrow
    target = io.BytesIO()
    first = footer.row_group(0) if footer.num_row_groups else None
    codecs = {
        footer.schema.column(index).path: first.column(index).compression.lower()
        for index in range(footer.num_columns)
        if first is not None
    }
    with pq.ParquetWriter(
        target,
        schema,
        compression={path: codec if codec != "uncompressed" else "none" for path, codec in codecs.items()} or "snappy",
        use_dictionary=_dictionary_columns(footer),
        use_deprecated_int96_timestamps=_has_int96(footer),
        version=_version(footer),
        sorting_columns=first.sorting_columns or None if first is not None else None,
        store_decimal_as_integer=_has_integer_decimals(footer),
        use_compliant_nested_type=not any(".list.item" in path for path in codecs),
    ) as writer:
        start = 0
        for group in range(footer.num_row_groups):
            table = source.read_row_group(group, use_threads=False)
            keep = pa.array([start + row not in rows for row in range(table.num_rows)], type=pa.bool_())
            start += table.num_rows
            kept = _rebuilt(table.filter(keep))
            if kept.num_rows:
                writer.write_table(kept, row_group_size=kept.num_rows)
    _refuse_other_types(footer, pq.ParquetFile(target).metadata)
    return target.getvalue()


def _refuse_other_types(before: pq.FileMetaData, after: pq.FileMetaData) -> None:
    """Other readers than Arrow rely on the physical types; where Arrow would write others, nothing is written."""
    if _leaves(before) != _leaves(after):
        raise Refused(
            "a Parquet file has types or names of nested fields that a rewrite would change",
            rule="a rewrite keeps what stays",
            next_step="have the file written anew by its producer, without the rows or in current types",
        )


def _leaves(footer: pq.FileMetaData) -> list[tuple[str, str, str]]:
    columns = [footer.schema.column(index) for index in range(footer.num_columns)]
    return [(column.path, column.physical_type, str(column.logical_type)) for column in columns]


def _rebuilt(table: pa.Table) -> pa.Table:
    """Encode each dictionary column anew from its values, so that no removed value stays in a dictionary."""
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            plain = table.column(index).cast(field.type.value_type)
            table = table.set_column(index, field, pc.dictionary_encode(plain).cast(field.type))
        elif _has_dictionary(field.type):
            # Inside nested columns Arrow cannot encode anew, so these go the slow way, value by value.
            values = pa.array(table.column(index).to_pylist(), type=field.type)
            table = table.set_column(index, field, values)
    return table


def _has_dictionary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(index).type) for index in range(kind.num_fields))


def _dictionary_columns(footer: pq.FileMetaData) -> list[str]:
    if not footer.num_row_groups:
        return []
    group = footer.row_group(0)
    return [
        footer.schema.column(index).path
        for index in range(footer.num_columns)
        if group.column(index).has_dictionary_page
    ]


def _has_int96(footer: pq.FileMetaData) -> bool:
    return any(footer.schema.column(index).physical_type == "INT96" for index in range(footer.num_columns))


def _has_integer_decimals(footer: pq.FileMetaData) -> bool:
    columns = [footer.schema.column(index) for index in range(footer.num_columns)]
    return any(
        column.logical_type.type == "DECIMAL" and column.physical_type in {"INT32", "INT64"} for column in columns
    )


def _version(footer: pq.FileMetaData) -> str:
    return "1.0" if footer.format_version == "1.0" else "2.6"
