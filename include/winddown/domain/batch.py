"""A batch: a contiguous slice of a selection's keys, small enough for one transaction or one task."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pyarrow as pa

CONTENT = "winddown_content"
"""Column of keys in which a store binds each record's content: a record that changed is not the one approved."""
RANK = "winddown_rank"
"""Column of located records that says which must not be moved before which; it is not part of their keys."""


def keys_digest(keys: pa.Table, *, salt: bytes = b"") -> str:
    """Hex SHA-256 over the rows as sorted-key JSON lines, in order; independent of Arrow's chunking and version.

    Digests stand in plans and ledgers, keys do not: with a ``salt`` that goes with the case's key, nobody can try out
    which keys and contents a digest stands for.
    """
    hasher = hashlib.sha256(salt)
    for chunk in keys.to_batches(max_chunksize=10_000):
        for row in chunk.to_pylist():
            hasher.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
    return hasher.hexdigest()


CANARY_RECORDS = 100
"""Records of an order's first batch, about; it is read back before a second one ten times its size is begun."""


def batch_size(index: int, *, size: int) -> int:
    """Wished number of records of a batch: the first ones are small, so that a mistake shows while it is small.

    >>> [batch_size(index, size=10_000) for index in range(4)]
    [100, 1000, 10000, 10000]
    """
    return min(size, CANARY_RECORDS * int(10 ** min(index, 9)))


def numbered(located: pa.Table, key: Sequence[str], *, size: int) -> pa.Table:
    """Return the keys and contents of located records in the order of rank and key, with the column ``batch``.

    Of records that each have a key of their own; ``size`` of them make a batch, and fewer the first ones.
    """
    order = [(name, "ascending") for name in (RANK, *key) if name in located.column_names]
    keys = located.sort_by(order).select([*key, CONTENT])
    numbers: list[int] = []
    while len(numbers) < keys.num_rows:
        index = numbers[-1] + 1 if numbers else 0
        numbers += [index] * min(batch_size(index, size=size), keys.num_rows - len(numbers))
    return keys.append_column("batch", pa.array(numbers, type=pa.int32()))


def record_count(keys: pa.Table) -> int:
    """Number of records that a table of keys names.

    Keys of tables and opaque objects name one record a row; keys of rows inside files carry the row numbers in a list
    column ``rows``.
    """
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
