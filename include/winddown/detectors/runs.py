"""Runs: the numbers that stand inside text, found without cutting the text into words.

A run is a maximal stretch of letters and digits inside one cell; a grouped run may also hold single separators between
digits (after an opening parenthesis also a letter, as in ``A123456(A)``). Whether the next so many characters belong
together is worked out for 64 places at a time; most text has no run as long as the shortest number, and of those that
it has, length and classes dismiss nearly all. Only what is left is copied, and grouped runs compacted.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from winddown.detectors.exact import in_ascii
from winddown.detectors.kind import ALNUM, DIGIT, OTHER
from winddown.detectors.plan import Plan
from winddown.detectors.screen import Screen, are
from winddown.detectors.segments import LONGEST_JOINED, SEPARATOR, Bytes, Rows, Segments, stretches

Bits = npt.NDArray[np.uint64]  # a flag per character, 64 to a word, the first in the lowest bit


def runs(seen: Screen, chosen: Rows) -> Iterator[Segments]:
    """Yield the runs in the chosen cells that some kind can be, then the grouped ones without their separators."""
    units, classes, bounds = seen.units, seen.unit_classes, seen.bounds
    shortest = seen.plan.shortest_word
    if len(chosen) < len(bounds) - 1:
        places, bounds = stretches(bounds[chosen], bounds[chosen + 1])
        units, classes = units[places], classes[places]
    if len(units) < shortest:
        return
    last = np.zeros(len(units), np.uint8)
    last[bounds[1:] - 1] = 1
    ends_cell = _packed(last)
    alnum, digit = _packed(classes & np.uint8(ALNUM)), _packed(classes & np.uint8(DIGIT))
    plain = _together(alnum, ends_cell, shortest)
    if (plain & _within(digit, shortest)).any():
        starts, ends = _edges(plain, shortest)
        fit, union = _fitting(seen.plan, classes, starts, ends, ends - starts)
        if len(fit):
            starts, ends = starts[fit], ends[fit]
            cells, lengths, data = chosen[_cells(bounds, starts)], ends - starts, units
            if units.dtype != np.uint8:
                source, offsets = stretches(starts, ends)
                data, starts = in_ascii(units[source]), offsets[:-1]
            yield Segments(data, starts, lengths, union, cells)
    joins = _joins(units, classes, alnum, digit, ends_cell)
    if not joins.any():
        return
    grouped = _together(alnum | joins, ends_cell, shortest + 1)
    if not (grouped & _within(joins, shortest + 1)).any():
        return
    places = _places(joins)
    starts, ends = _edges(grouped, shortest + 1)
    inside = np.searchsorted(places, ends) - np.searchsorted(places, starts)
    lengths = np.where((inside > 0) & (ends - starts <= LONGEST_JOINED), ends - starts - inside, 0)
    fit, union = _fitting(seen.plan, classes, starts, ends, lengths)
    cells = _cells(bounds, starts[fit])
    inner = (starts[fit] > bounds[cells]) | (
        ends[fit] < bounds[cells + 1]
    )  # whole cells have been compacted and checked
    if inner.any():
        fit, union, cells = fit[inner], union[inner], cells[inner]
        source, _ = stretches(starts[fit], ends[fit])
        data = in_ascii(units[source])
        offsets = np.cumsum(lengths[fit]) - lengths[fit]
        yield Segments(data[~SEPARATOR[data]], offsets, lengths[fit], union, chosen[cells])


def _joins(units: npt.NDArray[Any], classes: Bytes, alnum: Bits, digit: Bits, ends_cell: Bits) -> Bits:
    # Separators between digits, or a parenthesis between a digit and a letter; none at a cell's edge.
    possible = _packed(classes & np.uint8(OTHER)) & ~ends_cell & _earlier(digit & ~ends_cell) & _later(alnum, 1)
    if not possible.any():
        return possible
    joins = _packed(are(units, "-") | are(units, " ")) & _later(digit, 1)
    opening = are(units, "(")
    if opening.any():
        joins |= _packed(opening)
    return joins & possible


def _together(member: Bits, ends_cell: Bits, count: int) -> Bits:
    # The places from which ``count`` characters on are members in one cell.
    together, width = member & _later(member, 1) & ~ends_cell, 1
    while 2 * width < count:
        together, width = together & _later(together, width), 2 * width
    return together & _later(together, count - 1 - width) if width < count - 1 else together


def _within(flags: Bits, count: int) -> Bits:
    # The places from which on there is a flag within ``count`` characters.
    width = 1
    while 2 * width <= count:
        flags, width = flags | _later(flags, width), 2 * width
    return flags | _later(flags, count - width) if width < count else flags


def _edges(together: Bits, count: int) -> tuple[Rows, Rows]:
    # Where the runs of at least ``count`` characters start and end.
    return _places(together & ~_earlier(together)), _places(together & ~_later(together, 1)) + count


def _packed(flags: npt.NDArray[Any]) -> Bits:
    # One word more than needed, so that the last place has a neighbour.
    packed = np.zeros((len(flags) // 64 + 1) * 8, np.uint8)
    packed[: (len(flags) + 7) // 8] = np.packbits(flags, bitorder="little")
    return packed.view(np.uint64)


def _later(bits: Bits, count: int) -> Bits:
    # At each place the flag that stands ``count`` places later, up to 63.
    moved = bits >> np.uint64(count)
    moved[:-1] |= bits[1:] << np.uint64(64 - count)
    return moved


def _earlier(bits: Bits) -> Bits:
    # At each place the flag of the place before it.
    moved = bits << np.uint64(1)
    moved[1:] |= bits[:-1] >> np.uint64(63)
    return moved


def _places(bits: Bits) -> Rows:
    # First the words that have any, then their bytes, then the bits: set flags are few.
    words: Rows = np.flatnonzero(bits)
    octets = bits[words].view(np.uint8)
    some = np.flatnonzero(octets)
    found = np.flatnonzero(np.unpackbits(octets[some], bitorder="little").view(np.bool_))
    octet = some[found >> 3]
    return np.asarray(words[octet >> 3] * 64 + ((octet & 7) << 3) + (found & 7))


def _fitting(plan: Plan, classes: Bytes, starts: Rows, ends: Rows, lengths: Rows) -> tuple[Rows, Bytes]:
    # The runs that some kind can be by their lengths, then by their classes; and these classes.
    fit = np.flatnonzero(plan.word_lengths[np.minimum(lengths, plan.lengths - 1)])
    if not len(fit):
        return fit, np.zeros(0, np.uint8)
    edges = np.empty(2 * len(fit), np.int64)
    edges[0::2], edges[1::2] = starts[fit], ends[fit]  # what lies between two runs is dropped again
    union = np.bitwise_or.reduceat(classes, edges[:-1] if edges[-1] == len(classes) else edges)[0::2]
    union &= np.uint8(0xFF ^ OTHER)
    able = plan.worded_checked[lengths[fit] * 256 + union]
    return fit[able], union[able]


def _cells(bounds: Rows, starts: Rows) -> Rows:
    return np.searchsorted(bounds, starts, side="right") - 1
