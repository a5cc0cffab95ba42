"""Reads what EXIF (CIPA DC-008, TIFF 6.0 inside) says of a person: where, who, with which camera, and written words.

Looked at are the first directory and the two that it names (Exif, GPS), each once, so that no chain and no circle is
followed. Not read: thumbnails, makers' own notes, and everything that says nothing of a person. Every offset is checked
against the block before it is used; what lies outside is left out and told.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_EXIF, _GPS = 0x8769, 0x8825
_TEXT_TAGS = {
    0x010E: "description",
    0x013B: "artist_name",
    0x8298: "copyright",
    0x9286: "comment",
    0x9C9B: "description",  # what a file manager's properties call title
    0x9C9C: "comment",
    0x9C9D: "artist_name",
    0xA430: "owner_name",
    0xA431: "device_id",
}
_WIDE = frozenset({0x9C9B, 0x9C9C, 0x9C9D})  # UTF-16, little end first, whatever the block's order
_COMMENT = 0x9286
_CHARSETS = {b"ASCII\0\0\0": "", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp", b"\0" * 8: ""}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_RATIONAL = 5
_ENTRIES = 1_024
_LATITUDE, _LONGITUDE = (1, 2, 90, b"NS"), (3, 4, 180, b"EW")


@dataclass(frozen=True, slots=True)
class Exif:
    """What a block says.

    Attributes:
        values: pairs of field and text, e.g. ``("gps", "31.230400,121.473700")``.
        whole: whether everything that was looked for could be read.
    """

    values: tuple[tuple[str, str], ...]
    whole: bool


class _OutsideError(Exception):
    """An offset or count leads out of the block, or a value is none."""


@dataclass(frozen=True, slots=True)
class _Entry:
    type: int
    count: int
    data: bytes


def read_exif(block: bytes) -> Exif:
    """Read a TIFF block; never raises, whatever it holds."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return Exif((), whole=False)
    reader = _Block(block, order)
    first = reader.directory(reader.number(4))
    pointed = [(tag, reader.pointer(first[tag])) for tag in (_EXIF, _GPS) if tag in first]
    found = {tag: reader.directory(place) for tag, place in pointed}
    values: list[tuple[str, str]] = []
    position = reader.position(found.get(_GPS, {}))
    if position:
        values.append(("gps", position))
    for directory in (first, found.get(_EXIF, {})):
        values += reader.texts(directory)
    return Exif(tuple(dict.fromkeys(values)), whole=reader.whole)


class _Block:
    def __init__(self, block: bytes, order: str) -> None:
        self._block, self._order = block, order
        self.whole = True

    def number(self, place: int) -> int:
        """The 32-bit number at a place; 0, which is no place of a directory, when there is none."""
        found = self._block[place : place + 4]
        return int(struct.unpack(self._order + "I", found)[0]) if len(found) == 4 else 0  # noqa: PLR2004 - its bytes

    def pointer(self, entry: _Entry) -> int:
        return int(struct.unpack(self._order + "I", entry.data)[0]) if len(entry.data) == 4 else 0  # noqa: PLR2004

    def directory(self, place: int) -> dict[int, _Entry]:
        """The entries of a directory that lie inside the block."""
        head = self._block[place : place + 2]
        if place < 8 or len(head) < 2:  # noqa: PLR2004 - the header's bytes, and a count's
            self.whole = False
            return {}
        count = struct.unpack(self._order + "H", head)[0]
        self.whole = self.whole and count <= _ENTRIES
        found: dict[int, _Entry] = {}
        for number in range(min(count, _ENTRIES)):
            raw = self._block[place + 2 + 12 * number :][:12]
            if len(raw) < 12:  # noqa: PLR2004 - an entry's bytes
                self.whole = False
                break
            tag, kind, amount = struct.unpack(self._order + "HHI", raw[:8])
            if tag in _TEXT_TAGS or tag in {_EXIF, _GPS, 1, 2, 3, 4}:
                entry = self._entry(kind, amount, raw[8:])
                if entry is not None:
                    found.setdefault(tag, entry)
        return found

    def _entry(self, kind: int, amount: int, inline: bytes) -> _Entry | None:
        size = _SIZES.get(kind, 0) * amount
        place = struct.unpack(self._order + "I", inline)[0]
        data = inline[:size] if size <= len(inline) else self._block[place : place + size]
        if not size or len(data) < size:
            # A text of no length says nothing; anything else that is not there was meant to be.
            self.whole = self.whole and (not amount and kind in _SIZES)
            return None
        return _Entry(kind, amount, data)

    def texts(self, directory: dict[int, _Entry]) -> Iterator[tuple[str, str]]:
        """Yield field and text of every entry that has one."""
        for tag, entry in directory.items():
            if tag not in _TEXT_TAGS:
                continue
            text = (
                self._comment(entry.data) if tag == _COMMENT else _text(entry.data, "utf-16-le" if tag in _WIDE else "")
            )
            if text:
                yield _TEXT_TAGS[tag], text

    def _comment(self, data: bytes) -> str:
        charset = _CHARSETS.get(data[:8])
        if charset is None:
            return _text(data, "")  # written by a program that knows no character codes
        wide = "utf-16-le" if self._order == "<" else "utf-16-be"
        return _text(data[8:], wide if charset == "utf-16" else charset)

    def position(self, directory: dict[int, _Entry]) -> str:
        """Latitude and longitude in degrees; empty when there is none or it cannot be read."""
        if not any(tag in directory for tag in (2, 4)):
            return ""
        try:
            parts = [self._degrees(directory, *axis) for axis in (_LATITUDE, _LONGITUDE)]
        except _OutsideError:
            self.whole = False
            return ""
        return ",".join(f"{part:.6f}" for part in parts)

    def _degrees(self, directory: dict[int, _Entry], reference: int, tag: int, most: int, letters: bytes) -> float:
        entry, side = directory.get(tag), directory.get(reference)
        if entry is None or side is None or entry.type != _RATIONAL or side.data[:1].upper() not in letters:
            raise _OutsideError
        numbers = struct.unpack(f"{self._order}{2 * entry.count}I", entry.data)
        if not 1 <= entry.count <= 3 or not side.data[:1].strip(b"\0") or not all(numbers[1::2]):  # noqa: PLR2004
            raise _OutsideError  # a denominator of zero is how cameras write that they do not know
        degrees: float = sum(
            up / down / 60**power for power, (up, down) in enumerate(zip(*[iter(numbers)] * 2, strict=True))
        )
        if degrees > most:
            raise _OutsideError
        return -degrees if side.data[:1].upper() in b"SW" else degrees


def _text(data: bytes, charset: str) -> str:
    for each in [charset] if charset else ["utf-8", "gb18030", "latin-1"]:
        try:
            found = data.decode(each, "replace" if charset else "strict")
        except UnicodeDecodeError:
            continue
        return found.strip("\0 \t\r\n").partition("\0")[0]
    return ""
