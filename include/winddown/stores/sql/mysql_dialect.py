"""How rows are named, bound and moved in MySQL or MariaDB.

The batch's keys go into a temporary table that is held in memory and lies in our own database. The server is made to
look the table's rows up by them (``STRAIGHT_JOIN``): left to itself it may read the table for every batch.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Order
from winddown.stores.sql.copy_then_delete import JOURNAL as JOURNAL_TABLE
from winddown.stores.sql.mysql_catalogue import JOURNAL, QUARANTINE, computed, hazards, stamped
from winddown.stores.sql.mysql_rows import Key, has_table, key_literals, named_rows, planned_keys
from winddown.stores.sql.mysql_values import content, is_text, quoted, table_name, whole

_KEYS = "winddown_keys"
_STEP = "@winddown_step"
_AT_ONCE = 1_000  # rows; more might not fit into one packet of the server


class MySqlDialect:
    """One session on a table of MySQL or MariaDB; see ``Dialect``."""

    def __init__(self, connection: Connection, collection: Collection, order: Order) -> None:
        self._connection = connection
        self._collection = collection
        self._order = order
        self._types = {field.name: field.type for field in collection.fields}
        self._steps = 1

    def quoted(self, name: str) -> str:
        """Quote one identifier."""
        return quoted(name)

    def table(self) -> str:
        """The collection's table."""
        return table_name(self._collection.ref)

    def own(self, name: str) -> str:
        """A table of ours; the journal lies in a database apart, so that whoever reads it reads nothing else."""
        return f"{_database(name)}.{quoted(name)}"

    def has_own(self, name: str) -> bool:
        """Whether it is there."""
        return has_table(self._connection, _database(name), name)

    def computed(self) -> frozenset[str]:
        """Generated columns."""
        return computed(self._connection, self._collection.ref)

    def hazards(self) -> tuple[str, ...]:
        """Triggers, references that act on other rows, and what the credential may not see."""
        return tuple(f"{hazard} {name}" for hazard, name in hazards(self._connection, self._collection.ref))

    def load(self, batch: Batch) -> None:
        """Fill the temporary table of keys; before the transaction, in which not every server lets it be created."""
        key = ", ".join(quoted(name) for name in self._collection.key)
        steps = self._steps_of(batch)
        self._steps = max(steps.values(), default=1)
        self.execute("SET SESSION max_heap_table_size = 1 << 30")
        self.execute(
            f"CREATE TEMPORARY TABLE {QUARANTINE}.{_KEYS} (winddown_row int NOT NULL AUTO_INCREMENT PRIMARY KEY, "
            f"{CONTENT} char(64) CHARACTER SET ascii COLLATE ascii_bin "
            f"NOT NULL, winddown_step int NOT NULL, INDEX (winddown_step)) ENGINE = MEMORY "
            f"SELECT {key}, '' AS {CONTENT}, 0 AS winddown_step FROM {self.table()} WHERE false"
        )
        values = [
            *key_literals(self._collection, batch),
            [f"'{digest}'" for digest in batch.keys.column(CONTENT).to_pylist()],
            [str(steps.get(found, 1)) for found in planned_keys(self._collection, batch)],
        ]
        rows = [f"({', '.join(row)})" for row in zip(*values, strict=True)]
        columns = f"{key}, {CONTENT}, winddown_step"
        for start in range(0, len(rows), _AT_ONCE):
            part = ", ".join(rows[start : start + _AT_ONCE])
            self._run(f"INSERT INTO {QUARANTINE}.{_KEYS} ({columns}) VALUES {part}")

    def keys(self, batch: Batch) -> str:  # noqa: ARG002 - they are loaded before the transaction
        """The temporary table."""
        return f"{QUARANTINE}.{_KEYS}"

    def content(self) -> str:
        """The digest of a row, as the temporary table has it."""
        return f"CONVERT({content(self._collection)} USING ascii) COLLATE ascii_bin"

    def create_aside(self, name: str, columns: Sequence[str]) -> None:
        """Create a table whose rows keep the order in which they came, so that parents go back before children.

        The order's name is its comment, by which others find it.
        """
        names = ", ".join(quoted(column) for column in columns)
        comment = str(self._order.id).replace("\\", "").replace("'", "")
        self.execute(
            f"CREATE TABLE {self.own(name)} (winddown_row bigint NOT NULL AUTO_INCREMENT, winddown_batch int NOT NULL, "
            f"PRIMARY KEY (winddown_row), INDEX (winddown_batch)) ENGINE = InnoDB COMMENT = '{comment}' "
            f"SELECT 0 AS winddown_batch, {names} FROM {self.table()} WHERE false"
        )

    def selected(self, columns: str, other: str, condition: str) -> str:
        """Select rows, those that others of the batch refer to first."""
        order = " ORDER BY k.winddown_step DESC" if self._steps > 1 and other == self.keys_table() else ""
        return f"SELECT {columns} FROM {self._joined(other)} WHERE {self._exact(condition)}{order}"

    def deleted(self, other: str, condition: str) -> str:
        """Delete rows; where some refer to others, step by step, because the server checks each row by itself."""
        step = f" AND k.winddown_step = {_STEP}" if self._steps > 1 else ""
        return f"DELETE t FROM {self._joined(other)} WHERE {self._exact(condition)}{step}"

    def updated(self, values: Sequence[tuple[str, str]], other: str, condition: str) -> str:
        """Update rows; what the server would set to the present time keeps its value."""
        changed = {name for name, _ in values}
        kept = [quoted(name) for name in stamped(self._connection, self._collection.ref)]
        changes = [f"t.{name} = {value}" for name, value in values]
        changes += [f"t.{name} = t.{name}" for name in kept if name not in changed]
        return f"UPDATE {self._joined(other)} SET {', '.join(changes)} WHERE {self._exact(condition)}"

    def execute(self, statement: str) -> int:
        """Execute a statement, once a step where it has steps."""
        if _STEP not in statement:
            return self._run(statement)
        return sum(self._run(statement.replace(_STEP, str(step + 1))) for step in range(self._steps))

    def value(self, query: str) -> object:
        """The first value of the first row."""
        return self._connection.exec_driver_sql(query.replace("%", "%%")).scalar()

    def keys_table(self) -> str:
        """What FROM calls the temporary table."""
        return f"{QUARANTINE}.{_KEYS}"

    def _run(self, statement: str) -> int:
        return int(self._connection.exec_driver_sql(statement.replace("%", "%%")).rowcount)

    def _joined(self, other: str) -> str:
        return f"{other} k STRAIGHT_JOIN {self.table()} t"

    def _exact(self, condition: str) -> str:
        """By a collation ``a``, ``A`` and ``a `` may be equal; here only the same bytes are."""
        texts = [quoted(name) for name in self._collection.key if is_text(self._types[name])]
        return " AND ".join([condition, *(f"CAST(t.{name} AS BINARY) = CAST(k.{name} AS BINARY)" for name in texts)])

    def _steps_of(self, batch: Batch) -> dict[Key, int]:
        """In which step each row may go, where a table refers to itself: after all rows that refer to it."""
        own = [link for link in self._collection.foreign_keys if link.target == self._collection.ref]
        if not own:
            return {}
        above: dict[Key, set[Key]] = {}
        for link in own:
            match = " AND ".join(
                f"p.{quoted(target)} = t.{quoted(name)}"
                for name, target in zip(link.fields, link.target_fields, strict=True)
            )
            parent = [whole(self._types[name], f"p.{quoted(name)}") for name in self._collection.key]
            joined = f"JOIN {self.table()} p ON {match}"
            for key, found in named_rows(self._connection, self._collection, batch, parent, joined=joined):
                above.setdefault(key, set()).add(tuple(map(str, found)))
        return _ordered(above, planned_keys(self._collection, batch))


def _ordered(above: dict[Key, set[Key]], keys: dict[Key, str]) -> dict[Key, int]:
    """Number keys so that each has a higher number than all that refer to it; of a circle, as far as that goes.

    >>> _ordered({("2",): {("1",)}, ("3",): {("2",), ("3",), ("9",)}}, {("1",): "", ("2",): "", ("3",): ""})
    {('3',): 1, ('2',): 2, ('1',): 3}
    """
    links = {key: {parent for parent in above.get(key, set()) if parent in keys and parent != key} for key in keys}
    waiting = dict.fromkeys(keys, 0)
    for parents in links.values():
        for parent in parents:
            waiting[parent] += 1
    steps: dict[Key, int] = {}
    free = [key for key, count in waiting.items() if count == 0]
    step = 1
    while free:
        steps |= dict.fromkeys(free, step)
        following = []
        for key in free:
            for parent in links[key]:
                waiting[parent] -= 1
                if waiting[parent] == 0:
                    following.append(parent)
        free, step = following, step + 1
    return steps


def prepare_databases(connection: Connection) -> None:
    """Create our two databases where they are not there yet."""
    for name in (QUARANTINE, JOURNAL):
        connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4"))


def _database(table: str) -> str:
    return JOURNAL if table == JOURNAL_TABLE else QUARANTINE
