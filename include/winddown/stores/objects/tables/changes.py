"""What an order asks of a table: files that leave it with what takes their place, and files that return."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from winddown.domain.plan import OrderId
from winddown.stores.objects.versions import Version


@dataclass(frozen=True, slots=True)
class Taker:
    """The batch of an order for which files leave a table."""

    order: OrderId
    batch: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """A file that leaves the table; ``written`` has its other rows, at the path ``survivors``."""

    path: str
    survivors: str = ""
    written: Version | None = None


@dataclass(frozen=True, slots=True)
class Returning:
    """A file that returns.

    Attributes:
        ours: path of the file with its other rows, which leaves; "" for none.
        action: what the manifest says of the file; "" for one that is in the table already.
    """

    path: str
    ours: str = ""
    action: str = ""


def survivors_path(order: OrderId, path: str) -> str:
    """Where an order writes the rows of a file that stay: beside it, under a name that a repeat finds again."""
    name = hashlib.sha256(f"{order}\n{path}".encode()).hexdigest()[:32]
    return str(PurePosixPath(path).with_name(f"winddown-{name}.parquet"))
