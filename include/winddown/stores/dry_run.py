"""A store that says what each effect would do, and does none of them. Same interface; reading goes straight through.

No authorization is spent, so none is checked either: a dry run answers "what would happen to these records", never
"would it be allowed". Receipts carry ``("dry_run", "true")`` and must not close an intent in the ledger. An ability
shows through only in a form that this module declares, so that none can perform its real effect by accident.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from winddown.domain.authorization import Authorization
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import (
    Discovery,
    Store,
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
    ability,
)

_MARK = ("dry_run", "true")


class DryRunStore:
    """Wraps a store and performs no effect of it."""

    def __init__(self, store: Store) -> None:
        self.name = store.name
        self._store = store

    def discover(self) -> Discovery:
        """As the store does."""
        return self._store.discover()

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """As the store does."""
        return self._store.read(collection, fields=fields, bound=bound)

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """As the store does."""
        return self._store.cells(collection)

    def locators(self, collection: Collection) -> tuple[str, ...]:
        """As the store does."""
        return self._store.locators(collection)

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """As the store does."""
        return self._store.batch_keys(collection, located, size=size)

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """As the store does."""
        return self._store.fetch(collection, batch, fields=fields)

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """As the store does."""
        return self._store.method(collection, act, whole=whole)

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """As the store does: a dry run never moves anything, so a later step finds what is really there."""
        return self._store.locate(order, batch)

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """The receipt of a quarantine; raises Refused when records of the batch are not there any more."""
        where = self._store.locate(order, batch)
        if where not in {Whereabouts.LIVE, Whereabouts.QUARANTINED}:
            raise Refused(
                f"dry run: order {order.id} batch {batch.index} is {where}, so it would be refused",
                rule="an approved order may shrink only by a new plan",
                next_step="plan again",
            )
        return Receipt("quarantine", order.id, batch.index, batch.records, (("method", order.method.value), _MARK))

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """The receipt of a restore; raises Residual when the batch could not be brought back whole."""
        where = self._store.locate(order, batch)
        if where not in {Whereabouts.LIVE, Whereabouts.QUARANTINED}:
            raise Residual(f"dry run: order {order.id} batch {batch.index} is {where} and would not come back whole")
        return Receipt("restore", order.id, batch.index, batch.records, (_MARK,))

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """The receipt of a purge; raises Refused when the batch is not in quarantine, so before any real one."""
        where = self._store.locate(order, batch)
        if where not in {Whereabouts.QUARANTINED, Whereabouts.GONE}:
            raise Refused(
                f"dry run: order {order.id} batch {batch.index} is {where}, so its purge would be refused",
                rule="quarantine before purge",
            )
        return Receipt("purge", order.id, batch.index, batch.records, (_MARK,))

    def ability(self, protocol: type[Any]) -> Any | None:
        """Return the ability without its effects; None when the store lacks it or this layer does not know it."""
        inner = ability(self._store, protocol)
        layer = LAYERS.get(protocol)
        return layer(inner) if inner is not None and layer is not None else None


class DryFreeze:
    """Freezes nothing."""

    def __init__(self, inner: SupportsFreeze) -> None:
        self._inner = inner

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """As the store does; it only reads."""
        return self._inner.remember_writers(collections, earlier)

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:  # noqa: ARG002
        """The receipt of a freeze that the store can do; whether it really can is only known by doing it."""
        return _marked(remembered)

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:  # noqa: ARG002
        """The receipt of a thaw."""
        return _marked(remembered)


class DryStorageOnly(DryFreeze):
    """Withdraws nothing."""

    def __init__(self, inner: SupportsStorageOnly) -> None:
        super().__init__(inner)
        self._reading = inner

    def remember_readers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """As the store does; it only reads."""
        return self._reading.remember_readers(collections, earlier)


class DrySanitise:
    """Rewrites nothing."""

    def __init__(self, inner: SupportsSanitise) -> None:
        self._inner = inner

    def sanitise(
        self,
        authorization: Authorization,
        collections: Sequence[CollectionRef],
        *,
        settled: Sequence[OrderId] = (),  # noqa: ARG002
    ) -> Receipt:
        """The receipt of a sanitise, without any claim."""
        return Receipt("sanitise", authorization.store, 0, len(collections), (_MARK,))


class DryBucketDeletion:
    """Deletes nothing."""

    def __init__(self, inner: SupportsBucketDeletion) -> None:
        self._inner = inner

    def bucket_made(self) -> str:
        """As the store does; it only reads."""
        return self._inner.bucket_made()

    def delete_bucket(self, authorization: Authorization, *, made: str) -> Receipt:  # noqa: ARG002
        """The receipt of a deletion; what is in the bucket goes before, so it is not looked at."""
        return Receipt("sanitise", authorization.store, 0, 1, (_MARK,))


class DryKeyDestruction:
    """Destroys nothing."""

    def __init__(self, inner: SupportsKeyDestruction) -> None:
        self._inner = inner

    def key_fingerprint(self) -> str:
        """As the store does; it only reads."""
        return self._inner.key_fingerprint()

    def not_under_key(self) -> int:
        """As the store does; it only reads."""
        return self._inner.not_under_key()

    def destroy_key(self, authorization: Authorization, *, fingerprint: str) -> Receipt:  # noqa: ARG002
        """The receipt of a destruction, of whatever key."""
        return Receipt("sanitise", authorization.store, 0, 1, (_MARK,))


def _as_it_is(inner: Any) -> Any:
    """Hand the ability through: reading changes nothing."""
    return inner


# Ability → the form in which it shows through; what is not listed does not.
LAYERS: dict[type[Any], Callable[[Any], Any]] = {
    SupportsFreeze: DryFreeze,
    SupportsStorageOnly: DryStorageOnly,
    SupportsSanitise: DrySanitise,
    SupportsBucketDeletion: DryBucketDeletion,
    SupportsKeyDestruction: DryKeyDestruction,
    SupportsContent: _as_it_is,
    SupportsReport: _as_it_is,
    SupportsStrain: _as_it_is,
    SupportsSideBySide: _as_it_is,
    SupportsVersions: _as_it_is,
    SupportsDocuments: _as_it_is,
    SupportsWholeTables: _as_it_is,
    SupportsSurvivors: _as_it_is,
}


def _marked(receipt: Receipt) -> Receipt:
    return Receipt(receipt.power, receipt.target, receipt.batch, receipt.records, (*receipt.details, _MARK))
