"""A SQLite file as a source, opened read-only, by the driver of the standard library.

A column's type is only a wish here: each batch is typed by the values that are in it. Text that is not UTF-8 is read
as GB18030, which China's older programs wrote. A file with a hot journal, which only a writer can play back, is
refused.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact, Field, ForeignKey, Medium
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.faults import translated
from winddown.stores.sql.limits import changed, unknown_relation, unnamed_rows
from winddown.stores.sql.reading import LONGEST, batched, refuse_change

_WAIT_SECONDS = 10
_TYPE = re.compile(r"[A-Za-z]+[0-9]{0,2}(?: [A-Za-z]+)*(?: ?\([0-9]{1,5}(?: ?, ?[0-9]{1,3})?\))?(?: [A-Za-z]+)*")
_KINDS = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


class SqliteSource:
    """One file. Its tables are named ``main.<table>``."""

    title = "SQLite"

    def __init__(self, store: str, *, path: Path) -> None:
        self._store = store
        self._path = path

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield tables as collections; views, triggers and files beside the database as facts."""
        with translated(self._store, "reading the catalogue"), closing(self._open()) as connection:
            shadows = []
            for name, kind in connection.execute(_KINDS + " ORDER BY name").fetchall():
                ref = CollectionRef(self._store, f"main.{name}")
                if kind == "view":
                    read = ", ".join(_tables_of(connection, name)) or "no table"
                    yield Fact(str(ref), "reads", read)
                elif kind == "shadow":
                    shadows.append(name)
                elif kind == "virtual":
                    yield unknown_relation(ref, "a virtual table is not read")
                else:
                    yield from self._table(connection, ref, name)
            if shadows:
                yield Fact(self._store, "tables_behind_virtual_tables", ", ".join(shadows))
            triggers = "SELECT tbl_name, group_concat(name, ', ') FROM sqlite_master WHERE type = 'trigger' GROUP BY 1"
            for name, value in connection.execute(triggers):
                yield Fact(f"{self._store}:main.{name}", "triggers", value)
            yield from self._file(connection)

    def rows(self, collection: Collection, names: Sequence[str], *, text: bool) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``Source``. The whole reading is one transaction, so nothing changes in it."""
        ref = collection.ref
        name = ref.name.partition(".")[2]
        chosen = ", ".join(quoted_name(field) if text else _beginning(field) for field in names)
        with translated(self._store, f"reading {ref}"), closing(self._open()) as connection:
            connection.execute("BEGIN")
            now = _collection(connection, ref, name, count=-1, size=0)
            if not now.fields:
                raise Refused(f"collection {ref} no longer exists", next_step="discover and plan again")
            refuse_change(collection, now)
            cursor = connection.execute(f"SELECT {chosen} FROM {quoted_name(name)}")
            yield from batched(cursor, names, text=text)

    def _open(self) -> sqlite3.Connection:
        address = f"file:{quote(str(self._path.absolute()))}?mode=ro"
        connection = sqlite3.connect(
            address, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = _decoded
        return connection

    def _table(self, connection: sqlite3.Connection, ref: CollectionRef, name: str) -> Iterator[Collection | Blocker]:
        try:
            shape = _collection(connection, ref, name, count=-1, size=0)
            lengths = " + ".join(
                f"coalesce(sum(length(CAST({quoted_name(field.name)} AS BLOB))), 0)" for field in shape.fields
            )
            count, size = connection.execute(f"SELECT count(*), {lengths} FROM {quoted_name(name)}").fetchone()
            found = _collection(connection, ref, name, count=count, size=size)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname not in {"SQLITE_ERROR", "SQLITE_SCHEMA"}:
                raise
            yield changed(ref)
            return
        yield found
        if not found.key:
            yield unnamed_rows(ref)

    def _file(self, connection: sqlite3.Connection) -> Iterator[Fact]:
        for suffix in ("-wal", "-journal"):
            beside = self._path.with_name(self._path.name + suffix)
            if beside.exists():
                yield Fact(self._store, f"file{suffix.replace('-', '_')}", f"{beside.stat().st_size} bytes beside it")
        found = self._path.stat()
        yield Fact(
            self._store, "readers", f"mode {found.st_mode & 0o777:04o}, user {found.st_uid}, group {found.st_gid}"
        )
        yield Fact(self._store, "file", f"{found.st_size} bytes, text in {_pragma(connection, 'encoding')}")
        free = _pragma(connection, "freelist_count")
        if free:
            yield Fact(self._store, "free_pages", f"{free}, which may hold deleted rows")
        yield Fact(self._store, "not_seen", "copies of the file, and what other programs attach to it")


def _collection(connection: sqlite3.Connection, ref: CollectionRef, name: str, *, count: int, size: int) -> Collection:
    columns = connection.execute(
        'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)', (name,)
    ).fetchall()
    named = [(row[0], row[3]) for row in columns]
    fields = tuple(Field(row[0], _declared(row[1]), not row[2] and row[0] not in _rowid(columns)) for row in columns)
    nullable = {field.name for field in fields if field.nullable}
    primary = tuple(field for field, place in sorted(named, key=lambda pair: pair[1]) if place)
    key = primary if primary and not nullable & set(primary) else _unique(connection, name, nullable)
    schema: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format="table",
        key=key,
        fields=fields,
        foreign_keys=_foreign_keys(connection, ref, name),
        record_count=count,
        byte_count=size,
        version_count=0,
        fingerprint=digest([*schema, count]),
    )


def _declared(kind: str) -> str:
    """A declared type. SQLite takes any words for one, so what does not look like a type is not repeated.

    >>> _declared("DECIMAL(10, 5)"), _declared("UNSIGNED BIG INT"), _declared(""), _declared("13800000000")
    ('DECIMAL(10, 5)', 'UNSIGNED BIG INT', 'any', 'other')
    """
    return kind if _TYPE.fullmatch(kind) else "other" if kind else "any"


def _rowid(columns: Sequence[Any]) -> tuple[str, ...]:
    """A sole INTEGER PRIMARY KEY is the row's number and never NULL, whatever is declared; other keys may be NULL."""
    primary = [row for row in columns if row[3]]
    return (primary[0][0],) if len(primary) == 1 and primary[0][1].upper() == "INTEGER" else ()


def _unique(connection: sqlite3.Connection, name: str, nullable: set[str]) -> tuple[str, ...]:
    query = "SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial ORDER BY origin <> 'pk', seq DESC"
    for (index,) in connection.execute(query, (name,)).fetchall():
        found = connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,)).fetchall()
        fields = tuple(row[0] for row in found)
        if fields and None not in fields and not nullable & set(fields):
            return fields
    return ()


def _foreign_keys(connection: sqlite3.Connection, ref: CollectionRef, name: str) -> tuple[ForeignKey, ...]:
    query = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq'
    links: dict[int, list[Any]] = {}
    for row in connection.execute(query, (name,)):
        links.setdefault(row[0], []).append(row)
    return tuple(
        ForeignKey(
            tuple(row[2] for row in rows),
            CollectionRef(ref.store, f"main.{rows[0][1]}"),
            tuple(row[3] or "" for row in rows),
        )
        for rows in links.values()
    )


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


def _beginning(name: str) -> str:
    column = quoted_name(name)
    return (
        f"CASE WHEN typeof({column}) IN ('text', 'blob') AND length({column}) > {LONGEST} "
        f"THEN substr({column}, 1, {LONGEST + 1}) ELSE {column} END"
    )


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("gb18030", "surrogateescape")  # what is neither is refused when it becomes a batch


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
