"""Duties to keep, as they fall on the records of one label: which, on whose authority, from when, until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, RegisterEntry
from winddown.domain.decision import Reason, Term, stop
from winddown.domain.event import EVENTS, FISCAL_YEAR_END, NOT_STATED, Scope
from winddown.domain.finding import Finding
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import Collection
from winddown.domain.label import Label, RecordClass
from winddown.domain.pack import Rulebook
from winddown.domain.rule import WHOLE_RECORD, Override, Period, Rule, RuleKind
from winddown.domain.situation import situation_of

PERSONAL = "personal_information"
CHILD = "child_under14"
EVERY_RECORD = "all_records"


class Authority(StrEnum):
    """Why a keeping rule stands against deletion, or that it may not."""

    STATUTE = "a law or an administrative regulation"  # PIPL 19 and 47 name these
    DELEGATED = "a department's rule that a law or regulation provides for"
    COUNSEL = "counsel's recorded opinion"
    ARGUABLE = "arguable"  # storage-only, and counsel is asked


@dataclass(frozen=True)
class Facts:
    """What is known about one collection when it is decided.

    ``persons`` is the number of the company's customers when the case was counted; size classes rest on it.
    """

    case: Case
    collection: Collection
    entry: RegisterEntry | None
    findings: tuple[Finding, ...]
    blockers: tuple[Blocker, ...]
    rulebook: Rulebook
    as_of: date
    holds: tuple[LegalHold, ...] = ()
    persons: int = 0

    @cached_property
    def subjects(self) -> frozenset[str]:
        """What the company is, in the words of the rules."""
        return subjects_of(self.case, self.rulebook, self.persons)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force that bind this company and speak of this collection's categories."""
        return () if self.entry is None else matching(self.rulebook, self.entry, self.subjects, self.as_of)


@dataclass(frozen=True, slots=True)
class Duty:
    """One rule that asks for these records to be kept.

    Attributes:
        start: the day from which its period counts; None when it has none.
        end: the last day; None when the duty has no end or its end has not come.
        question: what a person has to answer before the duty can be applied, or None.
    """

    rule: Rule
    authority: Authority
    start: date | None
    end: date | None
    question: Reason | None

    @property
    def needs(self) -> frozenset[str]:
        """The elements that it needs; a window in which somebody may ask needs the record as it is."""
        return frozenset(self.rule.needs or (WHOLE_RECORD,))

    def is_over(self, as_of: date) -> bool:
        """Whether its last day has passed."""
        return self.end is not None and self.end < as_of


@dataclass(frozen=True, slots=True, order=True)
class DatedBy:
    """A field that dates an event of a record, from which a rule counts.

    ``is_required``: a duty to keep counts from it, so a record without it is undated; otherwise the event simply did
    not happen to the record.
    """

    event: str
    field: str
    scope: Scope
    is_required: bool


def subjects_of(case: Case, rulebook: Rulebook, persons: int) -> frozenset[str]:
    """The subjects of the rulebook that the company is; of two numbers of persons the larger one counts."""
    return situation_of(case, rulebook, persons=persons).subjects


def matching(rulebook: Rulebook, entry: RegisterEntry, subjects: frozenset[str], as_of: date) -> tuple[Rule, ...]:
    """The rules in force on a day that bind one of the subjects and speak of one of the entry's categories."""
    categories = entry.categories | {PERSONAL, CHILD, EVERY_RECORD}
    return tuple(
        rule
        for rule in rulebook.in_force(as_of)
        if subjects.intersection(rule.applies_to) and categories.intersection(rule.data_category)
    )


def dated_by(rules: Iterable[Rule], entry: RegisterEntry, case: Case) -> tuple[DatedBy, ...]:
    """The events, with their fields, that tell the entry's records apart, in the order in which labels name them."""
    fields: dict[str, str] = {}
    required = set()
    for rule in rules:
        event = start_event(rule, case) if rule.period is not None else rule.until_event
        field = "" if event is None else entry.dated_by if event == FISCAL_YEAR_END else entry.date_field(event)
        if event is None or not field:
            continue
        fields[event] = field
        # An open matter has no date yet, and still keeps its record.
        if rule.keeps and event != rule.until_event and entry.categories.intersection(rule.data_category):
            required.add(event)
    found = [DatedBy(event, field, EVENTS[event], event in required) for event, field in fields.items()]
    return tuple(sorted(found, key=lambda one: (one.scope is not Scope.FISCAL_YEAR, one.event)))


def start_event(rule: Rule, case: Case) -> str | None:
    """The event that the rule counts from; where it states none, the one that an officer accepted, or None."""
    if rule.start_event != NOT_STATED:
        return rule.start_event
    accepted = next((found for found in case.accepted_dates if found.rule == rule.id), None)
    return None if accepted is None else accepted.start_event


def start_of(rule: Rule, facts: Facts, label: Label) -> date | None:
    """The day from which the rule counts for records of a label, or None."""
    event = start_event(rule, facts.case)
    if event is None:
        return None
    if event == FISCAL_YEAR_END:
        return label.fiscal_year_start(facts.case.profile.fiscal_year_end)
    return label.start(event) or facts.case.timeline.on(event)


def duties(facts: Facts, label: Label) -> tuple[Duty, ...]:
    """Every duty to keep, or window in which somebody may ask, that falls on the records of a label; by rule id.

    Lapsed ones are included.
    """
    assert facts.entry is not None  # noqa: S101 - an unregistered collection is undecidable
    own = facts.entry.categories
    return tuple(
        _duty(rule, facts, label)
        for rule in facts.rules
        if (rule.keeps or rule.kind is RuleKind.ADVISORY_HOLD) and own.intersection(rule.data_category)
    )


def _duty(rule: Rule, facts: Facts, label: Label) -> Duty:
    authority = _authority(rule, facts)
    start = start_of(rule, facts, label)
    if rule.period is None:
        until = rule.until_event or ""
        ended = label.start(until) or facts.case.timeline.on(until)
        return Duty(rule, authority, start, ended if ended and ended <= facts.as_of else None, None)
    if start is not None:
        return Duty(rule, authority, start, _last_day(rule.period, start, start_event(rule, facts.case)), None)
    if rule.kind is RuleKind.ADVISORY_HOLD:
        return Duty(rule, authority, None, None, None)
    if rule.start_event == NOT_STATED and start_event(rule, facts.case) is None:
        says = "the text names no start; a named officer accepts a date in the case file"
        return Duty(rule, authority, None, None, stop(rule.id, says, step="P7"))
    says = f"{rule.id} counts from {rule.start_event}, a date that no registered field and no event gives"
    return Duty(rule, authority, None, None, stop("no-date-field", says, step="P7"))


def _last_day(period: Period, start: date, event: str | None) -> date:
    """The last day of a period. Civil Code 201: an event's own day does not count; the first day of a year does."""
    after = period.add_to(start)
    return after - timedelta(days=1) if event == FISCAL_YEAR_END else after


def _authority(rule: Rule, facts: Facts) -> Authority:
    opinion = facts.case.opinion(rule.id, facts.collection.ref)
    if opinion is not None and opinion.keeps:
        return Authority.COUNSEL
    if rule.kind is RuleKind.ADVISORY_HOLD:
        return Authority.ARGUABLE
    if rule.may_keep and rule.overrides_deletion is Override.YES:
        return Authority.STATUTE
    if rule.may_keep and rule.overrides_deletion is Override.DELEGATED:
        return Authority.DELEGATED
    return Authority.ARGUABLE


def terms(facts: Facts, running: Sequence[Duty]) -> tuple[Term, ...]:
    """What each field is kept for: every field until the last day of the longest duty that needs it, longest first."""
    assert facts.entry is not None  # noqa: S101 - an unregistered collection is undecidable
    elements: dict[str, set[str]] = {}
    for field, element in facts.entry.elements:
        elements.setdefault(field, set()).add(element)
    ends: dict[str, date | None] = {}
    for duty in sorted(running, key=lambda found: (found.end is None, found.end or date.max), reverse=True):
        for field in facts.collection.field_names():
            if WHOLE_RECORD in duty.needs or elements.get(field, set()).intersection(duty.needs):
                ends.setdefault(field, duty.end)
    return tuple(
        Term(until, tuple(field for field in _in_register_order(facts, ends) if ends[field] == until))
        for until in sorted(set(ends.values()), key=lambda end: (end is None, end or date.max), reverse=True)
    )


def _in_register_order(facts: Facts, ends: dict[str, date | None]) -> list[str]:
    assert facts.entry is not None  # noqa: S101 - the caller asked
    named = [field for field in dict(facts.entry.elements) if field in ends]
    return [*named, *(field for field in ends if field not in named)]


def is_child(label: Label) -> bool:
    """Whether the label's persons were under 14 when the service stopped."""
    return label.record_class is RecordClass.MINOR
