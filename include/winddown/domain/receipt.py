"""Proof that a store did something, as that store reports it."""

from dataclasses import dataclass
from enum import StrEnum

ACTED = "acted_by_itself"
"""Detail of a restore: triggers and the like that saw the records on their way back, and may have copied them."""


class Whereabouts(StrEnum):
    """Where the records of a batch are now."""

    LIVE = "live"
    QUARANTINED = "quarantined"
    GONE = "gone"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a store says that it did.

    Attributes:
        records: records affected now or, on a repeat, already in the wanted state.
        details: counts and names without personal data, e.g. ``("versions_deleted", "12")``.
    """

    power: str
    target: str
    batch: int
    records: int
    details: tuple[tuple[str, str], ...] = ()
