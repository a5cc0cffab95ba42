"""Reads and writes the case's values: documents, plans, approvals, holds, progress. No decisions are taken here."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from winddown.control import tables
from winddown.control.holds import RecordedHold, load_holds, put_hold_within, recorded_holds
from winddown.control.ledger import stamp
from winddown.domain.canonical import canonical, digest
from winddown.domain.errors import Refused, Transient
from winddown.domain.hold import LegalHold
from winddown.domain.plan import Plan
from winddown.ports import Clock

# Made once: putting a statement together takes longer than sending it, and every effect needs these several times.
_DOCUMENT = select(tables.document).where(
    tables.document.c.case_id == bindparam("of_case"),
    tables.document.c.kind == bindparam("of_kind"),
    tables.document.c.name == bindparam("of_name"),
)
_PLAN = select(tables.plan).where(tables.plan.c.plan_id == bindparam("of_plan"))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one stage of one wave is."""

    wave: str
    stage: str
    state: str
    message: str
    started_at: str
    finished_at: str | None


@dataclass(frozen=True, slots=True)
class EffectState:
    """The last known state of one effect."""

    effect_id: str
    order_id: str
    power: str
    batch: int
    state: str
    records: int
    changed_at: str


class Repository:
    """The control database as the stages see it."""

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self.engine = engine
        self._clock = clock

    # -- documents -----------------------------------------------------------------------------------------------

    def put(self, case_id: str, kind: str, name: str, value: Any, *, type_: Any = None) -> str:
        """Store a value as canonical JSON under (case, kind, name), replacing an older one; return its digest."""
        body = _adapter(type_).dump_python(value, mode="json") if type_ is not None else value
        key = {"case_id": case_id, "kind": kind, "name": name}
        row = {"digest": digest(body), "body": canonical(body).decode(), "recorded_at": stamp(self._clock.now())}
        with self.engine.begin() as connection:
            _upsert(connection, tables.document, key, row)
        return str(row["digest"])

    def get(self, case_id: str, kind: str, name: str, *, type_: Any) -> Any:
        """Return a stored value as ``type_``, or None; raises Refused when its digest no longer matches its text."""
        with self.engine.begin() as connection:
            row = connection.execute(_DOCUMENT, {"of_case": case_id, "of_kind": kind, "of_name": name}).one_or_none()
        if row is None:
            return None
        body = json.loads(row.body)
        if digest(body) != row.digest:
            raise Refused(
                f"document {kind}/{name} of case {case_id} was changed in the database",
                rule="digest",
                next_step="find out who wrote to the control database, then restore it from a backup",
            )
        return _adapter(type_).validate_python(body)

    def require(self, case_id: str, kind: str, name: str, *, type_: Any) -> Any:
        """Like ``get``; raises Refused when there is none."""
        value = self.get(case_id, kind, name, type_=type_)
        if value is None:
            raise Refused(f"case {case_id} has no {kind} {str(name)!r} yet", next_step="run the earlier stages first")
        return value

    def names(self, case_id: str, kind: str) -> tuple[str, ...]:
        """Names of all documents of a kind, sorted."""
        table = tables.document
        with self.engine.begin() as connection:
            rows = connection.execute(
                select(table.c.name).where(table.c.case_id == case_id, table.c.kind == kind).order_by(table.c.name)
            )
            return tuple(row.name for row in rows)

    def cases(self) -> tuple[str, ...]:
        """Ids of all opened cases."""
        with self.engine.begin() as connection:
            rows = connection.execute(select(tables.document.c.case_id).where(tables.document.c.kind == "case"))
            return tuple(sorted({row.case_id for row in rows}))

    # -- plans ---------------------------------------------------------------------------------------------------

    def add_plan(self, plan: Plan) -> None:
        """Store a new open plan; raises Transient as ``add_plan_within`` does."""
        with self.engine.begin() as connection:
            self.add_plan_within(connection, plan)

    def add_plan_within(self, connection: Connection, plan: Plan) -> None:
        """Store a new open plan inside the caller's transaction.

        Raises:
            Transient: somebody else made a plan of this name meanwhile; theirs stays, and the next run finds it.
        """
        row = {
            "plan_id": plan.id,
            "case_id": plan.case,
            "wave": plan.wave,
            "digest": plan.digest,
            "body": canonical(plan.document()).decode(),
            "state": "open",
            "recorded_at": stamp(self._clock.now()),
        }
        try:
            connection.execute(insert(tables.plan).values(**row))
        except IntegrityError:
            raise Transient(
                f"another process made plan {plan.id} at the same time",
                next_step="run again: it goes on under that plan",
            ) from None

    def plan(self, plan_id: str) -> Plan:
        """Return a plan; raises Refused when there is none or its text no longer has the recorded digest."""
        with self.engine.begin() as connection:
            return load_plan(connection, plan_id)

    def plan_body(self, plan_id: str) -> bytes:
        """A plan's document as it was recorded, whose SHA-256 is approved; same errors.

        A later build may know more of a plan, and would write that down with it.
        """
        with self.engine.begin() as connection:
            return _plan_body(connection, plan_id).encode()

    def case_of_plan(self, plan_id: str) -> str | None:
        """Id of the case that a plan was made for, or None when there is no such plan."""
        with self.engine.begin() as connection:
            found = connection.execute(select(tables.plan.c.case_id).where(tables.plan.c.plan_id == plan_id)).scalar()
        return None if found is None else str(found)

    def plan_state(self, plan_id: str) -> str:
        """open, certified or superseded."""
        with self.engine.begin() as connection:
            state = connection.execute(select(tables.plan.c.state).where(tables.plan.c.plan_id == plan_id)).scalar_one()
        return str(state)

    def plans(self, case_id: str, *, wave: str | None = None, state: str | None = None) -> tuple[str, ...]:
        """Ids of a case's plans in the order in which they were made."""
        query = select(tables.plan.c.plan_id).where(tables.plan.c.case_id == case_id)
        if wave is not None:
            query = query.where(tables.plan.c.wave == wave)
        if state is not None:
            query = query.where(tables.plan.c.state == state)
        with self.engine.begin() as connection:
            rows = connection.execute(query.order_by(tables.plan.c.recorded_at, tables.plan.c.plan_id))
            return tuple(row.plan_id for row in rows)

    def set_plan_state(self, plan_id: str, state: str) -> None:
        """Mark a plan certified or superseded."""
        with self.engine.begin() as connection:
            connection.execute(update(tables.plan).where(tables.plan.c.plan_id == plan_id).values(state=state))

    # -- approvals and acknowledgements (read only: they are written at the door) ----------------------------------

    def approvals(self, plan_id: str) -> list[dict[str, Any]]:
        """All approvals of a plan, oldest first, those included that do not count any more."""
        return self._rows(tables.approval, plan_id, tables.approval.c.approved_at)

    def acknowledgements(self, plan_id: str) -> list[dict[str, Any]]:
        """All of the custodian's acknowledgements under a plan, oldest first."""
        return self._rows(tables.acknowledgement, plan_id, tables.acknowledgement.c.acknowledged_at)

    def _rows(self, table: Any, plan_id: str, order: Any) -> list[dict[str, Any]]:
        with self.engine.begin() as connection:
            rows = connection.execute(select(table).where(table.c.plan_id == plan_id).order_by(order))
            return [dict(row) for row in rows.mappings()]

    # -- holds ---------------------------------------------------------------------------------------------------

    def put_hold(self, case_id: str, hold: LegalHold) -> None:
        """Place or widen a hold in its steward's name."""
        with self.engine.begin() as connection:
            put_hold_within(connection, case_id, hold, by=hold.steward, clock=self._clock)

    def holds(self, case_id: str) -> tuple[LegalHold, ...]:
        """All holds in force."""
        with self.engine.begin() as connection:
            return load_holds(connection, case_id)

    def recorded_holds(self, case_id: str) -> tuple[RecordedHold, ...]:
        """All holds with their history, released ones included."""
        with self.engine.begin() as connection:
            return recorded_holds(connection, case_id)

    # -- effects and progress ------------------------------------------------------------------------------------

    def effects(self, plan_id: str) -> tuple[EffectState, ...]:
        """The last known state of every effect under a plan."""
        table = tables.effect
        with self.engine.begin() as connection:
            rows = connection.execute(
                select(table).where(table.c.plan_id == plan_id).order_by(table.c.order_id, table.c.power, table.c.batch)
            )
            return tuple(
                EffectState(row.effect_id, row.order_id, row.power, row.batch, row.state, row.records, row.changed_at)
                for row in rows
            )

    def effects_done(self, case_id: str) -> int:
        """Number of a case's effects that were done; a quarantine that was brought back still counts."""
        table = tables.effect
        is_done = (table.c.case_id == case_id, table.c.state.in_(("done", "restored")))
        with self.engine.begin() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(*is_done)).scalar_one())

    def set_progress(self, case_id: str, wave: str, stage: str, *, state: str, message: str) -> None:
        """Record that a stage started, waits or ended; the start time of the first attempt is kept."""
        now = stamp(self._clock.now())
        key = {"case_id": case_id, "wave": wave, "stage": stage}
        values = {"state": state, "message": message, "finished_at": now if state == "done" else None}
        with self.engine.begin() as connection:
            _upsert(connection, tables.progress, key, values, first={"started_at": now})

    def progress(self, case_id: str) -> tuple[Progress, ...]:
        """All stages of a case in the order in which they started."""
        table = tables.progress
        with self.engine.begin() as connection:
            rows = connection.execute(select(table).where(table.c.case_id == case_id).order_by(table.c.started_at))
            return tuple(
                Progress(row.wave, row.stage, row.state, row.message, row.started_at, row.finished_at) for row in rows
            )

    def reset_progress(self, case_id: str) -> None:
        """Forget which stages are done, so that all of them run again; what they recorded stays."""
        with self.engine.begin() as connection:
            connection.execute(delete(tables.progress).where(tables.progress.c.case_id == case_id))


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    """Building one takes longer than using it."""
    return TypeAdapter(type_)


def load_plan(connection: Connection, plan_id: str) -> Plan:
    """Read a plan inside a transaction; raises Refused when it is missing or was changed in the database."""
    plan: Plan = _adapter(Plan).validate_json(_plan_body(connection, plan_id))
    return plan


def _plan_body(connection: Connection, plan_id: str) -> str:
    row = connection.execute(_PLAN, {"of_plan": plan_id}).one_or_none()
    if row is None:
        raise Refused(f"there is no plan {plan_id!r}", next_step="look its id up on the page of the case")
    # The body was stored in its canonical form, so its own hash is the plan's digest.
    if hashlib.sha256(row.body.encode()).hexdigest() != row.digest:
        raise Refused(
            f"plan {plan_id} was changed in the database after it was made",
            rule="approval binds the digest",
            next_step="find out who wrote to the control database, then restore it from a backup",
        )
    return str(row.body)


def _upsert(
    connection: Connection,
    table: Any,
    key: dict[str, Any],
    values: dict[str, Any],
    *,
    first: dict[str, Any] | None = None,
) -> None:
    """One statement, because two workers may write the same row; ``first`` is only written with a new one."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = dialect.insert(table).values(**key, **values, **(first or {}))
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=values))
