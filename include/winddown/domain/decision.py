"""What becomes of which records, never without reasons."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef


class Disposition(StrEnum):
    """The outcome for a set of records."""

    ERASE = "erase"  # duty to delete, nothing stands against it
    STORE_ONLY = "store_only"  # PIPL 47 para 2: only storage and security, for the custodian
    HELD = "held"  # a legal hold covers it
    BLOCKED = "blocked"  # not decidable yet; says what is missing and who can supply it


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that spoke, and what it said.

    Attributes:
        rule: rule id.
        citation: law and article, in the law's language.
        says: one sentence on what the rule asks here, with the facts that it matched.
        prevails: False for a rule that applied and was outweighed; losers are recorded too.
    """

    rule: str
    citation: str
    says: str
    prevails: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict for all records of a collection that carry one label.

    Attributes:
        label: the class of records, from a first-match classification that partitions the collection.
        needed_fields: fields that the keeping duty needs; every other personal field is minimised.
        until: last day on which the record must be kept; None when nothing must be kept or the end is open.
        in_place: the custodian takes the store over, so the record stays where it is and loses unneeded fields.
        at_once: the personal fields go in the first wave, before the rest of the decision.
    """

    collection: CollectionRef
    label: str
    count: int
    disposition: Disposition
    reasons: tuple[Reason, ...]
    needed_fields: tuple[str, ...] = ()
    until: date | None = None
    in_place: bool = False
    at_once: bool = False

    def __post_init__(self) -> None:
        if not self.reasons:
            raise Refused(f"decision on {self.collection} label {self.label!r} has no reason")
        if self.disposition is Disposition.ERASE and not any(reason.prevails for reason in self.reasons):
            raise Refused(f"decision on {self.collection} label {self.label!r} erases without a cited rule")
        if self.disposition is Disposition.STORE_ONLY and not self.needed_fields:
            raise Refused(f"decision on {self.collection} label {self.label!r} keeps without saying which fields")
