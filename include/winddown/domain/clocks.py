"""Checks the law's clocks between two events of the timeline."""

from dataclasses import dataclass
from datetime import date

from winddown.domain.pack import Rulebook
from winddown.domain.plan import Wave
from winddown.domain.rule import Bound, Rule, RuleKind
from winddown.domain.timeline import Timeline


@dataclass(frozen=True, slots=True)
class ClockResult:
    """One clock.

    Attributes:
        satisfied: the wave may go on as far as this clock is concerned.
        is_late: a longest time was exceeded. That cannot be undone, so it is stated and does not stop the wave.
        sentence: what was compared, with dates.
    """

    rule: str
    citation: str
    satisfied: bool
    is_late: bool
    sentence: str


def check_clocks(timeline: Timeline, rulebook: Rulebook, *, wave: Wave, as_of: date) -> tuple[ClockResult, ...]:
    """Evaluate every rule that a wave waits for.

    The first wave is due when the service has stopped after its notice; the second needs every clock and every required
    event. A shortest time that has not passed, or an event that has not happened, is not satisfied.
    """
    results = [
        _clock(rule, timeline, as_of)
        for rule in rulebook.in_force(as_of)
        if rule.end_event is not None and (wave is Wave.AFTER_CLAIMS or rule.end_event == "service_stopped")
    ]
    for rule in rulebook.in_force(as_of):
        needs_event = rule.requires_events and rule.end_event is None
        if needs_event and (wave is Wave.AFTER_CLAIMS or rule.start_event == "service_stopped"):
            results += [_happened(rule, event, timeline, as_of) for event in rule.requires_events]
    return tuple(results)


def _clock(rule: Rule, timeline: Timeline, as_of: date) -> ClockResult:
    start, end_event = timeline.on(rule.start_event), str(rule.end_event)
    end = timeline.on(end_event)
    if start is None or end is None or end > as_of:
        missing = rule.start_event if start is None else end_event
        return ClockResult(rule.id, rule.basis.citation, False, False, f"{missing} has not happened by {as_of}")
    assert rule.period is not None  # noqa: S101 - a rule with an end event has a period, by its own check
    limit = rule.period.add_to(start)
    clock = f"{rule.start_event} {start} + {rule.period}"
    if rule.bound is Bound.AT_LEAST:
        sentence = f"{end_event} {end} is {'not before' if end >= limit else 'before'} {clock}"
        # The last day of a window still belongs to it: it is over when the day is.
        is_over = rule.kind is not RuleKind.WINDOW or as_of > end
        return ClockResult(rule.id, rule.basis.citation, end >= limit and is_over, False, sentence)
    sentence = f"{end_event} {end} is {'within' if end <= limit else 'later than'} {clock}"
    return ClockResult(rule.id, rule.basis.citation, True, end > limit, sentence)


def _happened(rule: Rule, event: str, timeline: Timeline, as_of: date) -> ClockResult:
    on = timeline.on(event)
    if on is None or on > as_of:
        return ClockResult(rule.id, rule.basis.citation, False, False, f"{event} has not happened by {as_of}")
    return ClockResult(rule.id, rule.basis.citation, True, False, f"{event} on {on}")
