"""The protocols between the stages and the world. Adapters implement them; nothing here does anything.

Effectful methods take an :class:`Authorization`, which the adapter exchanges for a credential; the exchange spends it.
Every effect is idempotent: repeating it reaches the same state and reports the same number of records.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

import pyarrow as pa

from winddown.domain.authorization import Authorization
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection, CollectionRef, Fact
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts

CUT, UNREAD, AGAIN = b"cut", b"unread", b"again"


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...


class Notifier(Protocol):
    """Tells people something, in counts, ids and dates; never personal data."""

    def tell(self, subject: str, lines: tuple[str, ...]) -> None:
        """Tell it once. Raises Transient when nobody could be reached."""
        ...


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one store holds, and what of it could not be read.

    Attributes:
        identity: what tells this system from any other that might answer under the same connection; effects compare
            it in their own session. A store without effects may leave it empty.
    """

    collections: tuple[Collection, ...]
    blockers: tuple[Blocker, ...]
    facts: tuple[Fact, ...] = ()
    identity: str = ""


class Store(Protocol):
    """A system holding data. Reading needs no authorization; every effect does."""

    name: str

    def discover(self) -> Discovery:
        """List every collection of the store. A store that is down raises Transient, one that refuses us Refused."""
        ...

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield every record, locator columns first (see ``locators``), then ``fields`` (all when None).

        With ``bound``, a column ``CONTENT`` at the end binds each record's content, in the same snapshot. A store
        whose locators do that already, by naming versions, has no such column. Memory is bounded by one batch of some
        ten thousand records or one object.
        """
        ...

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield every field of every record for classification: no locators, typed where the store has the type.

        Memory is bounded as for ``read``. A value too long for that is handed out by its beginning; then the field's
        metadata in that batch says under ``CUT`` how many were. Raises Refused rather than yield a part of a
        collection that was altered meanwhile.

        Opaque objects have no fields: of them, what their contents say is yielded, a batch for each of ``text``,
        ``gps`` and the like, and a last one without rows, whose schema says under ``UNREAD`` as JSON what was not
        read, and how many of it.
        """
        ...

    def locators(self, collection: Collection) -> tuple[str, ...]:
        """Names of the columns that name a record in what ``read`` yields; empty when records cannot be named."""
        ...

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """Turn located records into the keys of a manifest: key columns, ``CONTENT``, and an int32 column ``batch``.

        ``located`` can be read again, a table's in the order of ``RANK``, if any, and the locators. Keys come batch by
        batch, ``CONTENT`` as it comes, of some ``size`` records each: no object is split, no rank below one before.
        """
        ...

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the records that a batch names, as far as they are live and unchanged."""
        ...

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """Choose how this store does an act, or say why it cannot. ``whole``: every record of each object goes."""
        ...

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Where the batch is now; records that changed after they were planned make it MIXED. Reads only."""
        ...

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Take the batch out of use, reversibly; refuses records whose content is not the planned one."""
        ...

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Bring a quarantined batch back exactly as it was."""
        ...

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Destroy what was quarantined. Refuses a batch that is still live."""
        ...


@runtime_checkable
class SupportsFreeze(Protocol):
    """The store can stop writes by applications, reversibly.

    What will be taken is remembered first, outside the store, and only then taken: killed in between, nothing is lost.
    """

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """Return what ``freeze`` would take now, joined with what an earlier freeze took. Reads only."""
        ...

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Take writes away; ``records`` is 0 when the store turned out not to be able to."""
        ...

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Give back exactly what was remembered."""
        ...


@runtime_checkable
class SupportsStorageOnly(SupportsFreeze, Protocol):
    """The store can also stop reads by applications: ``freeze`` and ``thaw`` take what was remembered of readers."""

    def remember_readers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """Return which rights to read ``freeze`` would take now, joined with what it took earlier. Reads only."""
        ...


@runtime_checkable
class SupportsSanitise(Protocol):
    """The store can clear what purged records leave behind in its own files."""

    def sanitise(
        self, authorization: Authorization, collections: Sequence[CollectionRef], *, settled: Sequence[OrderId] = ()
    ) -> Receipt:
        """Rewrite files, logs and statistics. The details name each claim and what is not claimed.

        What a store wrote down for a repeat of ``settled`` orders may go, and of no other: another case may be at it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Strain:
    """How hard a store has it at the moment.

    Attributes:
        waiting: sessions, whoever's, that wait for a lock.
        lag_seconds: how far the replica that is furthest behind is behind; 0 where there is none, or none is told.
    """

    waiting: int
    lag_seconds: float


@runtime_checkable
class SupportsStrain(Protocol):
    """The store can tell whether others suffer."""

    def strain(self) -> Strain:
        """Look at the server as it is now. Reads only."""
        ...


@runtime_checkable
class SupportsSideBySide(Protocol):
    """Batches of an order may be moved and purged at the same time."""

    def side_by_side(self, order: Order) -> int:
        """How many at most: 1 where an order's records refer to one another, so that one batch waits for another."""
        ...


@runtime_checkable
class SupportsReport(Protocol):
    """The store's service can report what it holds, so that a first look needs no listing."""

    def discover_reported(self) -> Discovery | None:
        """As ``discover``, from the report that the case declares; None when it declares none.

        A report is older than the store. What came since then is not in the answer, so nothing is planned by it. One
        that cannot be used is a blocker, and then the discovery has no identity.
        """
        ...


@runtime_checkable
class SupportsVersions(Protocol):
    """The store keeps older versions of what it holds, and purging a record's object destroys them as well."""

    def older(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield all rows of all versions that are not the current one, with locators and every field as text."""
        ...


@dataclass(frozen=True, slots=True)
class WholeTables:
    """Which of a collection's tables or partitions could go as they are, without touching their rows.

    Attributes:
        method: how they would go.
        keys: one row and one batch a table or partition all of whose records go: ``RELATION``, ``RECORDS``,
            ``CONTENT``, what the store itself must know of it, and ``batch``; no rows where nothing can go so.
        rest: located records that do not lie in these.
        of: number of tables or partitions that hold records.
        against: why not more can go so, in words; names in them may be told.
        referred_by: collections whose rows refer to it by a foreign key; while one stays, the table cannot go.
    """

    method: Method
    keys: pa.Table = field(repr=False)
    rest: pa.Table = field(repr=False)
    of: int
    against: tuple[str, ...] = ()
    referred_by: tuple[CollectionRef, ...] = ()


@runtime_checkable
class SupportsWholeTables(Protocol):
    """The store can set a whole table or partition aside, and drop it, in a time that does not grow with it."""

    def whole_tables(self, collection: Collection, located: pa.Table, *, whole: bool) -> WholeTables:
        """Say what could go whole when the located records are to go; ``whole``: they are all that there are.

        ``located`` has the locators and ``CONTENT``. Reads only; of a partitioned table it reads the keys.
        """
        ...


@dataclass(frozen=True, slots=True)
class Survivors:
    """What it would mean to empty a table of most of its records at once, and put back what stays.

    Attributes:
        seconds: about how long nobody could read it.
        against: why it cannot be done, in words; names in them may be told.
    """

    seconds: float
    against: tuple[str, ...] = ()


@runtime_checkable
class SupportsSurvivors(Protocol):
    """The store can empty a table but for what stays of it, by ``Method.KEEP_SURVIVORS``, without deleting each row."""

    def survivors(self, collection: Collection, *, going: int) -> Survivors:
        """Say what it would mean when so many records of a collection go. Reads only, and none of the records."""
        ...


@runtime_checkable
class SupportsContent(Protocol):
    """The store can hand out the content of an opaque object, e.g. of a backup."""

    def content(self, collection: Collection) -> Iterator[bytes]:
        """Yield the content of the collection's newest object by name, in pieces."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """What was found in one object; neither part holds a value.

    Attributes:
        common: what many objects have alike, e.g. their format and fields.
        own: numbers and keyed digests of this one.
    """

    common: bytes
    own: bytes = b""


class Notes(Protocol):
    """What was found in objects earlier, each under a name that no other content may bear.

    Whoever opens notes goes through all objects and then keeps what was met; the rest is forgotten.

    Attributes:
        doubt: name of the file that says that the store's versions prove nothing; it is there since a look contradicted
            an earlier note, until a person deletes it.
        is_doubted: whether it was there when the notes were opened; then nothing is recalled or kept.
    """

    doubt: str
    is_doubted: bool

    def recall(self, name: str) -> Note | None:
        """Return a note; None when there is none, and now and then although there is one, so that it is tried."""
        ...

    def put(self, name: str, note: Note | None) -> None:
        """Note what a look found now; None when it found what is not to be noted, but nothing that passes by itself."""
        ...

    def digest(self, content: bytes) -> bytes:
        """A keyed digest of eight bytes, the same in every process of the case."""
        ...

    def keep(self) -> bool:
        """Keep what was recalled or put; False, and nothing is kept, when the store's versions are doubted by now."""
        ...


@dataclass(frozen=True, slots=True)
class Document:
    """One opaque object of a collection.

    Attributes:
        name: for notes; "" when nothing tells this content from another one that might take its place.
        note: the earlier note; then ``cells`` is empty.
        cells: what the object says, as ``Store.cells`` yields it; to be taken before the next document. A schema that
            has ``AGAIN`` says that another reading may come further, e.g. when there is more time.
    """

    name: str
    note: Note | None
    cells: Iterator[pa.RecordBatch]


@runtime_checkable
class SupportsDocuments(Protocol):
    """The store can tell an opaque object that did not change, so that it need not be read again."""

    def documents(self, collection: Collection, notes: Notes) -> Iterator[Document]:
        """Yield every object of an opaque collection; those that ``notes`` recalls are not read."""
        ...


class Inspector(Protocol):
    """Looks for what should be gone, by another path, with other code and another credential than the store.

    A zero proves nothing by itself: so ``unchanged`` and ``set_aside`` say, before each effect, that the inspector
    does see the records which it will later not find. It may look at an order's first batch, number 0, more thoroughly
    than at the others.
    """

    def identity(self) -> str:
        """The identity of the system that the inspector looks into, in the store's words."""
        ...

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Number of the batch's records that are live exactly as they were planned."""
        ...

    def set_aside(self, order: Order, batch: Batch) -> int:
        """Number of the batch's records that are in quarantine and could be restored whole."""
        ...

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Who may still write to any of the collections, beside owners, superusers and winddown's own; sorted."""
        ...

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Who may still read any of the collections, and by which view, with the exceptions of ``writers``; sorted."""
        ...

    def remaining(self, order: Order, batch: Batch) -> int:
        """Number of the batch's records that are still live in the collection."""
        ...

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Number of traces that the store still holds after a purge: quarantined rows, old versions, markers."""
        ...

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> "ByteSearch":
        """Search the store's raw bytes for values that must be gone.

        ``left_alone`` names collections that stay as they are and so may hold them; where their bytes can be told
        from the rest they are not searched, and ``medium`` says so.
        """
        ...


@dataclass(frozen=True, slots=True)
class ByteSearch:
    """Result of a search in raw bytes. ``where`` names files or object groups, never values.

    Attributes:
        reached: False when the bytes could not be reached; then nothing is claimed.
        unread: files whose content is packed in a way that was not undone, each with what it is.
    """

    reached: bool
    medium: str
    bytes_read: int
    probes: int
    found: int
    where: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@runtime_checkable
class SupportsBucketDeletion(Protocol):
    """The store is a bucket, which may be deleted when nothing is in it any more."""

    def bucket_made(self) -> str:
        """When the bucket was made, as its service says it; "" where it does not say so to us, or there is none."""
        ...

    def delete_bucket(self, authorization: Authorization, *, made: str) -> Receipt:
        """Delete the bucket that was made then; nothing brings it back.

        Raises:
            Refused: it is another bucket.
            Residual: something is in it, in counts.
        """
        ...


@runtime_checkable
class SeesBucket(Protocol):
    """An inspector that can tell whether a bucket of that name is there, whoever it belongs to."""

    def bucket_is_there(self) -> bool:
        """Ask by another call than what deletes, or tells when it was made."""
        ...


@runtime_checkable
class SupportsKeyDestruction(Protocol):
    """The store lies under a key of the company's, without which nobody reads it, and which may be destroyed."""

    def key_fingerprint(self) -> str:
        """What tells the key from any other; "" where the store declares none. Raises Refused where it is no key."""
        ...

    def not_under_key(self) -> int:
        """Number of listed versions of which the service does not say, asked with the key, that they are under it."""
        ...

    def destroy_key(self, authorization: Authorization, *, fingerprint: str) -> Receipt:
        """Destroy the key with this fingerprint; nothing brings it back but a copy of it. Fine where it is gone.

        Raises:
            Refused: it is another key.
        """
        ...


@runtime_checkable
class SeesKey(Protocol):
    """An inspector that can tell whether the key of its store is there, and what it keeps from being read."""

    def key_is_there(self) -> bool:
        """Look where the key was, also for what is left of an attempt to destroy it."""
        ...

    def open_without_key(self) -> int:
        """Number of listed versions that the service does not refuse to somebody who asks without the key."""
        ...

    def listed(self) -> int:
        """Number of versions with a body that the service lists."""
        ...

    def locked(self, order: Order, batch: Batch) -> int:
        """Number of the batch's planned versions that are listed, and that a retention kept from being deleted."""
        ...


class BackupDrill(Protocol):
    """Restores a backup into a scratch database beside its source, so in the source's region."""

    def restore(self, backup: Iterator[bytes], scratch_name: str) -> str:
        """Restore from a stream, leaving nothing on disk outside the database; return a URL to the scratch database."""
        ...

    def drop(self, scratch_name: str) -> None:
        """Remove the scratch database; fine when there is none."""
        ...


Ability = TypeVar("Ability")


@runtime_checkable
class Layered(Protocol):
    """A wrapper around a store; it decides which abilities show through, and in which form."""

    def ability(self, protocol: type[Any]) -> Any | None:
        """Return the ability wrapped by this layer, or None."""
        ...


def ability(store: Store, protocol: type[Ability]) -> Ability | None:
    """Ask a store for an optional ability.

    A plain ``isinstance`` behind a wrapper either loses the ability or performs the real effect in a dry run; so a
    wrapper answers for itself.
    """
    if isinstance(store, Layered):
        found: Ability | None = store.ability(protocol)
        return found
    return store if isinstance(store, protocol) else None
