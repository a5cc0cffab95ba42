"""Proof that a store did something, as that store reports it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

ACTED = "acted_by_itself"
"""Detail of a restore: triggers and the like that saw the records on their way back, and may have copied them."""
NOT_GIVEN_BACK = "not_given_back"
"""Detail of a thaw: how many grants that were remembered could not be given back, and what is no longer there."""


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


def given_back(remembered: Receipt, reasons: Sequence[str]) -> Receipt:
    """The receipt of a thaw; ``reasons`` has one for each grant that could not be given back.

    >>> given_back(Receipt("freeze", "shop", 0, 9), ["role app", "table shop.a", "role app"]).details
    (('not_given_back', '3, for want of role app, table shop.a'),)
    """
    if not reasons:
        return remembered
    said = f"{len(reasons)}, for want of {', '.join(sorted(set(reasons)))}"
    return replace(remembered, details=(*remembered.details, (NOT_GIVEN_BACK, said)))
