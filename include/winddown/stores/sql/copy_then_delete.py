"""One batch of one order where no statement both deletes rows and hands them on: they are copied, then deleted.

Both happen in one transaction, which the engine's module opens and in which it lets one worker at a time act on a
batch. Each statement names the same keys and contents, so a row that is changed between the two makes the counts
differ, and the caller undoes all of it. Statements have no parameters: what stands in them are quoted names, numbers
and digests; the batch's keys come to the engine by ``Dialect.keys``.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from winddown.archive.tokens import Tokens
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.stores.sql.forms import Forms, Words, same
from winddown.stores.sql.staged import require_same_key

JOURNAL = "winddown_journal"
_OWN_PREFIX, _DIGITS = "winddown_q_", 24


class Dialect(Protocol):
    """One open transaction on one collection, and how its engine says what a move needs.

    In statements a live row is ``t``, and what is joined to it (the batch's keys, or the quarantine table) is ``k``.
    """

    words: Words

    def quoted(self, name: str) -> str:
        """Quote one identifier."""
        ...

    def table(self) -> str:
        """The full quoted name of the collection's table."""
        ...

    def own(self, name: str) -> str:
        """The full quoted name of a table of ours in the same database."""
        ...

    def columns(self, name: str) -> frozenset[str]:
        """Names of the columns of a table of ours; none where there is no such table."""
        ...

    def computed(self) -> frozenset[str]:
        """Fields that the engine computes, and takes no values for."""
        ...

    def hazards(self, *, on_changes: bool) -> tuple[str, ...]:
        """What acts on the table by itself when rows go, or when they change."""
        ...

    def keys(self, batch: Batch) -> str:
        """Hand the batch's keys to the engine; return what FROM calls them.

        Its columns are the collection's key, which compare with ``=`` to those of the table, and ``CONTENT``. No two
        of its rows fit one row of the table.
        """
        ...

    def content(self) -> str:
        """The expression of the hex digest that binds a row ``t``, as ``read`` yields it."""
        ...

    def tokens(self, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
        """Hand tokens to the engine, of each row its ``CONTENT`` first; return what FROM calls them."""
        ...

    def create_aside(self, name: str, columns: Sequence[str], tokens: Sequence[str]) -> None:
        """Create a table of ours that keeps values of ``t`` exactly.

        Its columns are an integer ``winddown_batch``, these, and what ``forms`` calls the columns of tokens: one for
        each of the fields ``tokens``, and of its type.
        """
        ...

    def selected(self, columns: str, other: str, condition: str) -> str:
        """The query for columns of rows ``t`` of the table which a row ``k`` of another fits."""
        ...

    def deleted(self, other: str, condition: str) -> str:
        """The statement that deletes rows ``t`` which a row ``k`` of another fits."""
        ...

    def updated(self, values: Sequence[tuple[str, str]], other: str, condition: str) -> str:
        """The statement that sets quoted columns of rows ``t``, which a row ``k`` of another fits, to expressions."""
        ...

    def inserted(self, columns: str, rows: str) -> str:
        """The statement that inserts the rows of a query into the table, and fails where another row is in the way."""
        ...

    def execute(self, statement: str) -> int:
        """Execute a statement; return how many rows it deleted, inserted, or found to update."""
        ...

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        """The rows of a query, texts as such."""
        ...

    def value(self, query: str) -> object:
        """The first value of a query's first row; None when it has no row."""
        ...


class CopyThenDelete:
    """One batch of one order inside one transaction: a ``staged.Turn``, and a ``staged.Look``, without tokens."""

    def __init__(
        self, dialect: Dialect, collection: Collection, order: Order, batch: Batch, *, tokens: Tokens | None = None
    ) -> None:
        require_same_key(collection, batch)
        self._dialect = dialect
        self._tokens = tokens
        self._forms = Forms(collection, order)
        self._collection = collection
        self._order = order
        self._batch = batch
        self._aside = dialect.own(aside_name(order))
        self._in_batch = f"winddown_batch = {batch.index}"
        self._loaded = ""

    # -- looking -------------------------------------------------------------------------------------------------

    def hazards(self) -> tuple[str, ...]:
        """What acts on the table by itself now."""
        return self._dialect.hazards(on_changes=self._order.act is Act.MINIMISE)

    def journalled(self) -> str | None:
        """What was last done to the batch: quarantined, restored, purged; None when nothing was."""
        return self.entry()[0]

    def entry(self) -> tuple[str | None, str]:
        """What was last done to the batch, and the file that it is in; None and "" when nothing was."""
        columns = self._dialect.columns(JOURNAL)
        if not columns:
            return None, ""
        # The journal of an earlier version knows of no escrow.
        chosen = "state, escrow" if "escrow" in columns else "state, ''"
        query = f"SELECT {chosen} FROM {self._dialect.own(JOURNAL)} WHERE {self._entry()}"
        return next(((str(state), str(name)) for state, name in self._dialect.rows(query)), (None, ""))

    def unchanged(self) -> int:
        """Rows of the batch that are live with exactly the planned content."""
        return self._count(self._is_planned())

    def live(self) -> int:
        """Rows that the batch names and that are there; of fields to empty, those that are not all empty."""
        condition = self._same_key()
        if self._order.act is Act.MINIMISE:
            full = map(self._is_full, self._stored())
            condition += f" AND ({' OR '.join(full)})"
        return self._count(condition)

    # -- moving --------------------------------------------------------------------------------------------------

    def journal(self, state: str) -> None:
        """Write down what is being done, in the transaction that does it."""
        table = self._dialect.own(JOURNAL)
        self._dialect.execute(f"DELETE FROM {table} WHERE {self._entry()}")
        values = f"'{order_digest(self._order)}', {self._batch.index}, '{state}'"
        self._dialect.execute(f"INSERT INTO {table} (order_digest, batch, state) VALUES ({values})")

    def set_aside(self) -> int:
        """Copy unchanged rows, or the order's fields of them, then delete or empty them; return how many records."""
        kept, named, keys = self._kept(), self._forms.token_columns(), self._keys()
        if named:
            keys = f"(SELECT n.*, {self._names(named, 'x')} FROM {keys} n JOIN {self._handed()} x USING ({CONTENT}))"
        columns = ", ".join([str(self._batch.index), self._names(kept, "t"), *(f"k.{name}" for name in named)])
        rows = self._dialect.selected(columns, keys, self._is_planned())
        into = ", ".join(["winddown_batch", self._names(kept), *named])
        copied = self._dialect.execute(f"INSERT INTO {self._aside} ({into}) {rows}")
        if self._order.act is Act.ERASE:
            taken = self._dialect.deleted(keys, self._is_planned())
        else:
            left = [(self._dialect.quoted(name), self._left(name, "t")) for name in self._stored()]
            taken = self._dialect.updated(left, keys, self._is_planned())
        return moved(copied, self._dialect.execute(taken))

    def _handed(self) -> str:
        """Compute the tokens of planned rows, and hand them to the engine."""
        columns = ", ".join([f"k.{CONTENT}", self._names(self._forms.tokens, "t")])
        rows = self._dialect.rows(self._dialect.selected(columns, self._keys(), self._is_planned()))
        assert self._tokens is not None  # noqa: S101 - of a turn
        return self._dialect.tokens(self._forms.token_columns(), list(self._forms.made(rows, self._tokens)))

    def put_back(self) -> int:
        """Move them back where nothing was written meanwhile; return how many records."""
        if self._order.act is Act.ERASE:
            names = self._names([name for name in self._kept() if name not in self._computed()])
            rows = f"SELECT {names} FROM {self._aside} WHERE {self._in_batch}"
            restored = self._dialect.execute(self._dialect.inserted(names, rows))
        else:
            condition = f"k.{self._in_batch} AND {self._same_key()}"
            # A field that was written anew meanwhile is not overwritten.
            condition += "".join(f" AND {self._is_as_left(name)}" for name in self._stored())
            quoted = [self._dialect.quoted(name) for name in self._stored()]
            values = [(name, f"k.{name}") for name in quoted]
            restored = self._dialect.execute(self._dialect.updated(values, self._aside, condition))
        self.destroy()
        return restored

    def destroy(self) -> int:
        """Delete the batch from quarantine; return how many records."""
        return self._dialect.execute(f"DELETE FROM {self._aside} WHERE {self._in_batch}")

    # -- SQL pieces ----------------------------------------------------------------------------------------------

    def _count(self, condition: str) -> int:
        found = self._dialect.value(self._dialect.selected("count(*)", self._keys(), condition))
        return int(str(found))

    def _keys(self) -> str:
        if not self._loaded:
            self._loaded = self._dialect.keys(self._batch)
        return self._loaded

    def _kept(self) -> list[str]:
        return kept_columns(self._collection, self._order)

    def _computed(self) -> frozenset[str]:
        return self._dialect.computed()

    def _stored(self) -> list[str]:
        """The order's fields that hold a value of their own."""
        computed = self._computed()
        return [name for name in self._order.fields if name not in computed]

    def _entry(self) -> str:
        return f"order_digest = '{order_digest(self._order)}' AND batch = {self._batch.index}"

    def _names(self, names: Sequence[str], alias: str = "") -> str:
        return ", ".join((f"{alias}." if alias else "") + self._dialect.quoted(name) for name in names)

    def _same_key(self) -> str:
        quoted = map(self._dialect.quoted, self._collection.key)
        return " AND ".join(f"t.{name} = k.{name}" for name in quoted)

    def _is_planned(self) -> str:
        return f"{self._same_key()} AND {self._dialect.content()} = k.{CONTENT}"

    def _left(self, name: str, alias: str) -> str:
        """What stays of a field, of whose value an alias has the whole; ``k`` has tokens."""
        if name not in self._forms:
            return self._empty(name)
        if self._forms.is_token(name):
            return f"k.{self._forms.token_column(name)}"
        return self._forms.coarser(name, f"{alias}.{self._dialect.quoted(name)}", self._dialect.words)

    def _is_as_left(self, name: str) -> str:
        """The condition that a field holds what stayed of the value that ``k`` has in quarantine."""
        if name not in self._forms:
            return self._is_empty(name)
        exact = self._dialect.words.exact
        return same(exact(f"t.{self._dialect.quoted(name)}"), exact(self._left(name, "k")))

    def _is_full(self, name: str) -> str:
        if name not in self._forms:
            return f"NOT ({self._is_empty(name)})"
        return self._forms.is_whole(name, f"t.{self._dialect.quoted(name)}", self._dialect.words)

    def _empty(self, name: str) -> str:
        nullable = next(field.nullable for field in self._collection.fields if field.name == name)
        return "NULL" if nullable else "''"

    def _is_empty(self, name: str) -> str:
        empty = self._empty(name)
        return f"t.{self._dialect.quoted(name)} {'IS' if empty == 'NULL' else '='} {empty}"


def moved(kept: int, taken: int) -> int:
    """How many records moved; 0 where more were taken than kept, because others must not pass for the planned ones.

    >>> moved(2, 2), moved(2, 1), moved(2, 3)
    (2, 1, 0)
    """
    return min(kept, taken) if taken <= kept else 0


def prepare(dialect: Dialect, collection: Collection, order: Order) -> None:
    """Create the journal and, unless its rows go into escrow, the order's quarantine table.

    What is there already stays, and the journal of an earlier version gets what it lacks. An engine that ends a
    transaction at DDL prepares before the turn's own transaction begins.
    """
    columns, journal = dialect.columns(JOURNAL), dialect.own(JOURNAL)
    if not columns:
        dialect.execute(
            f"CREATE TABLE {journal} (order_digest varchar(40) NOT NULL, batch integer NOT NULL, "
            "state varchar(20) NOT NULL, order_id varchar(255) DEFAULT '', escrow varchar(100) DEFAULT '', "
            "PRIMARY KEY (order_digest, batch))"
        )
    elif "escrow" not in columns:
        dialect.execute(f"ALTER TABLE {journal} ADD COLUMN order_id varchar(255) DEFAULT ''")
        dialect.execute(f"ALTER TABLE {journal} ADD COLUMN escrow varchar(100) DEFAULT ''")
    name = aside_name(order)
    if order.method is not Method.ESCROW_ROWS and not dialect.columns(name):
        dialect.create_aside(name, kept_columns(collection, order), Forms(collection, order).tokens)


def kept_columns(collection: Collection, order: Order) -> list[str]:
    """What of a row goes into quarantine: its key, and all fields or those that are emptied."""
    fields = collection.field_names() if order.act is Act.ERASE else order.fields
    return list(dict.fromkeys((*collection.key, *fields)))


def aside_name(order: Order) -> str:
    """The name of an order's quarantine table."""
    return _OWN_PREFIX + order_digest(order)


def is_aside(name: str) -> bool:
    """Whether a table's name is that of a quarantine table.

    >>> is_aside("winddown_q_" + "a" * 24), is_aside("winddown_q_customers")
    (True, False)
    """
    rest = name.removeprefix(_OWN_PREFIX)
    return rest != name and len(rest) == _DIGITS and set(rest) <= set("0123456789abcdef")


def is_ours(name: str) -> bool:
    """Whether a table in a customer's database is one that this module made."""
    return name == JOURNAL or is_aside(name)


def order_digest(order: Order) -> str:
    """What stands for an order in names and in the journal."""
    return digest_of(order.id)


def digest_of(order_id: OrderId) -> str:
    """As ``order_digest`` has it."""
    return hashlib.sha256(order_id.encode()).hexdigest()[:_DIGITS]


def forgetting(journal: str, settled: Sequence[OrderId]) -> str:
    """The statement that deletes from a journal what it has of settled orders, but never what is in quarantine.

    The entries of any other order stay, and the journal with them: a worker that was killed after its commit asks for
    its own when it comes again, and without it nobody could tell what was done from what was lost.
    """
    digests = ", ".join(f"'{digest_of(order_id)}'" for order_id in settled) or "NULL"
    return f"DELETE FROM {journal} WHERE state <> 'quarantined' AND order_digest IN ({digests})"
