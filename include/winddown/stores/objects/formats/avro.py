"""Apache Avro object container files (https://avro.apache.org/docs/current/specification/): magic ``Obj`` and 1, the
schema as JSON, then blocks of records, each followed by the file's sync mark. Nothing is written.

The container is read here, so that blocks are unpacked within limits; fastavro decodes the records inside. Codecs:
null, deflate, bzip2, snappy, zstandard.
"""  # noqa: D205 - the address is part of the sentence

import bz2
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import fastavro
import orjson
import pyarrow as pa
from fastavro.schema import SchemaParseException

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.problem import Problem, Unreadable

ID = "avro"
_MAGIC = b"Obj\x01"
_SYNC = 16
_CHECKSUM = 4
_LONG_BITS = 63


def recognise(ends: Ends) -> bool:
    """Avro's magic."""
    return ends.head.startswith(_MAGIC)


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:  # noqa: ARG001
    """Yield all records; memory is bounded by a block. A field with parts of its own becomes its JSON text."""
    source.seek(len(_MAGIC))
    head = _head(source)
    try:
        schema = fastavro.parse_schema(orjson.loads(head.get("avro.schema", b"")))
        names = [field["name"] for field in schema["fields"]]  # type: ignore[index,call-overload]
    except (ValueError, TypeError, KeyError, SchemaParseException, RecursionError):
        raise _broken() from None
    unpack = _CODECS.get(head.get("avro.codec", b"null"))
    if unpack is None:
        raise Unreadable(Problem.BROKEN, "an Avro file is packed by an unknown codec")
    mark = source.read(_SYNC)
    packed = unpacked = 0
    yield _batch([], names)
    while (count := _long(source, at_end=0)) > 0:
        size = _long(source)
        block = _exactly(source, size)
        if _exactly(source, _SYNC) != mark:
            raise _broken()
        records = unpack(block)
        packed, unpacked = packed + size, unpacked + len(records)
        limits.check_unpacked(packed, unpacked)
        yield from _records(io.BytesIO(records), count, schema, names)
    if count < 0:
        raise _broken()


def _records(block: io.BytesIO, count: int, schema: Any, names: list[str]) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, Any]] = []
    start = 0
    try:
        for _ in range(count):
            rows.append(fastavro.schemaless_reader(block, schema, None))  # type: ignore[arg-type]
            if len(rows) == limits.ROWS or block.tell() - start > limits.BATCH:
                yield _batch(rows, names)
                rows, start = [], block.tell()
    except (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, StopIteration, RecursionError):
        raise _broken() from None
    if block.read(1):
        raise _broken()
    if rows:
        yield _batch(rows, names)


def _batch(rows: list[dict[str, Any]], names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([_column([row[name] for row in rows]) for name in names], names=names)


def _column(values: list[Any]) -> pa.Array:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) == 1 and not kinds & {dict, list, tuple}:
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError):
            pass  # e.g. times before the calendar's beginning: their text is enough
    return pa.array([_text(value) for value in values], type=pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple):
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    return _plain(value)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _head(source: BinaryIO) -> dict[str, bytes]:
    """The map of metadata: blocks of pairs, ended by an empty one."""
    found: dict[str, bytes] = {}
    while count := _long(source):
        if count < 0:  # then the block's size follows, which nobody needs
            count = -count
            _long(source)
        if count > limits.MEMBERS:
            raise _broken()
        for _ in range(count):
            name = _exactly(source, _long(source)).decode("utf-8", "replace")
            found[name] = _exactly(source, _long(source))
    return found


def _long(source: BinaryIO, *, at_end: int | None = None) -> int:
    """A zigzag number of up to ten bytes; ``at_end`` when the file ends here, if it may."""
    value = shift = 0
    while True:
        byte = source.read(1)
        if not byte:
            if at_end is None or shift:
                raise _broken()
            return at_end
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:  # noqa: PLR2004 - the last byte has no continuation bit
            return (value >> 1) ^ -(value & 1)
        shift += 7
        if shift > _LONG_BITS:
            raise _broken()


def _exactly(source: BinaryIO, size: int) -> bytes:
    if size < 0:
        raise _broken()
    if size > limits.PART:
        raise Unreadable(Problem.LIMIT, f"a block of an Avro file is longer than {limits.PART >> 20} MiB")
    found = source.read(size)
    if len(found) != size:
        raise _broken()
    return found


def _deflated(block: bytes) -> bytes:
    return _bounded(zlib.decompressobj(-15).decompress, block)


def _bzipped(block: bytes) -> bytes:
    return _bounded(bz2.BZ2Decompressor().decompress, block)


def _bounded(decompress: Callable[[bytes, int], bytes], block: bytes) -> bytes:
    try:
        found = decompress(block, limits.PART + 1)
    except (zlib.error, OSError, ValueError, EOFError):
        raise _broken() from None
    _check_block(len(found))
    return found


def _snappy(block: bytes) -> bytes:
    body = block[:-_CHECKSUM]
    size = shift = 0
    for byte in body[:5]:  # the unpacked size stands in front, in groups of seven bits
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no continuation bit
            break
    _check_block(size)
    try:
        found: bytes = pa.decompress(body, decompressed_size=size, codec="snappy", asbytes=True)
    except (OSError, pa.ArrowException, ValueError):
        raise _broken() from None
    if zlib.crc32(found).to_bytes(_CHECKSUM, "big") != block[-_CHECKSUM:]:
        raise _broken()
    return found


def _zstd(block: bytes) -> bytes:
    stream = pa.CompressedInputStream(pa.BufferReader(block), "zstd")
    try:
        found: bytes = stream.read(limits.PART + 1)
    except (OSError, pa.ArrowException):
        raise _broken() from None
    _check_block(len(found))
    return found


def _check_block(size: int) -> None:
    if size > limits.PART:
        raise Unreadable(Problem.LIMIT, f"a block of an Avro file unpacks to more than {limits.PART >> 20} MiB")


def _broken() -> Unreadable:
    return Unreadable(Problem.BROKEN, "a file that begins as Avro cannot be read as Avro")


_CODECS: dict[bytes, Callable[[bytes], bytes]] = {
    b"null": lambda block: block,
    b"deflate": _deflated,
    b"bzip2": _bzipped,
    b"snappy": _snappy,
    b"zstandard": _zstd,
}
