"""Opens a DuckDB file and reads its catalogue.

Nothing outside the file is reached: a view over a Parquet file or another database is a fact, never read. One process
at a time may write a file, and nobody reads it meanwhile; whoever finds it in use waits a little.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from winddown.domain.canonical import digest
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection, CollectionRef, Field, ForeignKey, Medium
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.expressions import named_in
from winddown.stores.sql.faults import told
from winddown.stores.sql.limits import gone
from winddown.stores.sql.reading import plain_type

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "memory_limit": "256MB",
    "threads": 1,
}
_WAIT_SECONDS, _PAUSE_SECONDS = 5, 0.05
_BUSY = (duckdb.IOException, duckdb.ConnectionException)

TABLES = """
    SELECT schema_name, table_name, coalesce(comment, '') FROM duckdb_tables()
     WHERE database_name = current_database() AND NOT internal AND NOT temporary ORDER BY 1, 2
"""
_COLUMNS = """
    SELECT column_name, data_type, is_nullable, coalesce(comment, ''), coalesce(generation_expression, '')
      FROM duckdb_columns()
     WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY column_index
"""
_CONSTRAINTS = """
    SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names, expression
      FROM duckdb_constraints()
     WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY constraint_index
"""
_INDEXES = """
    SELECT index_name, is_unique, array_to_string(CAST(expressions AS VARCHAR[]), ',') FROM duckdb_indexes()
     WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY 1
"""
_REFERENCES = """
    SELECT table_name, unnest(referenced_column_names) FROM duckdb_constraints()
     WHERE database_name = current_database() AND constraint_type = 'FOREIGN KEY' AND schema_name = ?
       AND referenced_table = ? ORDER BY 1, 2
"""
_TRIGGERS = """
    SELECT trigger_name, event_manipulation = 'UPDATE' FROM duckdb_triggers()
     WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY 1
"""


@contextmanager
def opened(store: str, path: Path, doing: str, *, writing: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a file that is there; its errors are the product's, without values."""
    if not path.is_file():
        raise Refused(f"store {store}: there is no file where its connection points", rule="credentials")
    with translated(store, doing), closing(_connected(path, writing=writing)) as connection:
        yield connection


@contextmanager
def translated(store: str, doing: str) -> Iterator[None]:
    """Run a block of SQL; raise Refused or Transient in place of the driver's errors, which quote values."""
    try:
        yield
    except (*_BUSY, duckdb.TransactionException):
        raise Transient(f"store {store} is not available while {doing}: its file is in use or broken") from None
    except duckdb.Error as error:
        raise Refused(f"store {store} refused {doing} ({type(error).__name__})") from None


def _connected(path: Path, *, writing: bool) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return duckdb.connect(str(path), read_only=not writing, config=_SETTINGS)
        except _BUSY:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


def table_of(ref: CollectionRef) -> str:
    """The quoted name of a collection's table."""
    return ".".join(map(quoted_name, place(ref)))


def place(ref: CollectionRef) -> list[str]:
    """Schema and name of a collection's table."""
    return ref.name.split(".", 1)


def triggers(connection: duckdb.DuckDBPyConnection, ref: CollectionRef, *, on_changes: bool = False) -> list[str]:
    """Names, as far as they may be told, of a table's triggers that act when rows go, or when they change."""
    found = connection.execute(_TRIGGERS, place(ref)).fetchall()
    return [told(name) for name, is_on_change in found if on_changes or not is_on_change]


def computed(connection: duckdb.DuckDBPyConnection, ref: CollectionRef) -> frozenset[str]:
    """Generated columns."""
    return frozenset(row[0] for row in connection.execute(_COLUMNS, place(ref)).fetchall() if row[4])


def describe(
    connection: duckdb.DuckDBPyConnection, ref: CollectionRef, *, comment: str = "", count: int = -1, size: int = 0
) -> Collection:
    """Describe one table as it is now; raises Refused when it is gone."""
    where = place(ref)
    columns = connection.execute(_COLUMNS, where).fetchall()
    if not columns:
        raise gone(ref)
    constraints = connection.execute(_CONSTRAINTS, where).fetchall()
    names = [row[0] for row in columns]
    ties = _ties(connection, ref, columns, constraints)
    fields = tuple(
        Field(
            row[0],
            plain_type(row[1]),
            bool(row[2]),
            row[3],
            tied=_made_of_nothing(row, names) or ", ".join(ties[row[0]]),
            computed_from=named_in(row[4], [name for name in names if name != row[0]]),
        )
        for row in columns
    )
    nullable = {field.name for field in fields if field.nullable}
    keys = [tuple(row[1]) for kind in ("PRIMARY KEY", "UNIQUE") for row in constraints if row[0] == kind]
    key = next((found for found in keys if not nullable & set(found)), ())
    links = tuple(
        ForeignKey(tuple(row[1]), CollectionRef(ref.store, f"{where[0]}.{row[2]}"), tuple(row[3]))
        for row in constraints
        if row[0] == "FOREIGN KEY"
    )
    schema: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format="table",
        key=key,
        fields=fields,
        foreign_keys=links,
        record_count=count,
        byte_count=size,
        version_count=0,
        fingerprint=digest([*schema, count]),
        comment=comment,
    )


def _made_of_nothing(column: Any, names: Sequence[str]) -> str:
    return "a computation" if column[4] and not named_in(column[4], [n for n in names if n != column[0]]) else ""


def _ties(
    connection: duckdb.DuckDBPyConnection, ref: CollectionRef, columns: Sequence[Any], constraints: Sequence[Any]
) -> dict[str, list[str]]:
    """What DuckDB may refuse an empty value for, by field.

    It changes an indexed field by deleting the row and inserting it again, which it refuses for rows that others
    refer to.
    """
    found: dict[str, list[str]] = {row[0]: [] for row in columns}
    filled = {row[0] for row in columns if not row[2]}
    for kind, names, _, _, expression in constraints:
        for name in names if kind == "UNIQUE" else named_in(expression or "", list(found)):
            if kind == "CHECK" or (kind == "UNIQUE" and name in filled):
                found[name].append("a check" if kind == "CHECK" else "a unique constraint")
    for name, is_on_change in connection.execute(_TRIGGERS, place(ref)).fetchall():
        for ties in found.values() if is_on_change else ():
            ties.append(f"trigger {told(name)}")
    references = connection.execute(_REFERENCES, place(ref)).fetchall()
    for child, name in references:
        found[name].append(f"a reference of {told(child)}")
    for index, unique, expressions in connection.execute(_INDEXES, place(ref)).fetchall():
        for name in named_in(expressions, list(found)):
            if references or (unique and name in filled):
                found[name].append(f"index {told(index)}")
    return found


def size_of(connection: duckdb.DuckDBPyConnection, ref: CollectionRef) -> int:
    """Bytes of the blocks that hold the table's columns."""
    query = (
        "SELECT count(DISTINCT block_id) FILTER (block_id >= 0) * (SELECT block_size FROM pragma_database_size()) "
        "FROM pragma_storage_info(?)"
    )
    found = connection.execute(query, [table_of(ref)]).fetchone()
    return int((found[0] if found is not None else 0) or 0)


def count_of(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Number of rows."""
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None  # noqa: S101 - a count is a row
    return int(found[0])
