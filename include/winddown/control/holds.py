"""The holds of a case as the control database keeps them: in force, and released with who, when and why.

A released hold is never placed again under its id: its row is the record of its release.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from winddown.control import tables
from winddown.control.ledger import stamp
from winddown.domain.canonical import canonical, digest
from winddown.domain.errors import Refused
from winddown.domain.hold import LegalHold
from winddown.ports import Clock

# Made once: putting a statement together takes longer than sending it, and every effect asks twice.
_IN_FORCE = (
    select(tables.hold.c.body)
    .where(tables.hold.c.case_id == bindparam("of_case"), tables.hold.c.released_at.is_(None))
    .order_by(tables.hold.c.hold_id)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class RecordedHold:
    """A hold with its history.

    Attributes:
        placed_by: who placed it; that person cannot release it.
        released_at, released_by, release_reason: "" while it is in force.
        release_evidence: SHA-256 of the paper that lets go, or "".
    """

    hold: LegalHold
    placed_by: str
    placed_at: str
    released_at: str = ""
    released_by: str = ""
    release_reason: str = ""
    release_evidence: str = ""

    @property
    def is_in_force(self) -> bool:
        """Whether it still holds."""
        return not self.released_at


def hold_digest(hold: LegalHold) -> str:
    """Digest over everything that a hold says; its persons stand in it by a keyed digest."""
    return digest(_adapter().dump_python(hold, mode="json"))


def put_hold_within(connection: Connection, case_id: str, hold: LegalHold, *, by: str, clock: Clock) -> None:
    """Place or widen a hold inside the caller's transaction, e.g. that of its ledger entry.

    Raises Refused when a hold of this id was released.
    """
    known = find_hold(connection, case_id, hold.id)
    if known is not None and not known.is_in_force:
        raise Refused(
            f"hold {hold.id} was released at {known.released_at} by {known.released_by}",
            rule="a released hold stays on record",
            next_step="place the new order under an id of its own",
        )
    table = tables.hold
    body = canonical(_adapter().dump_python(hold, mode="json")).decode()
    if known is None:
        row = {"case_id": case_id, "hold_id": hold.id, "placed_by": by, "placed_at": stamp(clock.now())}
        connection.execute(insert(table).values(**row, body=body))
    else:
        # Who placed it first stays on record: widening it makes nobody able to release it who was not before.
        connection.execute(
            update(table).where(table.c.case_id == case_id, table.c.hold_id == hold.id).values(body=body)
        )


def load_holds(connection: Connection, case_id: str) -> tuple[LegalHold, ...]:
    """Read the holds in force inside a transaction, locked against change until it ends."""
    rows: Sequence[Any] = connection.execute(_IN_FORCE, {"of_case": case_id}).all()
    return tuple(_hold(row.body) for row in rows)


def recorded_holds(connection: Connection, case_id: str) -> tuple[RecordedHold, ...]:
    """All holds of a case, released ones included, by id."""
    table = tables.hold
    rows = connection.execute(select(table).where(table.c.case_id == case_id).order_by(table.c.hold_id))
    return tuple(map(_recorded, rows))


def find_hold(connection: Connection, case_id: str, hold_id: str) -> RecordedHold | None:
    """One hold, in force or released, locked against change until the transaction ends; None when there is none."""
    table = tables.hold
    row = connection.execute(
        select(table).where(table.c.case_id == case_id, table.c.hold_id == hold_id).with_for_update()
    ).one_or_none()
    return None if row is None else _recorded(row)


def release_within(
    connection: Connection, case_id: str, hold_id: str, *, by: str, reason: str, evidence: str, clock: Clock
) -> None:
    """Record that a hold in force was released; who may do so is the caller's question."""
    table = tables.hold
    released = connection.execute(
        update(table)
        .where(table.c.case_id == case_id, table.c.hold_id == hold_id, table.c.released_at.is_(None))
        .values(released_at=stamp(clock.now()), released_by=by, release_reason=reason, release_evidence=evidence)
    ).rowcount
    if released != 1:
        raise Refused(
            f"hold {hold_id} of case {case_id} is not in force",
            rule="hold in force",
            next_step=f"look it up with `python -m winddown hold list {case_id}`",
        )


def plan_again_within(connection: Connection, case_id: str, *, apart_from: str) -> tuple[str, tuple[str, ...]]:
    """Have every wave looked at again under the holds as the transaction leaves them.

    Returns the plan that is being carried out, or "", and the plans that this superseded. While a plan has effects
    that are neither certified nor restored nothing changes: it goes on under the holds that it was made with, or not
    at all. The progress of the wave ``apart_from`` stays.
    """
    plan, effect, progress = tables.plan, tables.effect, tables.progress
    begun = connection.execute(
        select(plan.c.plan_id)
        .join(effect, effect.c.plan_id == plan.c.plan_id)
        .where(plan.c.case_id == case_id, plan.c.state.in_(("open", "withdrawn")), effect.c.state != "restored")
        .order_by(plan.c.plan_id)
        .limit(1)
    ).scalar()
    if begun is not None:
        return str(begun), ()
    is_open = (plan.c.case_id == case_id, plan.c.state == "open")
    superseded = connection.execute(select(plan.c.plan_id).where(*is_open).order_by(plan.c.plan_id)).scalars().all()
    connection.execute(update(plan).where(*is_open).values(state="superseded"))
    connection.execute(delete(progress).where(progress.c.case_id == case_id, progress.c.wave != apart_from))
    return "", tuple(superseded)


def _recorded(row: Row[Any]) -> RecordedHold:
    return RecordedHold(
        hold=_hold(row.body),
        placed_by=row.placed_by,
        placed_at=row.placed_at,
        released_at=row.released_at or "",
        released_by=row.released_by,
        release_reason=row.release_reason,
        release_evidence=row.release_evidence,
    )


def _hold(body: str) -> LegalHold:
    return _adapter().validate_python(json.loads(body))


@cache
def _adapter() -> TypeAdapter[LegalHold]:
    """Building one takes longer than using it."""
    return TypeAdapter(LegalHold)
