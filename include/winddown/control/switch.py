"""The kill switch of a case: who halted it and why. While it is on, nothing is authorised but restoring.

Halting only keeps, so any process may do it; on PostgreSQL the workers' role cannot take it back (see the migrations).
Each change locks the ledger's head first, as authorising does: every intent stands in the ledger before the halt or
was refused because of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select

from winddown.control import tables
from winddown.control.ledger import Ledger, stamp
from winddown.control.reasons import require_reason, without_persons
from winddown.domain.errors import Refused

_OF_CASE = select(tables.switch).where(tables.switch.c.case_id == bindparam("of_case"))
HaltAsked = Callable[[], str]
"""Asked before each batch: why somebody outside the control database wants every case to halt, or ""."""


def nobody_asks() -> str:
    """Where nothing outside the control database can halt a case."""
    return ""


@dataclass(frozen=True, slots=True)
class Halted:
    """A switch that is on."""

    by: str
    reason: str
    at: str

    def __str__(self) -> str:
        return f"halted by {self.by} at {self.at}: {self.reason}"


class Switch:
    """Turns the switches of all cases in one control database on and off."""

    def __init__(self, engine: Engine, *, ledger: Ledger) -> None:
        self._engine = engine
        self._ledger = ledger

    def halt(self, case_id: str, *, by: str, reason: str, door: str) -> Halted:
        """Turn the switch on and enter it into the ledger; one that is on already stays with its first reason.

        Args:
            case_id: of the case.
            by: id of who halts.
            reason: in words; one that names a person is withheld, because stopping must not wait for a better one.
            door: ``command``, ``api_session``, ``airflow_variable``, ``airflow_answer`` or ``sentinels``.
        """
        if not reason.strip():
            raise Refused(
                f"case {case_id} is not halted without a reason",
                rule="a halt says who and why",
                next_step="say why, in a few words",
            )
        said = without_persons(reason)
        with self._engine.begin() as connection:
            now = self._ledger.now_within(connection, case_id)
            before = halted_within(connection, case_id)
            if before is not None:
                return before
            row = {"halted_by": by, "reason": said, "halted_at": stamp(now)}
            connection.execute(insert(tables.switch).values(case_id=case_id, **row))
            body = {"reason": said, "door": door}
            self._ledger.append_within(connection, case_id, "halted", body, actor=by)
        return Halted(by, said, stamp(now))

    def resume(self, case_id: str, *, by: str, reason: str, door: str) -> None:
        """Turn the switch off and enter it into the ledger.

        Raises Refused when it is not on, and when the reason is blank or names a person.
        """
        rule = "a resumption says who and why"
        said = require_reason(reason, refused=f"case {case_id} is not resumed", rule=rule)
        with self._engine.begin() as connection:
            self._ledger.now_within(connection, case_id)
            if halted_within(connection, case_id) is None:
                raise Refused(
                    f"case {case_id} is not halted", rule="kill switch", next_step="leave it: nothing stops the case"
                )
            connection.execute(delete(tables.switch).where(tables.switch.c.case_id == case_id))
            body = {"reason": said, "door": door}
            self._ledger.append_within(connection, case_id, "resumed", body, actor=by)

    def state(self, case_id: str) -> Halted | None:
        """Who halted the case, or None while it may go on."""
        with self._engine.begin() as connection:
            return halted_within(connection, case_id)


def halted_within(connection: Connection, case_id: str) -> Halted | None:
    """Read the switch inside a transaction."""
    row = connection.execute(_OF_CASE, {"of_case": case_id}).one_or_none()
    return None if row is None else Halted(row.halted_by, row.reason, row.halted_at)
