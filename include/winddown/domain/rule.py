"""A rule of law as a value: what it asks, from when, on whose authority, and how surely we know it.

Only 法律 and 行政法规 literally stand against deletion (PIPL 19 and 47); a departmental rule that a law delegated
is a different kind of reason, and anything else is none. Only a rule whose words were read in its text may destroy.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from winddown.domain.errors import Refused
from winddown.domain.event import EVENTS, Scope, dated_in_timeline

WHOLE_RECORD = "whole_record"  # the element of a duty that needs every field

_PERIOD = re.compile(r"(-?)P(?=[0-9])(?:([0-9]{1,4})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})D)?")


class RuleKind(StrEnum):
    """What a rule asks for."""

    # how long
    MIN_RETENTION = "min_retention"
    MIN_THEN_DELETE = "min_then_delete"  # a minimum whose end is a duty to delete
    MAX_RETENTION = "max_retention"
    ADVISORY_HOLD = "advisory_hold"  # a window in which somebody may ask; no duty to keep
    LEGAL_HOLD = "legal_hold"
    # what must go
    MUST_DELETE = "must_delete"
    MUST_DELETE_OR_ANONYMISE = "must_delete_or_anonymise"
    STOP_PROCESSING = "stop_processing"
    # what somebody else must get, and how
    MUST_HANDOVER = "must_handover"  # deleting it instead is the breach
    TRANSFER_WITH_NOTICE = "transfer_with_notice"
    TRANSFER_WITH_SEPARATE_CONSENT = "transfer_with_separate_consent"
    TRANSFER_WITH_DUTY = "transfer_with_duty"
    # what comes first
    REPORT_BEFORE_DISPOSAL = "report_before_disposal"
    ASSESS_BEFORE = "assess_before"
    LICENCE_FIRST = "licence_first"
    PRECONDITION = "precondition"
    # across the border
    TRANSFER_EXEMPTION = "transfer_exemption"
    TRANSFER_PATH = "transfer_path"
    TRANSFER_CONDITION = "transfer_condition"  # owed on every path, exemptions included
    TRANSFER_FILING = "transfer_filing"  # what serves a path, and how long it lasts
    TRANSFER_PRINCIPLE = "transfer_principle"  # how the other rules on transfers are read
    # clocks
    DEADLINE = "deadline"
    AGENCY_DEADLINE = "agency_deadline"  # an authority's own deadline
    WINDOW = "window"
    NOTICE = "notice"
    FILING = "filing"
    REPORT = "report"
    AUDIT = "audit"


class AuthorityLevel(StrEnum):
    """Who made the rule; only the first two override deletion by their own force."""

    LAW = "law"
    ADMIN_REGULATION = "admin_regulation"
    JUDICIAL_INTERPRETATION = "judicial_interpretation"
    DEPT_RULE = "dept_rule"
    NORMATIVE_DOC = "normative_doc"
    REGULATOR_GUIDANCE = "regulator_guidance"
    NATIONAL_STANDARD_RECOMMENDED = "national_standard_recommended"
    FOREIGN_LAW = "foreign_law"
    GENERAL_PRINCIPLE = "general_principle"
    PROMISE = "promise"  # the company's own: a contract, its privacy notice, a group policy; only ever a maximum


class VerificationStatus(StrEnum):
    """How surely the rule's words are known."""

    VERIFIED = "verified"  # the words were read in the text of the law
    VERIFIED_SECONDARY = "verified_secondary"  # in a copy or a report
    INFERENCE = "inference"  # concluded from words that were read
    FROM_MEMORY_UNVERIFIED = "from_memory_unverified"


class Override(StrEnum):
    """Whether a keeping rule stands against the duty to delete."""

    YES = "yes"
    DELEGATED = "delegated"
    NO = "no"


class Calendar(StrEnum):
    """Which days a period counts."""

    NATURAL = "natural"
    WORKING_DAYS_CN = "working_days_cn"


class Bound(StrEnum):
    """Whether a clock between two events is a shortest or a longest time."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar period of ISO 8601, in years, months and natural days; no weeks, no hours, no working days.

    It does not move an end that falls on a public holiday (Civil Code 203): a person must look at such a day.

    >>> Period.parse("P30Y").add_to(date(2026, 1, 1))
    datetime.date(2056, 1, 1)
    >>> Period.parse("P6M").add_to(date(2025, 8, 31))
    datetime.date(2026, 2, 28)
    >>> Period.parse("-P30D").add_to(date(2026, 5, 31))
    datetime.date(2026, 5, 1)
    >>> str(Period.parse("P0D"))
    'P0D'
    """

    years: int = 0
    months: int = 0
    days: int = 0
    is_before: bool = False

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read ``P30Y``, ``P1Y6M``, ``P10D``, ``-P30D``, ``P0D``; anything else is ``Refused``."""
        found = _PERIOD.fullmatch(text)
        if found is None:
            raise Refused(f"{text!r} is no period", next_step="write it like P30Y, P6M, P10D or -P30D")
        sign, years, months, days = found.groups()
        return cls(int(years or 0), int(months or 0), int(days or 0), is_before=sign == "-")

    def add_to(self, start: date) -> date:
        """Return the date that lies the period after (or before) the start; a missing day becomes the month's last.

        Years and months are added first, then days. ``Refused`` when the result lies outside the years 1 to 9999.
        """
        sign = -1 if self.is_before else 1
        year, month = divmod(start.year * 12 + start.month - 1 + sign * (self.years * 12 + self.months), 12)
        try:
            last = monthrange(year, month + 1)[1]
            return date(year, month + 1, min(start.day, last)) + timedelta(days=sign * self.days)
        except (ValueError, OverflowError) as error:
            raise Refused(f"{self} from {start} lies outside the calendar") from error

    def __str__(self) -> str:
        parts = [f"{count}{unit}" for count, unit in ((self.years, "Y"), (self.months, "M"), (self.days, "D")) if count]
        return ("-" if self.is_before else "") + "P" + ("".join(parts) or "0D")


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a fact; exactly one of the four forms is set.

    >>> Condition("persons_other", below=100000).holds({"persons_other": 99999})
    True
    """

    fact: str
    is_true: bool | None = None
    at_least: int | None = None
    below: int | None = None
    one_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum((self.is_true is not None, self.at_least is not None, self.below is not None, bool(self.one_of))) != 1:
            raise Refused(f"condition on {self.fact} needs exactly one of is_true, at_least, below, one_of")

    def holds(self, facts: Mapping[str, bool | int | str]) -> bool:
        """Say whether the fact passes; ``Refused`` when it is missing or of another type, never a silent False."""
        value = facts.get(self.fact)
        if self.one_of and isinstance(value, str):
            return value in self.one_of
        if self.is_true is not None and isinstance(value, bool):
            return value is self.is_true
        if isinstance(value, int) and not isinstance(value, bool):
            if self.at_least is not None:
                return value >= self.at_least
            if self.below is not None:
                return value < self.below
        raise Refused(f"fact {self.fact} is missing or of the wrong type", next_step="supply it in the case profile")


def any_holds(alternatives: tuple[tuple[Condition, ...], ...], facts: Mapping[str, bool | int | str]) -> bool:
    """Say whether one conjunction holds; all are evaluated, so that a missing fact is ``Refused`` in any case."""
    results = [[condition.holds(facts) for condition in alternative] for alternative in alternatives]
    return any(all(result) for result in results)


@dataclass(frozen=True, slots=True)
class Basis:
    """Where the rule stands. ``quote`` is the law's own words, ``""`` where they were not read.

    ``effective_to`` is the last day in force. ``delegated_by`` names the law that gave a department the power.
    """

    law: str
    article: str
    authority_level: AuthorityLevel
    effective_from: date | None
    effective_to: date | None = None
    quote: str = ""
    delegated_by: str = ""

    @property
    def citation(self) -> str:
        """The law and its article, in the law's language; a principle without an article is cited by name."""
        return f"{self.law} {self.article}".strip()


@dataclass(frozen=True, slots=True)
class Penalty:
    """What breaking the rule costs: the article, and in short what it says."""

    article: str
    text: str


@dataclass(frozen=True, slots=True)
class Verification:
    """How surely the rule is known, and where it was read."""

    status: VerificationStatus
    source: str
    ref: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. It says what the law asks; it decides nothing and knows no record.

    Attributes:
        data_category: categories of the register or of the classification that it speaks about.
        applies_to: subjects of the pack, i.e. kinds or roles of a company, that it binds.
        period: length of the retention or of the clock; None where the law counts no time.
        calendar: which days the period counts.
        start_event: an event of ``EVENTS``.
        default_start_event: what a named officer may accept where the text states no start; never applied by itself.
        until_event: the event until which a duty without a period keeps; without one it keeps for ever.
        end_event: the later event of a clock; then ``bound`` says whether ``period`` is its least or greatest length.
        requires_events: events that must have happened before anything is done under the rule.
        any_of: alternatives, each a conjunction of conditions; empty where the rule has no thresholds.
        needs: elements of a record that the duty needs, or ``WHOLE_RECORD``; every other personal field is minimised.
        core: of these, the elements without which keeping would prove nothing.
        recipient: who receives under a hand-over duty: a role that the case file names an organisation for.
        supersedes: ids of earlier rules that this one replaced; they stay in the pack to explain old decisions.
        priority: 1 strongest, 99 weakest.
    """

    id: str
    title_zh: str
    title_en: str
    kind: RuleKind
    data_category: tuple[str, ...]
    applies_to: tuple[str, ...]
    start_event: str
    basis: Basis
    verification: Verification
    priority: int
    reviewed_on: date
    period: Period | None = None
    calendar: Calendar = Calendar.NATURAL
    until_event: str | None = None
    end_event: str | None = None
    bound: Bound | None = None
    default_start_event: str | None = None
    requires_events: tuple[str, ...] = ()
    any_of: tuple[tuple[Condition, ...], ...] = ()
    needs: tuple[str, ...] = ()
    core: tuple[str, ...] = ()
    recipient: str = ""
    supersedes: tuple[str, ...] = ()
    penalty: Penalty | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        for problem in (*self._shape_problems(), *self._event_problems(), *self._authority_problems()):
            raise Refused(problem, rule=self.id)

    def _shape_problems(self) -> Iterator[str]:
        if (self.end_event is None) != (self.bound is None) or (self.bound is not None and self.period is None):
            yield "a clock needs end_event, bound and period together"
        if self.keeps and not self.needs:
            yield "a keeping duty names the elements that it needs"
        if self.kind is RuleKind.MIN_THEN_DELETE and self.period is None:
            yield "a duty to keep and then delete needs a period"
        if self.until_event is not None and (self.period is not None or not self.keeps):
            yield "until_event is for a keeping duty without a period"
        if not set(self.core) <= set(self.needs):
            yield "core elements are among those that the duty needs"
        if (self.kind is RuleKind.MUST_HANDOVER) != bool(self.recipient):
            yield "a hand-over duty, and no other, names its recipient"
        if self.id in self.supersedes:
            yield "it supersedes itself"

    def _event_problems(self) -> Iterator[str]:
        unknown = {event for event in (self.start_event, self.default_start_event) if event and event not in EVENTS}
        waited = (self.end_event, self.until_event, *self.requires_events)
        unknown |= {event for event in waited if event and not dated_in_timeline(event)}
        if unknown:
            yield f"unknown event {', '.join(sorted(unknown))}"
        if self.default_start_event is not None and EVENTS[self.default_start_event] in {Scope.NOT_STATED, Scope.CASE}:
            yield "a default start is a date of the record or of its fiscal year"

    def _authority_problems(self) -> Iterator[str]:
        if self.verification.status is VerificationStatus.VERIFIED and not self.basis.quote:
            yield "a verified rule quotes the words that were read"
        if self.basis.effective_from is None and self.may_destroy:
            yield "a rule that destroys says since when it is in force"
        if self.basis.authority_level is AuthorityLevel.PROMISE and self.kind is not RuleKind.MAX_RETENTION:
            yield "a promise is a maximum: it may shorten keeping and never lengthens it (PIPL 17, 19)"

    @property
    def keeps(self) -> bool:
        """Whether it is a duty to keep."""
        return self.kind in {RuleKind.MIN_RETENTION, RuleKind.MIN_THEN_DELETE}

    @property
    def may_destroy(self) -> bool:
        """Whether a deletion may rest on this rule: it asks for one, and its words were read in the law's text.

        The shortest necessary keeping (PIPL 19) is not enough: deletion itself is the duty of PIPL 47.
        """
        asks = self.kind in {RuleKind.MUST_DELETE, RuleKind.MUST_DELETE_OR_ANONYMISE}
        return asks and self.verification.status is VerificationStatus.VERIFIED

    @property
    def may_keep(self) -> bool:
        """Whether keeping may rest on this rule; a hold keeps even from memory, because keeping can be undone."""
        return self.kind is RuleKind.LEGAL_HOLD or self.verification.status in {
            VerificationStatus.VERIFIED,
            VerificationStatus.VERIFIED_SECONDARY,
        }

    @property
    def overrides_deletion(self) -> Override:
        """Whether its authority stands against PIPL 47; it does not say that the rule asks for keeping."""
        if self.basis.authority_level in {AuthorityLevel.LAW, AuthorityLevel.ADMIN_REGULATION}:
            return Override.YES
        if self.basis.authority_level is AuthorityLevel.DEPT_RULE and self.basis.delegated_by:
            return Override.DELEGATED
        return Override.NO

    def in_force(self, on: date) -> bool:
        """Say whether the rule binds on a day, both ends included; a principle without a date always does."""
        after_start = self.basis.effective_from is None or self.basis.effective_from <= on
        return after_start and (self.basis.effective_to is None or on <= self.basis.effective_to)

    def conditions_hold(self, facts: Mapping[str, bool | int | str]) -> bool:
        """Say whether one alternative holds entirely; a rule without thresholds always does.

        A missing fact is ``Refused`` whatever the others say.
        """
        return not self.any_of or any_holds(self.any_of, facts)
