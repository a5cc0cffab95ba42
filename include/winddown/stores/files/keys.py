"""Names files in plans: state, content, what goes along with them, and rows; in batches of files, rows and bytes."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import polars as pl
import pyarrow as pa

from winddown.domain.batch import CONTENT, batch_size
from winddown.stores.files.tree import LocalFile, Root, entry_at, size_in
from winddown.stores.objects.located import OBJECT, ROW, VERSION

BATCH_BYTES = 1 << 30
_AT_ONCE = 2 * len(os.sched_getaffinity(0))  # while one file waits for the disk, another is hashed
_PIECE = 1 << 18
_ALSO = pa.list_(pa.struct([("name", pa.string()), ("state", pa.string())]))


def keys_of(
    root: Root, located: pa.Table, also: dict[str, list[dict[str, str]]], *, size: int, has_rows: bool
) -> pa.Table:
    """One key a file, in batches of about ``size`` records and at most a gibibyte, or one file."""
    files = (
        pl.DataFrame(located.select([OBJECT, VERSION, ROW]))
        .group_by(OBJECT, VERSION)
        .agg(pl.col(ROW).sort())
        .sort(OBJECT, VERSION)
    )
    names, states = files.get_column(OBJECT).to_list(), files.get_column(VERSION).to_list()
    counts = files.get_column(ROW).list.len().to_list()
    numbers: list[int] = []
    batch = filled = bytes_in = 0
    for state, count in zip(states, counts, strict=True):
        if filled >= batch_size(batch, size=size) or (filled and bytes_in + size_in(state) > BATCH_BYTES):
            batch, filled, bytes_in = batch + 1, 0, 0
        numbers.append(batch)
        filled, bytes_in = filled + count, bytes_in + size_in(state)
    columns = {
        "object": pa.array(names, type=pa.string()),
        "version": pa.array(states, type=pa.string()),
        CONTENT: pa.array(digests(root, zip(names, states, strict=True)), type=pa.string()),
        "also": pa.array([also.get(name, []) for name in names], type=_ALSO),
    }
    if has_rows:
        columns["rows"] = pa.array(files.get_column(ROW).to_list(), type=pa.list_(pa.int64()))
    return pa.table({**columns, "batch": pa.array(numbers, type=pa.int32())})


def digests(root: Root, files: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the SHA-256 of each file by key and state; one that is another now raises Unreadable.

    Files are read side by side: hashing lets other threads run.
    """

    def opened() -> Iterator[LocalFile]:
        for key, state in files:
            yield LocalFile(entry_at(root, key, state))

    yield from hashed(opened())


def hashed(files: Iterator[LocalFile]) -> Iterator[str]:
    """Yield the SHA-256 of open files in their order, and close them."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting: deque[Future[str]] = deque()
        for file in files:
            waiting.append(pool.submit(_digest, file))
            if len(waiting) > 2 * _AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _digest(file: LocalFile) -> str:
    hasher = hashlib.sha256()
    with file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return hasher.hexdigest()
