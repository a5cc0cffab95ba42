"""Looks into PostgreSQL by another path: another credential, another plan, and the bytes of the data directory.

Shares no code with the store. Rows are counted by a sequential scan against an array of keys, where the store joins by
index; quarantine tables are found by their comment, not by their name.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.batch import CONTENT, RELATION, Batch
from winddown.domain.errors import Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Order
from winddown.inspection.postgresql_tables import WholeTableLook
from winddown.inspection.raw_bytes import search_files
from winddown.ports import ByteSearch


class PostgresInspector:
    """Reads with a credential that may read everything and change nothing."""

    def __init__(self, name: str, *, engine: Engine) -> None:
        self._name = name
        self._engine = engine

    def identity(self) -> str:
        """Cluster and database, asked for one by one."""
        with self._connection() as connection:
            system = connection.execute(text("SELECT (pg_control_system()).system_identifier::text")).scalar_one()
            database = connection.execute(text("SELECT current_database()")).scalar_one()
            number = connection.execute(text("SELECT oid::text FROM pg_database WHERE datname = :d"), {"d": database})
            return f"PostgreSQL {system}, database {number.scalar_one()} ({database})"

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).remaining()
        condition = "true"
        if order.act is Act.MINIMISE:
            condition = " OR ".join(
                f"coalesce(winddown_row.{_identifier(field)}::text, '') <> ''" for field in order.fields
            )
        return self._count(order, batch, condition)

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch whose text, with the names and types of the fields, has the planned digest."""
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).unchanged()
        named = text(
            "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), E'\\n' ORDER BY attnum) "
            "FROM pg_attribute WHERE attrelid = to_regclass(:t) AND attnum > 0 AND NOT attisdropped"
        )
        schema, _, table = order.collection.name.partition(".")
        with self._connection() as connection:
            fields = connection.execute(named, {"t": f"{_identifier(schema)}.{_identifier(table)}"}).scalar_one()
        shape = hashlib.sha256((fields or "").encode()).hexdigest()
        content = f"encode(sha256(convert_to('{shape}' || row(winddown_row.*)::text, 'UTF8')), 'hex')"
        # Compared row by row after the keys were joined: as part of the join it would be computed for the whole table.
        return self._count(order, batch, f"({content} = planned.{CONTENT}) IS TRUE")

    def _count(self, order: Order, batch: Batch, condition: str) -> int:
        """Count rows that a batch names and that meet a condition, without any index."""
        schema, _, table = order.collection.name.partition(".")
        names = list(batch.keys.column_names)
        key = " AND ".join(
            f"winddown_row.{_identifier(name)}::text = planned.{_identifier(name)}" for name in names if name != CONTENT
        )
        arrays = ", ".join(f"CAST(:v{index} AS text[])" for index in range(len(names)))
        query = (
            f"SELECT count(*) FROM {_identifier(schema)}.{_identifier(table)} AS winddown_row "
            f"JOIN unnest({arrays}) AS planned ({', '.join(map(_identifier, names))}) ON {key} WHERE {condition}"
        )
        values = {f"v{index}": _text_array(batch.keys.column(name).to_pylist()) for index, name in enumerate(names)}
        with self._connection() as connection:
            connection.execute(text("SET LOCAL enable_indexscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
            return int(connection.execute(text(query), values).scalar_one())

    def set_aside(self, order: Order, batch: Batch) -> int:
        """The rows that are left over before a purge are those that could be restored."""
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).set_aside()
        return self.leftovers(order, batch)

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Roles that may write to a table by whatever way: a grant of their own, a membership, PUBLIC.

        Owners that cannot log in, superusers and roles named ``winddown_…`` are left out. An owner that can log in is
        named: only the administrator can take its right.
        """
        return self._holders(
            collections,
            "has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') "
            "OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')",
        )

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Roles that may read a table by whatever way, and views that show it to whoever may read the view."""
        roles = self._holders(
            collections,
            "has_table_privilege(r.oid, c.oid, 'SELECT') OR has_any_column_privilege(r.oid, c.oid, 'SELECT')",
        )
        views = text(
            "SELECT DISTINCT 'view ' || w.oid::regclass::text "
            "FROM unnest(CAST(:s AS text[]), CAST(:t AS text[])) u(s, t) "
            "JOIN pg_namespace n ON n.nspname = u.s JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = u.t "
            "JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid "
            "AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite e ON e.oid = d.objid "
            "JOIN pg_class w ON w.oid = e.ev_class AND w.oid <> c.oid ORDER BY 1"
        )
        parts = [ref.name.partition(".") for ref in collections]
        with self._connection() as connection:
            values = {"s": [part[0] for part in parts], "t": [part[2] for part in parts]}
            return (*roles, *(str(name) for name in connection.execute(views, values).scalars()))

    def _holders(self, collections: Sequence[CollectionRef], may: str) -> tuple[str, ...]:
        query = text(
            "SELECT DISTINCT r.rolname FROM pg_roles r "
            "CROSS JOIN unnest(CAST(:s AS text[]), CAST(:t AS text[])) u(s, t) "
            "JOIN pg_namespace n ON n.nspname = u.s JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = u.t "
            "WHERE NOT r.rolsuper AND r.rolname NOT LIKE 'winddown\\_%' AND r.rolname NOT LIKE 'pg\\_%' "
            "AND (r.rolcanlogin OR NOT pg_has_role(r.oid, c.relowner, 'USAGE')) "
            f"AND ({may}) ORDER BY 1"
        )
        parts = [ref.name.partition(".") for ref in collections]
        with self._connection() as connection:
            values = {"s": [part[0] for part in parts], "t": [part[2] for part in parts]}
            return tuple(str(name) for name in connection.execute(query, values).scalars())

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count the batch's rows in every quarantine table that carries the order's name in its comment."""
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).leftovers()
        with self._connection() as connection:
            tables = connection.execute(
                text(
                    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                    "WHERE n.nspname = 'winddown_quarantine' AND c.relkind = 'r' "
                    "AND obj_description(c.oid, 'pg_class') = :order"
                ),
                {"order": str(order.id)},
            ).scalars()
            return sum(
                int(
                    connection.execute(
                        text(f"SELECT count(*) FROM winddown_quarantine.{_identifier(name)} WHERE winddown_batch = :b"),
                        {"b": batch.index},
                    ).scalar_one()
                )
                for name in list(tables)
            )

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:  # noqa: ARG002
        """Search heap, indexes, WAL, statistics and server logs, where the data directory is on this machine.

        The log cannot be told apart by tables, so tables that are left alone are searched with the rest.
        """
        with self._connection() as connection:
            folder = Path(str(connection.execute(text("SHOW data_directory")).scalar_one()))
            system = int(connection.execute(text("SELECT system_identifier FROM pg_control_system()")).scalar_one())
        medium = "files of the database server"
        if not _is_cluster(folder, system):
            # A folder of that name on this machine may belong to another server.
            return ByteSearch(reached=False, medium=medium, bytes_read=0, probes=len(probes), found=0)
        return search_files(folder, probes, medium=medium)

    def _connection(self) -> "_Reading":
        return _Reading(self._engine, self._name)


def _is_cluster(folder: Path, system: int) -> bool:
    """Whether a data directory is that of a system: ``global/pg_control`` begins with its identifier."""
    try:
        with (folder / "global" / "pg_control").open("rb") as control:
            return int.from_bytes(control.read(8), sys.byteorder) == system % (1 << 64)
    except OSError:
        return False


class _Reading:
    """One read-only transaction; its errors carry no values."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def __enter__(self) -> Connection:
        try:
            self._connection = self._engine.connect()
            self._connection.execute(text("SET TRANSACTION READ ONLY"))
        except DBAPIError:
            raise Transient(f"the inspector cannot reach store {self._name}") from None
        return self._connection

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.close()
        if isinstance(error, DBAPIError):
            state = getattr(error.orig, "sqlstate", "none")
            raise Transient(f"the inspector of store {self._name} failed (SQLSTATE {state})") from None


def _text_array(values: list[str]) -> str:
    """One parameter a column; the driver would take thousands of values one by one."""
    joined = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{joined}"}}' if values else "{}"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
