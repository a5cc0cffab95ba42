"""A restore that was killed, or that comes while a worker is in the middle of a batch: nothing stays half undone."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from small_company import DATABASE, TABLES, made
from winddown.archive.escrow import Escrow
from winddown.control.authority import Authority
from winddown.control.ledger import Ledger
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.stages.people import halt, resume
from winddown.stages.quarantine import Done, restore
from winddown.stores.sql import sqlite_store
from winddown.stores.sql.escrowed_rows import EscrowedRows

if TYPE_CHECKING:
    from tests.small_company import Rows, SmallCompany

BY = "chen.liquidator"


@pytest.fixture
def company(tmp_path: Path) -> "SmallCompany":
    """Its rows are named by their keys, so that they go into escrow."""
    found = made(tmp_path / "company")
    with closing(sqlite3.connect(found.database)) as connection, connection:
        for name, table in TABLES.items():
            columns = ", ".join(f"{column} text" for column in table.columns)
            connection.execute(f"ALTER TABLE {name} RENAME TO earlier")
            connection.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({table.key})) WITHOUT ROWID")
            connection.execute(f"INSERT INTO {name} SELECT * FROM earlier")
            connection.execute("DROP TABLE earlier")
    return found


def restored(company: "SmallCompany") -> Done:
    current = company.deploy()
    try:
        return restore(current, company.case_id, requested_by=BY)
    finally:
        current.control.engine.dispose()


def in_escrow(company: "SmallCompany") -> list[Path]:
    return sorted((company.workspace / company.case_id / "escrow").rglob("*.escrow"))


def states(company: "SmallCompany", power: Power) -> set[str]:
    control = company.deploy().control
    plans = control.plans(company.case_id)
    return {found.state for plan in plans for found in control.effects(plan) if found.power == power}


def told(company: "SmallCompany") -> list[str]:
    return [entry["type"] for entry in map(json.loads, company.deploy().ledger.entries(company.case_id))]


@contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, where: Callable[..., bool]) -> Iterator[None]:
    """Die before a call of a method that fits."""
    method = getattr(owner, name)

    def dying(*given: Any, **named: Any) -> Any:
        if where(*given, **named):
            raise KeyboardInterrupt
        return method(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, dying)
        with pytest.raises(KeyboardInterrupt):
            yield


def closes(power: Power) -> Callable[..., bool]:
    return lambda _, effect, **named: effect.power is power and effect.store == DATABASE and named["state"] == "done"


# -- killed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_restore_that_was_killed_after_its_commit_leaves_no_file(
    company: "SmallCompany", monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    rows = company.rows()
    company.run_until("grace")
    assert in_escrow(company)
    dies: Any = (
        (Escrow, "destroy", lambda _, __, names: bool(names))
        if not is_closed
        else (Authority, "close", closes(Power.RESTORE))
    )
    with killed(monkeypatch, dies[0], dies[1], where=dies[2]):
        restored(company)
    restored(company)
    assert (company.rows(), in_escrow(company)) == (rows, [])
    assert (states(company, Power.QUARANTINE), states(company, Power.RESTORE)) == ({"restored"}, {"done"})
    company.run_until("finished")
    company.end()


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_purge_that_was_killed_after_its_commit_keeps_nothing_else_from_coming_back(
    company: "SmallCompany", monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    rows = company.rows()
    company.act(company.run_until("grace"))
    dies: Any = (
        (Escrow, "destroy", lambda _, __, names: bool(names))
        if not is_closed
        else (Authority, "close", closes(Power.PURGE))
    )
    with killed(monkeypatch, dies[0], dies[1], where=dies[2]):
        company.run()
    restored(company)
    found = company.rows()
    assert found != rows
    assert all(set(found[name]) <= set(rows[name]) for name in found)
    (gone,) = (name for name in rows if len(found.get(name, ())) < len(rows[name]))
    assert states(company, Power.PURGE) == {"done"}
    assert in_escrow(company) == []
    company.run_until("finished")
    company.end()
    assert gone in {"customers", "orders"}


def test_a_restore_that_was_killed_before_its_entry_is_not_over(
    company: "SmallCompany", monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = company.rows()
    company.act(company.run_until("grace"))
    with killed(monkeypatch, Ledger, "append", where=lambda _, __, kind, *___, **____: kind == "restored"):
        restored(company)
    assert company.rows() == rows
    with pytest.raises(Refused, match=r"was withdrawn and is not restored yet"):
        company.run()
    assert (company.rows(), states(company, Power.PURGE)) == (rows, set())
    restored(company)
    assert told(company).count("restored") == 1
    assert company.run().reason == "approvals"


# -- while a worker is at it -------------------------------------------------------------------------------------------


def between(monkeypatch: pytest.MonkeyPatch, power: Power, act: Callable[[], object]) -> None:
    """Let somebody act when a worker has spent its first authorization for this, and has not got its turn yet."""
    exchange, left = sqlite_store.SqliteFile.turn, [act]

    def late(file: Any, authorization: Any, asked: Power, *given: Any) -> Any:
        unlock = file._unlock

        def unlocked(right: Any) -> Any:
            path = unlock(right)
            if asked is power and left:
                left.pop()()
            return path

        monkeypatch.setattr(file, "_unlock", unlocked)
        return exchange(file, authorization, asked, *given)

    monkeypatch.setattr(sqlite_store.SqliteFile, "turn", late)


@pytest.mark.parametrize("power", [Power.QUARANTINE, Power.PURGE])
def test_a_worker_that_waits_for_its_turn_does_nothing_after_a_restore(
    company: "SmallCompany", monkeypatch: pytest.MonkeyPatch, power: Power
) -> None:
    rows = company.rows()
    company.act(company.run_until("approvals" if power is Power.QUARANTINE else "grace"))
    with monkeypatch.context() as patched:
        between(patched, power, lambda: restored(company))
        with pytest.raises((Refused, Residual)):
            company.run_until("grace") if power is Power.QUARANTINE else company.run()
    assert (company.rows(), in_escrow(company)) == (rows, [])
    assert states(company, Power.PURGE) <= {"intent"}
    company.run_until("finished")
    company.end()


@pytest.mark.parametrize("power", [Power.QUARANTINE, Power.PURGE])
def test_a_worker_that_waits_for_its_turn_does_nothing_after_a_halt(
    company: "SmallCompany", monkeypatch: pytest.MonkeyPatch, power: Power
) -> None:
    company.act(company.run_until("approvals" if power is Power.QUARANTINE else "grace"))
    rows, escrow = company.rows(), in_escrow(company)

    def stop() -> None:
        halt(company.deploy(), company.case_id, by="wu.privacy", reason="wrong customers", door="command")

    with monkeypatch.context() as patched:
        between(patched, power, stop)
        with pytest.raises(Refused, match="was halted by"):
            company.run_until("grace") if power is Power.QUARANTINE else company.run()
    assert (company.rows(), in_escrow(company)) == (rows, escrow)
    resume(company.deploy(), company.case_id, by="wu.privacy", reason="right after all", door="command")
    company.run_until("finished")
    company.end()


def restoring_meanwhile(company: "SmallCompany", monkeypatch: pytest.MonkeyPatch, step: str) -> list[threading.Thread]:
    """Let somebody restore when a worker has taken a step on its first batch, and nothing is committed yet."""
    method, begun = getattr(EscrowedRows, step), []

    def slow(turn: EscrowedRows) -> int:
        done: int = method(turn)
        if not begun:
            begun.append(threading.Thread(target=restored, args=(company,)))
            begun[0].start()
            begun[0].join(1)
        return done

    monkeypatch.setattr(EscrowedRows, step, slow)
    return begun


def test_what_a_worker_moves_while_somebody_restores_comes_back(
    company: "SmallCompany", monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: Rows = company.rows()
    company.act(company.run_until("approvals"))
    with monkeypatch.context() as patched:
        begun = restoring_meanwhile(company, patched, "set_aside")
        with pytest.raises((Refused, Residual)):
            company.run_until("grace")
        begun[0].join(60)
    assert (company.rows(), in_escrow(company)) == (rows, [])
    company.run_until("finished")
    company.end()


def test_what_a_worker_purges_while_somebody_restores_is_told_as_purged(
    company: "SmallCompany", monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: Rows = company.rows()
    company.act(company.run_until("grace"))
    with monkeypatch.context() as patched:
        begun = restoring_meanwhile(company, patched, "destroy")
        with pytest.raises(Refused):
            company.run()
        begun[0].join(60)
    found = company.rows()
    assert found != rows
    assert (states(company, Power.PURGE), in_escrow(company)) == ({"done"}, [])
    company.run_until("finished")
    company.end()
