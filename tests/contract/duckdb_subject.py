"""Awkward tables in a DuckDB file."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.domain.inventory import CollectionRef
from winddown.inspection.duckdb_file import DuckDbInspector
from winddown.stores.sql.duckdb_store import DuckDbStore

from .ability_suites import WatchableSubject
from .desk import Desk
from .table_subject import STORE, TABLE, Shape, TableSubject, quoted

COMPOSITE = Shape(
    """(region VARCHAR, no INTEGER, "na""me" VARCHAR, "a.b" VARCHAR, "电话 (:b)" VARCHAR, photo BLOB,
        seen_at TIMESTAMPTZ, amount DECIMAL(12, 2), ratio DOUBLE, mood ENUM('good', '坏 ''x'''), tags VARCHAR[],
        parts STRUCT(a INTEGER, "b c" VARCHAR), upper VARCHAR GENERATED ALWAYS AS (upper("na""me")),
        PRIMARY KEY (region, no))""",
    ("region", "no"),
    ("region", "no", 'na"me', "a.b", "电话 (:b)", "photo", "seen_at", "amount", "ratio", "mood", "tags", "parts"),
    (
        ("", 0, "欧阳娜娜", "", "13800000000", b"\x00\xff\r\n" * 40, "2024-02-29 23:59:59.123456+08", "0.00", 0.1,
         "good", ["a, b", "c"], {"a": 1, "b c": "x"}),
        ("华东", 0, 'O\'Brien \\ "x"', None, None, b"", None, None, None, None, None, None),
        ("华东", 1, "", "line\none\ttwo", "", None, "1969-12-31 00:00:00+00", "-1.50", -0.5, "坏 'x'", [], None),
        ("12", 2, "NULL", "%s :x $1", "０", b"x", "infinity", "9999999999.99", float("inf"), None, [None], None),
        ("NULL", 3, "𠮷野", "a", "b", None, None, None, float("nan"), None, ["NULL"], None),
        (" pad ", 4, "z", None, "c", None, None, None, 0.1 + 0.2, None, ["a", "b, c"], {"a": None, "b c": None}),
        ("north", -5, "y", "q", None, None, None, None, None, None, None, None),
    ),
    ('na"me', "a.b", "电话 (:b)", "photo", "seen_at", "mood", "tags", "upper"),
)  # fmt: skip
BYTES_KEY = Shape(
    '(id BLOB PRIMARY KEY, "select" VARCHAR NOT NULL, born DATE)',
    ("id",),
    ("id", "select", "born"),
    tuple((bytes([number]) * (number * 30), f"值{number}", "2000-01-01") for number in range(6)),
    ("select", "born"),
)
LABELS_KEY = Shape(
    "(mood ENUM('good', 'bad', 'odd') NOT NULL, day DATE NOT NULL, note VARCHAR, UNIQUE (day, mood))",
    ("day", "mood"),
    ("mood", "day", "note"),
    (
        ("good", "1969-12-31", "a"),
        ("bad", "1969-12-31", "b"),
        ("odd", "9999-12-31", "c"),
        ("odd", "0001-01-01", "d"),
        ("good", "2024-02-29", "e"),
        ("bad", "2024-02-29", None),
    ),
    ("note",),
)


class DuckDbSubject(TableSubject, WatchableSubject):
    def __init__(self, folder: Path, desk: Desk, shape: Shape) -> None:
        self.desk, self.shape = desk, shape
        self.path = folder / "a 100% file.duckdb"
        self.table = quoted(TABLE)
        self.ref = CollectionRef(STORE, f"main.{TABLE}")
        found = ConnectionParameters(url="duckdb:///" + quote(str(self.path)))
        self.connections = {STORE + suffix: found for suffix in ("", "__mark", "__purge", "__inspect")}
        build = partial(bootstrap._path, STORE, "duckdb")
        self.store = DuckDbStore(
            STORE,
            path=self.path,
            unlock=desk.unlock(STORE, self.connections, build),
            escrow=desk.escrow(STORE),
            tokens=desk.tokens(),
        )
        self.inspector = DuckDbInspector(STORE, path=self.path, escrow=desk.escrow(STORE), token_key=desk.tokens().key)
        self.create()
        self.plan_systems()

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as owner:
            return owner.execute(statement, list(values)).fetchall()

    def watch(self, event: str = "INSERT") -> None:
        self.run("CREATE TABLE log (x INTEGER)")
        act = "REFERENCING NEW TABLE AS came FOR EACH STATEMENT INSERT INTO log SELECT 1 FROM came"
        self.run(f"CREATE TRIGGER noted AFTER {event} ON {self.table} {act}")

    def noted(self) -> int:
        return int(self.run("SELECT count(*) FROM log")[0][0])

    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with duckdb.connect(str(self.path)) as owner:
            owner.execute("BEGIN")
            owner.executemany(statement, [list(row) for row in rows])
            owner.execute("COMMIT")
