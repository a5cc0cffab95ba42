"""One look at every cell, compiled: its classes, and what it is worth trying on it.

Length and classes of a cell dismiss nearly all kinds. What is left is put into lists: cells to be walked for
expressions, and segments, a cell or a number inside one, to be checked in blocks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from winddown.compiled import compiled
from winddown.detectors.cells import Bytes, Cells, Rows
from winddown.detectors.classes import BLANK, CLASS, FOLDS, JOINS, LONGEST_JOINED, NONE, SEPARATOR, WIDE
from winddown.detectors.kind import ALNUM, DIGIT, OTHER
from winddown.detectors.plan import Plan, Words
from winddown.detectors.segments import Segments
from winddown.detectors.walk import ONE, SYMBOL, TELLS, UNKNOWN, decoded, grown

_PLUS, _SPACE, _DASH, _OPENING = ord("+"), ord(" "), ord("-"), ord("(")
_ASCII = 0x80
_CLASSES = np.uint64(256)
_HEEDED = np.uint32(WIDE | NONE)
_SEED, _PRIME = np.uint64(0x77696E64776E6432), np.uint64(0x9E3779B97F4A7C15)
_CHECKED, _JOINED, _WORDED, _FOLDED, _RANKED, _PLACED = range(6)  # the lists that cells are put into


@dataclass(slots=True)
class Look:
    """What was seen of each cell, and which cells are worth more than that.

    ``tried`` has the bits of the patterns that were tried on a cell, ``whole`` of those that match it, ``inside`` of
    the finders that match a place in it.
    """

    classes: Bytes
    tried: Words
    whole: Words
    inside: Words
    hashes: Words  # of the cells as they are stored
    checked: Segments
    joined: Segments
    worded: Rows  # cells in which there is a number
    ranked: Rows  # cells that match a pattern some of whose matches are typical
    is_inside: bool  # whether a finder matches a place in any cell


def look(cells: Cells, plan: Plan) -> Look:
    """Look at every character of every cell, and fold the cells that have to be.

    Raises:
        pa.ArrowInvalid: the cells are no UTF-8. Nothing of them is quoted.
    """
    count = len(cells.starts)
    classes, words_of_cells = np.empty(count, np.uint8), np.empty((4, count), np.uint64)
    worded, folded, ranked = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    checked, joined = np.empty((5, count), np.int64), np.empty((5, count), np.int64)
    sizes = np.zeros(6, np.int64)

    def read(chosen: Rows, *, already: bool) -> None:
        well = _look(
            cells.data,
            cells.starts,
            cells.ends,
            chosen,
            already,
            plan.machine,
            plan.tables,
            CLASS,
            SEPARATOR,
            classes,
            words_of_cells,
            worded,
            folded,
            ranked,
            checked,
            joined,
            sizes,
        )
        if not well:
            raise pa.ArrowInvalid("text that is not UTF-8")

    read(np.arange(count), already=False)
    if sizes[_FOLDED]:
        rows = folded[: sizes[_FOLDED]].copy()
        hashes = words_of_cells[3].copy()
        cells.fold(rows)
        read(rows, already=True)
        words_of_cells[3] = hashes
    return Look(
        classes=classes,
        tried=words_of_cells[0],
        whole=words_of_cells[1],
        inside=words_of_cells[2],
        hashes=words_of_cells[3],
        checked=_segments(cells, checked[:, : sizes[_CHECKED]]),
        joined=_segments(cells, joined[:, : sizes[_JOINED]]),
        worded=worded[: sizes[_WORDED]],
        ranked=ranked[: sizes[_RANKED]],
        is_inside=bool(sizes[_PLACED]),
    )


def _segments(cells: Cells, listed: npt.NDArray[np.int64]) -> Segments:
    starts, ends, lengths, rows, classes = listed
    return Segments(cells.data, starts, ends, lengths, classes.astype(np.uint8), rows)


@compiled
def _look(
    data: Any,
    starts: Any,
    ends: Any,
    chosen: Any,
    already: bool,
    machine: Any,
    tables: Any,
    class_of: Any,
    separates: Any,
    classes: Any,
    words: Any,
    worded: Any,
    folded: Any,
    ranked: Any,
    checked: Any,
    joined: Any,
    sizes: Any,
) -> bool:
    signs, table, last = machine.signs, machine.next, np.uint32(machine.width - 1)
    longest = np.uint64(len(tables.patterns_by_length) - 1)
    for each in chosen:
        cell = np.uint64(each)
        start, end, hashed = np.uint64(starts[cell]), np.uint64(ends[cell]), _SEED
        if start < end and (data[start] <= _SPACE or data[end - ONE] <= _SPACE):
            start, end, hashed = _trimmed(data, start, end)
            starts[cell], ends[cell] = start, end
        union, before, found, wide = np.uint32(0), np.uint32(0), np.uint64(0), np.uint64(0)
        place, state = start, np.uint32(machine.width)
        while place < end:
            code = np.uint32(data[place])
            place += ONE
            if code >= _ASCII:
                code, place = decoded(data, code, place, end)
            sign = signs[code]
            if sign & _HEEDED:
                if sign & NONE:
                    return False
                wide += np.uint64(sign >> np.uint32(8) & np.uint32(1))
                if (sign & BLANK and (union == 0 or place == end)) or (sign & JOINS and before & DIGIT):
                    union |= np.uint32(FOLDS)
            before = sign
            union |= sign
            hashed = (hashed ^ np.uint64(code)) * _PRIME
            symbol = sign >> SYMBOL
            following = table[state + symbol]
            if following >= TELLS:
                if following == UNKNOWN:
                    following = grown(machine, state, symbol)
                if following & TELLS:
                    following ^= TELLS
                    found |= machine.inside[table[following + last]]
            state = following
        words[3, cell] = _mixed(hashed)
        if start == end:
            classes[cell] = words[0, cell] = words[1, cell] = words[2, cell] = 0
            continue
        length = end - start - wide - wide
        row = min(length, longest)
        shape = row * _CLASSES + np.uint64(union & np.uint32(0xFF))
        alone = union & np.uint32(0xFF)
        grouped = length <= LONGEST_JOINED and alone & DIGIT and alone & ~ALNUM == OTHER
        if not already and (union & FOLDS or (wide and (grouped or tables.checked[shape]))):
            folded[sizes[_FOLDED]] = cell
            sizes[_FOLDED] += 1
            continue
        classes[cell] = alone
        tried = tables.patterns_by_classes[alone] & tables.patterns_by_length[row]
        words[0, cell] = tried
        whole = tried & machine.whole[table[state + last]]
        words[1, cell] = whole
        if whole & tables.typical:
            ranked[sizes[_RANKED]] = cell
            sizes[_RANKED] += 1
        found |= machine.inside_at_last[table[state + last]]
        inside = found & tables.finders_by_length[row]
        words[2, cell] = inside
        sizes[_PLACED] |= inside != 0
        if tables.checked[shape]:
            _put(checked, sizes[_CHECKED], start, end, length, cell, alone)
            sizes[_CHECKED] += 1
        if alone & DIGIT and alone & ~ALNUM:
            if found & tables.number and length > tables.shortest_word:
                worded[sizes[_WORDED]] = cell
                sizes[_WORDED] += 1
            if grouped:
                left, union = _compacted(data, start, end, class_of, separates)
                if left != length and tables.joined[left * 256 + union]:
                    _put(joined, sizes[_JOINED], start, end, left, cell, union)
                    sizes[_JOINED] += 1
    return True


@compiled
def _mixed(hashed: Any) -> Any:
    # Spreads what the last characters did over all bits (the finaliser of MurmurHash3).
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xFF51AFD7ED558CCD)
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xC4CEB9FE1A85EC53)
    return hashed ^ hashed >> np.uint64(33)


@compiled
def _put(listed: Any, place: Any, start: Any, end: Any, length: Any, cell: Any, classes: Any) -> None:
    listed[0, place], listed[1, place], listed[2, place], listed[3, place] = start, end, length, cell
    listed[4, place] = classes


@compiled
def _compacted(data: Any, start: Any, end: Any, class_of: Any, separates: Any) -> Any:
    # How many characters are left without separators and a leading plus, and their classes.
    left, union, place = 0, np.uint8(0), start
    if data[start] == _PLUS:
        place += ONE
    while place < end:
        if not separates[data[place]]:
            left += 1
            union |= class_of[data[place]]
        place += ONE
    return left, union


@compiled
def _trimmed(data: Any, start: Any, end: Any) -> Any:
    # Without white space of ASCII, which goes into the hash.
    hashed = _SEED
    while start < end and (data[start] == 32 or 9 <= data[start] <= 13):  # noqa: PLR2004
        hashed = (hashed ^ np.uint64(data[start])) * _PRIME
        start += ONE
    hashed = (hashed ^ np.uint64(0xFF)) * _PRIME  # stands between what was before the cell and what was behind
    while start < end and (data[end - ONE] == 32 or 9 <= data[end - ONE] <= 13):  # noqa: PLR2004
        end -= ONE
        hashed = (hashed ^ np.uint64(data[end])) * _PRIME
    return start, end, hashed


def words(cells: Cells, chosen: Rows, plan: Plan) -> Segments:
    """Return the numbers inside the chosen cells that some kind can be, and those written in groups.

    A number is a maximal stretch of letters and digits; a grouped one may also hold single separators between digits,
    and after an opening parenthesis a letter, as in ``A123456(A)``.
    """
    size = int((cells.ends[chosen] - cells.starts[chosen]).sum()) // plan.tables.shortest_word * 2 + 2
    found = np.empty((5, size), np.int64)
    count = _words(cells.data, cells.starts, cells.ends, chosen, plan.tables, CLASS, found)
    return _segments(cells, found[:, :count])


@compiled
def _words(data: Any, starts: Any, ends: Any, chosen: Any, tables: Any, class_of: Any, found: Any) -> int:
    size, longest, shortest = 0, np.uint64(len(tables.patterns_by_length) - 1), np.uint64(tables.shortest_word)
    for cell in chosen:
        first, end = np.uint64(starts[cell]), np.uint64(ends[cell])
        place = first
        while place < end:
            if not class_of[data[place]] & ALNUM:
                place += ONE
                continue
            begin, separators, union = place, np.uint64(0), np.uint8(0)
            while True:
                word, word_union = place, np.uint8(0)
                while place < end and class_of[data[place]] & ALNUM:
                    word_union |= class_of[data[place]]
                    place += ONE
                union |= word_union
                length = place - word
                likely = word_union & DIGIT and length >= shortest and length < end - first
                if likely and tables.worded[min(length, longest) * _CLASSES + word_union]:
                    _put(found, size, word, place, length, cell, word_union)
                    size += 1
                if place + ONE >= end or not class_of[data[place - ONE]] & DIGIT:
                    break
                mark, after = data[place], class_of[data[place + ONE]]
                if not (((mark == _SPACE or mark == _DASH) and after & DIGIT) or (mark == _OPENING and after & ALNUM)):
                    break
                separators += ONE
                place += ONE
            written = place - begin
            if separators and shortest < written and written <= LONGEST_JOINED and written < end - first:
                length = written - separators
                if tables.worded[length * _CLASSES + union]:
                    _put(found, size, begin, place, length, cell, union)
                    size += 1
    return size
