"""Apache Parquet: columns in row groups, magic ``PAR1`` at both ends (https://parquet.apache.org/docs/file-format/).

Rows are erased, and fields emptied, by splicing: see ``parquet_rewrite``. An encrypted file fails to open and becomes a
blocker.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.columnar import opened, rows_a_batch, translated
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.parquet_rewrite import rewrite

__all__ = ["ID", "describe", "read", "recognise", "rewrite"]
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
