"""Objects in escrow, decrypted and hashed once more, whichever file of the batch opens."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from winddown.archive.escrow import Escrow
from winddown.archive.objects import from_records
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused
from winddown.domain.plan import Order


def held(escrow: Escrow, order: Order, batch: Batch) -> frozenset[int]:
    """Numbers of the keys whose planned content is in a file of the batch."""
    wanted = batch.keys.column(CONTENT).to_pylist()
    found: set[int] = set()
    for name in escrow.names(order.id, batch.index):
        try:
            for heading, pieces in from_records(escrow.records(order.id, batch, name)):
                hasher = hashlib.sha256()
                for piece in pieces:
                    hasher.update(piece)
                if hasher.hexdigest() == wanted[heading["number"]]:
                    found.add(heading["number"])
        except Refused:
            continue
    return frozenset(found)


def contents(escrow: Escrow, order: Order, batch: Batch) -> Iterator[Iterator[bytes]]:
    """Yield the planned content of each key, in pieces that are to be taken before the next one is asked for.

    Yields nothing when no file of the batch opens.
    """
    for name in escrow.names(order.id, batch.index):
        if escrow.is_whole(order.id, batch, name):
            for _, pieces in from_records(escrow.records(order.id, batch, name)):
                yield pieces
            return


@contextmanager
def as_file(escrow: Escrow, pieces: Iterator[bytes]) -> Iterator[BinaryIO]:
    """A content as a seekable file: on the workspace's disk, encrypted once more, for as long as it is open."""
    with escrow.spool() as spool:
        for piece in pieces:
            spool.write(piece)
        spool.finish()
        with spool.opened() as file:
            yield file
