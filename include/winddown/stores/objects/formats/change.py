"""What is done to single rows of a file, and what was done."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from winddown.domain.errors import Refused

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Rows to erase, or to keep with some fields emptied.

    Attributes:
        rows: numbers of rows as the format's ``read`` counts them, ascending and distinct.
        fields: which fields of these rows are emptied: null, or no characters where the format has no null. A field
            inside another is named by its path, e.g. ``address.street``. With none, the rows are erased.
    """

    rows: Numbers
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.rows) and (self.rows[0] < 0 or np.any(self.rows[1:] <= self.rows[:-1])):
            raise ValueError("row numbers have to ascend from 0")

    @classmethod
    def of(cls, rows: Iterable[int], *, fields: Iterable[str] = ()) -> Self:
        """Take row numbers in any order."""
        return cls(np.unique(np.fromiter(rows, dtype=np.int64)), tuple(fields))

    @property
    def is_erasure(self) -> bool:
        """Whether the rows go, not only fields of them."""
        return not self.fields

    def within(self, start: int, count: int) -> Numbers:
        """The numbers among ``count`` rows from ``start``, counted from ``start``."""
        first, last = np.searchsorted(self.rows, (start, start + count))
        return self.rows[first:last] - start

    def mask(self, start: int, count: int) -> Mask:
        """One flag a row of ``count`` rows from ``start``: whether it is named."""
        found = np.zeros(count, dtype=np.bool_)
        found[self.within(start, count)] = True
        return found


@dataclass(frozen=True, slots=True)
class Copied:
    """A range of the new file that is a range of the old one, byte for byte; places and sizes in bytes."""

    source: int
    sink: int
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rewrite did.

    Attributes:
        rows: how many the old file had.
        erased: how many of them the new one does not have.
        minimised: of how many fields were emptied.
        copied: ranges of the new file that need not be sent anew, in its order; none where the format knows none.
    """

    rows: int
    erased: int = 0
    minimised: int = 0
    copied: tuple[Copied, ...] = ()

    @property
    def survivors(self) -> int:
        """Rows of the new file. Where there are none, the whole file may as well be deleted."""
        return self.rows - self.erased

    def require(self, change: Change) -> None:
        """Raise Refused unless exactly what was ordered was done."""
        done = self.erased if change.is_erasure else self.minimised
        if done != len(change.rows):
            raise Refused(
                f"a file has {self.rows} rows, and {done} of {len(change.rows)} planned ones were found in it",
                rule="an approved order neither grows nor shrinks by itself",
                next_step="discover and plan again",
            )
