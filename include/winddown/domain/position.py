"""Where a case stands on its legal course: what is passed by what evidence, what runs and is owed, what may not be.

Everything is read from the timeline as of one day. A later day never un-does a step, and what is overdue stays overdue
until it is done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from winddown.domain.clocks import is_precondition, is_waited_for
from winddown.domain.course import Course, Exclusion, Route, Said, State, WaveWait
from winddown.domain.deadline import Deadline, Status, has_clock, is_law, read_clock
from winddown.domain.pack import Rulebook
from winddown.domain.plan import WAVES_OF_RECORDS, Wave
from winddown.domain.rule import Rule
from winddown.domain.situation import Situation
from winddown.domain.timeline import Timeline, TimelineEvent


@dataclass(frozen=True, slots=True)
class Owed:
    """One clock or duty of this case.

    Attributes:
        state: the state in which it is owed; "" for what any company owes at any time.
        owed_by: role of whoever owes it.
        title: of the rule, in both languages.
        blocks: the waves that do not begin before it is done.
    """

    state: str
    owed_by: str
    title: Said
    deadline: Deadline
    blocks: tuple[Wave, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A state of the route, and how far it is.

    Attributes:
        proven: events that have happened, with their evidence.
        missing: events that are still to happen.
    """

    state: State
    proven: tuple[TimelineEvent, ...]
    missing: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Whether everything that proves the state has happened."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class Position:
    """A case on its course, on one day.

    Attributes:
        steps: every state of the route, in order.
        owed: every clock and duty that binds the company, the next one due first.
        closed_by: facts that close the route, and whether each is so (True) or not known (None).
        has_objection: somebody objected to the simplified route.
    """

    as_of: date
    route: Route
    steps: tuple[Step, ...]
    owed: tuple[Owed, ...]
    closed_by: tuple[tuple[Exclusion, bool | None], ...]
    has_objection: bool

    @property
    def current(self) -> State:
        """The first state that is not passed; the last one when all are."""
        return next((step.state for step in self.steps if not step.is_passed), self.steps[-1].state)

    @property
    def is_open(self) -> bool:
        """Whether the law opens the route to this company."""
        return not self.closed_by and not self.has_objection

    @property
    def forbidden(self) -> tuple[Said, ...]:
        """What may not happen now: whatever a state forbids until it is passed, of this state and those ahead."""
        ahead = [step.state for step in self.steps if not step.is_passed]
        return tuple(dict.fromkeys(act for state in ahead for act in state.forbidden))

    def due(self, *statuses: Status) -> tuple[Owed, ...]:
        """What is owed and stands so."""
        return tuple(found for found in self.owed if found.deadline.status in statuses)


def locate(situation: Situation, rulebook: Rulebook, *, as_of: date) -> Position:
    """Compute the position of a case on a day; ``Refused`` for an unknown route."""
    course = rulebook.course
    route = course.route(situation.route)
    owed = sorted(_owed(situation, rulebook, route, as_of), key=_by_date)
    closed = (
        [] if route.id != "simplified" else [(one, situation.exclusions.get(one.fact)) for one in course.exclusions]
    )
    objected_on = situation.timeline.on("objection_raised")
    return Position(
        as_of=as_of,
        route=route,
        steps=tuple(_step(state, situation, course, as_of) for state in course.path(route)),
        owed=tuple(owed),
        closed_by=tuple((one, is_so) for one, is_so in closed if is_so is not False),
        has_objection=route.id == "simplified" and objected_on is not None and objected_on <= as_of,
    )


def _step(state: State, situation: Situation, course: Course, as_of: date) -> Step:
    happened = {event.event: event for event in situation.timeline.events if event.on <= as_of}
    return Step(
        state,
        tuple(happened[name] for name in state.passed_by if name in happened),
        tuple(name for name in state.passed_by if name not in happened and course.is_owed(name, situation.subjects)),
    )


def _owed(situation: Situation, rulebook: Rulebook, route: Route, as_of: date) -> Iterator[Owed]:
    course = rulebook.course
    places = {rule_id: (state.id, state.owed_by) for state in course.path(route) for rule_id in state.clocks}
    places |= dict.fromkeys(course.standing, ("", course.standing_owed_by))
    for _, rule in sorted(rulebook.rules.items()):
        if not situation.binds(rule) or not is_law(rule, situation.timeline, as_of=as_of):
            continue
        if has_clock(rule) and rule.id in places:
            state, owed_by = places[rule.id]
            found = read_clock(rule, situation.timeline, rulebook.calendar, as_of=as_of)
            is_begun = is_waited_for(rule, situation, course, as_of=as_of)
            blocks = tuple(wait.wave for wait in route.waves if is_begun and _blocks(rule, found, wait, course))
            yield Owed(state, owed_by, _title(rule), found, blocks)
        elif rule.requires_events and not has_clock(rule):
            state, owed_by = places.get(rule.id, ("", course.standing_owed_by))
            waves = tuple(wave for wave in WAVES_OF_RECORDS if is_precondition(rule, wave))
            for event in rule.requires_events:
                yield Owed(state, owed_by, _title(rule), _event_duty(rule, event, situation.timeline, as_of), waves)


def _blocks(rule: Rule, found: Deadline, wait: WaveWait, course: Course) -> bool:
    """Whether the wave does not begin while this clock stands as it does, or has not run."""
    if rule.id in wait.clocks:
        return found.status not in {Status.DONE, Status.LATE}
    named = {rule_id for state_id in wait.overdue_of for rule_id in course.state(state_id).clocks}
    return rule.id in named and found.status is Status.OVERDUE and not found.is_agencys


def _event_duty(rule: Rule, event: str, timeline: Timeline, as_of: date) -> Deadline:
    """A duty without a time: it must have been done before something else, so it is due until it is."""
    on = timeline.on(event)
    done_on = on if on is not None and on <= as_of else None
    return Deadline(
        rule=rule.id,
        citation=rule.basis.citation,
        status=Status.DUE if done_on is None else Status.DONE,
        task=event,
        since=rule.start_event,
        since_on=timeline.on(rule.start_event),
        due_on=None,
        done_on=done_on,
        period="",
        is_window=False,
        is_agencys=False,
    )


def _title(rule: Rule) -> Said:
    return Said(rule.title_zh, rule.title_en)


def _by_date(owed: Owed) -> tuple[bool, date, str]:
    due = owed.deadline.due_on
    return due is None, due or date.max, owed.deadline.rule
