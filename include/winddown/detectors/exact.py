"""The folded text of the cells that the screen left open; the others are neither folded nor copied."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from winddown.detectors.fold import buffers, column_of, fold_column, narrow
from winddown.detectors.screen import Screen
from winddown.detectors.segments import Rows, Segments, stretches


class Exact:
    """Folded text by cell.

    Args:
        column: the column as it was screened.
        seen: the screen's result.
        open_cells: lists of the cells that may be asked for.
    """

    def __init__(self, column: "pa.Array[Any]", seen: Screen, open_cells: Sequence[Rows]) -> None:
        self._seen = seen
        self._place: Rows | None = None
        self._column = column
        if not seen.even:
            self._fold(open_cells)

    def _fold(self, open_cells: Sequence[Rows]) -> None:
        seen, cells = self._seen, len(self._column)
        left = np.zeros(cells, np.bool_)
        for rows in open_cells:
            left[rows] = True
        odd = seen.odd[left[seen.odd]]
        left[seen.odd] = False
        plain = np.flatnonzero(left)
        folded = [_narrowed(seen, plain)]
        if len(odd):
            folded.append(fold_column(self._column.take(odd)))
        self._place = np.zeros(cells, np.int64)
        self._place[plain] = np.arange(len(plain))
        self._place[odd] = len(plain) + np.arange(len(odd))
        self._column = pa.concat_arrays(folded) if len(folded) > 1 else folded[0]

    def text(self, rows: Rows) -> "pa.Array[Any]":
        """Return the folded text of cells, in the order of the cells."""
        if self._place is None:
            return self._column if len(rows) == len(self._column) else self._column.take(rows)
        places = self._place[rows]
        in_order = len(places) == len(self._column) and not len(self._seen.odd)
        return self._column if in_order else self._column.take(places)

    def segments(self, rows: Rows) -> Segments:
        """Return cells as segments."""
        data, offsets = buffers(self._column)
        whole = len(rows) == len(self._seen.lengths)
        places = rows if self._place is None else self._place[rows]
        starts = offsets[:-1] if whole and self._place is None else offsets[places]
        if whole:
            return Segments(data, starts, self._seen.lengths, self._seen.classes)
        return Segments(data, starts, self._seen.lengths[rows], self._seen.classes[rows], rows)


def _narrowed(seen: Screen, rows: Rows) -> "pa.Array[Any]":
    # UTF-16 back to UTF-8; what each cell takes in bytes was worked out by the screen.
    units = seen.units
    if len(rows) < len(seen.lengths):
        units = units[stretches(seen.bounds[rows], seen.bounds[rows + 1])[0]]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(seen.lengths[rows], out=offsets[1:])
    text = _narrow_units().take(units, mode="wrap").tobytes().decode("utf-16-le")
    return column_of(np.frombuffer(text.encode(), np.uint8), offsets)


@cache
def _narrow_units() -> npt.NDArray[np.uint16]:
    table: npt.NDArray[np.uint16] = np.arange(65536, dtype=np.uint16)
    wide, codes = narrow()
    table[wide] = codes
    return table


def in_ascii(units: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return units that fold to ASCII, folded."""
    return units if units.dtype == np.uint8 else _narrow_units().take(units, mode="wrap").astype(np.uint8)
