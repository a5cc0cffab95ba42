"""Recognition of every cell of one text column.

The order of work keeps the cost down. One look at a cell gives its length and its character classes; by these, nearly
every cell is dismissed for nearly every kind. Kinds of fixed length are checked as byte matrices; cells are walked once
for all expressions; numbers inside text are taken out run by run. ``recognise.holds`` and ``found_inside`` say the same
for one text, slowly: they define what is counted here.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from winddown.compiled import compiled
from winddown.detectors.cells import Rows, cells_of
from winddown.detectors.checksums import among
from winddown.detectors.kind import Bools, Kind
from winddown.detectors.look import look, words
from winddown.detectors.plan import WORD, Plan, Words
from winddown.detectors.segments import Segments, blocks
from winddown.detectors.walk import walk

# The place of a lone bit: a multiplication moves a different pattern into the top six bits for each (de Bruijn).
_SPREAD = np.uint64(0x03F79D71B4CB0A89)
_PLACE_OF = np.zeros(64, np.int64)
for _place in range(64):
    _PLACE_OF[(1 << _place) * int(_SPREAD) % (1 << 64) >> 58] = _place

SETS = ("whole", "whole_shaped", "inside", "inside_shaped", "typical")


@dataclass(slots=True)
class Recognition:
    """Which cells showed what: for each set and half of the bits a word per cell; halves without any are absent."""

    plan: Plan
    blank: Bools
    hashes: Words
    words: dict[tuple[str, int], Words] = field(default_factory=dict)

    def of(self, name: str, half: int) -> Words:
        """Return the words of a set, to be written to."""
        if (name, half) not in self.words:
            self.words[name, half] = np.zeros(len(self.blank), np.uint64)
        return self.words[name, half]

    def mark(self, name: str, kind: Kind, rows: Rows, flags: Bools) -> None:
        """Note that the flagged ones of some cells belong to a set of a kind."""
        half, bit = divmod(self.plan.bits[kind.id], WORD)
        _mark(self.of(name, half), rows, flags, np.uint64(1 << bit))

    def counts(self, weights: npt.NDArray[np.int64] | None) -> dict[str, dict[str, int]]:
        """Return by set and kind id how many cells there are; with weights, cell ``i`` stands for ``weights[i]``."""
        totals = np.zeros((len(SETS), 2 * WORD), np.int64)
        for (name, half), each in self.words.items():
            place = totals[SETS.index(name), half * WORD : (half + 1) * WORD]
            _count(each, np.ones(1, np.int64) if weights is None else weights, weights is not None, place)
        kinds = {bit: kind_id for kind_id, bit in self.plan.bits.items()}
        return {
            name: {kinds[bit]: int(total[bit]) for bit in np.flatnonzero(total).tolist()}
            for name, total in zip(SETS, totals, strict=True)
        }


def recognise(column: "pa.Array[Any]", plan: Plan) -> Recognition:
    """Read every cell of a column.

    Args:
        column: large strings without nulls; not kept.
        plan: what to look for.

    Returns:
        The outcome per cell. A cell that matches a kind as a whole does not count as containing it.

    Raises:
        pa.ArrowInvalid: the column is no UTF-8.
    """
    cells = cells_of(column)
    seen = look(cells, plan)
    found = Recognition(plan, seen.classes == 0, seen.hashes)
    found.words["whole_shaped", 0], found.words["whole", 0] = seen.tried, seen.whole
    if len(seen.ranked):
        typical, unused = found.of("typical", 0), np.empty(len(seen.whole), np.uint64)
        walk(plan.typical, cells.data, cells.starts, cells.ends, seen.ranked, typical, unused)
        typical &= seen.whole
    _check(found, seen.checked, plan.fixed, inside=False)
    _check(found, seen.joined, plan.joined, inside=False)
    worded = seen.worded
    if (dates := plan.bits.get("birth_date")) is not None:  # no number that is looked for hides in a date
        worded = worded[found.words["whole", dates // WORD][worded] >> np.uint64(dates % WORD) & np.uint64(1) == 0]
    if len(worded):
        _check(found, words(cells, worded, plan), plan.worded, inside=True)
    if seen.is_inside:  # inside text the finder is the shape as well as the check
        for name in ("inside", "inside_shaped"):
            found.of(name, 0)[:] |= seen.inside
    for name, half in found.words.keys() & {(name, half) for name in ("inside", "inside_shaped") for half in (0, 1)}:
        if (taken := name.replace("inside", "whole"), half) in found.words:
            found.words[name, half] &= ~found.words[taken, half]
    return found


def _check(found: Recognition, segments: Segments, kinds: tuple[Kind, ...], *, inside: bool) -> None:
    plan = found.plan
    for kind, rows, block, fits in blocks(segments, kinds, plan.admits):
        assert kind.check is not None  # noqa: S101 - fixed kinds have a check
        shaped, valid = kind.check(block)
        if fits is not None:
            shaped, valid = shaped & fits, valid & fits
        if not shaped.any():
            continue
        found.mark("inside_shaped" if inside else "whole_shaped", kind, rows, shaped)
        if not valid.any():
            continue
        found.mark("inside" if inside else "whole", kind, rows, valid)
        if kind.typical is not None:
            found.mark("typical", kind, rows, among(valid, block, kind.typical))


@compiled
def _mark(words: Any, rows: Any, flags: Any, bit: Any) -> None:
    # Without a branch, which could not be foreseen where half of the flags are set.
    for place in range(len(rows)):
        words[np.uint64(rows[place])] |= bit * np.uint64(flags[place])


@compiled
def _count(words: Any, weights: Any, weighted: bool, totals: Any) -> None:
    # Neighbours are often alike, and are then counted together.
    last, waiting = np.uint64(0), 0
    for cell in range(len(words) + 1):
        word = words[cell] if cell < len(words) else np.uint64(0)
        if word != last or cell == len(words):
            while last:
                lowest = last & -last
                totals[_PLACE_OF[lowest * _SPREAD >> np.uint64(58)]] += waiting
                last ^= lowest
            last, waiting = word, 0
        waiting += weights[cell] if weighted and cell < len(words) else 1
