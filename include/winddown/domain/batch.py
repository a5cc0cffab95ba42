"""A batch: a contiguous slice of a selection's keys, small enough for one transaction or one task."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

CONTENT = "winddown_content"
"""Column of keys in which a store binds each record's content: a record that changed is not the one approved. It is a
SHA-256: in hex in the keys of a batch, as 32 bytes where many records are held (``CONTENT_HELD``)."""
CONTENT_HELD = pa.binary(32)
RANK = "winddown_rank"
"""Column of located records that says which must not be moved before which; it is not part of their keys."""

RELATION, RECORDS = "winddown_relation", "winddown_records"
"""Columns of keys that name no single records: a table or partition that goes as it is, and how many it holds. Its
``CONTENT`` is then the ``content_sum`` of all of them."""

_SUMMED_AT_ONCE = 1 << 20
_DIGESTED_AT_ONCE = 10_000
_READ_AT_ONCE = 1 << 16


def raw_contents(contents: pa.ChunkedArray) -> Iterator[bytes]:
    """Yield the SHA-256 that many contents are, or are hex digests of, 32 bytes each, some at a time."""
    for chunk in contents.chunks:
        for start in range(0, len(chunk), _READ_AT_ONCE):
            part = chunk.slice(start, _READ_AT_ONCE)
            yield _held(part) if part.type == CONTENT_HELD else bytes.fromhex("".join(part.to_pylist()))


def _held(contents: "pa.Array[Any]") -> bytes:
    width = CONTENT_HELD.byte_width
    return bytes(contents.buffers()[1][contents.offset * width : (contents.offset + len(contents)) * width])


def spelled(keys: pa.Table) -> pa.Table:
    """Keys with their contents in hex, as manifests hold them and stores compare them."""
    if CONTENT not in keys.column_names or keys.schema.field(CONTENT).type != CONTENT_HELD:
        return keys
    contents = keys.column(CONTENT)
    digits = pa.py_buffer("".join(part.hex() for part in raw_contents(contents)).encode())
    ends = pa.py_buffer(np.arange(0, 64 * len(contents) + 1, 64, dtype=np.int32))
    written = pa.StringArray.from_buffers(len(contents), ends, digits)
    return keys.set_column(keys.column_names.index(CONTENT), CONTENT, written)


def content_sum(contents: pa.ChunkedArray) -> str:
    """Bind many records' contents at once, in whatever order: the sums of each quarter of their SHA-256.

    ``contents`` are as in ``raw_contents``. A quarter is a signed 64-bit number, most significant byte first; the four
    sums are written in decimal. A database can compute the same in one scan, and sums of parts add up to the sum of
    the whole.

    >>> content_sum(pa.chunked_array([["00" * 7 + "02" + "00" * 23 + "01", "ff" * 32]]))
    '1 -1 -1 0'
    """
    sums = [0, 0, 0, 0]
    for digests in raw_contents(contents):
        quarters = np.frombuffer(digests, dtype=">i8").astype(np.int64).reshape(-1, 4)
        # In two halves, because the sum of many numbers of 64 bits has more than 64.
        high, low = (quarters >> 32).sum(axis=0), (quarters & 0xFFFFFFFF).sum(axis=0)
        sums = [known + (int(h) << 32) + int(rest) for known, h, rest in zip(sums, high, low, strict=True)]
    return " ".join(map(str, sums))


class KeysHash:
    """Hex SHA-256 over JSON lines of 10,000 rows each, columns by name; independent of Arrow's chunking and version.

    Digests stand in plans and ledgers, keys do not: with a ``salt`` that goes with the case's key, nobody can try out
    which keys and contents a digest stands for.
    """

    def __init__(self, salt: bytes = b"") -> None:
        self._hasher = hashlib.sha256(salt)
        self._pending: list[pa.Table] = []

    def update(self, keys: pa.Table) -> None:
        """Take rows that follow those before."""
        self._pending.append(keys)
        if sum(part.num_rows for part in self._pending) >= _DIGESTED_AT_ONCE:
            self._take(whole_lines=True)

    def hexdigest(self) -> str:
        """The digest of all rows; none may follow."""
        self._take(whole_lines=False)
        return self._hasher.hexdigest()

    def _take(self, *, whole_lines: bool) -> None:
        rows = pa.concat_tables(self._pending) if self._pending else pa.table({})
        end = rows.num_rows - rows.num_rows % _DIGESTED_AT_ONCE if whole_lines else rows.num_rows
        for start in range(0, end, _DIGESTED_AT_ONCE):
            columns = spelled(rows.slice(start, min(_DIGESTED_AT_ONCE, end - start))).to_pydict()
            self._hasher.update(orjson.dumps(columns, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
        self._pending = [rows.slice(end)] if end < rows.num_rows else []


def keys_digest(keys: pa.Table, *, salt: bytes = b"") -> str:
    """The ``KeysHash`` of one table."""
    hasher = KeysHash(salt)
    hasher.update(keys)
    return hasher.hexdigest()


BATCH_RECORDS = 10_000
"""Records of a batch, but for the first ones."""
SHARE_WHERE_REFERRED_TO = 4
"""A batch of rows that go from a table to which others refer is so many times smaller: for each of them the database
looks for rows that refer to it, also among all that went before and were not cleared away yet."""
CANARY_RECORDS = 100
"""Records of an order's first batch, about; it is read back before a second one ten times its size is begun."""
SMALL_BATCHES = 2
"""How many batches are smaller than the others."""


def batch_size(index: int, *, size: int) -> int:
    """Wished number of records of a batch: the first ones are small, so that a mistake shows while it is small.

    >>> [batch_size(index, size=10_000) for index in range(4)]
    [100, 1000, 10000, 10000]
    """
    return min(size, CANARY_RECORDS * int(10 ** min(index, 9)))


def numbered(
    located: Iterable[pa.Table], key: Sequence[str], *, size: int, is_apart: bool = False
) -> Iterator[pa.Table]:
    """Yield the keys and contents of located records with the column ``batch``, a table for each batch.

    Of records that each have a key of their own and come in the order of rank and key; ``size`` of them make a batch,
    and fewer the first ones. Where ranks are to be apart, no batch holds records of two. Of nothing, an empty table.
    """
    index = count = 0
    held: list[pa.Table] = []

    def closed() -> pa.Table:
        keys = pa.concat_tables(held)
        return keys.append_column("batch", pa.array(np.full(keys.num_rows, index, np.int32)))

    rank: int | None = None
    for piece in located:
        for stretch, of_rank in _by_rank(piece) if is_apart and RANK in piece.column_names else [(piece, rank)]:
            if count and of_rank != rank:
                yield closed()
                index, count, held = index + 1, 0, []
            rank, rest = of_rank, stretch.select([*key, CONTENT])
            held = held or [rest.slice(0, 0)]
            while rest.num_rows:
                taken = rest.slice(0, batch_size(index, size=size) - count)
                rest, count = rest.slice(taken.num_rows), count + taken.num_rows
                held.append(taken)
                if count == batch_size(index, size=size):
                    yield closed()
                    index, count, held = index + 1, 0, [rest.slice(0, 0)]
    if count or not index:
        yield closed()


def _by_rank(piece: pa.Table) -> Iterator[tuple[pa.Table, int]]:
    """Stretches of records of the same rank, each with its rank."""
    for rank, begin, end in stretches(piece.column(RANK)):
        yield piece.slice(begin, end - begin), rank


def stretches(numbers: pa.ChunkedArray) -> Iterator[tuple[int, int, int]]:
    """Yield each number once for as long as it is repeated, with the places where that begins and before which it ends.

    >>> list(stretches(pa.chunked_array([[7, 7, 8]])))
    [(7, 0, 2), (8, 2, 3)]
    """
    found, begin = numbers.to_numpy(), 0
    changes = np.flatnonzero(found[1:] != found[:-1]) + 1
    for end in [*map(int, changes), len(found)] if len(found) else []:
        yield int(found[begin]), begin, end
        begin = end


def record_count(keys: pa.Table) -> int:
    """Number of records that a table of keys names.

    Keys of tables and opaque objects name one record a row; keys of rows inside files carry the row numbers in a list
    column ``rows``; keys of whole relations say how many records each holds.
    """
    if RECORDS in keys.column_names:
        return sum(keys.column(RECORDS).to_pylist())
    if "rows" in keys.column_names:
        return sum(len(rows) for rows in keys.column("rows").to_pylist())
    return int(keys.num_rows)


@dataclass(frozen=True, slots=True)
class Batch:
    """Keys of one batch. The keys identify persons: they never show in a repr, a log or a ledger entry."""

    index: int
    digest: str
    keys: pa.Table = field(repr=False)

    @property
    def records(self) -> int:
        """Number of records in the batch."""
        return record_count(self.keys)

    def pieces(self, size: int) -> Iterator["Batch"]:
        """The batch in pieces of so many rows, for whoever looks and cannot take all at once; nobody acts on them."""
        for start in range(0, self.keys.num_rows, size):
            yield Batch(self.index, "", self.keys.slice(start, size))
