"""Folding: the same characters in every width, for one text and for a whole column.

``fold`` is Unicode NFKC, then stripped of ASCII white space. ``fold_column`` gives the same for a column, without
paying for it where nothing needs it: full-width forms (U+FF01 to U+FF5E) and the ideographic space, which stand in
every Chinese sentence, are rewritten by numpy in place of the three bytes they take; the few cells with other
compatibility characters go through NFKC. Zero-width characters are left alone, as NFKC leaves them.
"""

import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

BLANK = " \t\n\v\f\r"

# Only these ranges hold characters that NFKC changes or attaches to their neighbour. Han, Hangul and emoji are not
# among them, nor the composing vowels of Indic scripts, which cannot touch a digit, a Latin letter or a Han character.
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
_THREE = 0xE0  # the first lead byte of a sequence of three; below it, sequences have two bytes
_SLOTS = (0xF5 - 0xDC) << 12
FULL_WIDTH = 0xFEE0  # from a character of ASCII to its full-width form
IDEOGRAPHIC_SPACE = 0x3000  # full-width forms and this one are rewritten in place and need no NFKC


def _slot(lead: npt.NDArray[np.int64], second: npt.NDArray[np.int64], third: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    # Sequences of two and three bytes have a slot per character, those of four share one among 64 characters.
    two = (lead << 6) | (second & 63)
    more = ((lead - 0xDC) << 12) | ((second & 63) << 6) | (third & 63)
    return np.asarray(np.where(lead < _THREE, two, more))


@cache
def folds_elsewhere() -> npt.NDArray[np.int64]:
    """Return the code points that NFKC changes or attaches to their neighbour, but for those that are narrowed."""
    return np.array(
        [
            code
            for first, end in _RANGES
            for code in range(first, end)
            if code != IDEOGRAPHIC_SPACE
            and (unicodedata.combining(chr(code)) or unicodedata.normalize("NFKC", chr(code)) != chr(code))
        ],
        np.int64,
    )


def narrow() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the code points of full-width forms and of the ideographic space, and the ASCII codes they fold to."""
    forms = np.arange(0xFF01, 0xFF5F)
    return np.append(forms, IDEOGRAPHIC_SPACE), np.append(forms - FULL_WIDTH, ord(" "))


@cache
def _changed() -> npt.NDArray[np.int64]:
    # The first three bytes of every character that NFKC changes, one row each.
    return np.array([list((chr(code).encode() + b"\0")[:3]) for code in folds_elsewhere().tolist()], np.int64)


@cache
def _changing() -> npt.NDArray[np.bool_]:
    table: npt.NDArray[np.bool_] = np.zeros(_SLOTS, np.bool_)
    table[_slot(*_changed().T)] = True
    return table


@cache
def _changing_pairs() -> npt.NDArray[np.bool_]:
    table: npt.NDArray[np.bool_] = np.zeros(65536, np.bool_)
    table[_changed()[:, 0] << 8 | _changed()[:, 1]] = True
    return table


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


def column_of(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> "pa.Array[Any]":
    """Return the column that bytes and offsets describe. The bytes must be UTF-8 from cell to cell."""
    contents = [None, pa.py_buffer(np.ascontiguousarray(offsets).data), pa.py_buffer(np.ascontiguousarray(data).data)]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, contents)


def fold_column(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """Return a column without nulls with every cell folded as ``fold`` folds it."""
    data, offsets = buffers(column)
    if len(data) and data.max() >= 0x80:  # noqa: PLR2004 - beyond ASCII
        folded = _full_width(*_rare(column, data, offsets))
        column, (data, offsets) = column_of(*folded), folded
    return _trimmed(column, data, offsets)


def _rare(
    column: "pa.Array[Any]", data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    # Lead bytes E4 to E9 are Han characters, most of a Chinese text, and never change.
    leads = np.flatnonzero((data >= 0xC2) & ((data < 0xE4) | (data > 0xE9)))  # noqa: PLR2004
    if not len(leads):
        return data, offsets
    pairs = data[leads].astype(np.uint16) << 8 | data[np.minimum(leads + 1, len(data) - 1)]
    leads = leads[_changing_pairs()[pairs]]
    wide = data[np.minimum(leads[:, None] + np.arange(3), len(data) - 1)].astype(np.int64)
    places = leads[_changing()[_slot(wide[:, 0], wide[:, 1], wide[:, 2])]]
    if not len(places):
        return data, offsets
    chosen = np.zeros(len(column), np.bool_)
    chosen[np.searchsorted(offsets, places, side="right") - 1] = True
    cells = pl.from_arrow(column.filter(pa.array(chosen))).str.normalize("NFKC").to_arrow().cast(pa.large_string())
    return buffers(pc.replace_with_mask(column, pa.array(chosen), cells))


def _full_width(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    if len(data) < 3:  # noqa: PLR2004 - a full-width form takes three bytes
        return data, offsets
    lead = np.flatnonzero((data[:-2] == 0xEF) | (data[:-2] == 0xE3))  # noqa: PLR2004
    first, second, third = data[lead], data[lead + 1], data[lead + 2].astype(np.int64)
    ascii_code = np.select(
        [
            (first == 0xEF) & (second == 0xBC) & (third > 0x80),  # noqa: PLR2004
            (first == 0xEF) & (second == 0xBD) & (third <= 0x9E),  # noqa: PLR2004
            (first == 0xE3) & (second == 0x80) & (third == 0x80),  # noqa: PLR2004
        ],
        [third - 0x60, third - 0x20, np.full(len(lead), 0x20)],
        default=0,
    )
    lead, ascii_code = lead[ascii_code > 0], ascii_code[ascii_code > 0]
    if not len(lead):
        return data, offsets
    folded, keep = data.copy(), np.ones(len(data), np.bool_)
    folded[lead] = ascii_code
    keep[lead + 1] = False
    keep[lead + 2] = False
    return folded[keep], offsets - 2 * np.searchsorted(lead, offsets, side="left")


def _trimmed(column: "pa.Array[Any]", data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> "pa.Array[Any]":
    if not len(data) or data.min() > ord(" "):
        return column
    filled = offsets[1:] > offsets[:-1]
    edges = np.concatenate([data[offsets[:-1][filled]], data[offsets[1:][filled] - 1]])
    if len(edges) and edges.min() <= ord(" "):
        return pc.utf8_trim(column, characters=BLANK)
    return column
