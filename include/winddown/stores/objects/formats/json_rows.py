"""Turns JSON objects into columns. A member that holds more than a plain value becomes its JSON text."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import pyarrow as pa

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.problem import Problem, Unreadable

PLAIN: dict[frozenset[type], pa.DataType] = {
    frozenset(): pa.null(),
    frozenset({str}): pa.string(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({bool}): pa.bool_(),
}
_INT64 = 1 << 63


def as_batch(documents: Sequence[Any], names: dict[str, None]) -> pa.RecordBatch:
    """Return one row a document; ``names`` gains the members that it did not have. Raises Unreadable for others."""
    require_objects(documents)
    _add_names(documents, names)
    columns = [_column([document.get(name) for document in documents]) for name in names]
    if not names:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * len(documents), type=pa.struct([])))
    return pa.RecordBatch.from_arrays(columns, names=list(names))


def kinds_of(documents: Sequence[dict[str, Any]]) -> dict[str, pa.DataType]:
    """The types that ``as_batch`` gives the members of these, without a look at the columns that it makes."""
    names: dict[str, None] = {}
    _add_names(documents, names)
    return {name: _kind([document.get(name) for document in documents]) or pa.string() for name in names}


def require_objects(documents: Sequence[Any]) -> None:
    """Raise Unreadable where a document is something else."""
    if set(map(type, documents)) - {dict}:
        raise Unreadable(Problem.BROKEN, "a record of the file is not a JSON object")


def refuse_repeated(written: bytes, documents: Sequence[Any], lines: Iterable[bytes]) -> None:
    """Raise Unreadable when an object names a member twice: a parser keeps one value and drops the other unread.

    Args:
        written: what was parsed; it has one colon a member, besides those inside strings.
        documents: what was understood.
        lines: pieces of ``written`` that are JSON by themselves.
    """
    # A colon that is written as an escape is one in what was understood alone, and would make up for a lost member.
    is_plain = b"\\u003a" not in written and b"\\u003A" not in written
    if is_plain and written.count(b":") == orjson.dumps(documents).count(b":"):
        return
    for line in lines:
        json.loads(line, object_pairs_hook=_unrepeated)


def _unrepeated(members: list[tuple[str, Any]]) -> None:
    limits.check_names([name for name, _ in members])


def _add_names(documents: Sequence[dict[str, Any]], names: dict[str, None]) -> None:
    for document in documents:
        if not document.keys() <= names.keys():
            names |= dict.fromkeys(document)


def _column(values: list[Any]) -> pa.Array:
    kind = _kind(values)
    return pa.array([_text(value) for value in values] if kind is None else values, type=kind or pa.string())


def _kind(values: list[Any]) -> pa.DataType | None:
    """The type that holds all of these as they are, None when only text does."""
    kind = PLAIN.get(frozenset(map(type, values)) - {type(None)})
    if kind == pa.int64() and not all(value is None or -_INT64 <= value < _INT64 for value in values):
        return None
    return kind


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
