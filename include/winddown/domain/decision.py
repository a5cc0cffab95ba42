"""What becomes of which records, never without reasons."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef


class Disposition(StrEnum):
    """The outcome for a set of records."""

    ERASE = "erase"  # duty to delete, nothing stands against it
    ANONYMISE = "anonymise"  # the alternative that the law names in a few places; it must be irreversible
    STORE_ONLY = "store_only"  # PIPL 47 para 2: only storage and security, for the custodian
    HAND_OVER = "hand_over"  # deletion would be the breach: the recipient that the law names keeps it
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
        step: step of ``PRECEDENCE`` by which it prevailed or lost; ``""`` where none was needed.
    """

    rule: str
    citation: str
    says: str
    prevails: bool
    step: str = ""


def stop(code: str, says: str, *, step: str = "") -> Reason:
    """A reason that cites no law: something is missing, and a person supplies it."""
    return Reason(code, "", says, prevails=True, step=step)


PRECEDENCE = {
    "P1": "a legal hold outranks everything",
    "P2": "what must be handed over is neither kept nor deleted: own copies go after the recipient's receipt",
    "P3": "a minimum set by law or administrative regulation stands against deletion: storage only",
    "P4": "a lower rule keeps only where a law provides for it or counsel's opinion is recorded; else store and ask",
    "P5": "of several minimums the longest wins, field by field; a field that none needs goes",
    "P6": "a maximum, or the duty to delete children's information, against a minimum: stop and ask",
    "P7": "a period without a start does not run: nothing is scheduled until a named officer accepts a date",
    "P8": "the company's own promise is a maximum: it shortens keeping and never lengthens it",
}
"""Which rule wins, in this order. Source: the precedence of the researched law, with PIPL 19, 21 and 47."""


@dataclass(frozen=True, slots=True)
class Term:
    """Fields that one receiver keeps until the same last day; None where the duty has no end, "" for the custodian."""

    until: date | None
    fields: tuple[str, ...]
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict for all records of a collection that carry one label.

    Attributes:
        label: the class of records, from a first-match classification that partitions the collection.
        needed_fields: fields that the keeping duty needs; every other personal field is minimised.
        until: last day on which the record must be kept; None when nothing must be kept or the end is open.
        terms: the needed fields by their last day, longest first; empty where nothing is kept.
        recipient: role of who receives, for a hand-over.
        in_part: (field, form) of each personal field of which something stays in a record that loses fields.
        is_open: stored only while a question is open: nothing of it is sealed or erased until it is answered.
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
    terms: tuple[Term, ...] = ()
    recipient: str = ""
    is_open: bool = False
    in_part: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if (self.disposition is Disposition.HAND_OVER) != bool(self.recipient):
            raise Refused(
                f"decision on {self.collection} label {self.label!r}: a hand-over, and no other, has a recipient"
            )
        if not self.reasons:
            raise Refused(f"decision on {self.collection} label {self.label!r} has no reason")
        if self.disposition is Disposition.ERASE and not any(reason.prevails for reason in self.reasons):
            raise Refused(f"decision on {self.collection} label {self.label!r} erases without a cited rule")
        if self.disposition in {Disposition.STORE_ONLY, Disposition.HAND_OVER}:
            if not self.needed_fields:
                raise Refused(f"decision on {self.collection} label {self.label!r} keeps without saying which fields")
            # A field without a term would be in no archive when its source goes.
            kept = [(term.recipient, name) for term in self.terms for name in term.fields]
            if len(set(kept)) != len(kept) or {name for _, name in kept} != set(self.needed_fields):
                raise Refused(f"decision on {self.collection} label {self.label!r}: each field has one last day")
