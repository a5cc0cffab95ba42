"""A SQLite file as a store: rows move to quarantine tables in the same file, and are purged from there.

The file has no roles, so a freeze is triggers that refuse every write which is not ours. Whoever may open the file can
drop them; programs that write as they always did cannot get past them. Deleted rows are overwritten in the file at once
(``secure_delete``); what else keeps their bytes is cleared by ``sanitise``.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from winddown.archive.escrow import Escrow
from winddown.archive.tokens import Tokens
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Transient
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt
from winddown.stores.sql import staged
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.copy_then_delete import JOURNAL, CopyThenDelete, forgetting, is_aside, prepare
from winddown.stores.sql.escrowed_rows import EscrowedRows, cleared, journal_query
from winddown.stores.sql.faults import translated
from winddown.stores.sql.sqlite import SqliteSource, current_table, identity_of
from winddown.stores.sql.sqlite_catalogue import ACTING, FREEZING, ROWID_NAMES, has_table, opened, pragma, table_name
from winddown.stores.sql.sqlite_dialect import SqliteDialect, columns_of
from winddown.stores.sql.store import EscrowStore

_NEVER = "blocks of the file system, copies of the file, memory of other programs"
_WRITES = ("INSERT", "UPDATE", "DELETE")
Unlock = Callable[[Authorization], Path]


class SqliteFile:
    """Opens a file for one act: exchanges the authorization for its place, and compares which file it is."""

    def __init__(self, store: str, *, unlock: Unlock, escrow: Escrow, tokens: Tokens) -> None:
        self._store = store
        self._unlock = unlock
        self._escrow = escrow
        self._tokens = tokens

    @contextmanager
    def opened(self, authorization: Authorization, doing: str) -> Iterator[sqlite3.Connection]:
        """Yield a connection outside any transaction."""
        path = self._unlock(authorization)
        with translated(self._store, doing), closing(opened(path, writing=True)) as connection:
            authorization.require_system(identity_of(path))
            yield connection

    @contextmanager
    def turn(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> Iterator[staged.Turn]:
        """Hold the file's only write lock while the batch is acted on; see ``Effects``."""
        over: tuple[str, ...] = ()
        with self.opened(authorization, f"{power} of {order.id}") as connection, _transaction(connection):
            collection = current_table(connection, order.collection)
            dialect = SqliteDialect(connection, collection)
            if power is not Power.PURGE:
                prepare(dialect, collection, order)
            is_frozen = has_table(connection, ACTING)
            if is_frozen:
                connection.execute(f"INSERT INTO {ACTING} VALUES (1)")
            if order.method is Method.ESCROW_ROWS:
                rows = EscrowedRows(dialect, collection, order, batch, escrow=self._escrow)
                if earlier := rows.over():  # of another turn, and of no use however this one ends
                    self._escrow.destroy(order.id, earlier)
                yield rows
                over = rows.over()
            else:
                yield CopyThenDelete(dialect, collection, order, batch, tokens=self._tokens)
            if is_frozen:
                connection.execute(f"DELETE FROM {ACTING}")
        self._escrow.destroy(order.id, over)


class SqliteStore(EscrowStore):
    """A SQLite file.

    Args:
        name: the store's name in the case.
        path: of the file, for reading.
        unlock: exchanges an authorization for the file's path; spends it.
        escrow: of this store in the case.
        tokens: of the case.
    """

    methods = frozenset({Method.ESCROW_ROWS, Method.MOVE_ROWS, Method.MOVE_FIELDS})

    def __init__(self, name: str, *, path: Path, unlock: Unlock, escrow: Escrow, tokens: Tokens) -> None:
        self._file = SqliteFile(name, unlock=unlock, escrow=escrow, tokens=tokens)
        super().__init__(name, source=SqliteSource(name, path=path), effects=self._file, escrow=escrow)
        self._path = path

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """Rows go into escrow, but for those that the file numbers: a table of ours stops it from numbering anew."""
        found = super().method(collection, act, whole=whole)
        is_numbered = not set(collection.key) <= set(collection.field_names())
        return Method.ESCROW_ROWS if found is Method.MOVE_ROWS and not is_numbered else found

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """List the tables that get triggers: all of them, frozen already or not."""
        tables = {ref.name for ref in collections} | set(_tables(earlier) if earlier is not None else ())
        return Receipt("freeze", self.name, 0, len(collections), (("tables", json.dumps(sorted(tables))),))

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Let every write to the tables fail that is not made in a transaction of ours."""
        authorization.require(Power.FREEZE, store=self.name)
        with self._file.opened(authorization, "freezing") as connection, _transaction(connection):
            connection.execute(f"CREATE TABLE IF NOT EXISTS {ACTING} (batch INTEGER)")
            for name in _tables(remembered):
                bare = table_name(CollectionRef(self.name, name))
                if not has_table(connection, bare):
                    continue  # dropped since it was found; a plan on it is refused for that
                table = quoted_name(bare)
                for write in _WRITES:
                    connection.execute(
                        f"CREATE TRIGGER IF NOT EXISTS {_trigger(name, write)} BEFORE {write} ON {table} "
                        f"WHEN NOT EXISTS (SELECT 1 FROM {ACTING}) "
                        "BEGIN SELECT RAISE(ABORT, 'frozen by winddown'); END"
                    )
        return remembered

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Drop the triggers, and with the last one what they look at."""
        authorization.require(Power.RESTORE, store=self.name)
        with self._file.opened(authorization, "thawing") as connection, _transaction(connection):
            for name in _tables(remembered):
                for write in _WRITES:
                    connection.execute(f"DROP TRIGGER IF EXISTS {_trigger(name, write)}")
            left = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, ?) = ?"
            if connection.execute(left, (len(FREEZING), FREEZING)).fetchone() == (0,):
                connection.execute(f"DROP TABLE IF EXISTS {ACTING}")
        return remembered

    def sanitise(
        self, authorization: Authorization, collections: Sequence[CollectionRef], *, settled: Sequence[OrderId] = ()
    ) -> Receipt:
        """Drop emptied quarantine tables, take samples anew, rewrite the file, and empty its log or journal.

        Raises Transient when somebody reads on, so that the log cannot be emptied.
        """
        authorization.require(Power.SANITISE, store=self.name)
        with self._file.opened(authorization, "sanitising") as connection:
            with _transaction(connection):
                query = journal_query(columns_of(connection, JOURNAL))
                escrow = cleared(connection.execute(query).fetchall() if query else (), self._escrow)
                dropped, numbered = _drop_emptied(connection, settled)
            sampled = has_table(connection, "sqlite_stat1") or has_table(connection, "sqlite_stat4")
            if sampled:
                connection.execute("ANALYZE")
            if not numbered:
                connection.execute("VACUUM")
            journal = _empty_journal(connection, self.name)
            free = pragma(connection, "freelist_count")
        rewritten = "no: rows in quarantine are named by numbers that VACUUM would change" if numbered else "yes"
        details = (
            ("tables", str(len(collections))),
            ("quarantine_tables_dropped", str(dropped)),
            ("escrow_files_destroyed", str(escrow.destroyed)),
            ("deleted_rows_overwritten", "yes: secure_delete"),
            ("file_rewritten", rewritten),
            ("free_pages", str(free)),
            ("statistics", "taken anew" if sampled else "none"),
            ("journal", journal),
            ("not_reached", "; ".join([*escrow.left(), _NEVER])),
        )
        return Receipt("sanitise", self.name, 0, len(collections), details)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the only write lock; an exception leaves everything to the rollback that closing is."""
    connection.execute("BEGIN IMMEDIATE")
    # A table may refer to itself, and rows of a batch to each other.
    connection.execute("PRAGMA defer_foreign_keys = ON")
    yield
    connection.execute("COMMIT")


def _drop_emptied(connection: sqlite3.Connection, settled: Sequence[OrderId]) -> tuple[int, bool]:
    """Drop quarantine tables without rows, forget settled orders, and drop the journal when nothing is left in it.

    Return how many tables, and whether VACUUM may not run: while rows are in quarantine under the number that the
    engine gave them, it would give that to others.
    """
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    found = [name for (name,) in connection.execute(tables).fetchall() if is_aside(name)]
    left = []
    for name in found:
        if connection.execute(f"SELECT 1 FROM {quoted_name(name)} LIMIT 1").fetchone() is None:
            connection.execute(f"DROP TABLE {quoted_name(name)}")
        else:
            left.append(name)
    if has_table(connection, JOURNAL):
        connection.execute(forgetting(JOURNAL, settled))
        if connection.execute(f"SELECT 1 FROM {JOURNAL} LIMIT 1").fetchone() is None:
            connection.execute(f"DROP TABLE {JOURNAL}")
    places = ", ".join("?" * len(ROWID_NAMES))
    query = f"SELECT count(*) FROM pragma_table_info(?) WHERE cid = 1 AND name IN ({places})"
    numbered = any(connection.execute(query, (name, *ROWID_NAMES)).fetchone() != (0,) for name in left)
    return len(found) - len(left), numbered


def _empty_journal(connection: sqlite3.Connection, store: str) -> str:
    """Empty the write-ahead log, or remove the journal that some program wanted to stay; return what was done."""
    if pragma(connection, "journal_mode") != "wal":
        connection.execute("PRAGMA journal_mode = DELETE")
        # The journal is removed at the end of a transaction that needed one.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA user_version = {int(pragma(connection, 'user_version'))}")
        connection.execute("COMMIT")
        return "removed"
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise Transient(f"store {store}: somebody reads the file, so its write-ahead log cannot be emptied yet")
    return "write-ahead log emptied"


def _tables(receipt: Receipt) -> list[str]:
    return [str(name) for name in json.loads(dict(receipt.details)["tables"])]


def _trigger(collection: str, write: str) -> str:
    return f"{FREEZING}{hashlib.sha256(collection.encode()).hexdigest()[:16]}_{write.lower()}"
