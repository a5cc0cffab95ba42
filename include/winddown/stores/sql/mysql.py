"""MySQL and MariaDB as a source: every table by its catalogue, rows over an unbuffered cursor.

Rows of a table are read by one statement, so in one snapshot (InnoDB), which keeps old row versions alive as long as it
runs. Rows of a batch are found by their keys in statements that write nothing, not even to the binary log.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
from pymysql.cursors import SSCursor
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection, CollectionRef, Fact
from winddown.domain.plan import Order
from winddown.stores.sql.faults import translated
from winddown.stores.sql.limits import changed, unknown_relation, unnamed_rows, unreadable
from winddown.stores.sql.mysql_catalogue import (
    DENIED,
    JOURNAL,
    QUARANTINE,
    described,
    hazard_blockers,
    identity,
    outline,
)
from winddown.stores.sql.mysql_facts import facts
from winddown.stores.sql.mysql_rows import MySqlLook, planned_rows
from winddown.stores.sql.mysql_values import beginning, content, quoted, table_name, whole
from winddown.stores.sql.reading import batched, refuse_change, verbatim

# No such table or column, its definition changed, a lock did not come in time.
_CHANGED = frozenset({1146, 1054, 1412, 1205, 1051})

_TABLES = text("""
    SELECT table_schema, table_name, table_type, coalesce(engine, ''),
           coalesce(data_length, 0) + coalesce(index_length, 0), coalesce(table_comment, '')
      FROM information_schema.tables
     WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys', :quarantine, :journal)
     ORDER BY 1, 2
""")


class _Cursor(SSCursor):  # type: ignore[misc]
    """Takes rows as they come; the driver's own closing would read the rest of the table first."""

    def forget(self) -> None:
        """Take no more rows, whatever is left or lost; the connection is of no use afterwards."""
        if self._result is not None:
            self._result.unbuffered_active = False
        self.connection = None


class MySqlSource:
    """All databases of one server that the reading user sees, or the one that the connection's URL names.

    Args:
        store: the store's name in the case.
        engine: with the reading credential.
        is_acted_on: whether rows are destroyed here, so that what acts on a table by itself blocks it.
    """

    title = "MySQL or MariaDB"

    def __init__(self, store: str, *, engine: Engine, is_acted_on: bool = False) -> None:
        self._store = store
        self._is_acted_on = is_acted_on
        self._engine = engine

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield base tables as collections; views, grants and what the server keeps elsewhere as facts."""
        only, ours = self._engine.url.database, {"quarantine": QUARANTINE, "journal": JOURNAL}
        with translated(self._store, "reading the catalogue"), self._engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SET SESSION lock_wait_timeout = 5"))
            for schema, name, kind, engine, size, comment in connection.execute(_TABLES, ours).all():
                if (only and schema != only) or kind in {"VIEW", "SYSTEM VIEW"}:
                    continue
                yield from self._relation(
                    connection, schema, name, kind=kind, engine=engine, size=size, comment=comment
                )
            yield from facts(connection, self._store, only=only or "")

    def identity(self) -> str:
        """The server and its database."""
        with translated(self._store, "asking who it is"), self._engine.connect() as connection:
            return identity(connection)

    def rows(
        self, collection: Collection, names: Sequence[str], *, text: bool, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``BindingSource``."""
        ref = collection.ref
        types = {field.name: field.type for field in collection.fields}
        write = whole if text else beginning
        chosen = [write(types[name], f"t.{quoted(name)}") for name in names]
        if bound:
            chosen, names = [*chosen, content(collection)], [*names, CONTENT]
        with translated(self._store, f"reading {ref}"), self._engine.connect() as raw:
            look = raw.execution_options(isolation_level="AUTOCOMMIT")
            self._refuse_change(look, collection)
            with closing(self._engine.raw_connection()) as pooled:
                driver: Any = pooled.driver_connection
                # Whoever reads may take its time over a batch; the server would hang up after a minute.
                _prepare(driver)
                cursor = driver.cursor(_Cursor)
                try:
                    cursor.execute(f"SELECT {', '.join(chosen)} FROM {table_name(ref)} t")
                    for number, batch in enumerate(batched(cursor, names, text=text)):
                        if number == 0:
                            self._refuse_change(look, collection)
                            raw.close()
                        yield batch
                finally:
                    # The server notices that nobody takes the rest.
                    cursor.forget()
                    pooled.invalidate()

    def fetch(self, collection: Collection, batch: Batch, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield fields of the live and unchanged rows of a batch, as text, ordered by key."""
        with self._looking(f"reading {collection.ref}") as connection:
            rows = planned_rows(connection, collection, batch, names)
        arrays = [pa.array([row[index] for row in rows], type=pa.string()) for index in range(len(names))]
        yield pa.RecordBatch.from_arrays(arrays, names=list(names))

    @contextmanager
    def look(self, order: Order, batch: Batch) -> Iterator[MySqlLook]:
        """Look at a batch in one snapshot."""
        with self._looking(f"locating {order.id}") as connection:
            yield MySqlLook(connection, outline(connection, order.collection), order, batch)

    @contextmanager
    def _looking(self, doing: str) -> Iterator[Connection]:
        with translated(self._store, doing), self._engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"))
            yield connection
            connection.execute(text("COMMIT"))

    def _refuse_change(self, connection: Connection, collection: Collection) -> None:
        refuse_change(collection, described(connection, collection.ref))

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
            query = text(verbatim(f"SELECT count(*) FROM {table_name(ref)}"))
            count = int(connection.execute(query).scalar_one())
            found = described(connection, ref, size=size, comment=comment, count=count)
            blockers = list(hazard_blockers(connection, ref)) if self._is_acted_on else []
        except DBAPIError as error:
            number = error.orig.args[0] if error.orig is not None and error.orig.args else None
            if number in _CHANGED:
                yield changed(ref)
            elif number in DENIED:
                yield unreadable(ref)
            else:
                raise
            return
        yield found
        yield from blockers
        if not found.key:
            yield unnamed_rows(ref)
        if kind == "SYSTEM VERSIONED":
            yield unknown_relation(CollectionRef(ref.store, f"{ref.name}#history"), "older row versions are kept")


def _prepare(driver: Any) -> None:
    with closing(driver.cursor()) as cursor:
        cursor.execute("SET SESSION net_write_timeout = 7200, lock_wait_timeout = 30")
        cursor.execute("SHOW SESSION VARIABLES WHERE variable_name IN ('max_statement_time', 'max_execution_time')")
        for name, _ in cursor.fetchall():
            cursor.execute(f"SET SESSION {name} = 0")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
