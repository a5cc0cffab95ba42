"""How rows are named, bound and moved where only SQLAlchemy knows the engine.

Nothing is computed by the engine: rows are fetched by key under ``FOR UPDATE``, where the dialect has it, and compared
here. A key is given back to the engine as a value of the kind that its driver hands out.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Null,
    Select,
    and_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.types import NullType

from winddown.archive.tokens import Tokens
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Order
from winddown.stores.sql.copy_then_delete import JOURNAL, aside_name, kept_columns, moved
from winddown.stores.sql.forms import Forms
from winddown.stores.sql.reading import as_text
from winddown.stores.sql.staged import require_same_key

_KEYS_A_STATEMENT = 100

READ: dict[type[Any], Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: lambda text: text == "true",
    bytes: base64.b64decode,
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    UUID: UUID,
}
"""Kinds of values that a key may have, and how each is read from the text of a plan."""


def shape_of(collection: Collection) -> str:
    """The digest of names and types of all fields."""
    return hashlib.sha256("\n".join(f"{field.name} {field.type}" for field in collection.fields).encode()).hexdigest()


def bound(shape: str, values: Sequence[Any]) -> str:
    """The digest of a row: the shape, then kind, length and text of each value; times with a zone in UTC."""
    hasher = hashlib.sha256(shape.encode())
    for value in values:
        moment = value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
        written = (as_text(moment) or "").encode(errors="surrogatepass")
        hasher.update(b"%s %d " % (type(value).__name__.encode(), len(written)) + written)
    return hasher.hexdigest()


def live_table(collection: Collection) -> FromClause:
    """The collection's table with all its fields."""
    schema, _, name = collection.ref.name.partition(".")
    return table(name, *map(column, collection.field_names()), schema=schema)


def key_kinds(connection: Connection, collection: Collection) -> list[type[Any]]:
    """Kinds of the key's values in a first row; none when there is no row."""
    source = live_table(collection)
    found = connection.execute(select(*(source.c[name] for name in collection.key)).limit(1)).first()
    return [] if found is None else [type(value) for value in found]


def chosen(
    connection: Connection, source: FromClause, collection: Collection, batch: Batch
) -> Iterator[tuple[ColumnElement[bool], list[str]]]:
    """Yield a condition on the table that is true of some of the batch's rows, and their contents; some at a time."""
    kinds = key_kinds(connection, collection)
    rows = batch.keys.select([*collection.key, CONTENT]).to_pylist() if kinds else []
    for start in range(0, len(rows), _KEYS_A_STATEMENT):
        part = rows[start : start + _KEYS_A_STATEMENT]
        yield _named(source, collection, kinds, part), [row[CONTENT] for row in part]


def unchanged_rows(
    connection: Connection, source: FromClause, collection: Collection, batch: Batch, *, locking: bool
) -> Iterator[list[Any]]:
    """Yield rows that the batch names and that hold the planned content, some at a time."""
    shape, names = shape_of(collection), collection.field_names()
    for condition, contents in chosen(connection, source, collection, batch):
        query: Select[Any] = select(*(source.c[name] for name in names)).where(condition)
        found = connection.execute(query.with_for_update() if locking else query).all()
        yield [row for row in found if bound(shape, row) in contents]


def _named(
    source: FromClause, collection: Collection, kinds: Sequence[type[Any]], rows: Sequence[Any]
) -> ColumnElement[bool]:
    """The condition that a row has one of some keys."""
    readers = [READ.get(kind) for kind in kinds]
    if None in readers:
        raise Refused(f"collection {collection.ref} has a key of a kind that is not read", next_step="plan again")
    try:
        keys = [
            [read(row[name]) for name, read in zip(collection.key, readers, strict=True) if read is not None]
            for row in rows
        ]
    except (ValueError, ArithmeticError):
        raise Refused(f"collection {collection.ref} has keys of another kind than planned") from None
    return or_(*(_is(source, collection.key, key) for key in keys))


def _is(source: FromClause, names: Sequence[str], values: Sequence[Any]) -> ColumnElement[bool]:
    # Without a type, so that the engine takes the value for one of the column's own.
    return and_(
        *(
            source.c[name] == bindparam(None, value, type_=NullType(), unique=True)
            for name, value in zip(names, values, strict=True)
        )
    )


class GenericRows:
    """One batch of one order inside one transaction: a ``staged.Turn``, and a ``staged.Look``, without tokens."""

    def __init__(
        self,
        connection: Connection,
        collection: Collection,
        order: Order,
        batch: Batch,
        *,
        computed: frozenset[str],
        tokens: Tokens | None = None,
    ) -> None:
        require_same_key(collection, batch)
        self._connection = connection
        self._forms = Forms(collection, order)
        self._tokens = tokens
        self._collection = collection
        self._order = order
        self._batch = batch
        self._kept = kept_columns(collection, order)
        self._stored = [name for name in order.fields if name not in computed]
        self._writable = [name for name in self._kept if name not in computed]
        schema = collection.ref.name.partition(".")[0]
        self._live = live_table(collection)
        self._aside = table(aside_name(order), column("winddown_batch"), *map(column, self._kept), schema=schema)
        self._journal = journal_table(schema)

    def hazards(self) -> tuple[str, ...]:
        """None is known: no dialect tells of triggers; the facts and the purge's receipt say so."""
        return ()

    def journalled(self) -> str | None:
        """What was last done to the batch; None when nothing was."""
        schema = self._journal.schema
        if not self._connection.dialect.has_table(self._connection, JOURNAL, schema=schema):
            return None
        found = self._connection.execute(select(self._journal.c.state).where(*self._entry())).scalar()
        return str(found) if found else None

    def journal(self, state: str) -> None:
        """Write down what is being done; the entry is there since the turn was taken."""
        self._connection.execute(update(self._journal).where(*self._entry()).values(state=state))

    def live(self) -> int:
        """Rows that the batch names and that are there; of fields to empty, those that are not all empty."""
        full = [~self._is_empty(name) for name in self._stored] if self._order.act is Act.MINIMISE else []
        count = 0
        for condition, _ in chosen(self._connection, self._live, self._collection, self._batch):
            if self._order.generalised:
                columns = [self._live.c[name] for name in self._stored]
                rows = self._connection.execute(select(*columns).where(condition))
                count += sum(not all(map(self._has_left, self._stored, row)) for row in rows)
                continue
            query = select(func.count()).select_from(self._live).where(condition)
            count += int(self._connection.execute(query.where(or_(*full)) if full else query).scalar_one())
        return count

    def unchanged(self) -> int:
        """Rows of the batch that are live with exactly the planned content."""
        return sum(map(len, self._unchanged(locking=False)))

    def set_aside(self) -> int:
        """Copy unchanged rows, or the order's fields of them, then delete or empty them; return how many records."""
        taken = 0
        names = self._collection.field_names()
        places = [names.index(name) for name in self._collection.key]
        live: Any = self._live
        for rows in self._unchanged(locking=True):
            if not rows:
                continue
            condition = or_(*(_is(live, self._collection.key, [row[place] for place in places]) for row in rows))
            copied = select(literal(self._batch.index), *(live.c[name] for name in self._kept)).where(condition)
            into = ["winddown_batch", *self._kept]
            self._connection.execute(insert(self._aside).from_select(into, copied))
            if self._order.act is Act.ERASE:
                taken += self._connection.execute(delete(live).where(condition)).rowcount
            elif self._order.generalised:
                taken += sum(self._reduce(dict(zip(names, row, strict=True))) for row in rows)
            else:
                empty = {name: self._empty(name) for name in self._stored}
                taken += self._connection.execute(update(live).where(condition).values(empty)).rowcount
        return moved(self._set_aside(), taken)

    def _reduce(self, row: Mapping[str, Any]) -> int:
        """Leave of one row's fields what stays of them; return whether it was there."""
        live: Any = self._live
        left = {name: self._left(name, row[name]) for name in self._stored}
        named = _is(live, self._collection.key, [row[name] for name in self._collection.key])
        return int(self._connection.execute(update(live).where(named).values(left)).rowcount)

    def _put_back_reduced(self) -> int:
        """Write back the values of rows that hold exactly what was left of them; return of how many."""
        live: Any = self._live
        restored = 0
        for found in self._connection.execute(select(self._aside).where(self._in_batch())).mappings().all():
            named = _is(live, self._collection.key, [found[name] for name in self._collection.key])
            as_left = (_holds(live.c[name], self._left(name, found[name])) for name in self._stored)
            values = {name: bindparam(None, found[name], type_=NullType(), unique=True) for name in self._stored}
            statement = update(live).where(named, *as_left).values(values)
            restored += int(self._connection.execute(statement).rowcount)
        return restored

    def put_back(self) -> int:
        """Move them back where nothing was written meanwhile; return how many records."""
        if self._order.generalised:
            restored = self._put_back_reduced()
        elif self._order.act is Act.ERASE:
            restored = self._set_aside()
            rows = select(*(self._aside.c[name] for name in self._writable)).where(self._in_batch())
            self._connection.execute(insert(self._live).from_select(self._writable, rows))  # type: ignore[arg-type]
        else:
            same = [self._aside.c[name] == self._live.c[name] for name in self._collection.key]
            values = {
                name: select(self._aside.c[name]).where(self._in_batch(), *same).scalar_subquery()
                for name in self._stored
            }
            # A field that was written anew meanwhile is not overwritten.
            there = exists().where(self._in_batch(), *same)
            statement = update(self._live).where(there, *map(self._is_empty, self._stored))  # type: ignore[arg-type]
            restored = self._connection.execute(statement.values(values)).rowcount
        self.destroy()
        return restored

    def destroy(self) -> int:
        """Delete the batch from quarantine; return how many records."""
        return self._connection.execute(delete(self._aside).where(self._in_batch())).rowcount

    def _unchanged(self, *, locking: bool) -> Iterator[list[Any]]:
        return unchanged_rows(self._connection, self._live, self._collection, self._batch, locking=locking)

    def _set_aside(self) -> int:
        query = select(func.count()).select_from(self._aside).where(self._in_batch())
        return int(self._connection.execute(query).scalar_one())

    def _in_batch(self) -> ColumnElement[bool]:
        return self._aside.c.winddown_batch == self._batch.index

    def _entry(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return entry(self._journal, self._order, self._batch)

    def _left(self, name: str, value: Any) -> Any:
        """What stays of a value, as one of the same kind for a statement."""
        if name not in self._forms or value is None:
            return self._empty(name)
        assert self._tokens is not None  # noqa: S101 - of a turn
        left = self._forms.left(name, as_text(value) or "", self._tokens)
        if left is None:
            raise Refused(f"a value of {name} cannot be made coarser", next_step="plan again")
        return bindparam(None, READ[type(value)](left), type_=NullType(), unique=True)

    def _has_left(self, name: str, value: Any) -> bool:
        """Whether a field has lost its value, as far as that can be told."""
        if value is None:
            return True
        return self._forms.has_left(name, as_text(value) or "") if name in self._forms else value == ""

    def _empty(self, name: str) -> Any:
        nullable = next(field.nullable for field in self._collection.fields if field.name == name)
        return null() if nullable else literal("", NullType())

    def _is_empty(self, name: str) -> ColumnElement[bool]:
        nullable = next(field.nullable for field in self._collection.fields if field.name == name)
        found = self._live.c[name]
        return found.is_(None) if nullable else found == literal("", NullType())


def _holds(found: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return found.is_(None) if isinstance(value, Null) else found == value


def journal_table(schema: str) -> Any:
    """The journal of a schema, as statements name it."""
    return table(JOURNAL, column("order_digest"), column("batch"), column("state"), schema=schema)


def entry(journal: Any, order: Order, batch: Batch) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The condition on the journal that is true of one batch of an order."""
    return journal.c.order_digest == aside_name(order), journal.c.batch == batch.index
