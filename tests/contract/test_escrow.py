"""Rows in escrow: what a worker leaves that dies in between, and what may happen to a file behind our back."""

import os
import resource
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from winddown.archive.escrow import Escrow
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.plan import Act
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsSanitise, ability

from . import table_subject
from .desk import Desk
from .mysql_subject import MySqlSubject
from .postgresql_subject import Database, PostgresSubject, Shape
from .subject import Work, work

Subjected = PostgresSubject | MySqlSubject
QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
PLAIN = Shape(
    "(id bigint PRIMARY KEY, name text, mobile text)",
    ("id",),
    ("id", "name", "mobile"),
    tuple((number, f"客户{number}", f"1380000000{number}") for number in range(8)),
    ("name", "mobile"),
)


PLAIN_MYSQL = table_subject.Shape(
    "(id bigint PRIMARY KEY, name text, mobile varchar(20)) CHARSET utf8mb4",
    PLAIN.key,
    PLAIN.fields,
    PLAIN.rows,
    PLAIN.minimise,
)


@pytest.fixture(params=["postgresql", "mariadb"])
def subject(request: pytest.FixtureRequest, desk: Desk) -> Iterator[Subjected]:
    shutil.rmtree(desk.workspace / "escrow", ignore_errors=True)  # what other tests left when they dropped the journal
    found: Subjected
    if request.param == "mariadb":
        found = MySqlSubject(request.getfixturevalue("mariadb_url"), desk, PLAIN_MYSQL)
    else:
        found = PostgresSubject(request.getfixturevalue("database"), desk, PLAIN)
    yield found
    found.drop()


def where(planned: Work, index: int = 0) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[index])


def files(planned: Work, index: int = 0) -> list[Path]:
    folder = planned.subject.desk.workspace / "escrow" / planned.subject.ref.store
    names = planned.subject.desk.escrow(planned.subject.ref.store).names(planned.order.id, index)
    return sorted(path for path in folder.rglob("*") if path.name in names)


def sanitise(subject: Subjected, *settled: Work) -> dict[str, str]:
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
    return dict(store.sanitise(right, [subject.ref], settled=[planned.order.id for planned in settled]).details)


class DiedError(BaseException):
    """What a kill looks like from inside: nothing is caught, nothing is tidied up."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, method: str) -> Iterator[None]:
    """The worker dies before it calls a method of the escrow."""

    def died(*_: Any, **__: Any) -> Any:
        raise DiedError

    with monkeypatch.context() as patched:
        patched.setattr(Escrow, method, died)
        with pytest.raises(DiedError):
            yield


def uncommitted(planned: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die after the file was kept, and before the journal and its commit."""
    with monkeypatch.context() as patched:

        def died(*_: Any) -> Any:
            raise DiedError

        for turn in ("escrow_position.RowsPosition", "mysql_escrow.MySqlRows"):
            patched.setattr(f"winddown.stores.sql.{turn}.journal", died)
        with pytest.raises(DiedError):
            planned.act(QUARANTINE)


# -- workers that die ------------------------------------------------------------------------------------------------


def test_a_file_without_a_commit_is_an_orphan_and_goes_with_the_next_attempt(
    subject: Subjected, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, content = work(subject), subject.content()
    for _ in range(2):
        uncommitted(planned, monkeypatch)
    orphans = files(planned)
    assert (len(orphans), planned.leftovers(), planned.set_aside()) == (2, 2, 0)
    assert (where(planned), subject.content()) == (Whereabouts.LIVE, content)
    planned.act(QUARANTINE)
    assert (where(planned), planned.set_aside()) == (Whereabouts.QUARANTINED, planned.batches[0].records)
    assert len(files(planned)) == 1
    assert not set(files(planned)) & set(orphans)
    planned.act(RESTORE)
    assert (subject.content(), files(planned)) == (content, [])


def test_a_restore_that_dies_before_the_file_is_destroyed_is_finished_by_the_next(
    subject: Subjected, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, content = work(subject), subject.content()
    planned.act(QUARANTINE)
    with dying(monkeypatch, "destroy"):
        planned.act(RESTORE)
    assert (where(planned), subject.content(), len(files(planned))) == (Whereabouts.LIVE, content, 1)
    planned.act(RESTORE)
    assert (subject.content(), files(planned)) == (content, [])


def test_a_purge_that_dies_before_the_file_is_destroyed_is_not_over(
    subject: Subjected, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = work(subject)
    planned.act(QUARANTINE)
    hidden = subject.content()
    with dying(monkeypatch, "destroy"):
        planned.act(PURGE)
    assert (where(planned), planned.leftovers(), planned.set_aside()) == (Whereabouts.MIXED, 1, 0)
    with pytest.raises(Residual, match="was purged"):
        planned.act(RESTORE)
    assert files(planned) == [], "whoever has the next turn finishes it, also where no purge is authorised any more"
    planned.act(PURGE)
    assert (where(planned), planned.leftovers(), subject.content()) == (Whereabouts.GONE, 0, hidden)


def test_sanitise_finishes_what_purges_left(subject: Subjected, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = work(subject)
    planned.act_all(QUARANTINE)
    with dying(monkeypatch, "destroy"):
        planned.act(PURGE)
    found = sanitise(subject)
    assert (found["escrow_files_destroyed"], files(planned)) == ("1", [])
    assert (where(planned), where(planned, 1)) == (Whereabouts.GONE, Whereabouts.QUARANTINED)
    assert "encrypted files" not in found["not_reached"]


# -- behind our back -------------------------------------------------------------------------------------------------


def lose(planned: Work) -> None:
    files(planned)[0].unlink()


def change(planned: Work) -> None:
    path = files(planned)[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def swap(planned: Work) -> None:
    first, second = files(planned)[0], files(planned, 1)[0]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


@pytest.mark.parametrize("happens", [lose, change, swap], ids=["lost", "changed", "swapped"])
def test_a_file_that_is_not_the_one_that_was_written_is_never_fine(subject: Subjected, happens: Any) -> None:
    planned = work(subject)
    planned.act_all(QUARANTINE)
    hidden = subject.content()
    happens(planned)
    assert planned.set_aside() == 0
    assert where(planned) is (Whereabouts.MIXED if happens is lose else Whereabouts.QUARANTINED)
    with pytest.raises(Refused, match=r"is missing|not the file that was written"):
        planned.act(RESTORE)
    with pytest.raises(Residual, match="0 of 2 were in quarantine"):
        planned.act(PURGE)
    assert subject.content() == hidden


def test_a_lost_journal_leaves_the_files_alone(subject: Subjected) -> None:
    planned = work(subject)
    planned.act(QUARANTINE)
    kept = files(planned)
    if isinstance(subject, MySqlSubject):
        subject.run("DROP DATABASE winddown_journal")
    else:
        subject._run("DROP SCHEMA winddown_quarantine CASCADE")
    assert (where(planned), planned.leftovers()) == (Whereabouts.MIXED, 1)
    assert "1 encrypted files of batches that the journal does not know" in sanitise(subject)["not_reached"]
    for power in (PURGE, QUARANTINE):
        with pytest.raises(Refused):
            planned.act(power)
    assert files(planned) == kept


def test_the_journal_stays_as_long_as_anything_is_in_escrow(subject: Subjected) -> None:
    planned, content = work(subject), subject.content()
    planned.act_all(QUARANTINE)
    planned.act(PURGE)
    sanitise(subject, planned)
    for index in range(1, len(planned.batches)):
        planned.act(RESTORE, index)
    assert len(subject.content()) == len(content) - planned.batches[0].records
    sanitise(subject, planned)
    if isinstance(subject, MySqlSubject):
        assert subject.run("SELECT 1 FROM information_schema.schemata WHERE schema_name LIKE 'winddown%'") == []
    else:
        assert subject._run("SELECT to_regnamespace('winddown_quarantine')::text") == [(None,)]


def test_a_disk_that_takes_no_more_stops_the_batch_and_nothing_is_deleted(
    subject: Subjected, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, content = work(subject), subject.content()
    inner = Escrow.written

    @contextmanager
    def full(*given: Any) -> Iterator[Any]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
        try:
            with inner(*given) as attempt:
                yield attempt
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    with monkeypatch.context() as patched:
        patched.setattr(Escrow, "written", full)
        with pytest.raises(Transient, match="cannot be written"):
            planned.act(QUARANTINE)
    assert (subject.content(), where(planned), files(planned)) == (content, Whereabouts.LIVE, [])
    planned.act(QUARANTINE)
    assert where(planned) is Whereabouts.QUARANTINED


def test_workers_on_different_batches_do_not_disturb_one_another(subject: Subjected) -> None:
    planned, content = work(subject, chosen=subject.content().keys(), size=1), subject.content()
    for power, left in ((QUARANTINE, {}), (RESTORE, content), (QUARANTINE, {}), (PURGE, {})):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(planned.act, [power] * len(planned.batches), range(len(planned.batches))))
        assert subject.content() == left
    assert sum(planned.leftovers(index) for index in range(len(planned.batches))) == 0


# -- odd values ------------------------------------------------------------------------------------------------------

ODD = Shape(
    """(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text, fixed char(5), own odd_types.level,
        levels odd_types.level[], spot odd_types.spot, spots odd_types.spot[], mood odd_types.mood,
        span tstzrange, spans int4multirange, many text[][], at timestamptz, apart interval, price money, raw bytea,
        share double precision, doc json, docs jsonb, net inet, bits bit varying(9), place point,
        big numeric, upper text GENERATED ALWAYS AS (upper(word)) STORED)""",
    ("id",),
    (
        "id", "word", "fixed", "own", "levels", "spot", "spots", "mood", "span", "spans", "many", "at", "apart",
        "price", "raw", "share", "doc", "docs", "net", "bits", "place", "big",
    ),
    (
        (
            1, 'a"b\\c,(d)\n\t', "x", 3, "{1,NULL}", '(1,"a,""b""")', '{"(1,x)",NULL}', "so so", "(,2024-01-01]",
            "{[1,3),[7,9)}", '[0:1][2:2]={{"NULL"},{NULL}}', "1900-01-01 00:00:00+08:05:43", "-1 mons +2 days -03:04",
            "-12.50", b"\x00\xff", float("nan"), '{"a" : 1, "a":2}', '{"b": 1.10}', "10.0.0.0/8",
            "10101", "(1.5,-0)", "1e-30",
        ),
        (2, "", "", None, "{}", None, None, None, "empty", "{}", "{}", "infinity", "0", None, b"", -0.0, None,
         "null", None, "", None, "NaN"),
        (3, None, None, *([None] * 19)),
        (4, "x" * 300_000, "     ", 1, None, None, None, "happy", None, None, None, "-infinity", None, None,
         os.urandom(9000), 1e-310, None, None, None, None, None, "9" * 200),
    ),
    ("word",),
)  # fmt: skip


def test_odd_values_come_back_as_they_were(database: Database, desk: Desk) -> None:
    admin = database.admin
    admin.execute(
        b"CREATE SCHEMA odd_types; GRANT USAGE ON SCHEMA odd_types TO PUBLIC;"
        b"CREATE DOMAIN odd_types.level AS int CHECK (VALUE > 0);"
        b"CREATE TYPE odd_types.spot AS (n int, label text); CREATE TYPE odd_types.mood AS ENUM ('happy', 'so so')"
    )
    subject = PostgresSubject(database, desk, ODD)
    subject._run("ALTER TABLE {t} ADD dropped text DEFAULT 'x', ADD later int DEFAULT 7")
    subject._run("ALTER TABLE {t} DROP COLUMN dropped")
    exact = "SELECT md5(ROW(t.*)::text), pg_typeof(t.word), t.raw FROM {t} t ORDER BY id"
    before, content = subject._run(exact), subject.content()
    planned = work(subject, chosen=content.keys(), size=3)
    planned.act_all(QUARANTINE)
    assert subject.content() == {}
    planned.act_all(RESTORE)
    assert (subject._run(exact), subject.content()) == (before, content)
    assert [planned.unchanged(index) for index in range(len(planned.batches))] == [b.records for b in planned.batches]
    subject.drop()
    admin.execute(sql.SQL("DROP SCHEMA odd_types CASCADE"))


ARRAYS = Shape(
    "(path text[], born date, name text, PRIMARY KEY (path, born))",
    ("path", "born"),
    ("path", "born", "name"),
    (
        ("{a,b}", "2000-01-01", "one"),
        ('{{a,"b,c"},{"{}",NULL}}', "2000-01-01", "two"),
        ("[0:1]={a,b}", "infinity", "three"),
        ("{}", "2000-02-29", "four"),
        ("{NULL}", "2000-02-29", "five"),
    ),
    ("name",),
)


def test_rows_whose_keys_are_arrays_are_found_by_them(database: Database, desk: Desk) -> None:
    subject = PostgresSubject(database, desk, ARRAYS)
    content = subject.content()
    planned = work(subject, chosen=content.keys())
    indexes, records = range(len(planned.batches)), [batch.records for batch in planned.batches]
    assert [planned.unchanged(index) for index in indexes] == records == [2, 2, 1]
    planned.act_all(QUARANTINE)
    assert (subject.content(), [planned.set_aside(index) for index in indexes]) == ({}, records)
    planned.act_all(RESTORE)
    assert subject.content() == content
    emptied = work(subject, chosen=content.keys(), act=Act.MINIMISE)
    emptied.act_all(QUARANTINE)
    assert [emptied.remaining(index) for index in indexes] == [0, 0, 0]
    subject.drop()
