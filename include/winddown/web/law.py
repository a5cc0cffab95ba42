"""The case on its legal course, for its page: states with their evidence, what runs and is due, what may not happen."""

from typing import Any

from winddown.domain.course import Said
from winddown.domain.deadline import Status
from winddown.domain.errors import Refused
from winddown.domain.position import Owed, Position
from winddown.stages.deadlines import case_position
from winddown.stages.deployment import Deployment

# The order in which people look at them.
_SHOWN = (Status.OVERDUE, Status.EARLY, Status.DUE, Status.RUNNING, Status.LATE, Status.DONE, Status.AHEAD)


def law_view(deployment: Deployment, case_id: str) -> dict[str, Any]:
    """The course of the case today; ``refused`` says why it cannot be told, else "".

    A case that was opened under other rules may name a sector that these do not know: its page stays readable.
    """
    try:
        position = case_position(deployment, case_id)
    except Refused as refusal:
        return {"refused": refusal.message}
    current = position.current.id
    return {
        "refused": "",
        "as_of": position.as_of.isoformat(),
        "route": _said(position.route.title),
        "is_open": position.is_open,
        "closed_by": [
            {**_said(one.title), "basis": one.basis, "is_known": is_so is not None} for one, is_so in position.closed_by
        ],
        "has_objection": position.has_objection,
        "remarks": [_said(remark) for remark in position.route.remarks],
        "states": [
            {
                "id": step.state.id,
                **_said(step.state.title),
                "authority": _said(step.state.authority),
                "state": "done" if step.is_passed else "next" if step.state.id == current else "ahead",
                "proven": [
                    {"event": event.event, "on": event.on.isoformat(), "evidence": event.evidence}
                    for event in step.proven
                ],
                "missing": list(step.missing),
                "duties": [_said(duty) for duty in step.state.duties],
            }
            for step in position.steps
        ],
        "owed": [_owed(owed) for status in _SHOWN for owed in position.due(status)],
        "forbidden": [_said(act) for act in position.forbidden],
        "overdue": len(position.due(Status.OVERDUE)),
        "due": len(_dated(position)),
    }


def _dated(position: Position) -> list[Owed]:
    return [owed for owed in position.due(Status.DUE) if owed.deadline.due_on is not None]


def _owed(owed: Owed) -> dict[str, Any]:
    found = owed.deadline
    return {
        "rule": found.rule,
        "citation": found.citation,
        "state": owed.state,
        **_said(owed.title),
        "status": found.status.value,
        "task": found.task,
        "owed_by": "authority" if found.is_agencys else owed.owed_by,
        "due_on": found.due_on.isoformat() if found.due_on else "",
        "done_on": found.done_on.isoformat() if found.done_on else "",
        "blocks": [wave.value for wave in owed.blocks],
        "remarks": [word for word in (found.moved, found.provisional) if word],
    }


def _said(said: Said) -> dict[str, str]:
    return {"zh": said.zh, "en": said.en}
