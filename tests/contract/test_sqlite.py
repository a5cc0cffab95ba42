import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import SupportsFreeze, SupportsSanitise, ability

from .ability_suites import FreezeSuite, MinimiseSuite, SanitiseSuite, WatchSuite
from .desk import Desk
from .sqlite_subject import COMPOSITE, NUMBERED, WITHOUT_ROWID, SqliteSubject
from .subject import Work, work
from .suite import FieldSuite, ReturnSuite, StoreSuite
from .table_subject import STORE, Shape

MARKERS = Shape(
    "(id INTEGER PRIMARY KEY, mobile TEXT NOT NULL, note TEXT)",
    ("id",),
    ("id", "mobile", "note"),
    tuple((number, f"marker-{number:06}-mobile", f"备注-{number:06}-张三" * 40) for number in range(400)),
    ("mobile", "note"),
)


@pytest.fixture(
    params=[(COMPOSITE, "delete"), (WITHOUT_ROWID, "wal"), (NUMBERED, "persist")],
    ids=["composite_key", "without_rowid", "numbered"],
)
def subject(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> Iterator[SqliteSubject]:
    shape, mode = request.param
    found = SqliteSubject(tmp_path, desk, shape, mode=mode)
    yield found
    found.close()


class TestSqlite(StoreSuite, FieldSuite, ReturnSuite, FreezeSuite, SanitiseSuite, MinimiseSuite, WatchSuite):
    pass


def sanitise(subject: SqliteSubject, *settled: Work) -> dict[str, str]:
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
    receipt = store.sanitise(right, [subject.ref], settled=[planned.order.id for planned in settled])
    return dict(receipt.details)


def ours(subject: SqliteSubject) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE name LIKE 'winddown%' ORDER BY name"
    return [name for (name,) in subject.run(query)]


# -- bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["delete", "persist", "truncate", "wal"])
@pytest.mark.parametrize("act", [Act.ERASE, Act.MINIMISE])
def test_the_bytes_are_gone_after_sanitise(tmp_path: Path, desk: Desk, mode: str, act: Act) -> None:
    subject = SqliteSubject(tmp_path, desk, MARKERS, mode=mode)
    subject.run(f"CREATE INDEX by_mobile ON {subject.table} (mobile, note)")
    subject.run("ANALYZE")
    # Pages that were freed before winddown came hold rows as well.
    subject.run(f"CREATE TABLE earlier AS SELECT * FROM {subject.table}")
    subject.run("DROP TABLE earlier")
    probes = [row[index].encode() for row in MARKERS.rows[::2] for index in (1, 2)]
    kept = [row[1].encode() for row in MARKERS.rows[1::2]]
    assert subject.inspector.search_bytes(probes).found == len(probes)
    planned = work(subject, chosen=[str(row[0]) for row in MARKERS.rows[::2]], act=act, size=50)
    planned.act_all(Power.QUARANTINE)
    # Rows leave the file; what is left of them are pages that others freed.
    assert subject.inspector.search_bytes(probes).found == len(probes) or act is Act.ERASE
    planned.act_all(Power.PURGE)
    assert subject.inspector.search_bytes(probes).found > 0, "purge alone does not reach pages that were freed before"
    details = sanitise(subject, planned)
    search = subject.inspector.search_bytes(probes)
    assert (search.reached, search.found, search.where) == (True, 0, ())
    assert subject.inspector.search_bytes(kept).found == len(kept)
    assert details["file_rewritten"] == "yes"
    assert details["free_pages"] == "0"
    assert details["statistics"] == "taken anew"
    assert ours(subject) == []
    subject.close()


def test_a_purge_overwrites_what_it_deletes_at_once(tmp_path: Path, desk: Desk) -> None:
    subject = SqliteSubject(tmp_path, desk, MARKERS, mode="delete")
    probes = [row[1].encode() for row in MARKERS.rows]
    planned = work(subject, chosen=[str(row[0]) for row in MARKERS.rows], size=50)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    assert subject.inspector.search_bytes(probes).found == 0
    subject.close()


def test_a_reader_of_the_log_makes_sanitise_wait(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("winddown.stores.sql.sqlite_catalogue._WAIT_SECONDS", 0.2)
    subject = SqliteSubject(tmp_path, desk, MARKERS, mode="wal")
    subject.run("BEGIN")
    subject.run(f"SELECT count(*) FROM {subject.table}")
    with pytest.raises(Transient, match=r"SQLITE_BUSY|reads the file"):
        sanitise(subject)
    subject.run("COMMIT")
    assert sanitise(subject)["journal"] == "write-ahead log emptied"
    subject.close()


def test_rows_in_quarantine_keep_their_numbers(tmp_path: Path, desk: Desk) -> None:
    subject = SqliteSubject(tmp_path, desk, NUMBERED)
    assert subject.collection.key == ("rowid",)
    facts = {fact.name: fact.value for fact in subject.store.discover().facts if fact.subject == str(subject.ref)}
    assert facts["rows_named_by"] == "rowid, which VACUUM may give anew"
    content = subject.content()
    first, second = work(subject, chosen=["2"]), work(subject, chosen=["3"])
    first.act(Power.QUARANTINE)
    second.act(Power.QUARANTINE)
    second.act(Power.PURGE)
    assert sanitise(subject)["file_rewritten"].startswith("no: ")
    first.act(Power.RESTORE)
    assert subject.content() == {name: row for name, row in content.items() if name != "3"}
    assert sanitise(subject)["file_rewritten"] == "yes"
    subject.close()


# -- freeze ----------------------------------------------------------------------------------------------------------


def test_what_is_frozen_is_still_moved_by_us(subject: SqliteSubject) -> None:
    content = subject.content()
    remembered = Receipt("freeze", STORE, 0, 1, (("tables", json.dumps([subject.ref.name])),))
    store = subject.store
    store.freeze(subject.desk.mint_for(Power.FREEZE, STORE), remembered)  # type: ignore[attr-defined]
    emptied, erased = work(subject, act=Act.MINIMISE), work(subject)
    for planned in (emptied, erased):
        planned.act_all(Power.QUARANTINE)
        assert not subject.can_write()
        planned.act_all(Power.RESTORE)
        assert subject.content() == content
    erased.act_all(Power.QUARANTINE)
    erased.act_all(Power.PURGE)
    sanitise(subject, emptied, erased)
    assert not subject.can_write()
    assert subject.store.discover().blockers == (), "the triggers of a freeze are no hazard"
    store.thaw(subject.desk.mint_for(Power.RESTORE, STORE), remembered)  # type: ignore[attr-defined]
    assert ours(subject) == []


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_copy_in_the_place_of_the_file_is_another_system(subject: SqliteSubject) -> None:
    planned = work(subject)
    copy = subject.path.with_suffix(".copy")
    shutil.copy(subject.path, copy)
    copy.replace(subject.path)
    with pytest.raises(Refused, match="is now another system"):
        planned.act(Power.QUARANTINE)


def test_a_trigger_is_a_blocker_and_one_that_came_later_refuses(subject: SqliteSubject) -> None:
    planned, content = work(subject), subject.content()
    subject.run("CREATE TABLE log (x)")
    subject.run(f"CREATE TRIGGER noted AFTER DELETE ON {subject.table} BEGIN INSERT INTO log VALUES (1); END")
    found = {blocker.code: blocker for blocker in subject.store.discover().blockers}
    assert found["trigger"].subject == str(subject.ref)
    assert found["trigger"].next_step.startswith("drop it"), "the engine switches no trigger off"
    with pytest.raises(Refused, match="trigger noted came to the table"):
        planned.act(Power.QUARANTINE)
    assert subject.content() == content


@pytest.fixture
def family(tmp_path: Path, desk: Desk) -> Iterator[SqliteSubject]:
    rows = tuple((number, number - 1 or None, "x") for number in range(1, 8))
    ddl = '(id INTEGER PRIMARY KEY, above INTEGER REFERENCES "客户 ""A"".x:y%z", note TEXT)'
    found = SqliteSubject(tmp_path, desk, Shape(ddl, ("id",), ("id", "above", "note"), rows, ("note",)))
    yield found
    found.close()


def test_rows_that_refer_to_each_other_go_and_come_back_together(family: SqliteSubject) -> None:
    content = family.content()
    (link,) = family.collection.foreign_keys
    assert (link.fields, link.target, link.target_fields) == (("above",), family.ref, ("id",))
    planned = work(family, chosen=["5", "6", "7"], size=3)
    planned.act(Power.QUARANTINE)
    planned.act(Power.RESTORE)
    assert family.content() == content
    with pytest.raises(Refused, match="SQLITE_CONSTRAINT"):
        work(family, chosen=["3"], size=3).act(Power.QUARANTINE)
    assert family.content() == content


def test_references_that_lead_nowhere_or_act_are_blockers(family: SqliteSubject) -> None:
    family.run(f"INSERT INTO {family.table} VALUES (9, 77, 'x')")
    family.run(f"CREATE TABLE follower (id INTEGER PRIMARY KEY REFERENCES {family.table} (ID) ON DELETE SET NULL)")
    found = {(blocker.code, blocker.subject) for blocker in family.store.discover().blockers}
    assert found == {("broken-reference", str(family.ref)), ("cascade", str(family.ref))}


def test_what_follows_changes_is_a_hazard_unless_it_follows_the_primary_key(family: SqliteSubject) -> None:
    family.run(f"CREATE TABLE one (id INTEGER REFERENCES {family.table} (ID) ON UPDATE CASCADE)")
    family.run(f"CREATE TABLE two (id INTEGER REFERENCES {family.table} ON UPDATE SET NULL)")
    assert family.store.discover().blockers == ()
    family.run(f"UPDATE {family.table} SET note = id")
    family.run(f"CREATE UNIQUE INDEX noted ON {family.table} (note)")
    family.run(f"CREATE TABLE three (note TEXT REFERENCES {family.table} (note) ON UPDATE CASCADE)")
    assert [blocker.code for blocker in family.store.discover().blockers] == ["cascade"]


# -- what is odd in these files --------------------------------------------------------------------------------------


def test_text_in_another_encoding_comes_back_byte_for_byte(tmp_path: Path, desk: Desk) -> None:
    ddl = "(name TEXT PRIMARY KEY NOT NULL, note TEXT)"
    subject = SqliteSubject(tmp_path, desk, Shape(ddl, ("name",), ("name", "note"), (), ("note",)))
    for name in ("张三", "李四", "plain"):
        values = [name.encode("gb18030")] * 2
        subject.run(f"INSERT INTO {subject.table} VALUES (CAST(? AS TEXT), CAST(? AS TEXT))", values)
    stored = f"SELECT hex(name), typeof(name), hex(note) FROM {subject.table} ORDER BY 1"
    before = subject.run(stored)
    planned = work(subject, chosen=["张三", "李四", "plain"])
    assert planned.unchanged() == planned.batches[0].records
    planned.act_all(Power.QUARANTINE)
    assert subject.run(stored) == []
    planned.act_all(Power.RESTORE)
    assert subject.run(stored) == before
    subject.close()


def test_a_file_in_utf_16_is_bound_the_same_way(tmp_path: Path, desk: Desk) -> None:
    path = tmp_path / "a 100% file?#.sqlite"
    owner = sqlite3.connect(path)
    owner.execute("PRAGMA encoding = 'UTF-16le'")
    owner.execute("CREATE TABLE other (x)")
    owner.close()
    subject = SqliteSubject(tmp_path, desk, replace(COMPOSITE, minimise=("photo",)))
    assert subject.run("PRAGMA encoding") == [("UTF-16le",)]
    content, planned = subject.content(), work(subject, chosen=subject.content().keys())
    assert planned.unchanged() == planned.batches[0].records
    planned.act_all(Power.QUARANTINE)
    assert subject.content() == {}
    planned.act_all(Power.RESTORE)
    assert subject.content() == content
    subject.close()


BROKEN_OFF = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 2")  # so that pages are written long before the commit
connection.execute("BEGIN IMMEDIATE")
connection.execute(f"UPDATE {sys.argv[2]} SET note = note || 'half'")
os._exit(9)
"""


@pytest.mark.parametrize("first", ["store", "inspector"])
def test_what_a_killed_writer_left_half_written_is_undone_by_whoever_reads_first(
    tmp_path: Path, desk: Desk, first: str
) -> None:
    subject = SqliteSubject(tmp_path, desk, MARKERS)
    planned = work(subject, chosen=[str(row[0]) for row in MARKERS.rows[:50]])
    command = [sys.executable, "-c", BROKEN_OFF, str(subject.path), subject.table]
    assert subprocess.run(command, check=False).returncode == 9
    assert subject.path.with_name(subject.path.name + "-journal").stat().st_size
    if first == "store":
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.LIVE
    assert planned.unchanged() == planned.batches[0].records
    subject.close()


@pytest.mark.parametrize("key", ["id INTEGER PRIMARY KEY, ", ""], ids=["escrow", "numbered"])
def test_what_was_written_meanwhile_is_not_replaced_by_what_comes_back(tmp_path: Path, desk: Desk, key: str) -> None:
    names = ("id", "mobile")[not key :]
    rows = tuple((number, f"mobile-{number}")[not key :] for number in range(4))
    ddl = f"({key}mobile TEXT UNIQUE ON CONFLICT REPLACE, note TEXT)"
    subject = SqliteSubject(tmp_path, desk, Shape(ddl, ("id",) if key else ("rowid",), names, rows, ("mobile",)))
    planned = work(subject, chosen=list(subject.content()))
    planned.act_all(Power.QUARANTINE)
    subject.run(f"INSERT INTO {subject.table} (rowid, mobile, note) VALUES (77, 'mobile-2', 'new')")
    with pytest.raises((Refused, Residual)):
        planned.act_all(Power.RESTORE)
    assert subject.run(f"SELECT note FROM {subject.table} WHERE mobile = 'mobile-2'") == [("new",)]
    subject.close()


def test_a_table_that_was_dropped_keeps_no_other_from_being_frozen(tmp_path: Path, desk: Desk) -> None:
    subject = SqliteSubject(tmp_path, desk, COMPOSITE)
    store = ability(subject.store, SupportsFreeze)
    assert store is not None
    remembered = store.remember_writers([CollectionRef(STORE, "main.dropped"), subject.ref], None)
    store.freeze(subject.desk.mint_for(Power.FREEZE, STORE), remembered)
    assert not subject.can_write()
    store.thaw(subject.desk.mint_for(Power.RESTORE, STORE), remembered)
    assert subject.can_write()
    subject.close()


def test_what_a_writer_is_about_to_write_is_left_to_it(tmp_path: Path, desk: Desk) -> None:
    subject = SqliteSubject(tmp_path, desk, MARKERS)
    planned = work(subject, chosen=["1", "2"])
    subject.run("BEGIN IMMEDIATE")
    subject.run(f"UPDATE {subject.table} SET note = 'other' WHERE id = 2")
    assert subject.path.with_name(subject.path.name + "-journal").exists()
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.LIVE
    subject.run("COMMIT")
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.MIXED
    subject.close()


def test_what_binds_a_field_is_told(tmp_path: Path, desk: Desk) -> None:
    ddl = """(id INTEGER PRIMARY KEY, a TEXT NOT NULL CHECK (length(a) > 0), b TEXT NOT NULL UNIQUE, c TEXT UNIQUE,
        d TEXT, e TEXT AS (upper(d) || c), f TEXT NOT NULL, g, CHECK (g IS NOT NULL OR d IS NULL))"""
    subject = SqliteSubject(tmp_path, desk, Shape(ddl, ("id",), ("id",), (), ("d",)))
    subject.run(f"CREATE TABLE follower (x TEXT REFERENCES {subject.table} (C))")
    found = {field.name: (field.tied, field.computed_from) for field in subject.collection.fields}
    unique = "unique index sqlite_autoindex_" + subject.table.strip('"').replace('""', '"') + "_1"
    assert found == {
        "id": ("", ()),
        "a": ("a check", ()),
        "b": (unique, ()),
        "c": ("a reference of follower", ()),
        "d": ("a check", ()),
        "e": ("", ("c", "d")),
        "f": ("", ()),
        "g": ("a check", ()),
    }
    subject.close()


def test_more_fields_than_a_function_takes_are_all_bound(tmp_path: Path, desk: Desk) -> None:
    names = tuple(f"f{number}" for number in range(200))
    shape = Shape(f"(id INTEGER PRIMARY KEY, {', '.join(names)})", ("id",), ("id", *names), (), names[:1])
    subject = SqliteSubject(tmp_path, desk, replace(shape, rows=((1, *names), (2, *names))))
    planned = work(subject, chosen=["1", "2"])
    assert planned.unchanged() == 2
    subject.run(f"UPDATE {subject.table} SET f199 = 'other' WHERE id = 2")
    assert planned.unchanged() == 1
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.MIXED
    subject.close()
