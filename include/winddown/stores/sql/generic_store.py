"""Any other database as a store: rows are copied into quarantine tables beside theirs, and purged from there.

What no dialect tells or does is not promised: there is no freeze, triggers are not known, and no bytes are cleared.
Tables whose rows could not be put back exactly are answered with a blocker.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import NullType

from winddown.archive.tokens import Tokens
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch, numbered
from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order
from winddown.domain.receipt import Receipt
from winddown.stores.sql import staged
from winddown.stores.sql.copy_then_delete import JOURNAL, aside_name, kept_columns
from winddown.stores.sql.faults import translated
from winddown.stores.sql.generic import NOT_PROMISED, GenericSource, identity_of
from winddown.stores.sql.generic_rows import READ, GenericRows, entry, journal_table, key_kinds
from winddown.stores.sql.limits import cannot_come_back
from winddown.stores.sql.store import SqlStore

Unlock = Callable[[Authorization], Engine]


class GenericEffects:
    """Opens a transaction for one act."""

    def __init__(self, store: str, *, unlock: Unlock, tokens: Tokens) -> None:
        self._store = store
        self._unlock = unlock
        self._tokens = tokens

    @contextmanager
    def turn(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> Iterator[staged.Turn]:
        """Wait for the batch's entry in the journal; see ``Effects``."""
        engine = self._unlock(authorization)
        with translated(self._store, f"{power} of {order.id}"), engine.connect() as connection:
            authorization.require_system(identity_of(engine))
            source = GenericSource(self._store, engine=engine)
            collection = source.current(connection, order.collection)
            if power is not Power.PURGE:
                _prepare(connection, collection, order)
            has_entry = _enter(connection, collection, order, batch)
            connection.commit()
            if not has_row_locks(engine):
                connection = connection.execution_options(isolation_level="SERIALIZABLE")  # noqa: PLW2901
            with connection.begin():
                if has_entry:
                    # A change of the entry, even to the same, makes the next worker wait.
                    journal = journal_table(_schema(collection.ref))
                    connection.execute(update(journal).where(*entry(journal, order, batch)).values(batch=batch.index))
                computed = source.computed(connection, order.collection)
                yield GenericRows(connection, collection, order, batch, computed=computed, tokens=self._tokens)


class GenericStore(SqlStore):
    """A database that SQLAlchemy speaks to.

    Args:
        name: the store's name in the case.
        reader: engine with the reading credential.
        unlock: exchanges an authorization for an engine with the credential of its power; spends it.
        tokens: of the case.
    """

    def __init__(self, name: str, *, reader: Engine, unlock: Unlock, tokens: Tokens) -> None:
        source, effects = GenericSource(name, engine=reader), GenericEffects(name, unlock=unlock, tokens=tokens)
        super().__init__(name, source=source, effects=effects)
        self._reader = reader

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """Number the batches; nobody knows whether the engine checks references row by row, as InnoDB does."""
        return numbered(located, collection.key, size=size, is_apart=True)

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """As ``SqlStore`` has it, where rows could be put back exactly."""
        with translated(self.name, f"describing {collection.ref}"), self._reader.connect() as connection:
            reason = _obstacle(self._reader, connection, collection)
        return cannot_come_back(collection.ref, reason) if reason else super().method(collection, act, whole=whole)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Delete the batch from the quarantine table; the receipt says what is not promised."""
        receipt = super().purge(authorization, order, batch)
        return replace(receipt, details=(*receipt.details, ("not_promised", NOT_PROMISED)))


def has_row_locks(engine: Engine) -> bool:
    """Whether the dialect writes ``FOR UPDATE``."""
    return "FOR UPDATE" in str(select(1).with_for_update().compile(dialect=engine.dialect))


def _obstacle(engine: Engine, connection: Connection, collection: Collection) -> str:
    """Why rows of a table could not be moved safely and put back exactly; "" when they could."""
    dialect: Any = engine.dialect
    if not has_row_locks(engine) and "SERIALIZABLE" not in dialect.get_isolation_level_values(None):
        return "the engine has neither row locks nor serialisable transactions"
    if not dialect.supports_sane_rowcount:
        return "the driver does not tell how many rows a statement changed"
    schema, _, name = collection.ref.name.partition(".")
    columns = inspect(connection).get_columns(name, schema=schema)
    unknown = [found["name"] for found in columns if isinstance(found["type"], NullType)]
    if unknown:
        return f"the dialect does not know the types of {', '.join(unknown)}"
    numbered = [found["name"] for found in columns if (found.get("identity") or {"always": False}).get("always", True)]
    if numbered:
        return f"the engine alone numbers {', '.join(numbered)}"
    kinds = key_kinds(connection, collection)
    return "" if all(kind in READ for kind in kinds) else "its key is of a kind that is not read"


def _prepare(connection: Connection, collection: Collection, order: Order) -> None:
    """Create the journal of the schema, and the order's quarantine table, where they are not there yet."""
    schema, _, name = collection.ref.name.partition(".")
    types = {found["name"]: found["type"] for found in inspect(connection).get_columns(name, schema=schema)}
    metadata = MetaData()
    wanted = [
        Table(
            JOURNAL,
            metadata,
            Column("order_digest", String(40), primary_key=True),
            Column("batch", Integer, primary_key=True, autoincrement=False),
            Column("state", String(20), nullable=False),
            schema=schema,
        ),
        Table(
            aside_name(order),
            metadata,
            Column("winddown_batch", Integer, nullable=False),
            *(Column(field, types[field]) for field in kept_columns(collection, order)),
            schema=schema,
        ),
    ]
    connection.commit()
    for found in wanted:
        if _has(connection, found):
            continue
        try:
            with connection.begin():
                connection.execute(CreateTable(found))
        except DBAPIError:
            # Another worker may have been faster.
            if not _has(connection, found):
                raise


def _has(connection: Connection, found: Table) -> bool:
    there = inspect(connection).has_table(found.name, schema=found.schema)
    connection.commit()
    return there


def _enter(connection: Connection, collection: Collection, order: Order, batch: Batch) -> bool:
    """See that the journal has an entry of the batch; another worker may be faster. False where there is no journal."""
    schema = _schema(collection.ref)
    there = inspect(connection).has_table(JOURNAL, schema=schema)
    connection.commit()
    journal = journal_table(schema)
    with suppress(IntegrityError), connection.begin():
        if there and connection.execute(select(journal.c.state).where(*entry(journal, order, batch))).first() is None:
            values = {"order_digest": aside_name(order), "batch": batch.index, "state": ""}
            connection.execute(insert(journal).values(values))
    return there


def _schema(ref: CollectionRef) -> str:
    return ref.name.partition(".")[0]
