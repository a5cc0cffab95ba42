"""Private databases for the forensic table: how each is filled, how a plain DELETE is done, and what its files are.

Every place has a table of customers. The statements are those of any program; nothing here clears anything. Files are
told apart by asking the engine; one that it does not name is ``other`` with its name.
"""

import contextlib
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg
import pymysql
import sql_mariadb
from sqlalchemy import make_url

from winddown.demo.servers import EmbeddedPostgres

Row = tuple[str, str, int, str]
FIELDS = "id, address, mobile, note"
_INSERT = f"INSERT INTO {{table}} ({FIELDS}) VALUES ({{places}})"


class Place(Protocol):
    """One database with one table."""

    kind: str
    url: str
    collection: str

    @property
    def version(self) -> str:
        """What the engine says that it is."""
        ...

    def plant(self, rows: Sequence[Row]) -> None:
        """Create the table with an index on the address, fill it, and let the engine sample values if it does."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows as any program does, by one statement."""
        ...

    def settle(self) -> None:
        """Let the engine write everything to its files (checkpoint)."""
        ...

    def files(self) -> Mapping[Path, str]:
        """Every file of the database as it is now, with what it is."""
        ...


# -- PostgreSQL ------------------------------------------------------------------------------------------------------


class PostgresPlace:
    """The database of a cluster of the bench's own, which keeps its sample values uncompressed."""

    kind, collection = "postgresql", "shop.customers"

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self._data = data

    @property
    def version(self) -> str:
        """Number of the server."""
        return f"PostgreSQL {self._rows('SHOW server_version')[0][0]}"

    def plant(self, rows: Sequence[Row]) -> None:
        """As ``Place`` has it."""
        with psycopg.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("SET allow_system_table_mods = on")
            for number in range(1, 6):  # sample values are compressed otherwise, and would not be seen
                cursor.execute(f"ALTER TABLE pg_statistic ALTER stavalues{number} SET STORAGE EXTERNAL".encode())
            cursor.execute("CREATE SCHEMA shop")
            cursor.execute("CREATE TABLE shop.customers (id text PRIMARY KEY, address text, mobile bigint, note text)")
            cursor.execute("CREATE INDEX ON shop.customers (address)")
            with connection.transaction():
                cursor.executemany(_INSERT.format(table=self.collection, places="%s, %s, %s, %s").encode(), rows)
            cursor.execute("ANALYZE shop.customers")

    def delete(self, ids: Sequence[str]) -> None:
        """As ``Place`` has it."""
        with psycopg.connect(self.url) as connection:
            connection.execute("DELETE FROM shop.customers WHERE id = ANY(%s)", (list(ids),))

    def settle(self) -> None:
        """As ``Place`` has it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def files(self) -> Mapping[Path, str]:
        """As ``Place`` has it."""
        query = (
            "SELECT pg_relation_filepath(c.oid), CASE WHEN c.relname LIKE 'pg_statistic%' OR t.relname LIKE "
            "'pg_statistic%' THEN 'pg_statistic' WHEN n.nspname = 'pg_catalog' THEN c.relname "
            "WHEN n.nspname = 'pg_toast' THEN 'TOAST' WHEN c.relkind = 'i' THEN 'index' "
            "WHEN n.nspname LIKE 'winddown%' THEN 'quarantine heap' ELSE 'heap' END "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "LEFT JOIN pg_class t ON t.reltoastrelid = c.oid WHERE pg_relation_filepath(c.oid) IS NOT NULL"
        )
        named = {str(path): str(what) for path, what in self._rows(query)}
        folders = {"pg_wal": "WAL", "pg_stat": "statistics file", "pg_xact": "transaction states"}
        found = {}
        for path in _below(self._data):
            name = str(path.relative_to(self._data))
            relation = re.sub(r"(_(fsm|vm|init))?(\.[0-9]+)?$", "", name)
            top = name.partition("/")[0]
            is_log = path.suffix == ".log"
            found[path] = named.get(relation) or folders.get(top) or ("server log" if is_log else f"other: {name}")
        return found

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Place]:
    """A new embedded PostgreSQL."""
    server = EmbeddedPostgres(folder / "data")
    try:
        yield PostgresPlace(server.start(), folder / "data")
    finally:
        server.stop()


# -- MariaDB ---------------------------------------------------------------------------------------------------------

_FLUSH_SECONDS = 60
_SERVER = (
    "--innodb-log-file-size=16M",
    "--log-bin",
    "--server-id=7",
    "--performance-schema=ON",
    "--histogram-type=JSON_HB",
)


class MariaPlace:
    """A database of a server of the bench's own, which writes a binary log and whose histograms hold values."""

    kind, collection = "mysql", "shop.customers"

    def __init__(self, url: str) -> None:
        self.url = f"{url}/shop"
        self._address = make_url(url)

    @property
    def version(self) -> str:
        """What the server says."""
        return f"MariaDB {str(self._rows('SELECT version()')[0][0]).partition('-')[0]}"

    def plant(self, rows: Sequence[Row]) -> None:
        """As ``Place`` has it."""
        with self._connected() as cursor:
            cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
            cursor.execute(
                "CREATE TABLE shop.customers (id varchar(40) PRIMARY KEY, address varchar(60), mobile bigint, "
                "note longtext, KEY (address)) ENGINE = InnoDB"
            )
            cursor.execute("START TRANSACTION")
            cursor.executemany(_INSERT.format(table=self.collection, places="%s, %s, %s, %s"), rows)
            cursor.execute("COMMIT")
            cursor.execute("ANALYZE TABLE shop.customers PERSISTENT FOR ALL")

    def delete(self, ids: Sequence[str]) -> None:
        """As ``Place`` has it."""
        with self._connected() as cursor:
            cursor.execute("DELETE FROM shop.customers WHERE id IN %s", (tuple(ids),))

    def settle(self) -> None:
        """As ``Place`` has it."""
        with self._connected() as cursor:
            cursor.execute("SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0, innodb_max_dirty_pages_pct = 0")
            deadline = time.monotonic() + _FLUSH_SECONDS
            while int(self._rows("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")[0][1]):
                if time.monotonic() > deadline:
                    raise SystemExit("MariaDB did not write its pages to their files")
                time.sleep(0.1)
            cursor.execute("SET GLOBAL innodb_max_dirty_pages_pct = 90")

    def files(self) -> Mapping[Path, str]:
        """As ``Place`` has it."""
        said = dict(self._rows("SHOW GLOBAL VARIABLES"))
        data, binary = Path(said["datadir"]), Path(said["log_bin_basename"]).name
        tables = {f"{schema}/{name}" for schema, name in self._rows(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        )}  # fmt: skip
        starts = {
            "ibdata": "ibdata (undo, system tablespace)",
            "undo": "undo tablespace",
            "ib_logfile": "redo log",
            "ibtmp": "temporary tablespace",
            binary: "binary log",
            "aria_log": "Aria log",
        }
        found = {}
        for path in _below(data):
            name = str(path.relative_to(data))
            table = name.partition(".")[0]
            if table in tables:
                schema, _, own = table.partition("/")
                what = {"shop": "table's .ibd", "mysql": own}.get(schema, "quarantine .ibd")
            else:
                what = next((what for start, what in starts.items() if name.startswith(start)), f"other: {name}")
            found[path] = what
        return found

    @contextlib.contextmanager
    def _connected(self) -> Iterator[pymysql.cursors.Cursor]:
        connection = pymysql.connect(
            host=self._address.host, port=self._address.port or 3306, user=self._address.username, autocommit=True,
            charset="utf8mb4",
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            yield cursor

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._connected() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


@contextlib.contextmanager
def mariadb(folder: Path, *, scrubbing: str) -> Iterator[Place]:  # noqa: ARG001 - the server chooses a folder itself
    """A new MariaDB; ``scrubbing`` is its setting innodb_immediate_scrub_data_uncompressed, off or on."""
    options = (*_SERVER, f"--innodb-immediate-scrub-data-uncompressed={scrubbing}")
    with sql_mariadb.server(options=options) as url:
        yield MariaPlace(url)


# -- files -----------------------------------------------------------------------------------------------------------


class SqlitePlace:
    """A file in a journal mode, which the program that filled it keeps open."""

    kind, collection = "sqlite", "main.customers"

    def __init__(self, path: Path, mode: str) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path
        self._owner = sqlite3.connect(path, isolation_level=None)
        self._owner.execute(f"PRAGMA journal_mode = {mode}")
        self._owner.execute("PRAGMA secure_delete = OFF")

    @property
    def version(self) -> str:
        """Of the library."""
        return f"SQLite {sqlite3.sqlite_version}"

    def plant(self, rows: Sequence[Row]) -> None:
        """As ``Place`` has it."""
        self._owner.execute(
            "CREATE TABLE customers (id TEXT NOT NULL PRIMARY KEY, address TEXT, mobile INTEGER, note TEXT)"
        )
        self._owner.execute("CREATE INDEX by_address ON customers (address)")
        self._owner.execute("BEGIN")
        self._owner.executemany(_INSERT.format(table="customers", places="?, ?, ?, ?"), rows)
        self._owner.execute("COMMIT")
        self._owner.execute("ANALYZE")

    def delete(self, ids: Sequence[str]) -> None:
        """As ``Place`` has it."""
        self._owner.execute("BEGIN")
        self._owner.executemany("DELETE FROM customers WHERE id = ?", [(name,) for name in ids])
        self._owner.execute("COMMIT")

    def settle(self) -> None:
        """As ``Place`` has it."""
        self._owner.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def files(self) -> Mapping[Path, str]:
        """As ``Place`` has it."""
        return _beside(self._path, {"": "db file", "-journal": "journal", "-wal": "-wal", "-shm": "-shm"})

    def close(self) -> None:
        """Let go of the file."""
        self._owner.close()


class DuckDbPlace:
    """A file that is open only while something is done; its columns are not compressed, so that bytes can be seen."""

    kind, collection = "duckdb", "main.customers"

    def __init__(self, path: Path) -> None:
        self.url = f"duckdb:///{path}"
        self._path = path

    @property
    def version(self) -> str:
        """Of the library."""
        return f"DuckDB {duckdb.__version__}"

    def plant(self, rows: Sequence[Row]) -> None:
        """As ``Place`` has it."""
        with self._connected() as connection:
            connection.execute(
                "CREATE TABLE customers (id VARCHAR PRIMARY KEY, address VARCHAR, mobile BIGINT, note VARCHAR)"
            )
            connection.execute("CREATE INDEX by_address ON customers (address)")
            connection.execute("BEGIN")
            connection.executemany(_INSERT.format(table="customers", places="?, ?, ?, ?"), rows)
            connection.execute("COMMIT")

    def delete(self, ids: Sequence[str]) -> None:
        """As ``Place`` has it."""
        with self._connected() as connection:
            connection.execute("DELETE FROM customers WHERE list_contains(?, id)", [list(ids)])

    def settle(self) -> None:
        """As ``Place`` has it."""
        with self._connected() as connection:
            connection.execute("CHECKPOINT")

    def files(self) -> Mapping[Path, str]:
        """As ``Place`` has it."""
        return _beside(self._path, {"": "db file", ".wal": ".wal"})

    def _connected(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self._path))
        connection.execute("PRAGMA force_compression = 'uncompressed'")
        return connection


@contextlib.contextmanager
def sqlite(folder: Path, *, mode: str) -> Iterator[Place]:
    """A new SQLite file in a journal mode."""
    with contextlib.closing(SqlitePlace(folder / "customers.sqlite", mode)) as place:
        yield place


@contextlib.contextmanager
def duckdb_file(folder: Path) -> Iterator[Place]:
    """A new DuckDB file."""
    yield DuckDbPlace(folder / "customers.duckdb")


def _below(folder: Path) -> list[Path]:
    return sorted(path for root, _, names in os.walk(folder) for name in names if (path := Path(root) / name).is_file())


def _beside(path: Path, suffixes: Mapping[str, str]) -> dict[Path, str]:
    """A file and all others in its folder whose names begin with its own."""
    beside = [found for found in _below(path.parent) if found.name.startswith(path.name)]
    return {found: suffixes.get(found.name.removeprefix(path.name), f"other: {found.name}") for found in beside}


# -- which -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to run one engine: its name in the table, how a place is opened, and why it cannot be, or ``""``."""

    title: str
    opened: Callable[[Path], AbstractContextManager[Place]]
    lacking: str = ""

    @contextlib.contextmanager
    def fresh(self) -> Iterator[tuple[Place, Path]]:
        """Yield a new place, and a workspace beside it; both are gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="winddown-forensics-") as name:
            folder = Path(name)
            (folder / "workspace").mkdir()
            (folder / "place").mkdir()
            with self.opened(folder / "place") as place:
                yield place, folder / "workspace"


def engines() -> Mapping[str, Engine]:
    """Every way by the name of its figure, which begins with the engine's."""
    lacking = sql_mariadb.missing()
    scrubbing = "MariaDB, innodb_immediate_scrub_data_uncompressed = {}"
    return {
        "postgresql": Engine("PostgreSQL", postgres),
        **{
            name: Engine(scrubbing.format(value), partial(mariadb, scrubbing=value), lacking)
            for name, value in (("mariadb", "off"), ("mariadb_scrubbing", "on"))
        },
        **{
            f"sqlite_{mode}": Engine(f"SQLite, journal_mode = {mode}", partial(sqlite, mode=mode))
            for mode in ("delete", "persist", "wal")
        },
        "duckdb": Engine("DuckDB", duckdb_file),
    }
