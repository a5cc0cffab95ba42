"""Looks into a SQLite file by another path: a connection that cannot write, a scan without any index, and raw bytes.

Shares no code with the store. Every row is handed over with the kind of each value; keys are compared as the texts that
they were planned with, and digests are computed anew in Python. Reading the file's bytes needs that nobody in this
process holds the file open meanwhile: closing it would drop their locks.
"""

import base64
import hashlib
import re
import sqlite3
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from winddown.archive.escrow import Escrow
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order
from winddown.inspection.forms import Judge
from winddown.inspection.raw_bytes import search_paths
from winddown.ports import ByteSearch

_PART = 60
_BESIDE = ("", "-wal", "-journal", "-shm")
_ANYBODY = "programs that may write the file"
_TYPE = re.compile(r"[A-Za-z]+[0-9]{0,2}( [A-Za-z]+)*( ?\([0-9]{1,5}( ?, ?[0-9]{1,3})?\))?( [A-Za-z]+)*", re.ASCII)
Pair = tuple[str, Any]


class SqliteInspector:
    """Reads one file and changes nothing in it; SQLite itself rolls back what a killed writer left half-written."""

    def __init__(self, name: str, *, path: Path, escrow: Escrow, token_key: Callable[[], bytes]) -> None:
        self._name = name
        self._path = path
        self._escrow = escrow
        self._token_key = token_key

    def identity(self) -> str:
        """The file's real path and its number."""
        with self._reading() as connection:
            (found,) = [row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main"]
        real = Path(found).resolve()
        return f"SQLite file {real}, number {real.stat().st_ino}"

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        with self._reading() as connection:
            columns = _columns(connection, order)
            fields = [index for index, (name, _) in enumerate(columns) if name in order.fields]
            rows = _rows(connection, order, batch, columns)
            if order.generalised:
                encoding = connection.execute("PRAGMA encoding").fetchone()[0]
                live = (
                    [_as_planned(*row[index], encoding) for index in _places(columns, order.fields)] for row in rows
                )
                return Judge(order, dict(columns), self._token_key).whole(live)
            if order.act is Act.MINIMISE:
                return sum(any(row[index] not in {("null", None), ("text", b"")} for index in fields) for row in rows)
            return sum(1 for _ in rows)

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch whose values, with the names and types of the fields, have the planned digest."""
        planned = set(batch.keys.column(CONTENT).to_pylist())
        with self._reading() as connection:
            columns = _columns(connection, order)
            return sum(_digest(columns, row) in planned for row in _rows(connection, order, batch, columns))

    def set_aside(self, order: Order, batch: Batch) -> int:
        """The rows that are left over before a purge are those that could be restored.

        Of rows in escrow, planned ones in the file that the journal names, as far as it holds nothing else. Of fields
        of which something stays, rows whose values are in quarantine, and of which exactly that is live.
        """
        if order.method is Method.ESCROW_ROWS:
            return self._in_escrow(order, batch)
        if not order.generalised:
            return self.leftovers(order, batch)
        with self._reading() as connection:
            columns = _columns(connection, order)
            encoding = connection.execute("PRAGMA encoding").fetchone()[0]
            key = [name for name in batch.keys.column_names if name != CONTENT]
            firsts, lasts = _places(columns, key), _places(columns, order.fields)
            live = [
                (tuple(row[index] for index in firsts), [_as_planned(*row[index], encoding) for index in lasts])
                for row in _rows(connection, order, batch, columns)
            ]
            pieces = ", ".join(map(_pair, (*key, *order.fields)))
            aside = [
                (tuple(pairs[: len(key)]), [_as_planned(*pair, encoding) for pair in pairs[len(key) :]])
                for name in _aside_tables(connection, order)
                for row in connection.execute(
                    f"SELECT {pieces} FROM {_quoted(name)} WHERE +winddown_batch = {batch.index}"
                )
                for pairs in [list(zip(row[::2], row[1::2], strict=True))]
            ]
        return Judge(order, dict(columns), self._token_key).as_asked(live, aside)

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count the batch's rows in every table that has our column and ends with the order's digest, or its files.

        Files in escrow are counted whether the journal knows them or not.
        """
        if order.method is Method.ESCROW_ROWS:
            return len(self._escrow.names(order.id, batch.index))
        with self._reading() as connection:
            return sum(
                sum(
                    number == batch.index
                    for (number,) in connection.execute(f"SELECT +winddown_batch FROM {_quoted(name)}")
                )
                for name in _aside_tables(connection, order)
            )

    def _in_escrow(self, order: Order, batch: Batch) -> int:
        with self._reading() as connection:
            columns = _columns(connection, order)
            name = _escrow_name(connection, order, batch)
        if not name:
            return 0
        try:
            found = Counter(_digest(columns, list(_stored(row))) for row in self._escrow.records(order.id, batch, name))
        except Refused:
            return 0
        planned = Counter(batch.keys.column(CONTENT).to_pylist())
        return (found & planned).total() if found.total() == planned.total() else 0

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Say that programs may write while a table lacks one of the triggers of a freeze; a file knows no users."""
        triggers = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)"
        with self._reading() as connection:
            for ref in collections:
                written = connection.execute(triggers, (ref.name.partition(".")[2],)).fetchall()
                refusing = [sql for (sql,) in written if "RAISE(ABORT, 'frozen by winddown')" in sql]
                if not all(
                    any(f"BEFORE {act} ON" in sql for sql in refusing) for act in ("INSERT", "UPDATE", "DELETE")
                ):
                    return (_ANYBODY,)
        return ()

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Programs that may read the file, whatever the tables."""
        return ("programs that may read the file",) if collections else ()

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:  # noqa: ARG002
        """Search the file with its log, journal and shared memory; pages are not told apart by tables."""
        real = self._path.resolve()
        beside = [real.with_name(real.name + suffix) for suffix in _BESIDE]
        return search_paths(beside, probes, medium="the database file and the files beside it", folder=real.parent)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            raise Refused(f"the inspector of store {self._name} finds no file where its connection points")
        connection = None
        try:
            self._roll_back()
            connection = self._connected("ro")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("BEGIN")
            yield connection
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "unknown")
            raise Transient(f"the inspector of store {self._name} failed ({name})") from None
        finally:
            if connection is not None:
                connection.close()

    def _roll_back(self) -> None:
        """Open a file that has a journal for writing and read: who cannot write would be refused for ever."""
        real = self._path.resolve()
        with suppress(FileNotFoundError, sqlite3.OperationalError):
            if real.with_name(f"{real.name}-journal").stat().st_size:
                with closing(self._connected("rw")) as connection:
                    connection.execute("SELECT 1 FROM sqlite_schema").fetchone()

    def _connected(self, mode: str) -> sqlite3.Connection:
        address = f"file:{quote(str(self._path.resolve()))}?mode={mode}"
        return sqlite3.connect(address, uri=True, timeout=10, isolation_level=None)


def _aside_tables(connection: sqlite3.Connection, order: Order) -> list[str]:
    """Tables that have our column and end with the order's digest."""
    ending = hashlib.sha256(str(order.id).encode()).hexdigest()[:24]
    ours = (
        "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c ON c.name = 'winddown_batch' "
        "WHERE m.type = 'table'"
    )
    return [name for (name,) in connection.execute(ours).fetchall() if name.endswith(ending)]


def _escrow_name(connection: sqlite3.Connection, order: Order, batch: Batch) -> str:
    """The file that the journal names; "" when the batch is not in escrow."""
    known = connection.execute("SELECT count(*) FROM pragma_table_info('winddown_journal') WHERE name = 'escrow'")
    if known.fetchone() != (1,):
        return ""
    query = "SELECT escrow FROM winddown_journal WHERE order_id = ? AND batch = ? AND state = 'quarantined'"
    found = connection.execute(query, (str(order.id), batch.index)).fetchone()
    return "" if found is None else str(found[0])


def _stored(row: bytes) -> Iterator[Pair]:
    """Kind and bytes of each value of a row in escrow, where length and bytes follow the kind."""
    rest = memoryview(row)
    while rest:
        head = bytes(rest[:32]).split(b" ")
        begin = len(head[0]) + len(head[1]) + 2
        end = begin + int(head[1])
        yield head[0].decode(), bytes(rest[begin:end])
        rest = rest[end:]


def _places(columns: Sequence[tuple[str, str]], names: Sequence[str]) -> list[int]:
    known = [name for name, _ in columns]
    return [known.index(name) for name in names]


def _columns(connection: sqlite3.Connection, order: Order) -> list[tuple[str, str]]:
    """Name and declared type of each field."""
    query = "SELECT name, type FROM pragma_table_xinfo(?) ORDER BY cid"
    return connection.execute(query, (order.collection.name.partition(".")[2],)).fetchall()


def _rows(
    connection: sqlite3.Connection, order: Order, batch: Batch, columns: Sequence[tuple[str, str]]
) -> Iterator[list[Pair]]:
    """Yield kind and value of each field of the rows that the batch names; every row of the table is looked at."""
    named = [name for name in batch.keys.column_names if name != CONTENT]
    wanted = set(zip(*(batch.keys.column(name).to_pylist() for name in named), strict=True))
    encoding = connection.execute("PRAGMA encoding").fetchone()[0]

    def is_named(*pairs: Any) -> bool:
        found = (_as_planned(kind, value, encoding) for kind, value in zip(pairs[::2], pairs[1::2], strict=True))
        return tuple(found) in wanted

    connection.create_function("winddown_is_named", 2 * len(named), is_named)
    pieces = ", ".join(_pair(name) for name, _ in columns)
    table = _quoted(order.collection.name.partition(".")[2])
    _list_firsts(connection, {key[0] for key in wanted})
    first = _quoted(named[0])
    # What is a number or a text is looked up in the list by the engine, which is faster; the rest decides here.
    maybe = f"typeof({first}) NOT IN ('integer', 'text') OR CAST({first} AS TEXT) IN (SELECT text FROM temp.firsts)"
    condition = f"({maybe}) AND winddown_is_named({', '.join(map(_pair, named))})"
    for row in connection.execute(f"SELECT {pieces} FROM {table} NOT INDEXED WHERE {condition}"):
        yield list(zip(row[::2], row[1::2], strict=True))


def _list_firsts(connection: sqlite3.Connection, texts: set[str]) -> None:
    """List the first fields of the planned keys, also as an older program may have written them, in memory."""
    connection.execute("CREATE TEMP TABLE firsts (text TEXT COLLATE BINARY)")
    connection.executemany("INSERT INTO temp.firsts VALUES (CAST(? AS TEXT))", ((form,) for form in _forms(texts)))


def _forms(texts: set[str]) -> Iterator[str | bytes]:
    for text in texts:
        with suppress(UnicodeEncodeError):
            text.encode()
            yield text
        if not text.isascii():
            with suppress(UnicodeEncodeError):
                yield text.encode("gb18030", "surrogateescape")


def _pair(name: str) -> str:
    column = _quoted(name)
    return f"typeof({column}), CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"


def _as_planned(kind: str, value: Any, encoding: str) -> str | None:
    """A key's value as it is written in plans."""
    if kind == "text":
        if encoding != "UTF-8":
            return str(value.decode(encoding.replace("UTF-16", "utf-16-")))
        try:
            return str(value.decode())
        except UnicodeDecodeError:
            return str(value.decode("gb18030", "surrogateescape"))
    if kind == "blob":
        return base64.standard_b64encode(value).decode("ascii")
    return None if value is None else repr(value)


def _digest(columns: Sequence[tuple[str, str]], row: Sequence[Pair]) -> str:
    """The digest that binds a row: names and types first, then kind, length and bytes of each value, in parts."""
    found = hashlib.sha256("\n".join(f"{name} {_type(kind)}" for name, kind in columns).encode()).hexdigest()
    for start in range(0, len(row), _PART):
        written = [found.encode()]
        for kind, value in row[start : start + _PART]:
            raw = _raw(kind, value)
            written += [kind.encode(), b" ", str(len(raw)).encode(), b" ", raw]
        found = hashlib.sha256(b"".join(written)).hexdigest()
    return found


def _raw(kind: str, value: Any) -> bytes:
    if isinstance(value, bytes):  # of any kind in escrow
        return value
    if kind == "real":
        return struct.pack("!d", value)
    return b"" if kind == "null" else b"%d" % value


def _type(declared: str) -> str:
    """A declared type as inventories show it: words that do not look like one are not repeated."""
    if not declared:
        return "any"
    return declared if _TYPE.fullmatch(declared) else "other"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
