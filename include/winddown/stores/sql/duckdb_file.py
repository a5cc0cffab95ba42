"""A DuckDB file as a source, attached read-only; its rows come as Arrow without a detour.

Nothing outside the file is reached: a view over a Parquet file or another database is a fact, never read. A file that
a writer has open is not available.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection, CollectionRef, Fact, Field, ForeignKey, Medium
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.limits import unknown_relation, unnamed_rows
from winddown.stores.sql.reading import BATCH_BYTES, BATCH_ROWS, LONGEST, named, plain_type, refuse_change

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "memory_limit": "256MB",
    "threads": 1,
}
_AS_THEY_ARE = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"}
    | {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
_TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS"})
_WIDE_ROWS = 1_000

_TABLES = """
    SELECT schema_name, table_name, coalesce(comment, '') FROM duckdb_tables()
     WHERE database_name = current_database() AND NOT internal AND NOT temporary ORDER BY 1, 2
"""
_COLUMNS = """
    SELECT column_name, data_type, is_nullable, coalesce(comment, '') FROM duckdb_columns()
     WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY column_index
"""
_CONSTRAINTS = """
    SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names FROM duckdb_constraints()
     WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY constraint_index
"""
_VIEWS = """
    SELECT schema_name, view_name FROM duckdb_views()
     WHERE database_name = current_database() AND NOT internal ORDER BY 1, 2
"""


class DuckDbSource:
    """One file. Its tables are named ``<schema>.<table>``."""

    title = "DuckDB"

    def __init__(self, store: str, *, path: Path) -> None:
        self._store = store
        self._path = path

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield tables as collections; views and the files themselves as facts."""
        with self._opened("reading the catalogue") as connection:
            for schema, name, comment in connection.execute(_TABLES).fetchall():
                ref = CollectionRef(self._store, f"{schema}.{name}")
                if "." in schema:
                    yield unknown_relation(ref, "a schema whose name has a dot is not read")
                    continue
                (count,) = _one(connection, f"SELECT count(*) FROM {_table(ref)}")
                size = _size(connection, ref)
                found = _collection(connection, ref, comment=comment, count=count, size=size)
                yield found
                if not found.key:
                    yield unnamed_rows(ref)
            for schema, name in connection.execute(_VIEWS).fetchall():
                yield Fact(f"{self._store}:{schema}.{name}", "view", "what it reads is not told by the engine")
            for path in (self._path, self._path.with_name(self._path.name + ".wal")):
                if path.exists():
                    found_file = path.stat()
                    what = (
                        f"{found_file.st_size} bytes, mode {found_file.st_mode & 0o777:04o}, user {found_file.st_uid}"
                    )
                    yield Fact(self._store, "file_wal" if path != self._path else "file", what)
            yield Fact(self._store, "not_seen", "copies of the file, and what views over other files show")

    def rows(self, collection: Collection, names: Sequence[str], *, text: bool) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``Source``. Nobody can write the file meanwhile."""
        ref = collection.ref
        types = {field.name: field.type for field in collection.fields}
        write = _whole if text else _beginning
        chosen = ", ".join(write(types[name], quoted_name(name)) for name in names)
        with self._opened(f"reading {ref}") as connection:
            now = _collection(connection, ref, comment="", count=-1, size=0)
            if not now.fields:
                raise Refused(f"collection {ref} no longer exists", next_step="discover and plan again")
            refuse_change(collection, now)
            reader: Any = connection.sql(f"SELECT {chosen} FROM {_table(ref)}").to_arrow_reader(
                _rows_a_batch(collection)
            )
            for batch in reader:
                if batch.num_rows:
                    yield named(batch, names)

    @contextmanager
    def _opened(self, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self._path.exists():
            raise Refused(f"store {self._store}: there is no file where its connection points", rule="credentials")
        try:
            with closing(duckdb.connect(str(self._path), read_only=True, config=_SETTINGS)) as connection:
                yield connection
        except (duckdb.IOException, duckdb.ConnectionException):
            raise Transient(
                f"store {self._store} is not available while {doing}: its file is in use or broken"
            ) from None
        except duckdb.Error as error:
            raise Refused(f"store {self._store} refused {doing} ({type(error).__name__})") from None


def _collection(
    connection: duckdb.DuckDBPyConnection, ref: CollectionRef, *, comment: str, count: int, size: int
) -> Collection:
    where = list(ref.name.split(".", 1))
    fields = tuple(
        Field(row[0], plain_type(row[1]), bool(row[2]), row[3])
        for row in connection.execute(_COLUMNS, where).fetchall()
    )
    constraints = connection.execute(_CONSTRAINTS, where).fetchall()
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


def _size(connection: duckdb.DuckDBPyConnection, ref: CollectionRef) -> int:
    """Bytes of the blocks that hold the table's columns."""
    query = (
        "SELECT count(DISTINCT block_id) FILTER (block_id >= 0) * (SELECT block_size FROM pragma_database_size()) "
        "FROM pragma_storage_info(?)"
    )
    (size,) = _one(connection, query, [_table(ref)])
    return int(size or 0)


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: list[str] | None = None) -> tuple[Any, ...]:
    found = connection.execute(query, values or []).fetchone()
    return found if found is not None else (0,)


def _rows_a_batch(collection: Collection) -> int:
    """Fewer rows a batch where single values may be long."""
    long = any(field.type in {"BLOB", "JSON"} for field in collection.fields)
    return _WIDE_ROWS if long else min(BATCH_ROWS, BATCH_BYTES // (16 * max(len(collection.fields), 1)))


def _whole(kind: str, name: str) -> str:
    return f"base64({name})" if kind == "BLOB" else f"CAST({name} AS VARCHAR)"


def _beginning(kind: str, name: str) -> str:
    if kind in _AS_THEY_ARE:
        return name
    if kind in _TIMES:
        first, last = f"CAST('0001-01-02' AS {kind})", f"CAST('9999-12-30' AS {kind})"
        return f"CASE WHEN {name} < {first} THEN {first} WHEN {name} > {last} THEN {last} ELSE {name} END"
    if kind == "BLOB":
        return f"CASE WHEN octet_length({name}) > {LONGEST} THEN {name}[1:{LONGEST + 1}] ELSE {name} END"
    text = f"CAST({name} AS VARCHAR)"
    return f"CASE WHEN strlen({text}) > {LONGEST} THEN left({text}, {LONGEST + 1}) ELSE {text} END"


def _table(ref: CollectionRef) -> str:
    schema, _, name = ref.name.partition(".")
    return f"{quoted_name(schema)}.{quoted_name(name)}"
