"""Avro container files, one block after another: unpacked here, and their records decoded by Polars.

Polars knows no maps, no unions but those of null and one type, and no types that are named a second time; fastavro
decodes these.
"""

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import fastavro
import polars as pl
import pyarrow as pa

from winddown.domain.errors import Refused

_MAGIC = b"Obj\x01"
_SYNC = bytes(16)
_PART = 1 << 20
_CHECKSUM = 4
_PLAIN = frozenset({"boolean", "int", "long", "float", "double", "bytes", "string"})
_NAMED = ("enum", "fixed")
_BROKEN = (
    OSError, EOFError, ValueError, TypeError, LookupError, OverflowError, zlib.error, lzma.LZMAError, pa.ArrowException,
    pl.exceptions.PolarsError,
)  # fmt: skip


def rows(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the records of a stream in their order; memory for some blocks as they are unpacked.

    Raises:
        Refused: it cannot be read. What the libraries say is left out, because it may name values.
    """
    try:
        yield from _rows(stream)
    except _BROKEN:
        raise Refused(
            "the inspector cannot read an Avro file", next_step="look at what wrote its newest version"
        ) from None


def values(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the blocks of a stream as they are unpacked.

    Raises:
        EOFError, OSError, ValueError, LookupError, zlib.error, LZMAError, ArrowException: a damaged file, or an unknown
            codec; what came before was yielded.
    """
    codec = _head(stream)[1]
    yield from (records for _, records in _blocks(stream, codec))


def _rows(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    schema, codec = _head(stream)
    read = _by_polars if _is_known(json.loads(schema)) else _by_fastavro
    head = b"".join([_MAGIC, b"\x02", *_sized(b"avro.schema"), *_sized(schema), b"\x00", _SYNC])
    part = bytearray()
    for count, records in _blocks(stream, codec):
        if count:  # Polars would take a block without records for the end
            part += b"".join([_written(count), *_sized(records), _SYNC])
        if len(part) >= _PART:
            yield from read(io.BytesIO(head + part))
            part.clear()
    if part:
        yield from read(io.BytesIO(head + part))


def _by_polars(part: BinaryIO) -> Iterator[dict[str, Any]]:
    found: Iterator[dict[str, Any]] = pl.read_avro(part).iter_rows(named=True)
    return found


def _by_fastavro(part: BinaryIO) -> Iterator[dict[str, Any]]:
    return cast("Iterator[dict[str, Any]]", fastavro.reader(part))


def _is_known(kind: Any) -> bool:
    """Whether Polars reads a type."""
    if isinstance(kind, list):
        return len(kind) == 2 and "null" in kind and any(_is_known(each) for each in kind)  # noqa: PLR2004 - a pair
    if not isinstance(kind, dict):
        return kind in _PLAIN
    if kind["type"] == "record":
        return all(_is_known(field["type"]) for field in kind["fields"])
    if kind["type"] == "array":
        return _is_known(kind["items"])
    return kind["type"] in _NAMED or _is_known(kind["type"])


def _head(stream: BinaryIO) -> tuple[bytes, str]:
    """Schema and codec; the stream then stands at the first block."""
    found: dict[bytes, bytes] = {}
    _exactly(stream, len(_MAGIC))
    while entries := _long(stream):
        if entries < 0:
            _long(stream)
        for _ in range(abs(entries)):
            name = _exactly(stream, _long(stream))
            found[name] = _exactly(stream, _long(stream))
    _exactly(stream, len(_SYNC))
    return found[b"avro.schema"], found.get(b"avro.codec", b"null").decode()


def _blocks(stream: BinaryIO, codec: str) -> Iterator[tuple[int, bytes]]:
    """The number of records in each block, and these as they are unpacked."""
    unpack = _UNPACKED[codec]
    while first := stream.read(1):
        count = _long(stream, first)
        body = _exactly(stream, _long(stream))
        _exactly(stream, len(_SYNC))
        yield count, unpack(body)


def _snappy(body: bytes) -> bytes:
    size = _unsigned(io.BytesIO(body))  # as long as it is unpacked
    found: bytes = pa.decompress(body[:-_CHECKSUM], decompressed_size=size, codec="snappy", asbytes=True)
    return found


def _zstandard(body: bytes) -> bytes:
    found: bytes = pa.CompressedInputStream(pa.BufferReader(body), "zstd").read()
    return found


_UNPACKED: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": lambda body: zlib.decompress(body, -zlib.MAX_WBITS),
    "bzip2": bz2.decompress,
    "xz": lzma.decompress,
    "snappy": _snappy,
    "zstandard": _zstandard,
}


def _exactly(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size) if size >= 0 else b""
    if len(found) != size:
        raise EOFError
    return found


def _long(stream: BinaryIO, first: bytes = b"") -> int:
    value = _unsigned(stream, first)
    return (value >> 1) ^ -(value & 1)


def _unsigned(stream: BinaryIO, first: bytes = b"") -> int:
    """A number in groups of seven bits, of which the first may have been read already."""
    value = shift = 0
    while piece := first or _exactly(stream, 1):
        first = b""
        value |= (piece[0] & 0x7F) << shift
        shift += 7
        if piece[0] < 0x80:  # noqa: PLR2004 - the highest bit says that more bytes come
            break
    return value


def _written(value: int) -> bytes:
    """A number that is not negative, as ``_long`` reads it."""
    groups, value = bytearray(), value << 1
    while value > 0x7F:  # noqa: PLR2004 - as above
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _sized(data: bytes) -> tuple[bytes, bytes]:
    return _written(len(data)), data
