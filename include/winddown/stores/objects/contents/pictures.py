"""Finds the EXIF block of a JPEG (ISO 10918-1 markers) or PNG (eXIf, PNG 3rd edition); the pictures are not looked at.

Of a JPEG, segments are stepped over until the picture begins; of a PNG, chunks until then, and behind the picture the
last 64 KiB. Both normally need nothing beyond the first 64 KiB, which recognising the format has fetched.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from winddown.stores.objects.contents.exif import read_exif
from winddown.stores.objects.formats.ends import HEAD

_SEGMENTS = 64
_CHUNKS = 64
_BLOCK = 1 << 20
_APP1, _APP13, _SCAN, _END, _FILL = 0xE1, 0xED, 0xDA, 0xD9, 0xFF
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_EXIF = b"Exif\0"
_PNG_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})

BROKEN = "whose metadata cannot be read whole"
OTHER = "with XMP, IPTC or text chunks, which are not read"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture's metadata says, and what of them was not read: some of ``BROKEN`` and ``OTHER``."""

    values: tuple[tuple[str, str], ...]
    unread: frozenset[str]


class _TornError(Exception):
    """The file does not go on as its format does."""


def read_picture(source: BinaryIO, size: int) -> Picture:
    """Read a JPEG's or PNG's metadata; damage is told, not raised. What the source raises is not caught."""
    source.seek(0)
    head = source.read(min(HEAD, size))
    blocks = _jpeg(source, head, size) if head.startswith(b"\xff\xd8") else _png(source, head, size)
    values: dict[tuple[str, str], None] = {}
    unread = set()
    try:
        for block in blocks:
            if block is None:
                unread.add(OTHER)
                continue
            found = read_exif(block)
            values |= dict.fromkeys(found.values)
            if not found.whole:
                unread.add(BROKEN)
    except _TornError:
        unread.add(BROKEN)
    return Picture(tuple(values), frozenset(unread))


def _jpeg(source: BinaryIO, head: bytes, size: int) -> Iterator[bytes | None]:
    """Yield EXIF blocks, and None for metadata of other kinds."""
    place = 2
    for _ in range(_SEGMENTS):
        start = _at(source, head, place, min(4, size - place))
        if len(start) < 2 or start[0] != _FILL:  # noqa: PLR2004 - a marker's bytes
            raise _TornError
        marker = start[1]
        if marker in {_SCAN, _END}:
            return
        if marker == _FILL or marker in _ALONE:
            place += 1 if marker == _FILL else 2
            continue
        length = int.from_bytes(start[2:4], "big")
        if length < 2 or place + 2 + length > size:  # noqa: PLR2004 - the length counts itself
            raise _TornError
        if marker == _APP1:
            body = _at(source, head, place + 4, length - 2)
            yield body[len(_EXIF) + 1 :] if body.startswith(_EXIF) else None
        elif marker == _APP13:
            yield None
        place += 2 + length
    raise _TornError


def _png(source: BinaryIO, head: bytes, size: int) -> Iterator[bytes | None]:
    place = 8
    for _ in range(_CHUNKS):
        start = _at(source, head, place, min(8, size - place))
        length, name = int.from_bytes(start[:4], "big"), start[4:]
        if len(name) < 4 or place + 12 + length > size:  # noqa: PLR2004 - a name's bytes
            raise _TornError
        if name == b"IEND":
            return
        if name == b"IDAT":
            yield from _png_tail(source, place, size)
            return
        if name in _PNG_TEXT:
            yield None
        elif name == b"eXIf":
            if length > _BLOCK:
                raise _TornError
            yield _at(source, head, place + 8, length)
        place += 12 + length
    raise _TornError


def _png_tail(source: BinaryIO, place: int, size: int) -> Iterator[bytes | None]:
    """What stands behind the picture; a chunk is told from the picture's bytes by its check sum."""
    start = max(place, size - HEAD)
    source.seek(start)
    tail = source.read(size - start)
    if not tail.endswith(b"IEND\xaeB`\x82"):
        raise _TornError
    for name in (b"eXIf", *sorted(_PNG_TEXT)):
        at = tail.find(name, 4)
        while at >= 0:
            length = int.from_bytes(tail[at - 4 : at], "big")
            body, check = tail[at : at + 4 + length], tail[at + 4 + length : at + 8 + length]
            if zlib.crc32(body).to_bytes(4, "big") == check:
                yield body[4:] if name == b"eXIf" else None
            at = tail.find(name, at + 1)


def _at(source: BinaryIO, head: bytes, place: int, size: int) -> bytes:
    if place + size <= len(head):
        return head[place : place + size]
    source.seek(place)
    return source.read(max(size, 0))
