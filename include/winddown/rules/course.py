"""Reads ``course.yaml`` of a pack: the states of a case, the ways between them, and the four routes."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from winddown.domain.course import Course, Exclusion, Route, Said, State, Transition, WaveWait
from winddown.domain.errors import Refused
from winddown.domain.event import dated_in_timeline
from winddown.domain.plan import Wave
from winddown.rules.documents import RuleId, Text, Words
from winddown.rules.yaml_text import STRICT, read_yaml, validated

_StateId = Annotated[str, Field(pattern=r"^[SBR][0-9]s?$")]


class _Document(BaseModel):
    model_config = STRICT


class SaidDocument(_Document):
    """The same in both languages."""

    zh: Text
    en: Text

    def to_said(self) -> Said:
        """Return the domain value."""
        return Said(self.zh, self.en)


class StateDocument(_Document):
    """One state; the fields are explained at ``winddown.domain.course.State``."""

    id: _StateId
    title: SaidDocument
    authority: SaidDocument
    owed_by: Text
    passed_by: Words
    clocks: list[RuleId] = []
    duties: list[SaidDocument] = []
    forbidden: list[SaidDocument] = []


class TransitionDocument(_Document):
    """A way from one state to another."""

    source: Annotated[_StateId, Field(alias="from")]
    target: Annotated[_StateId, Field(alias="to")]
    cause: SaidDocument


class WaveDocument(_Document):
    """What a wave waits for."""

    state: _StateId
    events: Words
    clocks: list[RuleId] = []
    overdue_of: list[_StateId] = []


class RouteDocument(_Document):
    """One route."""

    id: Text
    title: SaidDocument
    path: Annotated[list[_StateId], Field(min_length=1)]
    waves: dict[Wave, WaveDocument]
    remarks: list[SaidDocument] = []


class StandingDocument(_Document):
    """Clocks that belong to no state."""

    owed_by: Text
    clocks: list[RuleId]


class ExclusionDocument(_Document):
    """A fact that closes the simplified route."""

    fact: Text
    title: SaidDocument
    basis: Text


class CourseDocument(_Document):
    """The whole file."""

    states: Annotated[list[StateDocument], Field(min_length=1)]
    transitions: list[TransitionDocument]
    routes: Annotated[list[RouteDocument], Field(min_length=1)]
    standing: StandingDocument
    owed_only_by: dict[Text, Words] = {}
    exclusions: list[ExclusionDocument] = []


def load_course(path: Path, *, subjects: Collection[str], rules: Collection[str]) -> Course:
    """Return the course. ``Refused``, naming file and state, for what no pack knows, or a broken route."""
    document = validated(CourseDocument, read_yaml(path), path.name)
    for state in document.states:
        _refuse_unknown(f"{path.name}: state {state.id}: field clocks: no rule", state.clocks, rules)
        _refuse_unknown_events(f"{path.name}: state {state.id}: field passed_by", state.passed_by)
    _refuse_unknown(f"{path.name}: field standing.clocks: no rule", document.standing.clocks, rules)
    _refuse_unknown_events(f"{path.name}: field owed_only_by", document.owed_only_by)
    for event, owing in document.owed_only_by.items():
        _refuse_unknown(f"{path.name}: field owed_only_by.{event}: no subject", owing, subjects)
    for route in document.routes:
        for wave, wait in route.waves.items():
            where = f"{path.name}: route {route.id}: wave {wave}"
            _refuse_unknown(f"{where}: field clocks: no rule", wait.clocks, rules)
            _refuse_unknown_events(f"{where}: field events", wait.events)
    try:
        return _course(document)
    except Refused as refusal:
        raise Refused(f"{path.name}: {refusal.message}") from refusal


def _refuse_unknown(where: str, used: Iterable[str], known: Collection[str]) -> None:
    unknown = [name for name in used if name not in known]
    if unknown:
        raise Refused(f"{where} {', '.join(unknown)}")


def _refuse_unknown_events(where: str, used: Iterable[str]) -> None:
    unknown = [name for name in used if not dated_in_timeline(name)]
    if unknown:
        raise Refused(f"{where}: no event of a case {', '.join(unknown)}")


def _course(document: CourseDocument) -> Course:
    return Course(
        states=tuple(_state(found) for found in document.states),
        transitions=tuple(
            Transition(found.source, found.target, found.cause.to_said()) for found in document.transitions
        ),
        routes=tuple(_route(found) for found in document.routes),
        standing=tuple(document.standing.clocks),
        owed_only_by={event: frozenset(owing) for event, owing in document.owed_only_by.items()},
        standing_owed_by=document.standing.owed_by,
        exclusions=tuple(Exclusion(found.fact, found.title.to_said(), found.basis) for found in document.exclusions),
    )


def _state(found: StateDocument) -> State:
    return State(
        id=found.id,
        title=found.title.to_said(),
        authority=found.authority.to_said(),
        owed_by=found.owed_by,
        passed_by=tuple(found.passed_by),
        clocks=tuple(found.clocks),
        duties=tuple(duty.to_said() for duty in found.duties),
        forbidden=tuple(act.to_said() for act in found.forbidden),
    )


def _route(found: RouteDocument) -> Route:
    return Route(
        id=found.id,
        title=found.title.to_said(),
        path=tuple(found.path),
        waves=tuple(
            WaveWait(wave, wait.state, tuple(wait.events), tuple(wait.clocks), tuple(wait.overdue_of))
            for wave, wait in found.waves.items()
        ),
        remarks=tuple(remark.to_said() for remark in found.remarks),
    )
