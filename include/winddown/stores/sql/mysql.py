"""MySQL and MariaDB as a source: catalogue from ``information_schema``, rows over an unbuffered cursor.

The server converts every text to UTF-8, whatever the column's character set. Dates are read as text, because
``0000-00-00`` and ``2024-00-00`` are dates here; BIT as a number, spatial values as WKT. Rows of a table are read by
one statement, so in one snapshot (InnoDB), which keeps old row versions alive as long as it runs.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pyarrow as pa
from pymysql.cursors import SSCursor
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact, Field, ForeignKey, Medium
from winddown.stores.sql.faults import translated
from winddown.stores.sql.limits import changed, unknown_relation, unnamed_rows, unreadable
from winddown.stores.sql.mysql_facts import facts
from winddown.stores.sql.reading import LONGEST, batched, plain_type, refuse_change, verbatim

_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "float", "double"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_SHORT_TEXTS = frozenset({"char", "varchar", "tinytext", "enum", "set"})
_LONG_TEXTS = frozenset({"text", "mediumtext", "longtext"})
_SPATIAL = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}
)
# No such table or column, its definition changed, a lock did not come in time.
_CHANGED = frozenset({1146, 1054, 1412, 1205, 1051})
_DENIED = frozenset({1142, 1143, 1044, 1356, 1449, 1370})

_TABLES = text("""
    SELECT table_schema, table_name, table_type, coalesce(engine, ''),
           coalesce(data_length, 0) + coalesce(index_length, 0), coalesce(table_comment, '')
      FROM information_schema.tables
     WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY 1, 2
""")
_COLUMNS = text("""
    SELECT column_name, column_type, data_type, is_nullable = 'YES', column_comment FROM information_schema.columns
     WHERE table_schema = :schema AND table_name = :name ORDER BY ordinal_position
""")
_KEYS = text("""
    SELECT index_name, column_name, nullable = 'YES', sub_part IS NOT NULL FROM information_schema.statistics
     WHERE table_schema = :schema AND table_name = :name AND non_unique = 0
     ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index
""")
_FOREIGN_KEYS = text("""
    SELECT constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name
      FROM information_schema.key_column_usage
     WHERE table_schema = :schema AND table_name = :name AND referenced_table_name IS NOT NULL
     ORDER BY constraint_name, ordinal_position
""")


class _Cursor(SSCursor):  # type: ignore[misc]
    """Takes rows as they come; the driver's own closing would read the rest of the table first."""

    def forget(self) -> None:
        """Take no more rows, whatever is left or lost; the connection is of no use afterwards."""
        if self._result is not None:
            self._result.unbuffered_active = False
        self.connection = None


class MySqlSource:
    """All databases of one server that the reading user sees, or the one that the connection's URL names."""

    title = "MySQL or MariaDB"

    def __init__(self, store: str, *, engine: Engine) -> None:
        self._store = store
        self._engine = engine

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield base tables as collections; views, grants and what the server keeps elsewhere as facts."""
        only = self._engine.url.database
        with translated(self._store, "reading the catalogue"), self._engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SET SESSION lock_wait_timeout = 5"))
            for schema, name, kind, engine, size, comment in connection.execute(_TABLES).all():
                if (only and schema != only) or kind in {"VIEW", "SYSTEM VIEW"}:
                    continue
                yield from self._relation(
                    connection, schema, name, kind=kind, engine=engine, size=size, comment=comment
                )
            yield from facts(connection, self._store, only=only or "")

    def rows(self, collection: Collection, names: Sequence[str], *, text: bool) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``Source``."""
        ref = collection.ref
        types = {field.name: field.type for field in collection.fields}
        write = _whole if text else _beginning
        chosen = ", ".join(write(types[name], _quoted(name)) for name in names)
        with translated(self._store, f"reading {ref}"), self._engine.connect() as raw:
            look = raw.execution_options(isolation_level="AUTOCOMMIT")
            self._refuse_change(look, collection)
            with closing(self._engine.raw_connection()) as pooled:
                driver: Any = pooled.driver_connection
                # Whoever reads may take its time over a batch; the server would hang up after a minute.
                _prepare(driver)
                cursor = driver.cursor(_Cursor)
                try:
                    cursor.execute(f"SELECT {chosen} FROM {_table(ref)}")
                    for number, batch in enumerate(batched(cursor, names, text=text)):
                        if number == 0:
                            self._refuse_change(look, collection)
                            raw.close()
                        yield batch
                finally:
                    # The server notices that nobody takes the rest.
                    cursor.forget()
                    pooled.invalidate()

    def _refuse_change(self, connection: Connection, collection: Collection) -> None:
        schema, _, name = collection.ref.name.partition(".")
        now = self._collection(connection, collection.ref, schema, name, size=0, comment="", count=-1)
        if not now.fields:
            raise Refused(f"collection {collection.ref} no longer exists", next_step="discover and plan again")
        refuse_change(collection, now)

    def _relation(
        self, connection: Connection, schema: str, name: str, *, kind: str, engine: str, size: int, comment: str
    ) -> Iterator[Collection | Blocker | Fact]:
        ref = CollectionRef(self._store, f"{schema}.{name}")
        if "." in schema:
            yield unknown_relation(ref, "a database whose name has a dot is not read")
            return
        if kind not in {"BASE TABLE", "SYSTEM VERSIONED"} or engine.upper() in {"FEDERATED", "CONNECT", "SPIDER"}:
            yield unknown_relation(ref, f"a {kind.lower()} of the storage engine {engine or '(none)'} is not read")
            return
        try:
            query = text(verbatim(f"SELECT count(*) FROM {_table(ref)}"))
            count = int(connection.execute(query).scalar_one())
            found = self._collection(connection, ref, schema, name, size=size, comment=comment, count=count)
        except DBAPIError as error:
            number = error.orig.args[0] if error.orig is not None and error.orig.args else None
            if number in _CHANGED:
                yield changed(ref)
            elif number in _DENIED:
                yield unreadable(ref)
            else:
                raise
            return
        yield found
        if not found.key:
            yield unnamed_rows(ref)
        if kind == "SYSTEM VERSIONED":
            yield unknown_relation(CollectionRef(ref.store, f"{ref.name}#history"), "older row versions are kept")

    def _collection(
        self, connection: Connection, ref: CollectionRef, schema: str, name: str, *, size: int, comment: str, count: int
    ) -> Collection:
        where = {"schema": schema, "name": name}
        columns = connection.execute(_COLUMNS, where).all()
        fields = tuple(Field(row[0], plain_type(row[1]), bool(row[3]), row[4]) for row in columns)
        key = _key([(str(row[0]), str(row[1]), bool(row[2] or row[3])) for row in connection.execute(_KEYS, where)])
        links: dict[str, list[Any]] = {}
        for row in connection.execute(_FOREIGN_KEYS, where):
            links.setdefault(row[0], []).append(row)
        foreign = tuple(
            ForeignKey(
                tuple(row[1] for row in rows),
                CollectionRef(ref.store, f"{rows[0][2]}.{rows[0][3]}"),
                tuple(row[4] for row in rows),
            )
            for rows in links.values()
        )
        schema_words: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
        return Collection(
            ref=ref,
            medium=Medium.TABLE,
            format="table",
            key=key,
            fields=fields,
            foreign_keys=foreign,
            record_count=count,
            byte_count=int(size),
            version_count=0,
            fingerprint=digest([*schema_words, count]),
            comment=comment,
        )


def _key(columns: Sequence[tuple[str, str, bool]]) -> tuple[str, ...]:
    """The first unique index of which no field can be NULL or is indexed by its beginning; the primary one is first."""
    indexes: dict[str, list[tuple[str, bool]]] = {}
    for index, column, loose in columns:
        indexes.setdefault(index, []).append((column, loose))
    usable = [found for found in indexes.values() if not any(loose for _, loose in found)]
    return tuple(column for column, _ in usable[0]) if usable else ()


def _prepare(driver: Any) -> None:
    with closing(driver.cursor()) as cursor:
        cursor.execute("SET SESSION net_write_timeout = 7200, lock_wait_timeout = 30")
        cursor.execute("SHOW SESSION VARIABLES WHERE variable_name IN ('max_statement_time', 'max_execution_time')")
        for name, _ in cursor.fetchall():
            cursor.execute(f"SET SESSION {name} = 0")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _base(column_type: str) -> str:
    return column_type.partition("(")[0].partition(" ")[0].lower()


def _whole(column_type: str, name: str) -> str:
    """Write the expression for a whole value as text."""
    kind = _base(column_type)
    if kind in _BYTES:
        return f"TO_BASE64({name})"
    if kind == "bit":
        return f"CAST({name} + 0 AS CHAR)"
    if kind in _SPATIAL:
        return f"ST_AsText({name})"
    return name if kind in _SHORT_TEXTS | _LONG_TEXTS else f"CAST({name} AS CHAR)"


def _beginning(column_type: str, name: str) -> str:
    """Write the expression that classification reads."""
    kind = _base(column_type)
    if kind in _NUMBERS | _SHORT_TEXTS:
        return name
    if kind == "bit":
        return f"{name} + 0"
    if kind in _BYTES | _LONG_TEXTS:
        return f"LEFT({name}, {LONGEST + 1})"
    return f"LEFT({_whole(column_type, name)}, {LONGEST + 1})"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _table(ref: CollectionRef) -> str:
    schema, _, name = ref.name.partition(".")
    return f"{_quoted(schema)}.{_quoted(name)}"
