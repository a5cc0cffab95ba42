"""Any schema, any orders, crashes anywhere: a machine that plays a store's effects against a model of what must be.

A schema has up to four tables; each refers to earlier ones or to itself. Some rows are ordered, with all rows that
refer to them, and cut into batches, children first. Then, in any order that the product itself would allow, batches
are set aside, brought back and purged, each perhaps cut off at any call, while an application writes elsewhere. After
every step exactly the rows that the model holds are live, value for value, and the inspector agrees; in the end
everything that was not purged comes back.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from winddown.domain.authorization import Power
from winddown.domain.batch import RANK, Batch
from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Whereabouts
from winddown.domain.selection import Selection
from winddown.ports import Inspector, Store
from winddown.stages.manifests import split

from .desk import Desk
from .subject import keys_of

Value = int | str | None
Row = tuple[Value, ...]

TEXTS = st.sampled_from(["", "a", "A", "a ", "欧阳", "𠮷", "NULL", "0", "00", "it's", 'x"y', "\\", "\n", "%s", "{}"])
NUMBERS = st.integers(-(1 << 31), (1 << 31) - 1)


class CrashError(Exception):
    """The process ends here."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns are all nullable but the key; ``refers`` are columns that hold the number of a row of another table."""

    name: str
    text_key: bool
    fields: tuple[str, ...]
    refers: tuple[tuple[str, str], ...]

    @property
    def key(self) -> tuple[str, ...]:
        return ("id", "part") if self.text_key else ("id",)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.key, *self.fields, *(column for column, _ in self.refers))


class Ground(Protocol):
    """One engine, with a store, an inspector, and a connection of the test's own."""

    store: Store
    inspector: Inspector
    desk: Desk

    def ref(self, table: str) -> CollectionRef: ...

    def begin(self) -> None:
        """An empty place for a new schema."""
        ...

    def create(self, table: Table) -> None: ...

    def method(self, collection: Collection) -> Method | Blocker:
        """How some of a collection's records are erased."""
        ...

    def run(self, statement: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Statements name a table by ``{name}`` and a value by ``?``."""
        ...

    @contextmanager
    def failing(self, calls: int) -> Iterator[None]:
        """Let the store's turn raise ``CrashError`` at its call number ``calls``, counted from 0."""
        ...


def columns_of(table: Table, kinds: Mapping[str, str]) -> str:
    """The table's DDL for an engine with these types for ``number``, ``text`` and ``key``, a text in a key."""
    lines = [f"id {kinds['number']} NOT NULL"]
    if table.text_key:
        lines.append(f"part {kinds['key']} NOT NULL")
    lines += [f"{name} {kinds['text'] if name.startswith('t') else kinds['number']}" for name in table.fields]
    lines += [f"{column} {kinds['number']}" for column, _ in table.refers]
    lines.append(f"PRIMARY KEY ({', '.join(table.key)})")
    lines += [f"FOREIGN KEY ({column}) REFERENCES {{{target}}} (id)" for column, target in table.refers]
    return ", ".join(lines)


@st.composite
def schemas(draw: st.DrawFn) -> tuple[Table, ...]:
    """Only tables with a key of one number are referred to."""
    tables: list[Table] = []
    for number in range(draw(st.integers(1, 4))):
        name = f"any{number}"
        text_key = draw(st.booleans())
        targets = [table.name for table in tables if not table.text_key] + ([] if text_key else [name])
        refers = draw(st.lists(st.sampled_from(targets), max_size=2, unique=True)) if targets else []
        fields = tuple(f"{kind}{place}" for place, kind in enumerate(draw(st.lists(st.sampled_from("tn"), max_size=3))))
        links = tuple((f"of_{target}", target) for target in refers)
        tables.append(Table(name, text_key, fields, links))
    return tuple(tables)


@dataclass(slots=True)
class Move:
    """One batch of one order, and where the model has it."""

    order: Order
    batch: Batch
    rows: dict[str, Row] = field(repr=False)
    state: str = "live"
    was_stopped: bool = False  # then a file that was written for nothing may be left


class AnySchema(RuleBasedStateMachine):
    """Subclasses provide the ground."""

    ground: Ground

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, Table] = {}
        self.live: dict[str, dict[str, Row]] = {}
        self.moves: list[Move] = []
        self.touched: list[Move] = []
        self.serial = 0

    # -- setting up ----------------------------------------------------------------------------------------------

    @initialize(tables=schemas(), data=st.data())
    def fill(self, tables: tuple[Table, ...], data: st.DataObject) -> None:
        self.ground.begin()
        for table in tables:
            self.tables[table.name], self.live[table.name] = table, {}
            self.ground.create(table)
            for _ in range(data.draw(st.integers(0, 7))):
                self._write(table, data)
        self._plan(data)

    def _write(self, table: Table, data: st.DataObject) -> None:
        self.serial += 1
        row: list[Value] = [self.serial]
        row += [data.draw(TEXTS)] if table.text_key else []
        row += [data.draw(st.none() | (TEXTS if name.startswith("t") else NUMBERS)) for name in table.fields]
        ordered = {id_ for move in self.moves for id_ in self._ids(move)}
        for _, target in table.refers:
            ids = [int(str(found[0])) for found in self.live[target].values() if (target, found[0]) not in ordered]
            row.append(data.draw(st.none() | st.sampled_from(ids)) if ids else None)
        places = ", ".join("?" * len(row))
        self.ground.run(f"INSERT INTO {{{table.name}}} ({', '.join(table.columns)}) VALUES ({places})", row)
        self.live[table.name][self._name(table, row)] = tuple(row)

    def _plan(self, data: st.DataObject) -> None:
        """Choose rows, add all that refer to them, and cut each table's into batches, children before parents."""
        chosen = {name: {key for key in rows if data.draw(st.booleans())} for name, rows in self.live.items()}
        while grown := [
            (table.name, key)
            for table in self.tables.values()
            for key, row in self.live[table.name].items()
            if key not in chosen[table.name]
            and any(str(row[table.columns.index(column)]) in chosen[target] for column, target in table.refers)
        ]:
            for name, key in grown:
                chosen[name].add(key)
        discovered = {found.ref: found for found in self.ground.store.discover().collections}
        size = data.draw(st.integers(1, 3))
        for table in reversed(self.tables.values()):
            if chosen[table.name]:
                self._order(discovered[self.ground.ref(table.name)], table, chosen[table.name], size=size)

    def _order(self, collection: Collection, table: Table, keys: set[str], *, size: int) -> None:
        store = self.ground.store
        read = pa.Table.from_batches(list(store.read(collection, fields=table.key, bound=True)))
        wanted = [self._name(table, list(row.values())) in keys for row in read.select(list(table.key)).to_pylist()]
        located = read.filter(pa.array(wanted, pa.bool_()))
        # A row refers to rows that were there before it, so the newest goes first.
        newest = [-int(number) for number in located.column("id").to_pylist()]
        batched = keys_of(store, collection, located.append_column(RANK, pa.array(newest, pa.int64())), size=size)
        batches = tuple(split([batched]))
        method = self.ground.method(collection)
        assert isinstance(method, Method), method
        order = Order(
            id=OrderId(f"order-{secrets.token_hex(6)}"),
            collection=collection.ref,
            label="all",
            act=Act.ERASE,
            method=method,
            selection=Selection("manifest", "0" * 64, len(keys), tuple(batch.digest for batch in batches)),
            level=0,
            record_count_max=len(keys),
        )
        for batch in batches:
            names = [self._name(table, [row[name] for name in table.key]) for row in batch.keys.to_pylist()]
            self.moves.append(Move(order, batch, {name: self.live[table.name][name] for name in names}))

    # -- what happens --------------------------------------------------------------------------------------------

    def _next(self) -> Move | None:
        return next((move for move in self.moves if move.state == "live"), None)

    def _last(self) -> Move | None:
        """What may come back first: after it, nothing is away that it refers to."""
        away = [move for move in self.moves if move.state != "live"]
        return away[-1] if away and away[-1].state == "quarantined" else None

    def _first_aside(self) -> Move | None:
        return next((move for move in self.moves if move.state == "quarantined"), None)

    @precondition(lambda self: self._next() is not None)
    @rule(crash=st.none() | st.integers(0, 6))
    def quarantine(self, crash: int | None) -> None:
        self._do(self._next(), Power.QUARANTINE, crash)

    @precondition(lambda self: self._last() is not None)
    @rule(crash=st.none() | st.integers(0, 6))
    def restore(self, crash: int | None) -> None:
        self._do(self._last(), Power.RESTORE, crash)

    @precondition(lambda self: self._first_aside() is not None)
    @rule(crash=st.none() | st.integers(0, 6))
    def purge(self, crash: int | None) -> None:
        self._do(self._first_aside(), Power.PURGE, crash)

    @precondition(lambda self: any(move.state != "live" for move in self.moves))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """What was done is asked for again."""
        move = data.draw(st.sampled_from([move for move in self.moves if move.state != "live"]))
        power = Power.QUARANTINE if move.state == "quarantined" else Power.PURGE
        assert self._effect(power)(self._right(move, power), move.order, move.batch).records == move.batch.records

    @rule(data=st.data())
    def application_writes(self, data: st.DataObject) -> None:
        if self.tables:
            self._write(data.draw(st.sampled_from(list(self.tables.values()))), data)

    def _do(self, move: Move | None, power: Power, crash: int | None) -> None:
        assert move is not None
        self.touched = [move]
        effect, right = self._effect(power), self._right(move, power)
        if crash is not None:
            with self.ground.failing(crash):
                try:
                    effect(right, move.order, move.batch)
                except CrashError:
                    move.was_stopped = True
                    return  # as if it had not begun; the next step may be the same again
        else:
            effect(right, move.order, move.batch)
        rows = self.live[self._table(move)]
        if power is Power.QUARANTINE:
            for name in move.rows:
                del rows[name]
        elif power is Power.RESTORE:
            rows.update(move.rows)
        move.state = {Power.QUARANTINE: "quarantined", Power.RESTORE: "live", Power.PURGE: "purged"}[power]

    # -- what must be --------------------------------------------------------------------------------------------

    @invariant()
    def exactly_the_models_rows_are_live(self) -> None:
        for table in self.tables.values():
            found = self.ground.run(f"SELECT {', '.join(table.columns)} FROM {{{table.name}}}")
            assert {self._name(table, list(row)): tuple(row) for row in found} == self.live[table.name]
            assert len(found) == len(self.live[table.name])

    @invariant()
    def store_and_inspector_agree_with_the_model(self) -> None:
        expected = {
            "live": (Whereabouts.LIVE, True, 0),
            "quarantined": (Whereabouts.QUARANTINED, False, 1),
            "purged": (Whereabouts.GONE, False, 0),
        }
        inspector = self.ground.inspector
        for move in self.touched:
            where, is_live, times = expected[move.state]
            assert self.ground.store.locate(move.order, move.batch) is where
            assert inspector.unchanged(move.order, move.batch) == inspector.remaining(move.order, move.batch)
            assert inspector.unchanged(move.order, move.batch) == (move.batch.records if is_live else 0)
            assert inspector.set_aside(move.order, move.batch) == times * move.batch.records
            left = inspector.leftovers(move.order, move.batch)
            assert left > 0 if times else left == 0 or (is_live and move.was_stopped), (
                "but for a crash, as much is left"
            )

    def teardown(self) -> None:
        """Everything that was not purged comes back."""
        while (move := self._last()) is not None:
            self._do(move, Power.RESTORE, None)
        if all(move.state == "live" for move in self.moves):
            self.exactly_the_models_rows_are_live()
        self.touched = self.moves
        self.store_and_inspector_agree_with_the_model()

    # -- words ---------------------------------------------------------------------------------------------------

    def _effect(self, power: Power) -> Callable[..., Any]:
        effect: Callable[..., Any] = getattr(self.ground.store, power.value)
        return effect

    def _right(self, move: Move, power: Power) -> Any:
        return self.ground.desk.mint(power, move.order, move.batch)

    def _table(self, move: Move) -> str:
        return move.order.collection.name.rpartition(".")[2]

    def _ids(self, move: Move) -> Iterator[tuple[str, Value]]:
        return ((self._table(move), row[0]) for row in move.rows.values())

    def _name(self, table: Table, values: Sequence[Value]) -> str:
        return "|".join(str(value) for value in values[: len(table.key)])
