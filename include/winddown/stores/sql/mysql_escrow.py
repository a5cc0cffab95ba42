"""One batch of whole rows of a MySQL or MariaDB table inside one transaction: how they go into escrow, and come back.

No statement both deletes rows and hands them out. They are locked and read, and deleted by their keys when their file
is durable. A row in escrow is what its digest is about: the exact stored values in hex, parted by commas, a dash for
NULL, but long values themselves where the digest has digests of them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from pymysql.cursors import SSCursor
from sqlalchemy import Connection, text

from winddown.archive.escrow import Escrow
from winddown.domain.batch import Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Order
from winddown.stores.sql.copy_then_delete import JOURNAL as JOURNAL_TABLE
from winddown.stores.sql.copy_then_delete import moved, order_digest
from winddown.stores.sql.escrowed import EscrowedBatch
from winddown.stores.sql.mysql_catalogue import JOURNAL, computed, hazards
from winddown.stores.sql.mysql_rows import Key, MySqlLook, conditions, named_rows, planned_keys
from winddown.stores.sql.mysql_values import (
    base,
    exact,
    is_long,
    itself,
    quoted,
    shape,
    table_name,
    value,
    whole,
    widest,
)

_INSERT_ROWS = 500
_INSERT_BYTES = 1 << 20  # of one statement, but for a row that is longer
_PIECE_DIGITS = 1 << 19


class MySqlRows:
    """Whole rows go into escrow and come back from it; a ``staged.Turn``."""

    def __init__(
        self, connection: Connection, collection: Collection, order: Order, batch: Batch, *, escrow: Escrow
    ) -> None:
        self._connection = connection
        self._collection = collection
        self._order = order
        self._batch = batch
        self._look = MySqlLook(connection, collection, order, batch)
        self._escrowed = EscrowedBatch(escrow, order, batch)
        self._name = ""
        self._table = table_name(collection.ref)

    def hazards(self) -> tuple[str, ...]:
        """Triggers, references that act on other rows, and what the credential may not see."""
        return tuple(f"{hazard} {name}" for hazard, name in hazards(self._connection, self._collection.ref))

    def journalled(self) -> str | None:
        """What was last done to the batch."""
        return self._look.journalled()

    def unchanged(self) -> int:
        """Rows of the batch that are live with exactly the planned content."""
        return self._look.unchanged()

    def journal(self, state: str) -> None:
        """Write down what is being done and, of rows in escrow, where they are."""
        query = text(
            f"REPLACE INTO {JOURNAL}.{JOURNAL_TABLE} (order_digest, batch, state, order_id, escrow) "
            "VALUES (:digest, :batch, :state, :id, :escrow)"
        )
        values = {"digest": order_digest(self._order), "batch": self._batch.index, "id": self._order.id}
        escrow = self._name if state == "quarantined" else ""
        self._connection.execute(query, values | {"state": state, "escrow": escrow})

    def set_aside(self) -> int:
        """Write the batch's rows into escrow, then delete them; return how many of them are as they were planned.

        Unless all are, nothing is deleted or in escrow.
        """
        packet = int(self._connection.execute(text("SELECT @@max_allowed_packet")).scalar_one())
        most = max(1, packet // 4 // widest(self._collection))
        steps = going(self._connection, self._collection, self._batch)
        fits = [condition for step in steps for condition in conditions(self._collection, step, most=most)]
        # Rows that others refer to come first in the file, because they have to come back first.
        rows = self._locked(reversed(fits))
        found, self._name = self._escrowed.lay_down(rows, digest=_digest_of(self._collection))
        if not self._name:
            return found
        return moved(found, sum(self._run(f"DELETE t FROM {self._table} t WHERE {condition}") for condition in fits))

    def put_back(self) -> int:
        """Insert the rows that the journalled file holds; return how many.

        What a value cannot be written as, e.g. an ENUM without a label, the server may change here: the caller compares
        all rows with what was planned.
        """
        self._connection.execute(text("SET SESSION sql_mode = REPLACE(@@sql_mode, 'STRICT_ALL_TABLES', '')"))
        fields, skipped = self._collection.fields, computed(self._connection, self._collection.ref)
        names = ", ".join(quoted(field.name) for field in fields if field.name not in skipped)
        restored = 0
        for rows in _parts(self._escrowed.rows(self._look.entry()[1])):
            written = (
                ", ".join(
                    self._written(place, piece)
                    for place, (field, piece) in enumerate(zip(fields, row.decode("ascii").split(","), strict=True))
                    if field.name not in skipped
                )
                for row in rows
            )
            restored += self._run(f"INSERT INTO {self._table} ({names}) VALUES ({'), ('.join(written)})")
        return restored

    def _written(self, place: int, piece: str) -> str:
        """A value as it stands in a statement; one that may not fit into a packet goes into a variable before."""
        declared = self._collection.fields[place].type
        if len(piece) <= _INSERT_BYTES:
            return value(declared, piece)
        name = f"@winddown_{place}"
        self._run(f"SET {name} = x''")
        for start in range(0, len(piece), _PIECE_DIGITS):
            self._run(f"SET {name} = CONCAT({name}, x'{piece[start : start + _PIECE_DIGITS]}')")
        return f"CONVERT({name} USING utf8mb4)" if base(declared) == "json" else name

    def destroy(self) -> int:
        """Return how many records go with the journalled file: all, or none when it is not as it was written.

        It is destroyed when the journal no longer names it; see ``over``.
        """
        return self._batch.records if self._escrowed.is_whole(self._look.entry()[1]) else 0

    def over(self) -> tuple[str, ...]:
        """Files of the batch that are to be destroyed once this transaction is committed."""
        return self._escrowed.over(*self._look.entry())

    def _locked(self, fits: Iterable[str]) -> Iterator[bytes]:
        if any(is_long(field.type) for field in self._collection.fields):
            yield from self._locked_one_by_one(fits)
            return
        # The driver takes ten times as long for a row as for its part of one long text.
        (row,) = _chosen(self._collection)
        self._connection.execute(text("SET SESSION group_concat_max_len = 1 << 30"))
        for condition in fits:
            query = f"SELECT GROUP_CONCAT({row} SEPARATOR ' ') FROM {self._table} t WHERE {condition} FOR UPDATE"
            found = self._connection.exec_driver_sql(query.replace("%", "%%")).scalar()
            yield from (found or "").encode("ascii").split()

    def _locked_one_by_one(self, fits: Iterable[str]) -> Iterator[bytes]:
        chosen = ", ".join(_chosen(self._collection))
        driver: Any = self._connection.connection.driver_connection
        for condition in fits:
            with closing(driver.cursor(SSCursor)) as cursor:  # unbuffered, because values may be long
                cursor.execute(f"SELECT {chosen} FROM {self._table} t WHERE {condition} FOR UPDATE")
                for found in cursor:
                    yield b",".join(map(_piece, found))

    def _run(self, statement: str) -> int:
        return int(self._connection.exec_driver_sql(statement.replace("%", "%%")).rowcount)


def _chosen(collection: Collection) -> list[str]:
    """Expressions of a row: short values that follow one another as one text, long ones as the bytes that they are."""
    chosen: list[str] = []
    short: list[str] = []
    for field in collection.fields:
        name = f"t.{quoted(field.name)}"
        if not is_long(field.type):
            short.append(f"COALESCE({exact(field.type, name)}, '-')")
            continue
        if short:
            chosen.append(f"CONCAT_WS(',', {', '.join(short)})")
        chosen.append(itself(field.type, name))
        short = []
    return [*chosen, f"CONCAT_WS(',', {', '.join(short)})"] if short else chosen


def _piece(found: Any) -> bytes:
    if found is None:
        return b"-"
    return found.hex().encode() if isinstance(found, bytes) else str(found).encode("ascii")


def _digest_of(collection: Collection) -> Callable[[bytes], bytes]:
    """What computes the digest of a row in escrow, as ``mysql_values.content`` has it."""
    begun = f"{shape(collection)},".encode()
    long = [place for place, field in enumerate(collection.fields) if is_long(field.type)]

    def digest(row: bytes) -> bytes:
        if long:
            pieces = row.split(b",")
            for place in long:
                if pieces[place] != b"-":
                    pieces[place] = hashlib.sha256(bytes.fromhex(pieces[place].decode())).hexdigest().encode()
            row = b",".join(pieces)
        return hashlib.sha256(begun + row).digest()

    return digest


def _parts(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Rows for one statement each."""
    part: list[bytes] = []
    size = 0
    for row in rows:
        if part and (len(part) == _INSERT_ROWS or size + len(row) > _INSERT_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row)
    if part:
        yield part


def going(connection: Connection, collection: Collection, batch: Batch) -> Sequence[Batch]:
    """Cut a batch into steps, where a table refers to itself: rows go after all rows that refer to them.

    The server checks references row by row.
    """
    own = [link for link in collection.foreign_keys if link.target == collection.ref]
    if not own:
        return [batch]
    types = {field.name: field.type for field in collection.fields}
    above: dict[Key, set[Key]] = {}
    for link in own:
        match = " AND ".join(
            f"p.{quoted(target)} = t.{quoted(name)}"
            for name, target in zip(link.fields, link.target_fields, strict=True)
        )
        parent = [whole(types[name], f"p.{quoted(name)}") for name in collection.key]
        joined = f"JOIN {table_name(collection.ref)} p ON {match}"
        for key, found in named_rows(connection, collection, batch, parent, joined=joined):
            above.setdefault(key, set()).add(tuple(map(str, found)))
    keys = planned_keys(collection, batch)
    steps = _ordered(above, keys)
    places: dict[int, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(steps.get(key, 1), []).append(place)
    return [replace(batch, keys=batch.keys.take(places[step])) for step in sorted(places)]


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
