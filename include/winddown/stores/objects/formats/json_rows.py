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
    if any(type(document) is not dict for document in documents):
        raise Unreadable(Problem.BROKEN, "a record of the file is not a JSON object")
    for document in documents:
        if not document.keys() <= names.keys():
            names |= dict.fromkeys(document)
    columns = [_column([document.get(name) for document in documents]) for name in names]
    if not names:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * len(documents), type=pa.struct([])))
    return pa.RecordBatch.from_arrays(columns, names=list(names))


def refuse_repeated(written: bytes, documents: Sequence[Any], lines: Iterable[bytes]) -> None:
    """Raise Unreadable when an object names a member twice: a parser keeps one value and drops the other unread.

    Args:
        written: what was parsed; it has one colon a member, besides those inside strings.
        documents: what was understood.
        lines: pieces of ``written`` that are JSON by themselves.
    """
    if written.count(b":") == orjson.dumps(documents).count(b":"):
        return
    for line in lines:
        json.loads(line, object_pairs_hook=_unrepeated)


def _unrepeated(members: list[tuple[str, Any]]) -> None:
    limits.check_names([name for name, _ in members])


def _column(values: list[Any]) -> pa.Array:
    kind = PLAIN.get(frozenset(map(type, values)) - {type(None)})
    if kind is None or (kind == pa.int64() and not all(v is None or -_INT64 <= v < _INT64 for v in values)):
        return pa.array([_text(value) for value in values], type=pa.string())
    return pa.array(values, type=kind)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
