"""What reading for classification means on every SQL engine: bounded batches, and long values by their beginning only.

A batch ends at ``BATCH_ROWS`` records or ``BATCH_BYTES`` bytes, whichever comes first. Of a value longer than
``LONGEST`` the engine hands out one character (or byte) more than that, so that ``marked`` can tell that it was cut.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection
from winddown.ports import CUT

LONGEST = 1 << 20
BATCH_ROWS = 20_000
BATCH_BYTES = 8 << 20


def verbatim(query: str) -> str:
    r"""Escape what SQLAlchemy's ``text`` would take for a bind parameter: a column may be called ``a:b``.

    >>> verbatim('SELECT "a:b"::text')
    'SELECT "a\\:b"\\:\\:text'
    """
    return query.replace(":", "\\:")


def named(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """Give a batch the collection's field names, whatever the engine called its columns."""
    return pa.RecordBatch.from_arrays(batch.columns, names=list(names))


def marked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Note in each field's metadata how many of its values were cut; a batch without any comes back as it is."""
    counts = [_cut(column) for column in batch.columns]
    if not any(counts):
        return batch
    fields = [
        field.with_metadata({CUT: str(count).encode()}) if count else field
        for field, count in zip(batch.schema, counts, strict=True)
    ]
    return pa.RecordBatch.from_arrays(batch.columns, schema=pa.schema(fields))


def _cut(column: "pa.Array[Any]") -> int:
    kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not text and not pa.types.is_binary(kind) and not pa.types.is_large_binary(kind):
        return 0
    long = pc.greater(pc.binary_length(column), LONGEST)
    if not pc.any(long).as_py():
        return 0
    found = column.filter(long)
    lengths = pc.utf8_length(found) if text else pc.binary_length(found)
    return int(pc.sum(pc.greater(lengths, LONGEST)).as_py() or 0)


def batched(
    rows: Iterable[Sequence[Any]], names: Sequence[str], types: Mapping[str, "pa.DataType"]
) -> Iterator[pa.RecordBatch]:
    """Turn rows of a driver into batches; ``types`` is the Arrow type of every field.

    Raises:
        Refused: a value is not of its field's type; the message does not quote it.
    """
    part: list[Sequence[Any]] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(part) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield _arrow(part, names, types)
            part, size = [], 0
    if part:
        yield _arrow(part, names, types)


def _arrow(rows: Sequence[Sequence[Any]], names: Sequence[str], types: Mapping[str, "pa.DataType"]) -> pa.RecordBatch:
    arrays = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(pa.array(values, type=types[name]))
        except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError, ValueError):
            raise Refused(
                f"field {name!r} holds values that are not {types[name]}",
                next_step="find out with the engine's own client what the field holds, and repair or drop it",
            ) from None
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def refuse_change(seen: Collection, now: Collection) -> None:
    """Refuse to read a collection that has other fields or another key than when it was discovered."""
    if _shape(seen) != _shape(now):
        raise Refused(
            f"collection {seen.ref} was altered since it was discovered",
            rule="nothing half-read passes",
            next_step="discover again when nobody alters it any more",
        )


def _shape(collection: Collection) -> tuple[object, ...]:
    return collection.key, tuple((field.name, field.type) for field in collection.fields)
