"""Looks into MySQL or MariaDB by another path: another credential, other statements, the bytes of the server's files.

Shares no code with the store. Rows are looked up by their keys as literals, where the store joins a table of keys; keys
are compared and digests computed anew in Python, but for long values, which the server digests where they lie.
Quarantine tables are found by their comment, not by their name; grants where ``information_schema`` shows them.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Order
from winddown.inspection.mysql_files import search_server
from winddown.ports import ByteSearch

_A_LOOK = 200
_BINARY = {"binary", "varbinary"}
_TEXT = {"char", "varchar"}
_DIGESTED = {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json"} | {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
    "geomcollection",
}  # fmt: skip
_WHOLE_NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit", "decimal"}
_SUPER = "SELECT grantee FROM information_schema.user_privileges WHERE privilege_type IN ('SUPER', 'CREATE USER')"
_HOLDERS = f"""
    SELECT DISTINCT grantee FROM (
        SELECT grantee, privilege_type FROM information_schema.user_privileges WHERE grantee NOT IN ({_SUPER})
        UNION ALL SELECT grantee, privilege_type FROM information_schema.schema_privileges WHERE :s LIKE table_schema
        UNION ALL SELECT grantee, privilege_type FROM information_schema.table_privileges
                   WHERE table_schema = :s AND table_name = :t
        UNION ALL SELECT grantee, privilege_type FROM information_schema.column_privileges
                   WHERE table_schema = :s AND table_name = :t) held
     WHERE privilege_type IN :wanted AND grantee NOT LIKE '''winddown\\_%' ORDER BY 1
"""
Column = tuple[str, str]  # name, and declared type without labels


class MySqlInspector:
    """Reads with a credential that may read everything and change nothing."""

    def __init__(self, name: str, *, engine: Engine) -> None:
        self._name = name
        self._engine = engine

    def identity(self) -> str:
        """The server and its database, asked for one by one."""
        with self._reading() as connection:
            found = {str(row[0]): row[1] for row in connection.execute(text("SHOW GLOBAL VARIABLES"))}
            names = ("datadir", "hostname", "port", "server_id", "server_uid", "server_uuid")
            said = ", ".join(f"{name} {found[name]}" for name in names if name in found)
            database = connection.execute(text("SELECT coalesce(schema(), '(all)')")).scalar_one()
        return f"MySQL or MariaDB, {said}, database {database}"

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        with self._reading() as connection:
            columns = _columns(connection, order.collection)
            rows = _rows(connection, order, batch, columns)
            if order.act is not Act.MINIMISE:
                return sum(1 for _ in rows)
            emptied = [index for index, (name, _) in enumerate(columns) if name in order.fields]
            nothing = {None, b"", hashlib.sha256(b"").hexdigest().encode()}
            return sum(any(row[index] not in nothing for index in emptied) for row in rows)

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch whose values, with the names and types of the fields, have the planned digest."""
        planned = set(batch.keys.column(CONTENT).to_pylist())
        with self._reading() as connection:
            columns = _columns(connection, order.collection)
            digest = _digest_of(columns)
            return sum(digest(row) in planned for row in _rows(connection, order, batch, columns))

    def set_aside(self, order: Order, batch: Batch) -> int:
        """The rows that are left over before a purge are those that could be restored."""
        return self.leftovers(order, batch)

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count the batch's rows in every quarantine table that carries the order's name in its comment."""
        query = text(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'winddown_quarantine' "
            "AND table_comment = :order"
        )
        with self._reading() as connection:
            names = connection.execute(query, {"order": str(order.id)}).scalars().all()
            counts = (
                f"SELECT count(*) FROM `winddown_quarantine`.{_identifier(name)} WHERE winddown_batch = :b"
                for name in names
            )
            return sum(int(connection.execute(text(count), {"b": batch.index}).scalar_one()) for count in counts)

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Accounts and roles that may write to a table by whatever grant.

        Administrators, who may do anything or give it to themselves, and accounts named ``winddown_…`` are left out.
        """
        return self._holders(collections, ("INSERT", "UPDATE", "DELETE", "DROP"))

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Accounts and roles that may read a table by whatever grant, and views that show it."""
        views = text(
            "SELECT concat('view ', table_schema, '.', table_name) FROM information_schema.views "
            "WHERE locate(:name, view_definition) > 0 ORDER BY 1"
        )
        shown: set[str] = set()
        with self._reading() as connection:
            for ref in collections:
                schema, _, name = ref.name.partition(".")
                where = {"name": f"{_identifier(schema)}.{_identifier(name)}"}
                shown |= {str(found) for found in connection.execute(views, where).scalars()}
        return (*self._holders(collections, ("SELECT",)), *sorted(shown))

    def _holders(self, collections: Sequence[CollectionRef], privileges: Sequence[str]) -> tuple[str, ...]:
        wanted = ", ".join(f"'{name}'" for name in privileges)
        query = text(_HOLDERS.replace(":wanted", f"({wanted})"))
        found: set[str] = set()
        with self._reading() as connection:
            for ref in collections:
                schema, _, name = ref.name.partition(".")
                found |= {str(holder) for holder in connection.execute(query, {"s": schema, "t": name}).scalars()}
        return tuple(sorted(found))

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:  # noqa: ARG002
        """Search the server's files, where they are on this machine; see ``mysql_files``.

        Logs cannot be told apart by tables, so tables that are left alone are searched with the rest.
        """
        with self._reading() as connection:
            return search_server(connection, probes)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A read-only transaction; its errors carry no values."""
        try:
            with self._engine.connect() as connection:
                connection.execute(text("START TRANSACTION READ ONLY"))
                yield connection
                connection.execute(text("ROLLBACK"))
        except DBAPIError as error:
            number = error.orig.args[0] if error.orig is not None and error.orig.args else "none"
            raise Transient(f"the inspector of store {self._name} failed (error {number})") from None


def _columns(connection: Connection, ref: CollectionRef) -> list[Column]:
    query = text(
        "SELECT column_name, column_type FROM information_schema.columns "
        "WHERE table_schema = :s AND table_name = :t ORDER BY ordinal_position"
    )
    schema, _, name = ref.name.partition(".")
    rows = connection.execute(query, {"s": schema, "t": name}).all()
    return [(row[0], re.sub(r"'(?:[^']|'')*'", "'…'", row[1])) for row in rows]


def _rows(
    connection: Connection, order: Order, batch: Batch, columns: Sequence[Column]
) -> Iterator[tuple[bytes | None, ...]]:
    """Yield the stored values of each row that the batch names, by exactly the key that was planned."""
    types = dict(columns)
    key = [name for name in batch.keys.column_names if name != CONTENT]
    if not types.keys() >= set(key):
        return  # gone, or another table by now
    schema, _, table = order.collection.name.partition(".")
    chosen = [_stored(kind, _identifier(name)) for name, kind in columns]
    chosen += [
        _identifier(name)
        if _kind(types[name]) in _TEXT | _BINARY
        else f"CAST({_identifier(name)} AS CHAR)"
        if _kind(types[name]) != "bit"
        else f"CAST({_identifier(name)} + 0 AS CHAR)"
        for name in key
    ]
    query = f"SELECT {', '.join(chosen)} FROM {_identifier(schema)}.{_identifier(table)} WHERE ".replace("%", "%%")
    quoted = [_identifier(name).replace("%", "%%") for name in key]
    fits = " AND ".join(f"{name} = %s" for name in quoted)
    wanted = [tuple(row[name] for name in key) for row in batch.keys.to_pylist()]
    for start in range(0, len(wanted), _A_LOOK):
        part = {
            tuple(_literal(types[name], value) for name, value in zip(key, row, strict=True))
            for row in wanted[start : start + _A_LOOK]
        }
        if len(key) == 1:  # the server takes half as long to look up a list
            condition = f"{quoted[0]} IN ({', '.join(['%s'] * len(part))})"
        else:
            condition = " OR ".join([f"({fits})"] * len(part))
        values = tuple(value for literals in part for value in literals)
        written = {tuple(_written(value) for value in literals) for literals in part}
        for row in connection.exec_driver_sql(query + condition, values):
            if tuple(_written(value) for value in row[len(columns) :]) in written:
                yield tuple(_bytes(value) for value in row[: len(columns)])


def _digest_of(columns: Sequence[Column]) -> Callable[[Sequence[bytes | None]], str]:
    """What computes the digest of a row with these columns; what all rows share of it is hashed once."""
    shape = "\n".join(f"{name} {kind}" for name, kind in columns)
    begun = hashlib.sha256(hashlib.sha256(shape.encode()).hexdigest().encode())
    is_digested = [_kind(kind) in _DIGESTED for _, kind in columns]

    def digest(row: Sequence[bytes | None]) -> str:
        hasher = begun.copy()
        for value, is_hex in zip(row, is_digested, strict=True):
            if value is None:
                hasher.update(b",-")
            else:
                hasher.update(b"," + (value if is_hex else value.hex().upper().encode()))
        return hasher.hexdigest()

    return digest


def _stored(declared: str, column: str) -> str:
    """The expression of the bytes that a value is stored as, or is written as where it is none of a text."""
    kind = _kind(declared)
    if kind in _DIGESTED:
        return f"SHA2({column}, 256)"
    if kind in _TEXT | _BINARY:
        return f"CAST({column} AS BINARY)"
    if kind in {"enum", "set"}:
        return f"CAST(CONCAT({column} + 0, ':', {column}) AS BINARY)"
    if kind in {"float", "double"}:
        return f"CAST({column} * 1e0 AS CHAR)"
    return f"CAST({column} + 0 AS CHAR)" if kind == "bit" else f"CAST({column} AS CHAR)"


def _literal(declared: str, planned: str) -> str | int | bytes:
    """A planned key as the driver writes it into a statement."""
    kind = _kind(declared)
    if kind in _BINARY:
        return base64.b64decode(planned)
    return int(planned) if kind in _WHOLE_NUMBERS and re.fullmatch(r"-?[0-9]+", planned) else planned


def _written(value: Any) -> str | bytes:
    return value if isinstance(value, bytes) else str(value)


def _bytes(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else str(value).encode()


def _kind(declared: str) -> str:
    return re.split(r"[ (]", declared.lower(), maxsplit=1)[0]


def _identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
