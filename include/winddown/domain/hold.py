"""An order to preserve. It outranks every rule."""

from dataclasses import dataclass
from datetime import date

from winddown.domain.canonical import digest
from winddown.domain.errors import Refused


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold with its matter, ground and review date.

    Attributes:
        subjects_manifest: encrypted manifest with the subject keys that it covers.
        subjects_digest: digest of those keys.
        subject_count: number of persons.
    """

    id: str
    matter: str
    ground: str
    steward: str
    placed_on: date
    review_on: date
    subjects_manifest: str
    subjects_digest: str
    subject_count: int

    def __post_init__(self) -> None:
        if self.review_on <= self.placed_on:
            raise Refused(f"holds.{self.id}.review_on: {self.review_on} is not after placed_on {self.placed_on}")


def holds_digest(holds: tuple[LegalHold, ...]) -> str:
    """Digest over all holds in force; another digest means that a plan must be checked against the holds again."""
    return digest(sorted([hold.id, hold.subjects_digest] for hold in holds))
