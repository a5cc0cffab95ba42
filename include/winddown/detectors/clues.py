r"""Clues: characters without which a regular expression cannot match, worked out from the expression itself.

A cell without an ``@`` holds no e-mail address, one without any of 省市区县旗州盟 no postal address. Reading that off
the expression makes a new kind cheap for cells that cannot match, without its author having to think of it, and it
cannot contradict the expression. Whatever is not understood yields no clue, and the expression is then tried on every
cell.

>>> [sorted("".join(sorted(clue.characters)) for clue in clues) for clues in clues_of("(?:姓名|户名)[: ]*[王李]")]
[['名', '姓', '李王'], ['名', '户', '李王']]
>>> clues_of(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")[0][-1].times
3
>>> clues_of("[^,]+"), clues_of("(?i)x")
(((),), ((),))

What a match begins with is worked out as well, for expressions that must fit from the first character on.

>>> first_of("(?:第|[0-9]{2})?(?i:k)x"), first_of("[^,]+"), first_of("a?")
(((31532, 31532), (48, 57), (75, 75), (107, 107), (8490, 8490)), None, None)
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

MOST = 80  # characters; a longer list dismisses too little
_ALTERNATIVES = 4
_UNUSUAL = {"k": "\u212a", "s": "\u017f", "å": "\u212b"}  # what else is the same letter when case is ignored
_parser: Any = re._parser  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public parser of expressions

_Sets = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Clue:
    """Characters of which a match contains at least one, at so many places."""

    characters: frozenset[str]
    times: int = 1


def clues_of(pattern: str) -> tuple[tuple[Clue, ...], ...]:
    """Return alternatives, of one of which a match shows every clue. An alternative without clues is always open."""
    tree = _parser.parse(pattern)
    if tree.state.flags & ~re.UNICODE:
        return ((),)
    alternatives = (
        tuple(Clue(characters, times) for characters, times in Counter(sets).items()) for sets in _alternatives(tree)
    )
    return tuple(dict.fromkeys(alternatives))


def first_of(pattern: str) -> tuple[tuple[int, int], ...] | None:
    """Return the ranges of characters that a match may begin with; None when it may begin with any, or be empty."""
    tree = _parser.parse(pattern)
    if tree.state.flags & ~re.UNICODE:
        return None
    try:
        found, empty = _first(tree, ignore_case=False)
    except _UnknownError:
        return None
    return None if empty else tuple(dict.fromkeys(found))


class _UnknownError(Exception):
    """Something in an expression that is not understood."""


def _first(nodes: Iterable[Any], *, ignore_case: bool) -> tuple[list[tuple[int, int]], bool]:
    # The ranges that a sequence may begin with, and whether it may be empty.
    found: list[tuple[int, int]] = []
    for name, argument in nodes:
        ranges, empty = _first_of_one(str(name), argument, ignore_case=ignore_case)
        found += ranges
        if not empty:
            return found, False
    return found, True


def _first_of_one(name: str, argument: Any, *, ignore_case: bool) -> tuple[list[tuple[int, int]], bool]:
    match name:
        case "LITERAL":
            return _cased([(argument, argument)], ignore_case=ignore_case), False
        case "IN" if all(str(kind) in {"LITERAL", "RANGE"} for kind, _ in argument):
            ranges = [(value, value) if str(kind) == "LITERAL" else value for kind, value in argument]
            return _cased(ranges, ignore_case=ignore_case), False
        case "SUBPATTERN" if not argument[2] and not argument[1] & ~re.IGNORECASE:
            return _first(argument[3], ignore_case=ignore_case or bool(argument[1]))
        case "BRANCH":
            branches = [_first(branch, ignore_case=ignore_case) for branch in argument[1]]
            return [one for ranges, _ in branches for one in ranges], any(empty for _, empty in branches)
        case "MAX_REPEAT" | "MIN_REPEAT":
            ranges, empty = _first(argument[2], ignore_case=ignore_case)
            return ranges, empty or not argument[0]
        case "AT":
            return [], True
        case _:
            raise _UnknownError


def _cased(ranges: list[tuple[int, int]], *, ignore_case: bool) -> list[tuple[int, int]]:
    if not ignore_case:
        return ranges
    found = []
    for first, last in ranges:
        if last - first > MOST:
            raise _UnknownError
        for code in range(first, last + 1):
            twins = {chr(code), chr(code).lower(), chr(code).upper(), *_UNUSUAL.get(chr(code).lower(), "")}
            found += [(ord(twin), ord(twin)) for twin in sorted(twins) if len(twin) == 1]
    return found


def _alternatives(nodes: Iterable[Any]) -> tuple[_Sets, ...]:
    # Few alternatives are kept apart, because each has clues of its own; many are taken together.
    choices: list[tuple[_Sets, ...]] = []
    for name, argument in nodes:
        if str(name) == "SUBPATTERN" and not argument[1] and not argument[2]:
            choices.append(_alternatives(argument[3]))
        elif str(name) == "BRANCH" and len(argument[1]) <= _ALTERNATIVES:
            choices.append(tuple(sets for branch in argument[1] for sets in _alternatives(branch)))
        else:
            choices.append((_required(name, argument),))
        count = 1
        for choice in choices:
            count *= len(choice)
        if count > _ALTERNATIVES:
            choices[-1] = (_united(choices[-1]),)
    return tuple(tuple(one for sets in chosen for one in sets) for chosen in product(*choices))


def _required(name: Any, argument: Any) -> _Sets:
    # Each set stands for a place of its own in the match, so that equal sets may be counted.
    match str(name):
        case "LITERAL":
            return (frozenset(chr(argument)),)
        case "IN":
            characters = _members(argument)
            return (characters,) if characters else ()
        case "SUBPATTERN":
            return () if argument[1] or argument[2] else _sequence(argument[3])
        case "BRANCH":
            return _united([_sequence(branch) for branch in argument[1]])
        case "MAX_REPEAT" | "MIN_REPEAT":
            return _sequence(argument[2]) * min(int(argument[0]), 4)
        case _:
            return ()


def _sequence(nodes: Iterable[Any]) -> _Sets:
    return tuple(one for name, argument in nodes for one in _required(name, argument))


def _united(branches: Sequence[_Sets]) -> _Sets:
    # Aligned at the end, where words for one thing resemble each other: 公司, 集团公司.
    common = min(map(len, branches))
    united = [frozenset[str]().union(*(branch[-place] for branch in branches)) for place in range(common, 0, -1)]
    return tuple(one for one in united if len(one) <= MOST)


def _members(items: Iterable[Any]) -> frozenset[str]:
    members: set[str] = set()
    for name, argument in items:
        if str(name) == "LITERAL":
            members.add(chr(argument))
        elif str(name) == "RANGE" and argument[1] - argument[0] < MOST:
            members.update(map(chr, range(argument[0], argument[1] + 1)))
        else:
            return frozenset()
    return frozenset(members) if len(members) <= MOST else frozenset()
