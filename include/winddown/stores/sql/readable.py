"""A SQL database that is found, read and classified, and in which nothing is destroyed.

``Source`` is what one engine's module brings; ``ReadableStore`` makes a store of it. Records of such a store can be
sealed for a custodian, because that only reads them; every other act is answered with a blocker, so no order exists
that its effects could serve.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn, Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from winddown.domain.authorization import Authorization
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, Fact
from winddown.domain.plan import Act, Method, Order
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import Discovery
from winddown.stores.sql.limits import kept_engine, kept_relation
from winddown.stores.sql.reading import marked


class Source(Protocol):
    """One database of one engine. Its errors are the product's, without values."""

    title: str

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield everything that the database holds; what cannot be handled is a blocker."""
        ...

    def rows(self, collection: Collection, names: Sequence[str], *, text: bool) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row in bounded batches, read by one statement.

        ``text``: every value whole and as text. Otherwise typed, and long values by their beginning (``reading``).
        Raises Refused when the collection is gone or has other fields than were discovered.
        """
        ...


class ReadableStore:
    """A database of an engine in which nothing is destroyed yet."""

    methods: frozenset[Method] = frozenset()

    def __init__(self, name: str, *, source: Source) -> None:
        self.name = name
        self._source = source

    def discover(self) -> Discovery:
        """List everything; what cannot be handled becomes a blocker."""
        found = list(self._source.discover())
        return Discovery(
            tuple(item for item in found if isinstance(item, Collection)),
            tuple(item for item in found if isinstance(item, Blocker)),
            tuple(item for item in found if isinstance(item, Fact)),
        )

    def read(
        self,
        collection: Collection,
        *,
        fields: Sequence[str] | None = None,
        bound: bool = False,  # noqa: ARG002 - no order is ever made of these records
    ) -> Iterator[pa.RecordBatch]:
        """Yield all rows by one statement: key fields first, all values as text."""
        wanted = collection.field_names() if fields is None else fields
        return self._source.rows(collection, list(dict.fromkeys([*collection.key, *wanted])), text=True)

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield all rows by one statement, typed."""
        return map(marked, self._source.rows(collection, collection.field_names(), text=False))

    def locators(self, collection: Collection) -> tuple[str, ...]:
        """The key's fields."""
        return collection.key

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """Number the batches; there are no contents in their keys."""
        count = 0
        for piece in located:
            numbers = np.arange(count, count + piece.num_rows) // size
            yield piece.select(list(collection.key)).append_column("batch", pa.array(numbers, pa.int32()))
            count += piece.num_rows

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the live rows of a batch, as text, ordered by key; the whole table is read for it."""
        key = list(collection.key)
        wanted = pl.from_arrow(batch.keys.select(key)).cast(pl.String)
        found = [
            pl.from_arrow(part).join(wanted, on=key, how="semi") for part in self.read(collection, fields=list(fields))
        ]
        if found:
            rows = pl.concat(found).sort(key).select(list(fields)).to_arrow()
            yield from rows.cast(pa.schema([(name, pa.string()) for name in fields])).combine_chunks().to_batches()

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:  # noqa: ARG002
        """Always a blocker: nothing is destroyed here."""
        return kept_relation(collection) or kept_engine(collection, self._source.title)

    def locate(self, order: Order, batch: Batch) -> Whereabouts:  # noqa: ARG002
        """Refused: there are no orders here."""
        self._refuse(order)

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """Refused."""
        self._refuse(order)

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """Refused."""
        self._refuse(order)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """Refused."""
        self._refuse(order)

    def _refuse(self, order: Order) -> NoReturn:
        raise Refused(
            f"order {order.id}: nothing is destroyed in store {self.name} ({self._source.title}) yet",
            rule="no order is made for such a store",
            next_step="plan again",
        )
