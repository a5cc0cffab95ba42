"""How rows are named, bound and moved in a SQLite file.

A value's kind is its own here, not its column's: a key that was read as text may be a number, a text or bytes in the
file. So the batch's keys are handed over in every form that the column could hold, and the content, which binds each
value with its kind, tells which one was planned.
"""

import base64
import hashlib
import re
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Any

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.inventory import Collection
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.forms import TOKEN_COLUMN, Words
from winddown.stores.sql.reading import as_text
from winddown.stores.sql.sqlite_catalogue import computed, decoded, hazards, pragma, table_name

_FORMS, _KEYS = "winddown_forms", "winddown_keys"
_TOKENS, _BACK = "winddown_tokens", "winddown_back"
_READ_TEXT, _READ_BYTES = "winddown_text", "winddown_bytes"
_COLUMNS_A_CALL = 60  # a function takes 127 arguments
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_INT64 = range(-(1 << 63), 1 << 63)

Value = int | float | str | bytes | None


def content(connection: sqlite3.Connection, collection: Collection) -> str:
    """The expression of the digest of a row ``t``, over names and types of all fields and every value as it is stored.

    Text is taken by its bytes, whatever encoding somebody wrote it in.
    """
    connection.create_function("winddown_content", -1, _content, deterministic=True)
    found = f"'{_shape(collection)}'"
    names = collection.field_names()
    for start in range(0, len(names), _COLUMNS_A_CALL):
        columns = [f"t.{quoted_name(name)}" for name in names[start : start + _COLUMNS_A_CALL]]
        found = f"winddown_content({found}, {', '.join(map(_pair, columns))})"
    return found


def _shape(collection: Collection) -> str:
    shape = "\n".join(f"{field.name} {field.type}" for field in collection.fields)
    return hashlib.sha256(shape.encode()).hexdigest()


def _pair(column: str) -> str:
    """The kind of a value, and the value; of a text its bytes."""
    return f"typeof({column}), iif(typeof({column}) = 'text', CAST({column} AS BLOB), {column})"


def _content(before: str, *pairs: Value) -> str:
    hasher = hashlib.sha256(before.encode())
    for kind, value in zip(pairs[::2], pairs[1::2], strict=True):
        hasher.update(_written(str(kind), value))
    return hasher.hexdigest()


def _written(kind: str, value: Value) -> bytes:
    """Kind, length and bytes of a value."""
    if value is None:
        written = b""
    elif isinstance(value, bytes):
        written = value
    else:
        written = struct.pack(">d", value) if isinstance(value, float) else str(value).encode()
    return b"%s %d " % (kind.encode(), len(written)) + written


def _values(row: bytes) -> Iterator[tuple[str, Value]]:
    """Kind and value of each field of a row as ``_written`` wrote it; of a text its bytes."""
    start = 0
    while start < len(row):
        kind, length, _ = row[start : start + 40].split(b" ", 2)
        begin = start + len(kind) + len(length) + 2
        start = begin + int(length)
        raw = row[begin:start]
        yield kind.decode(), _read(kind, raw)


def _read(kind: bytes, raw: bytes) -> Value:
    if kind == b"null":
        return None
    if kind == b"integer":
        return int(raw)
    return float(struct.unpack(">d", raw)[0]) if kind == b"real" else raw


def _as_read(column: str) -> str:
    """A value of a column of text as a plan reads it: text by its bytes, other bytes in base64, a number as it is.

    The engine takes all text for UTF-8, and would cut characters of any other in two.
    """
    return (
        f"CASE typeof({column}) WHEN 'text' THEN {_READ_TEXT}(CAST({column} AS BLOB)) "
        f"WHEN 'blob' THEN {_READ_BYTES}({column}) ELSE {column} END"
    )


def columns_of(connection: sqlite3.Connection, name: str) -> frozenset[str]:
    """Names of the columns of a table; none where there is no such table."""
    found = connection.execute("SELECT name FROM pragma_table_info(?, 'main')", (name,)).fetchall()
    return frozenset(column for (column,) in found)


class SqliteDialect:
    """One open transaction on a table of a SQLite file; see ``Dialect``."""

    words = Words("TEXT", lambda beginning, rest: f"{beginning} || '{rest}'", read=_as_read)

    def __init__(self, connection: sqlite3.Connection, collection: Collection) -> None:
        encoding = str(pragma(connection, "encoding")).replace("UTF-16", "utf-16-")
        text = decoded if encoding == "UTF-8" else partial(str, encoding=encoding)
        connection.create_function(_READ_TEXT, 1, text, deterministic=True)
        connection.create_function(_READ_BYTES, 1, as_text, deterministic=True)
        self._connection = connection
        self._collection = collection
        self._key = list(map(quoted_name, collection.key))

    def quoted(self, name: str) -> str:
        """Quote one identifier."""
        return quoted_name(name)

    def table(self) -> str:
        """The collection's table."""
        return f"main.{quoted_name(table_name(self._collection.ref))}"

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
        """Triggers, and references that act on other rows."""
        found = hazards(self._connection, self._collection.ref, on_changes=on_changes)
        return tuple(f"{hazard} {name}" for hazard, name in found)

    def keys(self, batch: Batch) -> str:
        """Fill a temporary table, held in memory, with the keys of the rows that the batch names."""
        for name in (_KEYS, _FORMS):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
        named = ", ".join([*self._key, CONTENT])
        self._connection.execute(f"CREATE TEMP TABLE {_FORMS} ({named})")
        places = ", ".join(["iif(?, CAST(? AS TEXT), ?)"] * len(self._key))
        self._connection.executemany(f"INSERT INTO temp.{_FORMS} VALUES ({places}, ?)", self._forms(batch))
        found = ", ".join(f"t.{name} AS {name}" for name in self._key)
        rows = self.selected(f"DISTINCT {found}, k.{CONTENT} AS {CONTENT}", f"temp.{_FORMS}", self._same_key())
        self._connection.execute(f"CREATE TEMP TABLE {_KEYS} AS {rows}")
        return f"temp.{_KEYS}"

    def content(self) -> str:
        """The digest of a row."""
        return content(self._connection, self._collection)

    def tokens(self, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
        """Fill a temporary table, held in memory."""
        self._connection.execute(f"CREATE TEMP TABLE {_TOKENS} ({', '.join([CONTENT, *columns])})")
        places = ", ".join("?" * (len(columns) + 1))
        self._connection.executemany(f"INSERT INTO temp.{_TOKENS} VALUES ({places})", rows)
        return f"temp.{_TOKENS}"

    def create_aside(self, name: str, columns: Sequence[str], tokens: Sequence[str]) -> None:
        """Create a table whose columns have no type, so that they keep every value as it is."""
        named = [f"{TOKEN_COLUMN}{place}" for place in range(len(tokens))]
        fields = ", ".join([*map(quoted_name, columns), *named])
        self._connection.execute(f"CREATE TABLE {self.own(name)} (winddown_batch INTEGER, {fields})")
        index = self.own(f"{name}_batch")
        self._connection.execute(f"CREATE INDEX {index} ON {quoted_name(name)} (winddown_batch)")

    def selected(self, columns: str, other: str, condition: str) -> str:
        """Select rows; CROSS JOIN makes SQLite look each key up, not each row."""
        return f"SELECT {columns} FROM {other} k CROSS JOIN {self.table()} t WHERE {condition}{self._exactly()}"

    def deleted(self, other: str, condition: str) -> str:
        """Delete by the keys of the rows found."""
        found = self.selected(", ".join(f"t.{name}" for name in self._key), other, condition)
        exact = ", ".join(f"{name} COLLATE BINARY" for name in self._key)
        keys = f"SELECT {', '.join(self._key)} FROM {other}"
        return f"DELETE FROM {self.table()} WHERE ({', '.join(self._key)}) IN ({found}) AND ({exact}) IN ({keys})"

    def updated(self, values: Sequence[tuple[str, str]], other: str, condition: str) -> str:
        """Update rows that are joined."""
        changes = ", ".join(f"{name} = {value}" for name, value in values)
        return f"UPDATE OR ABORT {self.table()} AS t SET {changes} FROM {other} k WHERE {condition}{self._exactly()}"

    def inserted(self, columns: str, rows: str) -> str:
        """Insert rows; a table may say ``ON CONFLICT REPLACE`` itself, and that would delete the row in the way."""
        return f"INSERT OR ABORT INTO {self.table()} ({columns}) {rows}"

    def handed_out(self, other: str, condition: str) -> Iterator[bytes]:
        """Rows as their digests have them: kind, length and bytes of each value."""
        chosen = ", ".join(_pair(f"t.{quoted_name(name)}") for name in self._collection.field_names())
        for row in self._connection.execute(self.selected(chosen, other, condition)):
            yield b"".join(_written(kind, value) for kind, value in zip(row[::2], row[1::2], strict=True))

    def digest(self) -> Callable[[bytes], bytes]:
        """What computes the digest of a row, some columns at a time, as ``content`` has it."""
        begun = _shape(self._collection)

        def digest(row: bytes) -> bytes:
            found, pieces = begun, [_written(kind, value) for kind, value in _values(row)]
            for start in range(0, len(pieces), _COLUMNS_A_CALL):
                found = hashlib.sha256(found.encode() + b"".join(pieces[start : start + _COLUMNS_A_CALL])).hexdigest()
            return bytes.fromhex(found)

        return digest

    def insert(self, rows: Iterable[bytes]) -> int:
        """Insert rows by way of a temporary table, held in memory.

        Text goes in by the bytes that it is stored as. They have to come from a table: a parameter's bytes would be
        taken for UTF-8, whatever the file is written in.
        """
        skipped, names = self.computed(), self._collection.field_names()
        kept = [place for place, name in enumerate(names) if name not in skipped]
        self._connection.execute(f"CREATE TEMP TABLE {_BACK} (texts, {', '.join(f'c{place}' for place in kept)})")

        def given(row: bytes) -> list[Value]:
            values = list(_values(row))
            pairs = [values[place] for place in kept]
            return ["".join("t" if kind == "text" else "-" for kind, _ in pairs), *(value for _, value in pairs)]

        places = ", ".join("?" * (len(kept) + 1))
        self._connection.executemany(f"INSERT INTO temp.{_BACK} VALUES ({places})", map(given, rows))
        chosen = ", ".join(
            f"iif(substr(texts, {number}, 1) = 't', CAST(c{place} AS TEXT), c{place})"
            for number, place in enumerate(kept, 1)
        )
        columns = ", ".join(quoted_name(names[place]) for place in kept)
        restored = self.execute(self.inserted(columns, f"SELECT {chosen} FROM temp.{_BACK}"))
        self._connection.execute(f"DROP TABLE temp.{_BACK}")
        return restored

    def execute(self, statement: str) -> int:
        """Execute a statement."""
        return self._connection.execute(statement).rowcount

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        """The rows of a query."""
        yield from self._connection.execute(query).fetchall()

    def value(self, query: str) -> object:
        """The first value of the first row."""
        found = self._connection.execute(query).fetchone()
        return None if found is None else found[0]

    def planned_rows(self, batch: Batch, names: Sequence[str]) -> str:
        """The query for fields of a batch's unchanged rows, in the order of their keys."""
        columns = ", ".join(f"t.{quoted_name(name)}" for name in names)
        condition = f"{self._same_key()} AND {self.content()} = k.{CONTENT}"
        order = ", ".join(f"t.{name}" for name in self._key)
        return f"{self.selected(columns, self.keys(batch), condition)} ORDER BY {order}"

    def _exactly(self) -> str:
        """The condition that a row's key is the very one: a column may take others for equal that its key tells apart.

        Beside the equality that finds a row by the key's index, which may be one by the column's collation.
        """
        return "".join(f" AND t.{name} = k.{name} COLLATE BINARY" for name in self._key)

    def _same_key(self) -> str:
        return " AND ".join(f"t.{name} = k.{name}" for name in self._key)

    def _forms(self, batch: Batch) -> Iterator[list[Value]]:
        """Each key in every form, each value twice after its mark, and the content at the end."""
        columns = [batch.keys.column(name).to_pylist() for name in self._collection.key]
        for content_digest, *key in zip(batch.keys.column(CONTENT).to_pylist(), *columns, strict=True):
            for chosen in product(*map(_forms_of, key)):
                yield [part for is_old, form in chosen for part in (is_old, form, form)] + [content_digest]


def _forms_of(text: str) -> list[tuple[bool, Value]]:
    """Values that are read as this text: itself, a number, bytes in base64, or GB18030, which is marked.

    Of the last the bytes are given, because the driver hands over no text that is not UTF-8.
    """
    found: list[tuple[bool, Value]] = []
    if _INTEGER.fullmatch(text) and int(text) in _INT64:
        found.append((False, int(text)))
    with suppress(ValueError):
        if str(float(text)) == text:
            found.append((False, float(text)))
    with suppress(ValueError):
        decoded = base64.b64decode(text, validate=True)
        if base64.b64encode(decoded).decode() == text:
            found.append((False, decoded))
    if not text.isascii():
        with suppress(UnicodeEncodeError):
            found.append((True, text.encode("gb18030", "surrogateescape")))
    with suppress(UnicodeEncodeError):
        text.encode()
        found.append((False, text))
    return found
