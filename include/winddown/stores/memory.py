"""Tables in memory as a store, for the behavioural suite and for fast tests of stages; nothing outlives the process.

One method, ``set_aside``, stands for every way of quarantine: rows, or the values of some fields, move to a place of
their own under the order and the batch. Values are text or None. There are no foreign keys, and no search in raw bytes
would mean anything here. Safe for threads of one process.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import CONTENT, Batch, numbered
from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import Collection, CollectionRef, Field, Medium
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import Discovery

Key = tuple[str | None, ...]
Row = dict[str, str | None]
Place = tuple[str, int]
Unlock = Callable[[Authorization], object]


@dataclass(slots=True)
class MemoryTable:
    """Rows that all have the same fields, and who may write and read them.

    Attributes:
        key: fields that name a row; every row has its own values for them.
        aside: what each order and batch set aside: whole rows, or key and emptied fields.
    """

    key: tuple[str, ...]
    rows: list[Row] = field(repr=False)
    writers: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)
    aside: dict[Place, list[Row]] = field(default_factory=dict, repr=False)

    def key_of(self, row: Mapping[str, str | None]) -> Key:
        """Values of the key's fields."""
        return tuple(row[name] for name in self.key)


class MemoryStore:
    """A few tables in memory.

    Args:
        name: the store's name in the case.
        tables: collection name → table; the caller may keep it and change it behind the store's back.
        unlock: spends an authorization or raises Refused; what it returns is not used.
    """

    methods = frozenset({Method.SET_ASIDE})

    def __init__(self, name: str, *, tables: Mapping[str, MemoryTable], unlock: Unlock) -> None:
        self.name = name
        self._tables = tables
        self._unlock = unlock
        self._states: dict[Place, str] = {}
        self._turn = threading.Lock()
        self._identity = f"memory {name}"

    # -- reading -------------------------------------------------------------------------------------------------

    def discover(self) -> Discovery:
        """List all tables in the order of their names; an empty one has its key's fields only."""
        collections = tuple(self._collection(name) for name in sorted(self._tables))
        return Discovery(collections, (), identity=self._identity)

    def locators(self, collection: Collection) -> tuple[str, ...]:
        """The key's fields."""
        return collection.key

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield all rows as one batch, key fields first."""
        wanted = collection.field_names() if fields is None else fields
        rows = list(self._table(collection.ref).rows)
        found = _arrow(rows, list(dict.fromkeys([*collection.key, *wanted])))
        yield found.append_column(CONTENT, pa.array(map(digest, rows), pa.string())) if bound else found

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield all rows as one batch."""
        return (batch.select(list(collection.field_names())) for batch in self.read(collection))

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the live and unchanged rows of a batch as one batch."""
        yield _arrow(self._unchanged(self._table(collection.ref), batch), fields)

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """Number the batches."""
        return numbered(located, collection.key, size=size)

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:  # noqa: ARG002
        """The one method there is."""
        return Method.SET_ASIDE

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Compare what was done to the batch with the rows that are there."""
        rows = self._live(self._table(order.collection), batch)
        state = self._states.get((order.id, batch.index))
        if state in {"quarantined", "purged"}:
            left = [row for row in rows if order.act is Act.ERASE or any(row[name] for name in order.fields)]
            if left:
                return Whereabouts.MIXED
            return Whereabouts.QUARANTINED if state == "quarantined" else Whereabouts.GONE
        if len(self._unchanged(self._table(order.collection), batch)) == batch.records:
            return Whereabouts.LIVE
        return Whereabouts.MIXED if rows else Whereabouts.GONE

    # -- effects -------------------------------------------------------------------------------------------------

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Move the batch's rows, or the values of the order's fields, aside."""
        self._spend(authorization, Power.QUARANTINE, order, batch)
        place, table = (str(order.id), batch.index), self._table(order.collection)
        with self._turn:
            if self._states.get(place) != "quarantined":
                rows = self._unchanged(table, batch)
                if len(rows) != batch.records:
                    raise Refused(
                        f"order {order.id} batch {batch.index}: {len(rows)} of {batch.records} records are there "
                        "unchanged",
                        rule="an approved order may shrink only by a new plan",
                        next_step="plan again",
                    )
                if order.act is Act.ERASE:
                    moved = {table.key_of(row) for row in rows}
                    table.rows[:] = [row for row in table.rows if table.key_of(row) not in moved]
                    table.aside[place] = rows
                else:
                    table.aside[place] = [{name: row[name] for name in (*table.key, *order.fields)} for row in rows]
                    for row in rows:
                        row.update(dict.fromkeys(order.fields))
                self._states[place] = "quarantined"
        return Receipt("quarantine", order.id, batch.index, batch.records, (("method", order.method.value),))

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Put rows or values back; raises Residual when the batch was purged, or rows came in its place."""
        self._spend(authorization, Power.RESTORE, order, batch)
        place, table = (str(order.id), batch.index), self._table(order.collection)
        with self._turn:
            state = self._states.get(place)
            present = {table.key_of(row): row for row in table.rows}
            kept = table.aside.get(place, [])
            if state == "purged" or not all(_has_room(order, present.get(table.key_of(row))) for row in kept):
                raise Residual(f"order {order.id} batch {batch.index} can no longer be restored whole")
            if state == "quarantined":
                for row in table.aside.pop(place):
                    if order.act is Act.ERASE:
                        table.rows.append(row)
                    else:
                        present[table.key_of(row)].update(row)
                self._states[place] = "restored"
        return Receipt("restore", order.id, batch.index, batch.records)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Drop what was set aside; refuses a batch that is not there."""
        self._spend(authorization, Power.PURGE, order, batch)
        place = (str(order.id), batch.index)
        with self._turn:
            if self._states.get(place) not in {"quarantined", "purged"}:
                raise Refused(
                    f"order {order.id} batch {batch.index} is not in quarantine", rule="quarantine before purge"
                )
            self._table(order.collection).aside.pop(place, None)
            self._states[place] = "purged"
        return Receipt("purge", order.id, batch.index, batch.records)

    # -- abilities -----------------------------------------------------------------------------------------------

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """List who may write, joined with what an earlier freeze took."""
        found = {(ref.name, writer) for ref in collections for writer in self._table(ref).writers}
        found |= set(_writers(earlier)) if earlier is not None else set()
        return Receipt("freeze", self.name, 0, len(collections), (("writers", json.dumps(sorted(found))),))

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Take the remembered writers' right away."""
        authorization.require(Power.FREEZE, store=self.name)
        self._unlock(authorization)
        authorization.require_system(self._identity)
        for name, who in _writers(remembered):
            self._tables[name].writers.discard(who)
        for name, who in _readers(remembered):
            self._tables[name].readers.discard(who)
        return remembered

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Give it back."""
        authorization.require(Power.RESTORE, store=self.name)
        self._unlock(authorization)
        authorization.require_system(self._identity)
        for name, who in _writers(remembered):
            self._tables[name].writers.add(who)
        for name, who in _readers(remembered):
            self._tables[name].readers.add(who)
        return remembered

    def remember_readers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """List who may read, joined with what was taken earlier."""
        found = {(ref.name, reader) for ref in collections for reader in self._table(ref).readers}
        found |= set(_readers(earlier)) if earlier is not None else set()
        return Receipt("freeze", self.name, 0, len(collections), (("readers", json.dumps(sorted(found))),))

    def sanitise(
        self,
        authorization: Authorization,
        collections: Sequence[CollectionRef],
        *,
        settled: Sequence[OrderId] = (),  # noqa: ARG002 - nothing is written down here but where records are
    ) -> Receipt:
        """Forget the empty places; the process's memory itself is not reached."""
        authorization.require(Power.SANITISE, store=self.name)
        self._unlock(authorization)
        authorization.require_system(self._identity)
        return Receipt("sanitise", self.name, 0, len(collections), (("not_reached", "memory of the process"),))

    # -- pieces --------------------------------------------------------------------------------------------------

    def _spend(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> None:
        authorization.require(power, store=self.name, target=order.id, batch_digest=batch.digest)
        self._unlock(authorization)
        authorization.require_system(self._identity)

    def _table(self, ref: CollectionRef) -> MemoryTable:
        if ref.store != self.name or ref.name not in self._tables:
            raise Refused(f"collection {ref} no longer exists", next_step="discover and plan again")
        return self._tables[ref.name]

    def _live(self, table: MemoryTable, batch: Batch) -> list[Row]:
        wanted = {table.key_of(row) for row in batch.keys.to_pylist()}
        return [row for row in table.rows if table.key_of(row) in wanted]

    def _unchanged(self, table: MemoryTable, batch: Batch) -> list[Row]:
        contents = {table.key_of(row): row[CONTENT] for row in batch.keys.to_pylist()}
        return [row for row in self._live(table, batch) if digest(row) == contents[table.key_of(row)]]

    def _collection(self, name: str) -> Collection:
        table = self._tables[name]
        names = list(dict.fromkeys([*table.key, *(name for row in table.rows[:1] for name in row)]))
        return Collection(
            ref=CollectionRef(self.name, name),
            medium=Medium.TABLE,
            format="table",
            key=table.key,
            fields=tuple(Field(field_name, "text", nullable=field_name not in table.key) for field_name in names),
            foreign_keys=(),
            record_count=len(table.rows),
            byte_count=sum(len(value or "") for row in table.rows for value in row.values()),
            version_count=0,
            fingerprint=digest([list(table.key), names, len(table.rows)]),
        )


def _has_room(order: Order, live: Row | None) -> bool:
    """Whether nothing was written in the place of what is restored."""
    if order.act is Act.ERASE:
        return live is None
    return live is not None and not any(live[name] for name in order.fields)


def _arrow(rows: Sequence[Row], names: Sequence[str]) -> pa.RecordBatch:
    arrays = [pa.array([row[name] for row in rows], type=pa.string()) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _writers(receipt: Receipt) -> list[tuple[str, str]]:
    return [(name, who) for name, who in json.loads(dict(receipt.details).get("writers", "[]"))]


def _readers(receipt: Receipt) -> list[tuple[str, str]]:
    return [(name, who) for name, who in json.loads(dict(receipt.details).get("readers", "[]"))]
