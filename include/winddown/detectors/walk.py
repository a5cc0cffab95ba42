"""Walks the cells of a column with all expressions at once, compiled.

The deterministic automaton is built as far as the cells that come by need it: a state is a set of positions, and what
follows it for a symbol is worked out when it is first asked for. No text can make it outgrow its memory: full, it is
emptied and begins anew.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from winddown.compiled import compiled
from winddown.detectors.automaton import Positions
from winddown.detectors.classes import NO_CHARACTER, marks
from winddown.detectors.fold import narrow

_STATES, _MEMBERS = 8192, 128  # positions per state on average
_DEAD = 0
# In a row: the state that follows tells of expressions that match inside; it was not asked for yet.
TELLS, UNKNOWN = np.uint32(1 << 31), np.uint32(0xFFFFFFFF)
_LINE = 16  # numbers of 32 bits
_ASCII, _TWO, _THREE, _FOUR = 0x80, 0xC2, 0xE0, 0xF0  # the first bytes of sequences of so many
_BEYOND = 0x10000
_MORE = np.uint32(0x40)  # a byte that goes on has nothing above, once 0x80 is taken off
_WIDTH2, _WIDTH3 = np.uint64(2), np.uint64(3)
ONE, SYMBOL = np.uint64(1), np.uint32(16)


class Machine(NamedTuple):
    """The automaton as far as it was built: arrays alone, as compiled code wants them."""

    signs: npt.NDArray[np.uint32]  # of every code point: its symbol, shifted by SYMBOL, and its mark
    follow: npt.NDArray[np.int32]  # positions that follow position p: follow[bounds[p]:bounds[p + 1]]
    bounds: npt.NDArray[np.int32]
    takes: npt.NDArray[np.bool_]
    words: npt.NDArray[np.uint64]  # by position: whole, inside, inside at the last character
    next: npt.NDArray[np.uint32]  # rows of states: at a symbol's place where the row of what follows begins
    whole: npt.NDArray[np.uint64]  # the same by state
    inside: npt.NDArray[np.uint64]
    inside_at_last: npt.NDArray[np.uint64]
    members: npt.NDArray[np.int32]  # positions of state s: members[starts[s]:starts[s + 1]]
    starts: npt.NDArray[np.int32]
    slots: npt.NDArray[np.int32]  # hash table of states
    stamps: npt.NDArray[np.int64]  # of positions, while a set is put together
    fresh: npt.NDArray[np.int32]  # the set that is put together
    counts: npt.NDArray[np.int64]  # states, stamps given, times emptied
    width: int  # of a row; the last place of each has the number of the state


def machine_of(positions: Positions, *, states: int = _STATES) -> Machine:
    """Return the machine for positions, with nothing built but the start.

    Args:
        positions: what it looks for.
        states: how many may be built before it is emptied, a power of two.
    """
    bounds = np.zeros(len(positions.follow) + 1, np.int32)
    np.cumsum([len(each) for each in positions.follow], out=bounds[1:])
    count, symbols = positions.takes.shape
    # An odd number of cache lines, so that rows do not compete for the same places in the cache.
    width = (symbols // _LINE + 1 | 1) * _LINE
    machine = Machine(
        signs=_signs(positions.symbols),
        follow=np.array([one for each in positions.follow for one in each], np.int32),
        bounds=bounds,
        takes=positions.takes,
        words=np.stack([positions.whole, positions.inside, positions.inside_at_last], axis=1),
        next=_aligned(states * width),
        whole=np.zeros(states, np.uint64),
        inside=np.zeros(states, np.uint64),
        inside_at_last=np.zeros(states, np.uint64),
        members=np.zeros(states * _MEMBERS + count, np.int32),
        starts=np.zeros(states + 1, np.int32),
        slots=np.zeros(4 * states, np.int32),
        stamps=np.zeros(count, np.int64),
        fresh=np.zeros(count, np.int32),
        counts=np.zeros(3, np.int64),
        width=width,
    )
    _empty(machine)
    return machine


def _aligned(count: int) -> npt.NDArray[np.uint32]:
    # Begins where a line of the cache begins.
    whole = np.empty(count + _LINE, np.uint32)
    skipped = -whole.ctypes.data // whole.itemsize % _LINE
    return whole[skipped : skipped + count]


@compiled
def _empty(machine: Machine) -> None:
    # State 0 has no positions, state 1 the start.
    width = machine.width
    machine.next[:width] = _DEAD
    machine.next[width : 2 * width] = UNKNOWN
    machine.next[2 * width - 1] = 1
    machine.slots[:] = 0
    machine.starts[:3] = np.array([0, 0, 1], np.int32)
    machine.members[0] = 0
    for word in (machine.whole, machine.inside, machine.inside_at_last):
        word[:2] = 0
    machine.counts[0] = 2
    machine.counts[2] += 1


@compiled
def _fill(machine: Machine, state: Any, symbol: Any) -> int:
    # Puts the positions that follow a state and take a symbol into ``fresh``, in order; returns how many.
    machine.counts[1] += 1
    stamp, size = machine.counts[1], 0
    for place in range(machine.starts[state], machine.starts[state + 1]):
        position = machine.members[place]
        for other in range(machine.bounds[position], machine.bounds[position + 1]):
            following = machine.follow[other]
            if machine.stamps[following] != stamp and machine.takes[following, symbol]:
                machine.stamps[following] = stamp
                machine.fresh[size] = following
                size += 1
    machine.fresh[:size].sort()
    return size


@compiled
def _slot(machine: Machine, size: int) -> Any:
    # Where the state of the fresh positions is in the hash table, or would be.
    mixed = np.uint64(size)
    for place in range(size):
        mixed = (mixed ^ np.uint64(machine.fresh[place])) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    slots = len(machine.slots)
    slot = np.int64(mixed & np.uint64(slots - 1))
    while machine.slots[slot]:
        first, end = machine.starts[machine.slots[slot]], machine.starts[machine.slots[slot] + 1]
        if end - first == size and (machine.members[first:end] == machine.fresh[:size]).all():
            break
        slot = (slot + 1) & (slots - 1)
    return slot


@compiled
def _add(machine: Machine, size: int, slot: int) -> Any:
    # Makes a state of the fresh positions.
    state = machine.counts[0]
    first = machine.starts[state]
    machine.counts[0] += 1
    machine.starts[state + 1] = first + size
    machine.members[first : first + size] = machine.fresh[:size]
    machine.whole[state] = machine.inside[state] = machine.inside_at_last[state] = 0
    for place in range(size):
        words = machine.words[machine.fresh[place]]
        machine.whole[state] |= words[0]
        machine.inside[state] |= words[1]
        machine.inside_at_last[state] |= words[2]
    machine.next[state * machine.width : (state + 1) * machine.width] = UNKNOWN
    machine.next[(state + 1) * machine.width - 1] = state
    machine.slots[slot] = state
    return state


@compiled
def grown(machine: Machine, row: Any, symbol: Any) -> Any:
    """Return what ``next`` has to have in a row at a symbol, and put it there; a new state is built."""
    place = np.int64(row) + np.int64(symbol)
    size = _fill(machine, np.int64(machine.next[np.int64(row) + machine.width - 1]), symbol)
    if size == 0:
        machine.next[place] = _DEAD
        return np.uint32(_DEAD)
    slot = _slot(machine, size)
    state: Any = np.int64(machine.slots[slot])
    emptied = False
    if state == 0:
        emptied = machine.counts[0] == len(machine.whole) or (
            machine.starts[machine.counts[0]] + size > len(machine.members)
        )
        if emptied:
            _empty(machine)
            slot = _slot(machine, size)
        state = _add(machine, size, slot)
    following = np.uint32(state * machine.width) | (TELLS if machine.inside[state] else np.uint32(0))
    if not emptied:
        machine.next[place] = following
    return following


@compiled
def decoded(data: Any, lead: Any, place: Any, end: Any) -> Any:
    """Return the code point beyond ASCII whose first byte was read, or ``NO_CHARACTER``, and the place behind it."""
    if lead & np.uint32(0xF0) == _THREE and end - place >= _WIDTH2:  # nearly always; short enough to need no call
        second, third = np.uint32(data[place]) ^ np.uint32(0x80), np.uint32(data[place + ONE]) ^ np.uint32(0x80)
        code = (lead & np.uint32(0x0F)) << np.uint32(12) | second << np.uint32(6) | third
        if second | third < _MORE and code >= 0x800:  # noqa: PLR2004
            return code, place + _WIDTH2
        return np.uint32(NO_CHARACTER), end
    return _decoded_of_two_or_four(data, lead, place, end)


@compiled
def _decoded_of_two_or_four(data: Any, lead: Any, place: Any, end: Any) -> Any:
    none = np.uint32(NO_CHARACTER), end
    left = end - place
    if lead < _TWO or left < ONE:
        return none
    second = np.uint32(data[place]) ^ np.uint32(0x80)
    if lead < _THREE:
        code = (lead & np.uint32(0x1F)) << np.uint32(6) | second
        return (code, place + ONE) if second < _MORE else none
    if lead < _FOUR or left < _WIDTH3 or lead > 0xF4:  # noqa: PLR2004
        return none
    third, fourth = np.uint32(data[place + ONE]) ^ np.uint32(0x80), np.uint32(data[place + _WIDTH2]) ^ np.uint32(0x80)
    code = (lead & np.uint32(0x07)) << np.uint32(18) | second << np.uint32(12) | third << np.uint32(6) | fourth
    return (code, place + _WIDTH3) if second | third | fourth < _MORE and _BEYOND <= code < NO_CHARACTER else none


@compiled
def walk(machine: Machine, data: Any, starts: Any, ends: Any, cells: Any, whole: Any, inside: Any) -> None:
    """Find the expressions that match a cell, and those that match a place inside it.

    Args:
        machine: what to look for.
        data: UTF-8, folded; full-width forms may be left.
        starts: the first byte of every cell.
        ends: one behind the last byte of every cell.
        cells: which cells to walk, each of them filled.
        whole: a word of bits per cell, written to.
        inside: the same.
    """
    signs, table, last = machine.signs, machine.next, np.uint32(machine.width - 1)
    for cell in cells:
        row, found = np.uint32(machine.width), np.uint64(0)
        place, end = np.uint64(starts[cell]), np.uint64(ends[cell])
        while place < end and row != _DEAD:
            code = np.uint32(data[place])
            place += ONE
            if code >= _ASCII:
                code, place = decoded(data, code, place, end)
            symbol = signs[code] >> SYMBOL
            following = table[row + symbol]
            if following >= TELLS:
                if following == UNKNOWN:
                    following = grown(machine, row, symbol)
                if following & TELLS:
                    following ^= TELLS
                    found |= machine.inside[table[following + last]]
            row = following
        whole[cell] = machine.whole[table[row + last]]
        inside[cell] = found | machine.inside_at_last[table[row + last]]


def _signs(symbols: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint32]:
    # Full-width forms are what they fold to; all beyond the basic plane are one symbol.
    signs = np.full(NO_CHARACTER + 1, symbols[-1], np.uint32)
    signs[: len(symbols) - 1] = symbols[:-1]
    wide, codes = narrow()
    signs[wide] = signs[codes]
    return np.asarray(signs << SYMBOL | marks())
