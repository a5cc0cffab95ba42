"""What only SQLite and DuckDB files have."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from winddown.domain.errors import Refused, Transient
from winddown.ports import Store

from .reading_engines import DuckReading, SqliteReading, opened
from .reading_subject import ReadingSubject
from .reading_suite import collection


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[SqliteReading]:
    found = SqliteReading(tmp_path)
    yield found
    found.close()


@pytest.fixture
def duck(tmp_path: Path) -> DuckReading:
    return DuckReading(tmp_path)


def cells(subject: ReadingSubject, name: str) -> list[dict[str, Any]]:
    return [row for batch in subject.store.cells(collection(subject, name)) for row in batch.to_pylist()]


def facts(store: Store, subject: str) -> dict[str, str]:
    return {fact.name: fact.value for fact in store.discover().facts if fact.subject == subject}


# -- SQLite ------------------------------------------------------------------------------------------------------------


def test_text_of_older_programs_is_read(lite: SqliteReading) -> None:
    lite.run("CREATE TABLE old (id INTEGER PRIMARY KEY, t TEXT)")
    lite.run(f"INSERT INTO old VALUES (1, CAST(x'{'张三'.encode('gbk').hex()}' AS TEXT))")
    assert cells(lite, "old") == [{"id": 1, "t": "张三"}]


def test_text_in_no_encoding_is_refused_and_not_quoted(lite: SqliteReading) -> None:
    lite.run("CREATE TABLE broken (id INTEGER PRIMARY KEY, t TEXT); ".partition(";")[0])
    lite.run("INSERT INTO broken VALUES (1, CAST(x'31333830ff80ff' AS TEXT))")
    with pytest.raises(Refused, match="'t' holds text that is not Unicode") as refused:
        cells(lite, "broken")
    assert "1380" not in str(refused.value)


def test_a_field_that_holds_everything_is_read_as_text(lite: SqliteReading) -> None:
    lite.run("CREATE TABLE mixed (id INTEGER PRIMARY KEY, x)")
    lite.run("INSERT INTO mixed VALUES (?, ?)", [(1, 13800000000), (2, "a"), (3, None), (4, 1.5)])
    assert [row["x"] for row in cells(lite, "mixed")] == ["13800000000", "a", None, "1.5"]


def test_files_beside_it_triggers_and_deleted_pages_are_facts(lite: SqliteReading) -> None:
    lite.run("PRAGMA journal_mode = WAL")
    lite.run("CREATE TRIGGER acts BEFORE DELETE ON keyless BEGIN SELECT 1; END")
    lite.fill_long()
    lite.run("DELETE FROM long")
    of_file = facts(lite.store, lite.store.name)
    assert "bytes" in of_file["file_wal"]
    assert "may hold deleted rows" in of_file["free_pages"]
    assert of_file["readers"].startswith("mode 0")
    assert facts(lite.store, str(lite.ref("keyless"))) == {
        "triggers": "acts", "rows_named_by": "rowid, which VACUUM may give anew"
    }  # fmt: skip


def test_a_virtual_table_is_a_blocker(lite: SqliteReading) -> None:
    lite.run("CREATE VIRTUAL TABLE words USING fts5(t)")
    found = lite.store.discover()
    assert {(one.code, one.subject) for one in found.blockers} >= {("unsupported-relation", str(lite.ref("words")))}
    assert "words_content" in facts(lite.store, lite.store.name)["tables_behind_virtual_tables"]


def test_where_a_key_may_be_null_rows_are_named_by_their_number(lite: SqliteReading) -> None:
    lite.run("CREATE TABLE loose (a TEXT PRIMARY KEY, b TEXT)")
    assert collection(lite, "loose").key == ("rowid",)


def test_nothing_is_written_beside_or_into_the_file(lite: SqliteReading) -> None:
    before = {path: path.stat().st_mtime_ns for path in lite._path.parent.iterdir()}
    cells(lite, "keyless")
    assert before == {path: path.stat().st_mtime_ns for path in lite._path.parent.iterdir()}


def test_a_file_that_somebody_locks_is_transient(lite: SqliteReading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("winddown.stores.sql.sqlite_catalogue._WAIT_SECONDS", 0.1)
    lite.run("BEGIN EXCLUSIVE")
    with pytest.raises(Transient):
        lite.store.discover()
    lite.run("COMMIT")


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_of_another_format_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "no").write_bytes(b"13800000000" * 1000)
    with pytest.raises((Refused, Transient)) as refused:
        opened(kind, f"{kind}:///{tmp_path / 'no'}").discover()
    assert "1380" not in str(refused.value)


# -- DuckDB ------------------------------------------------------------------------------------------------------------


def test_duckdb_types_are_read_or_written_out(duck: DuckReading) -> None:
    duck.run("CREATE TABLE types (id INT PRIMARY KEY, a STRUCT(x INT), b INT[], c HUGEINT, d UUID, e DATE, f INTERVAL)")
    uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    duck.run(f"INSERT INTO types VALUES (1, {{'x': 1}}, [1, NULL], 1::HUGEINT << 90, '{uuid}', 'infinity', '1 day')")
    (row,) = cells(duck, "types")
    assert (row["a"], row["b"], row["c"]) == ("{'x': 1}", "[1, NULL]", str(1 << 90))
    assert (row["d"], str(row["e"]), row["f"]) == (uuid, "9999-12-30", "1 day")


def test_comments_schemas_and_views_over_other_files(duck: DuckReading, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text("mobile\n13800000000\n")
    duck.run("CREATE SCHEMA other")
    duck.run("CREATE TABLE other.t (id INT PRIMARY KEY)")
    duck.run("COMMENT ON TABLE other.t IS '客户'")
    duck.run(f"CREATE VIEW outside AS SELECT * FROM read_csv('{tmp_path / 'outside.csv'}')")
    found = {one.ref.name: one for one in duck.store.discover().collections}
    assert found["other.t"].comment == "客户"
    assert "main.outside" not in found
    assert "not told" in facts(duck.store, str(duck.ref("outside")))["view"]


def test_a_file_that_a_writer_has_open_is_transient(duck: DuckReading) -> None:
    with duckdb.connect(str(duck._path)), pytest.raises(Transient):
        duck.store.discover()


def test_a_file_that_another_process_writes_is_transient(duck: DuckReading) -> None:
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(duck._path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(Transient):
            duck.store.discover()
        writer.communicate()


def test_a_sqlite_file_without_rights_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="store read_db"):
        opened("sqlite", f"sqlite:///{tmp_path / 'missing'}").discover()
    sqlite3.connect(tmp_path / "empty").close()
    assert opened("sqlite", f"sqlite:///{tmp_path / 'empty'}").discover().collections == ()
