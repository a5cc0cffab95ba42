"""One batch of whole rows of a PostgreSQL table inside one transaction: how they go into escrow, and come back.

One statement deletes the rows and hands them out, each as one text, the one that its digest is about. They are hashed
here while the server goes on, because the server takes several times as long for it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from winddown.archive.escrow import Escrow
from winddown.domain.batch import Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.sql import staged
from winddown.stores.sql.binary import texts, written
from winddown.stores.sql.catalogue import QUARANTINE_SCHEMA, quoted, quoted_name
from winddown.stores.sql.copy_out import handed_out
from winddown.stores.sql.escrowed import EscrowedBatch, as_planned
from winddown.stores.sql.position import (
    KEYS_AT_ONCE,
    ROW,
    Position,
    array,
    aside_name,
    keys_equal,
    shape,
    typed_keys,
)
from winddown.stores.sql.reading import with_names

_KEYS = "winddown.k"


class RowsPosition(Position):
    """Whole rows go into escrow and come back from it."""

    def __init__(
        self, connection: Connection, collection: Collection, order: Order, batch: Batch, *, escrow: Escrow
    ) -> None:
        super().__init__(connection, collection, order, batch)
        self._escrowed = EscrowedBatch(escrow, order, batch)
        self._name = ""
        self._back = f"{QUARANTINE_SCHEMA}.{quoted(f'b{aside_name(order)}_{batch.index}')}"

    def whereabouts(self) -> Whereabouts:
        """Compare journal, rows and escrow."""
        return self._escrowed.whereabouts(staged.whereabouts(self, self._batch), self._entry()[1])

    def set_aside(self) -> int:
        """Delete the batch's rows and write them into escrow; return how many of them are as they were planned.

        Unless all are, nothing is in escrow, and the transaction must not be committed.
        """
        condition = keys_equal(self._collection, "t", "k")
        rows = self._handed_out(
            f"DELETE FROM {self._table} t USING ({self._keys()}) k WHERE {condition} RETURNING {ROW}",
            self._key_arrays(self._batch),
        )
        return self._lay_down(rows)

    def _lay_down(self, rows: Iterator[bytes]) -> int:
        found, self._name = self._escrowed.lay_down(rows, digest=self._digest())
        return found

    def unchanged(self) -> int:
        """Rows of the batch that are live with exactly the planned content."""
        condition = keys_equal(self._collection, "t", "k")
        query = f"SELECT {ROW} FROM {self._table} t JOIN ({self._keys()}) k ON {condition}"
        return sum(
            as_planned(map(self._digest(), self._handed_out(query, self._key_arrays(piece))), piece)
            for piece in self._batch.pieces(KEYS_AT_ONCE)
        )

    def _keys(self) -> str:
        settings = (f"current_setting('{_KEYS}{n}')" for n in range(len(self._collection.key)))
        return typed_keys(self._collection, *settings)

    def _key_arrays(self, batch: Batch) -> list[str]:
        """The parameters of a statement with ``_keys``."""
        return [array(batch.keys.column(name)) for name in self._collection.key]

    def _digest(self) -> Callable[[bytes], bytes]:
        first = shape(self._collection).encode()
        return lambda row: hashlib.sha256(first + row).digest()

    def _hand_in(self, keys: Sequence[str]) -> None:
        """Say which rows the next statement with ``_keys`` is about."""
        driver = self._driver()
        for n, values in enumerate(keys):
            driver.execute("SELECT set_config(%s, %s, true)", (f"{_KEYS}{n}", values))

    def _handed_out(self, query: str, keys: Sequence[str] = ()) -> Iterator[bytes]:
        """Rows as one text each, of a query with these ``_keys``, as soon as the server has them.

        ``COPY`` hands out what a deletion returns while it still goes on; any other way it is kept until the end. It
        takes no parameters, so the keys are a setting of the transaction, which nobody else can see.
        """
        self._hand_in(keys)
        with closing(handed_out(self._driver(), f"COPY ({query}) TO STDOUT (FORMAT binary)")) as messages:
            yield from texts(messages)

    def put_back(self) -> int:
        """Insert the rows that the journalled file holds; return how many.

        By way of a table that nobody else ever sees, because rows that refer to one another go in by one statement.
        """
        rows = self._escrowed.rows(self._entry()[1])
        self._connection.execute(text(f"CREATE UNLOGGED TABLE {self._back} (winddown_row text)"))
        copying = f"COPY {self._back} FROM STDIN (FORMAT binary)"
        with self._driver().cursor() as cursor, cursor.copy(copying.encode()) as copy:
            for piece in written(rows):
                copy.write(piece)
        computed = self._computed()
        fields = [quoted_name(name) for name in self._collection.field_names() if name not in computed]
        restored = self._connection.execute(
            with_names(
                f"INSERT INTO {self._table} ({', '.join(fields)}) OVERRIDING SYSTEM VALUE "
                f"SELECT {', '.join(f'(winddown_row).{name}' for name in fields)} FROM "
                f"(SELECT CAST(winddown_row AS {self._table}) AS winddown_row FROM {self._back} OFFSET 0) back"
            )
        )
        self._connection.execute(text(f"DROP TABLE {self._back}"))
        return int(restored.rowcount)

    def destroy(self) -> int:
        """Return how many records go with the journalled file: all, or none when it is not as it was written.

        It is destroyed when the journal no longer names it; see ``over``.
        """
        return self._batch.records if self._escrowed.is_whole(self._entry()[1]) else 0

    def journal(self, state: str) -> None:
        """Write down what is being done and, of rows in escrow, where they are."""
        self._journal(state, escrow=self._name if state == "quarantined" else "")

    def over(self) -> tuple[str, ...]:
        """Files of the batch that are to be destroyed once this transaction is committed."""
        return self._escrowed.over(*self._entry())

    def _driver(self) -> "psycopg.Connection[Any]":
        return self._connection.connection.driver_connection  # type: ignore[return-value]
