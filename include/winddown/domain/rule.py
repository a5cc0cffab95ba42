"""A rule of law as a value: what it asks, from when, on whose authority, and how surely we know it.

Only 法律 and 行政法规 literally stand against deletion (PIPL 19 and 47); a departmental rule that a law delegated
is a different kind of reason, and anything else is none. Only a rule whose words were read in its text may destroy.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from winddown.domain.errors import Refused

CASE_EVENTS = frozenset(
    (
        "snapshot_taken",
        "dissolution_resolved",
        "dissolution_publicised",
        "liquidation_group_formed",
        "group_listed",
        "creditors_notified",
        "creditors_announced",
        "stop_notice_published",
        "service_stopped",
        "guardians_told",
        "recipient_notice_published",
        "claims_window_closed",
        "tax_cleared",
        "staff_settled",
    )
)
"""Events of the case's timeline that a rule may refer to."""

NOT_STATED = "not_stated_in_text"
DATA_EVENTS = frozenset(
    ("day_after_fiscal_year_end", "purpose_achieved", "deletion_blocked", "transfer_decided", "hold_placed", NOT_STATED)
)
"""Events that are read from the record or from the decision instead of the timeline."""

_PERIOD = re.compile(r"(-?)P(?=[0-9])(?:([0-9]{1,4})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})D)?")


class RuleKind(StrEnum):
    """What a rule asks for."""

    MIN_RETENTION = "min_retention"
    MAX_RETENTION = "max_retention"
    LEGAL_HOLD = "legal_hold"
    MUST_DELETE = "must_delete"
    STOP_PROCESSING = "stop_processing"
    TRANSFER_WITH_NOTICE = "transfer_with_notice"
    TRANSFER_WITH_DUTY = "transfer_with_duty"
    TRANSFER_EXEMPTION = "transfer_exemption"
    TRANSFER_PATH = "transfer_path"
    DEADLINE = "deadline"
    WINDOW = "window"
    NOTICE = "notice"
    FILING = "filing"
    PRECONDITION = "precondition"


class AuthorityLevel(StrEnum):
    """Who made the rule; only the first two override deletion by their own force."""

    LAW = "law"
    ADMIN_REGULATION = "admin_regulation"
    JUDICIAL_INTERPRETATION = "judicial_interpretation"
    DEPT_RULE = "dept_rule"
    NORMATIVE_DOC = "normative_doc"
    GENERAL_PRINCIPLE = "general_principle"


class VerificationStatus(StrEnum):
    """How surely the rule's words are known."""

    VERIFIED = "verified"  # the words were read in the text of the law
    VERIFIED_SECONDARY = "verified_secondary"  # in a copy or a report
    FROM_MEMORY_UNVERIFIED = "from_memory_unverified"


class Override(StrEnum):
    """Whether a keeping rule stands against the duty to delete."""

    YES = "yes"
    DELEGATED = "delegated"
    NO = "no"


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
        applies_to: kinds of company, or roles of a company, that it binds.
        period: length of the retention or of the clock; None where the law counts no time.
        start_event: an event of ``CASE_EVENTS`` or ``DATA_EVENTS``.
        default_start_event: what a named officer may accept where the text states no start; never applied by itself.
        end_event: the later event of a clock; then ``bound`` says whether ``period`` is its least or greatest length.
        requires_events: events that must have happened before anything is done under the rule.
        any_of: alternatives, each a conjunction of conditions; empty where the rule has no thresholds.
        needs: elements of a record that the duty needs; every other personal field is minimised.
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
    end_event: str | None = None
    bound: Bound | None = None
    default_start_event: str | None = None
    requires_events: tuple[str, ...] = ()
    any_of: tuple[tuple[Condition, ...], ...] = ()
    needs: tuple[str, ...] = ()
    penalty: Penalty | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        if (self.end_event is None) != (self.bound is None) or (self.bound is not None and self.period is None):
            raise Refused("a clock needs end_event, bound and period together", rule=self.id)
        if (self.kind is RuleKind.MIN_RETENTION) and (self.period is None or not self.needs):
            raise Refused("a keeping duty needs a period and the elements that it needs", rule=self.id)
        unknown: set[str | None] = {self.start_event}
        unknown -= CASE_EVENTS | DATA_EVENTS
        unknown |= ({self.end_event, *self.requires_events} - {None}) - CASE_EVENTS
        # "Not stated" cannot stand in for itself.
        unknown |= ({self.default_start_event} - {None}) - (DATA_EVENTS - {NOT_STATED})
        if unknown:
            raise Refused(f"unknown event {', '.join(sorted(map(str, unknown)))}", rule=self.id)
        if self.verification.status is VerificationStatus.VERIFIED and not self.basis.quote:
            raise Refused("a verified rule quotes the words that were read", rule=self.id)
        if self.basis.effective_from is None and self.may_destroy:
            raise Refused("a rule that destroys says since when it is in force", rule=self.id)

    @property
    def may_destroy(self) -> bool:
        """Whether a deletion may rest on this rule: it asks for one, and its words were read in the law's text.

        The shortest necessary keeping (PIPL 19) is not enough: deletion itself is the duty of PIPL 47.
        """
        return self.kind is RuleKind.MUST_DELETE and self.verification.status is VerificationStatus.VERIFIED

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

        All conditions are evaluated, so that a missing fact is ``Refused`` whatever the others say.
        """
        results = [[condition.holds(facts) for condition in alternative] for alternative in self.any_of]
        return not results or any(all(result) for result in results)


@dataclass(frozen=True, slots=True)
class RulePack:
    """The rules of one jurisdiction at one version. ``digest`` covers all of them and enters every plan."""

    id: str
    version: str
    as_of: date
    disclaimer: str
    digest: str
    rules: Mapping[str, Rule]

    def rule(self, rule_id: str) -> Rule:
        """Return the rule, or ``Refused`` when the pack has none of this id."""
        found = self.rules.get(rule_id)
        if found is None:
            raise Refused(f"rule pack {self.id} {self.version} has no rule {rule_id!r}", rule=rule_id)
        return found

    def in_force(self, on: date) -> tuple[Rule, ...]:
        """All rules that bind on a day, by id."""
        return tuple(rule for _, rule in sorted(self.rules.items()) if rule.in_force(on))
