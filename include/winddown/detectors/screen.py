"""The screen: one pass over a column that tells of each cell its length, its classes and the clues in it.

Text beyond ASCII is read as UTF-16, one unit per character for all of Chinese, which makes every question about a
character one look into a table, folding included. Nothing is decided here but what a cell cannot be: whatever the marks
leave open is folded and read exactly. Cells in which folding does more than narrowing are odd: they are left wholly
open, and read from their own text.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from winddown.detectors.fold import FULL_WIDTH, IDEOGRAPHIC_SPACE, buffers, fold_column, folds_elsewhere
from winddown.detectors.kind import Bools
from winddown.detectors.plan import EMPTY, EVERY_CLUE, ODD, WIDE, Alternative, Clues, Marks, Plan, Search
from winddown.detectors.segments import CLASS, Bytes, Rows, classes_of

_ASCII = 0x80
_FOUR = 0xF0  # the first lead byte of a sequence of four, which takes two units


@dataclass(slots=True)
class Screen:
    """What was seen of each cell, and, as long as the column is worked on, of each character.

    ``lengths`` are bytes of the folded cell, ``classes`` the union of its characters', ``odd`` the cells that only NFKC
    can fold. ``even`` says that folding changes no cell at all. The units of cell ``i`` are ``bounds[i:i + 2]``.
    """

    plan: Plan
    units: npt.NDArray[Any]
    bounds: Rows
    unit_classes: Bytes
    lengths: Rows
    classes: Bytes
    unions: Rows  # the different classes of cells
    odd: Rows
    even: bool
    clues: Clues | None = None  # of each cell; None until they are asked for
    firsts: Clues | None = None  # expressions that each cell may begin a match of, likewise

    def admitting(self, search: Search) -> Rows:
        """Return the cells whose classes and length an expression applies to."""
        open_unions = search.admits[self.unions]
        if not open_unions.any():
            return _NONE
        fits = (self.lengths >= search.least) & (self.lengths <= search.most)
        if not open_unions.all():
            fits &= search.admits.take(self.classes)
        return np.flatnonzero(fits)

    def promising(self, search: Search, chosen: Rows) -> Rows:
        """Return those of the chosen cells in which an expression may match."""
        if search.first and len(chosen):
            if self.firsts is None:
                self.firsts = self._firsts()
            chosen = chosen[(self.firsts[chosen] & search.first) != 0]
        if not len(chosen):
            return chosen
        if self.clues is None:
            self.clues = self._clues()
        classes, clues = self.classes[chosen], self.clues[chosen]
        hopeful = np.zeros(len(chosen), np.bool_)
        for alternative in search.alternatives:
            hopeful |= self._shows(alternative, chosen, classes, clues)
            if hopeful.all():
                return chosen
        return chosen[hopeful]

    def _firsts(self) -> Clues:
        starts = self.bounds[:-1]
        firsts = np.zeros(len(starts), np.uint64)
        filled = self.bounds[1:] > starts
        firsts[filled] = self.plan.firsts.take(self.units[starts[filled]])
        firsts[self.odd] = EVERY_CLUE
        return firsts

    def _clues(self) -> Clues:
        if self.units.dtype == np.uint8:
            table, meaning = self.plan.ascii_clues
            return np.asarray(meaning[_united(_translated(self.units, table), self.bounds)])
        clues = _united(self.plan.clues.take(self.units, mode="wrap"), self.bounds)
        clues[self.odd] = EVERY_CLUE
        return clues

    def _shows(self, alternative: Alternative, chosen: Rows, classes: Bytes, clues: Clues) -> Bools:
        shows = (clues & alternative.clues) == alternative.clues
        for group in alternative.classes:
            shows &= (classes & group) != 0
        for character, times in alternative.times:
            if not shows.any():
                break
            counts = counted(are(self.units, character), self.bounds)
            counts[self.odd] = times
            shows &= counts[chosen] >= times
        return np.asarray(shows)


_NONE: Rows = np.zeros(0, np.int64)


def screen(column: "pa.Array[Any]", plan: Plan) -> Screen:
    """Look at every cell of a column without nulls that is trimmed in ASCII. Raises UnicodeDecodeError for no UTF-8."""
    data, offsets = buffers(column)
    top = int(data.max()) if len(data) else 0
    units, bounds = (data, offsets) if top < _ASCII else _units(column, data, offsets, pairs=top >= _FOUR)
    lengths, odd, even = np.diff(offsets), _NONE, True
    if top < _ASCII:
        unit_classes = _translated(units, CLASS)
        classes = _united(unit_classes, bounds)
    else:
        unit_marks = plan.marks.take(units, mode="wrap")
        unit_classes, marks = unit_marks.astype(np.uint8), _united(unit_marks, bounds)
        classes, odd = marks.astype(np.uint8), _odd(marks, unit_marks, units, bounds, pairs=top >= _FOUR)
        wide = bool(np.bitwise_or.reduce(marks) & WIDE)
        if wide:
            lengths -= 2 * counted((unit_marks & np.uint16(WIDE)) != 0, bounds)
        even = not wide and not len(odd)
    if len(odd):
        own, ends = buffers(fold_column(column.take(odd)))
        lengths[odd] = np.diff(ends)
        classes[odd] = classes_of(CLASS[own], ends)
    unions = np.flatnonzero(np.bincount(classes, minlength=256))
    return Screen(plan, units, bounds, unit_classes, lengths, classes, unions, odd, even)


def _translated(units: Bytes, table: Bytes) -> Bytes:
    return np.frombuffer(units.tobytes().translate(table.tobytes()), np.uint8)


def _units(column: "pa.Array[Any]", data: Bytes, offsets: Rows, *, pairs: bool) -> tuple[npt.NDArray[Any], Rows]:
    units = np.frombuffer(data.tobytes().decode().encode("utf-16-le"), np.uint16)
    lengths = pc.utf8_length(column).to_numpy()
    if pairs:
        places = np.flatnonzero(data >= _FOUR)
        lengths = lengths + np.bincount(np.searchsorted(offsets, places, side="right") - 1, minlength=len(column))
    bounds = np.zeros(len(column) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return units, bounds


def _united(marks: npt.NDArray[Any], bounds: Rows) -> npt.NDArray[Any]:
    starts = bounds[:-1]
    filled = bounds[1:] > starts
    if filled.all():
        return np.bitwise_or.reduceat(marks, starts) if len(starts) else np.zeros(0, marks.dtype)
    union = np.zeros(len(starts), marks.dtype)
    if filled.any():
        union[filled] = np.bitwise_or.reduceat(marks, starts[filled])
    return union


def separating(units: npt.NDArray[Any]) -> Bools:
    """Return which units fold to a character that numbers written in groups are separated by."""
    flags = are(units, " ")
    for character in "-()":
        flags |= are(units, character)
    return flags


def are(units: npt.NDArray[Any], character: str) -> Bools:
    """Return which units fold to a character of ASCII by narrowing or as they are."""
    same = units == ord(character)
    if units.dtype != np.uint8:
        same |= units == (IDEOGRAPHIC_SPACE if character == " " else ord(character) + FULL_WIDTH)
    return np.asarray(same)


def counted(flags: Bools, bounds: Rows) -> Rows:
    """Return how many units of each cell are flagged, modulo 65,536."""
    lengths = np.diff(bounds)
    counts = np.zeros(len(lengths), np.int64)
    filled = lengths > 0
    if filled.any():
        width = np.uint8 if lengths.max() < _ASCII else np.uint16
        counts[filled] = np.add.reduceat(flags.view(np.uint8), bounds[:-1][filled], dtype=width)
    return counts


def _odd(marks: Marks, unit_marks: Marks, units: npt.NDArray[Any], bounds: Rows, *, pairs: bool) -> Rows:
    odd = (marks & np.uint16(ODD)) != 0
    if np.bitwise_or.reduce(marks) & EMPTY:
        filled = bounds[1:] > bounds[:-1]
        edges = unit_marks[bounds[:-1][filled]] | unit_marks[bounds[1:][filled] - 1]
        odd[filled] |= (edges & np.uint16(EMPTY)) != 0
    if pairs:
        first = np.flatnonzero((units & np.uint16(0xFC00)) == 0xD800)  # noqa: PLR2004 - high surrogates
        high, low = units[first].astype(np.int64), units[first + 1].astype(np.int64)
        changing = first[np.isin(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), folds_elsewhere())]
        odd[np.searchsorted(bounds, changing, side="right") - 1] = True
    return np.flatnonzero(odd)
