"""Looks into PostgreSQL by another path: another credential, another plan, and the bytes of the data directory.

Shares no code with the store. Rows are counted by a sequential scan against an array of keys, where the store joins by
index; quarantine tables are found by their comment, not by their name.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.batch import Batch
from winddown.domain.errors import Transient
from winddown.domain.plan import Act, Order
from winddown.inspection.raw_bytes import search_files
from winddown.ports import ByteSearch


class PostgresInspector:
    """Reads with a credential that may read everything and change nothing."""

    def __init__(self, name: str, *, engine: Engine) -> None:
        self._name = name
        self._engine = engine

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        schema, _, table = order.collection.name.partition(".")
        names = list(batch.keys.column_names)
        rows = list(zip(*(batch.keys.column(name).to_pylist() for name in names), strict=True))
        key = ", ".join(f"{_identifier(name)}::text" for name in names)
        condition = (
            f"({key}) IN (SELECT * FROM unnest({', '.join(f'CAST(:v{i} AS text[])' for i in range(len(names)))}))"
        )
        if order.act is Act.MINIMISE:
            full = " OR ".join(f"coalesce({_identifier(field)}::text, '') <> ''" for field in order.fields)
            condition += f" AND ({full})"
        query = f"SELECT count(*) FROM {_identifier(schema)}.{_identifier(table)} WHERE {condition}"
        values = {f"v{i}": [row[i] for row in rows] for i in range(len(names))}
        with self._connection() as connection:
            connection.execute(text("SET LOCAL enable_indexscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
            return int(connection.execute(text(query), values).scalar_one())

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count the batch's rows in every quarantine table that carries the order's name in its comment."""
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
        return search_files(folder, probes, medium="files of the database server")

    def _connection(self) -> "_Reading":
        return _Reading(self._engine, self._name)


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


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
