"""One batch's rows in escrow during one turn: what every engine that escrows rows does alike.

The file is durable before the transaction ends that deletes the rows and journals the file's name. What the journal
does not name any more is destroyed after that transaction was committed, by the names that were seen under its lock:
a later attempt's file has another name. An exception destroys nothing, because nobody knows whether a commit that
failed has happened.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from winddown.archive.escrow import Escrow
from winddown.domain.batch import CONTENT, Batch, raw_contents
from winddown.domain.plan import Order
from winddown.domain.receipt import Whereabouts

_DIGEST = np.dtype("S32")


def as_planned(digests: Iterable[bytes], batch: Batch) -> int:
    """How many of these are contents of a batch's records, each of which counts once."""
    return _planned(b"".join(digests), batch)


def _planned(digests: bytes | bytearray, batch: Batch) -> int:
    planned = b"".join(raw_contents(batch.keys.column(CONTENT)))
    if digests == planned:  # rows mostly come in the order of the plan
        return batch.records
    found, wanted = (np.sort(np.frombuffer(several, _DIGEST)) for several in (digests, planned))
    if np.array_equal(found, wanted):
        return len(found)
    return (Counter(found.tolist()) & Counter(wanted.tolist())).total()


class EscrowedBatch:
    """The files of one batch of one order."""

    def __init__(self, escrow: Escrow, order: Order, batch: Batch) -> None:
        self._escrow = escrow
        self._order = order
        self._batch = batch

    def lay_down(self, rows: Iterable[bytes], *, digest: Callable[[bytes], bytes]) -> tuple[int, str]:
        """Write rows as they leave; return how many of them are planned, and the file's name.

        The name is "", and nothing is kept, unless they are exactly the planned ones. ``digest`` is that of a row's
        content, as it stands in the plan in hex; a content holds the row's key.
        """
        digests = bytearray()  # of a million rows, in a quarter of the room that texts take

        def noted() -> Iterator[bytes]:
            for row in rows:
                digests.extend(digest(row))
                yield row

        with self._escrow.written(self._order.id, self._batch, noted()) as attempt:
            found = _planned(digests, self._batch)
            if found == attempt.records == self._batch.records:
                return found, attempt.keep()
        # Where others went beside the planned ones, these must not pass for all that went.
        return (found if attempt.records <= self._batch.records else 0), ""

    def rows(self, name: str) -> Iterator[bytes]:
        """The rows of the file that the journal names; see ``Escrow.records``."""
        return self._escrow.records(self._order.id, self._batch, name)

    def is_whole(self, name: str) -> bool:
        """Whether that file is there as it was written."""
        return self._escrow.is_whole(self._order.id, self._batch, name)

    def whereabouts(self, found: Whereabouts, name: str) -> Whereabouts:
        """What journal and live rows say, with a look at the files; ``name`` is the journal's.

        Rows that are gone while a file of them is there were not purged to the end, or nobody knows what became of
        the journal.
        """
        names = self._escrow.names(self._order.id, self._batch.index)
        is_lost = found is Whereabouts.QUARANTINED and name not in names
        is_left = found is Whereabouts.GONE and names
        return Whereabouts.MIXED if is_lost or is_left else found

    def over(self, state: str | None, name: str) -> tuple[str, ...]:
        """Files that are of no use once a transaction is committed with this state and name in the journal.

        None as long as the journal knows nothing of the batch: then nobody knows what they are.
        """
        if state is None:
            return ()
        kept = name if state == "quarantined" else ""
        return tuple(found for found in self._escrow.names(self._order.id, self._batch.index) if found != kept)
