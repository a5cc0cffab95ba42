"""A SQLite file as a source, opened read-only, by the driver of the standard library.

A column's type is only a wish here: each batch is typed by the values that are in it. Text that is not UTF-8 is read
as GB18030, which China's older programs wrote. A file with a hot journal, which only a writer can play back, is
refused.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact
from winddown.domain.plan import Order
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.copy_then_delete import CopyThenDelete, is_ours
from winddown.stores.sql.faults import translated
from winddown.stores.sql.limits import acts_by_itself, broken_reference, changed, gone, unknown_relation, unnamed_rows
from winddown.stores.sql.reading import LONGEST, batched, refuse_change
from winddown.stores.sql.sqlite_catalogue import (
    ACTING,
    FREEZING,
    ROWID_NAMES,
    beginning,
    describe,
    hazards,
    opened,
    pragma,
    table_name,
)
from winddown.stores.sql.sqlite_dialect import SqliteDialect, content

_KINDS = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


class SqliteSource:
    """One file. Its tables are named ``main.<table>``."""

    title = "SQLite"

    def __init__(self, store: str, *, path: Path) -> None:
        self._store = store
        self._path = path

    def identity(self) -> str:
        """The file's place and number; see ``identity_of``."""
        return identity_of(self._path)

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield tables as collections; views, triggers and files beside the database as facts."""
        with translated(self._store, "reading the catalogue"), closing(opened(self._path, writing=False)) as connection:
            shadows = []
            for name, kind in connection.execute(_KINDS + " ORDER BY name").fetchall():
                ref = CollectionRef(self._store, f"main.{name}")
                if name == ACTING or is_ours(name):
                    continue
                if kind == "view":
                    read = ", ".join(_tables_of(connection, name)) or "no table"
                    yield Fact(str(ref), "reads", read)
                elif kind == "shadow":
                    shadows.append(name)
                elif kind == "virtual":
                    yield unknown_relation(ref, "a virtual table is not read")
                else:
                    yield from self._table(connection, ref)
            if shadows:
                yield Fact(self._store, "tables_behind_virtual_tables", ", ".join(shadows))
            triggers = (
                "SELECT tbl_name, group_concat(name, ', ') FROM sqlite_master WHERE type = 'trigger' "
                f"AND substr(name, 1, {len(FREEZING)}) <> '{FREEZING}' GROUP BY 1"
            )
            for name, value in connection.execute(triggers):
                yield Fact(f"{self._store}:main.{name}", "triggers", value)
            yield from self._file(connection)

    def rows(
        self, collection: Collection, names: Sequence[str], *, text: bool, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``Source``. The whole reading is one transaction, so nothing changes in it."""
        ref = collection.ref
        chosen = [quoted_name(field) if text else beginning(field, LONGEST) for field in names]
        with translated(self._store, f"reading {ref}"), closing(opened(self._path, writing=False)) as connection:
            connection.execute("BEGIN")
            refuse_change(collection, current_table(connection, ref))
            if bound:
                chosen.append(content(connection, collection))
            cursor = connection.execute(f"SELECT {', '.join(chosen)} FROM {quoted_name(table_name(ref))} t")
            yield from batched(cursor, [*names, CONTENT] if bound else names, text=text)

    def fetch(self, collection: Collection, batch: Batch, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield fields of the live and unchanged rows of a batch; see ``BindingSource``."""
        ref = collection.ref
        with translated(self._store, f"reading {ref}"), closing(opened(self._path, writing=False)) as connection:
            connection.execute("BEGIN")
            dialect = SqliteDialect(connection, current_table(connection, ref))
            yield from batched(connection.execute(dialect.planned_rows(batch, names)), names, text=True)

    @contextmanager
    def look(self, order: Order, batch: Batch) -> Iterator[CopyThenDelete]:
        """Look at a batch in one read transaction."""
        with translated(self._store, f"locating {order.id}"), closing(opened(self._path, writing=False)) as connection:
            connection.execute("BEGIN")
            current = current_table(connection, order.collection)
            yield CopyThenDelete(SqliteDialect(connection, current), current, order, batch)

    def _table(self, connection: sqlite3.Connection, ref: CollectionRef) -> Iterator[Collection | Blocker | Fact]:
        table = quoted_name(table_name(ref))
        try:
            shape = describe(connection, ref)
            lengths = " + ".join(
                f"coalesce(sum(length(CAST({quoted_name(field.name)} AS BLOB))), 0)" for field in shape.fields
            )
            count, size = connection.execute(f"SELECT count(*), {lengths} FROM {table}").fetchone()
            found = describe(connection, ref, count=count, size=size)
            acting = list(hazards(connection, ref))
            broken = connection.execute("SELECT count(*) FROM pragma_foreign_key_check(?)", (table_name(ref),))
            dangling = broken.fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname not in {"SQLITE_ERROR", "SQLITE_SCHEMA"}:
                raise
            yield changed(ref)
            return
        yield found
        if not found.key:
            yield unnamed_rows(ref)
        elif found.key[0] in ROWID_NAMES and found.key[0] not in found.field_names():
            yield Fact(str(ref), "rows_named_by", f"{found.key[0]}, which VACUUM may give anew")
        yield from (acts_by_itself(ref, hazard, name) for hazard, name in acting)
        if dangling:
            yield broken_reference(ref, dangling)

    def _file(self, connection: sqlite3.Connection) -> Iterator[Fact]:
        for suffix in ("-wal", "-journal"):
            beside = self._path.with_name(self._path.name + suffix)
            if beside.exists():
                yield Fact(self._store, f"file{suffix.replace('-', '_')}", f"{beside.stat().st_size} bytes beside it")
        found = self._path.stat()
        yield Fact(
            self._store, "readers", f"mode {found.st_mode & 0o777:04o}, user {found.st_uid}, group {found.st_gid}"
        )
        yield Fact(self._store, "file", f"{found.st_size} bytes, text in {pragma(connection, 'encoding')}")
        free = pragma(connection, "freelist_count")
        if free:
            yield Fact(self._store, "free_pages", f"{free}, which may hold deleted rows")
        yield Fact(self._store, "not_seen", "copies of the file, and what other programs attach to it")


def current_table(connection: sqlite3.Connection, ref: CollectionRef) -> Collection:
    """Describe a table as it is now; raises Refused when it is gone."""
    found = describe(connection, ref)
    if not found.fields:
        raise gone(ref)
    return found


def identity_of(path: Path) -> str:
    """Which file it is: its real path, and its number on the file system, which VACUUM leaves as it is.

    A copy or a restored backup that takes the file's place has another number, unless it was written into the file.
    """
    real = path.resolve()
    if not real.is_file():
        raise Refused("there is no file where the connection points", rule="credentials")
    return f"SQLite file {real}, number {real.stat().st_ino}"


def _tables_of(connection: sqlite3.Connection, view: str) -> list[str]:
    """What SQLite itself reads when it prepares a query over a view."""
    seen: set[str] = set()

    def note(action: int, table: str | None, _column: str | None, _schema: str | None, inner: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table and table != view and inner is not None:
            seen.add(f"main.{table}")
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    try:
        connection.execute(f"EXPLAIN SELECT * FROM {quoted_name(view)}").fetchall()
    except sqlite3.OperationalError:
        return ["unknown: it cannot be read"]
    finally:
        connection.set_authorizer(None)
    return sorted(seen)
