"""What stays of a table's file without some of its rows, in an encrypted temporary file; memory for a piece of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from winddown.archive.spool import Spool
from winddown.domain.plan import OrderId
from winddown.stores.objects import formats
from winddown.stores.objects.formats import parquet
from winddown.stores.objects.formats.change import Change
from winddown.stores.objects.naming import Key
from winddown.stores.objects.standing import DIGEST, ORDER, SOURCE


@dataclass(frozen=True, slots=True)
class Survivors:
    """What stays of a file without some of its rows.

    Attributes:
        body: the new content, complete.
        rows: how many rows are in it.
        digest: its SHA-256 in hex.
    """

    body: Spool
    rows: int
    digest: str

    def marks(self, key: Key, *, order_id: OrderId) -> dict[str, str]:
        """Metadata that say whose work the new content is."""
        return {ORDER: order_id, SOURCE: key["version"].strip('"'), DIGEST: self.digest}


@contextmanager
def survivors_of(source: BinaryIO, key: Key, *, spool: Callable[[], Spool]) -> Iterator[Survivors]:
    """Take the key's rows out of its planned version, which is ``source``."""
    with spool() as body:
        outcome = formats.rewrite(parquet.ID, source, cast("BinaryIO", body), Change.of(key["rows"]))
        yield Survivors(body, outcome.survivors, body.finish())
