"""Segments: stretches of a column's bytes, a whole cell or one number inside it, and their blocks.

Segments of one length become a byte matrix, and a kind's check runs over that. Nothing here copies a value anywhere
but into such a matrix, which dies with the call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from winddown.detectors.cells import Bytes, Rows
from winddown.detectors.kind import Block, Bools, Kind
from winddown.detectors.turned import turned


@dataclass(slots=True)
class Segments:
    """``n`` stretches of ``data``, and the cell that each belongs to.

    Where the length is less than what lies between start and end, separators and a leading plus are not counted.
    """

    data: Bytes
    starts: Rows
    ends: Rows
    lengths: Rows
    classes: Bytes
    rows: Rows


def blocks(
    segments: Segments, kinds: Sequence[Kind], admits: Mapping[str, Bools]
) -> Iterator[tuple[Kind, Rows, Block, Bools | None]]:
    """Yield, for each length and each kind of that length, the cells whose classes fit, and their block.

    Where most of a length fit, all of them are in the block, and flags, given last, say which ones fit.
    Every segment must be of a length and classes that some kind can be. ``admits`` says for each kind which unions of
    classes it can be.
    """
    if not len(segments.lengths):
        return
    counts = np.bincount(segments.lengths)
    lengths = np.flatnonzero(counts).tolist()
    bounds = np.cumsum(counts)
    order = np.argsort(segments.lengths.astype(np.uint16), kind="stable") if len(lengths) > 1 else None
    for length in lengths:
        if order is None:
            chosen, rows, classes = np.arange(len(segments.rows)), segments.rows, segments.classes
        else:
            chosen = order[bounds[length] - counts[length] : bounds[length]]
            rows, classes = segments.rows[chosen], segments.classes[chosen]
        columns = turned(segments.data, segments.starts, segments.ends, chosen, length)
        block = columns.T
        unions = np.flatnonzero(np.bincount(classes, minlength=256))
        for kind in kinds:
            if length not in kind.lengths:
                continue
            able = admits[kind.id][unions]
            if able.all():
                yield kind, rows, block, None
            elif able.any():
                fits = admits[kind.id].take(classes)
                if 2 * np.count_nonzero(fits) > len(fits):
                    yield kind, rows, block, fits
                else:
                    picked = np.flatnonzero(fits)
                    yield kind, rows[picked], columns.take(picked, axis=1).T, None
