"""One batch's objects in escrow, where there is no journal to say which file is the true one.

A file is true when it opens for this very batch, and its objects have the digests of the plan. So it does not matter
which of several it is, and an attempt that was killed is gone on with.
"""

import hashlib
from collections.abc import Iterable, Iterator

from winddown.archive.escrow import Escrow
from winddown.archive.objects import Heading, as_records, from_records
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Order
from winddown.stores.objects.present import is_true_name


class EscrowedObjects:
    """The files of one batch of one order; whoever changes them has the order's turn."""

    def __init__(self, escrow: Escrow, order: Order, batch: Batch) -> None:
        self._escrow, self._order, self._batch = escrow, order, batch

    def names(self) -> tuple[str, ...]:
        """All files of the batch, unfinished ones included."""
        return self._escrow.names(self._order.id, self._batch.index)

    def true_name(self) -> str:
        """A file that is true; "" without one. Reads it whole."""
        return next((name for name in self.names() if is_true_name(name) and self._is_true(name)), "")

    def lay_down(self, objects: Iterable[tuple[Heading, Iterable[bytes]]]) -> str:
        """Write objects, make them durable, read them back; returns the file's name.

        Raises:
            Residual: what was read back is not what was planned; nothing of it is kept.
        """
        with self._escrow.written(self._order.id, self._batch, as_records(objects)) as attempt:
            name = attempt.keep()
        if not self._is_true(name):
            self._escrow.destroy(self._order.id, [name])
            raise Residual(
                f"order {self._order.id} batch {self._batch.index}: what was read back from the escrow is not what was "
                "planned",
                rule="copy first",
                next_step="look at the workspace's disk",
            )
        return name

    def objects(self, name: str) -> Iterator[tuple[Heading, Iterator[bytes]]]:
        """Yield the objects of a file in the order of the batch's keys, each with its content in pieces."""
        return from_records(self._escrow.records(self._order.id, self._batch, name))

    def destroy(self) -> int:
        """Destroy all files of the batch; returns how many there were."""
        names = self.names()
        self._escrow.destroy(self._order.id, names)
        return len(names)

    def _is_true(self, name: str) -> bool:
        found = []
        try:
            for heading, pieces in self.objects(name):
                hasher = hashlib.sha256()
                for piece in pieces:
                    hasher.update(piece)
                found.append((heading["number"], hasher.hexdigest()))
        except Refused:
            return False
        return found == list(enumerate(self._batch.keys.column(CONTENT).to_pylist()))
