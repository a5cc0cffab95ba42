"""Recognition of every cell of one text column, columnar.

The order of work keeps the cost down. A screen gives each cell its length, its character classes and the clues in it;
by these, nearly every cell is dismissed for nearly every kind. Only what is left is folded and read exactly: kinds of
fixed length as byte matrices, kinds of free form by Rust regular expressions, numbers inside text run by run.
``holds`` and ``found_inside`` say the same for one text, slowly: they define what the columnar code must count.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from winddown.detectors.exact import Exact
from winddown.detectors.fold import buffers, fold, fold_column, trimmed
from winddown.detectors.kind import ALNUM, DIGIT, OTHER, Bools, Kind
from winddown.detectors.plan import Plan, Search
from winddown.detectors.runs import runs
from winddown.detectors.screen import Screen, counted, screen, separating
from winddown.detectors.segments import (
    CLASS,
    LONGEST_JOINED,
    Rows,
    Segments,
    blocks,
    compacted,
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


def recognise(column: "pa.Array[Any]", plan: Plan) -> Recognition:
    """Read every cell of a column.

    Args:
        column: text without nulls, of any size; it is not kept.
        plan: what to look for.

    Returns:
        The outcome per cell. A cell that matches a kind as a whole does not count as containing it.

    Raises:
        UnicodeDecodeError: the column is no UTF-8.
    """
    column = trimmed(column)
    seen = screen(column, plan)
    found = Recognition(len(column), seen.lengths == 0)
    shapes = np.minimum(seen.lengths, plan.lengths - 1) * 256 + seen.classes
    checked = np.flatnonzero(plan.checked.take(shapes))
    grouped = _grouped(seen)
    matched = [(search, shaped, seen.promising(search, shaped)) for search, shaped in _admitting(seen, plan.patterns)]
    searched = [(search, seen.promising(search, rows)) for search, rows in _admitting(seen, plan.finders)]
    exact = Exact(column, seen, [checked, grouped, *(rows for _, _, rows in matched), *(rows for _, rows in searched)])

    _check(found, plan, exact.segments(checked), inside=False)
    if len(grouped):
        data, offsets = compacted(*buffers(exact.text(grouped)))
        _check(found, plan, Segments.of(data, offsets, grouped), inside=False, joined=True)
    for search, shaped, rows in matched:
        found.mark(found.whole_shaped, search.kind, shaped)
        _match(found, search.kind, exact, rows, search.expression)
    _read_words(found, plan, column, seen)
    for search, rows in searched:
        whole = found.whole.get(search.kind.id)
        _find(found, search.kind, exact, rows if whole is None else rows[~whole[rows]], search.expression)
    _take_away(found.inside, found.whole)
    _take_away(found.inside_shaped, found.whole_shaped)
    return found


def _grouped(seen: Screen) -> Rows:
    # The cells that some kind can be once their separators are dropped; a leading plus may be one more.
    plan = seen.plan
    fits = ((seen.classes & np.uint8(OTHER)) != 0) & ((seen.classes & ~np.uint8(ALNUM | OTHER)) == 0)
    fits &= ((seen.classes & np.uint8(DIGIT)) != 0) & (seen.lengths <= LONGEST_JOINED)
    if not fits.any():
        return np.flatnonzero(fits)
    separators = counted(separating(seen.units), seen.bounds)
    others = counted((seen.unit_classes & np.uint8(OTHER)) != 0, seen.bounds)
    shapes = np.clip(seen.lengths - separators, 1, plan.lengths - 1) * 256 + seen.classes
    able = plan.compactable.take(shapes) | plan.compactable.take(shapes - 256)
    if plan.joined_are_alnum:
        able &= others - separators <= 1
    able[seen.odd] = True
    return np.flatnonzero(fits & able)


def _admitting(seen: Screen, searches: Sequence[Search]) -> list[tuple[Search, Rows]]:
    admitting = [(search, seen.admitting(search)) for search in searches]
    return [(search, rows) for search, rows in admitting if len(rows)]


def _take_away(inside: dict[str, Bools], whole: dict[str, Bools]) -> None:
    for kind_id in inside.keys() & whole.keys():
        inside[kind_id] &= ~whole[kind_id]


def _check(found: Recognition, plan: Plan, segments: Segments, *, inside: bool, joined: bool = False) -> None:
    kinds = plan.worded if inside else plan.joined if joined else plan.fixed
    for kind, chosen, block in blocks(segments, kinds, plan.admits):
        assert kind.check is not None  # noqa: S101 - blocks() yields kinds with lengths, which have a check
        shaped, valid = kind.check(block)
        if not shaped.any():
            continue
        cells = segments.cells(chosen)
        found.mark(found.inside_shaped if inside else found.whole_shaped, kind, _where(cells, shaped))
        if not valid.any():
            continue
        valid_cells = _where(cells, valid)
        found.mark(found.inside if inside else found.whole, kind, valid_cells)
        if kind.typical is not None:
            found.mark(found.typical, kind, _where(valid_cells, kind.typical(_where(block, valid))))


def _where(rows: Any, flags: Bools) -> Any:
    return rows if flags.all() else rows[flags]


def _match(found: Recognition, kind: Kind, exact: Exact, rows: Rows, expression: str) -> None:
    if not len(rows):
        return
    text = pl.from_arrow(exact.text(rows))
    matched = text.str.contains(expression).to_numpy()
    found.mark(found.whole, kind, rows[matched])
    if kind.typical_pattern is not None and matched.any():
        typical = text.str.contains(f"^(?:{kind.typical_pattern})$").to_numpy() & matched
        found.mark(found.typical, kind, rows[typical])


def _find(found: Recognition, kind: Kind, exact: Exact, rows: Rows, expression: str) -> None:
    if not len(rows):
        return
    places = rows[pl.from_arrow(exact.text(rows)).str.contains(expression).to_numpy()]
    found.mark(found.inside_shaped, kind, places)  # inside text the finder is the shape as well as the check
    found.mark(found.inside, kind, places)


def _read_words(found: Recognition, plan: Plan, column: "pa.Array[Any]", seen: Screen) -> None:
    if not plan.worded:
        return
    several = ((seen.classes & ~np.uint8(ALNUM)) != 0) & ((seen.classes & np.uint8(DIGIT)) != 0)
    several &= seen.lengths > plan.shortest_word
    if "birth_date" in found.whole:  # no number that is looked for hides in a cell that is wholly a date
        several &= ~found.whole["birth_date"]
    rows = seen.odd[several[seen.odd]]
    if len(rows):
        several[rows] = False
        folded = screen(fold_column(column.take(rows)), plan)
        for segments in runs(folded, np.arange(len(rows))):
            segments.rows = rows[segments.rows]
            _check(found, plan, segments, inside=True)
    chosen = np.flatnonzero(several)
    if len(chosen):
        for segments in runs(seen, chosen):
            _check(found, plan, segments, inside=True)


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
    # Without a digit a word is no number. That spares every kind the words of ordinary language.
    yield from re.findall(r"[A-Za-z]*[0-9][0-9A-Za-z]*", folded)
    joined = r"[0-9A-Za-z](?:[0-9A-Za-z]|(?<=[0-9])[ -](?=[0-9])|(?<=[0-9])\((?=[0-9A-Za-z]))*"
    for word in re.findall(joined, folded):
        if len(word) <= LONGEST_JOINED and not word.isalnum():
            yield re.sub(r"[ (-]", "", word)


def _is(kind: Kind, text: str, *, compact: bool) -> bool:
    encoded = np.frombuffer(text.encode(), np.uint8)
    union = int(np.bitwise_or.reduce(CLASS[encoded])) if len(encoded) else 0
    if not kind.admits(union):
        return False
    if kind.check is not None and len(encoded) in kind.lengths and (kind.joins or not compact):
        upper = np.frombuffer(re.sub("[a-z]", lambda match: match[0].upper(), text).encode(), np.uint8)
        if bool(kind.check(upper.reshape(1, -1))[1][0]):
            return True
    if kind.pattern is None or compact or not kind.min_length <= len(encoded) <= kind.max_length:
        return False
    return re.fullmatch(kind.pattern, text) is not None
