"""What the detectors say about one field, after reading every cell of it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from winddown.domain.inventory import CollectionRef
from winddown.domain.taxonomy import Nature, Taxonomy


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
        sensitive: the kind or one that the field contains is sensitive personal information by PIPL 28.
        cells, nulls: number of cells read, and how many of them were null.
        matches: cells that match each kind as a whole.
        embedded: cells in which each kind occurs inside longer text.
        contains: every kind that is confirmed or ambiguous, rare ones included.
        personal: the kind or one that the field contains is personal information, not only a company's.
        taxonomy: version of the taxonomy that ``sensitive`` and ``personal`` were looked up in; nothing else of a
            finding depends on it.
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
    contains: tuple[str, ...] = ()
    personal: bool = True
    taxonomy: str = ""

    @property
    def is_personal(self) -> bool:
        """Whether the field is known to hold personal information."""
        return self.kind is not None and self.personal and self.status in {Status.CONFIRMED, Status.STEWARD}


def judged_by(finding: Finding, taxonomy: Taxonomy) -> Finding:
    """Return a finding with what a taxonomy says of its kinds. Reads no data; kind, status and counts stay.

    Raises ``Refused`` for a kind that the taxonomy does not know.
    """
    kinds = {*finding.contains, *([finding.kind] if finding.kind is not None else [])}
    return replace(
        finding,
        sensitive=taxonomy.any_sensitive(kinds),
        personal=taxonomy.any_of(Nature.PERSONAL, kinds),
        taxonomy=taxonomy.version,
    )
