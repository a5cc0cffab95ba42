"""What a catalogue of Iceberg tables is asked: which metadata of a table counts, and to let another one count."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from winddown.domain.authorization import Power
from winddown.domain.plan import OrderId
from winddown.stores.objects.versions import Version


@dataclass(frozen=True, slots=True)
class Registered:
    """A table as its catalogue has it.

    Attributes:
        name: with its namespaces, points between them.
        location: of the metadata file that counts.
        table: what the catalogue's library knows of it.
    """

    name: str
    uuid: str
    location: str
    table: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Survivors:
    """A file that takes another one's place."""

    location: str
    version: Version


class Catalogue(Protocol):
    """A catalogue, as one client sees it. Locations are those that metadata and manifests state.

    Each change is one commit, which succeeds only when nobody else committed to the table since it was found; it
    returns False otherwise. ``mark`` is what the names of files begin with that are written for it. Raises Transient
    where nobody knows whether it counts.
    """

    def find(self, is_inside: Callable[[str], bool]) -> list[Registered]:
        """Every table whose metadata file lies where ``is_inside`` says."""
        ...

    def take_out(
        self, found: Registered, leaving: Mapping[str, Survivors | None], *, aside: str, mark: str, order: OrderId
    ) -> bool:
        """Take files out of the table, and keep them together under the tag ``aside`` with what it keeps already."""
        ...

    def put_back(
        self, found: Registered, returning: Collection[str], *, aside: str, mark: str, leaving: Collection[str]
    ) -> bool:
        """Put files that ``aside`` keeps into the table again, in place of others."""
        ...

    def expire(self, found: Registered, *, without: str = "") -> bool:
        """Forget every version of the table but the current one and what tags of ours keep, ``without`` one of them."""
        ...

    def forget(self, found: Registered, tag: str) -> bool:
        """Forget a tag of ours, and the version of the table that it keeps."""
        ...


OpenCatalogue = Callable[[Power | None, Any], Catalogue]
"""Opens the catalogue with the credential of a power, or for reading, and what lies in the bucket through a client."""
