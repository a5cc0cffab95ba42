"""What one clock of the law says of one case on one day: when something is due, and whether it was done in time.

A clock runs between two events. ``at_most``: the later one is a duty, due when the period after the earlier one ends; a
period whose last day is a rest day ends on the day after the rest (Civil Code 203). ``at_least``: the later one may not
come before the period has passed. Of these a window belongs to others, so it too ends after a rest; a notice or report
that must come some time *before* something is due that long before it, and a rest does not shorten that time.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from winddown.domain.calendar import LAST_DAY, CalendarDay, WorkingCalendar
from winddown.domain.errors import Refused
from winddown.domain.rule import Bound, Calendar, Period, Rule, RuleKind
from winddown.domain.timeline import Timeline


class Status(StrEnum):
    """Where a clock stands."""

    AHEAD = "ahead"  # what starts it has not happened and has no date
    RUNNING = "running"  # a window is open
    DUE = "due"  # to be done, and there is time
    OVERDUE = "overdue"  # not done, and the time has run out
    DONE = "done"  # done in time, or the window is over
    LATE = "late"  # done after the time had run out; that cannot be undone
    EARLY = "early"  # the later event came before the window, or the time after the notice, had passed


@dataclass(frozen=True, slots=True)
class Deadline:
    """One clock in one case.

    Attributes:
        task: the event by which the duty is done, or which ends the window; "" when nothing ends it but time.
        since: the event from which the time is counted; for what must come before something, that something.
        since_on: its date, which may lie ahead; None when it has none yet.
        due_on: last day for the duty, or last day of the window; None while it cannot be counted.
        done_on: when the task was done; None when it was not, by the day that is looked at.
        is_agencys: an authority owes it; it is told and stops nothing.
        provisional: why ``due_on`` may still move, in words; "" when it may not.
        moved: why ``due_on`` is not simply the end of the period, in words.
    """

    rule: str
    citation: str
    status: Status
    task: str
    since: str
    since_on: date | None
    due_on: date | None
    done_on: date | None
    period: str
    is_window: bool
    is_agencys: bool
    provisional: str = ""
    moved: str = ""


def has_clock(rule: Rule) -> bool:
    """Whether a rule counts time from an event of the case."""
    return rule.period is not None and (rule.end_event is not None or rule.kind is RuleKind.WINDOW)


def must_come_before(rule: Rule) -> bool:
    """Whether the duty is the earlier event, which must come some time before the later one."""
    return rule.bound is Bound.AT_LEAST and rule.kind is not RuleKind.WINDOW


def is_law(rule: Rule, timeline: Timeline, *, as_of: date) -> bool:
    """Whether a rule was in force on the day of the act that it speaks of; for what is still to be done, today.

    The act is what opens a window, what a notice must come before, and the doing of a duty. No rule reaches back: a
    notice that was published before the rule came into force is judged by the law of its own day, and one that was
    published under a rule stays judged by it. A rule without a clock speaks of what is done today.
    """
    if not has_clock(rule):
        return rule.in_force(as_of)
    on = timeline.on(rule.start_event if rule.kind is RuleKind.WINDOW else str(rule.end_event))
    return rule.in_force(as_of if on is None else min(on, as_of))


def read_clock(rule: Rule, timeline: Timeline, calendar: WorkingCalendar, *, as_of: date) -> Deadline:
    """Read the clock of a rule; ``Refused`` for a rule that has none."""
    if not has_clock(rule):
        raise Refused("it has no clock", rule=rule.id)
    backwards = must_come_before(rule)
    task = rule.start_event if backwards else rule.end_event or ""
    since = str(rule.end_event) if backwards else rule.start_event
    since_on = timeline.on(since)
    done_on = timeline.on(task) if task else None
    if done_on is not None and done_on > as_of:
        done_on = None
    due = None if since_on is None else last_day(rule, since_on, calendar)
    return Deadline(
        rule=rule.id,
        citation=rule.basis.citation,
        status=_status(rule, since_on, None if due is None else due.on, done_on, as_of),
        task=task,
        since=since,
        since_on=since_on,
        due_on=None if due is None else due.on,
        done_on=done_on,
        period=length_of(rule),
        is_window=rule.kind is RuleKind.WINDOW,
        is_agencys=rule.kind is RuleKind.AGENCY_DEADLINE,
        provisional="" if due is None else due.provisional,
        moved=moved_words(due),
    )


def last_day(rule: Rule, since: date, calendar: WorkingCalendar) -> CalendarDay:
    """The day that the rule's period reaches from ``since``: forward, or backwards for what must come before it."""
    period = rule.period
    assert period is not None  # noqa: S101 - asked by everybody who comes here
    backwards = must_come_before(rule)
    if rule.calendar is Calendar.WORKING_DAYS_CN:
        walk = calendar.working_days_before if backwards else calendar.working_days_after
        return walk(since, period.days)
    if backwards:
        return CalendarDay(_before(period, since))
    return calendar.last_day(period.add_to(since))


def length_of(rule: Rule) -> str:
    """The period in ISO 8601, with working days named."""
    return f"{rule.period} (working days)" if rule.calendar is Calendar.WORKING_DAYS_CN else str(rule.period)


def moved_words(due: CalendarDay | None) -> str:
    """Which rest day a last day was moved from and by what, in words; "" when it was not."""
    if due is None or due.moved_from is None:
        return ""
    return f"{due.moved_from} is a rest day ({LAST_DAY})"


def _before(period: Period, end: date) -> date:
    """The last day that lies the whole period before ``end``."""
    start = Period(period.years, period.months, period.days, is_before=True).add_to(end)
    # A month may be missing the day: counted forward again, the period must not reach beyond the end.
    while period.add_to(start) > end:
        start -= timedelta(days=1)
    return start


def _status(rule: Rule, since_on: date | None, due_on: date | None, done_on: date | None, as_of: date) -> Status:
    if must_come_before(rule):
        found = _status_before(since_on, due_on, done_on, as_of)
        # Who stopped too early can stop later; who reported too late cannot report earlier.
        return Status.EARLY if found is Status.LATE and rule.kind is RuleKind.NOTICE else found
    if since_on is None or due_on is None:
        return Status.DONE if done_on is not None else Status.AHEAD
    if rule.kind is RuleKind.WINDOW:
        return _status_of_window(since_on, due_on, done_on, as_of)
    return _status_of_duty(due_on, done_on, as_of)


def _status_of_window(since_on: date, due_on: date, done_on: date | None, as_of: date) -> Status:
    if since_on > as_of:
        return Status.AHEAD
    if done_on is not None and done_on < due_on:
        return Status.EARLY
    return Status.DONE if as_of > due_on else Status.RUNNING


def _status_of_duty(due_on: date, done_on: date | None, as_of: date) -> Status:
    if done_on is not None:
        return Status.LATE if done_on > due_on else Status.DONE
    return Status.OVERDUE if as_of > due_on else Status.DUE


def _status_before(since_on: date | None, due_on: date | None, done_on: date | None, as_of: date) -> Status:
    if since_on is None or due_on is None:
        return Status.DONE if done_on is not None else Status.AHEAD
    return _status_of_duty(due_on, done_on, as_of)
