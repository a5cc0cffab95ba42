"""A store whose reads are tried again when the world fails. Same interface; effects go through exactly once.

Only Transient is retried: Refused and Residual are answers. Effects are never retried here, because the store spends
the authorization before it acts: a second attempt with the same one is refused, and would hide the first failure
behind that refusal. Whoever performs effects locates the batch and asks for a new authorization (``stages.effects``).

A stream (``read``, ``fetch``, ``content``) is retried until its first piece came. Afterwards a failure is passed on,
since a second run may yield another order of records and would repeat what the caller already has.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa

from winddown.domain.authorization import Authorization
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import (
    Discovery,
    Document,
    Notes,
    Store,
    Strain,
    SupportsBucketDeletion,
    SupportsContent,
    SupportsDocuments,
    SupportsFreeze,
    SupportsKeyDestruction,
    SupportsReport,
    SupportsSanitise,
    SupportsSideBySide,
    SupportsStorageOnly,
    SupportsStrain,
    SupportsSurvivors,
    SupportsVersions,
    SupportsWholeTables,
    Survivors,
    WholeTables,
    ability,
)

Value = TypeVar("Value")
_DOUBLINGS_MAX = 32


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts: ``first_seconds``, doubled each time, never more than ``cap_seconds``.

    >>> [Backoff(sleep=print, first_seconds=1, cap_seconds=5).wait_seconds(failed) for failed in (1, 2, 3, 4)]
    [1.0, 2.0, 4.0, 5]
    """

    sleep: Callable[[float], None]
    attempts: int = 4
    first_seconds: float = 0.5
    cap_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_seconds < 0 or self.cap_seconds < self.first_seconds:
            raise Refused("a backoff needs at least one attempt, and a cap that is no shorter than its first wait")

    def wait_seconds(self, failed: int) -> float:
        """Seconds to wait after this many failures in a row, counted from 1."""
        return min(self.cap_seconds, self.first_seconds * 2.0 ** min(failed - 1, _DOUBLINGS_MAX))

    def run(self, attempt: Callable[[], Value]) -> Value:
        """Call until it returns; the last Transient is passed on, anything else at once."""
        for failed in range(1, self.attempts):
            try:
                return attempt()
            except Transient:
                self.sleep(self.wait_seconds(failed))
        return attempt()

    def stream(self, start: Callable[[], Iterator[Value]]) -> Iterator[Value]:
        """Yield what ``start`` yields; it is started again only as long as nothing came of it."""

        def opened() -> tuple[list[Value], Iterator[Value]]:
            pieces = iter(start())
            return list(islice(pieces, 1)), pieces

        first, rest = self.run(opened)
        yield from first
        yield from rest


class RetryingStore:
    """Wraps a store and retries its reads."""

    def __init__(self, store: Store, *, backoff: Backoff) -> None:
        self.name = store.name
        self._store = store
        self._backoff = backoff

    def discover(self) -> Discovery:
        """Retried as a whole."""
        return self._backoff.run(self._store.discover)

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Retried until the first piece."""
        return self._backoff.stream(lambda: self._store.read(collection, fields=fields, bound=bound))

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Retried until the first piece."""
        return self._backoff.stream(lambda: self._store.cells(collection))

    def locators(self, collection: Collection) -> tuple[str, ...]:
        """Asks nobody, so it is not retried."""
        return self._store.locators(collection)

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """Retried until the first piece: a store may list versions for it. What is located has to be read anew then."""
        if iter(located) is located:
            raise TypeError("located records that can be read once cannot be tried again")
        return self._backoff.stream(lambda: self._store.batch_keys(collection, located, size=size))

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Retried until the first piece."""
        return self._backoff.stream(lambda: self._store.fetch(collection, batch, fields=fields))

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """Asks nobody, so it is not retried."""
        return self._store.method(collection, act, whole=whole)

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Retried."""
        return self._backoff.run(lambda: self._store.locate(order, batch))

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._store.quarantine(authorization, order, batch)

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._store.restore(authorization, order, batch)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._store.purge(authorization, order, batch)

    def ability(self, protocol: type[Any]) -> Any | None:
        """Return the ability with its reads retried; None when the store lacks it or this layer does not know it."""
        inner = ability(self._store, protocol)
        layer = LAYERS.get(protocol)
        return layer(inner, self._backoff) if inner is not None and layer is not None else None


class RetryingFreeze:
    """Retries only what reads."""

    def __init__(self, inner: SupportsFreeze, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """Retried."""
        return self._backoff.run(lambda: self._inner.remember_writers(collections, earlier))

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._inner.freeze(authorization, remembered)

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._inner.thaw(authorization, remembered)


class RetryingStorageOnly(RetryingFreeze):
    """Retries only what reads."""

    def __init__(self, inner: SupportsStorageOnly, backoff: Backoff) -> None:
        super().__init__(inner, backoff)
        self._reading = inner

    def remember_readers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """Retried."""
        return self._backoff.run(lambda: self._reading.remember_readers(collections, earlier))


class RetryingSanitise:
    """Retries nothing; declared, so that the effect is seen to go through once."""

    def __init__(self, inner: SupportsSanitise, backoff: Backoff) -> None:  # noqa: ARG002 - every layer is built alike
        self._inner = inner

    def sanitise(
        self, authorization: Authorization, collections: Sequence[CollectionRef], *, settled: Sequence[OrderId] = ()
    ) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._inner.sanitise(authorization, collections, settled=settled)


class RetryingBucketDeletion:
    """Retries only what reads."""

    def __init__(self, inner: SupportsBucketDeletion, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def bucket_made(self) -> str:
        """Retried."""
        return self._backoff.run(self._inner.bucket_made)

    def delete_bucket(self, authorization: Authorization, *, made: str) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._inner.delete_bucket(authorization, made=made)


class RetryingKeyDestruction:
    """Retries only what reads."""

    def __init__(self, inner: SupportsKeyDestruction, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def key_fingerprint(self) -> str:
        """Retried."""
        return self._backoff.run(self._inner.key_fingerprint)

    def not_under_key(self) -> int:
        """Retried."""
        return self._backoff.run(self._inner.not_under_key)

    def destroy_key(self, authorization: Authorization, *, fingerprint: str) -> Receipt:
        """Once: a repeat needs a new authorization."""
        return self._inner.destroy_key(authorization, fingerprint=fingerprint)


class RetryingContent:
    """Retries the opening of a stream."""

    def __init__(self, inner: SupportsContent, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def content(self, collection: Collection) -> Iterator[bytes]:
        """Retried until the first piece."""
        return self._backoff.stream(lambda: self._inner.content(collection))


class RetryingReport:
    """Retries a look by report."""

    def __init__(self, inner: SupportsReport, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def discover_reported(self) -> Discovery | None:
        """Retried as a whole."""
        return self._backoff.run(self._inner.discover_reported)


class RetryingStrain:
    """Retries the question."""

    def __init__(self, inner: SupportsStrain, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def strain(self) -> Strain:
        """Retried."""
        return self._backoff.run(self._inner.strain)


class RetryingSideBySide:
    """Retries the question."""

    def __init__(self, inner: SupportsSideBySide, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def side_by_side(self, order: Order) -> int:
        """Retried."""
        return self._backoff.run(lambda: self._inner.side_by_side(order))


class RetryingVersions:
    """Retries the opening of a stream of older rows."""

    def __init__(self, inner: SupportsVersions, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def older(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Retried until the first batch."""
        return self._backoff.stream(lambda: self._inner.older(collection))


class RetryingDocuments:
    """Retries the opening of a stream of documents."""

    def __init__(self, inner: SupportsDocuments, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def documents(self, collection: Collection, notes: Notes) -> Iterator[Document]:
        """Retried until the first document."""
        return self._backoff.stream(lambda: self._inner.documents(collection, notes))


class RetryingWholeTables:
    """Retries the look at what could go whole."""

    def __init__(self, inner: SupportsWholeTables, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def whole_tables(self, collection: Collection, located: pa.Table, *, whole: bool) -> WholeTables:
        """Retried as a whole."""
        return self._backoff.run(lambda: self._inner.whole_tables(collection, located, whole=whole))


class RetryingSurvivors:
    """Retries the look at what it would mean to keep what stays."""

    def __init__(self, inner: SupportsSurvivors, backoff: Backoff) -> None:
        self._inner = inner
        self._backoff = backoff

    def survivors(self, collection: Collection, *, going: int) -> Survivors:
        """Retried as a whole."""
        return self._backoff.run(lambda: self._inner.survivors(collection, going=going))


# Ability → the form in which it shows through; what is not listed does not.
LAYERS: dict[type[Any], Callable[[Any, Backoff], Any]] = {
    SupportsFreeze: RetryingFreeze,
    SupportsStorageOnly: RetryingStorageOnly,
    SupportsSanitise: RetryingSanitise,
    SupportsBucketDeletion: RetryingBucketDeletion,
    SupportsKeyDestruction: RetryingKeyDestruction,
    SupportsContent: RetryingContent,
    SupportsReport: RetryingReport,
    SupportsStrain: RetryingStrain,
    SupportsSideBySide: RetryingSideBySide,
    SupportsVersions: RetryingVersions,
    SupportsDocuments: RetryingDocuments,
    SupportsWholeTables: RetryingWholeTables,
    SupportsSurvivors: RetryingSurvivors,
}
