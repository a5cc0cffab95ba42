r"""Many regular expressions as one automaton of positions (Glushkov 1961; McNaughton and Yamada 1960).

A position is a place in an expression that takes one character. What may follow a position is worked out once, so that
the cells of a column can be walked with all expressions at the same time; ``walk`` builds the deterministic automaton
from it, as far as the cells that come by need it.

Characters that no expression tells apart are one symbol. Characters beyond the basic plane are one symbol too: no
expression may tell them apart.

>>> positions = positions_of({0: "a+b", 1: "[^,]c"}, {0: "(?:^|x)y"})
>>> len(positions.follow), bool(positions.symbols[ord("p")] == positions.symbols[ord("q")])
(9, True)
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from winddown.domain.errors import Refused

_PLANE = 0x10000  # code points; the symbol table has one more entry, for all that lie beyond
_TOP = 0x10FFFF
# What else is the same letter when case is ignored.
_UNUSUAL = {"i": "\u0130\u0131", "k": "\u212a", "s": "\u017f", "å": "\u212b", "ß": "\u1e9e"}
_parser: Any = re._parser  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public parser of expressions

_Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Positions:
    """Position 0 is the start.

    Attributes:
        follow: the positions that may follow each.
        takes: by position and symbol, whether the one takes the other.
        whole: the bits of the whole expressions that are matched when the text ends at a position.
        inside: the bits of the expressions for a place inside the text that are matched when a position is reached.
        inside_at_last: the same, when the text ends there.
        symbols: of the code points of the basic plane, and, last, of all the others.
    """

    follow: tuple[tuple[int, ...], ...]
    takes: npt.NDArray[np.bool_]
    whole: npt.NDArray[np.uint64]
    inside: npt.NDArray[np.uint64]
    inside_at_last: npt.NDArray[np.uint64]
    symbols: npt.NDArray[np.uint16]


def positions_of(whole: Mapping[int, str], inside: Mapping[int, str]) -> Positions:
    """Return the automaton of expressions for a whole text, and of others for a place inside it.

    Args:
        whole: by the number of the bit that says that one matches, 0 to 63; in the dialect that ``kind`` describes.
        inside: the same.

    Raises:
        Refused: an expression holds something that is not understood here.
    """
    nodes = _Nodes()
    begin, anywhere = nodes.new(), nodes.new()
    if inside:  # a position that takes whatever comes before a match
        nodes.take(anywhere, ((0, _TOP),), anywhere)
        nodes.link(begin, anywhere)
    accepting = [nodes.add(expressions, start) for expressions, start in ((whole, begin), (inside, anywhere))]
    return nodes.positions(begin, *accepting)


@dataclass(slots=True)
class _Nodes:
    """Nodes joined by links that take nothing, some of them at the edge of the text only, and by takers."""

    links: list[list[tuple[int, str]]] = field(default_factory=list)
    takers: list[tuple[_Ranges, int] | None] = field(default_factory=list)

    def new(self) -> int:
        self.links.append([])
        self.takers.append(None)
        return len(self.links) - 1

    def link(self, source: int, target: int, condition: str = "") -> None:
        self.links[source].append((target, condition))

    def take(self, source: int, ranges: _Ranges, target: int) -> None:
        taker = self.new()
        self.link(source, taker)
        self.takers[taker] = (ranges, target)

    def add(self, expressions: Mapping[int, str], start: int) -> dict[int, int]:
        """Add expressions that begin at a node; return the nodes behind them, each with its bit."""
        behind = {}
        for bit, expression in expressions.items():
            tree = _parser.parse(expression)
            first = self.new()
            self.link(start, first)
            behind[self.sequence(tree, tree.state.flags & ~re.UNICODE, first)] = 1 << bit
        return behind

    def sequence(self, tree: Iterable[Any], flags: int, start: int) -> int:
        """Add what takes a sequence from a node on; return the node behind it."""
        for name, argument in tree:
            start = self._one(str(name), argument, flags, start)
        return start

    def _one(self, name: str, argument: Any, flags: int, start: int) -> int:
        match name:
            case "SUBPATTERN":
                _, added, removed, inner = argument
                return self.sequence(inner, (flags | added) & ~removed, start)
            case "BRANCH":
                end = self.new()
                self._branches(argument[1], flags, start, end)
                return end
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, inner = argument
                return self._repeated(least, most, inner, flags, start)
            case "AT" if str(argument) in {"AT_BEGINNING", "AT_END"}:
                end = self.new()
                self.link(start, end, str(argument))
                return end
            case _:
                end = self.new()
                self.take(start, _ranges(name, argument, flags), end)
                return end

    def _branches(self, branches: Iterable[Any], flags: int, start: int, end: int) -> None:
        # Words that begin alike share positions as far as they do.
        alike: dict[Any, list[Any]] = {}
        for branch in branches:
            letter = branch[0] if len(branch) and str(branch[0][0]) == "LITERAL" else len(alike)
            alike.setdefault(letter, []).append(branch)
        for letter, group in alike.items():
            if len(group) == 1:
                self.link(self.sequence(group[0], flags, start), end)
            else:
                self._branches([branch[1:] for branch in group], flags, self.sequence([letter], flags, start), end)

    def _repeated(self, least: int, most: Any, inner: Any, flags: int, start: int) -> int:
        for _ in range(least):
            start = self.sequence(inner, flags, start)
        end = self.new()
        self.link(start, end)
        if most is _parser.MAXREPEAT:
            self.link(self.sequence(inner, flags, end), end)
            return end
        for _ in range(most - least):
            start = self.sequence(inner, flags, start)
            self.link(start, end)
        return end

    def positions(self, begin: int, whole: dict[int, int], inside: dict[int, int]) -> Positions:
        """Take the links out: what is left are the takers, each with those that may follow it."""
        places = [node for node, taker in enumerate(self.takers) if taker is not None]
        number = {node: place + 1 for place, node in enumerate(places)}
        sets: dict[_Ranges, int] = {}
        follow, kinds = [], []
        words = np.zeros((3, len(places) + 1), np.uint64)
        for place, node in enumerate([begin, *places]):
            taker = self.takers[node] if place else None
            reached, last = self._closure(taker[1] if taker else node, at_start=not place)
            follow.append(tuple(sorted(number[each] for each in reached if each in number)))
            words[:, place] = _united(whole, reached | last), _united(inside, reached), _united(inside, reached | last)
            kinds.append(sets.setdefault(taker[0], len(sets)) if taker else -1)
        symbols, members = _symbols(tuple(sets))
        takes = np.zeros((len(follow), members.shape[1]), np.bool_)
        takes[1:] = members[kinds[1:]]
        return Positions(tuple(follow), takes, words[0], words[1], words[2], symbols)

    def _closure(self, node: int, *, at_start: bool) -> tuple[set[int], set[int]]:
        # What is reached without taking anything: anywhere, and at the end of the text only.
        reached: set[int] = set()
        last: set[int] = set()
        waiting = [(node, False)]
        while waiting:
            node, at_end = waiting.pop()
            seen = last if at_end else reached
            if node in seen:
                continue
            seen.add(node)
            for target, condition in self.links[node]:
                if condition != "AT_BEGINNING" or at_start:
                    waiting.append((target, at_end or condition == "AT_END"))
        return reached, last


def _united(accepting: dict[int, int], reached: set[int]) -> int:
    bits = 0
    for node in reached & accepting.keys():
        bits |= accepting[node]
    return bits


def _symbols(sets: tuple[_Ranges, ...]) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.bool_]]:
    # Code points between two borders of ranges are alike; so are stretches with the same sets.
    borders = sorted({border for ranges in sets for first, last in ranges for border in (first, last + 1)} | {0})
    borders = [border for border in borders if border < _PLANE] + [_PLANE]
    begins = np.array(borders, np.int64)
    member = np.zeros((len(begins), len(sets)), np.bool_)
    for place, ranges in enumerate(sets):
        for first, last in ranges:
            member[(begins >= first) & (begins <= last), place] = True
        beyond = [(first, last) for first, last in ranges if last >= _PLANE]
        if beyond and (beyond[-1][0] > _PLANE or beyond[-1][1] < _TOP):
            raise Refused("characters beyond the basic plane are told apart", rule="detectors.automaton")
    packed = np.packbits(member, axis=1)
    _, firsts, symbol = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    # Numbered by their first character, the usual ones first, so that what comes together lies together in a row.
    rank = np.arange(_PLANE + len(_USUAL), dtype=np.int64)[len(_USUAL) :]
    rank[[ord(character) for character in _USUAL]] = np.arange(len(_USUAL))
    order = np.argsort(rank[begins[firsts]])
    symbol = np.argsort(order)[symbol.reshape(-1)]
    symbols = np.zeros(_PLANE + 1, np.uint16)
    for each, first, last in zip(symbol, borders, [*borders[1:], _PLANE + 1], strict=True):
        symbols[first:last] = each
    return symbols, member[firsts[order]].T


# What numbers are written with, then words, then capitals; a line of the cache holds 16 symbols.
_USUAL = "0123456789abcdef" + "ghiklmnoprstuwy " + "ABCDEFGHIKLMNPSX" + "-_.,:/jqvzJOQRTUVWYZ"


def _ranges(name: str, argument: Any, flags: int) -> _Ranges:
    match name:
        case "LITERAL":
            return _cased([(argument, argument)], flags)
        case "NOT_LITERAL":
            return _without(_cased([(argument, argument)], flags))
        case "ANY":
            return ((0, _TOP),) if flags & re.DOTALL else _without(((10, 10),))
        case "IN":
            kinds = {str(kind) for kind, _ in argument}
            if kinds <= {"LITERAL", "RANGE", "NEGATE"}:
                members = [(value, value) if str(kind) == "LITERAL" else value for kind, value in argument if value]
                ranges = _cased(members, flags)
                return _without(ranges) if "NEGATE" in kinds else ranges
    raise Refused(f"an expression holds {name}, which is not understood", rule="detectors.automaton")


def _cased(ranges: list[tuple[int, int]], flags: int) -> _Ranges:
    if flags & re.IGNORECASE:
        twins = [_twins(code) for first, last in ranges for code in range(first, min(last, _CASED_LAST) + 1)]
        ranges = [*ranges, *((code, code) for codes in twins for code in codes)]
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


_CASED_LAST = 0x24F  # Latin letters; expressions hold no other ones that have a case


@cache
def _twins(code: int) -> tuple[int, ...]:
    letter = chr(code)
    twins = {letter.lower(), letter.upper(), *_UNUSUAL.get(letter.lower(), "")}
    return tuple(ord(twin) for twin in twins if len(twin) == 1)


def _without(ranges: _Ranges) -> _Ranges:
    found, start = [], 0
    for first, last in ranges:
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    return (*found, (start, _TOP)) if start <= _TOP else tuple(found)
