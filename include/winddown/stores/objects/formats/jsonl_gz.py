"""JSON lines in gzip: one JSON object a line (https://jsonlines.org), RFC 1952 around it.

Lines that stay are kept byte for byte; the gzip header loses its file name and time. Blank lines are kept and are no
records.
"""

import gzip
import zlib
from collections.abc import Iterator

import orjson
import pyarrow as pa

from winddown.domain.errors import Refused

ID = "jsonl.gz"
_MAGIC = b"\x1f\x8b"


def recognise(head: bytes, tail: bytes) -> bool:  # noqa: ARG001 - the end of a gzip file says nothing
    """Gzip around something that starts with a JSON object."""
    if not head.startswith(_MAGIC):
        return False
    try:
        start = zlib.decompressobj(wbits=31).decompress(head, 4096)
    except zlib.error:
        return False
    return start.lstrip().startswith(b"{")


def read(content: bytes) -> Iterator[pa.RecordBatch]:
    """Yield all lines as one batch; a missing member is null."""
    documents = [orjson.loads(line) for line in _unpacked(content).split(b"\n") if line.strip()]
    if any(not isinstance(document, dict) for document in documents):
        raise Refused("a line of the file is not a JSON object", rule="jsonl", next_step="repair the file")
    names = list(dict.fromkeys(name for document in documents for name in document))
    columns = [pa.array([_text(document.get(name)) for document in documents], type=pa.string()) for name in names]
    yield pa.RecordBatch.from_arrays(columns, names=names)


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
        raise Refused("a gzip file cannot be read to its end", rule="jsonl", next_step="repair the file") from None


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()
