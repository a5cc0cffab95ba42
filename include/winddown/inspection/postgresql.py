"""Looks into PostgreSQL by another path: another credential, another plan, and the bytes of the data directory.

Shares no code with the store. The first batch of an order is counted by a scan that compares texts, where the store
joins by index: an index that hides rows from both would show there. The other batches are looked up by the key's index,
because a scan for each would take hours on a large table; that no row is missing from them rests on the manifest, which
was read from the table itself, and on the count that each move is held to.
Quarantine tables are found by their comment, not by their name. Rows in escrow are decrypted and hashed once more, from
the file that the journal names.
"""

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine, TextClause, text
from sqlalchemy.exc import DBAPIError

from winddown.archive.escrow import Escrow
from winddown.domain.batch import CONTENT, RELATION, Batch
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import ESCROWING, Act, Order
from winddown.inspection.digests import all_as_planned, as_planned
from winddown.inspection.forms import Judge, Row
from winddown.inspection.postgresql_tables import WholeTableLook
from winddown.inspection.raw_bytes import search_files
from winddown.ports import ByteSearch

_ROWS_AT_ONCE, _KEYS_AT_ONCE = 500, 100_000
_IDENTITY = text(
    "SELECT (pg_control_system()).system_identifier::text, oid::text, datname FROM pg_database "
    "WHERE datname = current_database()"
)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class PostgresInspector:
    """Reads with a credential that may read everything and change nothing."""

    def __init__(self, name: str, *, engine: Engine, escrow: Escrow, token_key: Callable[[], bytes]) -> None:
        self._name = name
        self._engine = engine
        self._escrow = escrow
        self._token_key = token_key

    def identity(self) -> str:
        """Cluster and database."""
        with self._connection() as connection:
            system, number, name = connection.execute(_IDENTITY).one()
            return f"PostgreSQL {system}, database {number} ({name})"

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).remaining()
        if order.generalised:
            with self._connection() as connection:
                types = _types(connection, order)
                live = _texts(connection, order, batch, types)
                return Judge(order, types, self._token_key).whole(values for _, values in live)
        condition = "true"
        if order.act is Act.MINIMISE:
            condition = " OR ".join(
                f"coalesce(winddown_row.{_identifier(field)}::text, '') <> ''" for field in order.fields
            )
        with self._connection() as connection:
            types = _types(connection, order)
            pieces = batch.pieces(_KEYS_AT_ONCE)
            return sum(_count(connection, order, piece, types, condition=condition) for piece in pieces)

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch whose text, with the names and types of the fields, has the planned digest."""
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).unchanged()
        with self._connection() as connection:
            types = _types(connection, order)
            return sum(_unchanged(connection, order, piece, types) for piece in batch.pieces(_KEYS_AT_ONCE))

    def set_aside(self, order: Order, batch: Batch) -> int:
        """The rows that are left over before a purge are those that could be restored."""
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).set_aside()
        if order.method in ESCROWING:
            return self._in_escrow(order, batch)
        if order.generalised:
            return self._left_as_asked(order, batch)
        return self.leftovers(order, batch)

    def _left_as_asked(self, order: Order, batch: Batch) -> int:
        """Rows whose values are in quarantine, and of which exactly what was to stay is live."""
        with self._connection() as connection:
            types = _types(connection, order)
            live = list(_texts(connection, order, batch, types))
            columns = _key_and_fields(order, batch)
            aside = [
                row
                for name in _aside_tables(connection, order)
                for row in _split(
                    connection.execute(
                        _with_names(
                            f"SELECT {columns} FROM winddown_quarantine.{_identifier(name)} WHERE winddown_batch = :b"
                        ),
                        {"b": batch.index},
                    ),
                    order,
                )
            ]
        return Judge(order, types, self._token_key).as_asked(live, aside)

    def _in_escrow(self, order: Order, batch: Batch) -> int:
        """Planned rows in the file that the journal names, as far as it holds nothing else."""
        with self._connection() as connection:
            types = _types(connection, order)
            name = _escrow_name(connection, order, batch)
        if not name:
            return 0
        try:
            found = _digests(self._escrow.records(order.id, batch, name), types)
        except Refused:
            return 0
        return all_as_planned(found, batch)

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
        """Count the batch's rows in every quarantine table that carries the order's name in its comment, or its files.

        Files in escrow are counted whether the journal knows them or not.
        """
        if RELATION in batch.keys.column_names:
            with self._connection() as connection:
                return WholeTableLook(connection, order, batch).leftovers()
        if order.method in ESCROWING:
            return len(self._escrow.names(order.id, batch.index))
        with self._connection() as connection:
            return sum(
                int(
                    connection.execute(
                        text(f"SELECT count(*) FROM winddown_quarantine.{_identifier(name)} WHERE winddown_batch = :b"),
                        {"b": batch.index},
                    ).scalar_one()
                )
                for name in _aside_tables(connection, order)
            )

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:  # noqa: ARG002
        """Search heap, indexes, WAL, statistics and server logs, where the data directory is on this machine.

        The log cannot be told apart by tables, so tables that are left alone are searched with the rest.
        """
        with self._connection() as connection:
            folder = Path(str(connection.execute(text("SHOW data_directory")).scalar_one()))
            system = int(connection.execute(text("SELECT system_identifier FROM pg_control_system()")).scalar_one())
            in_log = str(connection.execute(text("SHOW wal_compression")).scalar_one()) != "off"
        packed = ", but for values over some 2 kB, which it compresses" + (", and page images in its log" * in_log)
        medium = "files of the database server"
        if not _is_cluster(folder, system):
            # A folder of that name on this machine may belong to another server.
            return ByteSearch(reached=False, medium=medium, bytes_read=0, probes=len(probes), found=0)
        return search_files(folder, probes, medium=medium + packed)

    def _connection(self) -> "_Reading":
        return _Reading(self._engine, self._name)


def _types(connection: Connection, order: Order) -> dict[str, str]:
    """The type of each field of an order's table, in the table's order; empty when there is no such table."""
    query = text(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(:t) "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    found = connection.execute(query, {"t": _table(order)})
    return {str(name): str(kind) for name, kind in found}


def _unchanged(connection: Connection, order: Order, batch: Batch, types: Mapping[str, str]) -> int:
    """How many of the batch's records are as they were planned; hashed here, because the server would take longer."""
    return as_planned(_digests(_rows(connection, order, batch, types), types), batch)


def _digests(rows: Iterable[bytes], types: Mapping[str, str]) -> bytearray:
    """The digests of rows, bound to names and types of the fields, one after the other: there may be a million."""
    shape = hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in types.items()).encode()).hexdigest().encode()
    found = bytearray()
    for row in rows:
        found += hashlib.sha256(shape + row).digest()
    return found


def _escrow_name(connection: Connection, order: Order, batch: Batch) -> str:
    """The file that the journal names; "" when the batch is not in escrow."""
    if connection.execute(text("SELECT to_regclass('winddown_quarantine.journal')")).scalar() is None:
        return ""
    query = text(
        "SELECT escrow FROM winddown_quarantine.journal WHERE order_id = :o AND batch = :b AND state = 'quarantined'"
    )
    return str(connection.execute(query, {"o": order.id, "b": batch.index}).scalar() or "")


def _count(connection: Connection, order: Order, batch: Batch, types: Mapping[str, str], *, condition: str) -> int:
    """Count rows that a batch names and that meet a condition."""
    query, values = _found(connection, order, batch, types)
    counted = _with_names(f"SELECT count(*) {query} WHERE {condition}")
    return int(connection.execute(counted, values).scalar_one())


def _aside_tables(connection: Connection, order: Order) -> list[str]:
    """Quarantine tables that carry the order's name in their comment."""
    query = text(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'winddown_quarantine' AND c.relkind = 'r' "
        "AND obj_description(c.oid, 'pg_class') = :order"
    )
    return list(connection.execute(query, {"order": str(order.id)}).scalars())


def _texts(connection: Connection, order: Order, batch: Batch, types: Mapping[str, str]) -> Iterable[Row]:
    """Keys and the order's fields, as text, of the rows that a batch names."""
    query, values = _found(connection, order, batch, types)
    columns = _key_and_fields(order, batch, "winddown_row.")
    return _split(connection.execute(_with_names(f"SELECT {columns} {query}"), values), order)


def _key_and_fields(order: Order, batch: Batch, prefix: str = "") -> str:
    key = [name for name in batch.keys.column_names if name != CONTENT]
    return ", ".join(f"CAST({prefix}{_identifier(name)} AS text)" for name in (*key, *order.fields))


def _split(rows: Iterable[Any], order: Order) -> Iterator[Row]:
    """Rows as key and fields."""
    for row in rows:
        yield tuple(row[: -len(order.fields)]), tuple(row[-len(order.fields) :])


def _rows(connection: Connection, order: Order, batch: Batch, types: Mapping[str, str]) -> Iterator[bytes]:
    """The rows that a batch names, each as one text, some in memory at a time."""
    query, values = _found(connection, order, batch, types)
    rows = _with_names(f"SELECT convert_to(row(winddown_row.*)::text, 'UTF8') {query}")
    driver: Any = connection.connection.driver_connection
    # Taken from the driver itself: another layer takes several times as long for a row as the server does.
    with driver.cursor() as cursor:
        statement = str(rows.compile(dialect=connection.dialect))
        for (row,) in cursor.stream(statement, values, size=_ROWS_AT_ONCE, binary=True):
            yield row


def _found(
    connection: Connection, order: Order, batch: Batch, types: Mapping[str, str]
) -> tuple[str, Mapping[str, str]]:
    """What selects from the rows that a batch names: the first batch without any index, others by the key's."""
    names = [name for name in batch.keys.column_names if name != CONTENT]
    kinds = {name: types.get(name, ".") for name in names}
    if batch.index == 0 or any("." in kind for kind in kinds.values()):
        # By text, because a type that is not the server's own has operators that are not either. The keys are grouped
        # so that the planner knows them to be few and distinct: it hashed the table instead, by way of a file.
        avoided, elements = ["indexscan", "bitmapscan"], ["text" for _ in names]
        fields = ", ".join(map(_identifier, names))
        planned = f"SELECT {fields} FROM {_given(names, elements)} GROUP BY {fields}"
        match = " AND ".join(
            f'winddown_row.{field}::text COLLATE "C" = planned.{field} COLLATE "C"' for field in map(_identifier, names)
        )
    else:
        # A key that is itself an array is read as text, because what takes arrays apart takes all of them apart.
        avoided = ["seqscan", "hashjoin", "mergejoin"]
        elements = ["text" if kind.endswith("]") else kind for kind in kinds.values()]
        typed = ", ".join(f"CAST({_identifier(name)} AS {kind}) AS {_identifier(name)}" for name, kind in kinds.items())
        planned = f"SELECT {typed} FROM {_given(names, elements)}"
        match = " AND ".join(f"winddown_row.{_identifier(name)} = planned.{_identifier(name)}" for name in names)
    connection.execute(text("; ".join(f"SET LOCAL enable_{way} = off" for way in avoided)))
    values = {f"v{index}": _text_array(batch.keys.column(name)) for index, name in enumerate(names)}
    return f"FROM {_table(order)} AS winddown_row JOIN ({planned}) AS planned ON {match}", values


def _given(names: Sequence[str], elements: Sequence[str]) -> str:
    """The keys that are handed over, an array a field."""
    arrays = ", ".join(f"CAST(:v{index} AS {element}[])" for index, element in enumerate(elements))
    return f"unnest({arrays}) AS u ({', '.join(map(_identifier, names))})"


def _table(order: Order) -> str:
    schema, _, table = order.collection.name.partition(".")
    return f"{_identifier(schema)}.{_identifier(table)}"


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
            self._connection = self._engine.connect().execution_options(postgresql_readonly=True)
        except DBAPIError:
            raise Transient(f"the inspector cannot reach store {self._name}") from None
        return self._connection

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.close()
        if isinstance(error, DBAPIError | psycopg.Error):
            state = getattr(getattr(error, "orig", error), "sqlstate", None) or "none"
            raise Transient(f"the inspector of store {self._name} failed (SQLSTATE {state})") from None


def _text_array(values: pa.ChunkedArray) -> str:
    """One parameter a column; the driver would take thousands of values one by one."""
    quoted = pc.replace_substring_regex(values, r'(["\\])', r"\\\1")
    return '{"' + '","'.join(quoted.to_pylist()) + '"}' if len(values) else "{}"


def _with_names(query: str) -> TextClause:
    """A statement in which no part of a quoted name is taken for a parameter: a column may be called ``a (:b)``."""
    return text(_QUOTED.sub(lambda name: name[0].replace(":", "\\:"), query))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
