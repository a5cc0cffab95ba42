"""What the detectors say about one field, after reading every cell of it."""

from dataclasses import dataclass
from enum import StrEnum

from winddown.domain.inventory import CollectionRef


class Status(StrEnum):
    """How sure a finding is."""

    CONFIRMED = "confirmed"
    HEADER_ONLY = "header_only"
    AMBIGUOUS = "ambiguous"
    NONE = "none"
    STEWARD = "steward"  # a person answered; the answer wins and is recorded with its reason


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one field, with counts over all of its cells and no value of any of them.

    Attributes:
        kind: id of the recognised kind, or None.
        sensitive: the kind is sensitive personal information by PIPL 28.
        cells, nulls: number of cells read, and how many of them were null.
        matches: cells that match each kind as a whole.
        embedded: cells in which each kind occurs inside longer text.
    """

    collection: CollectionRef
    field: str
    status: Status
    kind: str | None
    sensitive: bool
    cells: int
    nulls: int
    matches: tuple[tuple[str, int], ...]
    embedded: tuple[tuple[str, int], ...]
    reasons: tuple[str, ...]
    counter_evidence: tuple[str, ...]

    @property
    def is_personal(self) -> bool:
        """Whether the field is known to hold personal information."""
        return self.kind is not None and self.status in {Status.CONFIRMED, Status.STEWARD}
