"""Puts rows in the order of keys that came in any order, in little memory and without a trace.

Rows are sorted in runs of some ten thousands, the runs are written into one file and merged from there. The file has no
name: keys may name persons, and whatever ends the process, nothing of them can be found in a folder afterwards. Blocks
of the disk are not overwritten.
"""

import heapq
import os
import tempfile
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

_RUN = 1 << 17  # rows that are sorted at once
_PIECE = 1 << 10  # rows of a run that are in memory while runs are merged


class Sorted:
    """Rows by the first column of their schema, smallest first; text by code points, as S3 lists keys.

    Memory is bounded by a run and, while merging, by a piece of every run: one of 128 rows.
    """

    def __init__(self, schema: pa.Schema, folder: Path) -> None:
        self._schema = schema
        self._pending: list[pa.RecordBatch] = []
        self._runs: list[list[tuple[int, int]]] = []
        self._end = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows in."""
        self._pending.append(batch)
        if sum(found.num_rows for found in self._pending) >= _RUN:
            self._write_run()

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield all rows in order; nothing may be added afterwards."""
        self._write_run()
        return heapq.merge(*map(self._read_run, self._runs), key=itemgetter(0))

    def _write_run(self) -> None:
        table = pa.Table.from_batches(self._pending, schema=self._schema)
        self._pending = []
        places: list[tuple[int, int]] = []
        for piece in table.sort_by(self._schema.names[0]).combine_chunks().to_batches(max_chunksize=_PIECE):
            written = self._file.write(piece.serialize())
            places.append((self._end, written))
            self._end += written
        self._runs.append(places)

    def _read_run(self, places: list[tuple[int, int]]) -> Iterator[tuple[Any, ...]]:
        self._file.flush()
        for start, size in places:
            piece = pa.ipc.read_record_batch(pa.py_buffer(os.pread(self._file.fileno(), size, start)), self._schema)
            yield from zip(*(column.to_pylist() for column in piece.columns), strict=True)
