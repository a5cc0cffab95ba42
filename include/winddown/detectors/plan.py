"""The plan: what all kinds together look for, arranged so that one look at a cell rules out nearly all of them.

A cell's length and the union of its character classes say, in two looks into a table, which expressions it is worth
walking it for and which checks it is worth a row of a block. Kinds with an expression have the bits 0 to 63, the
others the bits 64 to 127.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from winddown.detectors.automaton import positions_of
from winddown.detectors.kind import DIGIT, LONGEST, Bools, Kind
from winddown.detectors.walk import Machine, machine_of
from winddown.domain.errors import Refused

WORD = 64  # bits
_NUMBER = WORD - 1
Words = npt.NDArray[np.uint64]


class Tables(NamedTuple):
    """What ``look`` asks about a cell, by union of classes, by length, or by ``length * 256 + union``.

    The last length stands for all that are longer.
    """

    patterns_by_classes: Words
    patterns_by_length: Words
    finders_by_length: Words
    checked: Bools  # some fixed kind can be
    joined: Bools  # the same of a value without its separators
    worded: Bools  # the same for the kinds that are looked for inside text
    shortest_word: int
    number: np.uint64  # the bit, inside, of a number that may be of some kind
    typical: np.uint64  # bits of the patterns some of whose matches an expression tells to be typical


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is prepared once for a tuple of kinds."""

    bits: dict[str, int]  # by kind id
    fixed: tuple[Kind, ...]
    joined: tuple[Kind, ...]
    worded: tuple[Kind, ...]
    admits: dict[str, Bools]  # by kind id and union of classes, for fixed kinds
    tables: Tables
    machine: Machine  # the patterns, and the finders inside
    typical: Machine


@lru_cache(maxsize=8)
def plan_for(kinds: tuple[Kind, ...]) -> Plan:
    """Return the plan for kinds."""
    expressed = [kind for kind in kinds if kind.pattern is not None or kind.finder is not None]
    fixed = tuple(kind for kind in kinds if kind.check is not None)
    others = [kind for kind in fixed if kind not in expressed]
    if max(len(expressed), len(others)) > _NUMBER:
        raise Refused(f"more than {_NUMBER} kinds with, or without, an expression", rule="detectors.plan")
    bits = {kind.id: bit for bit, kind in enumerate(expressed)}
    bits |= {kind.id: WORD + bit for bit, kind in enumerate(others)}
    patterns = {bits[kind.id]: kind for kind in expressed if kind.pattern is not None}
    finders = {bits[kind.id]: kind for kind in expressed if kind.finder is not None}
    typical = {bit: kind.typical_pattern for bit, kind in patterns.items() if kind.typical_pattern is not None}
    worded = tuple(kind for kind in fixed if kind.embeds and kind.finder is None)
    joined = tuple(kind for kind in fixed if kind.joins)
    admits = {kind.id: _by_classes(kind.admits) for kind in fixed}
    lengths = LONGEST + 2
    shortest = min((length for kind in worded for length in kind.lengths), default=LONGEST)
    tables = Tables(
        patterns_by_classes=_united(256, ((bit, _by_classes(_tried(kind))) for bit, kind in patterns.items())),
        patterns_by_length=_united(
            lengths, ((bit, _between(lengths, kind.min_length, kind.max_length)) for bit, kind in patterns.items())
        ),
        finders_by_length=_united(
            lengths, ((bit, _between(lengths, kind.min_length + 1, lengths)) for bit, kind in finders.items())
        ),
        checked=_checked(lengths, fixed, admits),
        joined=_checked(lengths, joined, admits),
        worded=_checked(lengths, worded, admits) & np.tile(_by_classes(lambda classes: bool(classes & DIGIT)), lengths),
        shortest_word=shortest,
        number=np.uint64(1 << _NUMBER),
        typical=np.uint64(sum(1 << bit for bit in typical)),
    )
    return Plan(
        bits=bits,
        fixed=fixed,
        joined=joined,
        worded=worded,
        admits=admits,
        tables=tables,
        machine=_machine(
            {bit: kind.pattern for bit, kind in patterns.items()},
            {bit: kind.finder for bit, kind in finders.items()} | ({_NUMBER: _number(shortest)} if worded else {}),
        ),
        typical=_machine(typical, {}),
    )


def _machine(whole: dict[int, Any], inside: dict[int, Any]) -> Machine:
    return machine_of(positions_of(whole, inside))


def _number(shortest: int) -> str:
    # Of what ``look.words`` takes for a number, and of little else, this many characters; a digit is among them, or is
    # the first character behind letters alone.
    character = "(?:[A-Za-z]|[0-9][ (-]?)"
    begun = (f"[A-Za-z]{{{count}}}[0-9][ (-]?{character}{{{shortest - 1 - count}}}" for count in range(shortest))
    return f"(?:^|[^0-9A-Za-z])(?:{'|'.join(begun)}|[A-Za-z]{{{shortest},}}[0-9])"


def _by_classes(test: Callable[[int], bool]) -> Bools:
    return np.fromiter((bool(test(classes)) for classes in range(256)), np.bool_, 256)


def _tried(kind: Kind) -> Callable[[int], bool]:
    return lambda classes: kind.admits(classes) and classes & kind.pattern_needs == kind.pattern_needs


def _between(lengths: int, least: int, most: int) -> Bools:
    flags = np.zeros(lengths, np.bool_)
    flags[least : most + 1] = True
    return flags


def _united(size: int, flags_by_bit: Iterable[tuple[int, Bools]]) -> Words:
    words = np.zeros(size, np.uint64)
    for bit, flags in flags_by_bit:
        words[flags] |= np.uint64(1 << bit)
    return words


def _checked(lengths: int, kinds: Iterable[Kind], admits: dict[str, Bools]) -> Bools:
    table = np.zeros((lengths, 256), np.bool_)
    for kind in kinds:
        for length in kind.lengths:
            table[length] |= admits[kind.id]
    return table.reshape(-1)
