"""Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), as far
as Parquet's footers use it: read into a tree and written again, byte for byte also where nobody knows the field.

A struct is a dict from field number to a type and a value; a list is its elements' type and the values. Numbers are
Python's; doubles, strings and UUIDs stay bytes.

>>> struct = {1: (I32, 7), 4: (BINARY, b"root")}
>>> read(write(struct)) == (struct, len(write(struct)))
True
"""  # noqa: D205 - the address is part of the sentence

from typing import Any

from winddown.stores.objects.formats import varint
from winddown.stores.objects.formats.problem import Problem, Unreadable

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(1, 14)
_INTEGERS = frozenset({I16, I32, I64})
_LISTS = frozenset({LIST, SET})
_SIZES = {BYTE: 1, DOUBLE: 8, UUID: 16}
_DEPTH = 32
_SHORT = 15
_MORE = 0x80
_BITS = 70

Struct = dict[int, tuple[int, Any]]


def read(data: bytes, place: int = 0) -> tuple[Struct, int]:
    """Read the struct at a place; also returns the place behind it. Raises Unreadable for what is none."""
    reader = _Reader(data, place)
    try:
        found = reader.struct(0)
    except IndexError:
        raise _broken() from None
    return found, reader.place


def write(struct: Struct) -> bytes:
    """Write a struct."""
    out = bytearray()
    _write_struct(out, struct)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self.place = place

    def struct(self, depth: int) -> Struct:
        if depth > _DEPTH:
            raise _broken()
        found: Struct = {}
        number = 0
        data = self._data
        while head := data[self.place]:
            self.place += 1
            kind = head & 15
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            if number in found:
                raise _broken()
            # A boolean's value is its type.
            found[number] = (kind, kind == TRUE) if kind in {TRUE, FALSE} else (kind, self._value(kind, depth))
        self.place += 1
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            return self._list(depth + 1)
        if kind == MAP:
            return self._map(depth + 1)
        if kind in _SIZES:
            return self._bytes(_SIZES[kind])
        raise _broken()

    def _list(self, depth: int) -> tuple[int, list[Any]]:
        head = self._data[self.place]
        self.place += 1
        kind = head & 15
        count = head >> 4 if head >> 4 < _SHORT else self._varint()
        return kind, [self._element(kind, depth) for _ in range(self._counted(count, depth))]

    def _map(self, depth: int) -> tuple[int, int, list[tuple[Any, Any]]]:
        count = self._counted(self._varint(), depth)
        if not count:
            return 0, 0, []
        kinds = self._bytes(1)[0]
        key, value = kinds >> 4, kinds & 15
        return key, value, [(self._element(key, depth), self._element(value, depth)) for _ in range(count)]

    def _element(self, kind: int, depth: int) -> Any:
        return self._bytes(1) if kind in {TRUE, FALSE} else self._value(kind, depth)

    def _counted(self, count: int, depth: int) -> int:
        if depth > _DEPTH or count > len(self._data) - self.place:
            raise _broken()
        return count

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self.place]
            self.place += 1
            value |= (byte & 127) << shift
            if byte < _MORE:
                return value
            shift += 7
            if shift >= _BITS:
                raise _broken()

    def _zigzag(self) -> int:
        return varint.signed(self._varint())

    def _bytes(self, size: int) -> bytes:
        found = self._data[self.place : self.place + size]
        if len(found) != size:
            raise _broken()
        self.place += size
        return found


def _write_struct(out: bytearray, struct: Struct) -> None:
    last = 0
    for number in sorted(struct):
        kind, value = struct[number]
        if kind in {TRUE, FALSE}:
            kind = TRUE if value else FALSE
        if 0 < number - last <= _SHORT:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            out += varint.written(varint.unsigned(number))
        if kind not in {TRUE, FALSE}:
            _write_value(out, kind, value)
        last = number
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in _INTEGERS:
        out += varint.written(varint.unsigned(value))
    elif kind == BINARY:
        out += varint.written(len(value))
        out += value
    elif kind == STRUCT:
        _write_struct(out, value)
    elif kind in _LISTS:
        element, values = value
        if len(values) < _SHORT:
            out.append(len(values) << 4 | element)
        else:
            out.append(_SHORT << 4 | element)
            out += varint.written(len(values))
        for each in values:
            _write_value(out, element, each)
    elif kind == MAP:
        key, element, pairs = value
        out += varint.written(len(pairs))
        if pairs:
            out.append(key << 4 | element)
        for name, each in pairs:
            _write_value(out, key, name)
            _write_value(out, element, each)
    else:
        out += value


def _broken() -> Unreadable:
    return Unreadable(Problem.BROKEN, "the footer of a Parquet file is not what it should be")
