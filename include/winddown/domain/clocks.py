"""What a wave of plans waits for: the clocks, events and preconditions of the law that bind the company.

A wave needs the events and the clocks that the course names for its route. Beside them, a duty whose time has run out
and that is not done yet stops the wave until it is; a duty that was done too late cannot be done earlier, so it is told
and stops nothing. What the law wants before anything is disposed of (a report, an assessment, a licence) stops every
wave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from winddown.domain.course import Course, Route, WaveWait
from winddown.domain.deadline import Deadline, Status, has_clock, is_law, length_of, read_clock
from winddown.domain.pack import Rulebook
from winddown.domain.plan import Wave
from winddown.domain.rule import Bound, Rule, RuleKind
from winddown.domain.situation import Situation
from winddown.domain.timeline import Timeline

_BEFORE_ANY_DISPOSAL = frozenset((RuleKind.REPORT_BEFORE_DISPOSAL, RuleKind.ASSESS_BEFORE, RuleKind.LICENCE_FIRST))


@dataclass(frozen=True, slots=True)
class ClockResult:
    """One clock, event or precondition.

    Attributes:
        rule: id of the rule, or of what the course asks for by itself.
        satisfied: the wave may go on as far as this is concerned.
        is_late: a longest time was exceeded. That cannot be undone, so it is stated and does not stop the wave.
        sentence: what was compared, with dates.
        is_overdue: a longest time has run out and the duty is still to be done.
    """

    rule: str
    citation: str
    satisfied: bool
    is_late: bool
    sentence: str
    is_overdue: bool = False


def check_clocks(situation: Situation, rulebook: Rulebook, *, wave: Wave, as_of: date) -> tuple[ClockResult, ...]:
    """Evaluate everything that a wave waits for on the case's route.

    Only rules count that bind the company and were law on the day of the act that they speak of, and only events that
    it owes.
    """
    course = rulebook.course
    route = course.route(situation.route)
    wait = route.wait(wave)
    rules = tuple(
        rule
        for _, rule in sorted(rulebook.rules.items())
        if situation.binds(rule) and is_law(rule, situation.timeline, as_of=as_of)
    )
    results = [*_closed_route(course, route, situation, as_of)]
    asked = [rule for rule in rules if rule.id in wait.clocks and is_waited_for(rule, situation, course, as_of=as_of)]
    results += [_clock(rule, situation.timeline, rulebook, as_of) for rule in asked]
    for rule in rules:
        if is_precondition(rule, wave):
            results += [_happened(rule, event, situation.timeline, as_of) for event in rule.requires_events]
    waited = {rule.end_event for rule in asked}
    waited |= {event for rule in rules if is_precondition(rule, wave) for event in rule.requires_events}
    results += [
        _of_course(rulebook, wait, event, situation.timeline, as_of)
        for event in wait.events
        if event not in waited and course.is_owed(event, situation.subjects)
    ]
    states = [course.state(state_id) for state_id in wait.overdue_of]
    named = {rule_id for state in states for rule_id in state.clocks} - set(wait.clocks)
    for rule in rules:
        if rule.id in named and has_clock(rule):
            results += _other(read_clock(rule, situation.timeline, rulebook.calendar, as_of=as_of), as_of)
    return tuple(results)


def is_waited_for(rule: Rule, situation: Situation, course: Course, *, as_of: date) -> bool:
    """Whether a wave that names a clock waits for it: not for one whose start is not owed and did not happen."""
    started_on = situation.timeline.on(rule.start_event)
    return course.is_owed(rule.start_event, situation.subjects) or (started_on is not None and started_on <= as_of)


def is_precondition(rule: Rule, wave: Wave) -> bool:
    """Whether a wave does not begin before the rule's events have happened."""
    if not rule.requires_events or rule.end_event is not None:
        return False
    if rule.kind is RuleKind.TRANSFER_WITH_SEPARATE_CONSENT:
        return False  # no plan sells or shares: a hand-over because the company ends needs notice, not consent
    if rule.start_event == "transfer_decided":
        return wave is Wave.AFTER_CLAIMS  # archives are handed over in it, and nothing in the wave before
    return wave is Wave.AFTER_CLAIMS or rule.kind in _BEFORE_ANY_DISPOSAL or rule.start_event == "service_stopped"


def _clock(rule: Rule, timeline: Timeline, rulebook: Rulebook, as_of: date) -> ClockResult:
    """A clock that must have been kept: both of its events have happened, and not too early."""
    start, end_event = timeline.on(rule.start_event), str(rule.end_event)
    end = timeline.on(end_event)
    found = read_clock(rule, timeline, rulebook.calendar, as_of=as_of)
    is_overdue = found.status is Status.OVERDUE
    for event, on in ((rule.start_event, start), (end_event, end)):
        if on is None or on > as_of:
            sentence = f"{event} has not happened by {as_of}" + _overdue_since(found)
            return ClockResult(rule.id, rule.basis.citation, False, False, sentence, is_overdue)
    assert start is not None  # noqa: S101 - the loop returned
    assert end is not None  # noqa: S101
    if rule.bound is Bound.AT_LEAST:
        return _at_least(rule, found, start, end, as_of)
    is_late = found.status is Status.LATE
    clock = f"{rule.start_event} {start} + {length_of(rule)}" + _how(found)
    sentence = f"{end_event} {end} is {'later than' if is_late else 'within'} {clock}"
    return ClockResult(rule.id, rule.basis.citation, True, is_late, sentence)


def _at_least(rule: Rule, found: Deadline, start: date, end: date, as_of: date) -> ClockResult:
    is_early = found.status is Status.EARLY
    clock = f"{rule.start_event} {start} + {length_of(rule)}" + _how(found)
    sentence = f"{rule.end_event} {end} is {'before' if is_early else 'not before'} {clock}"
    # The last day of a window still belongs to it: it is over when the day is.
    is_open = found.is_window and as_of <= end
    return ClockResult(
        rule.id, rule.basis.citation, not is_early and not is_open, found.status is Status.LATE, sentence
    )


def _happened(rule: Rule, event: str, timeline: Timeline, as_of: date) -> ClockResult:
    on = timeline.on(event)
    if on is None or on > as_of:
        return ClockResult(rule.id, rule.basis.citation, False, False, f"{event} has not happened by {as_of}")
    return ClockResult(rule.id, rule.basis.citation, True, False, f"{event} on {on}")


def _of_course(rulebook: Rulebook, wait: WaveWait, event: str, timeline: Timeline, as_of: date) -> ClockResult:
    """An event that the course asks for and no rule that binds the company names.

    Where rules give it a time for other kinds of companies, no text that was read says how long it is for this one: a
    person finds out, instead of a law being invented.
    """
    course, on = rulebook.course, timeline.on(event)
    has_happened = on is not None and on <= as_of
    sentence = f"{event} on {on}" if has_happened else f"{event} has not happened by {as_of}"
    if not has_happened and any(rulebook.rules[name].end_event == event for name in wait.clocks):
        sentence += "; no rule that was read says when it may for this kind of company: counsel says so"
    return ClockResult(
        f"course-{event}", f"{wait.state} {course.state(wait.state).title.zh}", has_happened, False, sentence
    )


def _closed_route(course: Course, route: Route, situation: Situation, as_of: date) -> Iterator[ClockResult]:
    """Why the simplified route is not open; nothing for another route."""
    if route.id != "simplified":
        return
    for found in course.exclusions:
        is_so = situation.exclusions.get(found.fact)
        if is_so is not False:
            words = "is not known" if is_so is None else "is so"
            sentence = f"the simplified route is not open: {found.fact} {words}"
            yield ClockResult(f"route-{found.fact}", found.basis, False, False, sentence)
    objected_on = situation.timeline.on("objection_raised")
    if objected_on is not None and objected_on <= as_of:
        sentence = f"the simplified route is not open: objection_raised on {objected_on}"
        yield ClockResult("route-objection_raised", "公司法第二百四十条第二款", False, False, sentence)


def _other(found: Deadline, as_of: date) -> Iterator[ClockResult]:
    """A duty of a state before the wave, when it is overdue or was done late; one in time is not told."""
    if found.is_agencys:
        return
    if found.status is Status.OVERDUE:
        sentence = f"{found.task} has not happened by {as_of}" + _overdue_since(found)
        yield ClockResult(found.rule, found.citation, False, False, sentence, is_overdue=True)
    elif found.status is Status.LATE:
        sentence = f"{found.task} {found.done_on} is later than {found.due_on}{_how(found)}"
        yield ClockResult(found.rule, found.citation, True, True, sentence)


def _overdue_since(found: Deadline) -> str:
    return f"; it was due on {found.due_on}{_how(found)}" if found.status is Status.OVERDUE else ""


def _how(found: Deadline) -> str:
    """How the last day was counted out, where it was not simply the end of a period."""
    words = [word for word in (f"{found.due_on}: {found.moved}" if found.moved else "", found.provisional) if word]
    return f" ({'; '.join(words)})" if words else ""
