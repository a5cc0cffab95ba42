"""A worker that dies before any of its statements, and whoever comes after it."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from winddown.domain.authorization import Power
from winddown.domain.receipt import Whereabouts
from winddown.stores.sql import escrow_position, survivors

from . import postgresql_subject
from .desk import Desk
from .killing import dies, stride, watch_escrow
from .mysql_subject import MySqlSubject
from .postgresql_subject import PostgresSubject, SurvivorsSubject
from .subject import Work, work
from .table_subject import Shape

pytestmark = [pytest.mark.servers, pytest.mark.chaos]
SMALL = Shape(
    "(id varchar(20) PRIMARY KEY, name varchar(40)) CHARSET utf8mb4",
    ("id",),
    ("id", "name"),
    tuple((f"k{number}", f"值{number}") for number in range(6)),
    ("name",),
)
MOST = 200


SMALL_POSTGRES = postgresql_subject.Shape(
    "(id varchar(20) PRIMARY KEY, name varchar(40))", SMALL.key, SMALL.fields, SMALL.rows, SMALL.minimise
)


@pytest.fixture(params=["postgresql", "survivors", "mariadb"])
def subject(
    request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MySqlSubject | PostgresSubject]:
    found: MySqlSubject | PostgresSubject
    if request.param == "mariadb":
        found = MySqlSubject(request.getfixturevalue("mariadb_url"), desk, SMALL)
    elif request.param == "survivors":
        monkeypatch.setattr(survivors, "BY_ROWS_MAX", 0)
        found = SurvivorsSubject(request.getfixturevalue("database"), desk, SMALL_POSTGRES)
    else:
        found = PostgresSubject(request.getfixturevalue("database"), desk, SMALL_POSTGRES)
    yield found
    found.drop()


def watch(step: Callable[[], None]) -> None:
    """Steps are statements, commits, and whatever is done to a file in escrow."""

    def counted(connection: Any, *_: object) -> None:
        if connection.dialect.name != "sqlite":
            step()

    event.listen(Engine, "before_cursor_execute", counted)
    event.listen(Engine, "commit", counted)
    psycopg.Connection.execute = stepped(psycopg.Connection.execute, step)  # type: ignore[method-assign]
    escrow_position.handed_out = stepped(escrow_position.handed_out, step)  # type: ignore[attr-defined]
    watch_escrow(step)


def stepped(inner: Callable[..., Any], step: Callable[[], None]) -> Callable[..., Any]:
    """What goes past SQLAlchemy, with a step before each call."""

    def run(*given: Any, **named: Any) -> Any:
        step()
        return inner(*given, **named)

    return run


def where(planned: Work) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[0])


@pytest.mark.parametrize("powers", [(Power.QUARANTINE, Power.PURGE), (Power.QUARANTINE, Power.RESTORE)], ids=str)
def test_killed_before_any_statement_the_end_is_the_same(
    subject: MySqlSubject | PostgresSubject, powers: tuple[Power, ...]
) -> None:
    content = subject.content()
    for before in range(1, MOST, stride(7)):
        planned = work(subject, size=3)
        was_killed = dies(planned, powers, before, watch=watch)
        state = where(planned)
        hidden = {name: row for name, row in content.items() if name not in planned.names[0]}
        assert subject.content() == (content if state is Whereabouts.LIVE else hidden), "never half of a batch"
        if state is Whereabouts.MIXED:
            assert (powers[-1], planned.set_aside()) == (Power.PURGE, 0), "journalled, and the file was not destroyed"
            planned.act(Power.PURGE)
        elif state is not Whereabouts.GONE:
            for power in powers:
                planned.act(power)
        if powers[-1] is Power.PURGE:
            assert (where(planned), planned.remaining(), planned.leftovers()) == (Whereabouts.GONE, 0, 0)
            assert subject.content() == hidden
            for name in planned.names[0]:
                subject.bring_back(name)
        assert subject.content() == content
        if not was_killed:
            assert before > 20, "there were statements to die before"
            return
    raise AssertionError("it never came to its end")
