"""Settings of a MariaDB server, which change while it is cleared, and what a clearing leaves when it is killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from winddown import bootstrap
from winddown.domain.authorization import Power
from winddown.domain.errors import Transient
from winddown.stores.sql import mysql_logs, mysql_own
from winddown.stores.sql.clearing import Report
from winddown.stores.sql.mysql_report import new_report

from .desk import Desk
from .killing import stride, was_killed
from .mysql_subject import STORE, MySqlSubject
from .table_subject import Shape

pytestmark = pytest.mark.servers
SMALL = Shape(
    "(id varchar(20) PRIMARY KEY, name text) CHARSET utf8mb4", ("id",), ("id", "name"), (("k1", "x"),), ("name",)
)
FLUSHING = {"innodb_max_dirty_pages_pct": 75.5, "innodb_max_dirty_pages_pct_lwm": 5.0}
NAMES = (*FLUSHING, "innodb_log_file_size")
MOST = 200


@pytest.fixture
def subject(mariadb_url: str, desk: Desk) -> Iterator[MySqlSubject]:
    found = MySqlSubject(mariadb_url, desk, SMALL)
    before = settings(found)
    for name, value in FLUSHING.items():
        found.run(f"SET GLOBAL {name} = {value}")
    yield found
    for name, value in before.items():
        found.run(f"SET GLOBAL {name} = {value}")
    found.drop()


@pytest.fixture(autouse=True)
def few_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_logs, "_TRANSACTIONS", 2)
    monkeypatch.setattr(mysql_logs, "_BIG_ROWS", 100)


def settings(subject: MySqlSubject) -> dict[str, Any]:
    return {name: subject.run(f"SELECT @@GLOBAL.{name}")[0][0] for name in NAMES}


def ours(subject: MySqlSubject) -> list[tuple[Any, ...]]:
    return subject.run("SHOW DATABASES LIKE 'winddown%'")


@contextmanager
def purger(subject: MySqlSubject) -> Iterator[Connection]:
    engine = bootstrap._mysql_engine(STORE, subject.connections[f"{STORE}__purge"])
    with engine.connect() as raw:
        yield raw.execution_options(isolation_level="AUTOCOMMIT")


def clear(subject: MySqlSubject) -> Report:
    report = new_report()
    with purger(subject) as connection, mysql_logs.clearing(connection, report):
        mysql_logs.overwrite_undo(connection, report)
        mysql_logs.rewrite_redo(connection, report)
    return report


def dies(subject: MySqlSubject, before: int = 0) -> bool:
    """Clear in a process of its own that dies before its statement of that number, or while pages are flushed."""
    process = os.fork()
    if process == 0:
        count, status = 0, 1

        def step(*_: object) -> None:
            nonlocal count
            count += 1
            if count == before:
                os.kill(os.getpid(), signal.SIGKILL)

        if before:
            event.listen(Engine, "before_cursor_execute", step)
        else:
            mysql_logs.within = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        try:
            clear(subject)
            status = 0
        finally:
            os._exit(status)
    return was_killed(process)


def test_settings_of_the_server_are_its_own_again_after_a_run_that_was_killed(subject: MySqlSubject) -> None:
    before = settings(subject)
    assert dies(subject)
    assert settings(subject) == before | dict.fromkeys(FLUSHING, 0.0)
    assert ours(subject) == [("winddown_quarantine",)]
    subject.store.sanitise(subject.desk.mint_for(Power.SANITISE, STORE), [subject.ref])
    assert settings(subject) == before
    assert ours(subject) == []


@pytest.mark.thorough
@pytest.mark.chaos
def test_killed_before_any_statement_nothing_is_left_after_the_next_run(subject: MySqlSubject) -> None:
    before = settings(subject)
    for number in range(1, MOST, stride(11)):
        was_killed = dies(subject, number)
        clear(subject)
        assert (settings(subject), ours(subject)) == (before, []), number
        if not was_killed:
            assert number > 30, "there were statements to die before"
            return
    raise AssertionError("it never came to its end")


def test_a_setting_that_somebody_set_after_the_kill_is_left_alone(subject: MySqlSubject) -> None:
    assert dies(subject)
    subject.run("SET GLOBAL innodb_max_dirty_pages_pct = 60")
    clear(subject)
    assert settings(subject)["innodb_max_dirty_pages_pct"] == 60
    assert settings(subject)["innodb_max_dirty_pages_pct_lwm"] == FLUSHING["innodb_max_dirty_pages_pct_lwm"]
    assert ours(subject) == []


def test_what_may_not_be_set_is_a_task_and_is_not_forgotten(subject: MySqlSubject) -> None:
    before, account = settings(subject), f"winddown_{subject.schema}_purger"
    subject.run(f"REVOKE SUPER ON *.* FROM {account}")
    report = clear(subject)
    assert "SET GLOBAL innodb_log_file_size" in " ".join(report.tasks)
    assert "redo log" in report.left
    assert (settings(subject), ours(subject)) == (before, [])
    subject.run(f"GRANT SUPER ON *.* TO {account}")
    assert dies(subject)
    subject.run(f"REVOKE SUPER ON *.* FROM {account}")
    assert "SET GLOBAL `innodb_max_dirty_pages_pct` = 75.5" in " ".join(clear(subject).tasks)
    subject.run(f"GRANT SUPER ON *.* TO {account}")
    clear(subject)
    assert (settings(subject), ours(subject)) == (before, [])


def test_two_who_clear_one_server_take_turns(subject: MySqlSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mysql_own._SECONDS, mysql_own.CLEARING, 1)
    with purger(subject) as other, mysql_own.alone(other, mysql_own.CLEARING):
        right = subject.desk.mint_for(Power.SANITISE, STORE)
        with pytest.raises(Transient, match="another session of ours clears this server"):
            subject.store.sanitise(right, [subject.ref])
    assert ("redo_log", "written anew by innodb_log_file_size") in clear(subject).done


def test_a_table_that_another_worker_makes_meanwhile_is_not_dropped(
    subject: MySqlSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = "winddown_quarantine.winddown_q_other"
    fill = mysql_logs._fill

    def interrupted(*given: Any) -> None:
        subject.run(f"CREATE TABLE IF NOT EXISTS {made} AS SELECT 1 AS x")
        fill(*given)

    monkeypatch.setattr(mysql_logs, "_fill", interrupted)
    clear(subject)
    assert subject.run(f"SELECT x FROM {made}") == [(1,)]


def test_a_server_that_sets_no_size_while_it_runs_is_cleared_as_far_as_it_goes(
    subject: MySqlSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_logs, "_SIZES", {"innodb_page_size": 4096})
    before, report = settings(subject), clear(subject)
    assert "restart the server with another innodb_page_size, then with its own" in report.tasks
    assert "redo log, until the server has written it round once" in report.left
    assert (settings(subject), ours(subject)) == (before, [])
