"""The plan: what all kinds together look for, arranged so that one look at a cell rules out nearly all of them.

Every character has a mark, a word of bits that tells its class and how it folds, and another for the clues it answers.
The bits of a cell's characters, united, then say in a few comparisons which expressions are worth trying on the cell;
its length and classes say which checks are. A kind that no cell of a column can be costs the same few comparisons for
the whole column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from winddown.detectors.clues import Clue, clues_of, first_of
from winddown.detectors.fold import BLANK, folds_elsewhere, narrow
from winddown.detectors.kind import ALNUM, DIGIT, OTHER, Bools, Kind
from winddown.detectors.segments import CLASS, LONGEST_JOINED, Bytes

Marks = npt.NDArray[np.uint16]
Clues = npt.NDArray[np.uint64]

WIDE = 1 << 8  # takes three bytes and one when folded
ODD = 1 << 9  # NFKC does more to it, or to its neighbours, than narrowing
EMPTY = 1 << 10  # white space, which is stripped at the edges
EVERY_CLUE = np.uint64((1 << 64) - 1)
_CLUE_BITS = 64
_ENOUGH = 3  # clues per alternative; the rarest are those of the shortest lists
_SHORT_LIST = 8


@dataclass(frozen=True, slots=True)
class Alternative:
    """What one alternative demands: all of these clues, a class of each group, a character at so many places."""

    clues: np.uint64
    classes: tuple[np.uint8, ...]
    times: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Search:
    """An expression of a kind, the classes and lengths of the cells it applies to, and its alternatives."""

    kind: Kind
    expression: str
    admits: Bools  # by union of classes
    least: int
    most: int
    alternatives: tuple[Alternative, ...]
    first: np.uint64  # its bit in the plan's ``firsts``; 0 when a match may begin with anything


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is prepared once for a tuple of kinds."""

    kinds: tuple[Kind, ...]
    fixed: tuple[Kind, ...]
    joined: tuple[Kind, ...]
    worded: tuple[Kind, ...]
    joined_are_alnum: bool  # no value that is compacted holds anything else
    admits: dict[str, Bools]  # by kind id and union of classes, for fixed kinds
    lengths: int  # that have a row of their own in the next two tables; the last is for all that are longer
    checked: Bools  # by length and union of classes: some fixed kind can be
    compactable: Bools  # the same, after compacting, for the kinds whose values are compacted
    worded_checked: Bools  # the same for the kinds that are looked for inside text
    patterns: tuple[Search, ...]
    finders: tuple[Search, ...]
    word_lengths: Bools
    shortest_word: int
    marks: Marks  # by UTF-16 code unit
    clues: Clues  # the same
    firsts: Clues  # by UTF-16 code unit: the expressions of which a match may begin with it
    ascii_clues: tuple[Bytes, Clues]  # a table of groups of ASCII characters, and the clues of each union of groups


@lru_cache(maxsize=8)
def plan_for(kinds: tuple[Kind, ...]) -> Plan:
    """Return the plan for kinds."""
    fixed = tuple(kind for kind in kinds if kind.check is not None)
    worded = tuple(kind for kind in fixed if kind.embeds and kind.finder is None)
    joined = tuple(kind for kind in fixed if kind.joins)
    admits = {kind.id: _by_classes(kind.admits) for kind in fixed}
    lengths = max([LONGEST_JOINED, *(length for kind in fixed for length in kind.lengths)]) + 2
    word_lengths = np.zeros(lengths, np.bool_)
    word_lengths[[length for kind in worded for length in kind.lengths]] = True
    bits, firsts = _Bits(), _Firsts()
    # Finders look at every text and come first, should the bits run out.
    finders = tuple(
        Search(
            kind,
            kind.finder,
            _by_classes(lambda classes, needs=kind.finder_needs: classes & needs == needs),  # type: ignore[misc]
            kind.min_length + 1,
            1 << 62,
            bits.alternatives(kind.finder),
            np.uint64(0),
        )
        for kind in kinds
        if kind.finder is not None
    )
    patterns = tuple(
        Search(
            kind,
            f"^(?:{kind.pattern})$",
            _by_classes(lambda classes, kind=kind: _tried(kind, classes)),  # type: ignore[misc]
            kind.min_length,
            kind.max_length,
            bits.alternatives(kind.pattern),
            firsts.bit(kind.pattern),
        )
        for kind in kinds
        if kind.pattern is not None
    )
    checked = np.zeros((lengths, 256), np.bool_)
    compactable = np.zeros((lengths, 256), np.bool_)
    worded_checked = np.zeros((lengths, 256), np.bool_)
    numeric = _by_classes(lambda classes: bool(classes & DIGIT))
    for table, group in ((checked, fixed), (worded_checked, worded)):
        for kind in group:
            for length in kind.lengths:
                table[length] |= admits[kind.id]
    worded_checked &= numeric
    grouped = numeric & _by_classes(lambda classes: not classes & ~(ALNUM | OTHER) and bool(classes & OTHER))
    for kind in joined:
        fits = grouped & _by_classes(lambda classes, kind=kind: _left(kind, classes))  # type: ignore[misc]
        for length in kind.lengths:
            compactable[length] |= fits
    return Plan(
        kinds=kinds,
        fixed=fixed,
        joined=joined,
        worded=worded,
        joined_are_alnum=not any(kind.classes & OTHER for kind in joined),
        admits=admits,
        lengths=lengths,
        checked=checked.reshape(-1),
        compactable=compactable.reshape(-1),
        worded_checked=worded_checked.reshape(-1),
        patterns=patterns,
        finders=finders,
        word_lengths=word_lengths,
        shortest_word=min((length for kind in worded for length in kind.lengths), default=0),
        marks=_marks(),
        clues=bits.clues(),
        firsts=firsts.table,
        ascii_clues=_grouped_clues(bits.clues()[:128]),
    )


def _by_classes(test: Callable[[int], bool]) -> Bools:
    return np.fromiter((bool(test(classes)) for classes in range(256)), np.bool_, 256)


def _tried(kind: Kind, classes: int) -> bool:
    return kind.admits(classes) and classes & kind.pattern_needs == kind.pattern_needs


def _left(kind: Kind, classes: int) -> bool:
    return kind.admits(classes) or kind.admits(classes & ~OTHER)


def _marks() -> Marks:
    # Of every UTF-16 code unit, as the character that it folds to.
    marks = np.zeros(65536, np.uint16)
    marks[:128] = CLASS[:128]
    marks[128:] = CLASS[255]
    for character in BLANK:
        marks[ord(character)] |= np.uint16(EMPTY)
    wide, ascii_codes = narrow()
    marks[wide] = marks[ascii_codes] | np.uint16(WIDE)
    elsewhere = folds_elsewhere()
    marks[elsewhere[elsewhere < len(marks)]] |= np.uint16(ODD)
    return marks


def _grouped_clues(clues: Clues) -> tuple[Bytes, Clues]:
    # Eight groups of characters that answer the same clues fit a byte; of more, the last ones are taken together.
    signatures = [int(each) for each in np.unique(clues) if each]
    places = {signature: min(place, 7) for place, signature in enumerate(signatures)}
    table = np.zeros(256, np.uint8)
    meaning = np.zeros(256, np.uint64)
    for code, each in enumerate(clues.tolist()):
        if each:
            table[code] = 1 << places[each]
    for union in range(256):
        for signature, place in places.items():
            if union >> place & 1:
                meaning[union] |= np.uint64(signature)
    return table, meaning


class _Firsts:
    """Gives every expression a bit, and every code unit the bits of the expressions that it may begin a match of."""

    def __init__(self) -> None:
        self.table = np.zeros(65536, np.uint64)
        self._given = 0

    def bit(self, expression: str) -> np.uint64:
        ranges = first_of(expression)
        if ranges is None or self._given == _CLUE_BITS:
            return np.uint64(0)
        bit = np.uint64(1 << self._given)
        self._given += 1
        begins = np.zeros(65536, np.bool_)
        for first, last in ranges:
            begins[first : last + 1] = True
            if last >= len(begins):
                begins[0xD800:0xDC00] = True  # the first unit of every pair
        wide, ascii_codes = narrow()
        begins[wide] = begins[ascii_codes]
        self.table[begins] |= bit
        return bit


class _Bits:
    """Gives every list of characters that some expression needs a bit of its own, while there are any."""

    def __init__(self) -> None:
        self._lists: dict[frozenset[str], int] = {}

    def alternatives(self, expression: str) -> tuple[Alternative, ...]:
        return tuple(dict.fromkeys(map(self._alternative, clues_of(expression))))

    def _alternative(self, clues: Sequence[Clue]) -> Alternative:
        bits, groups, times = 0, [], []
        for clue in sorted(clues, key=lambda clue: len(clue.characters))[:_ENOUGH]:
            if len(clue.characters) > _SHORT_LIST and all(map(str.isascii, clue.characters)):
                groups.append(np.uint8(np.bitwise_or.reduce([CLASS[ord(character)] for character in clue.characters])))
                continue
            bits |= self._bit(clue.characters)
            if clue.times > 1 and len(clue.characters) == 1 and min(clue.characters).isascii():
                times.append((min(clue.characters), clue.times))
        return Alternative(np.uint64(bits), tuple(groups), tuple(times))

    def _bit(self, characters: frozenset[str]) -> int:
        if any(ord(character) > 0xFFFF for character in characters):  # noqa: PLR2004 - two code units
            return 0
        if characters not in self._lists:
            if len(self._lists) == _CLUE_BITS:
                return 0
            self._lists[characters] = 1 << len(self._lists)
        return self._lists[characters]

    def clues(self) -> Clues:
        """Return the clues that every UTF-16 code unit answers, as the character that it folds to."""
        clues = np.zeros(65536, np.uint64)
        for characters, bit in self._lists.items():
            for character in characters:
                clues[ord(character)] |= np.uint64(bit)
        wide, ascii_codes = narrow()
        clues[wide] = clues[ascii_codes]
        return clues
