"""JSON lines in gzip (RFC 1952): the packed format of which single rows can be removed.

Lines that stay are kept byte for byte; the gzip header loses its file name and time. Blank lines are kept and are no
records.
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import jsonl
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.packed import GZIP, Packed
from winddown.stores.objects.formats.problem import Problem, Unreadable

_PACKED = Packed(jsonl, GZIP)
ID = _PACKED.ID


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield all lines; a missing member is null."""
    return _PACKED.read(source, fields=fields)


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """Write the file without the rows of the change."""
    if change.fields:
        raise Refused("fields of rows cannot be emptied in this format yet")
    before = sum(batch.num_rows for batch in read(source))
    source.seek(0)
    after = without(source.read(), frozenset(change.rows.tolist()))
    sink.write(after)
    return Outcome(before, erased=len(change.within(0, before)))


def without(content: bytes, rows: frozenset[int]) -> bytes:
    """Drop these lines."""
    kept, record = [], 0
    # Cut at line feeds alone, as ``read`` does: a carriage return may stand between two members of an object.
    for line in _unpacked(content).split(b"\n"):
        if not line.strip():
            kept.append(line)
            continue
        if record not in rows:
            kept.append(line)
        record += 1
    return gzip.compress(b"\n".join(kept), mtime=0)


def _unpacked(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error):
        raise Unreadable(Problem.BROKEN, "a gzip file cannot be read to its end") from None
