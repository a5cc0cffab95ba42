"""Two awkward tables on PostgreSQL, with a role for each credential."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from sqlalchemy import Engine

from winddown import bootstrap
from winddown.archive.container import ContainerKey
from winddown.archive.escrow import Escrow
from winddown.archive.tokens import Tokens
from winddown.connections import ConnectionParameters
from winddown.domain.batch import Batch
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method
from winddown.inspection.postgresql import PostgresInspector
from winddown.stores.sql.postgresql import PostgresStore

from .ability_suites import FreezableSubject, WatchableSubject
from .desk import Desk

STORE, DATABASE = "contract_db", "winddown_contract"
ROLES = ("reader", "marker", "purger", "inspector")
GRANTS = """
    GRANT contract_owner TO winddown_contract_marker;
    GRANT contract_owner, winddown_contract_marker, pg_checkpoint TO winddown_contract_purger;
    GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_ls_waldir() TO winddown_contract_purger;
    GRANT pg_read_all_data, pg_read_all_settings TO winddown_contract_inspector;
    GRANT CREATE ON DATABASE winddown_contract TO winddown_contract_marker;
    ALTER DATABASE winddown_contract OWNER TO winddown_contract_purger;
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """One table and its rows. ``key`` and ``fields`` are columns that a test may write values for."""

    ddl: str
    key: tuple[str, ...]
    fields: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)
    minimise: tuple[str, ...] = ()


TABLE = '客户 "A".x (:y)'
COMPOSITE = Shape(
    """(region text, no bigint GENERATED ALWAYS AS IDENTITY, "na""me" text NOT NULL, "a.b" text, "电话 (:b)" text,
        photo bytea, seen_at timestamptz, amount numeric(12, 2), note jsonb,
        upper text GENERATED ALWAYS AS (upper("na""me")) STORED, PRIMARY KEY (region, no))""",
    ("region", "no"),
    ("region", "no", 'na"me', "a.b", "电话 (:b)", "photo", "seen_at", "amount", "note"),
    (
        ("", 0, "欧阳娜娜", "", "13800000000", b"\x00\xff\r\n" * 40, "2024-02-29 23:59:59.123456+08", "0.00", "{}"),
        ("华东", 0, 'O\'Brien \\ "x"', None, None, b"", None, None, None),
        ("华东", 1, "", "line\none\ttwo", "", None, "1969-12-31 00:00:00+00", "-1.50", '{"k": [null, "值"]}'),
        ('{a,"b"}\\', 2, "NULL", "%s :x $1", "０", b"x", "infinity", "9999999999.99", '"s"'),
        ("NULL", 3, "𠮷野", "a", "b", None, None, None, None),
        (" pad ", 4, "z", None, "c", None, None, None, None),
        ("north", -5, "y", "q", None, None, None, None, None),
    ),
    ('na"me', "a.b", "电话 (:b)", "photo", "seen_at", "upper"),
)
BYTES_KEY = Shape(
    '(id bytea PRIMARY KEY, "select" text, born date)',
    ("id",),
    ("id", "select", "born"),
    tuple((bytes([number]) * (number * 30), f"值{number}", "2000-01-01") for number in range(6)),
    ("select", "born"),
)


@dataclass(frozen=True, slots=True)
class Database:
    """The suite's database: an administrator's connection, and the connection parameters of every credential."""

    admin: psycopg.Connection = field(repr=False)
    url: str = field(repr=False)
    connections: Mapping[str, ConnectionParameters] = field(repr=False)
    opened: Callable[[ConnectionParameters], Engine] = field(default_factory=lambda: cache(bootstrap._engine))
    """One engine a credential, as the composition root has it: a server takes only so many sessions."""

    def engine(self, name: str) -> Engine:
        return self.opened(self.connections[name])


def create_database(admin_url: str) -> Database:
    """Create roles and database anew on a server; the URL is a superuser's."""
    passwords = {role: secrets.token_urlsafe(18) for role in ROLES}
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
        admin.execute(f"CREATE DATABASE {DATABASE}".encode())
        wanted = ["contract_owner", "contract_app", "contract_clerk", *(f"winddown_contract_{role}" for role in ROLES)]
        have = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles").fetchall()}
        for name in wanted:
            if name not in have:
                admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        for role, password in passwords.items():
            statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
            admin.execute(statement.format(sql.Identifier(f"winddown_contract_{role}"), sql.Literal(password)))
    host = admin_url.rpartition("@")[2].partition("/")[0]
    urls = {
        role: ConnectionParameters(url=f"postgresql://winddown_contract_{role}:{password}@{host}/{DATABASE}")
        for role, password in passwords.items()
    }
    url = admin_url.rpartition("/")[0] + f"/{DATABASE}"
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(GRANTS.encode())
    suffixes = {"": "reader", "__mark": "marker", "__purge": "purger", "__inspect": "inspector"}
    return Database(connection, url, {STORE + suffix: urls[role] for suffix, role in suffixes.items()})


class PostgresSubject(FreezableSubject, WatchableSubject):
    def __init__(self, database: Database, desk: Desk, shape: Shape) -> None:
        self.desk, self.shape, self._admin = desk, shape, database.admin
        self.schema = f"contract_{secrets.token_hex(4)}"
        self.ref = CollectionRef(STORE, f"{self.schema}.{TABLE}")
        self.name_columns, self.minimise_fields = shape.key, shape.minimise
        self.table = sql.Identifier(self.schema, TABLE)
        self.store = PostgresStore(
            STORE,
            reader=database.engine(STORE),
            unlock=desk.unlock(STORE, database.connections, database.opened),
            escrow=desk.escrow(STORE),
            tokens=desk.tokens(),
        )
        self.inspector = PostgresInspector(
            STORE,
            engine=database.engine(f"{STORE}__inspect"),
            escrow=desk.escrow(STORE),
            token_key=desk.tokens().key,
        )
        self._create()
        self.plan_systems()

    def _create(self) -> None:
        schema = sql.Identifier(self.schema)
        self._run("CREATE SCHEMA {s}", s=schema)
        self._run("CREATE TABLE {t} {d}", d=sql.SQL(self.shape.ddl))
        for row in self.shape.rows:
            self._insert(row)
        self._run("ALTER SCHEMA {s} OWNER TO contract_owner", s=schema)
        self._run("ALTER TABLE {t} OWNER TO contract_owner")
        self._run("GRANT USAGE ON SCHEMA {s} TO PUBLIC", s=schema)
        self._run("GRANT SELECT ON {t} TO winddown_contract_reader, winddown_contract_marker")
        self._run("GRANT SELECT, INSERT, UPDATE ON {t} TO contract_app")
        self._run("GRANT DELETE ON {t} TO contract_clerk WITH GRANT OPTION")
        self._run("GRANT INSERT ON {t} TO PUBLIC")
        self._run("GRANT UPDATE ({f}) ON {t} TO contract_clerk", f=sql.Identifier(self.shape.fields[1]))

    def drop(self) -> None:
        self._run("DROP SCHEMA {s} CASCADE", s=sql.Identifier(self.schema))
        self._run("DROP SCHEMA IF EXISTS winddown_quarantine CASCADE")

    def _run(self, statement: str, values: Sequence[Any] = (), **parts: sql.Composable) -> list[tuple[Any, ...]]:
        template = sql.SQL(statement)
        cursor = self._admin.execute(template.format(t=self.table, **parts), values)
        return cursor.fetchall() if cursor.description else []

    def _insert(self, row: tuple[Any, ...]) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, self.shape.fields))
        places = sql.SQL(", ").join(sql.Placeholder() * len(row))
        self._run("INSERT INTO {t} ({n}) OVERRIDING SYSTEM VALUE VALUES ({p})", row, n=names, p=places)

    def _name(self) -> sql.Composed:
        parts = [sql.SQL("{}::text").format(sql.Identifier(column)) for column in self.shape.key]
        return sql.SQL("concat_ws('|', {})").format(sql.SQL(", ").join(parts))

    def content(self) -> dict[str, object]:
        rows = self._run("SELECT {n}, to_jsonb(t) FROM {t} t", n=self._name())
        return {name: values for name, values in rows}  # noqa: C416 - rows are tuples of Any

    def marks(self) -> dict[str, object]:
        rows = self._run("SELECT {n}, xmin::text || ctid::text FROM {t}", n=self._name())
        return {name: mark for name, mark in rows}  # noqa: C416

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [tuple(key[column] for column in self.shape.key) for key in batch.keys.to_pylist()]

    def spoil(self, name: str) -> None:
        self._run("DELETE FROM {t} WHERE {n} = %s", (name,), n=self._name())

    def alter(self, name: str) -> None:
        field = sql.Identifier(next(field for field in self.shape.fields if field in self.shape.minimise))
        self._run("UPDATE {t} SET {f} = 'anew' WHERE {n} = %s", (name,), n=self._name(), f=field)

    def bring_back(self, name: str) -> None:
        wanted = [row for row in self.shape.rows if _name_of(row[: len(self.shape.key)]) == name]
        self._insert(wanted[0])

    def grants(self) -> object:
        return sorted(
            self._run(
                "SELECT coalesce(attname, ''), a.grantor::int, a.grantee::int, a.privilege_type, a.is_grantable "
                "FROM (SELECT NULL::name AS attname, relacl AS acl FROM pg_class WHERE oid = to_regclass(%s) UNION ALL "
                "SELECT attname, attacl FROM pg_attribute WHERE attrelid = to_regclass(%s)) x, aclexplode(acl) a",
                [self.table.as_string(self._admin)] * 2,
            )
        )

    def watch(self, event: str = "INSERT") -> None:
        schema = sql.Identifier(self.schema)
        self._run("CREATE TABLE {s}.log (x int)", s=schema)
        self._run("GRANT INSERT ON {s}.log TO PUBLIC", s=schema)
        body = f"BEGIN INSERT INTO {self.schema}.log VALUES (1); RETURN NEW; END"
        self._run("CREATE FUNCTION {s}.note() RETURNS trigger LANGUAGE plpgsql AS {b}", s=schema, b=sql.Literal(body))
        act = "CREATE TRIGGER noted AFTER {e} ON {t} FOR EACH ROW EXECUTE FUNCTION {s}.note()"
        self._run(act, e=sql.SQL(event), s=schema)

    def noted(self) -> int:
        return int(self._run("SELECT count(*) FROM {s}.log", s=sql.Identifier(self.schema))[0][0])

    def can_write(self) -> bool:
        held = (
            self._run("SELECT has_any_column_privilege(%s, to_regclass(%s), %s)", [role, self.table.as_string(), power])
            for role, power in (("contract_app", "INSERT"), ("contract_app", "UPDATE"), ("contract_clerk", "UPDATE"))
        )
        return any(found[0][0] for found in held)


def no_tokens() -> Tokens:
    """Of a store that is only read."""
    return Tokens(lambda: b"")


class SurvivorsSubject(PostgresSubject):
    """A table that is emptied but for what stays; whoever uses it lets no batch be small enough to go row by row."""

    rewrites_what_stays = True

    def planned_keys(
        self, collection: Collection, located: pa.Table, act: Act, *, size: int
    ) -> tuple[pa.Table, Method | None]:
        keys, _ = super().planned_keys(collection, located, act, size=size)
        return keys, Method.KEEP_SURVIVORS if act is Act.ERASE else None


def no_escrow() -> Escrow:
    """Of a store that is only read."""

    def no_key() -> ContainerKey:
        raise AssertionError("a store that is only read has nothing in escrow")

    return Escrow(Path("nowhere"), scope="nobody", key=no_key)


def _name_of(key: tuple[Any, ...]) -> str:
    return "|".join("\\x" + value.hex() if isinstance(value, bytes) else str(value) for value in key)
