"""A company with Chinook in one database of some engine, its case, and the plain driver by which an oracle looks."""

import hashlib
import json
import re
import secrets
import sqlite3
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pymysql
from psycopg import sql
from sqlalchemy import make_url

from conftest import CompanyCase, DrivenCase, Servers
from winddown.demo.case_file import HOLD_LIST, write_case, write_private
from winddown.demo.company import found
from winddown.demo.people import draw_cast
from winddown.demo.roles import grant
from winddown.demo.schema import OWN_SCHEMAS
from winddown.demo.truth import BACKUP_DIGESTS

from . import chinook

STORE = "shop_db"
DEPLOYMENT = Path(__file__).parents[2] / "docs" / "deployment.md"
TOTALS = (
    "CREATE VIEW totals AS SELECT c.full_name, count(*) AS invoices FROM chinook_customer c "
    "JOIN chinook_invoice i ON i.customer_id = c.id GROUP BY c.full_name"
)
SUFFIXES = {"": "reader", "__mark": "marker", "__purge": "purger", "__inspect": "inspector"}
# Everything of PostgreSQL's schema that is no row.
SHAPE = """
    SELECT 'column', attrelid::regclass || '.' || attname,
           concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
                     pg_get_expr(adbin, adrelid))
      FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
      JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = 'shop'::regnamespace AND attnum > 0
    UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname,
           concat_ws(' ', pg_get_constraintdef(oid), convalidated)
      FROM pg_constraint WHERE connamespace = 'shop'::regnamespace
    UNION ALL SELECT 'index', indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid)
      FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'shop'::regnamespace
    UNION ALL SELECT 'sequence', sequencename, s::text FROM pg_sequences s WHERE schemaname = 'shop'
    UNION ALL SELECT 'relation', c.oid::regclass::text, concat_ws(' ', relkind, relowner::regrole, relpersistence)
      FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace
    UNION ALL SELECT 'view', c.oid::regclass::text, pg_get_viewdef(c.oid)
      FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace AND relkind IN ('v', 'm')
    UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled)
      FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'shop'::regnamespace
       AND NOT tgisinternal
"""
Rows = dict[str, dict[str, int]]


class Shop(ABC):
    """Chinook in the store ``shop_db``.

    Attributes:
        schema: what stands before a table's name, in the case and in the engine.
        text: the type that a value is cast to for its text.
    """

    company: DrivenCase
    schema: str
    text = "text"

    @abstractmethod
    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement of the owner's."""

    @abstractmethod
    def tables(self) -> list[str]:
        """Names of all tables of the schema, with whatever else has rows of its own."""

    @abstractmethod
    def values(self, table: str, condition: str) -> list[tuple[Any, ...]]:
        """Every value of the rows for which the condition is true, so that other bytes or another kind show."""

    @abstractmethod
    def shape(self) -> set[tuple[Any, ...]]:
        """Everything of the schema that is no row."""

    def rows(self, *, but: dict[str, str] | None = None) -> Rows:
        """How often each row stands in each table, by a digest; rows that meet a condition are left out."""
        return {
            name: dict(
                Counter(
                    hashlib.sha256(repr(row).encode()).hexdigest()
                    for row in self.values(name, f"NOT ({(but or {}).get(name, '1 = 0')})")
                )
            )
            for name in self.tables()
        }

    def vouchers(self) -> set[tuple[Any, ...]]:
        """Number, day and amount of each invoice of a customer who is not held, as archives write them."""
        text = f'CAST(id AS {self.text}), CAST("InvoiceDate" AS {self.text}), "Total"'
        return set(self.query(f"SELECT {text} FROM {self.schema}.chinook_invoice WHERE customer_id % 2 = 0"))


class PostgresShop(Shop):
    """Chinook in the place of the demonstration's tables, with the demonstration's people, roles, bucket and backup."""

    schema = "shop"
    words = chinook.Words("serial PRIMARY KEY", "timestamp with time zone", "%s", "DEFERRABLE INITIALLY DEFERRED")

    def __init__(self, servers: Servers, directory: Path, *, held: Sequence[int], more: str = "") -> None:
        servers.empty()
        found(
            customers=20, seed=1, postgres_admin_url=servers.postgres.admin_url(),
            s3=servers.files.address(), directory=directory,
        )  # fmt: skip
        self.company: CompanyCase = CompanyCase(directory, servers, grace_seconds=1)
        with self.company.database() as connection, connection.cursor() as cursor:
            for schema in OWN_SCHEMAS:
                cursor.execute(f"CREATE SCHEMA {schema} AUTHORIZATION shop_owner".encode())
            cursor.execute(b"SET ROLE shop_owner; SET search_path = shop; SET TimeZone = UTC")
            for statement in chinook.tables(self.words, more=False):
                cursor.execute(statement.encode())
            for statement, rows in chinook.rows(self.words, more=False):
                cursor.executemany(statement.encode(), rows)
            for name in chinook.TABLES:
                table = chinook.PREFIX + name
                cursor.execute(f"SELECT setval('{table}_id_seq', max(id)) FROM {table}".encode())
            cursor.execute(more.encode())
            cursor.execute(b"RESET ROLE")
            grant(connection)
        write_holds(directory, held)
        self.company.edit(lambda raw: chinook.describe(raw, f"{STORE}:shop"))
        key = "backups/shop.dump"
        self.company.put(key, b"-")
        (directory / BACKUP_DIGESTS).write_text(json.dumps({key: ""}))
        self.company.back_up()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self.company.database() as connection:
            connection.execute("SET TimeZone = 'Asia/Shanghai'")
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    def tables(self) -> list[str]:
        named = "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'm')"
        return [name for (name,) in self.query(named)]

    def values(self, table: str, condition: str) -> list[tuple[Any, ...]]:
        with self.company.database() as connection:
            query = sql.SQL("SELECT md5(t::text) FROM shop.{} t WHERE {}")
            return connection.execute(query.format(sql.Identifier(table), sql.SQL(condition))).fetchall()

    def shape(self) -> set[tuple[Any, ...]]:
        return set(self.query(SHAPE))


class OwnShop(Shop):
    """A company whose only store is this one."""

    kind: str
    words: chinook.Words

    def __init__(self, directory: Path, *, held: Sequence[int]) -> None:
        write_case(directory, draw_cast(20, seed=1))
        self.company = DrivenCase(directory, grace_seconds=1)
        for statement in [*chinook.tables(self.words, more=True), TOTALS]:
            self.query(statement)
        for statement, rows in chinook.rows(self.words, more=True):
            self.insert(statement, rows)
        write_holds(directory, held)
        self.company.edit(self._describe)
        connections = {STORE + suffix: {"url": self.url(role)} for suffix, role in SUFFIXES.items()}
        write_private(directory / "connections.json", json.dumps(connections).encode())

    @abstractmethod
    def insert(self, statement: str, rows: list[list[Any]]) -> None:
        """Insert all rows in one transaction."""

    @abstractmethod
    def url(self, role: str) -> str:
        """The URL of the connection that the documents name by this role."""

    def _describe(self, raw: dict[str, Any]) -> None:
        raw["stores"] = [{"name": STORE, "kind": self.kind, "connection": STORE, "region": "cn-east"}]
        raw["register"] = []
        chinook.describe(raw, f"{STORE}:{self.schema}")


class SqliteShop(OwnShop):
    kind, schema = "sqlite", "main"
    words = chinook.Words(
        "INTEGER PRIMARY KEY AUTOINCREMENT", "datetime", "?", "DEFERRABLE INITIALLY DEFERRED",
        joined="firstname || ' ' || lastname", computed="STORED",
    )  # fmt: skip

    def __init__(self, directory: Path, *, held: Sequence[int]) -> None:
        self.path = directory.with_name("shop.sqlite")
        super().__init__(directory, held=held)

    def url(self, role: str) -> str:  # noqa: ARG002 - a file knows no users
        return "sqlite:///" + quote(str(self.path))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.path) as connection:
            found = connection.execute(statement).fetchall()
        connection.close()
        return found

    def insert(self, statement: str, rows: list[list[Any]]) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.executemany(statement, rows)
        connection.close()

    def tables(self) -> list[str]:
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'winddown%'"
        return [name for (name,) in self.query(names)]

    def values(self, table: str, condition: str) -> list[tuple[Any, ...]]:
        columns = self.query(f"SELECT name FROM pragma_table_xinfo('{table}')")
        quoted = ", ".join(f'quote("{name}")' for (name,) in columns)
        return self.query(f"SELECT rowid, {quoted} FROM {table} WHERE {condition}")

    def shape(self) -> set[tuple[Any, ...]]:
        return set(self.query("SELECT type, name, tbl_name, sql FROM sqlite_master"))


class DuckDbShop(OwnShop):
    kind, schema, text = "duckdb", "main", "varchar"
    words = chinook.Words(
        "integer PRIMARY KEY DEFAULT nextval('numbers')", "timestamp", "?", joined="firstname || ' ' || lastname"
    )

    def __init__(self, directory: Path, *, held: Sequence[int]) -> None:
        self.path = directory.with_name("shop.duckdb")
        self.query("CREATE SEQUENCE numbers START 100000")
        self.query("SELECT nextval('numbers')")
        super().__init__(directory, held=held)

    def url(self, role: str) -> str:  # noqa: ARG002 - a file knows no users
        return "duckdb:///" + quote(str(self.path))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(statement).fetchall()

    def insert(self, statement: str, rows: list[list[Any]]) -> None:
        # A statement takes DuckDB a millisecond and more. In the small tables rows refer to rows inserted before.
        head, places = statement.split(" VALUES ")
        size = 100 if len(rows) > 100 else 1
        with duckdb.connect(str(self.path)) as connection:
            connection.begin()
            for some in (rows[start : start + size] for start in range(0, len(rows), size)):
                values = [value for row in some for value in row]
                connection.execute(f"{head} VALUES {', '.join([places] * len(some))}", values)
            connection.commit()

    def tables(self) -> list[str]:
        return [name for (name,) in self.query("SELECT table_name FROM duckdb_tables()") if name[:8] != "winddown"]

    def values(self, table: str, condition: str) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT CAST(t AS varchar) FROM {table} t WHERE {condition}")

    def shape(self) -> set[tuple[Any, ...]]:
        shapes = [
            ("table", "table_name, sql FROM duckdb_tables()"),
            ("index", "index_name, sql FROM duckdb_indexes()"),
            ("view", "view_name, sql FROM duckdb_views() WHERE NOT internal"),
            ("constraint", "table_name, constraint_text FROM duckdb_constraints()"),
            ("sequence", "sequence_name, concat_ws(' ', sql, last_value) FROM duckdb_sequences()"),
        ]
        return {found for kind, query in shapes for found in self.query(f"SELECT '{kind}', {query}")}


class MySqlShop(OwnShop):
    kind, text = "mysql", "char"
    words = chinook.Words("integer AUTO_INCREMENT PRIMARY KEY", "datetime", "%s", computed="STORED")

    def __init__(self, admin_url: str, directory: Path, *, held: Sequence[int]) -> None:
        self._server = make_url(admin_url)
        self.schema = f"shop_{secrets.token_hex(4)}"
        self.run(f"CREATE DATABASE {self.schema} CHARACTER SET utf8mb4")
        self._accounts = self._admit()
        super().__init__(directory, held=held)

    def run(self, statement: str, rows: list[list[Any]] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, for each row when there are rows; values come as the server sends."""
        with pymysql.connect(
            host=self._server.host, port=self._server.port, user="root", ssl_disabled=True,
            conv=pymysql.converters.encoders, init_command="SET sql_mode = 'ANSI_QUOTES'",
        ) as connection, connection.cursor() as cursor:  # fmt: skip
            if getattr(self, "_accounts", None):
                cursor.execute(f"USE {self.schema}")
            if rows is None:
                cursor.execute(statement)
            else:
                cursor.executemany(statement, rows)
            connection.commit()
            return list(cursor.fetchall())

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return self.run(statement)

    def insert(self, statement: str, rows: list[list[Any]]) -> None:
        self.run(statement, rows)

    def url(self, role: str) -> str:
        place = self._server.set(username=self._user(role), password=self._accounts[role], database=self.schema)
        return place.set(drivername=self._driver()).render_as_string(hide_password=False)

    def tables(self) -> list[str]:
        names = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{self.schema}'"
        return [name for (name,) in self.query(f"{names} AND table_type = 'BASE TABLE'") if name[:8] != "winddown"]

    def values(self, table: str, condition: str) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT * FROM {table} WHERE {condition}")

    def shape(self) -> set[tuple[Any, ...]]:
        found = {tuple(self.query(f"SHOW CREATE TABLE {name}")[0]) for name in [*self.tables(), "totals"]}
        kinds = "SELECT 'table', table_name, table_type FROM information_schema.tables"
        found |= set(self.query(f"{kinds} WHERE table_schema = '{self.schema}'"))
        return found | {("grant", line) for (line,) in self.query(f"SHOW GRANTS FOR '{self._user('app')}'")}

    def _driver(self) -> str:
        return "mysql"

    def _user(self, role: str) -> str:
        return f"{self.schema}_app" if role == "app" else f"winddown_{self.schema}_{role}"

    def _admit(self) -> dict[str, str]:
        """An application's account, and winddown's with the rights that the documents ask for."""
        passwords = {role: secrets.token_hex(12) for role in [*SUFFIXES.values(), "app"]}
        for role, password in passwords.items():
            self.run(f"CREATE USER {self._user(role)} IDENTIFIED BY '{password}'")
        self.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {self.schema}.* TO {self._user('app')}")
        for statement in self.grants():
            named = re.sub(r"winddown_(reader|marker|purger|inspector)\b", lambda m: self._user(m[1]), statement)
            self.run(named.replace("shop.*", f"{self.schema}.*"))
        return passwords

    def grants(self) -> list[str]:
        """What stands in the documents as needed; what may be added so that fewer tasks are left is not granted."""
        block = DEPLOYMENT.read_text("utf-8").partition("in which records are destroyed, with")[2].split("```")[1]
        needed = re.sub(r"--.*", "", block.removeprefix("sql").partition("-- What the purger may not do")[0])
        return [statement.strip() for statement in needed.split(";") if statement.strip()]


class AnyDialectShop(MySqlShop):
    """The same server by nothing but SQLAlchemy's dialect."""

    kind = "sql"

    def shape(self) -> set[tuple[Any, ...]]:
        # What winddown made, and emptied, stays until the administrator drops it.
        return {found for found in super().shape() if not str(found[1]).startswith("winddown_")}

    def _driver(self) -> str:
        return "mysql+pymysql"

    def grants(self) -> list[str]:
        return [
            "GRANT SELECT ON shop.* TO winddown_reader",
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON shop.* TO winddown_marker",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO winddown_purger",
            "GRANT SELECT ON shop.* TO winddown_inspector",
        ]


def write_holds(directory: Path, held: Sequence[int]) -> None:
    """The list of the held customers."""
    (directory / HOLD_LIST).write_text("\n".join(["id", *map(str, held)]) + "\n")
