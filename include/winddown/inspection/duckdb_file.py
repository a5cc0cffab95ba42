"""Looks into a DuckDB file by another path: attached read-only, keys compared outside the engine, and raw bytes.

Shares no code with the store. The keys of every row are taken out of the file and matched by Polars; digests are
computed anew in Python from the single values. Reading the file's bytes needs that nobody in this process holds the
file open meanwhile: closing it would drop their locks.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from winddown.archive.escrow import Escrow
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order
from winddown.inspection.forms import Judge, Row
from winddown.inspection.raw_bytes import search_paths
from winddown.ports import ByteSearch

_ATTEMPTS = 50
_LOCKED = (duckdb.IOException, duckdb.ConnectionException)
_ANYBODY = "programs that may write the file"


class DuckDbInspector:
    """Reads one file and changes nothing in it."""

    def __init__(self, name: str, *, path: Path, escrow: Escrow, token_key: Callable[[], bytes]) -> None:
        self._name = name
        self._path = path
        self._escrow = escrow
        self._token_key = token_key

    def identity(self) -> str:
        """The real path of the file that the engine opens."""
        with self._reading() as connection:
            query = "SELECT file FROM pragma_database_list WHERE file IS NOT NULL"
            ((file,),) = connection.execute(query).fetchall()
        return f"DuckDB file {Path(file).resolve()}"

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        with self._reading() as connection:
            numbers = _numbers(connection, order, batch)
            if order.generalised:
                live = _texts(connection, order, batch, numbers)
                return Judge(order, dict(_columns(connection, order)), self._token_key).whole(row for _, row in live)
            if order.act is not Act.MINIMISE or not numbers:
                return len(numbers)
            full = " OR ".join(f"coalesce(CAST({_quoted(name)} AS VARCHAR), '') <> ''" for name in order.fields)
            found = connection.execute(
                f"SELECT count(*) FROM {_table(order)} WHERE list_contains(?, rowid) AND ({full})", [numbers]
            ).fetchone()
            return int(found[0]) if found is not None else 0

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch whose values, with the names and types of the fields, have the planned digest."""
        planned = set(batch.keys.column(CONTENT).to_pylist())
        with self._reading() as connection:
            numbers = _numbers(connection, order, batch)
            columns = _columns(connection, order)
            values = ", ".join(
                _quoted(name) if kind == "BLOB" else f"CAST({_quoted(name)} AS VARCHAR)" for name, kind in columns
            )
            query = f"SELECT {values} FROM {_table(order)} WHERE rowid IN (SELECT unnest(CAST(? AS BIGINT[])))"
            return sum(_digest(columns, row) in planned for row in connection.execute(query, [numbers]).fetchall())

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
            types = dict(_columns(connection, order))
            live = _texts(connection, order, batch, _numbers(connection, order, batch))
            columns = _key_and_fields(order, batch)
            aside = [
                row
                for schema, name in _aside_tables(connection, order)
                for row in _split(
                    connection.execute(
                        f"SELECT {columns} FROM {_quoted(schema)}.{_quoted(name)} WHERE winddown_batch = ?",
                        [batch.index],
                    ).fetchall(),
                    order,
                )
            ]
        return Judge(order, types, self._token_key).as_asked(live, aside)

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count the batch's rows in every table that has our column and ends with the order's digest, or its files.

        Files in escrow are counted whether the journal knows them or not.
        """
        if order.method is Method.ESCROW_ROWS:
            return len(self._escrow.names(order.id, batch.index))
        with self._reading() as connection:
            return sum(
                number == batch.index
                for schema, name in _aside_tables(connection, order)
                for (number,) in connection.execute(
                    f"SELECT winddown_batch FROM {_quoted(schema)}.{_quoted(name)}"
                ).fetchall()
            )

    def _in_escrow(self, order: Order, batch: Batch) -> int:
        with self._reading() as connection:
            columns = _columns(connection, order)
            name = _escrow_name(connection, order, batch)
        if not name:
            return 0
        begun = _shape(columns)
        try:
            rows = self._escrow.records(order.id, batch, name)
            found = Counter(hashlib.sha256(begun + row).hexdigest() for row in rows)
        except Refused:
            return 0
        planned = Counter(batch.keys.column(CONTENT).to_pylist())
        return (found & planned).total() if found.total() == planned.total() else 0

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Programs that may write the file: nothing in it stops them."""
        return (_ANYBODY,) if collections else ()

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Programs that may read the file, whatever the tables."""
        return ("programs that may read the file",) if collections else ()

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:  # noqa: ARG002
        """Search the file and all files beside it whose names begin with its own: logs, copies, what was spilled."""
        real = self._path.resolve()
        beside = (path for path in sorted(real.parent.iterdir()) if path.name.startswith(real.name))
        files = (file for path in beside for file in ([path] if path.is_file() else sorted(path.rglob("*"))))
        medium = "the database file and the files beside it"
        return search_paths((file for file in files if file.is_file()), probes, medium=medium, folder=real.parent)

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self._path.exists():
            raise Refused(f"the inspector of store {self._name} finds no file where its connection points")
        connection = None
        try:
            connection = self._opened()
            yield connection
        except duckdb.Error as error:
            raise Transient(f"the inspector of store {self._name} failed ({type(error).__name__})") from None
        finally:
            if connection is not None:
                connection.close()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """Open the file; whoever writes it is waited for a few seconds."""
        config: dict[str, Any] = {"enable_external_access": False, "autoload_known_extensions": False}
        config |= {"autoinstall_known_extensions": False, "memory_limit": "256MB", "threads": 1}
        for _ in range(_ATTEMPTS):
            try:
                return duckdb.connect(str(self._path), read_only=True, config=config)
            except _LOCKED:
                time.sleep(0.1)
        return duckdb.connect(str(self._path), read_only=True, config=config)


def _aside_tables(connection: duckdb.DuckDBPyConnection, order: Order) -> list[tuple[str, str]]:
    """Schema and name of tables that have our column and end with the order's digest."""
    ending = hashlib.sha256(str(order.id).encode()).hexdigest()[:24]
    ours = "SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = 'winddown_batch'"
    return [(schema, name) for schema, name in connection.execute(ours).fetchall() if name.endswith(ending)]


def _texts(connection: duckdb.DuckDBPyConnection, order: Order, batch: Batch, numbers: list[int]) -> list[Row]:
    """Keys and the order's fields, as text, of rows by their numbers."""
    query = f"SELECT {_key_and_fields(order, batch)} FROM {_table(order)}"
    rows = connection.execute(f"{query} WHERE rowid IN (SELECT unnest(CAST(? AS BIGINT[])))", [numbers]).fetchall()
    return list(_split(rows, order))


def _key_and_fields(order: Order, batch: Batch) -> str:
    key = [name for name in batch.keys.column_names if name != CONTENT]
    return ", ".join(f"CAST({_quoted(name)} AS VARCHAR)" for name in (*key, *order.fields))


def _split(rows: Iterable[Sequence[Any]], order: Order) -> Iterator[Row]:
    """Rows as key and fields."""
    for row in rows:
        yield tuple(row[: -len(order.fields)]), tuple(row[-len(order.fields) :])


def _escrow_name(connection: duckdb.DuckDBPyConnection, order: Order, batch: Batch) -> str:
    """The file that the journal names; "" when the batch is not in escrow."""
    known = "SELECT table_name FROM information_schema.columns WHERE column_name = 'escrow'"
    if ("winddown_journal",) not in connection.execute(known).fetchall():
        return ""
    query = "SELECT escrow FROM winddown_journal WHERE order_id = ? AND batch = ? AND state = 'quarantined'"
    found = connection.execute(query, [str(order.id), batch.index]).fetchone()
    return "" if found is None else str(found[0])


def _numbers(connection: duckdb.DuckDBPyConnection, order: Order, batch: Batch) -> list[int]:
    """Numbers of the rows that the batch names; the key of every row of the table is looked at."""
    kinds = dict(_columns(connection, order))
    named = [name for name in batch.keys.column_names if name != CONTENT]
    wanted = pl.from_arrow(batch.keys.select(named))
    assert isinstance(wanted, pl.DataFrame)  # noqa: S101 - of a table
    wanted = wanted.rename({name: f"c{index}" for index, name in enumerate(named)}).cast(pl.String)
    texts = ", ".join(
        (f"base64({_quoted(name)})" if kinds[name] == "BLOB" else f"{_quoted(name)}::VARCHAR") + f" AS c{index}"
        for index, name in enumerate(named)
    )
    reader: Any = connection.sql(f"SELECT rowid AS number, {texts} FROM {_table(order)}").to_arrow_reader(100_000)
    found: list[int] = []
    for part in reader:
        rows = pl.from_arrow(part)
        assert isinstance(rows, pl.DataFrame)  # noqa: S101 - of a record batch
        found += rows.join(wanted, on=wanted.columns, how="semi").get_column("number").to_list()
    return found


def _columns(connection: duckdb.DuckDBPyConnection, order: Order) -> list[tuple[str, str]]:
    """Name and type of each field, as inventories show them: without the labels that a type lists."""
    schema, _, name = order.collection.name.partition(".")
    query = (
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position"
    )
    return [(str(row[0]), _unlabelled(row[1])) for row in connection.execute(query, [schema, name]).fetchall()]


def _unlabelled(kind: str) -> str:
    parts = kind.replace("''", "").split("'")
    return "'…'".join(parts[::2])


def _digest(columns: Sequence[tuple[str, str]], row: Sequence[Any]) -> str:
    """The digest that binds a row: names and types first, then length and text of each value; bytes in hex."""
    written = [_shape(columns)]
    for value in row:
        if value is None:
            written.append(b" -")
            continue
        raw = value.hex().upper().encode() if isinstance(value, bytes) else str(value).encode()
        written.append(b" %d " % len(raw) + raw)
    return hashlib.sha256(b"".join(written)).hexdigest()


def _shape(columns: Sequence[tuple[str, str]]) -> bytes:
    return hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest().encode()


def _table(order: Order) -> str:
    schema, _, name = order.collection.name.partition(".")
    return f"{_quoted(schema)}.{_quoted(name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
