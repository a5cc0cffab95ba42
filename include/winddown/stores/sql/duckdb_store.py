"""A DuckDB file as a store: rows move to quarantine tables in the same file, and are purged from there.

The file has no users and one writer at a time; whoever acts holds it alone. There is no freeze: nothing in the file
could stop the next program that opens it, so a change after the plan is found by the content that the plan bound.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from winddown.archive.escrow import Escrow
from winddown.archive.tokens import Tokens
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch, numbered
from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt
from winddown.stores.sql import staged
from winddown.stores.sql.copy_then_delete import JOURNAL, CopyThenDelete, forgetting, is_aside, prepare
from winddown.stores.sql.duckdb_catalogue import TABLES, count_of, describe, opened
from winddown.stores.sql.duckdb_copy import replace_by_copy
from winddown.stores.sql.duckdb_dialect import DuckDbDialect, columns_of, is_exact
from winddown.stores.sql.duckdb_file import DuckDbSource, identity_of
from winddown.stores.sql.escrowed_rows import EscrowedRows, cleared, journal_query
from winddown.stores.sql.store import EscrowStore

Unlock = Callable[[Authorization], Path]

_NEVER = "blocks of the file system, copies of the file, memory of other programs"

# The engine keeps other processes out of a file that is written, not other threads of this one.
_TURNS: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)


class DuckDbFile:
    """Opens a file for one act: exchanges the authorization for its place, and compares which file it is."""

    def __init__(self, store: str, *, unlock: Unlock, escrow: Escrow, tokens: Tokens) -> None:
        self._store = store
        self._unlock = unlock
        self._escrow = escrow
        self._tokens = tokens

    @contextmanager
    def alone(self, authorization: Authorization) -> Iterator[Path]:
        """Yield the file's path, while no other thread of this process acts on it."""
        path = self._unlock(authorization)
        with _TURNS[path.resolve()]:
            authorization.require_system(identity_of(path))
            yield path

    @contextmanager
    def turn(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> Iterator[staged.Turn]:
        """Hold the file alone while the batch is acted on; see ``Effects``."""
        doing = f"{power} of {order.id}"
        over: tuple[str, ...] = ()
        with self.alone(authorization) as path, opened(self._store, path, doing, writing=True) as connection:
            connection.execute("BEGIN")
            collection = describe(connection, order.collection)
            dialect = DuckDbDialect(connection, collection)
            if power is not Power.PURGE:
                prepare(dialect, collection, order)
            if order.method is Method.ESCROW_ROWS:
                rows = EscrowedRows(dialect, collection, order, batch, escrow=self._escrow)
                if earlier := rows.over():  # of another turn, and of no use however this one ends
                    self._escrow.destroy(order.id, earlier)
                yield rows
                over = rows.over()
            else:
                yield CopyThenDelete(dialect, collection, order, batch, tokens=self._tokens)
            connection.execute("COMMIT")
        self._escrow.destroy(order.id, over)


class DuckDbStore(EscrowStore):
    """A DuckDB file.

    Args:
        name: the store's name in the case.
        path: of the file, for reading.
        unlock: exchanges an authorization for the file's path; spends it.
        escrow: of this store in the case.
        tokens: of the case.
    """

    methods = frozenset({Method.ESCROW_ROWS, Method.MOVE_ROWS, Method.MOVE_FIELDS})

    def __init__(self, name: str, *, path: Path, unlock: Unlock, escrow: Escrow, tokens: Tokens) -> None:
        self._file = DuckDbFile(name, unlock=unlock, escrow=escrow, tokens=tokens)
        super().__init__(name, source=DuckDbSource(name, path=path), effects=self._file, escrow=escrow)

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """Rows go into escrow where each of their values is read back exactly from its text."""
        found = super().method(collection, act, whole=whole)
        can_be_written = all(is_exact(field.type) for field in collection.fields)
        return Method.ESCROW_ROWS if found is Method.MOVE_ROWS and can_be_written else found

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """Number the batches; the engine lets no row go in the transaction of those that refer to it."""
        return numbered(located, collection.key, size=size, is_apart=True)

    def sanitise(
        self, authorization: Authorization, collections: Sequence[CollectionRef], *, settled: Sequence[OrderId] = ()
    ) -> Receipt:
        """Drop emptied quarantine tables, then copy the database into a new file that takes the old one's place."""
        authorization.require(Power.SANITISE, store=self.name)
        with self._file.alone(authorization) as path:
            with opened(self.name, path, "sanitising", writing=True) as connection:
                query = journal_query(columns_of(connection, JOURNAL))
                escrow = cleared(connection.execute(query).fetchall() if query else (), self._escrow)
                dropped = _drop_emptied(connection, settled)
            copied = replace_by_copy(self.name, path)
        details = (
            ("tables", str(len(collections))),
            ("quarantine_tables_dropped", str(dropped)),
            ("escrow_files_destroyed", str(escrow.destroyed)),
            ("file_rewritten", f"yes: {copied} tables copied into a new file, catalogue, counts and digests compared"),
            ("not_reached", "; ".join([*escrow.left(), _NEVER])),
        )
        return Receipt("sanitise", self.name, 0, len(collections), details)


def _drop_emptied(connection: duckdb.DuckDBPyConnection, settled: Sequence[OrderId]) -> int:
    """Drop quarantine tables without rows, in one transaction; return how many.

    Settled orders are forgotten, and the journal is dropped when nothing is left in it.
    """
    connection.execute("BEGIN")
    found = [name for schema, name, _ in connection.execute(TABLES).fetchall() if schema == "main" and is_aside(name)]
    empty = [name for name in found if count_of(connection, f"main.{name}") == 0]
    for name in empty:
        connection.execute(f"DROP TABLE main.{name}")
    if columns_of(connection, JOURNAL):
        connection.execute(forgetting(f"main.{JOURNAL}", settled))
        if count_of(connection, f"main.{JOURNAL}") == 0:
            connection.execute(f"DROP TABLE main.{JOURNAL}")
    connection.execute("COMMIT")
    return len(empty)
