"""The course of a deregistration as the law orders it: states, what proves each, and the four routes through them.

It is data of a rule pack. A state is passed when all its events have happened; a route is a path of states. A wave of
plans belongs to a state of its route and waits for events of the states before it.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from winddown.domain.errors import Refused
from winddown.domain.plan import WAVES_OF_RECORDS, Wave


@dataclass(frozen=True, slots=True)
class Said:
    """The same in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class State:
    """One state of a case.

    Attributes:
        authority: who decides in it.
        owed_by: role in the case of whoever owes what is due in it.
        passed_by: events that must have happened for the state to be passed.
        clocks: ids of rules whose time runs in it.
        duties: what it asks of the data.
        forbidden: what may not happen before it is passed.
    """

    id: str
    title: Said
    authority: Said
    owed_by: str
    passed_by: tuple[str, ...]
    clocks: tuple[str, ...] = ()
    duties: tuple[Said, ...] = ()
    forbidden: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """A way from one state to another, and on what it is taken."""

    source: str
    target: str
    on: Said


@dataclass(frozen=True, slots=True)
class WaveWait:
    """What a wave of plans waits for on a route.

    Attributes:
        state: the state that it belongs to.
        events: events that must have happened.
        clocks: ids of rules that must have been kept by whomever they bind.
        overdue_of: states whose overdue duties stop it.
    """

    wave: Wave
    state: str
    events: tuple[str, ...]
    clocks: tuple[str, ...] = ()
    overdue_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A path through the states.

    Attributes:
        remarks: what people of this route must know.
    """

    id: str
    title: Said
    path: tuple[str, ...]
    waves: tuple[WaveWait, ...]
    remarks: tuple[Said, ...] = ()

    def wait(self, wave: Wave) -> WaveWait:
        """What a wave waits for on this route."""
        return next(found for found in self.waves if found.wave is wave)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A fact of the case that closes the simplified route, and the article that says so."""

    fact: str
    title: Said
    basis: str


@dataclass(frozen=True, slots=True)
class Course:
    """All states and routes.

    Attributes:
        standing: ids of clocks that belong to no state, because they run in any company at any time.
        standing_owed_by: role in the case of whoever owes these.
        owed_only_by: event → the subjects of the pack that owe it; an event that is not named, everybody owes.
        exclusions: what closes the simplified route; all must be known to be false.
    """

    states: tuple[State, ...]
    transitions: tuple[Transition, ...]
    routes: tuple[Route, ...]
    standing: tuple[str, ...] = ()
    standing_owed_by: str = ""
    exclusions: tuple[Exclusion, ...] = ()
    owed_only_by: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for problem in (*self._name_problems(), *self._route_problems(), *self._reach_problems()):
            raise Refused(problem, rule="consistent course")

    def state(self, state_id: str) -> State:
        """Return a state; ``Refused`` when there is none of this id."""
        for found in self.states:
            if found.id == state_id:
                return found
        raise Refused(f"the course has no state {state_id!r}")

    def route(self, route_id: str) -> Route:
        """Return a route; ``Refused`` when there is none of this id."""
        for found in self.routes:
            if found.id == route_id:
                return found
        raise Refused(f"the course has no route {route_id!r}")

    def is_owed(self, event: str, subjects: AbstractSet[str]) -> bool:
        """Whether a company of these subjects owes an event, so that it is waited for."""
        owing = self.owed_only_by.get(event)
        return owing is None or not owing.isdisjoint(subjects)

    def path(self, route: Route) -> tuple[State, ...]:
        """The states of a route, in order."""
        return tuple(self.state(state_id) for state_id in route.path)

    def _name_problems(self) -> Iterator[str]:
        names = [state.id for state in self.states]
        for kind, found in (("state", names), ("route", [route.id for route in self.routes])):
            yield from (f"{kind} {name} is named twice" for name in sorted({n for n in found if found.count(n) > 1}))
        named: list[tuple[str, tuple[str, ...]]]
        named = [(f"transition {one.source} to {one.target}", (one.source, one.target)) for one in self.transitions]
        named += [(f"route {route.id}", route.path) for route in self.routes]
        for where, used in named:
            yield from (f"{where}: there is no state {name}" for name in used if name not in names)

    def _route_problems(self) -> Iterator[str]:
        steps = {(one.source, one.target) for one in self.transitions}
        for route in self.routes:
            for pair in zip(route.path, route.path[1:], strict=False):
                if pair not in steps:
                    yield f"route {route.id}: there is no transition from {pair[0]} to {pair[1]}"
            waves = [found.wave for found in route.waves]
            if sorted(waves) != sorted(WAVES_OF_RECORDS):
                yield f"route {route.id}: it says once what each wave waits for: {', '.join(WAVES_OF_RECORDS)}"
            for found in route.waves:
                off = [name for name in (found.state, *found.overdue_of) if name not in route.path]
                if off:
                    yield f"route {route.id}: wave {found.wave}: state {off[0]} is not on its path"

    def _reach_problems(self) -> Iterator[str]:
        reached = {name for route in self.routes for name in route.path}
        for state in self.states:
            if state.id not in reached:
                yield f"state {state.id} is on no route"
