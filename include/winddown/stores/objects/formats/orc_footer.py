"""The end of an ORC file: a footer and a postscript in protocol buffers, the last byte saying how long the latter is.

Arrow writes neither user metadata nor types with a length, so what it wrote gets the old file's types and metadata.
Numbers are those of the fields in ``orc_proto.proto``.
"""

import zlib
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from winddown.stores.objects.formats import limits, varint
from winddown.stores.objects.formats.problem import Problem, Unreadable

# PostScript; Footer; StripeInformation; Type
_FOOTER_LENGTH, _COMPRESSION, _ENCRYPTION = 1, 2, 10
_STRIPES, _TYPES, _METADATA = 3, 4, 5
_DATA_LENGTH = 3
_KIND, _SUBTYPES, _PRECISION, _SCALE = 1, 2, 5, 6
_TEXTS = frozenset({7, 16, 17})  # string, varchar, char: kept as bytes alike
_CODECS = {0: None, 1: "zlib", 2: "snappy", 5: "zstd"}
_TAIL = 1 << 16
_BYTES, _VARINT = 2, 0
_RAW = 1 << 22  # bytes of an uncompressed chunk at most

Fields = list[tuple[int, int, int | bytes]]


@dataclass(frozen=True, slots=True)
class End:
    """Footer and postscript as fields in their order: number, wire type, value."""

    footer: Fields
    postscript: Fields
    size: int  # of both and the last byte, in the file

    @property
    def types(self) -> list[tuple[object, ...]]:
        """What the types mean to a writer, in the order of the columns."""
        return [_storage(_fields(bytes(body))) for number, _, body in self.footer if number == _TYPES]

    @property
    def is_encrypted(self) -> bool:
        """Whether columns are encrypted."""
        return any(number == _ENCRYPTION for number, _, _ in self.footer)

    @property
    def largest_stripe(self) -> int:
        """Bytes of the data of the largest stripe."""
        stripes = [_fields(bytes(body)) for number, _, body in self.footer if number == _STRIPES]
        return max(
            (int(value) for stripe in stripes for number, _, value in stripe if number == _DATA_LENGTH), default=0
        )


def read_end(source: BinaryIO) -> End:
    """Read it from a file; raises Unreadable."""
    size = source.seek(0, 2)
    source.seek(max(size - _TAIL, 0))
    tail = source.read()
    end = parsed_end(tail)
    if end.size > len(tail):
        if end.size > limits.PART:
            raise _broken()
        source.seek(size - end.size)
        end = parsed_end(source.read())
    return end


def parsed_end(tail: bytes) -> End:
    """Parse the last bytes of a file; the footer is empty where they do not hold all of it."""
    try:
        length = tail[-1]
        postscript = _fields(tail[-1 - length : -1])
        about = {number: value for number, _, value in postscript}
        size = 1 + length + int(about[_FOOTER_LENGTH])
        if size > len(tail):
            return End([], postscript, size)
        body = _unpacked(tail[-size : -1 - length], _CODECS[int(about.get(_COMPRESSION, 0))])
        return End(_fields(body), postscript, size)
    except (IndexError, KeyError, ValueError, OSError, zlib.error, pa.ArrowException):
        raise _broken() from None


def merged(old: End, new: End) -> bytes:
    """The end of a new file with the types and the user metadata of the old one."""
    kept = [field for field in old.footer if field[0] in {_TYPES, _METADATA}]
    body = _written([*(field for field in new.footer if field[0] not in {_TYPES, _METADATA}), *kept])
    about = {number: value for number, _, value in new.postscript}
    if _CODECS[int(about.get(_COMPRESSION, 0))] is not None:
        # Chunks may stand unpacked, which their lowest bit says.
        chunks = [body[start : start + _RAW] for start in range(0, len(body), _RAW)]
        body = b"".join((len(chunk) << 1 | 1).to_bytes(3, "little") + chunk for chunk in chunks)
    postscript = _written(
        [(number, kind, len(body) if number == _FOOTER_LENGTH else value) for number, kind, value in new.postscript]
    )
    return body + postscript + bytes([len(postscript)])


def _storage(fields: Fields) -> tuple[object, ...]:
    about = {number: value for number, _, value in fields if number in {_KIND, _PRECISION, _SCALE}}
    kind = about.get(_KIND, 0)
    children = b"".join(
        body if isinstance(body, bytes) else varint.written(body) for number, _, body in fields if number == _SUBTYPES
    )
    return ("text" if kind in _TEXTS else kind, about.get(_PRECISION), about.get(_SCALE), children)


def _unpacked(data: bytes, codec: str | None) -> bytes:
    if codec is None:
        return data
    parts = []
    place = 0
    while place < len(data):
        head = int.from_bytes(data[place : place + 3], "little")
        chunk = data[place + 3 : place + 3 + (head >> 1)]
        place += 3 + (head >> 1)
        if head & 1:
            parts.append(chunk)
        elif codec == "zlib":
            parts.append(zlib.decompressobj(-15).decompress(chunk, limits.PART))
        elif codec == "zstd":
            parts.append(pa.CompressedInputStream(pa.BufferReader(chunk), "zstd").read(limits.PART))
        else:
            size = varint.read(chunk, 0)[0]
            parts.append(pa.decompress(chunk, decompressed_size=size, codec=codec, asbytes=True))
    return b"".join(parts)


def _fields(data: bytes) -> Fields:
    found: Fields = []
    place = 0
    while place < len(data):
        key, place = varint.read(data, place)
        if key & 7 == _VARINT:
            value, place = varint.read(data, place)
            found.append((key >> 3, _VARINT, value))
        elif key & 7 == _BYTES:
            size, place = varint.read(data, place)
            if place + size > len(data):
                raise ValueError
            found.append((key >> 3, _BYTES, data[place : place + size]))
            place += size
        else:
            size = {1: 8, 5: 4}[key & 7]
            found.append((key >> 3, key & 7, data[place : place + size]))
            place += size
    return found


def _written(fields: Fields) -> bytes:
    parts: list[bytes] = []
    for number, kind, value in fields:
        parts.append(varint.written(number << 3 | kind))
        if isinstance(value, int):
            parts.append(varint.written(value))
        else:
            parts += [varint.written(len(value)), value] if kind == _BYTES else [value]
    return b"".join(parts)


def _broken() -> Unreadable:
    return Unreadable(Problem.BROKEN, "a file that begins as ORC cannot be read as ORC")
