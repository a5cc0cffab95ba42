"""Statistics of a file's rows for the log, computed anew from the rows that are in it.

Of the fields for which the old file had a smallest and a largest value, the new one gets them too where the log can
state them exactly; without them a reader looks into the file, which is never wrong.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from winddown.stores.objects.formats.columnar import opened, translated

_TEXT_MAX = 32  # characters that writers state of a text


def of_rows(source: BinaryIO, like: str | None) -> str:
    """Statistics of a Parquet file as JSON; ``like`` are those of the file that it was made of.

    Memory for one column of one row group.
    """
    with translated(source, "Parquet"):
        file = pq.ParquetFile(opened(source), pre_buffer=False)
        found: dict[str, Any] = {"numRecords": file.metadata.num_rows}
        before = json.loads(like) if like else {}
        least, most, nulls = {}, {}, {}
        for name in file.schema_arrow.names:
            bounded, counted = name in before.get("minValues", ()), name in before.get("nullCount", ())
            if not (bounded or counted) or pa.types.is_nested(file.schema_arrow.field(name).type):
                continue
            count, ends = _summed(file, name, bounded=bounded)
            if counted:
                nulls[name] = count
            if ends is not None:
                least[name], most[name] = ends
    parts = {"minValues": least, "maxValues": most, "nullCount": nulls}
    return json.dumps(found | {name: part for name, part in parts.items() if part}, ensure_ascii=False)


def _summed(file: pq.ParquetFile, name: str, *, bounded: bool) -> tuple[int, tuple[Any, Any] | None]:
    """Number of nulls, and the ends as the log writes them; None where it cannot, there is none, or none is wanted."""
    nulls, is_known = 0, bounded
    ends: list[Any] = []
    for group in range(file.metadata.num_row_groups):
        column = file.read_row_group(group, columns=[name], use_threads=False).column(name)
        nulls += column.null_count
        if column.null_count < len(column) and is_known:
            found = _ends(column)
            is_known = found is not None
            ends += found or ()
    written = [_written(end) for end in (min(ends), max(ends))] if is_known and ends else [None]
    return nulls, None if None in written else (written[0], written[1])


def _ends(column: pa.ChunkedArray) -> tuple[Any, Any] | None:
    """The smallest and the largest value; None where there is no order among them, or no number for one."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    is_ordered = (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_date(column.type)
    )
    if not is_ordered:
        return None
    if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column)).as_py():
        return None
    ends = pc.min_max(column).as_py()
    return ends["min"], ends["max"]


def _written(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= _TEXT_MAX else None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int | float) and not isinstance(value, bool | Decimal) else None
