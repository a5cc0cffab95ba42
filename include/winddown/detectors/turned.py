"""Values of one length as a matrix that is turned on its side: each place of all values in one piece of memory.

Checks look at one place of all values at a time. Eight values are turned together, eight bytes of each at once in the
processor's registers.
"""

from typing import Any

import numpy as np

from winddown.compiled import compiled, load, store
from winddown.detectors.cells import Bytes, Rows
from winddown.detectors.classes import SEPARATOR
from winddown.detectors.walk import ONE

_TOGETHER = 64
_PLUS = ord("+")
_EIGHT, _TWO = np.uint64(8), np.uint64(2)
_HALF, _QUARTER, _BYTE = np.uint64(0x00000000FFFFFFFF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0x00FF00FF00FF00FF)
_LOW, _HIGH = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080)
_FROM_A, _BEHIND_Z = np.uint64(0x1F1F1F1F1F1F1F1F), np.uint64(0x0505050505050505)  # what lifts a, and z + 1, to 0x80


def turned(data: Bytes, starts: Rows, ends: Rows, chosen: Rows, length: int) -> Bytes:
    """Return a matrix of ``length`` rows, a column for each chosen stretch of the data, in capitals.

    Of a stretch that is longer, separators and a leading plus are left out; ``length`` bytes must be left.
    """
    columns = np.empty((length, len(chosen)), np.uint8)
    _turn(data, starts, ends, chosen, SEPARATOR, columns)
    return columns


@compiled
def _turn(data: Any, starts: Any, ends: Any, chosen: Any, separates: Any, columns: Any) -> None:
    # Through a piece that stays in the cache, because columns are far apart.
    length, count = columns.shape
    width = max(length, 8)
    values, piece = np.zeros(8 * width, np.uint8), np.empty(width * _TOGETHER, np.uint8)
    steps, places = np.arange(8).astype(np.uint64) * np.uint64(width), np.empty(8, np.uint64)
    for begin in range(0, count, _TOGETHER):
        together = min(_TOGETHER, count - begin)
        for first in range(0, together, 8):
            is_straight = True
            for each in range(8):
                segment = chosen[min(begin + first + each, count - 1)]
                places[each] = starts[segment]
                is_straight &= ends[segment] - starts[segment] == length and starts[segment] + width <= len(data)
            if is_straight:
                _turn_eight(data, places, width, piece, first)
                continue
            for each in range(8):
                segment = chosen[min(begin + first + each, count - 1)]
                _copy(
                    data, np.uint64(starts[segment]), np.uint64(ends[segment]), length, separates, values, steps[each]
                )
            _turn_eight(values, steps, width, piece, first)
        for place in range(length):
            column, source = columns[place, begin : begin + together], piece[place * _TOGETHER :]
            for row in range(len(column)):
                column[row] = source[row]


@compiled
def _copy(data: Any, source: Any, end: Any, length: int, separates: Any, values: Any, place: Any) -> None:
    is_whole, behind = end - source == np.uint64(length), place + np.uint64(length)
    if not is_whole and data[source] == _PLUS:
        source += ONE
    while source < end and place < behind:
        values[place] = data[source]
        place += np.uint64(is_whole or not separates[data[source]])
        source += ONE


@compiled
def _turn_eight(data: Any, places: Any, length: int, piece: Any, first: int) -> None:
    p0, p1, p2, p3 = places[0], places[1], places[2], places[3]
    p4, p5, p6, p7 = places[4], places[5], places[6], places[7]
    for begin in range(0, length, 8):
        at = np.uint64(min(begin, length - 8))  # the last eight bytes overlap with those before
        a, b, c, d = load(data, p0 + at), load(data, p1 + at), load(data, p2 + at), load(data, p3 + at)
        e, f, g, h = load(data, p4 + at), load(data, p5 + at), load(data, p6 + at), load(data, p7 + at)
        a, e = _crossed(a, e, _HALF, np.uint64(32))
        b, f = _crossed(b, f, _HALF, np.uint64(32))
        c, g = _crossed(c, g, _HALF, np.uint64(32))
        d, h = _crossed(d, h, _HALF, np.uint64(32))
        a, c = _crossed(a, c, _QUARTER, np.uint64(16))
        b, d = _crossed(b, d, _QUARTER, np.uint64(16))
        e, g = _crossed(e, g, _QUARTER, np.uint64(16))
        f, h = _crossed(f, h, _QUARTER, np.uint64(16))
        a, b = _crossed(a, b, _BYTE, _EIGHT)
        c, d = _crossed(c, d, _BYTE, _EIGHT)
        e, f = _crossed(e, f, _BYTE, _EIGHT)
        g, h = _crossed(g, h, _BYTE, _EIGHT)
        place = at * np.uint64(_TOGETHER) + np.uint64(first)
        for column in (a, b, c, d, e, f, g, h):
            store(piece, place, _upper(column))
            place += np.uint64(_TOGETHER)


@compiled
def _crossed(one: Any, other: Any, mask: Any, shift: Any) -> Any:
    # The upper half of the one and the lower half of the other change places, in every group of the mask.
    return (one & mask) | (other & mask) << shift, (one >> shift & mask) | (other & ~mask)


@compiled
def _upper(text: Any) -> Any:
    # Eight bytes; a sum reaches the highest bit of a byte from ``a`` on, or behind ``z``.
    low = text & _LOW
    return text ^ (~text & _HIGH & ((low + _FROM_A) ^ (low + _BEHIND_Z))) >> _TWO
