"""One batch of one order inside one transaction of a PostgreSQL database: where it is, and how its fields are moved.

Rows are named by key and bound by a digest of their content. Whoever acts takes turns on a batch by an advisory lock,
so the next one sees in the journal what the first one did. How whole rows go is in ``escrow_position``.
"""

import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from winddown.archive.tokens import Tokens
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Order
from winddown.stores.sql.catalogue import JOURNAL, QUARANTINE_SCHEMA, describe, hazards, quoted, quoted_name
from winddown.stores.sql.forms import Forms, Words
from winddown.stores.sql.leftovers import ACTING_LOCK
from winddown.stores.sql.reading import with_names
from winddown.stores.sql.staged import require_same_key

ROW = "ROW(t.*)::text"
"""A row of ``t`` as one text, from which the server makes the row again. ``t`` alone may be a column."""
_WORDS = Words("text", lambda beginning, rest: f"CAST({beginning} || '{rest}' AS date)")
KEYS_AT_ONCE = 10_000
"""Keys that one statement looks for at once."""
_LOST = text(
    "SELECT set_config('tcp_keepalives_idle', '30', true), set_config('tcp_keepalives_interval', '10', true), "
    "set_config('tcp_keepalives_count', '3', true), CASE WHEN current_setting('server_version_num')::int >= 120000 "
    "THEN set_config('tcp_user_timeout', '60000', true) END"
)
"""Lets the server miss a worker's machine within a minute, and free what it had locked; its own wait may be hours."""
_PLANS = {"s": ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"]}


def content(collection: Collection) -> str:
    """The digest of a row of ``t``, bound to the names and types of all fields: a renamed field is another one.

    The settings on which the text depends come with the engine.
    """
    return f"encode(sha256(convert_to('{shape(collection)}' || {ROW}, 'UTF8')), 'hex')"


def shape(collection: Collection) -> str:
    """A digest of the names and types of all fields, in 64 hex digits."""
    fields = "\n".join(f"{field.name} {field.type}" for field in collection.fields)
    return hashlib.sha256(fields.encode()).hexdigest()


def same(collection: Collection) -> str:
    """The condition that a row of ``t`` has the content that its key ``k`` was planned with.

    Not ``=``, by which the planner could join: it would compute the digest of every row of the table for every batch.
    """
    return f"{content(collection)} IS NOT DISTINCT FROM k.{CONTENT}"


def take_turns(connection: Connection, order: Order, batch: Batch) -> None:
    """Let one worker at a time act on a batch, and nobody drop what is empty meanwhile."""
    connection.execute(_LOST)
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    # The first is shared among all that act on batches: ``sanitise`` takes it alone before it drops what is empty.
    locks = f"SELECT pg_advisory_xact_lock_shared({ACTING_LOCK}), pg_advisory_xact_lock(hashtext(:order), :batch)"
    connection.execute(text(locks), {"order": order.id, "batch": batch.index})


def _create_journal(connection: Connection) -> None:
    # Asked first, which makes the session hear of a schema that came while it waited: ``IF NOT EXISTS`` believes what
    # the session knew before.
    there = text("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = :name)")
    if not connection.execute(there, {"name": QUARANTINE_SCHEMA}).scalar_one():
        connection.execute(text(f"CREATE SCHEMA {QUARANTINE_SCHEMA}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA {QUARANTINE_SCHEMA} TO PUBLIC"))
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {JOURNAL} (order_id text, batch int, state text NOT NULL, "
            "records int NOT NULL, escrow text NOT NULL DEFAULT '', changed_at timestamptz NOT NULL DEFAULT now(), "
            "PRIMARY KEY (order_id, batch))"
        )
    )
    connection.execute(text(f"GRANT SELECT ON {JOURNAL} TO PUBLIC"))


def bring_up_to_date(connection: Connection) -> bool:
    """Add to the journal of an earlier version what it lacks; return whether there is a journal."""
    known = text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:t) AND attnum > 0")
    columns = set(connection.execute(known, {"t": JOURNAL}).scalars())
    if columns and "escrow" not in columns:
        connection.execute(text(f"ALTER TABLE {JOURNAL} ADD COLUMN IF NOT EXISTS escrow text NOT NULL DEFAULT ''"))
    return bool(columns)


def prepare(connection: Connection, order: Order) -> None:
    """Create the journal and, for fields, the order's quarantine table, readable by nobody but its owner."""
    has_journal = bring_up_to_date(connection)
    if has_journal and order.act is not Act.MINIMISE:
        return
    name = f"{QUARANTINE_SCHEMA}.{quoted(aside_name(order))}" if order.act is Act.MINIMISE else JOURNAL
    there = text("SELECT to_regclass(:t)")
    if connection.execute(there, {"t": name}).scalar() is not None:
        return
    # Two workers may come at once, and CREATE … IF NOT EXISTS is not safe against that by itself.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('winddown_quarantine'))"))
    _create_journal(connection)
    if connection.execute(there, {"t": name}).scalar() is not None:
        return
    collection = describe(connection, order.collection)
    forms = Forms(collection, order)
    named = [
        f", {quoted_name(field)} AS {column}" for field, column in zip(forms.tokens, forms.token_columns(), strict=True)
    ]
    connection.execute(
        with_names(
            f"CREATE TABLE {name} AS SELECT 0 AS winddown_batch, {_names((*collection.key, *order.fields))}"
            f"{''.join(named)} FROM {quoted(collection.ref.name)} WHERE false"
        )
    )
    connection.execute(text(f"COMMENT ON TABLE {name} IS '{order.id.replace(chr(39), '')}'"))
    # Without it, a purge and every look at a batch would read the whole of quarantine again.
    connection.execute(text(f"CREATE INDEX ON {name} (winddown_batch)"))


class Position:
    """One batch of one order inside one transaction, as far as rows and fields are alike.

    Raises nothing of its own: it counts, and its callers compare the counts with what was planned.
    """

    def __init__(self, connection: Connection, collection: Collection, order: Order, batch: Batch) -> None:
        require_same_key(collection, batch)
        self._connection = connection
        self._collection = collection
        self._order = order
        self._batch = batch
        self._table = quoted(collection.ref.name)
        self._has_journal = False
        if _has_index(collection):
            # Rows are fetched one by one by the key's index, so that a batch costs the same however big the table is.
            # The server takes a look at a page for slower than it is, and reads all of a table of some million rows.
            connection.execute(text("SELECT set_config(s, 'off', true) FROM unnest(CAST(:s AS text[])) s"), _PLANS)

    def hazards(self) -> tuple[str, ...]:
        """Triggers, cascades and the like that act on the table now."""
        return hazards(self._connection, self._order.collection, on_changes=self._order.act is Act.MINIMISE)

    def unchanged(self) -> int:
        """Rows of the batch that are live with exactly the planned content."""
        join = key_join(self._collection, "t")
        query = f"SELECT count(*) FROM {self._table} t JOIN {join} WHERE {same(self._collection)}"
        return self._counted(query)

    def journalled(self) -> str | None:
        """What was last done to the batch: quarantined, restored, purged; None when nothing was."""
        return self._entry()[0]

    def _entry(self) -> tuple[str | None, str]:
        """The state that the journal has, and the name of the escrow."""
        there = text("SELECT to_regclass(:t)")
        self._has_journal = self._has_journal or self._connection.execute(there, {"t": JOURNAL}).scalar() is not None
        if not self._has_journal:
            return None, ""
        query = text(f"SELECT * FROM {JOURNAL} WHERE order_id = :o AND batch = :b")
        rows = self._connection.execute(query, {"o": self._order.id, "b": self._batch.index}).mappings()
        found = rows.one_or_none()
        # The journal of an earlier version knows of no escrow.
        return (None, "") if found is None else (str(found["state"]), str(found.get("escrow", "")))

    def journal(self, state: str) -> None:
        """Write down what is being done, in the transaction that does it."""
        self._journal(state, escrow="")

    def _journal(self, state: str, *, escrow: str) -> None:
        self._connection.execute(
            text(
                f"INSERT INTO {JOURNAL} (order_id, batch, state, records, escrow) VALUES (:o, :b, :s, :n, :e) "
                "ON CONFLICT (order_id, batch) DO UPDATE SET state = excluded.state, escrow = excluded.escrow, "
                "changed_at = now()"
            ),
            {"o": self._order.id, "b": self._batch.index, "s": state, "n": self._batch.records, "e": escrow},
        )

    def live(self) -> int:
        """Rows that the batch names and that are there."""
        join = key_join(self._collection, "t", bound=False)
        query = f"SELECT count(*) FROM {self._table} t JOIN {join}"
        return sum(self._counted(query, piece=piece, bound=False) for piece in self._batch.pieces(KEYS_AT_ONCE))

    def _computed(self) -> frozenset[str]:
        """Generated columns: the database computes them anew, and takes no value for them."""
        query = text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:t) AND attgenerated <> ''")
        return frozenset(self._connection.execute(query, {"t": self._table}).scalars())

    def _counted(
        self, query: str, more: Mapping[str, object] | None = None, *, piece: Batch | None = None, bound: bool = True
    ) -> int:
        values = self._values(piece, bound=bound) | dict(more or {})
        return int(self._connection.execute(with_names(query), values).scalar_one())

    def _values(self, piece: Batch | None = None, *, bound: bool = True) -> dict[str, object]:
        return key_values(self._collection, piece or self._batch, bound=bound) | {"batch": self._batch.index}


class FieldsPosition(Position):
    """Values of fields move to a quarantine table of the same database, with their keys, and the row stays."""

    def __init__(
        self, connection: Connection, collection: Collection, order: Order, batch: Batch, *, tokens: Tokens
    ) -> None:
        super().__init__(connection, collection, order, batch)
        self._aside = f"{QUARANTINE_SCHEMA}.{quoted(aside_name(order))}"
        self._tokens = tokens
        self._forms = Forms(collection, order)

    def set_aside(self) -> int:
        """Move the values of the order's fields from unchanged rows into quarantine; return of how many rows."""
        kept, named = (*self._collection.key, *self._order.fields), self._forms.token_columns()
        join, handed = key_join(self._collection, "t", more=named), self._handed() if named else {}
        columns = ", ".join([_names(kept), *named])
        left = ", ".join(f"{quoted_name(name)} = {self._left(name, 'found')}" for name in self._stored_fields())
        # The digest is computed once a row: the lock keeps it true until the row is changed by its place. Somebody who
        # was writing at this very moment leaves it in another place, where it is not found, and the counts differ.
        query = (
            f"WITH found AS (SELECT t.tableoid AS winddown_table, t.ctid AS winddown_place, {_names(kept, 't')}"
            f"{''.join(f', k.{name}' for name in named)} "
            f"FROM {self._table} t JOIN {join} WHERE {same(self._collection)} FOR UPDATE OF t), "
            f"copied AS (INSERT INTO {self._aside} (winddown_batch, {columns}) "
            f"SELECT :batch, {columns} FROM found RETURNING 1), "
            f"cleared AS (UPDATE {self._table} t SET {left} FROM found "
            "WHERE t.ctid = found.winddown_place AND t.tableoid = found.winddown_table RETURNING 1) "
            "SELECT least((SELECT count(*) FROM copied), (SELECT count(*) FROM cleared))"
        )
        return self._counted(query, handed)

    def _handed(self) -> dict[str, object]:
        """Tokens of planned rows, which are locked: an array for each column of tokens, in the order of the batch."""
        join = key_join(self._collection, "t")
        columns = ", ".join([f"k.{CONTENT}", *(f"CAST(t.{quoted_name(name)} AS text)" for name in self._forms.tokens)])
        query = f"SELECT {columns} FROM {self._table} t JOIN {join} WHERE {same(self._collection)} FOR UPDATE OF t"
        rows = [tuple(row) for row in self._connection.execute(with_names(query), self._values())]
        found = {row[0]: row[1:] for row in self._forms.made(rows, self._tokens)}
        names, contents = self._forms.token_columns(), self._batch.keys.column(CONTENT).to_pylist()
        none = (None,) * len(names)
        return {name: [found.get(one, none)[place] for one in contents] for place, name in enumerate(names)}

    def put_back(self) -> int:
        """Write them back where nothing was written meanwhile; return to how many rows."""
        values = ", ".join(f"{quoted_name(name)} = q.{quoted_name(name)}" for name in self._stored_fields())
        match = keys_equal(self._collection, "t", "q")
        # A field that was written anew meanwhile is not overwritten.
        match += "".join(
            f" AND t.{quoted_name(name)} IS NOT DISTINCT FROM {self._left(name, 'q')}" for name in self._stored_fields()
        )
        restored = self._run(
            f"UPDATE {self._table} t SET {values} FROM {self._aside} q WHERE q.winddown_batch = :batch AND {match}"
        )
        self.destroy()
        return restored

    def destroy(self) -> int:
        """Delete the batch from quarantine; return how many records."""
        return self._run(f"DELETE FROM {self._aside} WHERE winddown_batch = :batch")

    def live(self) -> int:
        """Rows that the batch names and whose fields are not all empty."""
        full = map(self._is_full, self._stored_fields())
        join = key_join(self._collection, "t", bound=False)
        query = f"SELECT count(*) FROM {self._table} t JOIN {join} WHERE {' OR '.join(full)}"
        return self._counted(query, bound=False)

    def _left(self, name: str, alias: str) -> str:
        """What stays of a field, of whose value an alias has the whole, and the token if it has one."""
        if name not in self._forms:
            return _empty(self._collection, name)
        if self._forms.is_token(name):
            return f"{alias}.{self._forms.token_column(name)}"
        return self._forms.coarser(name, f"{alias}.{quoted_name(name)}", _WORDS)

    def _is_full(self, name: str) -> str:
        column = f"t.{quoted_name(name)}"
        if name in self._forms:
            return self._forms.is_whole(name, column, _WORDS)
        return f"{column} IS DISTINCT FROM {_empty(self._collection, name)}"

    def _stored_fields(self) -> tuple[str, ...]:
        computed = self._computed()
        return tuple(name for name in self._order.fields if name not in computed)

    def _run(self, query: str) -> int:
        return int(self._connection.execute(with_names(query), {"batch": self._batch.index}).rowcount)


# -- SQL pieces ----------------------------------------------------------------------------------------------------


def aside_name(order: Order) -> str:
    """The name of an order's quarantine table."""
    return "q_" + hashlib.sha256(order.id.encode()).hexdigest()[:24]


def _names(fields: Sequence[str], alias: str = "") -> str:
    return ", ".join((f"{alias}." if alias else "") + quoted_name(name) for name in fields)


def keys_equal(collection: Collection, alias: str, other: str) -> str:
    """What is true of two rows with the same key.

    A type that is not the server's own is compared as text, because its operators are not the server's own either and
    stand in no schema where we look. That takes no index.
    """
    types = {field.name: field.type for field in collection.fields}
    casts = {name: "::text" if "." in types[name] else "" for name in collection.key}
    return " AND ".join(
        f"{alias}.{quoted_name(name)}{cast} = {other}.{quoted_name(name)}{cast}" for name, cast in casts.items()
    )


def _has_index(collection: Collection) -> bool:
    """Whether rows are told by the key's own index: not where they are told by text; see ``keys_equal``."""
    types = {field.name: field.type for field in collection.fields}
    return not any("." in types[name] for name in collection.key)


def typed_keys(collection: Collection, *arrays: str, more: Sequence[str] = ()) -> str:
    """What selects the batch's keys, each field as its own type, from the text of an array each.

    Another one is contents, and further ones are ``more``.
    """
    types = {field.name: field.type for field in collection.fields}
    names = [f"c{index}" for index in range(len(arrays))]
    typed = [f"CAST(c{index} AS {types[name]}) AS {quoted_name(name)}" for index, name in enumerate(collection.key)]
    typed += [
        f"{column} AS {name}" for column, name in zip(names[len(collection.key) :], (CONTENT, *more), strict=False)
    ]
    elements = [*(_element(types[name]) for name in collection.key), *["text"] * len(arrays)]
    read = (f"CAST({array} AS {element}[])" for array, element in zip(arrays, elements, strict=False))
    return f"SELECT {', '.join(typed)} FROM unnest({', '.join(read)}) AS u({', '.join(names)})"


def _element(declared: str) -> str:
    """As what the server reads an array of a type: of its own types as themselves, which is faster than by their text.

    A type of somebody else's is in no schema where we look, and an array of arrays would be taken apart to its bottom.
    """
    return "text" if "." in declared or declared.endswith("]") else declared


def key_join(collection: Collection, alias: str, *, bound: bool = True, more: Sequence[str] = ()) -> str:
    """What joins an alias of the table to the batch's rows; the values come from ``key_values``.

    Only where it is ``bound``, there are contents beside the keys: to read them costs more than to find the rows.
    Then ``more`` may be parameters with an array each that become columns of the rows.
    """
    names = (*(f"k{index}" for index in range(len(collection.key) + bound)), *more)
    keys = typed_keys(collection, *(f":{name}" for name in names), more=more)
    return f"({keys}) k ON {keys_equal(collection, alias, 'k')}"


def key_values(collection: Collection, batch: Batch, *, bound: bool = True) -> dict[str, object]:
    """Parameters of a statement with ``key_join``: an array a key field, and one of contents where it is ``bound``."""
    names = (*collection.key, *([CONTENT] * bound))
    return {f"k{index}": array(batch.keys.column(name)) for index, name in enumerate(names)}


def array(values: pa.ChunkedArray) -> str:
    """Texts as the server writes an array of them; a driver would look at every value by itself."""
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return '{"' + '","'.join(escaped.to_pylist()) + '"}' if len(values) else "{}"


def _empty(collection: Collection, field: str) -> str:
    nullable = next(found.nullable for found in collection.fields if found.name == field)
    return "NULL" if nullable else "''"
