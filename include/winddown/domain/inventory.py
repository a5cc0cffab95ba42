"""What the company holds: stores, collections, fields, keys, relations, sizes."""

from dataclasses import dataclass
from enum import StrEnum

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused


@dataclass(frozen=True, slots=True, order=True)
class CollectionRef:
    """Names one collection in one store, written ``store:collection``.

    >>> str(CollectionRef.parse("shop_db:shop.customers"))
    'shop_db:shop.customers'
    """

    store: str
    name: str

    def __post_init__(self) -> None:
        if not self.store or not self.name or ":" in self.store:
            raise Refused(f"collection {self.store!r}:{self.name!r} is not of the form store:collection")

    @classmethod
    def parse(cls, text: str) -> "CollectionRef":
        """Read ``store:collection``; raises Refused on anything else."""
        store, _, name = text.partition(":")
        return cls(store, name)

    def __str__(self) -> str:
        return f"{self.store}:{self.name}"


class Medium(StrEnum):
    """How a collection holds its records."""

    TABLE = "table"  # rows of a database table
    ROW_FILES = "row_files"  # rows inside files or objects
    OBJECTS = "objects"  # opaque objects; one object is one record


@dataclass(frozen=True, slots=True)
class Field:
    """A column or attribute.

    Attributes:
        type: the store's own name of the type.
        tied: what the store may refuse an empty value for, in words; "" when nothing is known.
        computed_from: the fields that the store computes this one from; it loses its value only with all of them.
    """

    name: str
    type: str
    nullable: bool
    comment: str = ""
    tied: str = ""
    computed_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A relation that the store's catalogue declares."""

    fields: tuple[str, ...]
    target: CollectionRef
    target_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection as it was found.

    Attributes:
        format: ``table``, ``parquet``, ``csv``, ``jsonl.gz`` or ``opaque``; found by content, not by name.
        key: fields of the primary key; empty for files.
        record_count: rows, or objects for opaque ones; -1 when it could not be counted.
        byte_count: bytes of all live data (bytes, not blocks).
        version_count: versions and delete markers of all objects; 0 for tables.
        fingerprint: digest over schema and, for objects, over every key's versions and ETags. Another fingerprint
            means that the plan is stale.
        change_mark: what the store says of writes to the collection; the same mark later means that none came between.
            "" where the store cannot tell. Keyed with the case's key in an inventory.
    """

    ref: CollectionRef
    medium: Medium
    format: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    foreign_keys: tuple[ForeignKey, ...]
    record_count: int
    byte_count: int
    version_count: int
    fingerprint: str
    comment: str = ""
    change_mark: str = ""

    def field_names(self) -> tuple[str, ...]:
        """Names of all fields in the store's order."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """What a store says of itself or of a collection beside records and fields, e.g. who may read it, or its region.

    Attributes:
        subject: the store, or ``store:collection``.
        name: one of a fixed set of words per kind of store, e.g. ``readers`` or ``region``.
        value: words, names or counts; never a value of a record.
    """

    subject: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """A snapshot of every declared store; what could not be read is a blocker, never an omission."""

    collections: tuple[Collection, ...]
    blockers: tuple[Blocker, ...]
    facts: tuple[Fact, ...] = ()
    identities: tuple[tuple[str, str], ...] = ()

    def identity(self, store: str) -> str:
        """What tells the system behind a store from any other that may answer in its place; "" when unknown."""
        return dict(self.identities).get(store, "")

    def collection(self, ref: CollectionRef) -> Collection | None:
        """Return the collection with this name, or None when the snapshot does not have it."""
        return next((found for found in self.collections if found.ref == ref), None)

    def collection_named(self, name: str) -> Collection | None:
        """Return the collection written ``store:collection``, or None."""
        return next((found for found in self.collections if str(found.ref) == name), None)

    def blockers_of(self, ref: CollectionRef) -> tuple[Blocker, ...]:
        """All blockers that stop this collection as a whole, its store's included."""
        return tuple(blocker for blocker in self.blockers if blocker.covers(str(ref)))
