"""Searches raw bytes of files for values that must be gone.

A value is searched under every form in which an engine may keep it: as text in UTF-8, UTF-16 of both orders and
GB18030; a value of digits alone also as the whole number that a column of numbers makes of it (see ``numbers``). Files
that are compressed as a whole (dumps, rotated logs: gzip, bzip2, xz, zstd, lz4) are unpacked as they are read. What is
compressed inside a file (a database's own pages and long values, archives with members, custom-format dumps) is not;
files of which that can be told are named.

All values are looked for in one pass (Aho-Corasick, by Polars). It works on text, so bytes are mapped one to one to the
first 256 code points, values as well; windows overlap by the longest value, so that none is missed at a border.
"""

import lzma
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO

import polars as pl
import pyarrow as pa

from winddown.inspection.avro_file import values as avro_values
from winddown.inspection.lent import to_arrow
from winddown.inspection.parquet_file import values
from winddown.ports import ByteSearch

_WINDOW = 4 << 20
_SMALL = 256 << 10  # a database server has thousands of such files, and a look takes longer to prepare than to do
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
_XZ = b"\xfd7zXZ\x00"
_PARQUET = b"PAR1"
_AVRO = b"Obj\x01"
_CLOSED = {b"PK\x03\x04": "zip archive", b"PGDMP": "custom-format dump", b"7z\xbc\xaf": "7z archive"}
_MAGIC = 8
_Look = tuple[int, set[bytes], str]
"""Bytes of a file, values found in it, and why it could not be unpacked, or ``""``."""
_DIGITS_MIN, _DIGITS_MAX = 9, 18  # shorter numbers stand everywhere; longer ones do not fit into 64 bits
_NUMBER_LIMIT = 1 << 47


class Patterns:
    """The bytes under which some values may be stored."""

    def __init__(self, probes: Sequence[bytes]) -> None:
        self._probe_of = {
            variant.decode("latin-1"): probe for probe in probes for variant in (*encodings(probe), *numbers(probe))
        }
        self._texts = list(self._probe_of)
        self.overlap = max((len(text) for text in self._texts), default=1) - 1

    def found_in(self, content: bytes) -> set[bytes]:
        """The values that occur in a piece of bytes."""
        if not self._texts or not content:
            return set()
        hits = pl.Series([content.decode("latin-1")]).str.extract_many(self._texts, overlapping=True)
        return {self._probe_of[text] for text in hits.item(0).to_list()}

    def found_along(self, file: IO[bytes] | Any) -> tuple[int, set[bytes]]:
        """Number of bytes that a stream yields to its end, and the values that occur in them."""
        size, found, tail = 0, set[bytes](), b""
        while window := file.read(_WINDOW):
            size += len(window)
            found |= self.found_in(tail + window)
            tail = window[-self.overlap :] if self.overlap else b""
        return size, found


def encodings(value: bytes) -> tuple[bytes, ...]:
    """The bytes under which a UTF-8 value may be stored as text, without repeats."""
    text = value.decode()
    return tuple(dict.fromkeys((value, *(text.encode(name) for name in ("utf-16-le", "utf-16-be", "gb18030")))))


def numbers(value: bytes) -> tuple[bytes, ...]:
    """The bytes under which a value of digits may be stored as a whole number.

    Eight bytes, the low ones first (PostgreSQL, DuckDB, Parquet) or the high ones first with the sign turned (InnoDB);
    and the six bytes of SQLite. Packed decimals are not searched.

    >>> [form.hex() for form in numbers(b"13800138000")]
    ['10658d3603000000', '80000003368d6510', '0003368d6510']
    >>> numbers(b"0013800138"), numbers(b"8613"), numbers("１３８００１３８０００".encode())
    ((), (), ())
    """
    if not (_DIGITS_MIN <= len(value) <= _DIGITS_MAX and value.isdigit()) or value.startswith(b"0"):
        return ()
    number = int(value)
    wide = (number.to_bytes(8, "little"), (number ^ (1 << 63)).to_bytes(8, "big"))
    return (*wide, number.to_bytes(6, "big")) if number < _NUMBER_LIMIT else wide


def search_files(folder: Path, probes: Sequence[bytes], *, medium: str) -> ByteSearch:
    """Search every file below a folder; ``reached`` is False when the folder cannot be listed and read to its end."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return ByteSearch(reached=False, medium=medium, bytes_read=0, probes=len(probes), found=0)
    return search_paths(_files(folder), probes, medium=medium, folder=folder)


def search_paths(paths: Iterable[Path], probes: Sequence[bytes], *, medium: str, folder: Path) -> ByteSearch:
    """Search files, as far as they are there; ``where`` names them as seen from a folder above them."""
    patterns = Patterns(probes)
    found: set[bytes] = set()
    where: set[str] = set()
    unread: list[str] = []
    read = 0
    reached = True
    for path, look in _looks(paths, patterns):
        if look is None:
            reached = False
            continue
        name = str(path.relative_to(folder))
        size, hits, closed = look
        read += size
        if closed:
            unread.append(f"{name}: {closed}")
        if hits:
            found |= hits
            where.add(name)
    return ByteSearch(
        reached=reached and read > 0,
        medium=medium,
        bytes_read=read,
        probes=len(probes),
        found=len(found),
        where=tuple(sorted(where)),
        unread=tuple(sorted(unread)),
    )


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, and at the end the folders that may not be listed, which no reader takes for files."""
    closed: list[Path] = []

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            closed.append(Path(error.filename))

    # A database's other volumes hang below its folder as links: tablespaces, and sometimes the write-ahead log.
    for root, _, names in os.walk(folder, followlinks=True, onerror=note):
        for name in names:
            path = Path(root) / name
            if path.is_file() and not path.is_symlink():
                yield path
    yield from closed


def _looks(paths: Iterable[Path], patterns: Patterns) -> Iterator[tuple[Path, _Look | None]]:
    """Search each file; None for a folder, and for what may not be read. Small files are searched together first."""
    together: list[tuple[Path, bytes]] = []
    waiting = 0
    for path in paths:
        try:
            if path.stat().st_size > _SMALL:
                yield path, _search(path, patterns)
            else:
                together.append((path, path.read_bytes()))
                waiting += len(together[-1][1])
        except (PermissionError, IsADirectoryError):
            yield path, None
        except FileNotFoundError:
            continue  # a file that vanished between listing and reading holds nothing any more
        if waiting > _WINDOW:
            yield from _looks_together(together, patterns)
            together, waiting = [], 0
    yield from _looks_together(together, patterns)


def _looks_together(files: Sequence[tuple[Path, bytes]], patterns: Patterns) -> Iterator[tuple[Path, _Look]]:
    """Search one by one only what may hold something: where two files meet, a value may seem to be."""
    is_clean = not patterns.found_in(b"".join(content for _, content in files))
    for path, content in files:
        if is_clean and not content.startswith((*_PACKED, *_CLOSED, _XZ, _PARQUET)):
            yield path, (len(content), set(), "")
        elif path.exists():
            yield path, _search(path, patterns)


def _search(path: Path, patterns: Patterns) -> _Look:
    with path.open("rb") as file:
        return search_file(file, patterns)


def search_file(file: BinaryIO, patterns: Patterns) -> _Look:
    """Search a seekable file and what it unpacks to, in memory for a window, or for a field of one row group.

    Returns:
        Number of its bytes, the values found, and why it could not be unpacked, or ``""``.
    """
    magic = file.read(_MAGIC)
    file.seek(0)
    size, found = patterns.found_along(file)
    file.seek(0)
    closed = next((what for start, what in _CLOSED.items() if magic.startswith(start)), "")
    packing = next((name for start, name in _PACKED.items() if magic.startswith(start)), "")
    try:
        if magic.startswith(_XZ):
            with lzma.open(file) as unpacked:
                found |= patterns.found_along(unpacked)[1]
        elif packing:
            with pa.CompressedInputStream(to_arrow(file), packing) as unpacked:
                found |= patterns.found_along(unpacked)[1]
        elif magic.startswith(_PARQUET):
            for piece in values(file):
                found |= patterns.found_in(piece)
        elif magic.startswith(_AVRO):
            for piece in avro_values(file):
                found |= patterns.found_in(piece)
    except (OSError, EOFError, ValueError, KeyError, zlib.error, lzma.LZMAError, pa.ArrowException):
        # A database's file may begin like a compressed one by chance; what was unpacked before the end was searched.
        return size, found, "begins like a compressed file, and cannot be unpacked to its end"
    return size, found, closed
