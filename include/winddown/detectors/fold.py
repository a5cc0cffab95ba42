"""Folding: the same characters in every width.

``fold`` is Unicode NFKC, then stripped of ASCII white space. Zero-width characters are left alone, as NFKC leaves them.
Full-width forms (U+FF01 to U+FF5E) and the ideographic space, which stand in every Chinese sentence, are told from the
other characters that NFKC changes, because one by one they fold to a character of ASCII.
"""

import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

BLANK = " \t\n\v\f\r"

# Only these ranges hold characters that NFKC changes, or that are attached to the one before. Han and emoji are not
# among them.
_RANGES = (
    (0xA0, 0x3400),
    (0xA640, 0xAC00),
    (0xF900, 0xFF00),
    (0xFF5F, 0x10000),
    (0x10780, 0x107C0),
    (0x1CCD6, 0x1CCFA),
    (0x1D100, 0x1D200),
    (0x1D400, 0x1D800),
    (0x1E030, 0x1E06E),
    (0x1EE00, 0x1EF00),
    (0x1F100, 0x1F300),
    (0x1FBF0, 0x1FBFA),
    (0x2F800, 0x2FA20),
)
# Vowels and the like that become one character with the one before, without being combining marks.
_COMPOSING = (
    *(0x09BE, 0x09D7, 0x0B3E, 0x0B56, 0x0B57, 0x0BBE, 0x0BD7, 0x0CC2, 0x0CD5, 0x0CD6, 0x0D3E, 0x0D57, 0x0DCF, 0x0DDF),
    *(0x102E, *range(0x1161, 0x1176), *range(0x11A8, 0x11C3), 0x1B35),
    *(0x110BA, 0x11127, 0x1133E, 0x11357, 0x114B0, 0x114BA, 0x114BD, 0x115AF, 0x11930),
)
FULL_WIDTH = 0xFEE0  # from a character of ASCII to its full-width form
IDEOGRAPHIC_SPACE = 0x3000


@cache
def folds_elsewhere() -> npt.NDArray[np.int64]:
    """Return the code points that NFKC changes or attaches to their neighbour, but for those that are narrowed."""
    changing = [
        code
        for first, end in _RANGES
        for code in range(first, end)
        if code != IDEOGRAPHIC_SPACE
        and (unicodedata.combining(chr(code)) or unicodedata.normalize("NFKC", chr(code)) != chr(code))
    ]
    return np.array(sorted({*changing, *_COMPOSING}), np.int64)


def narrow() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the code points of full-width forms and of the ideographic space, and the ASCII codes they fold to."""
    forms = np.arange(0xFF01, 0xFF5F)
    return np.append(forms, IDEOGRAPHIC_SPACE), np.append(forms - FULL_WIDTH, ord(" "))


def fold(text: str) -> str:
    """Return a text in NFKC, without white space around it.

    >>> fold("　１３８－１２３４ ")
    '138-1234'
    """
    return unicodedata.normalize("NFKC", text).strip(BLANK)


def buffers(column: "pa.Array[Any]") -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the UTF-8 bytes and the ``n + 1`` offsets of a column without nulls, offsets starting at 0, no copy."""
    _, offset_buffer, value_buffer = column.buffers()
    if len(column) == 0 or offset_buffer is None:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(memoryview(offset_buffer), np.int64)[column.offset : column.offset + len(column) + 1]
    data = np.zeros(0, np.uint8) if value_buffer is None else np.frombuffer(memoryview(value_buffer), np.uint8)
    first = int(offsets[0])
    data = data[first : int(offsets[-1])]
    return data, offsets if first == 0 else offsets - first
