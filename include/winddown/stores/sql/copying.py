"""Reads PostgreSQL as Arrow: one ``COPY … (FORMAT binary)``, so in one snapshot.

Only types that Arrow has as well are read as themselves; every other one (numeric, arrays, json, uuid, enum, inet,
ranges, composites, domains …) is written as text by the server.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import psycopg
import pyarrow as pa
from sqlalchemy import Connection, Engine

from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, Field
from winddown.stores.sql import catalogue
from winddown.stores.sql.binary import TEXT, Wire, text_batches, wire_of
from winddown.stores.sql.catalogue import quoted, quoted_name
from winddown.stores.sql.copy_out import handed_out
from winddown.stores.sql.faults import translated
from winddown.stores.sql.reading import BATCH_BYTES, LONGEST, named, refuse_change

Read = Callable[[Iterable[memoryview]], Iterator[pa.RecordBatch]]
# A statement may take as long as the table is big, but nobody waits long behind somebody's exclusive lock.
_PATIENCE = b"SET statement_timeout = 0; SET lock_timeout = '30s'; SET client_encoding = 'UTF8'"


def typed(field: Field) -> tuple[str, Wire]:
    """Return the expression that classification reads for a field, and how its values are written.

    Times outside the years 1 to 9999, infinity included, are read as the edge of that range: Arrow has none of them.
    """
    name, wire = quoted_name(field.name), wire_of(field.type)
    if wire is None:
        text = f"{name}::text"
        # The length of a long value is known without reading it.
        return f"CASE WHEN octet_length({text}) > {LONGEST} THEN left({text}, {LONGEST + 1}) ELSE {text} END", TEXT
    if wire.shift:
        first, last = f"'0001-01-02'::{field.type}", f"'9999-12-30'::{field.type}"
        return f"CASE WHEN {name} < {first} THEN {first} WHEN {name} > {last} THEN {last} ELSE {name} END", wire
    if field.type == "bytea":
        return f"substring({name} for {LONGEST + 1})", wire
    return name, wire


def copies(
    engine: Engine,
    collection: Collection,
    names: Sequence[str],
    *,
    expressions: Sequence[str],
    wires: Sequence[Wire] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield one expression a name for every row of a collection, called ``t``, in the table's order.

    Args:
        engine: of the database.
        collection: a relation in it.
        names: of the fields that are yielded.
        expressions: together they have a field for every name.
        wires: how each of these is written; None where all are texts.

    Raises:
        Refused: the collection is gone or was altered since it was discovered, or a value cannot be read.
        Transient: the connection was lost, or somebody holds an exclusive lock.
    """
    ref = collection.ref
    query = f"COPY (SELECT {', '.join(expressions)} FROM {quoted(ref.name)} t) TO STDOUT (FORMAT binary)"
    with translated(ref.store, f"reading {ref}"), engine.connect() as raw, engine.connect() as reading:
        looking = raw.execution_options(isolation_level="AUTOCOMMIT")
        refuse_change(collection, catalogue.describe(looking, ref))
        connection = _driver(reading.execution_options(isolation_level="AUTOCOMMIT"))
        guessed = connection.info.parameter_status("server_encoding") == "SQL_ASCII"
        read = partial(text_batches, fields=len(names)) if wires is None else partial(_cells, wires=wires)
        with closing(_batches(connection, query, read, collection)) as batches:
            for number, batch in enumerate(batches):
                if number == 0:
                    # Reading holds a lock against changes by now, so one between the first look and the lock is seen.
                    refuse_change(collection, catalogue.describe(looking, ref))
                    raw.close()
                if guessed:
                    _refuse_unknown_encoding(batch, collection)
                yield named(batch, names)


def _batches(
    connection: "psycopg.Connection[Any]", query: str, read: Read, collection: Collection
) -> Generator[pa.RecordBatch, None, None]:
    try:
        connection.execute(_PATIENCE)
        with closing(handed_out(connection, query)) as messages:
            yield from read(messages)
    except (psycopg.errors.QueryCanceled, psycopg.DataError, psycopg.errors.DataCorrupted) as error:
        raise Refused(
            f"store {collection.ref.store} broke off reading {collection.ref} (SQLSTATE {error.sqlstate}): "
            "a row cannot be read, or somebody cancelled it",
            next_step="read the database server's log, repair the table, then run again",
        ) from None


def _cells(messages: Iterable[memoryview], wires: Sequence[Wire]) -> Iterator[pa.RecordBatch]:
    from winddown.stores.sql.copy_cells import CopyReader  # noqa: PLC0415 - 100 MiB, which only classification needs

    reader, content = CopyReader(wires), bytearray()
    for message in messages:
        content += message
        if len(content) >= BATCH_BYTES:
            if (batch := reader.read(content)) is not None:
                yield batch
            content = bytearray()
    batch = reader.read(content)
    reader.close()
    if batch is not None:
        yield batch


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _refuse_unknown_encoding(batch: pa.RecordBatch, collection: Collection) -> None:
    """A database without an encoding hands out whatever bytes were put in."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        raise Refused(
            f"collection {collection.ref} holds text that is not UTF-8, in a database without an encoding (SQL_ASCII)",
            next_step="load the table into a database whose encoding is that of the text",
        ) from None
