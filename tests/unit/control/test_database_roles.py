"""On PostgreSQL the roles' grants keep the door: a worker reads approvals and cannot write them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, text, update
from sqlalchemy.exc import ProgrammingError

from winddown.control import tables
from winddown.control.authority import Authority, Effect
from winddown.control.door import Door
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.control.switch import Switch
from winddown.domain.approval_statement import statement
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.plan import Plan
from winddown.evidence.entry import format_time
from winddown.evidence.signing import Signer

EngineOf = Callable[[str], Engine]
WORKER, API = "winddown_worker", "winddown_api"
APPROVAL = {
    "plan_id": "p-1", "person": "chen", "plan_digest": "0" * 64, "role": "pi_officer", "door": "api_session",
    "approved_at": "2026-11-23T00:00:00.000000Z", "note": "",
}  # fmt: skip
ACKNOWLEDGEMENT = {
    "plan_id": "p-1", "order_id": "o-seal", "archive_digest": "1" * 64, "content_digest": "2" * 64, "person": "he",
    "acknowledged_at": "2026-11-23T00:00:00.000000Z",
}  # fmt: skip
GUARDED = [
    pytest.param(tables.approval, APPROVAL, id="approval"),
    pytest.param(tables.acknowledgement, ACKNOWLEDGEMENT, id="acknowledgement"),
]


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def run(engine: Engine, statement: Any) -> Any:
    with engine.begin() as connection:
        result = connection.execute(statement)
        return result.all() if result.returns_rows else result.rowcount


def assert_denied(engine: Engine, statement: Any) -> None:
    with pytest.raises(ProgrammingError, match="permission denied for table"):
        run(engine, statement)


@pytest.mark.parametrize(("table", "row"), GUARDED)
def test_a_worker_reads_and_cannot_write_what_people_say(engine_of: EngineOf, table: Any, row: dict[str, str]) -> None:
    worker = engine_of(WORKER)
    assert_denied(worker, insert(table).values(**row))
    run(engine_of(API), insert(table).values(**row))
    assert [tuple(found) for found in run(worker, select(table))] == [tuple(row[column.name] for column in table.c)]
    assert_denied(worker, update(table).values(person="wu"))
    assert_denied(worker, delete(table))
    assert len(run(worker, select(table))) == 1


def test_a_worker_halts_and_cannot_take_it_back(engine_of: EngineOf) -> None:
    worker, api = engine_of(WORKER), engine_of(API)
    halting = Switch(worker, ledger=Ledger(worker, clock=RealClock()))
    halting.halt("c-1", by="winddown", reason="1 of 1 sentinels changed", door="sentinels")
    with pytest.raises(ProgrammingError, match="permission denied for table switch"):
        halting.resume("c-1", by="winddown", reason="nothing to see", door="command")
    assert_denied(worker, update(tables.switch).values(case_id="c-9"))
    assert_denied(worker, delete(tables.switch))
    assert_denied(worker, text("TRUNCATE switch"))
    assert halting.state("c-1") is not None
    assert Ledger(worker, clock=RealClock()).size("c-1") == 1  # the resumption that failed left no entry
    Switch(api, ledger=Ledger(api, clock=RealClock())).resume("c-1", by="wu", reason="it was moved", door="command")
    assert halting.state("c-1") is None


def test_a_worker_cannot_bring_a_signature_in(
    engine_of: EngineOf, case: Case, plan: Plan, signers: dict[str, Signer], approver_keys: Path
) -> None:
    worker = engine_of(WORKER)
    Repository(worker, clock=RealClock()).add_plan(plan)
    approver = next(one for one in plan.approvers if one.person == "wu")
    said = statement(plan, approver, digest=plan.digest, signed_at=format_time(RealClock().now()))
    note = f"{said}\n{signers['wu'].sign_note(said, at=1)}".encode()
    door = Door(worker, ledger=Ledger(worker, clock=RealClock()), clock=RealClock(), approver_keys=approver_keys)
    with pytest.raises(ProgrammingError, match="permission denied for table approval"):
        door.approve_by_signature(case, plan.id, note=note, brought_by="wu")
    api = engine_of(API)
    door = Door(api, ledger=Ledger(api, clock=RealClock()), clock=RealClock(), approver_keys=approver_keys)
    assert door.approve_by_signature(case, plan.id, note=note, brought_by="wu").person == "wu"


@pytest.mark.parametrize("role", [WORKER, API])
def test_the_ledger_takes_entries_and_gives_none_back(engine_of: EngineOf, role: str) -> None:
    engine = engine_of(role)
    ledger = Ledger(engine, clock=RealClock())
    assert [ledger.append("c-1", "decided", {}, actor=role) for _ in range(3)] == [0, 1, 2]
    assert_denied(engine, update(tables.ledger_entry).values(body="{}"))
    assert_denied(engine, delete(tables.ledger_entry))
    assert len(ledger.entries("c-1")) == 3


@pytest.mark.parametrize("statement", ["DROP TABLE approval", "TRUNCATE approval", "TRUNCATE ledger_entry",
    "ALTER TABLE approval DISABLE TRIGGER ALL", "GRANT INSERT ON approval TO winddown_worker",
    "CREATE TABLE approval2 (id int)"])  # fmt: skip
@pytest.mark.parametrize("role", [WORKER, API])
def test_neither_role_changes_the_schema(engine_of: EngineOf, role: str, statement: str) -> None:
    engine = engine_of(role)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except ProgrammingError as error:
        assert "must be owner" in str(error) or "permission denied" in str(error)  # noqa: PT017
    else:
        # PostgreSQL lets a grant of nothing pass with a warning; what matters is that nothing was granted.
        assert statement.startswith("GRANT")
    assert_denied(engine_of(WORKER), insert(tables.approval).values(**APPROVAL))


def test_a_worker_carries_out_what_people_approved_through_the_api(
    engine_of: EngineOf, case: Case, plan: Plan, deed: Callable[..., Effect]
) -> None:
    clock = RealClock()
    worker, api = engine_of(WORKER), engine_of(API)
    Repository(worker, clock=clock).add_plan(plan)
    door = Door(api, ledger=Ledger(api, clock=clock), clock=clock)
    for person in ("chen", "wu"):
        door.approve(case, plan.id, plan_digest=plan.digest, person_id=person)
    authority = Authority(worker, ledger=Ledger(worker, clock=clock), clock=clock, code_version="1")
    authority.redeem(authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown"))
    assert Ledger(worker, clock=clock).size("c-1") == 3


def test_a_worker_that_acts_as_the_door_is_stopped_by_the_database(engine_of: EngineOf, case: Case, plan: Plan) -> None:
    clock = RealClock()
    worker = engine_of(WORKER)
    Repository(worker, clock=clock).add_plan(plan)
    door = Door(worker, ledger=Ledger(worker, clock=clock), clock=clock)
    with pytest.raises(ProgrammingError, match="permission denied for table approval"):
        door.approve(case, plan.id, plan_digest=plan.digest, person_id="chen")
    assert Ledger(worker, clock=clock).size("c-1") == 0
