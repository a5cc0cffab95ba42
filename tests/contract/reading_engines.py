"""The engines of the suite of discovery and reading: how each is reached by its owner and by the product."""

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pymysql
from sqlalchemy import make_url

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.ports import Store
from winddown.stores.sql.postgresql import PostgresStore
from winddown.stores.sql.readable import ReadableStore

from .postgresql_subject import Database, no_escrow, no_tokens
from .reading_subject import ReadingSubject, Types

NAME, CLOSED_PORT = "read_db", 9


def opened(kind: str, url: str) -> Store:
    """As the composition root opens it."""
    return ReadableStore(NAME, source=bootstrap._source(NAME, kind, ConnectionParameters(url=url)))


class PostgresReading(ReadingSubject):
    def __init__(self, database: Database) -> None:
        self._admin, self._database = database.admin, database
        self.schema = f"read_{secrets.token_hex(4)}"
        self.store = self._open(database.connections["contract_db"].url)
        self.run(f"CREATE SCHEMA {self.schema}")
        self.create()
        self.run(f"GRANT USAGE ON SCHEMA {self.schema} TO winddown_contract_reader")
        self.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {self.schema} TO winddown_contract_reader")
        self.run(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {self.schema} GRANT SELECT ON TABLES TO winddown_contract_reader")

    def _open(self, url: str) -> Store:
        engine = bootstrap._engine(ConnectionParameters(url=url))
        return PostgresStore(NAME, reader=engine, unlock=lambda _: engine, escrow=no_escrow(), tokens=no_tokens())

    def run(self, statement: str, rows: Sequence[tuple[Any, ...]] = ()) -> None:
        if not rows:
            self._admin.execute(statement.encode())
            return
        place = statement.rindex("VALUES")
        values = statement[place:].replace("?", "%s")
        with self._admin.cursor() as cursor:
            cursor.executemany((statement[:place].replace("%", "%%") + values).encode(), list(rows))

    def quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def close(self) -> None:
        self.run(f"DROP SCHEMA {self.schema} CASCADE")

    def unreachable(self) -> Store:
        return self._open(f"postgresql://nobody:secret@127.0.0.1:{CLOSED_PORT}/{self.schema}")

    def refusing(self) -> Store:
        return self._open(self._wrong())

    def _wrong(self) -> str:
        url = make_url(self._database.connections["contract_db"].url)
        return url.set(username="nobody_here", password="wrong").render_as_string(hide_password=False)

    def sessions(self) -> int:
        # One that is idle is kept open for the next reading, and closed by the server after a while.
        query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'winddown_contract_reader' AND state <> 'idle'"
        row = self._admin.execute(query).fetchone()
        return int(row[0]) if row else 0


class GenericReading(PostgresReading):
    """The generic module, over the same server."""

    tells_view_tables = False

    def _open(self, url: str) -> Store:
        return opened("sql", url.replace("postgresql://", "postgresql+psycopg://"))


class MariaReading(ReadingSubject):
    types = Types(
        text="varchar(200) CHARACTER SET utf8mb4",
        bytes="longblob",
        decimal="decimal(12, 2)",
        time="datetime",
        float="double",
        long="longtext CHARACTER SET utf8mb4",
        key_text="varchar(50)",
    )

    def __init__(self, admin_url: str) -> None:
        self._url = make_url(admin_url)
        self.schema = f"read_{secrets.token_hex(4)}"
        self._admin = self._connect()
        self._password = secrets.token_urlsafe(12)
        self.run(f"CREATE DATABASE {self.schema}")
        self.run(f"CREATE USER '{self.schema}'@'%' IDENTIFIED BY '{self._password}'")
        self.run(f"GRANT SELECT, SHOW VIEW ON {self.schema}.* TO '{self.schema}'@'%'")
        self.store = opened("mysql", self._reader_url(self._password))
        self.create()

    def _connect(self) -> Any:
        return pymysql.connect(
            ssl_disabled=True,
            host=self._url.host or "127.0.0.1",
            port=self._url.port or 3306,
            user=self._url.username or "root",
            password=self._url.password or "",
            autocommit=True,
            max_allowed_packet=1 << 26,
        )

    def _reader_url(self, password: str, port: int | None = None) -> str:
        url = self._url.set(username=self.schema, password=password, database=self.schema)
        url = url.set(port=port or self._url.port, drivername="mysql")
        return url.render_as_string(hide_password=False)

    def run(self, statement: str, rows: Sequence[tuple[Any, ...]] = ()) -> None:
        place = statement.rindex("VALUES") if rows else len(statement)
        with self._admin.cursor() as cursor:
            if not rows:
                cursor.execute(statement)
            else:
                values = statement[place:].replace("?", "%s")
                cursor.executemany(statement[:place].replace("%", "%%") + values, list(rows))

    def quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def close(self) -> None:
        self.run(f"DROP DATABASE {self.schema}")
        self.run(f"DROP USER '{self.schema}'@'%'")
        self._admin.close()

    def unreachable(self) -> Store:
        return opened("mysql", self._reader_url("secret", CLOSED_PORT))

    def refusing(self) -> Store:
        return opened("mysql", self._reader_url("wrong"))

    def sessions(self) -> int:
        with self._admin.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM information_schema.processlist WHERE user = %s", (self.schema,))
            return int(cursor.fetchone()[0])


class SqliteReading(ReadingSubject):
    schema = "main"
    numbers_rows = True
    types = Types(number="INTEGER", bytes="BLOB", decimal="text")  # NUMERIC would turn 12.50 into 12.5

    def __init__(self, folder: Path) -> None:
        self._path = folder / "a 100% file?#.sqlite"
        self._owner = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1)
        self.store = self._open(self._path)
        self.create()

    def _open(self, path: Path) -> Store:
        url = f"sqlite:///{path}".replace("%", "%25").replace("?", "%3F").replace("#", "%23")
        return opened("sqlite", url)

    def run(self, statement: str, rows: Sequence[tuple[Any, ...]] = ()) -> None:
        if not rows:
            self._owner.execute(statement)
            return
        self._owner.execute("BEGIN")
        self._owner.executemany(statement, list(rows))
        self._owner.execute("COMMIT")

    def reference(self, clause: str) -> str:
        return clause.replace(f"{self.quoted(self.schema)}.", "")

    def quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def close(self) -> None:
        self._owner.close()

    def refusing(self) -> Store:
        return self._open(self._path.with_name("missing.sqlite"))


class DuckReading(ReadingSubject):
    schema = "main"
    types = Types(bytes="BLOB", decimal="DECIMAL(12, 2)", float="DOUBLE", time="TIMESTAMP")
    tells_view_tables = False

    def __init__(self, folder: Path) -> None:
        self._path = folder / "a 100% file.duckdb"
        self.store = opened("duckdb", f"duckdb:///{self._path}".replace("%", "%25"))
        self.create()

    def run(self, statement: str, rows: Sequence[tuple[Any, ...]] = ()) -> None:
        with duckdb.connect(str(self._path)) as owner:
            if rows:
                owner.execute("BEGIN")
                owner.executemany(statement, [list(row) for row in rows])
                owner.execute("COMMIT")
            else:
                owner.execute(statement)

    def fill_many(self) -> None:
        self.run(f"CREATE TABLE {self.table('many')} (id BIGINT NOT NULL PRIMARY KEY, mobile VARCHAR)")
        self.run(f"INSERT INTO {self.table('many')} SELECT i, '138' || lpad(i::text, 8, '0') FROM range(50001) t(i)")

    def quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def close(self) -> None:
        self._path.unlink()

    def refusing(self) -> Store:
        return opened("duckdb", f"duckdb:///{self._path.with_name('missing.duckdb')}".replace("%", "%25"))
