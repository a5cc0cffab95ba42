"""Runs: the stretches of text in which a number may stand, cut out of it and narrowed to ASCII.

A run is a maximal stretch of letters, digits, and single separators between digits, inside one cell and at least as
long as the shortest number. Most text has none, which a few passes over bits show; what is left is so little that it is
read word by word.
"""

import numpy as np

from winddown.detectors.exact import in_ascii
from winddown.detectors.kind import ALNUM, DIGIT, Bools
from winddown.detectors.plan import JOINER
from winddown.detectors.screen import Screen
from winddown.detectors.segments import CLASS, Bytes, Rows, classes_of, stretches

Found = tuple[Bytes, Rows, Rows]  # bytes, their offsets, the cell of each run


def runs(seen: Screen, chosen: Rows, shortest: int) -> Found | None:
    """Return the runs of at least ``shortest`` characters, a digit among them, in the chosen cells."""
    units, marks, bounds, rows = seen.units, seen.unit_marks, seen.bounds, chosen
    if len(chosen) < len(bounds) - 1:
        places, bounds = stretches(bounds[chosen], bounds[chosen + 1])
        units, marks = units[places], marks[places]
    if len(units) < shortest:
        return None
    alnum = (marks & np.uint16(ALNUM)) != 0
    digit = (marks & np.uint16(DIGIT)) != 0
    member = alnum.copy()
    member[1:-1] |= ((marks[1:-1] & np.uint16(JOINER)) != 0) & digit[:-2] & alnum[2:]
    glued = member[:-1] & member[1:]
    inner = bounds[1:-1]
    glued[inner[(inner > 0) & (inner < len(units))] - 1] = False
    long = _all_of(glued, shortest - 1)
    edge = np.empty(len(long) + 1, np.bool_)
    edge[0], edge[-1] = long[0], long[-1]
    np.not_equal(long[1:], long[:-1], out=edge[1:-1])
    edges = np.flatnonzero(edge)
    if not len(edges):
        return None
    starts, ends = edges[0::2], edges[1::2] + shortest - 1
    cells = np.searchsorted(bounds, starts, side="right") - 1
    places, offsets = stretches(starts, ends)
    data = in_ascii(units[places])
    numeric = (classes_of(CLASS[data], offsets) & DIGIT) != 0
    if not numeric.all():
        places, fewer = stretches(offsets[:-1][numeric], offsets[1:][numeric])
        data, offsets, cells = data[places], fewer, cells[numeric]
    return data, offsets, rows[cells]


def _all_of(flags: Bools, count: int) -> Bools:
    # Whether the next ``count`` flags are all set, by doubling.
    width = 1
    while 2 * width <= count:
        flags = flags[:-width] & flags[width:]
        width *= 2
    return flags[: len(flags) - (count - width)] & flags[count - width :]

