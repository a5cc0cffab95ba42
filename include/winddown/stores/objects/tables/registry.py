"""The kinds of tables that are read, and what is known and done of each alike."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.inventory import CollectionRef, Field
from winddown.domain.plan import OrderId
from winddown.stores.objects.deleting import Deletion
from winddown.stores.objects.gathering import folder_of, prefix_of
from winddown.stores.objects.located import Stated
from winddown.stores.objects.tables.catalogue import OpenCatalogue
from winddown.stores.objects.tables.changes import Leaving, Returning, Taker
from winddown.stores.objects.tables.delta import DeltaTable
from winddown.stores.objects.tables.iceberg import IcebergTable
from winddown.stores.objects.tables.roots import FOLDERS, Kind, mark_of
from winddown.stores.objects.versions import Version, by_key


class SeenTable(Protocol):
    """A table at one moment. Paths are those below its folder."""

    @property
    def prefix(self) -> str:
        """What the keys of its objects begin with."""
        ...

    @property
    def histories(self) -> Mapping[str, list[Version]]:
        """Every version of every object in the table's folder, by key, the latest first."""
        ...

    @property
    def fields(self) -> tuple[Field, ...]:
        """The table's fields, those of partitions included."""
        ...

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why it cannot be read, in words; none when it can."""
        ...

    def live(self) -> dict[str, Version | None]:
        """The Parquet files that make the table by their paths, each as it is listed; None for one that is missing."""
        ...

    def missing(self) -> int:
        """Number of files that make the table and are not there, or not of the size that is stated for them."""
        ...

    def stated(self, path: str) -> Stated:
        """Values that stand outside of a live file and are the same in all of its rows."""
        ...

    def set_aside(self, path: str, order: OrderId, *, rows: int) -> str | None:
        """Path of what took a file's place when this order took ``rows`` rows out, "" for nothing; None if it did not.

        Whether it is still there is not looked at.
        """
        ...

    def action(self, path: str) -> str:
        """What a manifest has to say of a live file, as JSON."""
        ...

    def past(self) -> list[Version]:
        """Every version of files of rows that does not make the table and that no order has set aside."""
        ...

    def words(self) -> str:
        """What it is."""
        ...


class Table(Protocol):
    """A table in a bucket. What is seen is its own kind's."""

    ref: CollectionRef

    def look(self) -> Any:
        """List and read it; returns a ``SeenTable``. Raises Unreadable."""
        ...

    def is_history(self, key: str) -> bool:
        """Whether an object tells of the table instead of holding rows."""
        ...

    def old_history(self, seen: Any) -> list[Version]:
        """Every version of what tells of the table, as far as a purge has to be told of it before.

        Raises Refused where some of the table's past lies elsewhere.
        """
        ...

    def stated_in(self, action: str) -> Stated:
        """What ``stated`` said of a file when a manifest was made."""
        ...

    def open(self, version: Version) -> BinaryIO:
        """A version as a seekable file."""
        ...

    def listed(self, keys: Iterable[str]) -> list[Version]:
        """Every version of these objects, listed anew."""
        ...

    def is_named(self, seen: Any, paths: Collection[str]) -> bool:
        """Whether any version of what tells of the table still names one of these files, e.g. in statistics."""
        ...

    def take_out(self, seen: Any, leaving: Sequence[Leaving], *, by: Taker) -> bool:
        """Commit a version without these files; False when somebody else wrote one meanwhile."""
        ...

    def put_back(self, seen: Any, returning: Sequence[Returning], *, by: Taker) -> bool:
        """Commit a version with these files; False when somebody else wrote one meanwhile."""
        ...

    def tidy(self, deletion: Deletion, paths: Collection[str], *, by: Taker) -> bool:
        """Delete files of ours that nothing needs any more; False when the service keeps some."""
        ...

    def end_history(
        self,
        deletion: Deletion,
        *,
        without: Collection[str],
        known: Collection[tuple[str, str]],
        by: Taker,
    ) -> int:
        """Let the table say nothing but what counts now, and delete every version of what said more.

        ``without`` are the files that were taken out by ``by`` and are gone; ``known`` is what ``old_history`` told
        when the plan was made, as keys and versions. Returns how many versions were deleted.

        Raises:
            Transient: others write to the table without end.
            Residual: the service keeps some of it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tables:
    """Makes tables of one bucket.

    Args:
        catalogue: opens the catalogue of its Iceberg tables; None where none is declared.
    """

    store: str
    bucket: str
    catalogue: OpenCatalogue | None

    def of(self, client: Any) -> Callable[[CollectionRef, str], Table]:
        """A table by its collection and kind, as a client that reads sees it."""

        def table(ref: CollectionRef, kind: str) -> Table:
            return self._delta(client, ref) if kind == Kind.DELTA else self._iceberg(client, ref, None)

        return table

    def planned(self, client: Any, ref: CollectionRef, batch: Batch, *, power: Power | None) -> Table:
        """The table whose files a batch names; its catalogue is opened with the credential of ``power``."""
        if kind_of(batch) is Kind.DELTA:
            return self._delta(client, ref)
        return self._iceberg(client, ref, power, uuid=_told(batch)["uuid"])

    def are_registered(self, client: Any, ref: CollectionRef) -> bool:
        """Whether a catalogue knows an Iceberg table in this folder."""
        return self._iceberg(client, ref, None).is_registered()

    def _delta(self, client: Any, ref: CollectionRef) -> DeltaTable:
        return DeltaTable(self.store, client, self.bucket, ref=ref)

    def _iceberg(self, client: Any, ref: CollectionRef, power: Power | None, *, uuid: str = "") -> IcebergTable:
        catalogue = None if self.catalogue is None else self.catalogue(power, client)
        return IcebergTable(self.store, client, self.bucket, ref=ref, catalogue=catalogue, uuid=uuid)


def is_table(client: Any, bucket: str, ref: CollectionRef) -> bool:
    """Whether a table begins in a folder."""
    names = (history[0].key for mark in FOLDERS for history in by_key(client, bucket, prefix_of(ref) + mark))
    return any(found is not None and found[0] == folder_of(ref) for found in map(mark_of, names))


def kind_of(batch: Batch) -> Kind:
    """Of which kind the table is whose files a batch names."""
    return Kind(_told(batch).get("table-format", Kind.DELTA))


def _told(batch: Batch) -> dict[str, Any]:
    """What the table said of the batch's first file."""
    found: dict[str, Any] = json.loads(batch.keys.column("action")[0].as_py())
    return found
