"""What the suite needs to know about one collection on one store, besides the store's own interface."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection as Names
from dataclasses import dataclass

import pyarrow as pa

from winddown.domain.authorization import Power
from winddown.domain.batch import RANK, Batch
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt
from winddown.domain.selection import Selection
from winddown.ports import Inspector, Store
from winddown.stages.manifests import split

from .desk import Desk


class Subject(ABC):
    """One small collection, reached by the store, by the inspector, and by a third path of the test's own."""

    store: Store
    inspector: Inspector
    desk: Desk
    ref: CollectionRef
    name_fields: tuple[str, ...] = ()
    name_columns: tuple[str, ...] = ()
    minimise_fields: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()  # of these, those of which something stays, and what
    marks_survive_restore = False
    rewrites_what_stays = False  # records that stay are written again, value for value
    keeps_history = False  # what is restored may lie below what was written meanwhile
    is_known_by_content = False  # what is written again as it was is the planned record

    @abstractmethod
    def content(self) -> dict[str, object]:
        """Every value of every live record by its name, and whatever else must come back."""

    @abstractmethod
    def marks(self) -> dict[str, object]:
        """What changes when a live record is written again, even with the same values."""

    @abstractmethod
    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        """The locators of a batch's records, as ``read`` yields them."""

    @abstractmethod
    def spoil(self, name: str) -> None:
        """Delete the row, or overwrite the object that holds it, behind the store's back."""

    @abstractmethod
    def alter(self, name: str) -> None:
        """Change a value of the record that is no key, or overwrite the object that holds it, behind our back."""

    @abstractmethod
    def bring_back(self, name: str) -> None:
        """Write the record again as it first was, behind the store's back."""

    def chosen(self, names: list[str], wanted: Names[str] | None) -> set[str]:
        """The names of the records that are planned; of all ``names``, every second one if nothing is ``wanted``."""
        return set(sorted(names)[::2] if wanted is None else wanted)

    def planned_keys(
        self,
        collection: Collection,
        located: pa.Table,
        act: Act,  # noqa: ARG002 - subjects that have methods of their own for it ask
        *,
        size: int,
    ) -> tuple[pa.Table, Method | None]:
        """The keys of located records, and a method that the store is not asked for."""
        return keys_of(self.store, collection, located, size=size), None

    def plan_systems(self) -> None:
        """Let the desk's authorizations name the system that this subject is."""
        self.desk.identities[self.ref.store] = self.store.discover().identity

    @property
    def collection(self) -> Collection:
        return next(found for found in self.store.discover().collections if found.ref == self.ref)


@dataclass(frozen=True, slots=True)
class Work:
    """An order with its batches, and the names of each batch's records."""

    subject: Subject
    order: Order
    batches: tuple[Batch, ...]
    names: tuple[frozenset[str], ...]

    @property
    def chosen(self) -> frozenset[str]:
        return frozenset().union(*self.names)

    def act(self, power: Power, index: int = 0) -> Receipt:
        """Let the store do it, with a fresh authorization."""
        batch = self.batches[index]
        authorization = self.subject.desk.mint(power, self.order, batch)
        effect = getattr(self.subject.store, power.value)
        receipt: Receipt = effect(authorization, self.order, batch)
        return receipt

    def act_all(self, power: Power) -> None:
        for index in range(len(self.batches)):
            self.act(power, index)

    def remaining(self, index: int = 0) -> int:
        return self.subject.inspector.remaining(self.order, self.batches[index])

    def unchanged(self, index: int = 0) -> int:
        return self.subject.inspector.unchanged(self.order, self.batches[index])

    def set_aside(self, index: int = 0) -> int:
        return self.subject.inspector.set_aside(self.order, self.batches[index])

    def leftovers(self, index: int = 0) -> int:
        return self.subject.inspector.leftovers(self.order, self.batches[index])


def keys_of(store: Store, collection: Collection, located: pa.Table, *, size: int) -> pa.Table:
    """The keys of located records, which are sorted before, as whoever plans does."""
    by = [(name, "ascending") for name in (RANK, *store.locators(collection)) if name in located.column_names]
    return pa.concat_tables(store.batch_keys(collection, [located.sort_by(by)], size=size))


def read_all(subject: Subject, collection: Collection | None = None) -> pa.Table:
    found = collection or subject.collection
    return pa.Table.from_batches(list(subject.store.read(found, fields=subject.name_fields, bound=True)))


def names_of(subject: Subject, table: pa.Table) -> list[str]:
    return ["|".join(row[name] or "" for name in subject.name_columns) for row in table.to_pylist()]


def work(
    subject: Subject, *, chosen: Names[str] | None = None, act: Act = Act.ERASE, size: int = 2, whole: bool = False
) -> Work:
    """Plan an act on the records of these names, by default on every second one."""
    collection = subject.collection
    table = read_all(subject, collection)
    names = names_of(subject, table)
    wanted = subject.chosen(names, chosen)
    planned = table.filter(pa.array([name in wanted for name in names]))
    keys, method = subject.planned_keys(collection, planned, act, size=size)
    locators = [tuple(row[column] for column in subject.store.locators(collection)) for row in table.to_pylist()]
    by_locator = dict(zip(locators, names, strict=True))
    batches = tuple(split([keys]))
    asked = subject.store.method(collection, act, whole=whole)
    found = method or asked
    assert isinstance(found, Method)
    count = sum(batch.records for batch in batches)
    order = Order(
        id=OrderId(f"order-{secrets.token_hex(6)}"),
        collection=subject.ref,
        label="all",
        act=act,
        method=found,
        selection=Selection("manifest", "0" * 64, count, tuple(batch.digest for batch in batches)),
        level=0,
        record_count_max=count,
        fields=subject.minimise_fields if act is Act.MINIMISE else (),
        generalised=subject.parts if act is Act.MINIMISE else (),
    )
    return Work(
        subject,
        order,
        batches,
        tuple(frozenset(by_locator[found] for found in subject.located(batch)) for batch in batches),
    )
