"""One batch of whole rows of a database in a file, inside one transaction: how they go into escrow, and come back.

Nobody else can write the file meanwhile. Rows are read and laid down in a file of their own, and deleted by the same
keys and contents when that file is durable. A row in escrow is what its digest is about.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from winddown.archive.escrow import Escrow
from winddown.domain.batch import Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Order
from winddown.stores.sql.copy_then_delete import JOURNAL, CopyThenDelete, Dialect, moved, order_digest
from winddown.stores.sql.escrowed import EscrowedBatch


class RowDialect(Dialect, Protocol):
    """A ``Dialect`` that can take rows out of the engine and put them in again, exactly."""

    def handed_out(self, other: str, condition: str) -> Iterator[bytes]:
        """Rows ``t`` which a row ``k`` of another fits."""
        ...

    def digest(self) -> Callable[[bytes], bytes]:
        """What computes the digest of a row that was handed out, as ``content`` has it."""
        ...

    def insert(self, rows: Iterable[bytes]) -> int:
        """Insert rows that were handed out; return how many."""
        ...


class EscrowedRows(CopyThenDelete):
    """Whole rows go into escrow and come back from it; a ``staged.Turn``, and a ``staged.Look``."""

    def __init__(
        self, dialect: RowDialect, collection: Collection, order: Order, batch: Batch, *, escrow: Escrow | None = None
    ) -> None:
        super().__init__(dialect, collection, order, batch)
        self._rows = dialect
        self._escrowed = None if escrow is None else EscrowedBatch(escrow, order, batch)
        self._name = ""

    def journal(self, state: str) -> None:
        """Write down what is being done and, of rows in escrow, where they are."""
        table = self._dialect.own(JOURNAL)
        self._dialect.execute(f"DELETE FROM {table} WHERE {self._entry()}")
        order_id, name = self._order.id.replace("'", "''"), self._name if state == "quarantined" else ""
        values = f"'{order_digest(self._order)}', {self._batch.index}, '{state}', '{order_id}', '{name}'"
        self._dialect.execute(f"INSERT INTO {table} (order_digest, batch, state, order_id, escrow) VALUES ({values})")

    def set_aside(self) -> int:
        """Write the batch's rows into escrow, then delete them; return how many of them are as they were planned.

        Unless all are, nothing is deleted or in escrow.
        """
        rows = self._rows.handed_out(self._keys(), self._is_planned())
        found, self._name = self._files().lay_down(rows, digest=self._rows.digest())
        if not self._name:
            return found
        return moved(found, self._dialect.execute(self._dialect.deleted(self._keys(), self._is_planned())))

    def put_back(self) -> int:
        """Insert the rows that the journalled file holds; return how many."""
        return self._rows.insert(self._files().rows(self.entry()[1]))

    def destroy(self) -> int:
        """Return how many records go with the journalled file: all, or none when it is not as it was written.

        It is destroyed when the journal no longer names it; see ``over``.
        """
        return self._batch.records if self._files().is_whole(self.entry()[1]) else 0

    def over(self) -> tuple[str, ...]:
        """Files of the batch that are to be destroyed once this transaction is committed."""
        return self._files().over(*self.entry())

    def _files(self) -> EscrowedBatch:
        assert self._escrowed is not None  # noqa: S101 - of a turn
        return self._escrowed


@dataclass(frozen=True, slots=True)
class Cleared:
    """What became of the escrow when a file was sanitised.

    Attributes:
        destroyed: number of files that the journal does not name any more.
        unknown: number of those of batches that it never knew. They are left, because they may be all that there is of
            rows whose journal was lost.
    """

    destroyed: int
    unknown: int

    def left(self) -> list[str]:
        """What stays, in words."""
        return [f"{self.unknown} encrypted files of batches that the journal does not know"] if self.unknown else []


def cleared(entries: Iterable[tuple[str, int, str]], escrow: Escrow) -> Cleared:
    """Destroy files that the journal, of order, batch and file, does not name; nobody else acts meanwhile."""
    destroyed = known = 0
    for order_id, index, name in entries:
        names = escrow.names(order_id, index)
        over = [found for found in names if found != name]
        escrow.destroy(order_id, over)
        destroyed, known = destroyed + len(over), known + (name in names)
    return Cleared(destroyed, escrow.count() - known)


def journal_query(columns: frozenset[str]) -> str:
    """What asks a journal with these columns for its ``entries``; "" where it knows of no escrow."""
    return f"SELECT order_id, batch, escrow FROM main.{JOURNAL} WHERE order_id <> ''" if "escrow" in columns else ""
