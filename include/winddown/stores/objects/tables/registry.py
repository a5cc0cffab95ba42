"""The kinds of tables that are read, and what is known of each alike."""

from collections.abc import Mapping
from typing import Any, Protocol

from winddown.domain.inventory import CollectionRef, Field
from winddown.stores.objects.located import Stated
from winddown.stores.objects.tables.delta import DeltaTable
from winddown.stores.objects.tables.iceberg import IcebergTable
from winddown.stores.objects.tables.roots import Kind
from winddown.stores.objects.versions import Version


class SeenTable(Protocol):
    """A table at one moment."""

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

    def past(self) -> list[Version]:
        """Every version of files of rows that does not make the table and that no order has set aside."""
        ...

    def words(self) -> str:
        """What it is."""
        ...


class Table(Protocol):
    """A table in a bucket."""

    def look(self) -> SeenTable:
        """List and read it; raises Unreadable."""
        ...


def table_of(store: str, client: Any, bucket: str, *, ref: CollectionRef, kind: str) -> Table:
    """A table by its kind, which is its collection's format."""
    found = DeltaTable if kind == Kind.DELTA else IcebergTable
    return found(store, client, bucket, ref=ref)
