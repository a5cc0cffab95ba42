"""A decision in the making, and the reasons that it collects."""

from dataclasses import dataclass, field
from datetime import date

from winddown.domain.decision import Disposition, Reason, Term
from winddown.domain.rule import Rule

WHOLE_OBJECT = "*"  # needed_fields of a record that is kept as it is, undivided


@dataclass(slots=True)
class Verdict:
    """The attributes are those of ``Decision``; reasons are added as rules are weighed."""

    disposition: Disposition
    reasons: list[Reason] = field(default_factory=list)
    terms: tuple[Term, ...] = ()
    until: date | None = None
    needed: tuple[str, ...] = ()
    in_place: bool = False
    at_once: bool = False
    recipient: str = ""
    is_open: bool = False
    in_part: tuple[tuple[str, str], ...] = ()


def blocked(*reasons: Reason) -> Verdict:
    """Not decidable yet, for these reasons."""
    return Verdict(Disposition.BLOCKED, list(reasons))


def reason_of(rule: Rule, says: str, *, prevails: bool = True, step: str = "") -> Reason:
    """What a rule says here, with its citation."""
    return Reason(rule.id, rule.basis.citation, says, prevails=prevails, step=step)
