"""Check digits over blocks: every function takes an ``(n, L)`` byte matrix and returns one value per row.

The letters and digits are turned into numbers through 256-entry tables, so that a whole column costs a few passes
over memory. Nothing here looks at format: a byte outside of the table's alphabet counts as zero, and the kind has to
refuse it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from winddown.detectors.kind import Block, Bools

Ints = npt.NDArray[np.int64]


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


def all_digits(block: Block) -> Bools:
    """Return which rows are ``0-9`` throughout."""
    digits = (block - np.uint8(48)) <= 9  # noqa: PLR2004 - what lies below "0" wraps round to above 9
    return _rows_all(digits)


def every(block: Block, allowed: Bools) -> Bools:
    """Return which rows consist of allowed bytes only."""
    return _rows_all(_looked_up(allowed, block))


def _looked_up(values: npt.NDArray[Any], block: Block) -> npt.NDArray[Any]:
    # In the order in which the block lies in memory, and without a check of bounds, which no byte can exceed.
    return values.take(block.T, mode="wrap").T


def _rows_all(flags: Bools) -> Bools:
    # Reducing short rows costs ten times what one look at the whole costs, and most blocks are all of one kind.
    return np.ones(len(flags), np.bool_) if flags.all() else np.asarray(flags.all(axis=1))


def number(block: Block) -> Ints:
    """Return the rows read as decimal numbers of at most 18 digits."""
    short = block.shape[1] <= 9  # noqa: PLR2004 - so many digits fit 32 bits
    total: npt.NDArray[Any] = np.zeros(len(block), np.int32 if short else np.int64)
    for column in range(block.shape[1]):
        total *= 10
        total += block[:, column] - np.uint8(48)
    return total.astype(np.int64)


def weighted(block: Block, weights: Sequence[int], values: npt.NDArray[np.uint8] = BASE36) -> Ints:
    """Return the weighted sum of each row; float32 holds it exactly, the sums stay far below 2**24."""
    sums = _looked_up(values, block).astype(np.float32) @ np.asarray(weights, np.float32)
    return np.asarray(sums, np.int64)


def luhn(block: Block) -> Bools:
    """Return which rows of digits pass Luhn's check (ISO/IEC 7812-1 annex B)."""
    total = np.zeros(len(block), np.uint16)
    width = block.shape[1]
    doubled = np.array([0, 2, 4, 6, 8, 1, 3, 5, 7, 9], np.uint16)
    plain = np.arange(10, dtype=np.uint16)
    for column in range(width):
        digits = block[:, column] - np.uint8(48)
        total += (doubled if (width - column) % 2 == 0 else plain)[digits]
    return np.asarray(total % 10 == 0)


def mod_11_2(block: Block) -> Bools:
    """Return which rows pass ISO 7064 MOD 11-2: digits, then a check character ``0-9`` or ``X`` for ten."""
    width = block.shape[1]
    weights = [pow(2, width - 1 - column, 11) for column in range(width - 1)]
    last = block[:, -1]
    check = np.where(last == ord("X"), 10, last.astype(np.int64) - 48)
    digits = (block[:, :-1] - np.uint8(48)).astype(np.float32)
    return np.asarray(((digits @ np.asarray(weights, np.float32)).astype(np.int64) + check) % 11 == 1)


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


def digits_sum(block: Block, weights: Sequence[int]) -> Ints:
    """Return the weighted sum of rows of digits; weights may be negative."""
    return (block - np.uint8(48)).astype(np.int64) @ np.asarray(weights, np.int64)


def narrowed(shaped: Bools, block: Block, verify: Callable[[Block], Bools]) -> tuple[Bools, Bools]:
    """Return ``(shaped, valid)``, running the check digit over the shaped rows only."""
    if shaped.all():
        return shaped, shaped & verify(block)
    valid = np.zeros(len(block), np.bool_)
    rows = np.flatnonzero(shaped)
    if len(rows):
        valid[rows] = verify(block[rows])
    return shaped, valid
