"""Rows of a MySQL or MariaDB table that a batch names, found by their keys, a few hundred in a statement."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Order
from winddown.stores.sql.copy_then_delete import JOURNAL as JOURNAL_TABLE
from winddown.stores.sql.copy_then_delete import order_digest
from winddown.stores.sql.forms import Forms
from winddown.stores.sql.mysql_catalogue import JOURNAL, computed
from winddown.stores.sql.mysql_values import WORDS, content, is_text, literals, quoted, table_name, whole
from winddown.stores.sql.staged import require_same_key

_ONE_COLUMN = 900  # keys in a list; from a thousand on MariaDB makes a join of them
_SEVERAL_COLUMNS = 200  # keys parted by OR, of which more take longer each
_KEYS_BYTES = 1 << 20

Key = tuple[str, ...]


def named_rows(
    connection: Connection, collection: Collection, batch: Batch, expressions: Sequence[str], *, joined: str = ""
) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    """Yield the key and some expressions of each row ``t`` that a batch names; ``joined`` is what FROM says beside."""
    types = {field.name: field.type for field in collection.fields}
    written = [whole(types[name], f"t.{quoted(name)}") for name in collection.key]
    chosen = ", ".join([*written, *expressions])
    for condition in conditions(collection, batch):
        query = f"SELECT {chosen} FROM {table_name(collection.ref)} t {joined} WHERE {condition}"
        for row in connection.exec_driver_sql(query.replace("%", "%%")):
            yield tuple(str(value) for value in row[: len(written)]), tuple(row[len(written) :])


def conditions(collection: Collection, batch: Batch, *, most: int = _ONE_COLUMN) -> Iterator[str]:
    """Yield conditions for rows ``t`` that the keys of a batch fit exactly, at most so many at a time.

    Keys of several columns stand in no list of rows: there MariaDB does not convert texts to the column's characters,
    and finds none of another set than Unicode's.
    """
    types = {field.name: field.type for field in collection.fields}
    compared = []
    for name, values in zip(collection.key, key_literals(collection, batch), strict=True):
        compared.append((f"t.{quoted(name)}", values))
        if is_text(types[name]):  # by a collation ``a``, ``A`` and ``a `` may be equal; as bytes they are not
            written = [value.encode().hex() for value in batch.keys.column(name).to_pylist()]
            compared.append((f"CAST(CONVERT(t.{quoted(name)} USING utf8mb4) AS BINARY)", [f"x'{v}'" for v in written]))
    longest = sum(max(map(len, values), default=1) for _, values in compared)
    most = max(1, min(most, _ONE_COLUMN if len(collection.key) == 1 else _SEVERAL_COLUMNS, _KEYS_BYTES // longest))
    for start in range(0, batch.keys.num_rows, most):
        parts = [(expression, values[start : start + most]) for expression, values in compared]
        if len(collection.key) == 1:
            yield " AND ".join(f"{expression} IN ({', '.join(values)})" for expression, values in parts)
        else:
            each = ([f"{expression} = {value}" for value in values] for expression, values in parts)
            yield "(" + " OR ".join(f"({' AND '.join(row)})" for row in zip(*each, strict=True)) + ")"


def key_literals(collection: Collection, batch: Batch) -> list[list[str]]:
    """The values of each field of the key, as they stand in a statement."""
    types = {field.name: field.type for field in collection.fields}
    return [literals(types[name], batch.keys.column(name).to_pylist()) for name in collection.key]


def planned_keys(collection: Collection, batch: Batch) -> dict[Key, str]:
    """The keys of a batch, each with the content that was planned."""
    columns = [batch.keys.column(name).to_pylist() for name in collection.key]
    return dict(zip(zip(*columns, strict=True), batch.keys.column(CONTENT).to_pylist(), strict=True))


def planned_rows(
    connection: Connection, collection: Collection, batch: Batch, names: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Fields, as text, of the rows of a batch that are as they were planned, in the order of their keys."""
    types = {field.name: field.type for field in collection.fields}
    planned = planned_keys(collection, batch)
    fields = [whole(types[name], f"t.{quoted(name)}") for name in names]
    found = {
        key: row[1:]
        for key, row in named_rows(connection, collection, batch, [content(collection), *fields])
        if row[0] == planned[key]
    }
    return [found[key] for key in planned if key in found]


class MySqlLook:
    """One batch of one order, seen in one snapshot; a ``staged.Look``."""

    def __init__(self, connection: Connection, collection: Collection, order: Order, batch: Batch) -> None:
        require_same_key(collection, batch)
        self._connection = connection
        self._collection = collection
        self._order = order
        self._batch = batch
        self._has_journal = False

    def journalled(self) -> str | None:
        """What was last done to the batch; None when nothing was."""
        return self.entry()[0]

    def entry(self) -> tuple[str | None, str]:
        """What was last done to the batch, and the file that it is in; None and "" when nothing was."""
        self._has_journal = self._has_journal or has_table(self._connection, JOURNAL, JOURNAL_TABLE)
        if not self._has_journal:
            return None, ""
        query = text(f"SELECT * FROM {JOURNAL}.{JOURNAL_TABLE} WHERE order_digest = :o AND batch = :b")
        values = {"o": order_digest(self._order), "b": self._batch.index}
        found = self._connection.execute(query, values).mappings().one_or_none()
        # The journal of an earlier version knows of no escrow.
        return (None, "") if found is None else (str(found["state"]), str(found.get("escrow", "")))

    def live(self) -> int:
        """Rows that the batch names and that are there; of fields to empty, those that are not all empty."""
        fields = ["0"]
        if self._order.act is Act.MINIMISE:
            generated = computed(self._connection, self._collection.ref)
            fields = [self._is_left(name) for name in self._order.fields if name not in generated]
        rows = named_rows(self._connection, self._collection, self._batch, fields)
        return sum(not all(row) for _, row in rows)

    def _is_left(self, name: str) -> str:
        """The condition that a field has lost its value, as far as it can be told."""
        forms, column = Forms(self._collection, self._order), f"t.{quoted(name)}"
        if name in forms:
            return f"NOT COALESCE({forms.is_whole(name, column, WORDS)}, FALSE)"
        nullable = next(field.nullable for field in self._collection.fields if field.name == name)
        return f"{column} IS NULL" if nullable else f"HEX({column}) = ''"

    def unchanged(self) -> int:
        """Rows of the batch that are live with exactly the planned content, in which their keys are."""
        self._connection.execute(text("SET SESSION group_concat_max_len = 1 << 20"))
        what = f"GROUP_CONCAT({content(self._collection)} SEPARATOR ' ')"
        live: set[str] = set()
        for condition in conditions(self._collection, self._batch):
            query = f"SELECT {what} FROM {table_name(self._collection.ref)} t WHERE {condition}"
            found = self._connection.exec_driver_sql(query.replace("%", "%%")).scalar()
            live.update((found or "").split())
        return len(live.intersection(self._batch.keys.column(CONTENT).to_pylist()))


def has_table(connection: Connection, schema: str, name: str) -> bool:
    """Whether there is such a table, and we may know of it."""
    query = text("SELECT 1 FROM information_schema.tables WHERE table_schema = :s AND table_name = :n")
    return connection.execute(query, {"s": schema, "n": name}).scalar() is not None


def columns_of(connection: Connection, schema: str, name: str) -> frozenset[str]:
    """Names of the columns of a table; none where there is no such table, or we may not know of it."""
    query = text("SELECT column_name FROM information_schema.columns WHERE table_schema = :s AND table_name = :n")
    return frozenset(connection.execute(query, {"s": schema, "n": name}).scalars())
