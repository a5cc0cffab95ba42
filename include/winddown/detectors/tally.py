"""The counters of one field while its batches go by."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from winddown.detectors.columnar import Recognition
from winddown.detectors.profile import ColumnProfile
from winddown.detectors.sketch import DistinctSketch


class Tally:
    """Adds up what was recognised in one field. Holds counts and hashes, and no values."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.types: dict[str, None] = {}
        self.cells = self.nulls = self.blanks = self.unread = self.sequential = 0
        self.unread_because: dict[str, None] = {}
        self.members: dict[str, None] = {}
        self.sketch = DistinctSketch()
        self._counts: dict[str, Counter[str]] = {}

    def skip(self, cells: int, *, because: str) -> None:
        """Note filled cells that cannot be read, with the reason."""
        if cells:
            self.unread += cells
            self.unread_because[because] = None

    def add(self, found: Recognition, weights: npt.NDArray[np.int64] | None = None) -> None:
        """Add what was recognised; with weights, cell ``i`` stands for ``weights[i]`` equal cells."""
        self.blanks += int(np.count_nonzero(found.blank) if weights is None else weights[found.blank].sum())
        for name, by_kind in found.counts(weights).items():
            for kind_id, cells in by_kind.items():
                self.count(name, kind_id, cells)

    def count(self, name: str, kind_id: str, cells: int) -> None:
        """Add cells to one set of a kind."""
        if cells:
            self._counts.setdefault(name, Counter())[kind_id] += cells

    def profile(self) -> ColumnProfile:
        """Return the counts so far."""

        def counts(name: str) -> dict[str, int]:
            return dict(self._counts.get(name, {}))

        return ColumnProfile(
            field=self.field,
            type=" | ".join(self.types),
            cells=self.cells,
            nulls=self.nulls,
            blanks=self.blanks,
            unread=self.unread,
            unread_because=tuple(self.unread_because),
            distinct=self.sketch.count(),
            distinct_is_exact=self.sketch.is_exact,
            sequential=self.sequential,
            matches=counts("whole"),
            embedded=counts("inside"),
            shaped=counts("whole_shaped"),
            embedded_shaped=counts("inside_shaped"),
            typical=counts("typical"),
            members=tuple(self.members),
        )
