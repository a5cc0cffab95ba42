"""Copies a DuckDB database into a new file and puts that in the old one's place.

No way in place is known to remove the bytes of deleted rows: CHECKPOINT and VACUUM leave them. ``COPY FROM DATABASE``
takes over schemas, types, sequences, views, macros, indexes and comments, but no triggers, and it fails where rows of
a table refer to each other; so it copies what describes the tables, and rows and triggers are copied here. The
catalogues, counts and digests of both are compared before the old file is given up. It stays locked until then, so
that nobody writes into it. Killed anywhere, the old file is whole, or the new one is in its place.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.duckdb_catalogue import TABLES, computed, count_of, describe, place, translated
from winddown.stores.sql.duckdb_dialect import content

_MEMORY = "1GB"
_CATALOGUE = (
    "SELECT schema_name, table_name, sql, comment FROM duckdb_tables() WHERE NOT internal AND {db}",
    (
        "SELECT schema_name, table_name, column_name, column_index, data_type, column_default, is_nullable, comment, "
        "generation_expression FROM duckdb_columns() WHERE NOT internal AND {db}"
    ),
    "SELECT schema_name, table_name, constraint_type, constraint_text FROM duckdb_constraints() WHERE {db}",
    "SELECT schema_name, table_name, index_name, sql, comment FROM duckdb_indexes() WHERE {db}",
    "SELECT schema_name, view_name, sql, comment FROM duckdb_views() WHERE NOT internal AND {db}",
    "SELECT schema_name, sequence_name, sql, comment FROM duckdb_sequences() WHERE {db}",
    (
        "SELECT schema_name, function_name, macro_definition, CAST(parameters AS VARCHAR), comment "
        "FROM duckdb_functions() WHERE NOT internal AND {db}"
    ),
    "SELECT schema_name, type_name, CAST(labels AS VARCHAR), comment FROM duckdb_types() WHERE NOT internal AND {db}",
    "SELECT schema_name, table_name, trigger_name, sql, comment FROM duckdb_triggers() WHERE {db}",
    "SELECT schema_name, comment, CAST(NULL AS VARCHAR) FROM duckdb_schemas() WHERE NOT internal AND {db}",
)


def beside(path: Path) -> Path:
    """Where the new file is made."""
    return path.with_name(path.name + ".winddown-new")


def replace_by_copy(store: str, path: Path) -> int:
    """Copy the database and replace its file; return how many tables. The file may not be open in this process.

    Raises Refused, and leaves the file as it is, when the copy is not the same.
    """
    real = path.resolve()
    new = beside(real)
    for left in real.parent.glob(f"{_escaped(new.name)}*"):
        left.unlink()
    with translated(store, "copying it"), closing(_locked_down(real, new)) as connection:
        connection.execute(f"ATTACH {_literal(real)} AS old_file")
        connection.execute(f"ATTACH {_literal(new)} AS new_file")
        connection.execute("CHECKPOINT old_file")
        count = _copy(connection, store)
        connection.execute("DETACH new_file")
        _take_place(new, real)
    return count


def _locked_down(real: Path, new: Path) -> duckdb.DuckDBPyConnection:
    """An engine of its own that reaches nothing but the two files and what it keeps beside them."""
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": _MEMORY, "temp_directory": ""})
    allowed = ", ".join(
        _literal(f"{file}{suffix}") for file in (real, new) for suffix in ("", ".wal", ".wal.checkpoint")
    )
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET autoload_known_extensions = false; SET autoinstall_known_extensions = false")
    connection.execute("SET enable_external_access = false")
    return connection


def _copy(connection: duckdb.DuckDBPyConnection, store: str) -> int:
    connection.execute("COPY FROM DATABASE old_file TO new_file (SCHEMA)")
    connection.execute("USE new_file")
    tables = [
        describe(connection, CollectionRef(store, f"{schema}.{name}"))
        for schema, name, _ in connection.execute(TABLES).fetchall()
    ]
    for table in _parents_first(tables):
        _copy_rows(connection, table)
    # They come last, so that they do not act on rows that only come from one file into the other.
    triggers = "SELECT sql FROM duckdb_triggers() WHERE database_name = 'old_file' ORDER BY ALL"
    for (statement,) in connection.execute(triggers).fetchall():
        connection.execute(statement)
    _compare(connection, store, tables)
    connection.execute("USE memory")
    return len(tables)


def _parents_first(tables: Sequence[Collection]) -> list[Collection]:
    """Tables in an order in which none comes before one that it refers to; raises Refused for a circle."""
    left, done = list(tables), list[Collection]()
    while left:
        refs = {found.ref for found in left}
        free = [found for found in left if not ({key.target for key in found.foreign_keys} - {found.ref}) & refs]
        if not free:
            raise Refused("the tables refer to each other in a circle, so no order of copying is safe")
        done += free
        left = [found for found in left if found not in free]
    return done


def _copy_rows(connection: duckdb.DuckDBPyConnection, table: Collection) -> None:
    made = computed(connection, table.ref)
    names = ", ".join(quoted_name(name) for name in table.field_names() if name not in made)
    old, new = _in("old_file", table.ref), _in("new_file", table.ref)
    own = [key for key in table.foreign_keys if key.target == table.ref]
    if not own:
        connection.execute(f"INSERT INTO {new} ({names}) SELECT {names} FROM {old}")
        return
    # Rows that refer to nothing come first, then those that refer to them: each round takes what can be taken.
    key = own[0].target_fields
    there = " AND ".join(f"s.{quoted_name(name)} = r.{quoted_name(name)}" for name in key)
    conditions = [f"NOT EXISTS (SELECT 1 FROM {new} s WHERE {there})"]
    for link in own:
        pairs = list(zip(map(quoted_name, link.fields), map(quoted_name, link.target_fields), strict=True))
        empty = " OR ".join(f"r.{name} IS NULL" for name, _ in pairs)
        found = " AND ".join(f"p.{target} = r.{name}" for name, target in pairs)
        conditions.append(f"({empty} OR EXISTS (SELECT 1 FROM {new} p WHERE {found}))")
    statement = f"INSERT INTO {new} ({names}) SELECT {names} FROM {old} r WHERE {' AND '.join(conditions)}"
    while _changed(connection, statement):
        pass


def _changed(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    found = connection.execute(statement).fetchone()
    return int(found[0]) if found is not None else 0


def _compare(connection: duckdb.DuckDBPyConnection, store: str, tables: Sequence[Collection]) -> None:
    """Raise Refused unless both files describe the same and hold the same."""
    for query in _CATALOGUE:
        old, new = (
            connection.execute(query.format(db=f"database_name = '{name}'") + " ORDER BY ALL").fetchall()
            for name in ("old_file", "new_file")
        )
        if old != new:
            what = query.partition(" FROM ")[2].partition("(")[0].removeprefix("duckdb_")
            raise _not_the_same(store, what)
    for table in tables:
        if _told(connection, "old_file", table) != _told(connection, "new_file", table):
            raise _not_the_same(store, f"rows of {table.ref}")


def _not_the_same(store: str, what: str) -> Refused:
    return Refused(
        f"store {store}: a copy of the file would have other {what}, so the file was left as it is",
        rule="what lives is not touched",
        next_step="drop what cannot be copied, or copy the database by hand and remove the old file",
    )


def _told(connection: duckdb.DuckDBPyConnection, database: str, table: Collection) -> tuple[int, object]:
    """Number of rows, and a sum over the digests of all of them, which does not depend on their order."""
    where = _in(database, table.ref)
    total = f"SELECT sum(CAST(hash({content(table)}) AS HUGEINT)) FROM {where} t"
    found = connection.execute(total).fetchone()
    return count_of(connection, where), found


def _take_place(new: Path, real: Path) -> None:
    """Put the new file in the old one's place, durably, with its mode and owner."""
    found = real.stat()
    shutil.copymode(real, new)
    if (new.stat().st_uid, new.stat().st_gid) != (found.st_uid, found.st_gid):
        os.chown(new, found.st_uid, found.st_gid)
    for place_of in (new, real.parent):
        descriptor = os.open(place_of, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            if place_of == new:
                new.replace(real)
        finally:
            os.close(descriptor)


def _in(database: str, ref: CollectionRef) -> str:
    return ".".join(map(quoted_name, (database, *place(ref))))


def _literal(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
