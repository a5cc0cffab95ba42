"""What an earlier version of winddown left in a database is gone on with, or refused with what to do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.domain.plan import Act, Method
from winddown.domain.receipt import Whereabouts

from .desk import Desk
from .duckdb_subject import DuckDbSubject
from .every_engine import subject_on
from .mysql_subject import MySqlSubject
from .postgresql_subject import PostgresSubject
from .sqlite_subject import SqliteSubject
from .subject import Subject, work
from .table_subject import Shape

SHAPE = Shape(
    "(id integer PRIMARY KEY, mobile varchar(20), note varchar(60))",
    ("id",),
    ("id", "mobile", "note"),
    tuple((number, f"1380000000{number}", "x") for number in range(1, 7)),
    ("mobile", "note"),
)
ENTRY = "order_digest varchar(40) NOT NULL, batch integer NOT NULL, state varchar(20) NOT NULL"
KEY = "PRIMARY KEY (order_digest, batch)"
OF_POSTGRESQL = (
    "order_id text, batch int, state text NOT NULL, records int NOT NULL, "
    "changed_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (order_id, batch)"
)


@pytest.fixture(params=["postgresql", "mariadb", "sqlite", "duckdb"])
def subject(request: pytest.FixtureRequest, desk: Desk, tmp_path: Path) -> Iterator[Any]:
    with subject_on(request.param, request, desk, tmp_path, SHAPE) as found:
        yield found


def leave_journal(subject: Any) -> None:
    """A journal as versions made it that knew of no escrow."""
    match subject:
        case PostgresSubject():
            for statement in (
                "CREATE SCHEMA winddown_quarantine AUTHORIZATION winddown_contract_marker",
                "GRANT USAGE ON SCHEMA winddown_quarantine TO PUBLIC",
                f"CREATE TABLE winddown_quarantine.journal ({OF_POSTGRESQL})",
                "ALTER TABLE winddown_quarantine.journal OWNER TO winddown_contract_marker",
                "GRANT SELECT ON winddown_quarantine.journal TO PUBLIC",
            ):
                subject._run(statement)
        case MySqlSubject():
            subject.run("CREATE DATABASE winddown_quarantine")
            subject.run("CREATE DATABASE winddown_journal")
            subject.run(f"CREATE TABLE winddown_journal.winddown_journal ({ENTRY}, {KEY})")
        case SqliteSubject() | DuckDbSubject():
            subject.run(f"CREATE TABLE winddown_journal ({ENTRY}, {KEY})")


@pytest.mark.parametrize("act", [Act.ERASE, Act.MINIMISE])
def test_a_journal_that_knows_of_no_escrow_grows(subject: Subject, act: Act) -> None:
    leave_journal(subject)
    planned, content = work(subject, act=act, size=2), subject.content()
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.LIVE
    planned.act_all(Power.QUARANTINE)
    assert planned.set_aside() == planned.batches[0].records
    planned.act(Power.RESTORE, 1)
    planned.act(Power.RESTORE, 0)
    assert subject.content() == content
    planned.act(Power.QUARANTINE)
    planned.act(Power.PURGE)
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE
    assert (planned.remaining(), planned.leftovers()) == (0, 0)


def forget_escrow(subject: Any) -> None:
    """The journal becomes as versions made it that knew of no escrow."""
    match subject:
        case PostgresSubject():
            subject._run("ALTER TABLE winddown_quarantine.journal DROP COLUMN escrow")
        case MySqlSubject():
            subject.run("ALTER TABLE winddown_journal.winddown_journal DROP COLUMN escrow, DROP COLUMN order_id")
        case SqliteSubject() | DuckDbSubject():
            for name in ("escrow", "order_id"):
                subject.run(f"ALTER TABLE winddown_journal DROP COLUMN {name}")


def test_fields_that_an_earlier_version_quarantined_are_purged_and_come_back(subject: Subject) -> None:
    planned, content = work(subject, act=Act.MINIMISE, size=2), subject.content()
    planned.act_all(Power.QUARANTINE)
    forget_escrow(subject)
    planned.act(Power.PURGE)
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE
    assert (planned.remaining(), planned.leftovers()) == (0, 0)
    planned.act(Power.RESTORE, 1)
    assert {key: subject.content()[key] for key in planned.names[1]} == {key: content[key] for key in planned.names[1]}


def test_an_order_that_goes_about_it_in_another_way_is_refused_with_what_to_do(subject: Subject) -> None:
    planned, content = work(subject), subject.content()
    other = replace(planned, order=replace(planned.order, method=Method.SET_ASIDE))
    for act in (
        lambda: subject.store.locate(other.order, other.batches[0]),
        *(lambda power=power: other.act(power) for power in (Power.QUARANTINE, Power.RESTORE, Power.PURGE)),
    ):
        with pytest.raises(Refused, match="does not do in this version") as refusal:
            act()
        assert "with the version that its plan names" in refusal.value.next_step
    assert subject.content() == content
