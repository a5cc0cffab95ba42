"""The codecs of Avro's blocks: null, deflate, bzip2, snappy, zstandard."""

import bz2
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.problem import Problem, Unreadable

_CHECKSUM = 4


def _deflated(block: bytes) -> bytes:
    return _bounded(zlib.decompressobj(-15).decompress, block)


def _bzipped(block: bytes) -> bytes:
    return _bounded(bz2.BZ2Decompressor().decompress, block)


def _bounded(decompress: Callable[[bytes, int], bytes], block: bytes) -> bytes:
    try:
        found = decompress(block, limits.PART + 1)
    except (zlib.error, OSError, ValueError, EOFError):
        raise broken() from None
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
        raise broken() from None
    if zlib.crc32(found).to_bytes(_CHECKSUM, "big") != block[-_CHECKSUM:]:
        raise broken()
    return found


def _zstd(block: bytes) -> bytes:
    stream = pa.CompressedInputStream(pa.BufferReader(block), "zstd")
    try:
        found: bytes = stream.read(limits.PART + 1)
    except (OSError, pa.ArrowException):
        raise broken() from None
    _check_block(len(found))
    return found


def _check_block(size: int) -> None:
    if size > limits.PART:
        raise Unreadable(Problem.LIMIT, f"a block of an Avro file unpacks to more than {limits.PART >> 20} MiB")


def broken() -> Unreadable:
    """The refusal of what is no Avro file."""
    return Unreadable(Problem.BROKEN, "a file that begins as Avro cannot be read as Avro")


def _snappy_packed(records: bytes) -> bytes:
    packed: bytes = pa.compress(records, codec="snappy", asbytes=True)
    return packed + zlib.crc32(records).to_bytes(_CHECKSUM, "big")


def _deflate_packed(records: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(records) + stream.flush()


@dataclass(frozen=True, slots=True)
class Codec:
    """How the records of a block are packed, and unpacked within limits."""

    unpack: Callable[[bytes], bytes]
    pack: Callable[[bytes], bytes]


CODECS = {
    b"null": Codec(lambda block: block, lambda records: records),
    b"deflate": Codec(_deflated, _deflate_packed),
    b"bzip2": Codec(_bzipped, bz2.compress),
    b"snappy": Codec(_snappy, _snappy_packed),
    b"zstandard": Codec(_zstd, lambda records: pa.compress(records, codec="zstd", asbytes=True)),
}
