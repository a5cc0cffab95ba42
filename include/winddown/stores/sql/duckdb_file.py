"""A DuckDB file as a source, attached read-only; its rows come as Arrow without a detour.

A file that a writer has open is not available.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact
from winddown.domain.plan import Order
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.copy_then_delete import CopyThenDelete, is_ours
from winddown.stores.sql.duckdb_catalogue import TABLES, count_of, describe, opened, size_of, table_of, triggers
from winddown.stores.sql.duckdb_dialect import DuckDbDialect, content, whole
from winddown.stores.sql.limits import acts_by_itself, unknown_relation, unnamed_rows
from winddown.stores.sql.reading import BATCH_BYTES, BATCH_ROWS, LONGEST, named, refuse_change

_AS_THEY_ARE = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"}
    | {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
_TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS"})
_WIDE_ROWS = 1_000

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

    def identity(self) -> str:
        """The file's place; see ``identity_of``."""
        return identity_of(self._path)

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield tables as collections; views and the files themselves as facts."""
        with opened(self._store, self._path, "reading the catalogue") as connection:
            for schema, name, comment in connection.execute(TABLES).fetchall():
                ref = CollectionRef(self._store, f"{schema}.{name}")
                if schema == "main" and is_ours(name):
                    continue
                if "." in schema:
                    yield unknown_relation(ref, "a schema whose name has a dot is not read")
                    continue
                count, size = count_of(connection, table_of(ref)), size_of(connection, ref)
                found = describe(connection, ref, comment=comment, count=count, size=size)
                yield found
                if not found.key:
                    yield unnamed_rows(ref)
                yield from (acts_by_itself(ref, "trigger", trigger) for trigger in triggers(connection, ref))
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
            yield Fact(self._store, "freeze", "none: the file knows no users, and whoever opens it may write")

    def rows(
        self, collection: Collection, names: Sequence[str], *, text: bool, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``Source``. Nobody can write the file meanwhile."""
        ref = collection.ref
        types = {field.name: field.type for field in collection.fields}
        write = whole if text else _beginning
        chosen = [write(types[name], f"t.{quoted_name(name)}") for name in names]
        with opened(self._store, self._path, f"reading {ref}") as connection:
            refuse_change(collection, describe(connection, ref))
            if bound:
                chosen.append(content(collection))
            query = f"SELECT {', '.join(chosen)} FROM {table_of(ref)} t"
            reader: Any = connection.sql(query).to_arrow_reader(_rows_a_batch(collection))
            for batch in reader:
                if batch.num_rows:
                    yield named(batch, [*names, CONTENT] if bound else names)

    def fetch(self, collection: Collection, batch: Batch, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield fields of the live and unchanged rows of a batch; see ``BindingSource``."""
        ref = collection.ref
        with opened(self._store, self._path, f"reading {ref}") as connection:
            current = describe(connection, ref)
            dialect = DuckDbDialect(connection, current)
            types = {field.name: field.type for field in current.fields}
            columns = [whole(types[name], f"t.{quoted_name(name)}") for name in names]
            order = ", ".join(f"t.{quoted_name(name)}" for name in current.key)
            same = " AND ".join(f"t.{name} = k.{name}" for name in map(quoted_name, current.key))
            condition = f"{same} AND {dialect.content()} = k.{CONTENT}"
            query = dialect.selected(", ".join(columns), dialect.keys(batch), condition)
            reader: Any = connection.sql(f"{query} ORDER BY {order}").to_arrow_reader(_rows_a_batch(current))
            yield from (named(part, names) for part in reader if part.num_rows)

    @contextmanager
    def look(self, order: Order, batch: Batch) -> Iterator[CopyThenDelete]:
        """Look at a batch; nobody can write the file meanwhile."""
        with opened(self._store, self._path, f"locating {order.id}") as connection:
            current = describe(connection, order.collection)
            yield CopyThenDelete(DuckDbDialect(connection, current), current, order, batch)


def identity_of(path: Path) -> str:
    """Which file it is: its real path, and nothing else, because a sanitise puts a new file in the old one's place."""
    real = path.resolve()
    if not real.is_file():
        raise Refused("there is no file where the connection points", rule="credentials")
    return f"DuckDB file {real}"


def _rows_a_batch(collection: Collection) -> int:
    """Fewer rows a batch where single values may be long."""
    long = any(field.type in {"BLOB", "JSON"} for field in collection.fields)
    return _WIDE_ROWS if long else min(BATCH_ROWS, BATCH_BYTES // (16 * max(len(collection.fields), 1)))


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
