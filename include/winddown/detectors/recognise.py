"""Recognition of every cell of one text column, columnar.

The order of work keeps the cost down: one pass gives each cell its length and character classes; kinds of fixed
length are then checked as byte matrices, kinds of free form by Rust regular expressions on the cells that can match;
cells that hold more than one word are read word by word at the end. ``holds`` and ``found_inside`` say the same for
one text, slowly: they define what the columnar code must count.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from winddown.detectors.fold import buffers, fold, fold_column
from winddown.detectors.kind import ALNUM, DIGIT, OTHER, Bools, Kind
from winddown.detectors.segments import (
    CLASS,
    LONGEST_JOINED,
    Rows,
    Segments,
    blocks,
    classes_of,
    compacted,
    whole_cells,
    words,
)


@dataclass(slots=True)
class Recognition:
    """Which cells showed what, as one boolean per cell and kind; kinds that nothing fitted are absent."""

    cells: int
    blank: Bools
    whole: dict[str, Bools] = field(default_factory=dict)
    whole_shaped: dict[str, Bools] = field(default_factory=dict)
    inside: dict[str, Bools] = field(default_factory=dict)
    inside_shaped: dict[str, Bools] = field(default_factory=dict)
    typical: dict[str, Bools] = field(default_factory=dict)

    def mark(self, target: dict[str, Bools], kind: Kind, cells: Rows) -> None:
        """Note that the given cells belong to a set of a kind."""
        if not len(cells):
            return
        flags = target.get(kind.id)
        if flags is None:
            flags = target[kind.id] = np.zeros(self.cells, np.bool_)
        flags[cells] = True


def recognise(column: "pa.Array[Any]", kinds: Sequence[Kind]) -> Recognition:
    """Read every cell of a column.

    Args:
        column: text without nulls, of any size; it is not kept.
        kinds: the kinds to look for.

    Returns:
        The outcome per cell. A cell that matches a kind as a whole does not count as containing it.
    """
    column = fold_column(column)
    data, offsets = buffers(column)
    classes = classes_of(CLASS[data], offsets)
    cells = whole_cells(data, offsets, classes)
    found = Recognition(len(column), cells.lengths == 0)
    fixed = [kind for kind in kinds if kind.check is not None]
    _check(found, cells, fixed, inside=False)
    _check_compacted(found, column, cells, [kind for kind in fixed if kind.joins])
    for kind in kinds:
        if kind.pattern is not None:
            _match(found, kind, column, cells)
    _read_words(found, column, cells, [kind for kind in fixed if kind.embeds and kind.finder is None])
    for kind in kinds:
        if kind.finder is not None:
            _find(found, kind, column, cells)
    _take_away(found.inside, found.whole)
    _take_away(found.inside_shaped, found.whole_shaped)
    return found


def _take_away(inside: dict[str, Bools], whole: dict[str, Bools]) -> None:
    for kind_id in inside.keys() & whole.keys():
        inside[kind_id] &= ~whole[kind_id]


def _check(found: Recognition, segments: Segments, kinds: Sequence[Kind], *, inside: bool) -> None:
    for kind, chosen, block in blocks(segments, kinds):
        assert kind.check is not None  # noqa: S101 - blocks() yields kinds with lengths, which have a check
        shaped, valid = kind.check(block)
        if not shaped.any():
            continue
        found.mark(found.inside_shaped if inside else found.whole_shaped, kind, segments.cells(chosen[shaped]))
        found.mark(found.inside if inside else found.whole, kind, segments.cells(chosen[valid]))
        if kind.typical is not None and valid.any():
            typical = kind.typical(block[valid])
            found.mark(found.typical, kind, segments.cells(chosen[valid][typical]))


def _check_compacted(found: Recognition, column: "pa.Array[Any]", cells: Segments, kinds: Sequence[Kind]) -> None:
    grouped = ((cells.classes & ~np.uint8(ALNUM | OTHER)) == 0) & ((cells.classes & OTHER) != 0)
    chosen = np.flatnonzero(grouped & ((cells.classes & DIGIT) != 0) & (cells.lengths <= LONGEST_JOINED))
    if not len(chosen) or not kinds:
        return
    data, offsets = compacted(*buffers(column.take(chosen)))
    classes = classes_of(CLASS[data], offsets)
    _check(found, Segments(data, offsets[:-1], np.diff(offsets), classes, chosen), kinds, inside=False)


def _match(found: Recognition, kind: Kind, column: "pa.Array[Any]", cells: Segments) -> None:
    assert kind.pattern is not None  # noqa: S101 - the caller chose kinds with a pattern
    needs = kind.needs | kind.pattern_needs
    fits = ((cells.classes & needs) == needs) & ((cells.classes & ~np.uint8(kind.classes)) == 0)
    chosen = np.flatnonzero(fits & (cells.lengths >= kind.min_length) & (cells.lengths <= kind.max_length))
    if not len(chosen):
        return
    found.mark(found.whole_shaped, kind, chosen)
    text = _take(column, chosen)
    matched = text.str.contains(f"^(?:{kind.pattern})$").to_numpy()
    found.mark(found.whole, kind, chosen[matched])
    if kind.typical_pattern is not None and matched.any():
        typical = text.str.contains(f"^(?:{kind.typical_pattern})$").to_numpy() & matched
        found.mark(found.typical, kind, chosen[typical])


def _find(found: Recognition, kind: Kind, column: "pa.Array[Any]", cells: Segments) -> None:
    fits = (cells.classes & kind.finder_needs) == kind.finder_needs
    fits &= cells.lengths > kind.min_length
    if kind.id in found.whole:
        fits &= ~found.whole[kind.id]
    chosen = np.flatnonzero(fits)
    if not len(chosen):
        return
    assert kind.finder is not None  # noqa: S101 - the caller chose kinds with a finder
    places = chosen[_take(column, chosen).str.contains(kind.finder).to_numpy()]
    found.mark(found.inside_shaped, kind, places)  # inside text the finder is the shape as well as the check
    found.mark(found.inside, kind, places)


def _take(column: "pa.Array[Any]", chosen: Rows) -> pl.Series:
    return pl.from_arrow(column if len(chosen) == len(column) else column.take(chosen))


def _read_words(found: Recognition, column: "pa.Array[Any]", cells: Segments, kinds: Sequence[Kind]) -> None:
    if not kinds:
        return
    wanted = np.zeros(LONGEST_JOINED + 2, np.bool_)
    wanted[[length for kind in kinds for length in kind.lengths]] = True
    several = ((cells.classes & ~np.uint8(ALNUM)) != 0) & ((cells.classes & DIGIT) != 0)
    several &= cells.lengths > min(min(kind.lengths) for kind in kinds)
    if "birth_date" in found.whole:  # no number that is looked for hides in a cell that is wholly a date
        several &= ~found.whole["birth_date"]
    chosen = np.flatnonzero(several)
    if not len(chosen):
        return
    data, offsets = buffers(column if len(chosen) == len(column) else column.take(chosen))
    for segments in words(data, offsets, wanted, chosen):
        _check(found, segments, kinds, inside=True)


def holds(kind: Kind, text: str) -> bool:
    """Return whether a whole text is a valid value of a kind, the definition that ``recognise`` follows."""
    folded = fold(text)
    return any(_is(kind, form, compact=compact) for form, compact in _forms(folded))


def found_inside(kind: Kind, text: str) -> bool:
    """Return whether a text, longer than the value, contains a valid value of a kind."""
    folded = fold(text)
    if holds(kind, text) or not kind.embeds:
        return False
    if kind.finder is not None:
        return len(folded.encode()) > kind.min_length and re.search(kind.finder, folded) is not None
    return any(_is(kind, word, compact=True) for word in _words(folded) if word != folded)


def _forms(folded: str) -> Iterator[tuple[str, bool]]:
    yield folded, False
    if folded.isascii() and len(folded) <= LONGEST_JOINED:
        yield re.sub(r"[ ()-]", "", folded.removeprefix("+")), True


def _words(folded: str) -> Iterator[str]:
    yield from re.findall(r"[0-9A-Za-z]+", folded)
    joined = r"[0-9A-Za-z](?:[0-9A-Za-z]|(?<=[0-9])[ -](?=[0-9])|(?<=[0-9])\((?=[0-9A-Za-z]))*"
    for word in re.findall(joined, folded):
        if len(word) <= LONGEST_JOINED and not word.isalnum():
            yield re.sub(r"[ (-]", "", word)


def _is(kind: Kind, text: str, *, compact: bool) -> bool:
    encoded = np.frombuffer(text.encode(), np.uint8)
    union = int(np.bitwise_or.reduce(CLASS[encoded])) if len(encoded) else 0
    if union & ~kind.classes or union & kind.needs != kind.needs:
        return False
    if kind.check is not None and len(encoded) in kind.lengths and (kind.joins or not compact):
        upper = np.frombuffer(re.sub("[a-z]", lambda match: match[0].upper(), text).encode(), np.uint8)
        if bool(kind.check(upper.reshape(1, -1))[1][0]):
            return True
    if kind.pattern is None or compact or not kind.min_length <= len(encoded) <= kind.max_length:
        return False
    return re.fullmatch(kind.pattern, text) is not None
