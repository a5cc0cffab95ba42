"""Counts different natural persons over many stores without keeping one of their keys.

A key is hashed to 64 bits under a secret seed of the case, and the hashes live as long as the count. Up to ``ROOM``
different hashes all are kept, and the count is exact but for collisions: with ten million persons the expected number
of persons that share a hash is 0.000003. Beyond that the smallest ``SKETCH`` hashes are kept (a theta sketch: k minimum
values; Beyer et al., SIGMOD 2007). With a share θ of the hash range known completely and n hashes in it, n/θ persons
are estimated with a standard error of √(n(1-θ))/θ, 0.28% when n is 131,072. The interval that is given is Wilson's
(JASA 1927), which holds for small n too, at five of them: it misses the number less than once in a million counts, for
the law asks for more at a threshold. Whoever needs the exact number then reads again, a span of the hash range at a
time (``spans``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, floor, sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from winddown.domain.transfer import Count

ROOM = 1 << 25  # hashes, 256 MiB
SKETCH = 1 << 17
SIGMAS = 5
_HASHES = 1 << 64
_WAITING_MAX = 1 << 20

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the hash range: from ``low``, below ``high``."""

    low: int = 0
    high: int = _HASHES


EVERYTHING = Span()


def spans(persons: int, *, room: int = ROOM) -> tuple[Span, ...]:
    """Cut the hash range so that of at most so many persons each part fits, with the margin that chance asks for."""
    fits = ((sqrt(SIGMAS**2 + 4 * room) - SIGMAS) / 2) ** 2  # m + SIGMAS √m = room
    parts = max(1, ceil(persons / fits))
    edges = [number * _HASHES // parts for number in range(parts + 1)]
    return tuple(Span(low, high) for low, high in pairwise(edges))


@dataclass(slots=True)
class Persons:
    """A set of persons of which only hashes are kept. Sets of one seed, span and room can be joined."""

    seed: int
    span: Span = EVERYTHING
    room: int = ROOM
    sketch: int = SKETCH
    known: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64), repr=False)
    below: int = _HASHES  # every hash of the set that is smaller is known
    _waiting: list[Hashes] = field(default_factory=list, repr=False)
    _waiting_count: int = 0

    def add(self, keys: pl.Series) -> None:
        """Take in keys as text; null and empty ones name nobody."""
        filled = keys.drop_nulls()
        self.take(filled.filter(filled != "").hash(seed=self.seed).to_numpy())

    def count(self) -> Count:
        """Number of different persons; of those within the span."""
        self.settle()
        number = len(self.known)
        if self.below == _HASHES:
            return Count(number, number)
        share = self.below / _HASHES
        spread = SIGMAS**2 * (1 - share)
        middle, error = number + spread / 2, sqrt(spread * number + spread**2 / 4)
        return Count(max(number, floor((middle - error) / share)), ceil((middle + error) / share))

    def union(self, others: Iterable["Persons"]) -> "Persons":
        """Persons of this set or of any of the others."""
        joined = self._like()
        for found in (self, *others):
            found.settle()
            joined.below = min(joined.below, found.below)
            joined.take(found.known)
        joined.settle()
        return joined

    def without(self, other: "Persons") -> "Persons":
        """Persons of this set that are not in the other."""
        self.settle()
        other.settle()
        left = self._like()
        left.below = min(self.below, other.below)
        left.known = np.setdiff1d(_smaller(self.known, left.below), other.known, assume_unique=True)
        return left

    def _like(self) -> "Persons":
        return Persons(self.seed, self.span, self.room, self.sketch)

    def take(self, hashes: Hashes) -> None:
        """Take in hashes of the same seed."""
        if self.span != EVERYTHING:
            hashes = _smaller(hashes[hashes >= np.uint64(self.span.low)], self.span.high)
        self._waiting.append(_smaller(hashes, self.below))
        self._waiting_count += len(hashes)
        if self._waiting_count > max(_WAITING_MAX, len(self.known)):
            self.settle()

    def settle(self) -> None:
        """Sort in what waits, and forget the largest hashes when there is no room for all."""
        if self._waiting:
            # np.unique hashes anew what is hashed already; sorting takes a fiftieth of its time.
            merged = np.concatenate([_smaller(self.known, self.below), *self._waiting])
            self._waiting, self._waiting_count = [], 0
            merged.sort()
            merged = _smaller(merged, self.below)
            self.known = merged[np.append(True, merged[1:] != merged[:-1])] if len(merged) else merged
        sketch = min(self.sketch, self.room)
        if len(self.known) > (self.room if self.below == _HASHES else sketch):
            self.below = int(self.known[sketch])
            self.known = self.known[:sketch].copy()


def _smaller(hashes: Hashes, below: int) -> Hashes:
    return hashes if below == _HASHES else hashes[hashes < np.uint64(below)]
