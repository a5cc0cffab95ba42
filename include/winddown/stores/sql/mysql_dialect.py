"""How rows are named and bound in MySQL or MariaDB, whose fields move; ``mysql_escrow`` has rows that go whole.

The batch's keys go into a temporary table that is held in memory and lies in our own database. The server is made to
look the table's rows up by them (``STRAIGHT_JOIN``): left to itself it may read the table for every batch.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Order
from winddown.stores.sql.copy_then_delete import JOURNAL as JOURNAL_TABLE
from winddown.stores.sql.forms import TOKEN_COLUMN, Forms
from winddown.stores.sql.mysql_catalogue import JOURNAL, QUARANTINE, computed, hazards, stamped
from winddown.stores.sql.mysql_rows import columns_of, has_table, key_literals
from winddown.stores.sql.mysql_values import WORDS, content, is_text, quoted, table_name

_KEYS, _TOKENS = "winddown_keys", "winddown_tokens"
_AT_ONCE = 1_000  # rows; more might not fit into one packet of the server


class MySqlDialect:
    """One session on a table of MySQL or MariaDB; see ``Dialect``."""

    words = WORDS

    def __init__(self, connection: Connection, collection: Collection, order: Order) -> None:
        self._connection = connection
        self._collection = collection
        self._order = order
        self._types = {field.name: field.type for field in collection.fields}

    def quoted(self, name: str) -> str:
        """Quote one identifier."""
        return quoted(name)

    def table(self) -> str:
        """The collection's table."""
        return table_name(self._collection.ref)

    def own(self, name: str) -> str:
        """A table of ours; the journal lies in a database apart, so that whoever reads it reads nothing else."""
        return f"{_database(name)}.{quoted(name)}"

    def columns(self, name: str) -> frozenset[str]:
        """Names of the columns of a table of ours."""
        return columns_of(self._connection, _database(name), name)

    def computed(self) -> frozenset[str]:
        """Generated columns."""
        return computed(self._connection, self._collection.ref)

    def hazards(self, *, on_changes: bool) -> tuple[str, ...]:
        """Triggers, references that act on other rows, and what the credential may not see."""
        found = hazards(self._connection, self._collection.ref, on_changes=on_changes)
        return tuple(f"{hazard} {name}" for hazard, name in found)

    def load(self, batch: Batch) -> None:
        """Fill the temporary table of keys; before the transaction, in which not every server lets it be created.

        A table of tokens is created as well where there are any.
        """
        tokens = Forms(self._collection, self._order).token_columns()
        if tokens:
            columns = ", ".join(f"{name} varchar(40) CHARACTER SET ascii" for name in tokens)
            self.execute(
                f"CREATE TEMPORARY TABLE {QUARANTINE}.{_TOKENS} ({CONTENT} char(64) CHARACTER SET ascii "
                f"COLLATE ascii_bin NOT NULL PRIMARY KEY, {columns}) ENGINE = MEMORY"
            )
        key = ", ".join(quoted(name) for name in self._collection.key)
        self.execute("SET SESSION max_heap_table_size = 1 << 30")
        self.execute(
            f"CREATE TEMPORARY TABLE {QUARANTINE}.{_KEYS} (winddown_row int NOT NULL AUTO_INCREMENT PRIMARY KEY, "
            f"{CONTENT} char(64) CHARACTER SET ascii COLLATE ascii_bin "
            f"NOT NULL) ENGINE = MEMORY SELECT {key}, '' AS {CONTENT} FROM {self.table()} WHERE false"
        )
        values = [
            *key_literals(self._collection, batch),
            [f"'{digest}'" for digest in batch.keys.column(CONTENT).to_pylist()],
        ]
        rows = [f"({', '.join(row)})" for row in zip(*values, strict=True)]
        columns = f"{key}, {CONTENT}"
        for start in range(0, len(rows), _AT_ONCE):
            part = ", ".join(rows[start : start + _AT_ONCE])
            self.execute(f"INSERT INTO {QUARANTINE}.{_KEYS} ({columns}) VALUES {part}")

    def keys(self, batch: Batch) -> str:  # noqa: ARG002 - they are loaded before the transaction
        """The temporary table."""
        return f"{QUARANTINE}.{_KEYS}"

    def content(self) -> str:
        """The digest of a row, as the temporary table has it."""
        return f"CONVERT({content(self._collection)} USING ascii) COLLATE ascii_bin"

    def tokens(self, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
        """Fill the temporary table that ``load`` created."""
        texts = (["NULL" if value is None else f"'{value}'" for value in row] for row in rows)
        written = [f"({', '.join(row)})" for row in texts]
        for start in range(0, len(written), _AT_ONCE):
            part = ", ".join(written[start : start + _AT_ONCE])
            self.execute(f"INSERT INTO {QUARANTINE}.{_TOKENS} ({', '.join([CONTENT, *columns])}) VALUES {part}")
        return f"{QUARANTINE}.{_TOKENS}"

    def create_aside(self, name: str, columns: Sequence[str], tokens: Sequence[str]) -> None:
        """Create a table; the order's name is its comment, by which others find it."""
        named = (f"{quoted(field)} AS {TOKEN_COLUMN}{place}" for place, field in enumerate(tokens))
        names = ", ".join([*map(quoted, columns), *named])
        comment = str(self._order.id).replace("\\", "").replace("'", "")
        self.execute(
            f"CREATE TABLE {self.own(name)} (winddown_row bigint NOT NULL AUTO_INCREMENT, winddown_batch int NOT NULL, "
            f"PRIMARY KEY (winddown_row), INDEX (winddown_batch)) ENGINE = InnoDB COMMENT = '{comment}' "
            f"SELECT 0 AS winddown_batch, {names} FROM {self.table()} WHERE false"
        )

    def selected(self, columns: str, other: str, condition: str) -> str:
        """Select rows."""
        return f"SELECT {columns} FROM {self._joined(other)} WHERE {self._exact(condition)}"

    def deleted(self, other: str, condition: str) -> str:
        """Delete rows."""
        return f"DELETE t FROM {self._joined(other)} WHERE {self._exact(condition)}"

    def updated(self, values: Sequence[tuple[str, str]], other: str, condition: str) -> str:
        """Update rows; what the server would set to the present time keeps its value."""
        changed = {name for name, _ in values}
        kept = [quoted(name) for name in stamped(self._connection, self._collection.ref)]
        changes = [f"t.{name} = {value}" for name, value in values]
        changes += [f"t.{name} = t.{name}" for name in kept if name not in changed]
        return f"UPDATE {self._joined(other)} SET {', '.join(changes)} WHERE {self._exact(condition)}"

    def inserted(self, columns: str, rows: str) -> str:
        """Insert rows."""
        return f"INSERT INTO {self.table()} ({columns}) {rows}"

    def execute(self, statement: str) -> int:
        """Execute a statement."""
        return int(self._connection.exec_driver_sql(statement.replace("%", "%%")).rowcount)

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        """The rows of a query."""
        yield from self._connection.exec_driver_sql(query.replace("%", "%%")).all()

    def value(self, query: str) -> object:
        """The first value of the first row."""
        return self._connection.exec_driver_sql(query.replace("%", "%%")).scalar()

    def _joined(self, other: str) -> str:
        return f"{other} k STRAIGHT_JOIN {self.table()} t"

    def _exact(self, condition: str) -> str:
        """By a collation ``a``, ``A`` and ``a `` may be equal; here only the same bytes are."""
        texts = [quoted(name) for name in self._collection.key if is_text(self._types[name])]
        return " AND ".join([condition, *(f"CAST(t.{name} AS BINARY) = CAST(k.{name} AS BINARY)" for name in texts)])


def prepare_own(connection: Connection) -> None:
    """Create our two databases and the journal where they are not there yet; that of an earlier version grows."""
    if has_table(connection, JOURNAL, JOURNAL_TABLE):
        columns = columns_of(connection, JOURNAL, JOURNAL_TABLE)
        for name, length in (("order_id", 255), ("escrow", 100)):
            if name not in columns:
                column = f"{name} varchar({length}) NOT NULL DEFAULT ''"
                connection.execute(text(f"ALTER TABLE {JOURNAL}.{JOURNAL_TABLE} ADD COLUMN {column}"))
        return
    for name in (QUARANTINE, JOURNAL):
        connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4"))
    connection.execute(
        text(
            f"CREATE TABLE {JOURNAL}.{JOURNAL_TABLE} (order_digest varchar(40) NOT NULL, batch int NOT NULL, "
            "state varchar(20) NOT NULL, order_id varchar(255) NOT NULL DEFAULT '', "
            "escrow varchar(100) NOT NULL DEFAULT '', PRIMARY KEY (order_digest, batch)) ENGINE = InnoDB"
        )
    )


def _database(table: str) -> str:
    return JOURNAL if table == JOURNAL_TABLE else QUARANTINE
