"""MySQL or MariaDB as a store in which records are destroyed in stages.

Rows go into escrow, one transaction a batch, and are purged with their file. Values of fields move to a table in a
database of ours on the same server, ``winddown_quarantine``, and are purged from there. DDL ends a transaction here, so
our tables are created before it begins. Only InnoDB's tables are acted on. What is not promised: bytes in replicas, in
binary logs and in what else ``sanitise`` names as not reached.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from winddown.archive.escrow import Escrow
from winddown.archive.tokens import Tokens
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Transient
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt
from winddown.ports import Strain
from winddown.stores.sql import mysql_grants, staged, strain
from winddown.stores.sql.copy_then_delete import JOURNAL as JOURNAL_TABLE
from winddown.stores.sql.copy_then_delete import CopyThenDelete, aside_name, prepare
from winddown.stores.sql.faults import translated
from winddown.stores.sql.limits import unbound_fields
from winddown.stores.sql.mysql import MySqlSource
from winddown.stores.sql.mysql_catalogue import identity, outline
from winddown.stores.sql.mysql_dialect import MySqlDialect, prepare_own
from winddown.stores.sql.mysql_escrow import MySqlRows
from winddown.stores.sql.mysql_leftovers import cleared
from winddown.stores.sql.mysql_own import PREPARING
from winddown.stores.sql.mysql_values import unbound
from winddown.stores.sql.store import EscrowStore

_WAIT_SECONDS = 10
_SILENT_SECONDS = 300
"""After which the server ends a session of ours that says nothing, with what it locked: its machine may be lost."""
_SIDE_BY_SIDE = 2

Unlock = Callable[[Authorization], Engine]


class MySqlEffects:
    """How rows and fields are moved here; see ``Effects``."""

    def __init__(self, store: str, *, unlock: Unlock, escrow: Escrow, tokens: Tokens) -> None:
        self._store = store
        self._unlock = unlock
        self._escrow = escrow
        self._tokens = tokens

    @contextmanager
    def turn(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> Iterator[staged.Turn]:
        """Open a session with the power's credential, wait for the batch's turn, and begin a transaction."""
        engine = self._unlock(authorization)
        is_whole = order.method is Method.ESCROW_ROWS
        with translated(self._store, f"{power} of {order.id}"), engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            authorization.require_system(identity(connection))
            _session(connection)
            collection = outline(connection, order.collection)
            staged.require_same_key(collection, batch)
            dialect = MySqlDialect(connection, collection, order)
            locked(connection, "batch " + hashlib.sha256(f"{order.id} {batch.index}".encode()).hexdigest()[:40])
            locked(connection, PREPARING)
            if power is not Power.PURGE:
                prepare_own(connection)
                if not is_whole:
                    prepare(dialect, collection, order)
                    dialect.load(batch)
            connection.execute(text("START TRANSACTION"))
            # A table that was looked at in a transaction cannot be dropped before its end, so that from here on nobody
            # takes away what is empty.
            for name in (JOURNAL_TABLE,) if is_whole else (JOURNAL_TABLE, aside_name(order)):
                if dialect.columns(name):
                    dialect.value(f"SELECT count(*) FROM (SELECT 1 FROM {dialect.own(name)} LIMIT 1) one")
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": PREPARING})
            if not is_whole:
                yield CopyThenDelete(dialect, collection, order, batch, tokens=self._tokens)
                connection.execute(text("COMMIT"))
                return
            rows = MySqlRows(connection, collection, order, batch, escrow=self._escrow)
            if earlier := rows.over():  # of another turn, and of no use however this one ends
                self._escrow.destroy(order.id, earlier)
            yield rows
            over = rows.over()
            connection.execute(text("COMMIT"))
            self._escrow.destroy(order.id, over)


class MySqlStore(EscrowStore):
    """A database of MySQL or MariaDB, or all that the reading user sees.

    Args:
        name: the store's name in the case.
        reader: engine with the reading credential.
        unlock: exchanges an authorization for an engine with the credential of its power; spends it.
        escrow: of this store in the case.
        tokens: of the case.
    """

    methods = frozenset({Method.ESCROW_ROWS, Method.MOVE_FIELDS})

    def __init__(self, name: str, *, reader: Engine, unlock: Unlock, escrow: Escrow, tokens: Tokens) -> None:
        source = MySqlSource(name, engine=reader, is_acted_on=True)
        effects = MySqlEffects(name, unlock=unlock, escrow=escrow, tokens=tokens)
        super().__init__(name, source=source, effects=effects, escrow=escrow)
        self._reader = reader
        self._unlock = unlock

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """Rows go into escrow, and fields are moved, where every value can be told exactly."""
        loose = unbound(collection)
        found = unbound_fields(collection.ref, loose) if loose else super().method(collection, act, whole=whole)
        return Method.ESCROW_ROWS if found is Method.MOVE_ROWS else found

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """List every grant to write on these tables, columns of them or their databases, but our own.

        What cannot be taken without taking it from other tables as well stands in the details as the administrator's
        task, with the statements, and so do grants that the reading user may not see.
        """
        with translated(self.name, "reading grants"), self._reader.connect() as connection:
            return mysql_grants.remembered(connection, self.name, collections, earlier)

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Revoke the remembered grants; ``records`` is 0 where nobody could see any grants."""
        authorization.require(Power.FREEZE, store=self.name)
        with self._session(authorization, "freezing") as connection:
            return mysql_grants.revoked(connection, remembered)

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Grant again what the freeze revoked, to accounts that are still there."""
        authorization.require(Power.RESTORE, store=self.name)
        with self._session(authorization, "thawing") as connection:
            return mysql_grants.granted(connection, remembered)

    def strain(self) -> Strain:
        """Who waits for locks; how far replicas are behind is not told here."""
        with translated(self.name, "looking at locks"), self._reader.connect() as connection:
            return strain.of_mysql(connection)

    def side_by_side(self, order: Order) -> int:
        """Two, where rows go into escrow and no gaps between them are locked, of a table that is not its own parent."""
        if order.method is not Method.ESCROW_ROWS:
            return 1
        with translated(self.name, f"looking at {order.collection}"), self._reader.connect() as connection:
            links = outline(connection, order.collection).foreign_keys
            is_apart = _locks_rows_alone(connection) and all(link.target != order.collection for link in links)
            return _SIDE_BY_SIDE if is_apart else 1

    def sanitise(
        self, authorization: Authorization, collections: Sequence[CollectionRef], *, settled: Sequence[OrderId] = ()
    ) -> Receipt:
        """Rebuild the tables and what else keeps deleted rows; see ``mysql_leftovers``.

        What the account may not do stands in the details under ``tasks``, as statements for the administrator, and
        what stays until then under ``not_reached``.
        """
        authorization.require(Power.SANITISE, store=self.name)
        with self._session(authorization, "sanitising") as connection:
            return Receipt(
                "sanitise",
                self.name,
                0,
                len(collections),
                cleared(connection, collections, escrow=self._escrow, settled=settled),
            )

    @contextmanager
    def _session(self, authorization: Authorization, doing: str) -> Iterator[Connection]:
        engine = self._unlock(authorization)
        with translated(self.name, doing), engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            authorization.require_system(identity(connection))
            connection.execute(text(f"SET SESSION wait_timeout = {_SILENT_SECONDS}"))
            yield connection


def locked(connection: Connection, name: str) -> None:
    """Take a lock that ends with the session; raises Transient when another one keeps it."""
    query = text("SELECT GET_LOCK(:name, :seconds)")
    if connection.execute(query, {"name": name, "seconds": _WAIT_SECONDS}).scalar() != 1:
        raise Transient("another session of ours works on the same records", next_step="wait for it, then run again")


def _session(connection: Connection) -> None:
    """Wait for locks shortly, and lock no gaps between rows where the binary log allows that."""
    waits = f"innodb_lock_wait_timeout = {_WAIT_SECONDS}, lock_wait_timeout = 30, wait_timeout = {_SILENT_SECONDS}"
    connection.execute(text(f"SET SESSION {waits}"))
    if _locks_rows_alone(connection):
        connection.execute(text("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"))


def _locks_rows_alone(connection: Connection) -> bool:
    return bool(connection.execute(text("SELECT @@binlog_format")).scalar() != "STATEMENT")
