"""How rows are named, bound and moved in a DuckDB file.

Keys are compared as the texts under which they were read, because a type may not be written down from an inventory (an
enum's labels are values). The engine joins by hashes and looks at the whole column in any case.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import duckdb

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.inventory import Collection
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.duckdb_catalogue import computed, table_of, triggers
from winddown.stores.sql.forms import TOKEN_COLUMN, Words

_ROWS_AT_ONCE = 500
_EXACT = frozenset(
    {
        "BIGINT",
        "BLOB",
        "BOOLEAN",
        "DATE",
        "DECIMAL",
        "DOUBLE",
        "ENUM",
        "FLOAT",
        "HUGEINT",
        "INTEGER",
        "SMALLINT",
        "TIME",
    }
    | {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT", "UUID"}
    | {"VARCHAR"}
)
_TEXT = "VARCHAR"
_KEYS, _TOKENS = "winddown_keys", "winddown_tokens"


def whole(kind: str, column: str) -> str:
    """The expression for a whole value as text; bytes as base64."""
    return f"base64({column})" if kind == "BLOB" else f"CAST({column} AS VARCHAR)"


def content(collection: Collection) -> str:
    """The expression of the digest of a row ``t``, over names and types of all fields and every value with its length.

    Times with a zone are written in UTC, whatever the machine's zone: the engine has no other without an extension.
    """
    return f"sha256('{_shape(collection)}' || {written(collection)})"


def _shape(collection: Collection) -> str:
    shape = "\n".join(f"{field.name} {field.type}" for field in collection.fields)
    return hashlib.sha256(shape.encode()).hexdigest()


def written(collection: Collection) -> str:
    """The expression of a row ``t`` as its digest has it."""
    parts = []
    for field in collection.fields:
        column = f"t.{quoted_name(field.name)}"
        text = f"hex({column})" if field.type == "BLOB" else f"CAST({column} AS VARCHAR)"
        parts.append(f"CASE WHEN {column} IS NULL THEN ' -' ELSE ' ' || strlen({text}) || ' ' || {text} END")
    return " || ".join(parts)


def _texts(row: bytes) -> list[str | None]:
    """The values of a row as ``written`` wrote them.

    >>> _texts(b" - 3 a b 0 ")
    [None, 'a b', '']
    """
    found: list[str | None] = []
    start = 0
    while start < len(row):
        if row[start : start + 2] == b" -":
            found.append(None)
            start += 2
            continue
        length, _ = row[start + 1 : start + 24].split(b" ", 1)
        begin = start + len(length) + 2
        start = begin + int(length)
        found.append(row[begin:start].decode())
    return found


def is_exact(kind: str) -> bool:
    """Whether a value of a type is read back exactly from the text that it is written as.

    >>> is_exact("DECIMAL(12,2)"), is_exact("VARCHAR[]"), is_exact("ENUM('…')")
    (True, False, True)
    """
    return not kind.endswith("]") and kind.partition("(")[0] in _EXACT


def _exact(value: str, kind: str) -> str:
    """A text by its bytes, which compare with no other's."""
    return f"encode({value})" if kind == _TEXT else value


def columns_of(connection: duckdb.DuckDBPyConnection, name: str) -> frozenset[str]:
    """Names of the columns of a table in the schema ``main``; none where there is no such table."""
    query = (
        "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() "
        "AND schema_name = 'main' AND table_name = ?"
    )
    return frozenset(column for (column,) in connection.execute(query, [name]).fetchall())


class DuckDbDialect:
    """One open transaction on a table of a DuckDB file; see ``Dialect``."""

    words = Words("VARCHAR", lambda beginning, rest: f"CAST({beginning} || '{rest}' AS DATE)")

    def __init__(self, connection: duckdb.DuckDBPyConnection, collection: Collection) -> None:
        self._connection = connection
        self._collection = collection

    def quoted(self, name: str) -> str:
        """Quote one identifier."""
        return quoted_name(name)

    def table(self) -> str:
        """The collection's table."""
        return table_of(self._collection.ref)

    def own(self, name: str) -> str:
        """A table of ours, in the same file."""
        return f"main.{quoted_name(name)}"

    def columns(self, name: str) -> frozenset[str]:
        """Names of the columns of a table of ours."""
        return columns_of(self._connection, name)

    def computed(self) -> frozenset[str]:
        """Generated columns."""
        return computed(self._connection, self._collection.ref)

    def hazards(self, *, on_changes: bool) -> tuple[str, ...]:
        """Triggers; references act on no other rows here."""
        found = triggers(self._connection, self._collection.ref, on_changes=on_changes)
        return tuple(f"trigger {name}" for name in found)

    def keys(self, batch: Batch) -> str:
        """Put the keys of the rows that the batch names into a temporary table."""
        names = [*self._collection.key, CONTENT]
        columns = [batch.keys.column(name).to_pylist() for name in names]
        given = ", ".join(f"unnest(CAST(? AS VARCHAR[])) AS c{index}" for index in range(len(names)))
        types = {field.name: field.type for field in self._collection.fields}
        keys = list(map(quoted_name, self._collection.key))
        same = " AND ".join(
            f"{_exact(whole(kind, f't.{quoted_name(name)}'), kind)} = {_exact(f'g.c{index}', kind)}"
            for index, (name, kind) in enumerate((name, types[name]) for name in self._collection.key)
        )
        found = ", ".join([*(f"t.{name} AS {name}" for name in keys), f"g.c{len(keys)} AS {CONTENT}"])
        rows = f"SELECT {found} FROM (SELECT {given}) g JOIN {self.table()} t ON {same}"
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_KEYS} AS {rows}", columns)
        return f"temp.{_KEYS}"

    def content(self) -> str:
        """The digest of a row, written so that the engine computes it for rows that are joined, not for all."""
        return f"CASE WHEN k.{CONTENT} IS NULL THEN NULL ELSE {content(self._collection)} END"

    def tokens(self, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
        """Put them into a temporary table."""
        names = [CONTENT, *columns]
        given = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
        chosen = ", ".join(f"unnest(CAST(? AS VARCHAR[])) AS {name}" for name in names)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_TOKENS} AS SELECT {chosen}", given)
        return f"temp.{_TOKENS}"

    def create_aside(self, name: str, columns: Sequence[str], tokens: Sequence[str]) -> None:
        """Create a table with the columns' own types."""
        named = (f"{quoted_name(field)} AS {TOKEN_COLUMN}{place}" for place, field in enumerate(tokens))
        fields = ", ".join([*map(quoted_name, columns), *named])
        empty = f"SELECT 0 AS winddown_batch, {fields} FROM {self.table()} WHERE false"
        self._connection.execute(f"CREATE TABLE {self.own(name)} AS {empty}")

    def selected(self, columns: str, other: str, condition: str) -> str:
        """Select rows that are joined."""
        return f"SELECT {columns} FROM {other} k JOIN {self.table()} t ON {condition}{self._exactly()}"

    def deleted(self, other: str, condition: str) -> str:
        """Delete rows that are joined."""
        return f"DELETE FROM {self.table()} AS t USING {other} k WHERE {condition}{self._exactly()}"

    def updated(self, values: Sequence[tuple[str, str]], other: str, condition: str) -> str:
        """Update rows that are joined."""
        changes = ", ".join(f"{name} = {value}" for name, value in values)
        return f"UPDATE {self.table()} AS t SET {changes} FROM {other} k WHERE {condition}{self._exactly()}"

    def _exactly(self) -> str:
        """The condition that a row's key is the very one: by its collation a column may take others for equal."""
        types = {field.name: field.type for field in self._collection.fields}
        names = [(quoted_name(name), types[name]) for name in self._collection.key if types[name] == _TEXT]
        return "".join(f" AND {_exact(f't.{name}', kind)} = {_exact(f'k.{name}', kind)}" for name, kind in names)

    def inserted(self, columns: str, rows: str) -> str:
        """Insert rows."""
        return f"INSERT INTO {self.table()} ({columns}) {rows}"

    def handed_out(self, other: str, condition: str) -> Iterator[bytes]:
        """Rows as their digests have them: a dash, or length and text, of each value."""
        found = self._connection.execute(self.selected(f"{written(self._collection)} AS r", other, condition))
        while rows := found.fetchmany(_ROWS_AT_ONCE):
            for (row,) in rows:
                yield str(row).encode()

    def digest(self) -> Callable[[bytes], bytes]:
        """What computes the digest of a row."""
        begun = hashlib.sha256(_shape(self._collection).encode())

        def digest(row: bytes) -> bytes:
            hasher = begun.copy()
            hasher.update(row)
            return hasher.digest()

        return digest

    def insert(self, rows: Iterable[bytes]) -> int:
        """Insert rows, each value from its text."""
        skipped, fields = self.computed(), self._collection.fields
        kept = [place for place, field in enumerate(fields) if field.name not in skipped]
        found = [_texts(row) for row in rows]
        given = [[row[place] for row in found] for place in kept]
        names = ", ".join(quoted_name(fields[place].name) for place in kept)
        columns = ", ".join(f"unnest(CAST(? AS VARCHAR[])) AS c{place}" for place in kept)
        chosen = ", ".join(f"unhex(c{place})" if fields[place].type == "BLOB" else f"c{place}" for place in kept)
        return self._changed(self.inserted(names, f"SELECT {chosen} FROM (SELECT {columns})"), given)

    def _changed(self, statement: str, given: list[list[str | None]]) -> int:
        found = self._connection.execute(statement, given).fetchone()
        return int(found[0]) if found is not None else 0

    def execute(self, statement: str) -> int:
        """Execute a statement; the engine answers a change with the number of rows."""
        found = self._connection.execute(statement).fetchone()
        return int(found[0]) if found is not None else 0

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        """The rows of a query."""
        yield from self._connection.execute(query).fetchall()

    def value(self, query: str) -> object:
        """The first value of the first row."""
        found = self._connection.execute(query).fetchone()
        return None if found is None else found[0]
