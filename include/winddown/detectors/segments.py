"""Segments: stretches of a column's bytes, and what they consist of.

A segment is a whole cell or one word inside it. Segments of one length become a byte matrix, and a kind's check runs
over that. Nothing here copies a value anywhere but into such a matrix, which dies with the call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from winddown.detectors.kind import AT, DIGIT, DOT, HIGH, LOWER, OTHER, STAR, UPPER, Block, Bools, Kind

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

CLASS = np.full(256, OTHER, np.uint8)
CLASS[0x80:] = HIGH
CLASS[ord("0") : ord("9") + 1] = DIGIT
CLASS[ord("A") : ord("Z") + 1] = UPPER
CLASS[ord("a") : ord("z") + 1] = LOWER
CLASS[ord("@")] = AT
CLASS[ord("*")] = STAR
CLASS[[ord("."), ord(":")]] = DOT

SEPARATOR = np.zeros(256, np.bool_)
SEPARATOR[[ord(character) for character in " -()"]] = True

LONGEST_JOINED = 48  # bytes; the longest number written in groups is an IBAN of 34 characters


@dataclass(slots=True)
class Segments:
    """``n`` stretches of ``data``: where each starts, its length in bytes, its classes, and the cell it belongs to."""

    data: Bytes
    starts: Rows
    lengths: Rows
    classes: npt.NDArray[np.uint8]
    rows: Rows | None = None  # None: segment i is cell i

    @classmethod
    def of(cls, data: Bytes, offsets: Rows, rows: Rows) -> Self:
        """Return cells of their own bytes as segments."""
        return cls(data, offsets[:-1], np.diff(offsets), classes_of(CLASS[data], offsets), rows)

    def cells(self, chosen: Rows) -> Rows:
        """Return the cells that the chosen segments belong to."""
        return chosen if self.rows is None else self.rows[chosen]


def stretches(starts: Rows, ends: Rows) -> tuple[Rows, Rows]:
    """Return every place inside the stretches, one after the other, and the offsets of the stretches in that list."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(ends - starts, out=offsets[1:])
    return np.repeat(starts - offsets[:-1], np.diff(offsets)) + np.arange(offsets[-1]), offsets


def classes_of(byte_classes: Bytes, offsets: Rows) -> npt.NDArray[np.uint8]:
    """Return the union of character classes of each cell; 0 for an empty one."""
    union = np.zeros(len(offsets) - 1, np.uint8)
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    if len(filled):
        union[filled] = np.bitwise_or.reduceat(byte_classes, offsets[filled])
    return union


def compacted(data: Bytes, offsets: Rows) -> tuple[Bytes, Rows]:
    """Return cells without the separators of grouped numbers and without a leading plus."""
    keep = ~SEPARATOR[data]
    filled = offsets[1:] > offsets[:-1]
    first = offsets[:-1][filled]
    keep[first[data[first] == ord("+")]] = False
    lengths = np.zeros(len(filled), np.int64)
    if len(first):  # cells are short here: 16 bits hold every count
        lengths[filled] = np.add.reduceat(keep.view(np.uint8), first, dtype=np.uint16)
    places = np.zeros(len(offsets), np.int64)
    np.cumsum(lengths, out=places[1:])
    return data[keep], places


def blocks(
    segments: Segments, kinds: Sequence[Kind], admits: Mapping[str, Bools]
) -> Iterator[tuple[Kind, Rows, Block]]:
    """Yield, for each length and each kind of that length, the segments whose classes fit, and their block.

    ``admits`` says for each kind which unions of classes it can be.
    """
    if not len(segments.lengths):
        return
    longest = max((max(kind.lengths) for kind in kinds), default=0)
    present = np.bincount(np.minimum(segments.lengths, longest + 1), minlength=longest + 2)
    for length in np.flatnonzero(present[: longest + 1]).tolist():
        able = [kind for kind in kinds if length in kind.lengths]
        if not able:
            continue
        chosen = np.flatnonzero(segments.lengths == length)
        classes = segments.classes[chosen]
        unions = np.flatnonzero(np.bincount(classes, minlength=256))
        able = [kind for kind in able if admits[kind.id][unions].any()]
        if not able:
            continue
        some = np.logical_or.reduce([admits[kind.id] for kind in able])
        if not some[unions].all():
            keep = some[classes]
            chosen, classes = chosen[keep], classes[keep]
        block = _gather(segments, chosen, length)
        if np.bitwise_or.reduce(unions) & LOWER:
            block = block - (((block - np.uint8(ord("a"))) < 26).view(np.uint8) << np.uint8(5))  # noqa: PLR2004 - letters
        # Checks look at one place of all values at a time, so these lie one after the other in memory.
        block = np.asfortranarray(block)
        for kind in able:
            fits = admits[kind.id][classes]
            if fits.all():
                yield kind, chosen, block
            elif fits.any():
                yield kind, chosen[fits], block[fits]


def _gather(segments: Segments, chosen: Rows, length: int) -> Block:
    starts = segments.starts[chosen]
    evenly = len(chosen) == len(segments.starts) and starts[-1] - starts[0] == (len(starts) - 1) * length
    if evenly and segments.rows is None:  # cells of one length lie one after the other: no copy
        return segments.data[starts[0] : starts[-1] + length].reshape(-1, length)
    return np.lib.stride_tricks.sliding_window_view(segments.data, length)[starts]
