"""Reads PostgreSQL as Arrow: one ``COPY … (FORMAT binary)``, parsed by the ADBC driver, so in one snapshot.

Chosen over psycopg's COPY with a parser of our own and over CSV through pyarrow: measured, it costs little more than
psycopg takes to hand over the same bytes. Only types that the driver passes on without loss are read as themselves;
every other one (numeric, arrays, json, uuid, enum, inet, ranges, composites, domains …) is written as text by the
server.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import adbc_driver_manager as adbc
import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from psycopg import conninfo
from sqlalchemy import Connection, Engine

from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection, Field
from winddown.stores.sql import catalogue
from winddown.stores.sql.catalogue import quoted, quoted_name
from winddown.stores.sql.faults import translated
from winddown.stores.sql.reading import BATCH_BYTES, LONGEST, named, refuse_change

_AS_THEY_ARE = frozenset({"boolean", "smallint", "integer", "bigint", "real", "double precision"})
_TIMES = re.compile(r"date|timestamp(\(\d\))? with(out)? time zone")
# A statement may take as long as the table is big, but nobody waits long behind somebody's exclusive lock.
_PATIENCE = "-c statement_timeout=0 -c lock_timeout=30s"


def typed(field: Field) -> str:
    """Write the expression that classification reads for a field.

    Times outside the years 1 to 9999, infinity included, are read as the edge of that range: Arrow has none of them.
    """
    name = quoted_name(field.name)
    if field.type in _AS_THEY_ARE:
        return name
    if _TIMES.fullmatch(field.type):
        first, last = f"'0001-01-02'::{field.type}", f"'9999-12-30'::{field.type}"
        return f"CASE WHEN {name} < {first} THEN {first} WHEN {name} > {last} THEN {last} ELSE {name} END"
    if field.type == "bytea":
        return f"substring({name} for {LONGEST + 1})"
    text = f"{name}::text"
    # The length of a long value is known without reading it.
    return f"CASE WHEN octet_length({text}) > {LONGEST} THEN left({text}, {LONGEST + 1}) ELSE {text} END"


class Copies:
    """Copies tables out of one database.

    The driver reads the catalogue of types once a database; that costs more than a small table does, so it is kept
    from one reading to the next. A connection is not: it lasts as long as its table.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._known: tuple[str, adbc.AdbcDatabase] | None = None

    def read(
        self, collection: Collection, names: Sequence[str], *, expressions: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Yield one expression a name for every row of a collection, called ``t``, in the table's order.

        Raises:
            Refused: the collection is gone or was altered since it was discovered, or a value cannot be read.
            Transient: the connection was lost, or somebody holds an exclusive lock.
        """
        ref = collection.ref
        query = f"SELECT {', '.join(expressions)} FROM {quoted(ref.name)} t"
        with translated(ref.store, f"reading {ref}"), self._engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            refuse_change(collection, catalogue.describe(connection, ref))
            guessed = _info(connection).parameter_status("server_encoding") == "SQL_ASCII"
            with closing(adbc.AdbcConnection(self._database(connection))) as reader:
                for number, batch in enumerate(_executed(reader, query, collection)):
                    if number == 0:
                        # Reading holds a lock against changes by now, so one between the first look and the lock
                        # is seen.
                        refuse_change(collection, catalogue.describe(connection, ref))
                        raw.close()
                    if guessed:
                        _refuse_unknown_encoding(batch, collection)
                    if batch.num_rows:
                        yield named(batch, names)

    def _database(self, connection: Connection) -> adbc.AdbcDatabase:
        """Return the driver's view of the database that an open connection of ours leads to."""
        info = _info(connection)
        parameters = info.get_parameters()
        parameters |= {
            "password": info.password,
            "client_encoding": "UTF8",
            "options": f"{parameters.get('options', '')} {_PATIENCE}".strip(),
        }
        address = conninfo.make_conninfo(**{name: value for name, value in parameters.items() if value})
        with self._turn:
            if self._known is None or self._known[0] != address:
                self._known = (address, adbc_driver_postgresql.connect(address))
            return self._known[1]


def _executed(reader: adbc.AdbcConnection, query: str, collection: Collection) -> Iterator[pa.RecordBatch]:
    with closing(adbc.AdbcStatement(reader)) as statement:
        statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)})
        statement.set_sql_query(query)
        stream, _ = statement.execute_query()
        with pa.RecordBatchReader.from_stream(stream) as batches:
            while True:
                try:
                    batch = next(batches, None)
                except (OSError, pa.ArrowException):
                    break
                if batch is None:
                    return
                yield batch
    # The driver tells only in words why a stream broke off, and they may quote a value. Whether the connection still
    # works tells whose fault it was.
    raise _broken(reader, collection)


def _broken(reader: adbc.AdbcConnection, collection: Collection) -> Refused | Transient:
    try:
        with closing(adbc.AdbcStatement(reader)) as statement:
            statement.set_sql_query("SELECT 1")
            statement.execute_query()
    except adbc.Error:
        return Transient(f"store {collection.ref.store} is not available any more while reading {collection.ref}")
    return Refused(
        f"store {collection.ref.store} broke off reading {collection.ref}: a row cannot be read, or it was cancelled",
        next_step="read the database server's log, repair the table, then run again",
    )


def _info(connection: Connection) -> Any:
    driver: Any = connection.connection.driver_connection
    return driver.info


def _refuse_unknown_encoding(batch: pa.RecordBatch, collection: Collection) -> None:
    """A database without an encoding hands out whatever bytes were put in."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        raise Refused(
            f"collection {collection.ref} holds text that is not UTF-8, in a database without an encoding (SQL_ASCII)",
            next_step="load the table into a database whose encoding is that of the text",
        ) from None
