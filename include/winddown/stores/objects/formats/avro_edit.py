"""Empties fields of one Avro record where they stand (https://avro.apache.org/docs/current/specification/#binary-encoding).

A field whose type has a null becomes null, text and bytes become empty; the bytes of all others stay.
"""

from collections.abc import Sequence
from typing import Any

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import varint
from winddown.stores.objects.formats.problem import Problem, Unreadable

_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_NUMBERS = frozenset({"int", "long", "enum"})
_BYTES = frozenset({"bytes", "string"})
_EMPTY = b"\x00"
Paths = Sequence[Sequence[str]]


class Editor:
    """Knows a schema.

    Args:
        schema: as JSON, each named type defined where it is met first.
    """

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._named: dict[str, Any] = {}
        self._note(schema, "")

    def emptied(self, data: bytes, start: int, end: int, paths: Paths) -> bytes:
        """The record between two places with what the paths name emptied; others than records are no step of a path."""
        try:
            found, place = self._copy(data, start, self._schema, "", paths)
        except (IndexError, KeyError, TypeError):
            place = -1
        if place != end:
            raise Unreadable(Problem.BROKEN, "a file that begins as Avro cannot be read as Avro")
        return found

    def _copy(self, data: bytes, place: int, kind: Any, space: str, paths: Paths) -> tuple[bytes, int]:
        """Copy a value; returns it changed, and the place behind the old one."""
        kind, space = self._resolved(kind, space)
        name = kind if isinstance(kind, str) else kind["type"] if isinstance(kind, dict) else "union"
        if [] in paths:
            _, end = self._copy(data, place, kind, space, ())
            return self._nothing(name, kind), end
        if name == "record":
            return self._record(data, place, kind, space, paths)
        if name == "union":
            number, start = _long(data, place)
            found, end = self._copy(data, start, kind[number], space, paths)
            return data[place:start] + found, end
        if name in {"array", "map"}:
            return self._blocks(data, place, kind, space, paths)
        if name in _NUMBERS:
            end = _long(data, place)[1]
        elif name in _BYTES:
            size, start = _long(data, place)
            end = start + size
        else:
            end = place + (kind["size"] if name == "fixed" else _SIZES[name])
        return data[place:end], end

    def _record(self, data: bytes, place: int, kind: Any, space: str, paths: Paths) -> tuple[bytes, int]:
        parts = []
        for field in kind["fields"]:
            inside = [path[1:] for path in paths if path[0] == field["name"]]
            found, place = self._copy(data, place, field["type"], space, inside)
            parts.append(found)
        return b"".join(parts), place

    def _blocks(self, data: bytes, place: int, kind: Any, space: str, paths: Paths) -> tuple[bytes, int]:
        """Copy an array or a map; sizes of its blocks, which only help to skip them, are left out."""
        parts = []
        while True:
            count, place = _long(data, place)
            if count < 0:
                count = -count
                _, place = _long(data, place)
            parts.append(written_long(count))
            if not count:
                return b"".join(parts), place
            for _ in range(count):
                if kind["type"] == "map":
                    name, place = self._copy(data, place, "string", space, ())
                    parts.append(name)
                inner = kind["items"] if kind["type"] == "array" else kind["values"]
                found, place = self._copy(data, place, inner, space, paths)
                parts.append(found)

    def _nothing(self, name: str, kind: Any) -> bytes:
        if name == "union" and "null" in kind:
            return written_long(kind.index("null"))
        if name == "union" and any(each in _BYTES for each in kind if isinstance(each, str)):
            return written_long(next(number for number, each in enumerate(kind) if each in _BYTES)) + _EMPTY
        if name in _BYTES or name in {"array", "map"}:
            return _EMPTY
        if name == "null":
            return b""
        raise Refused(
            "a field of a file may neither be null nor empty, so it cannot be emptied",
            rule="a rewrite keeps the schema",
            next_step="erase the rows, or have the field made nullable by the file's producer",
        )

    def _resolved(self, kind: Any, space: str) -> tuple[Any, str]:
        if isinstance(kind, str) and kind not in _SIZES and kind not in _BYTES and kind not in _NUMBERS:
            full = kind if "." in kind or not space else f"{space}.{kind}"
            kind = self._named[full if full in self._named else kind]
        if isinstance(kind, dict):
            if isinstance(kind["type"], dict | list):
                return self._resolved(kind["type"], space)
            space = _space_of(kind, space)
        return kind, space

    def _note(self, kind: Any, space: str) -> None:
        if isinstance(kind, list):
            for each in kind:
                self._note(each, space)
        if not isinstance(kind, dict):
            return
        space = _space_of(kind, space)
        if "name" in kind and kind["type"] in {"record", "enum", "fixed"}:
            name = kind["name"].rpartition(".")[2]
            self._named[f"{space}.{name}" if space else name] = kind
        for field in kind.get("fields", ()):
            self._note(field["type"], space)
        for inner in ("items", "values", "type"):
            self._note(kind.get(inner), space)


def _space_of(kind: Any, space: str) -> str:
    found: str = kind.get("name", "").rpartition(".")[0] or kind.get("namespace") or space
    return found


def _long(data: bytes, place: int) -> tuple[int, int]:
    value, place = varint.read(data, place)
    return varint.signed(value), place


def written_long(value: int) -> bytes:
    """A number as Avro writes it."""
    return varint.written(varint.unsigned(value))
