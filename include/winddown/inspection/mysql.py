"""Looks into MySQL or MariaDB by another path: another credential, other statements, the bytes of the server's files.

Shares no code with the store. Rows are looked up by their keys as literals, where the store joins a table of keys. The
server compares keys exactly and digests rows by expressions that are written here; what was planned is compared with
them here. Quarantine tables are found by their comment, not by their name; grants where ``information_schema`` shows
them.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.archive.escrow import Escrow
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order
from winddown.inspection.digests import all_as_planned
from winddown.inspection.forms import Judge, Row
from winddown.inspection.mysql_files import search_server
from winddown.ports import ByteSearch

_A_LOOK, _PARTED = 900, 200  # keys of one column in a list, and of several parted by OR
_LOOK_BYTES = 1 << 20
_BINARY = {"binary", "varbinary"}
_TEXT = {"char", "varchar"}
_DIGESTED = {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json"} | {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
    "geomcollection",
}  # fmt: skip
_NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit", "decimal"}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_HEX = 64
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

    def __init__(self, name: str, *, engine: Engine, escrow: Escrow, token_key: Callable[[], bytes]) -> None:
        self._name = name
        self._engine = engine
        self._escrow = escrow
        self._token_key = token_key

    def identity(self) -> str:
        """The server and its database."""
        names = ("datadir", "hostname", "port", "server_id", "server_uid", "server_uuid")
        asked = text(f"SHOW GLOBAL VARIABLES WHERE variable_name IN {names}")
        with self._reading() as connection:
            found = {str(name): value for name, value in connection.execute(asked)}
            said = ", ".join(f"{name} {found[name]}" for name in names if name in found)
            database = connection.execute(text("SELECT coalesce(schema(), '(all)')")).scalar_one()
        return f"MySQL or MariaDB, {said}, database {database}"

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        with self._reading() as connection:
            columns = _columns(connection, order.collection)
            if order.generalised:
                live = _texts(connection, order, batch, columns)
                return Judge(order, dict(columns), self._token_key).whole(values for _, values in live)
            full = [_is_full(name, kind) for name, kind in columns if name in order.fields]
            where = f" AND ({' OR '.join(full) or 'false'})" if order.act is Act.MINIMISE else ""
            return sum(int(count) for count in _found(connection, order, batch, columns, what="COUNT(*)", where=where))

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch whose values, with the names and types of the fields, have the planned digest."""
        planned = set(batch.keys.column(CONTENT).to_pylist())
        seen: set[str] = set()
        with self._reading() as connection:
            columns = _columns(connection, order.collection)
            connection.execute(text("SET SESSION group_concat_max_len = 1 << 20"))
            what = f"GROUP_CONCAT({_digest(columns)} SEPARATOR '')"
            for found in _found(connection, order, batch, columns, what=what):
                seen |= {found[start : start + _HEX] for start in range(0, len(found), _HEX)}
        return len(planned & seen)

    def set_aside(self, order: Order, batch: Batch) -> int:
        """Planned rows in the file that the journal names, as far as it holds nothing else; fields as ``leftovers``.

        Of fields of which something stays, rows whose values are in quarantine, and of which exactly that is live.
        """
        if order.generalised:
            return self._left_as_asked(order, batch)
        if order.method is not Method.ESCROW_ROWS:
            return self.leftovers(order, batch)
        with self._reading() as connection:
            columns, name = _columns(connection, order.collection), _escrow_name(connection, order, batch)
        if not name:
            return 0
        try:
            found = _digests(self._escrow.records(order.id, batch, name), columns)
        except Refused:
            return 0
        return all_as_planned(found, batch)

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count the batch's files in escrow, or its rows in tables that carry the order's name in their comment.

        Files are counted whether the journal knows them or not.
        """
        if order.method is Method.ESCROW_ROWS:
            return len(self._escrow.names(order.id, batch.index))
        with self._reading() as connection:
            counts = (
                f"SELECT count(*) FROM `winddown_quarantine`.{_identifier(name)} WHERE winddown_batch = :b"
                for name in _aside_tables(connection, order)
            )
            return sum(int(connection.execute(text(count), {"b": batch.index}).scalar_one()) for count in counts)

    def _left_as_asked(self, order: Order, batch: Batch) -> int:
        with self._reading() as connection:
            columns = _columns(connection, order.collection)
            live = list(_texts(connection, order, batch, columns))
            aside = [
                row
                for name in _aside_tables(connection, order)
                for row in _split(
                    connection.exec_driver_sql(
                        f"SELECT {_key_and_fields(order, batch, columns)} FROM `winddown_quarantine`."
                        f"{_identifier(name)} WHERE winddown_batch = {batch.index}".replace("%", "%%")
                    ),
                    order,
                )
            ]
        return Judge(order, dict(columns), self._token_key).as_asked(live, aside)

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


def _aside_tables(connection: Connection, order: Order) -> Sequence[str]:
    """Quarantine tables that carry the order's name in their comment."""
    query = text(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'winddown_quarantine' "
        "AND table_comment = :order"
    )
    return connection.execute(query, {"order": str(order.id)}).scalars().all()


def _texts(connection: Connection, order: Order, batch: Batch, columns: Sequence[Column]) -> Iterator[Row]:
    """Keys and the order's fields, as text, of the rows that the batch names."""
    for query in _queries(order, batch, columns, what=_key_and_fields(order, batch, columns)):
        yield from _split(connection.exec_driver_sql(query), order)


def _key_and_fields(order: Order, batch: Batch, columns: Sequence[Column]) -> str:
    """Expressions of a key, exactly, and of fields; of those that are to be empty, whether something is there."""
    types, forms = dict(columns), dict(order.generalised)
    keys = [f"HEX({_stored(types[name], _identifier(name))})" for name in batch.keys.column_names if name != CONTENT]
    fields = [
        f"CAST({_identifier(name)} AS CHAR)" if name in forms else f"IF({_is_full(name, types[name])}, 'full', '')"
        for name in order.fields
    ]
    return ", ".join([*keys, *fields])


def _split(rows: Iterable[Any], order: Order) -> Iterator[Row]:
    """Rows as key and fields."""
    for row in rows:
        yield tuple(row[: -len(order.fields)]), tuple(row[-len(order.fields) :])


def _found(
    connection: Connection, order: Order, batch: Batch, columns: Sequence[Column], *, what: str, where: str = ""
) -> Iterator[Any]:
    """Yield what is asked about the rows that the batch names, some at a time."""
    for query in _queries(order, batch, columns, what=what, where=where):
        found = connection.exec_driver_sql(query).scalar()
        if found is not None:
            yield found


def _queries(order: Order, batch: Batch, columns: Sequence[Column], *, what: str, where: str = "") -> Iterator[str]:
    """Yield queries about the rows that the batch names by exactly the key that was planned, some at a time each."""
    types = dict(columns)
    key = [name for name in batch.keys.column_names if name != CONTENT]
    if not types.keys() >= set(key):
        return  # gone, or another table by now
    schema, _, table = order.collection.name.partition(".")
    query = f"SELECT {what} FROM {_identifier(schema)}.{_identifier(table)} WHERE "
    compared = [found for name in key for found in _compared(name, types[name], batch.keys.column(name).to_pylist())]
    longest = sum(max(map(len, literals), default=1) for _, literals in compared)
    most = max(1, min(_A_LOOK if len(key) == 1 else _PARTED, _LOOK_BYTES // longest))
    for start in range(0, batch.keys.num_rows, most):
        parts = [(expression, literals[start : start + most]) for expression, literals in compared]
        if len(key) == 1:  # the server takes half as long to look up a list
            condition = " AND ".join(f"{expression} IN ({', '.join(literals)})" for expression, literals in parts)
        else:
            each = ([f"{expression} = {literal}" for literal in literals] for expression, literals in parts)
            condition = " OR ".join(f"({' AND '.join(row)})" for row in zip(*each, strict=True))
        yield f"{query}({condition}){where}".replace("%", "%%")


def _compared(name: str, declared: str, planned: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the expressions to compare a key's column by, each with the literals that planned values are.

    First the column itself, so that an index is used; of a text its bytes as well, because ``a``, ``A`` and ``a `` may
    be equal by its collation.
    """
    column, kind = _identifier(name), _kind(declared)
    if kind in _BINARY:
        yield column, [f"x'{base64.b64decode(value).hex()}'" for value in planned]
    elif kind in _NUMBERS and _are_numbers(planned):
        yield column, list(planned)
    else:
        written = [value.encode().hex() for value in planned]
        yield column, [f"_utf8mb4 x'{value}'" for value in written]
        yield f"CAST(CONVERT({column} USING utf8mb4) AS BINARY)", [f"x'{value}'" for value in written]


def _are_numbers(planned: Sequence[str]) -> bool:
    is_whole = "".join(planned).isascii() and all(map(str.isdigit, planned))
    return is_whole or all(map(_NUMBER.fullmatch, planned))


def _escrow_name(connection: Connection, order: Order, batch: Batch) -> str:
    """The file that the journal names; "" when the batch is not in escrow."""
    there = text("SELECT 1 FROM information_schema.tables WHERE table_schema = :n AND table_name = :n")
    if connection.execute(there, {"n": "winddown_journal"}).scalar() is None:
        return ""
    query = text(
        "SELECT escrow FROM winddown_journal.winddown_journal "
        "WHERE order_id = :o AND batch = :b AND state = 'quarantined'"
    )
    return str(connection.execute(query, {"o": str(order.id), "b": batch.index}).scalar() or "")


def _digests(rows: Iterable[bytes], columns: Sequence[Column]) -> bytearray:
    """Digests of rows in escrow: values in hex, parted by commas, a dash for NULL, long values not digested yet."""
    begun, found = f"{_shape(columns)},".encode(), bytearray()
    long = [_kind(kind) in _DIGESTED for _, kind in columns]
    has_long = any(long)
    for row in rows:
        if has_long:
            pieces = [
                hashlib.sha256(bytes.fromhex(value)).hexdigest() if is_long and value != "-" else value
                for value, is_long in zip(row.decode("ascii").split(","), long, strict=True)
            ]
            row = ",".join(pieces).encode()  # noqa: PLW2901 - the same row, as its digest is about it
        found += hashlib.sha256(begun + row).digest()
    return found


def _shape(columns: Sequence[Column]) -> str:
    return hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest()


def _digest(columns: Sequence[Column]) -> str:
    """The expression of a row's hex digest; its value is never NULL."""
    pieces = [f"'{_shape(columns)}'"]
    pieces += [f"IFNULL({_bound(kind, _identifier(name))}, '-')" for name, kind in columns]
    return f"SHA2(CONCAT_WS(',', {', '.join(pieces)}), 256)"


def _bound(declared: str, column: str) -> str:
    """The expression of a value as the digest has it: long ones are digested by themselves."""
    return f"SHA2({column}, 256)" if _kind(declared) in _DIGESTED else f"HEX({_stored(declared, column)})"


def _is_full(name: str, declared: str) -> str:
    """The condition that a value is neither NULL nor empty."""
    column = _identifier(name)
    return f"COALESCE(LENGTH({column if _kind(declared) in _DIGESTED else _stored(declared, column)}), 0) > 0"


def _stored(declared: str, column: str) -> str:
    """The expression of the bytes that a value is stored as, or is written as where it is none of a text."""
    kind = _kind(declared)
    if kind in _TEXT | _BINARY:
        return f"CAST({column} AS BINARY)"
    if kind in {"enum", "set"}:
        return f"CAST(CONCAT({column} + 0, ':', {column}) AS BINARY)"
    if kind in {"float", "double"}:
        return f"CAST({column} * 1e0 AS CHAR)"
    return f"CAST({column} + 0 AS CHAR)" if kind == "bit" else f"CAST({column} AS CHAR)"


def _kind(declared: str) -> str:
    return re.split(r"[ (]", declared.lower(), maxsplit=1)[0]


def _identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
