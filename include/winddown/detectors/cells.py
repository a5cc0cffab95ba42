"""The cells of a column as compiled code reads them: trimmed, by where each starts and ends.

Cells are read from the column's own bytes as far as folding does no more to them than narrow a punctuation mark, which
stands in every Chinese sentence: whoever reads characters takes a full-width form for what it folds to. The other
cells, and short ones with any full-width form, are folded and put behind.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from winddown.compiled import compiled
from winddown.detectors.fold import FULL_WIDTH, IDEOGRAPHIC_SPACE, buffers, fold, folds_elsewhere, narrow

_NARROW, _ODD = 1, 2
_ASCII, _THREE, _FOUR = 0x80, 0xE0, 0xF0

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


@dataclass(slots=True)
class Cells:
    """The bytes of cell ``i`` are ``data[starts[i]:ends[i]]``; what stands between cells is nobody's."""

    column: "pa.Array[Any]"
    data: Bytes
    starts: Rows
    ends: Rows

    def fold(self, rows: Rows) -> None:
        """Replace cells by their folded text."""
        sizes = self.ends[rows] - self.starts[rows]
        narrowed, starts = np.empty(int(sizes.sum()), np.uint8), np.empty(len(rows) + 1, np.int64)
        odd = np.zeros(len(rows), np.bool_)
        size = _narrowed(self.data, self.starts, self.ends, rows, _changes(), narrowed, starts, odd)
        self._put_behind(rows, narrowed[:size], starts)
        if odd.any():
            folded = [fold(text) for text in self.column.take(pa.array(rows[odd])).to_pylist()]
            self._put_behind(rows[odd], *buffers(pa.array(folded, pa.large_string())))

    def _put_behind(self, rows: Rows, data: Bytes, offsets: Rows) -> None:
        self.starts[rows] = offsets[:-1] + len(self.data)
        self.ends[rows] = offsets[1:] + len(self.data)
        self.data = np.concatenate([self.data, data])


def cells_of(column: "pa.Array[Any]") -> Cells:
    """Return the cells of a column of large strings without nulls, not yet trimmed."""
    data, offsets = buffers(column)
    return Cells(column, data, offsets[:-1].copy(), offsets[1:].copy())


@cache
def _changes() -> npt.NDArray[np.uint8]:
    table = np.zeros(0x110000, np.uint8)
    table[folds_elsewhere()] = _ODD
    table[narrow()[0]] = _NARROW
    return table


@compiled
def _narrowed(data: Any, starts: Any, ends: Any, rows: Any, changes: Any, narrowed: Any, offsets: Any, odd: Any) -> int:
    # Copies cells of well-formed UTF-8, and says in which of them there is more to fold.
    size = 0
    for row in range(len(rows)):
        offsets[row] = size
        place, end = starts[rows[row]], ends[rows[row]]
        while place < end:
            lead = data[place]
            if lead < _ASCII:
                narrowed[size] = lead
                size += 1
                place += 1
                continue
            width = 2 if lead < _THREE else 3 if lead < _FOUR else 4
            code = np.int64(lead) & (0xFF >> (width + 1))
            for more in range(1, width):
                code = code << 6 | (np.int64(data[place + more]) & 0x3F)
            if changes[code] == _NARROW:
                narrowed[size] = 32 if code == IDEOGRAPHIC_SPACE else code - FULL_WIDTH
                size += 1
                place += width
                continue
            odd[row] |= changes[code] == _ODD
            for more in range(width):
                narrowed[size + more] = data[place + more]
            size += width
            place += width
    offsets[len(rows)] = size
    return size
