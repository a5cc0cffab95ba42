"""Statistics of a file's rows for the log, computed anew from the rows that are in it.

Of the fields for which the old file had a smallest and a largest value, the new one gets them too where the log can
state them exactly; without them a reader looks into the file, which is never wrong.
"""

import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_TEXT_MAX = 32  # characters that writers state of a text


def of_rows(content: bytes, like: str | None) -> str:
    """Statistics of a Parquet file as JSON; ``like`` are those of the file that it was made of."""
    file = pq.ParquetFile(io.BytesIO(content))
    found: dict[str, Any] = {"numRecords": file.metadata.num_rows}
    before = json.loads(like) if like else {}
    least, most, nulls = {}, {}, {}
    for name in file.schema_arrow.names:
        bounded, counted = name in before.get("minValues", ()), name in before.get("nullCount", ())
        kind = file.schema_arrow.field(name).type
        if not (bounded or counted) or pa.types.is_nested(kind):
            continue
        column = file.read(columns=[name], use_threads=False).column(name)
        if counted:
            nulls[name] = column.null_count
        ends = _ends(column) if bounded else None
        if ends is not None:
            least[name], most[name] = ends
    parts = {"minValues": least, "maxValues": most, "nullCount": nulls}
    return json.dumps(found | {name: part for name, part in parts.items() if part}, ensure_ascii=False)


def _ends(column: pa.ChunkedArray) -> tuple[Any, Any] | None:
    """The smallest and the largest value as the log writes them; None where it cannot, or there is none."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    is_ordered = (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_date(column.type)
    )
    if not is_ordered or column.null_count == len(column):
        return None
    if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column)).as_py():
        return None
    ends = pc.min_max(column).as_py()
    written = [_written(ends[end]) for end in ("min", "max")]
    return None if None in written else (written[0], written[1])


def _written(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= _TEXT_MAX else None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int | float) and not isinstance(value, bool | Decimal) else None
