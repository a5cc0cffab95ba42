from pathlib import Path

import duckdb
import pytest

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Transient
from winddown.domain.plan import Act, Method
from winddown.ports import SupportsSanitise, ability

from .ability_suites import MinimiseSuite, SanitiseSuite, WatchSuite
from .desk import Desk
from .duckdb_subject import BYTES_KEY, COMPOSITE, LABELS_KEY, DuckDbSubject
from .subject import Work, work
from .suite import FieldSuite, ReturnSuite, StoreSuite
from .table_subject import Shape


@pytest.fixture(params=[COMPOSITE, BYTES_KEY, LABELS_KEY], ids=["composite_key", "bytes_key", "labels_key"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> DuckDbSubject:
    return DuckDbSubject(tmp_path, desk, request.param)


class TestDuckDb(StoreSuite, FieldSuite, ReturnSuite, SanitiseSuite, MinimiseSuite, WatchSuite):
    pass


def sanitise(subject: DuckDbSubject, *settled: Work) -> dict[str, str]:
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
    receipt = store.sanitise(right, [subject.ref], settled=[planned.order.id for planned in settled])
    return dict(receipt.details)


# -- bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [Act.ERASE, Act.MINIMISE])
def test_the_bytes_are_gone_after_sanitise_and_only_then(tmp_path: Path, desk: Desk, act: Act) -> None:
    rows = tuple((number, f"marker-{number:06}-mobile", f"备注-{number:06}-张三") for number in range(400))
    ddl = "(id INTEGER PRIMARY KEY, mobile VARCHAR NOT NULL, note VARCHAR)"
    subject = DuckDbSubject(tmp_path, desk, Shape(ddl, ("id",), ("id", "mobile", "note"), rows, ("mobile", "note")))
    probes = [row[index].encode() for row in rows[::2] for index in (1, 2)]
    kept = [row[1].encode() for row in rows[1::2]]
    before = subject.inspector.search_bytes(probes).found
    assert before == len(probes)
    planned = work(subject, chosen=[str(row[0]) for row in rows[::2]], act=act, size=50)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    subject.run("CHECKPOINT")
    assert subject.inspector.search_bytes(probes).found > 0, "no way in place is known; or sanitise does too much"
    details = sanitise(subject, planned)
    search = subject.inspector.search_bytes(probes)
    assert (search.reached, search.found, search.where) == (True, 0, ())
    assert subject.inspector.search_bytes(kept).found == len(kept)
    assert details["file_rewritten"].startswith("yes: 1 tables copied")
    assert subject.run("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'winddown%'") == [(0,)]
    assert [found.name for found in tmp_path.iterdir()] == [subject.path.name]


# -- the copy --------------------------------------------------------------------------------------------------------


EVERYTHING = """
    CREATE SEQUENCE numbers START 100 INCREMENT 7;
    CREATE TYPE mood AS ENUM ('good', '坏 ''x');
    CREATE SCHEMA "other schema";
    CREATE TABLE z_parent (id BIGINT PRIMARY KEY DEFAULT nextval('numbers'), name VARCHAR NOT NULL, m mood,
        up VARCHAR GENERATED ALWAYS AS (upper(name)) VIRTUAL, CHECK (length(name) > 0));
    CREATE TABLE a_child (a INTEGER, b VARCHAR, parent BIGINT REFERENCES z_parent (id), UNIQUE (b, a));
    CREATE TABLE people (id INTEGER PRIMARY KEY, above INTEGER REFERENCES people (id));
    CREATE TABLE "other schema".nested (x STRUCT(a INTEGER, b VARCHAR[]), seen TIMESTAMPTZ, photo BLOB);
    CREATE TABLE log (x VARCHAR);
    CREATE INDEX by_name ON z_parent (name);
    CREATE UNIQUE INDEX by_upper ON z_parent (upper(name));
    CREATE VIEW shown AS SELECT name FROM z_parent;
    CREATE VIEW "other schema".shown_again AS SELECT * FROM shown;
    CREATE MACRO plus_one(a) AS a + 1;
    CREATE MACRO of_parent(n) AS TABLE SELECT * FROM z_parent WHERE id = n;
    COMMENT ON TABLE z_parent IS 'of all';
    COMMENT ON COLUMN z_parent.name IS '姓名';
    COMMENT ON VIEW shown IS 'a view';
    INSERT INTO z_parent (name, m) VALUES ('x', 'good'), ('y', NULL);
    INSERT INTO a_child VALUES (1, 'q', 100), (2, NULL, NULL);
    INSERT INTO people VALUES (5, NULL);
    INSERT INTO people VALUES (1, 5);
    INSERT INTO people VALUES (7, 1);
    INSERT INTO "other schema".nested VALUES ({'a': 1, 'b': ['x', NULL]}, '2020-01-01 00:00:00+08', 'ab'::BLOB);
    CREATE TRIGGER noted AFTER INSERT ON a_child FOR EACH STATEMENT INSERT INTO log VALUES ('inserted');
"""
DUMPED = (
    "SELECT sql, comment FROM duckdb_tables() ORDER BY ALL",
    "SELECT sql FROM duckdb_indexes() ORDER BY ALL",
    "SELECT sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "SELECT sql FROM duckdb_sequences() ORDER BY ALL",
    "SELECT sql FROM duckdb_triggers() ORDER BY ALL",
    "SELECT constraint_text FROM duckdb_constraints() ORDER BY ALL",
    "SELECT * FROM z_parent ORDER BY ALL",
    "SELECT * FROM a_child ORDER BY ALL",
    "SELECT * FROM people ORDER BY ALL",
    'SELECT x, CAST(seen AS VARCHAR), photo FROM "other schema".nested ORDER BY ALL',
    "SELECT * FROM log",
    'SELECT * FROM "other schema".shown_again ORDER BY ALL',
    "SELECT plus_one(1), id FROM of_parent(100)",
)


def dumped(subject: DuckDbSubject) -> list[list[tuple[object, ...]]]:
    return [subject.run(query) for query in DUMPED]


def test_everything_that_lives_survives_the_copy(tmp_path: Path, desk: Desk) -> None:
    subject = DuckDbSubject(tmp_path, desk, BYTES_KEY)
    subject.run(EVERYTHING)
    subject.path.chmod(0o640)
    before, content = dumped(subject), subject.content()
    sanitise(subject)
    assert dumped(subject) == before
    assert subject.content() == content
    assert subject.path.stat().st_mode & 0o777 == 0o640
    subject.run("INSERT INTO z_parent (name) VALUES ('next')")
    assert subject.run("SELECT max(id) FROM z_parent") == [(114,)], "the sequence goes on where it was"
    with pytest.raises(duckdb.ConstraintException):
        subject.run("DELETE FROM people WHERE id = 5")


def test_a_copy_that_is_not_the_same_leaves_the_file_as_it_is(
    tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = DuckDbSubject(tmp_path, desk, BYTES_KEY)
    number, content = subject.path.stat().st_ino, subject.content()
    monkeypatch.setattr("winddown.stores.sql.duckdb_copy._copy_rows", lambda *_: None)
    with pytest.raises(Refused, match="a copy of the file would have other rows"):
        sanitise(subject)
    assert subject.path.stat().st_ino == number
    assert subject.content() == content
    monkeypatch.undo()
    sanitise(subject)
    assert subject.path.stat().st_ino != number
    assert [found.name for found in tmp_path.iterdir()] == [subject.path.name]


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_trigger_is_a_blocker_and_one_that_came_later_refuses(subject: DuckDbSubject) -> None:
    planned, content = work(subject), subject.content()
    subject.run("CREATE TABLE log (x INTEGER)")
    statement = "FOR EACH STATEMENT INSERT INTO log VALUES (1)"
    subject.run(f"CREATE TRIGGER noted AFTER DELETE ON {subject.table} {statement}")
    found = [(blocker.code, blocker.subject) for blocker in subject.store.discover().blockers]
    assert ("trigger", str(subject.ref)) in found
    with pytest.raises(Refused, match="trigger noted came to the table"):
        planned.act(Power.QUARANTINE)
    assert subject.content() == content


def test_rows_that_others_refer_to_stay_and_what_binds_a_field_is_told(tmp_path: Path, desk: Desk) -> None:
    ddl = """(id INTEGER PRIMARY KEY, a VARCHAR NOT NULL UNIQUE, b VARCHAR, c VARCHAR, g VARCHAR AS (b || c),
        CHECK (a <> c))"""
    rows = ((1, "a", "b", "c"), (2, "d", "e", "f"))
    subject = DuckDbSubject(tmp_path, desk, Shape(ddl, ("id",), ("id", "a", "b", "c"), rows, ("b",)))
    found = {field.name: (field.tied, field.computed_from) for field in subject.collection.fields}
    assert found == {
        "id": ("", ()),
        "a": ("a unique constraint, a check", ()),
        "b": ("", ()),
        "c": ("a check", ()),
        "g": ("", ("b", "c")),
    }
    subject.run(f"CREATE INDEX by_b ON {subject.table} (b)")
    subject.run(f"CREATE TABLE child (id INTEGER REFERENCES {subject.table} (id))")
    subject.run("INSERT INTO child VALUES (1)")
    tied = {field.name: field.tied for field in subject.collection.fields}
    assert (tied["id"], tied["b"]) == ("a reference of child", "index by_b")
    content, planned = subject.content(), work(subject, chosen=["1", "2"])
    with pytest.raises(Refused, match="ConstraintException"):
        planned.act(Power.QUARANTINE)
    assert subject.content() == content


def test_a_file_that_another_program_writes_is_waited_for(
    subject: DuckDbSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("winddown.stores.sql.duckdb_catalogue._WAIT_SECONDS", 0.3)
    planned, content = work(subject), subject.content()
    with duckdb.connect(str(subject.path)), pytest.raises(Transient, match="in use or broken"):
        planned.act(Power.QUARANTINE)
    planned.act(Power.QUARANTINE)
    planned.act(Power.RESTORE)
    assert subject.content() == content


def test_every_type_that_goes_into_escrow_comes_back_exactly(tmp_path: Path, desk: Desk) -> None:
    ddl = (
        "(id BIGINT PRIMARY KEY, a BOOLEAN, b DECIMAL(38, 10), c DOUBLE, d FLOAT, e HUGEINT, f TIME, g TIMESTAMP, "
        "h TIMESTAMPTZ, i UBIGINT, j UUID, k ENUM('x', 'y ''z'), l BLOB, m VARCHAR, n DATE, o TINYINT)"
    )
    names = ("id", *"abcdefghijklmno")
    rows = (
        (1, True, "1234567890123456789012345678.0123456789", 0.1 + 0.2, 16777217.0, -(2**127) + 1, "23:59:59.999999",
         "2024-02-29 23:59:59.123456", "2024-02-29 23:59:59.123456+08", 2**64 - 1,
         "123e4567-e89b-12d3-a456-426655440000", "y 'z", bytes(range(256)), " - 3 a\n\\ 欧阳", "9999-12-31", -128),
        (2, False, "-0.0000000001", float("-inf"), 1e-45, 0, "00:00:00", "0001-01-01", "infinity", 0, None, "x", b"",
         "", "0001-01-01", 127),
        (3, *(None,) * 15),
        (4, None, None, float("nan"), float("nan"), None, None, "infinity", "-infinity", None, None, None, None,
         "NULL", "infinity", None),
    )  # fmt: skip
    subject = DuckDbSubject(tmp_path, desk, Shape(ddl, ("id",), names, rows, ("m",)))
    planned, content = work(subject, chosen=["1", "2", "3", "4"]), subject.content()
    assert planned.order.method is Method.ESCROW_ROWS
    planned.act_all(Power.QUARANTINE)
    assert subject.content() == {}
    assert sum(planned.set_aside(index) for index in range(len(planned.batches))) == 4
    for index in reversed(range(len(planned.batches))):
        planned.act(Power.RESTORE, index)
        assert planned.unchanged(index) == planned.batches[index].records
    assert repr(sorted(subject.content().items())) == repr(sorted(content.items())), "a NaN is no NaN's equal"


def test_rows_that_no_text_holds_exactly_stay_in_the_file(tmp_path: Path, desk: Desk) -> None:
    assert work(DuckDbSubject(tmp_path, desk, COMPOSITE)).order.method is Method.MOVE_ROWS
