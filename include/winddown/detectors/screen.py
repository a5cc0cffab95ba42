"""The screen: one pass over a column that tells of each cell its length, its classes and the clues in it.

Text beyond ASCII is read as UTF-16, one unit per character for all of Chinese, which makes every question about a
character one look into a table, folding included. Nothing is decided here but what a cell cannot be: whatever the marks
leave open is folded and read exactly. Cells in which folding does more than narrowing are left wholly open.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from winddown.detectors.fold import buffers, fold_column, folds_elsewhere
from winddown.detectors.kind import ALNUM, DIGIT, Bools
from winddown.detectors.plan import CLASSES, CLUES, EMPTY, JOINER, ODD, WIDE, Alternative, Marks, Plan, Search
from winddown.detectors.segments import CLASS, Bytes, Rows, classes_of

_ASCII = 0x80
_FOUR = 0xF0  # the first lead byte of a sequence of four, which takes two units
_ALL_DIGITS = (ord("0"), ord("9"))


@dataclass(slots=True)
class Screen:
    """What was seen of each cell, and, as long as the column is worked on, of each character.

    ``lengths`` are bytes of the folded cell, ``marks`` the united marks of its characters. ``odd`` cells have every
    clue. ``even`` says that folding changes no cell of the column.
    """

    lengths: Rows
    marks: Marks
    odd: Rows
    even: bool
    units: npt.NDArray[Any]
    bounds: Rows
    unit_marks: Marks

    @property
    def classes(self) -> Bytes:
        """Return the union of classes of each cell."""
        return self.marks.astype(np.uint8)


def screen(column: "pa.Array[Any]", plan: Plan) -> Screen:
    """Look at every cell of a column without nulls that is trimmed in ASCII. Raises UnicodeDecodeError for no UTF-8."""
    data, offsets = buffers(column)
    units, bounds = _units(column, data, offsets)
    table = plan.marks[:_ASCII] if units.dtype == np.uint8 else plan.marks
    unit_marks = table.take(units.astype(np.intp), mode="wrap")
    filled = bounds[1:] > bounds[:-1]
    every = bool(filled.all())
    starts = bounds[:-1] if every else bounds[:-1][filled]
    marks = np.zeros(len(column), np.uint64)
    if len(starts):
        marks[... if every else filled] = np.bitwise_or.reduceat(unit_marks, starts)
    seen = Screen(np.diff(offsets), marks, np.zeros(0, np.int64), True, units, bounds, unit_marks)
    if units.dtype != np.uint8 and len(starts):
        _fold(seen, column, filled, starts, bounds[1:][filled] - 1)
    return seen


def _units(column: "pa.Array[Any]", data: Bytes, offsets: Rows) -> tuple[npt.NDArray[Any], Rows]:
    top = int(data.max()) if len(data) else 0
    if top < _ASCII:
        return data, offsets
    units = np.frombuffer(data.tobytes().decode().encode("utf-16-le"), np.uint16)
    lengths = pc.utf8_length(column).to_numpy()
    if top >= _FOUR:
        places = np.flatnonzero(data >= _FOUR)
        lengths = lengths + np.bincount(np.searchsorted(offsets, places, side="right") - 1, minlength=len(column))
    bounds = np.zeros(len(column) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return units, bounds


def _fold(seen: Screen, column: "pa.Array[Any]", filled: Bools, starts: Rows, ends: Rows) -> None:
    union = int(np.bitwise_or.reduce(seen.marks))
    odd = (seen.marks & np.uint64(ODD)) != 0
    edges = (seen.unit_marks[starts] | seen.unit_marks[ends]) & np.uint64(EMPTY)
    odd[filled] |= edges != 0
    pairs = np.flatnonzero((seen.units & np.uint16(0xFC00)) == 0xD800)  # noqa: PLR2004 - high surrogates
    if len(pairs):
        high, low = seen.units[pairs].astype(np.int64), seen.units[pairs + 1].astype(np.int64)
        changing = pairs[np.isin(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), folds_elsewhere())]
        odd[np.searchsorted(seen.bounds, changing, side="right") - 1] = True
    if union & WIDE:
        wide = ((seen.unit_marks & np.uint64(WIDE)) != 0).astype(np.uint16)
        seen.lengths[filled] -= 2 * np.add.reduceat(wide, starts).astype(np.int64)
    seen.odd = np.flatnonzero(odd)
    seen.even = not union & WIDE and not len(seen.odd)
    if len(seen.odd):
        data, offsets = buffers(fold_column(column.take(seen.odd)))
        seen.lengths[seen.odd] = np.diff(offsets)
        seen.marks[seen.odd] = classes_of(CLASS[data], offsets).astype(np.uint64) | np.uint64(CLUES)


def promising(seen: Screen, search: Search, chosen: Rows) -> Rows:
    """Return those of the chosen cells in which the expression may match."""
    if not len(chosen):
        return chosen
    marks = seen.marks[chosen]
    hopeful = np.zeros(len(chosen), np.bool_)
    for alternative in search.alternatives:
        hopeful |= _shows(seen, alternative, chosen, marks)
        if hopeful.all():
            return chosen
    return chosen[hopeful]


def _shows(seen: Screen, alternative: Alternative, chosen: Rows, marks: Marks) -> Bools:
    shows = (marks & alternative.every) == alternative.every
    for group in alternative.some:
        shows &= (marks & group) != 0
    for bit, times in alternative.times:
        if not shows.any():
            break
        places = np.flatnonzero((seen.unit_marks & bit) != 0)
        counts = np.bincount(np.searchsorted(seen.bounds, places, side="right") - 1, minlength=len(seen.marks))
        counts[seen.odd] = times
        shows &= counts[chosen] >= times
    return np.asarray(shows)
