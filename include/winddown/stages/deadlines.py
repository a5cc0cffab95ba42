"""What the law asks of each case and when: for the command line, the pages, and whoever is told every day.

Sentences carry ids of cases and rules, names of events, and dates; never personal data.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from winddown.domain.deadline import Deadline, Status
from winddown.domain.errors import Refused
from winddown.domain.position import Owed, Position, locate
from winddown.stages.clocks import situation
from winddown.stages.deployment import CHINA, Deployment, today

SOON = timedelta(days=14)
_OPEN = (Status.OVERDUE, Status.DUE, Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told about the deadlines of all cases; ``lines`` is empty when there is nothing to tell."""

    subject: str
    lines: tuple[str, ...]


def case_position(deployment: Deployment, case_id: str) -> Position:
    """Where a case stands today."""
    case = deployment.case(case_id)
    return locate(situation(deployment, case), deployment.rulebook, as_of=today(deployment))


def due_notice(deployment: Deployment) -> Notice:
    """What is overdue, and what is due within fourteen days, in every case."""
    lines: list[str] = []
    overdue = soon = 0
    for case_id in deployment.control.cases():
        try:
            position = case_position(deployment, case_id)
        except Refused as refusal:
            # One case whose words the rules no longer know must not silence the others.
            lines.append(f"{case_id} cannot be told: {refusal.message}")
            continue
        for owed in position.due(Status.OVERDUE, Status.DUE):
            found = owed.deadline
            if found.is_agencys or found.due_on is None:
                continue
            if found.status is Status.OVERDUE:
                overdue += 1
            elif found.due_on - position.as_of <= SOON:
                soon += 1
            else:
                continue
            lines.append(f"{case_id} {said(owed, position)}")
    return Notice(f"winddown: {overdue} overdue, {soon} due within {SOON.days} days", tuple(lines))


def next_due_at(deployment: Deployment, case_id: str) -> datetime | None:
    """The end of the last day of the next duty that is not done and not overdue yet, at midnight in China."""
    due = [
        owed.deadline.due_on
        for owed in case_position(deployment, case_id).due(Status.DUE)
        if owed.deadline.due_on is not None and not owed.deadline.is_agencys
    ]
    return None if not due else datetime.combine(min(due) + timedelta(days=1), time(), CHINA)


def listing(position: Position) -> tuple[str, ...]:
    """The case's deadlines as lines for a terminal: state and route, what is open, what was late, what is forbidden."""
    current = position.current
    route = position.route.title
    where = f"{current.id} {current.title.zh} {current.title.en}"
    lines = [f"{route.zh} {route.en}: {where}, as of {position.as_of}"]
    lines += [f"route closed by {one.fact}: {'not known' if is_so is None else 'so'} ({one.basis})"
              for one, is_so in position.closed_by]  # fmt: skip
    if position.has_objection:
        lines.append("route closed: somebody objected; take the general route")
    lines += [f"! {remark.zh} {remark.en}" for remark in position.route.remarks]
    for status in (*_OPEN, Status.EARLY, Status.LATE):
        lines += [said(owed, position) for owed in position.due(status)]
    lines += [f"forbidden until then: {act.zh} {act.en}" for act in position.forbidden]
    return tuple(lines)


def said(owed: Owed, position: Position) -> str:
    """One clock or duty in words."""
    found = owed.deadline
    parts = [f"{found.rule} {_standing(found, position)}"]
    if found.task:
        parts.append(f"{found.task} ({owed.title.zh}), owed by {'the authority' if found.is_agencys else owed.owed_by}")
    else:
        parts.append(owed.title.zh)
    parts += [word for word in (found.moved, found.provisional) if word]
    if owed.blocks:
        parts.append(f"blocks {', '.join(owed.blocks)}")
    return "; ".join((*parts, found.citation))


def _standing(found: Deadline, position: Position) -> str:
    if found.due_on is None:
        return "is to be done first"
    if found.status is Status.OVERDUE:
        return f"is overdue since {found.due_on} ({(position.as_of - found.due_on).days} days)"
    if found.status is Status.DUE:
        return f"is due on {found.due_on} (in {(found.due_on - position.as_of).days} days)"
    if found.status is Status.RUNNING:
        return f"runs until {found.due_on}"
    return f"was {found.status}: {found.done_on} against {found.due_on}"
