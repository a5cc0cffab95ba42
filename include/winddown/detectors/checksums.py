"""Check digits over blocks: every function takes an ``(n, L)`` byte matrix and returns one value per row.

The letters and digits are turned into numbers through 256-entry tables, so that a whole column costs a few passes
over memory. Nothing here looks at format: a byte outside of the table's alphabet counts as zero, and the kind has to
refuse it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from winddown.compiled import compiled
from winddown.detectors.kind import Block, Bools

_TOGETHER = 4096
Ints = npt.NDArray[np.int64] | npt.NDArray[np.int32]


def table(alphabet: str) -> npt.NDArray[np.uint8]:
    """Return the byte table that gives each character of an alphabet its position."""
    values = np.zeros(256, np.uint8)
    values[np.frombuffer(alphabet.encode("ascii"), np.uint8)] = np.arange(len(alphabet))
    return values


def member(alphabet: str) -> Bools:
    """Return the byte table that says which ASCII characters belong to an alphabet."""
    values = np.zeros(256, np.bool_)
    values[np.frombuffer(alphabet.encode("ascii"), np.uint8)] = True
    return values


BASE36 = table("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
IS_DIGIT = member("0123456789")


def columns_of(block: Block) -> Block:
    """Return a block turned on its side, each place of all values in one piece of memory."""
    return np.ascontiguousarray(block.T)


def all_digits(block: Block) -> Bools:
    """Return which rows are ``0-9`` throughout."""
    result = np.ones(len(block), np.bool_)
    _all_digits(columns_of(block), result)
    return result


@compiled
def _all_digits(columns: Any, result: Any) -> None:
    for column in columns:
        for row in range(len(result)):
            result[row] &= column[row] - np.uint8(48) <= np.uint8(9)


def every(block: Block, allowed: Bools) -> Bools:
    """Return which rows consist of allowed bytes only."""
    result = np.ones(len(block), np.bool_)
    _every(columns_of(block), _stretches(allowed.tobytes()), result)
    return result


@lru_cache(maxsize=64)
def _stretches(allowed: bytes) -> npt.NDArray[np.uint8]:
    # Of each two stretches of allowed bytes: where the one begins, how many follow, the same of the other.
    borders = np.flatnonzero(np.diff(np.frombuffer(allowed, np.bool_), prepend=False, append=False))
    stretches = np.stack([borders[::2], borders[1::2] - borders[::2] - 1], axis=1).astype(np.uint8)
    return np.concatenate([stretches, stretches[: len(stretches) % 2]]).reshape(-1, 4)


@compiled
def _every(columns: Any, stretches: Any, result: Any) -> None:
    # By comparisons, which the processor does for many bytes at once, as it does not look into tables.
    found = np.empty(_TOGETHER, np.bool_)
    for begin in range(0, len(result), _TOGETHER):
        flags = result[begin : begin + _TOGETHER]
        for column in columns:
            values, fits = column[begin : begin + len(flags)], found[: len(flags)]
            fits[:] = False
            for first, further, other, beyond in stretches:
                for row in range(len(flags)):
                    fits[row] |= (values[row] - first <= further) | (values[row] - other <= beyond)
            for row in range(len(flags)):
                flags[row] &= fits[row]


def reads(block: Block, text: bytes) -> Bools:
    """Return which rows are a text of the block's width."""
    result = np.ones(len(block), np.bool_)
    for place, byte in enumerate(text):
        result &= block[:, place] == byte
    return result


def number(block: Block) -> Ints:
    """Return the rows read as decimal numbers of at most 18 digits."""
    total = np.zeros(len(block), np.int64)
    _number(columns_of(block), total)
    return total


@compiled
def _number(columns: Any, total: Any) -> None:
    for column in columns:
        for row in range(len(total)):
            total[row] = total[row] * 10 + np.int64(column[row] - np.uint8(48))


def weighted(block: Block, weights: Sequence[int], values: npt.NDArray[np.uint8] = BASE36) -> Ints:
    """Return the weighted sum of each row."""
    total = np.zeros(len(block), np.int32)
    _weighted(columns_of(block), np.asarray(weights, np.int32), values, total)
    return total


@compiled
def _weighted(columns: Any, weights: Any, values: Any, total: Any) -> None:
    for place in range(len(columns)):
        column, weight = columns[place], weights[place]
        for row in range(len(total)):
            total[row] += weight * np.int32(values[column[row]])


def digits_sum(block: Block, weights: Sequence[int]) -> Ints:
    """Return the weighted sum of rows of digits; weights may be negative."""
    total = np.zeros(len(block), np.int32)
    _digits_sum(columns_of(block), np.asarray(weights, np.int32), total)
    return total


@compiled
def _digits_sum(columns: Any, weights: Any, total: Any) -> None:
    for place in range(len(columns)):
        column, weight = columns[place], weights[place]
        for row in range(len(total)):
            total[row] += weight * np.int32(column[row] - np.uint8(48))


def alike(block: Block) -> Bools:
    """Return which rows repeat one byte."""
    return np.asarray((columns_of(block) == block[:, 0]).all(axis=0))


def luhn(block: Block) -> Bools:
    """Return which rows of digits pass Luhn's check (ISO/IEC 7812-1 annex B)."""
    total = np.zeros(len(block), np.int32)
    _luhn(columns_of(block), total)
    return np.asarray(total % 10 == 0)


@compiled
def _luhn(columns: Any, total: Any) -> None:
    for place in range(len(columns)):
        column, factor = columns[place], np.int32(1 + (len(columns) - place + 1) % 2)
        for row in range(len(total)):
            digit = np.int32(column[row] - np.uint8(48)) * factor
            total[row] += digit - 9 if digit > 9 else digit  # noqa: PLR2004


def mod_11_2(block: Block) -> Bools:
    """Return which rows pass ISO 7064 MOD 11-2: digits, then a check character ``0-9`` or ``X`` for ten."""
    width = block.shape[1]
    last = block[:, -1]
    check = np.where(last == ord("X"), np.int32(10), last - np.int32(48))
    total = digits_sum(block[:, :-1], [pow(2, width - 1 - place, 11) for place in range(width - 1)])
    return np.asarray((total + check) % 11 == 1)


def mod_11_10(block: Block) -> Bools:
    """Return which rows of digits pass ISO 7064 MOD 11,10."""
    carry = np.full(len(block), 5, np.int64)
    for column in range(block.shape[1]):
        carry = np.where(carry == 0, 10, carry) * 2 % 11
        carry = (carry + block[:, column] - np.uint8(48)) % 10
    return np.asarray(carry == 1)


def mod_97(block: Block) -> Bools:
    """Return which rows pass ISO 7064 MOD 97-10, letters counting as two digits, in the order given."""
    carry = np.zeros(len(block), np.int64)
    for column in range(block.shape[1]):
        value = BASE36[block[:, column]].astype(np.int64)
        carry = (carry * np.where(value > 9, 100, 10) + value) % 97  # noqa: PLR2004 - from A = 10 on, two digits
    return np.asarray(carry == 1)


_D5 = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ],
    np.int64,
)
"""Multiplication in the dihedral group of order ten."""
_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def verhoeff(block: Block) -> Bools:
    """Return which rows of digits pass Verhoeff's check (1969)."""
    carry = np.zeros(len(block), np.int64)
    turned = list(range(10))
    for column in reversed(range(block.shape[1])):
        carry = _D5[carry, np.asarray(turned)[block[:, column] - np.uint8(48)]]
        turned = [turned[digit] for digit in _TURN]
    return np.asarray(carry == 0)


def among(flags: Bools, block: Block, test: Callable[[Block], Bools]) -> Bools:
    """Return which of the flagged rows pass a test, which sees no others."""
    if flags.all():
        return flags & test(block)
    passed = np.zeros(len(block), np.bool_)
    rows = np.flatnonzero(flags)
    if len(rows):
        passed[rows] = test(block.T.take(rows, axis=1).T)
    return passed


def narrowed(shaped: Bools, block: Block, verify: Callable[[Block], Bools]) -> tuple[Bools, Bools]:
    """Return ``(shaped, valid)``, running the check digit over the shaped rows only."""
    return shaped, among(shaped, block, verify)
