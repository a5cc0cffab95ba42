"""Records in the order of their keys, however many there are: sorted in runs, which are merged when they are read.

Runs wait in a spool, so nothing of them is on the medium that anybody else could read.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from winddown.archive.spool import Spool

_RUN_RECORDS = 1 << 17
_BLOCK_RECORDS = 1 << 12
_Place = tuple[int, int]


class InOrder:
    """The records of many pieces in ascending order of some columns, null last; to be read as often as is wanted.

    Memory is for a run or two, and for a block of each run while they are merged.
    """

    def __init__(self, pieces: Iterable[pa.Table], by: Sequence[str], *, folder: Path) -> None:
        """Read all pieces.

        Args:
            pieces: one at least, of one schema, of any size.
            by: columns of text or numbers.
            folder: on whose disk what is not held waits, encrypted.

        Raises:
            Transient: the folder cannot be written, e.g. because the disk is full.
        """
        self._by = by
        self._spool: Spool | None = None
        self._runs: list[list[_Place]] = []
        held: list[pa.Table] = []
        count = 0
        for piece in pieces:
            held, count = [*held, piece], count + piece.num_rows
            if count >= _RUN_RECORDS:
                self._spool = self._spool or Spool(folder)
                self._runs.append(_put(self._spool, _sorted(held, by)))
                held, count = [piece.slice(0, 0)], 0
        self._last = _sorted(held, by)
        if self._spool is not None:
            self._runs.append(_put(self._spool, self._last))
            self._last = self._last.slice(0, 0)
            self._spool.finish()

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the records a piece at a time; one piece at least. Raises Transient where the disk cannot be read."""
        if self._spool is None:
            yield self._last
        else:
            fronts = [_Front(self._spool, self._by, list(places)) for places in self._runs if places]
            yield from _merged(fronts, self._by)

    def close(self) -> None:
        """Give the disk's room back."""
        if self._spool is not None:
            self._spool.close()


def _sorted(pieces: Sequence[pa.Table], by: Sequence[str]) -> pa.Table:
    return pa.concat_tables(pieces).sort_by([(name, "ascending") for name in by])


def _put(spool: Spool, records: pa.Table) -> list[_Place]:
    """Write a run as blocks that are read one by one; return their places."""
    places = []
    for start in range(0, records.num_rows, _BLOCK_RECORDS):
        begin, block = spool.size, records.slice(start, _BLOCK_RECORDS).combine_chunks()
        with pa.ipc.new_stream(spool, records.schema) as stream:
            stream.write_table(block)
        places.append((begin, spool.size - begin))
    return places


@dataclass(slots=True)
class _Front:
    """What was not handed on yet of one run: a block, and the places of those behind it."""

    spool: Spool
    by: Sequence[str]
    places: list[_Place]
    block: pa.Table | None = None

    def last(self) -> tuple[Any, ...]:
        """The last key of the block at hand."""
        return self._key(self._block().num_rows - 1)

    def cut(self, bound: tuple[Any, ...] | None) -> pa.Table:
        """Take what is not above a key, of the block at hand; all of it for None."""
        block = self._block()
        count = block.num_rows
        if bound is not None:
            count = bisect.bisect_right(range(count), bound, key=self._key)
        taken, rest = block.slice(0, count), block.slice(count)
        self.block = rest if rest.num_rows else None
        return taken

    def is_over(self) -> bool:
        """Whether everything was taken."""
        return self.block is None and not self.places

    def _block(self) -> pa.Table:
        if self.block is None:
            with pa.ipc.open_stream(self.spool.take(*self.places.pop(0))) as stream:
                self.block = stream.read_all()
        return self.block

    def _key(self, row: int) -> tuple[Any, ...]:
        """A row's key as it compares: null after everything else."""
        values = [self._block().column(name)[row].as_py() for name in self.by]
        return tuple((value is None, "" if value is None else value) for value in values)


def _merged(fronts: list[_Front], by: Sequence[str]) -> Iterator[pa.Table]:
    """What is not above the lowest of the fronts' last keys has been read of every run, so it may go on."""
    while fronts:
        bound = min((front.last() for front in fronts if front.places or front.block is None), default=None)
        yield _sorted([front.cut(bound) for front in fronts], by)
        fronts = [front for front in fronts if not front.is_over()]
