"""Awkward tables in a SQLite file."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.domain.inventory import CollectionRef
from winddown.inspection.sqlite import SqliteInspector
from winddown.stores.sql.sqlite_store import SqliteStore

from .ability_suites import FreezableSubject, WatchableSubject
from .desk import Desk
from .table_subject import STORE, TABLE, Shape, TableSubject, quoted

COMPOSITE = Shape(
    """(region TEXT NOT NULL, no INTEGER NOT NULL, "na""me" TEXT, "a.b" TEXT, "电话 (:b)", photo BLOB,
        seen_at TIMESTAMP, amount DECIMAL(12, 2), ratio REAL, upper TEXT GENERATED ALWAYS AS (upper("na""me")) STORED,
        "regi on" AS (upper(region)), PRIMARY KEY (region, no))""",
    ("region", "no"),
    ("region", "no", 'na"me', "a.b", "电话 (:b)", "photo", "seen_at", "amount", "ratio"),
    (
        ("", 0, "欧阳娜娜", "", "13800000000", b"\x00\xff\r\n" * 40, "2024-02-29 23:59:59", "0.00", 0.1),
        ("华东", 0, 'O\'Brien \\ "x"', None, None, b"", None, None, None),
        ("华东", 1, "", "line\none\ttwo", "", None, "1969-12-31 00:00:00", "-1.50", -0.0),
        ("12", 2, "NULL", "%s :x $1", 13800000000, b"x", "infinity", "9999999999.99", 1e300),
        ("NULL", 3, "𠮷野", "a", 1.5, None, None, None, 0.1 + 0.2),
        (" pad ", 4, "z", None, b"c", None, "0001-01-01", 12, 5),
        ("north", -5, "y", "q", None, None, "9999-12-31", None, None),
    ),
    ('na"me', "a.b", "电话 (:b)", "photo", "seen_at", "upper"),
)
WITHOUT_ROWID = Shape(
    '(id BLOB PRIMARY KEY, "select" TEXT NOT NULL, born DATE, rowid TEXT) WITHOUT ROWID',
    ("id",),
    ("id", "select", "born", "rowid"),
    (
        *((bytes([number]) * (number * 30), f"值{number}", "2000-01-01", None) for number in range(4)),
        ("YWJj", "text that looks like base64", None, None),
        (b"abd", "bytes", None, None),
        (7, "a number", None, "x"),
        ("7.5", "no number", None, "x"),
        (-7.25, "a real number", None, "x"),
    ),
    ("select", "born"),
)
NUMBERED = Shape(
    "(_rowid_ TEXT, who TEXT, note TEXT)",
    ("rowid",),
    ("_rowid_", "who", "note"),
    (("a", "张三", "twice"), ("a", "张三", "twice"), (None, None, None), ("", "李四", None), ("x", "x", "x")),
    ("who", "note"),
)


class SqliteSubject(TableSubject, FreezableSubject, WatchableSubject):
    def __init__(self, folder: Path, desk: Desk, shape: Shape, *, mode: str = "delete") -> None:
        self.desk, self.shape = desk, shape
        self.path = folder / "a 100% file?#.sqlite"
        self.table = quoted(TABLE)
        self.ref = CollectionRef(STORE, f"main.{TABLE}")
        self.reopen()
        self._owner.execute(f"PRAGMA journal_mode = {mode}")
        self._owner.execute("PRAGMA secure_delete = OFF")
        self.connections = connections_to(self.path)
        build = partial(bootstrap._path, STORE, "sqlite")
        self.store = SqliteStore(
            STORE,
            path=self.path,
            unlock=desk.unlock(STORE, self.connections, build),
            escrow=desk.escrow(STORE),
            tokens=desk.tokens(),
        )
        self.inspector = SqliteInspector(STORE, path=self.path, escrow=desk.escrow(STORE), token_key=desk.tokens().key)
        self.create()
        self.plan_systems()

    def reopen(self) -> None:
        self._owner = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)

    def close(self) -> None:
        self._owner.close()

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._owner.execute(statement, values).fetchall()

    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._owner.execute("BEGIN")
        self._owner.executemany(statement, rows)
        self._owner.execute("COMMIT")

    def grants(self) -> object:
        return self.run("SELECT type, name, sql FROM sqlite_master ORDER BY name")

    def watch(self, event: str = "INSERT") -> None:
        self.run("CREATE TABLE log (x)")
        self.run(f"CREATE TRIGGER noted AFTER {event} ON {self.table} BEGIN INSERT INTO log VALUES (1); END")

    def noted(self) -> int:
        return int(self.run("SELECT count(*) FROM log")[0][0])

    def can_write(self) -> bool:
        writes = (
            lambda: self.run(f"DELETE FROM {self.table}"),
            lambda: self.run(f"UPDATE {self.table} SET {quoted(self.shape.minimise[0])} = 'x'"),
            lambda: self._insert(self.shape.fields, self.shape.rows[0]),
        )
        for write in writes:
            self.run("BEGIN")
            try:
                write()
            except sqlite3.IntegrityError as error:
                if "frozen by winddown" not in str(error):
                    raise
            else:
                return True
            finally:
                self.run("ROLLBACK")
        return False


def connections_to(path: Path) -> Mapping[str, ConnectionParameters]:
    """The same file for every act."""
    found = ConnectionParameters(url="sqlite:///" + quote(str(path)))
    return {STORE + suffix: found for suffix in ("", "__mark", "__purge", "__inspect")}
