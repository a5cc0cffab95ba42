"""Duties to delete, as they fall on the records of one label: erasing rests on a cited rule, it is no default."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from winddown.domain.decision import Reason, stop
from winddown.domain.duties import CHILD, PERSONAL, Facts, is_child, start_of
from winddown.domain.event import EVENTS, Scope
from winddown.domain.finding import Finding
from winddown.domain.inventory import Medium
from winddown.domain.label import Label
from winddown.domain.rule import AuthorityLevel, Rule, RuleKind

EXPIRY_RULE = "DEL-PIPL-47-2"  # the service stopped, or the period of keeping is over
_STOPPED = "service_stopped"
_DUTIES = {RuleKind.MUST_DELETE, RuleKind.MUST_DELETE_OR_ANONYMISE}


@dataclass(frozen=True, slots=True)
class Deletion:
    """What asks for deletion.

    Attributes:
        reasons: cited duties, the strongest first; empty when nothing may be deleted.
        obstacles: why there is no duty yet; empty when there is one.
        may_anonymise: a rule among them names anonymising as the alternative.
        is_childs: a child's information is among what must go, and goes at once.
    """

    reasons: tuple[Reason, ...]
    obstacles: tuple[Reason, ...] = ()
    may_anonymise: bool = False
    is_childs: bool = False


def personal_fields(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Fields that are known to hold personal information, embedded in text included."""
    return tuple(finding.field for finding in findings if finding.is_personal)


def deletion(facts: Facts, label: Label) -> Deletion:
    """Return the duty to delete confirmed personal information of the records of a label, or what stands in its way."""
    is_scan = facts.collection.medium is Medium.OBJECTS and facts.entry is not None
    due = _due(facts, label)
    if not due:
        return Deletion((), (_not_due(facts),))
    if not is_scan and not personal_fields(facts.findings):
        says = "no field is confirmed as personal information; a steward answers"
        return Deletion((), (stop("no-personal-information", says),))
    read = [(rule, says) for rule, says in due if rule.may_destroy]
    if not read:
        unread = [
            stop(rule.id, "it asks for deletion, but its words were not read, so nothing goes by it") for rule, _ in due
        ]
        return Deletion((), tuple(unread) if due[0][0].id == EXPIRY_RULE else (_not_due(facts), *unread))
    fields = ", ".join(personal_fields(facts.findings))
    found = f"confirmed in {fields}" if fields else ""
    declared = "as a steward declared for these objects" if is_scan else ""
    what = "personal information " + ", and ".join(filter(None, (declared, found)))
    return Deletion(
        tuple(Reason(rule.id, rule.basis.citation, f"{says}; {what}", prevails=True) for rule, says in read),
        may_anonymise=any(rule.kind is RuleKind.MUST_DELETE_OR_ANONYMISE for rule, _ in read),
        is_childs=any(CHILD in rule.data_category for rule, _ in read),
    )


def maxima(facts: Facts, label: Label) -> list[tuple[Rule, date]]:
    """The maxima that have passed for these records, with their last day: the law's, and the company's promises."""
    assert facts.entry is not None  # noqa: S101 - an unregistered collection is undecidable
    own = facts.entry.categories | {PERSONAL}
    ends = [
        (rule, rule.period.add_to(start))
        for rule in facts.rules
        if rule.kind is RuleKind.MAX_RETENTION
        and rule.period is not None
        and own.intersection(rule.data_category)
        and (start := start_of(rule, facts, label)) is not None
    ]
    return [(rule, end) for rule, end in ends if end < facts.as_of]


def is_promise(rule: Rule) -> bool:
    """Whether the rule is the company's own promise."""
    return rule.basis.authority_level is AuthorityLevel.PROMISE


def _due(facts: Facts, label: Label) -> list[tuple[Rule, str]]:
    """Rules whose trigger has come, each with the sentence that says so; the general duty first, a child's last."""
    assert facts.entry is not None  # noqa: S101 - an unregistered collection is undecidable
    own = facts.entry.categories | {PERSONAL} | ({CHILD} if is_child(label) else set())
    due = [
        (rule, says)
        for rule in facts.rules
        if rule.kind in _DUTIES and own.intersection(rule.data_category) and (says := _trigger(rule, facts, label))
    ]
    if EXPIRY_RULE not in {rule.id for rule, _ in due} and (over := _expired(facts, label)):
        due += [(rule, over) for rule in facts.rules if rule.id == EXPIRY_RULE]
    if due:
        due += [
            (rule, "it must go from time to time; the text names no period")
            for rule in facts.rules
            if rule.kind in _DUTIES
            and rule.period is None
            and facts.entry.categories.intersection(rule.data_category)
            and rule.may_destroy
        ]
    return sorted(due, key=lambda pair: (CHILD in pair[0].data_category, pair[0].id != EXPIRY_RULE, pair[0].priority))


def _not_due(facts: Facts) -> Reason:
    stopped = facts.case.timeline.on(_STOPPED)
    if stopped is not None and stopped <= facts.as_of:
        says = f"the rule is not in force on {facts.as_of}, so nothing may be destroyed by it"
        return stop(EXPIRY_RULE, says)
    says = f"the duty to delete starts with {_STOPPED}, which has not happened"
    return stop("service-running", says)


def _trigger(rule: Rule, facts: Facts, label: Label) -> str:
    """Say by which event the rule asks for deletion now; "" while it does not."""
    start = start_of(rule, facts, label)
    if start is None or rule.period is None or (asked := rule.period.add_to(start)) > facts.as_of:
        return ""
    if CHILD in rule.data_category:
        return "the person was under 14 when the service stopped, so it goes at once"
    if rule.start_event == _STOPPED:
        return f"the service stopped on {start}"
    counted = f"{rule.start_event} in the month that ended on" if _is_of_record(rule) else f"{rule.start_event} on"
    return f"{counted} {start}" + (f", and {rule.period} after it was {asked}" if asked != start else "")


def _is_of_record(rule: Rule) -> bool:
    return EVENTS[rule.start_event] in {Scope.RECORD, Scope.PERSON}


def _expired(facts: Facts, label: Label) -> str:
    over = [f"{rule.id} ({rule.basis.citation}) on {end}" for rule, end in maxima(facts, label)]
    return f"the longest time of keeping ended: {', '.join(over)}" if over else ""
