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
from winddown.detectors.fold import FULL_WIDTH
from winddown.detectors.kind import ALNUM, DIGIT, OTHER, Bools
from winddown.detectors.plan import JOINER, Marks, Plan
from winddown.detectors.screen import Screen
from winddown.detectors.segments import LONGEST_JOINED, Rows, Segments, compacted, stretches

Bits = npt.NDArray[np.uint64]  # a flag per character, 64 to a word, the first in the lowest bit


def runs(seen: Screen, chosen: Rows) -> Iterator[Segments]:
    """Yield the runs in the chosen cells that some kind can be, then the grouped ones without their separators."""
    plan, units, marks, bounds = seen.plan, seen.units, seen.unit_marks, seen.bounds
    if len(chosen) < len(bounds) - 1:
        places, bounds = stretches(bounds[chosen], bounds[chosen + 1])
        units, marks = units[places], marks[places]
    if len(units) <= plan.shortest_word:
        return
    last = np.zeros(len(units), np.bool_)
    last[bounds[1:] - 1] = True
    ends_cell = _packed(last)
    alnum = _packed((marks & np.uint16(ALNUM)) != 0)
    starts, ends = _runs(alnum, ends_cell, plan.shortest_word)
    fit, classes = _fitting(plan, marks, starts, ends, ends - starts)
    if len(fit):
        starts, ends = starts[fit], ends[fit]
        cells, lengths, data = chosen[_cells(bounds, starts)], ends - starts, units
        if units.dtype != np.uint8:
            source, offsets = stretches(starts, ends)
            data, starts = in_ascii(units[source]), offsets[:-1]
        yield Segments(data, starts, lengths, classes, cells)

    joins = _joins(units, marks, alnum, ends_cell)
    places = _places(joins)
    if not len(places):
        return
    starts, ends = _runs(alnum | joins, ends_cell, plan.shortest_word + 1)
    inside = np.searchsorted(places, ends) - np.searchsorted(places, starts)
    lengths = np.where((inside > 0) & (ends - starts <= LONGEST_JOINED), ends - starts - inside, 0)
    fit, _ = _fitting(plan, marks, starts, ends, lengths)
    starts, ends = starts[fit], ends[fit]
    cells = _cells(bounds, starts)
    inner = (starts > bounds[cells]) | (ends < bounds[cells + 1])  # whole cells have been compacted and checked
    if inner.any():
        source, offsets = stretches(starts[inner], ends[inner])
        data, offsets = compacted(in_ascii(units[source]), offsets)
        yield Segments.of(data, offsets, chosen[cells[inner]])


def _joins(units: npt.NDArray[Any], marks: Marks, alnum: Bits, ends_cell: Bits) -> Bits:
    # Separators between digits, or a parenthesis between a digit and a letter; none at a cell's edge.
    digit = _packed((marks & np.uint16(DIGIT)) != 0)
    joiner = _packed((marks & np.uint16(JOINER)) != 0) & ~ends_cell
    joiner &= _earlier(digit & ~ends_cell)
    joins = joiner & _later(digit, 1)
    before_letter = _places(joiner & _later(alnum & ~digit, 1))
    opening = (units[before_letter] == ord("(")) | (units[before_letter] == ord("(") + FULL_WIDTH)
    for place in before_letter[opening].tolist():
        joins[place >> 6] |= np.uint64(1 << (place & 63))
    return joins


def _runs(member: Bits, ends_cell: Bits, shortest: int) -> tuple[Rows, Rows]:
    # Starts and ends of the maximal runs of at least ``shortest`` members that lie in one cell.
    together = member & _later(member, 1) & ~ends_cell
    width = 1
    while 2 * width <= shortest - 1:
        together = together & _later(together, width)
        width *= 2
    if width < shortest - 1:
        together = together & _later(together, shortest - 1 - width)
    if not together.any():
        return _NONE, _NONE
    return _places(together & ~_earlier(together)), _places(together & ~_later(together, 1)) + shortest


_NONE: Rows = np.zeros(0, np.int64)


def _packed(flags: Bools) -> Bits:
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
    words = np.flatnonzero(bits)
    octets = bits[words].view(np.uint8)
    some = np.flatnonzero(octets)
    found = np.flatnonzero(np.unpackbits(octets[some], bitorder="little").view(np.bool_))
    octet = some[found >> 3]
    return words[octet >> 3] * 64 + ((octet & 7) << 3) + (found & 7)


def _fitting(plan: Plan, marks: Marks, starts: Rows, ends: Rows, lengths: Rows) -> tuple[Rows, npt.NDArray[np.uint8]]:
    # The runs that some kind can be by their lengths, then by their classes; and these classes.
    fit = np.flatnonzero(plan.word_lengths[np.minimum(lengths, plan.lengths - 1)])
    if not len(fit):
        return fit, np.zeros(0, np.uint8)
    edges = np.empty(2 * len(fit), np.int64)
    edges[0::2], edges[1::2] = starts[fit], ends[fit]  # what lies between two runs is dropped again
    union = np.bitwise_or.reduceat(marks, edges[:-1] if edges[-1] == len(marks) else edges)[0::2]
    classes = union.astype(np.uint8) & np.uint8(0xFF ^ OTHER)
    able = plan.worded_checked[lengths[fit] * 256 + classes]
    return fit[able], classes[able]


def _cells(bounds: Rows, starts: Rows) -> Rows:
    return np.searchsorted(bounds, starts, side="right") - 1
