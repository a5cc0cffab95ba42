"""What reading for classification means on every SQL engine: bounded batches, and long values by their beginning only.

A batch ends at ``BATCH_ROWS`` records or ``BATCH_BYTES`` bytes, whichever comes first. Of a value longer than
``LONGEST`` the engine hands out one character (or byte) more than that, so that ``marked`` can tell that it was cut.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import TextClause
from sqlalchemy import text as clause

from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection
from winddown.ports import CUT

LONGEST = 1 << 20
BATCH_ROWS = 20_000
BATCH_BYTES = 4 << 20  # twice as much costs a third more CPU: the allocator gives such blocks back each time

_NAME = re.compile(r'"(?:[^"]|"")*"')
_ARROW = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    bytes: pa.binary(),
    date: pa.date32(),
    datetime: pa.timestamp("us"),
}


def verbatim(query: str) -> str:
    r"""Escape what SQLAlchemy's ``text`` would take for a bind parameter: a column may be called ``a:b``.

    >>> verbatim('SELECT "a:b"::text')
    'SELECT "a\\:b"\\:\\:text'
    """
    return query.replace(":", "\\:")


def without_parameters(statement: str) -> str:
    """A driver without parameters takes a percent sign as it is; SQLAlchemy's always gives it some.

    >>> without_parameters("SELECT '5%'")
    "SELECT '5%%'"
    """
    return statement.replace("%", "%%")


def with_names(query: str) -> TextClause:
    r"""A statement with bind parameters, in which all that stands in double quotes is a name: no parameter is in it.

    >>> str(with_names('SELECT "a (:b)" WHERE c = :c'))
    'SELECT "a (:b)" WHERE c = :c'
    """
    return clause(_NAME.sub(lambda name: verbatim(name[0]), query))


def plain_type(declared: str) -> str:
    """A type without the labels that it lists: they are values of its records.

    >>> plain_type("enum('张三','O''Neil')"), plain_type("varchar(20)")
    ("enum('…','…')", 'varchar(20)')
    """
    return re.sub(r"'(?:[^']|'')*'", "'…'", declared)


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


def batched(rows: Iterable[Sequence[Any]], names: Sequence[str], *, text: bool) -> Iterator[pa.RecordBatch]:
    """Turn a driver's rows into batches: all values as text, or each field as what its values in the batch are.

    Raises:
        Refused: a text is no Unicode; the message does not quote it.
    """
    part: list[Sequence[Any]] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(part) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield _arrow(part, names, text=text)
            part, size = [], 0
    if part:
        yield _arrow(part, names, text=text)


def _arrow(rows: Sequence[Sequence[Any]], names: Sequence[str], *, text: bool) -> pa.RecordBatch:
    arrays = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(_written(values) if text else _typed(values))
        except (pa.ArrowException, UnicodeEncodeError):
            raise Refused(
                f"field {name!r} holds text that is not Unicode",
                next_step="find out in which encoding it was stored, and convert it",
            ) from None
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _typed(values: Sequence[Any]) -> "pa.Array[Any]":
    kinds = {type(value) for value in values} - {type(None)}
    kind = _ARROW.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is not None:
        with suppress(OverflowError, pa.ArrowInvalid):  # numbers beyond 64 bits are written out
            return pa.array(values, type=kind)
    return _written(values)


def _written(values: Sequence[Any]) -> "pa.Array[Any]":
    return pa.array([as_text(value) for value in values], type=pa.string())


def as_text(value: Any) -> str | None:
    r"""Write one value of a driver as the text that the product compares; bytes as base64.

    >>> as_text(Decimal("1E+2")), as_text(datetime(2024, 2, 29, 8)), as_text(b"\xff")
    ('100', '2024-02-29 08:00:00', '/w==')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def refuse_change(seen: Collection, now: Collection) -> None:
    """Refuse to read a collection that has other fields or another key than when it was discovered."""
    if _shape(seen) != _shape(now):
        raise Refused(
            f"collection {seen.ref} was altered since it was discovered",
            rule="nothing half-read passes",
            next_step="discover again when nobody alters it any more",
        )


def _shape(collection: Collection) -> tuple[object, ...]:
    return collection.format, collection.key, tuple((field.name, field.type) for field in collection.fields)
