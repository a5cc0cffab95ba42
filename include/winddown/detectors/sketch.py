"""How many different values a column holds, without keeping one.

A k-minimum-values sketch (Bar-Yossef et al. 2002): of 64-bit hashes the smallest 4,096 different ones are kept. Below
that number the count is exact, beyond it the standard error is 1.6%. The hashes are seeded and live only as long as
the profiler; the profile that leaves it holds the number alone, because a hash of a phone number can be turned back
by trying all phones.
"""

from functools import reduce

import numpy as np
import numpy.typing as npt
import polars as pl

KEPT = 4096
_SEED = 0x77696E64
_SPAN = float(1 << 64)


class DistinctSketch:
    """Counts the different values of a column over any number of batches."""

    def __init__(self) -> None:
        self._smallest: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._waiting: list[npt.NDArray[np.uint64]] = []  # not among the smallest yet
        self._waiting_count = 0

    def add(self, *parts: pl.Series) -> None:
        """Take in values without nulls, in one or several parts; equal ones of a type hash alike in every batch."""
        hashes = (part.hash(seed=_SEED + number).to_numpy() for number, part in enumerate(parts))
        self.add_hashes(reduce(np.bitwise_xor, hashes))

    def add_hashes(self, hashes: npt.NDArray[np.uint64]) -> None:
        """Take in hashes of values, 64 bits each and evenly spread."""
        if len(self._smallest) == KEPT:
            hashes = hashes[hashes < self._smallest[-1]]
        elif len(hashes) > 4 * KEPT:
            hashes = _few_smallest(hashes)
        if not len(hashes):
            return
        self._waiting.append(hashes)
        self._waiting_count += len(hashes)
        if self._waiting_count >= KEPT:
            self._merge()

    def _merge(self) -> None:
        self._smallest = _different(np.concatenate([self._smallest, *self._waiting]))[:KEPT]
        self._waiting, self._waiting_count = [], 0

    @property
    def is_exact(self) -> bool:
        """Return whether the count is exact."""
        self._merge()
        return len(self._smallest) < KEPT

    def count(self) -> int:
        """Return the number of different values, exact below 4,096."""
        if self.is_exact:
            return len(self._smallest)
        return round((KEPT - 1) / (float(self._smallest[-1]) / _SPAN))


def _few_smallest(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # Of hashes that are spread evenly, these are below the line; repetitions may leave too few, then all are compared.
    few = _different(hashes[hashes < np.uint64(int(2 * KEPT / len(hashes) * _SPAN))])
    return few if len(few) >= KEPT else np.sort(pl.Series(hashes).unique().to_numpy())


def _different(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # numpy.unique hashes first, which takes several times as long as sorting does.
    ordered = np.sort(hashes)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
