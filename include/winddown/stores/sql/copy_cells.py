"""Cells of PostgreSQL's binary ``COPY`` as the Arrow types that they are, compiled.

``binary`` says what the format is, and reads what is text alone: that needs no compiler, which takes 100 MiB of memory.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from winddown.compiled import compiled, load, store
from winddown.stores.sql.binary import HEADER, SIGNATURE, TRAILER, Wire, unreadable

_ONE, _TWO, _FOUR, _EIGHT = (np.uint64(count) for count in (1, 2, 4, 8))
_BYTES1, _BYTES2 = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_COMPLETE, _TORN, _END, _WRONG = range(4)  # what comes next in a stream


class CopyReader:
    """Reads one stream, piece by piece.

    Args:
        wires: of its fields, in order.
    """

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._wires = wires
        self._widths = np.array([wire.width for wire in wires], np.int64)
        self._left = b""
        self._is_begun = self._is_ended = False

    def read(self, content: bytes | bytearray) -> pa.RecordBatch | None:
        """Return the rows that are complete with this piece, None if there are none.

        Raises:
            Refused: these are not such rows.
        """
        content = self._left + content if self._left else content
        begin = 0
        if not self._is_begun:
            if len(content) < HEADER or len(content) < (begin := HEADER + int.from_bytes(content[15:19], "big")):
                self._left = bytes(content)
                return None
            if not content.startswith(SIGNATURE):
                raise unreadable()
            self._is_begun = True
        data = np.frombuffer(memoryview(content).toreadonly(), np.uint8)  # always the type that was compiled for
        sizes = np.zeros(len(self._wires), np.int64)
        rows, end, state = _measure(data, begin, self._widths, sizes)
        if state == _TORN:
            # A row that goes on in the next piece; its fields were counted in.
            sizes[:] = 0
            _measure(data[:end], begin, self._widths, sizes)
        self._left = bytes(content[end:])
        if state == _END and len(self._left) == len(TRAILER):
            self._left, self._is_ended = b"", True
        elif state in {_END, _WRONG} or (rows and self._is_ended):
            raise unreadable()
        return self._batch(data, begin, rows, sizes) if rows else None

    def close(self) -> None:
        """Refuse a stream that did not come to its end."""
        if not self._is_ended:
            raise unreadable()

    def _batch(
        self, data: npt.NDArray[np.uint8], begin: int, rows: int, sizes: npt.NDArray[np.int64]
    ) -> pa.RecordBatch:
        regions = np.where(self._widths > 0, self._widths * rows, sizes)
        bases = np.cumsum(regions) - regions
        content = np.empty(int(regions.sum()), np.uint8)
        offsets = np.zeros((len(self._wires), rows + 1), np.int32)
        filled = np.empty((len(self._wires), rows), np.bool_)
        _fill(data, begin, self._widths, bases, content, offsets, filled)
        columns = [
            _column(wire, rows, content[base : base + region], offsets[field], filled[field])
            for field, (wire, base, region) in enumerate(zip(self._wires, bases, regions, strict=True))
        ]
        return pa.RecordBatch.from_arrays(columns, names=[str(field) for field in range(len(columns))])


def _column(wire: Wire, rows: int, content: Any, offsets: Any, filled: Any) -> "pa.Array[Any]":
    nulls = rows - int(np.count_nonzero(filled))
    valid = pa.py_buffer(np.packbits(filled, bitorder="little")) if nulls else None
    if wire.width == 0:
        buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(content)]
    elif wire.arrow == pa.bool_():
        buffers = [valid, pa.py_buffer(np.packbits(content, bitorder="little"))]
    elif wire.shift:
        buffers = [valid, pa.py_buffer(content.view(f"i{wire.width}") + wire.shift)]
    else:
        buffers = [valid, pa.py_buffer(content)]
    return pa.Array.from_buffers(wire.arrow, rows, buffers, nulls)


@compiled
def _number(data: Any, place: Any) -> Any:
    first, second = np.uint32(data[place]), np.uint32(data[place + _ONE])
    third, fourth = np.uint32(data[place + _TWO]), np.uint32(data[place + _TWO + _ONE])
    return np.int32(first << np.uint32(24) | second << np.uint32(16) | third << np.uint32(8) | fourth)


@compiled
def _measure(data: Any, begin: Any, widths: Any, sizes: Any) -> Any:
    # How many rows are complete, where the last one ends, what comes then; and the bytes of each field.
    place, size, rows, state = np.uint64(begin), np.uint64(len(data)), 0, _COMPLETE
    while state == _COMPLETE and place < size:
        behind, state = _passed(data, place, widths, sizes)
        if state == _COMPLETE:
            place = behind
            rows += 1
    return rows, np.int64(place), state


@compiled
def _passed(data: Any, place: Any, widths: Any, sizes: Any) -> Any:
    # The place behind a row; a row that is not complete is counted in as far as it goes.
    size = np.uint64(len(data))
    if place + _TWO > size:
        return place, _TORN
    count = np.int16(np.uint16(data[place]) << np.uint16(8) | np.uint16(data[place + _ONE]))
    place += _TWO
    if count != len(widths):
        return place, _END if count == -1 else _WRONG
    for field in range(len(widths)):
        if place + _FOUR > size:
            return place, _TORN
        length = _number(data, place)
        place += _FOUR
        if length < -1 or (length >= 0 and widths[field] and length != widths[field]):
            return place, _WRONG
        if length > 0:
            sizes[field] += length
            place += np.uint64(length)
    return place, _COMPLETE if place <= size else _TORN


@compiled
def _fill(data: Any, begin: Any, widths: Any, bases: Any, content: Any, offsets: Any, filled: Any) -> None:
    place = np.uint64(begin)
    for row in range(filled.shape[1]):
        place += _TWO
        for field in range(len(widths)):
            told, width = _number(data, place), np.uint64(widths[field])
            place += _FOUR
            filled[field, row] = told >= 0
            length = np.uint64(max(told, 0))
            if width:
                target = np.uint64(bases[field]) + np.uint64(row) * width
                if width == _EIGHT:
                    store(content, target, _turned(load(data, place)) if length else np.uint64(0))
                else:
                    for byte in range(width):  # the last one first: the network's order is not the machine's
                        content[target + byte] = data[place + width - _ONE - byte] if length else np.uint8(0)
            else:
                target = np.uint64(bases[field] + offsets[field, row])
                _copy(data, place, length, content, target)
                offsets[field, row + 1] = offsets[field, row] + length
            place += length


@compiled
def _turned(number: Any) -> Any:
    # Eight bytes, the last one first.
    number = (number >> np.uint64(8) & _BYTES1) | (number & _BYTES1) << np.uint64(8)
    number = (number >> np.uint64(16) & _BYTES2) | (number & _BYTES2) << np.uint64(16)
    return number >> np.uint64(32) | number << np.uint64(32)


@compiled
def _copy(data: Any, place: Any, length: Any, content: Any, target: Any) -> None:
    if length >= _EIGHT:
        last = length - _EIGHT  # these eight overlap with those before
        done = np.uint64(0)
        while done < last:
            store(content, target + done, load(data, place + done))
            done += _EIGHT
        store(content, target + last, load(data, place + last))
        return
    for byte in range(length):
        content[target + byte] = data[place + byte]
