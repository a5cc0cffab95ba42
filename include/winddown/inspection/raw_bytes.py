"""Searches raw bytes of files for values that must be gone.

Values are searched as UTF-8, UTF-16-LE and GB18030. What is compressed inside a file (TOAST, compressed pages) is not
unpacked; markers are short values, which engines do not compress by themselves.

All values are looked for in one pass (Aho-Corasick, by Polars). It works on text, so bytes are mapped one to one to the
first 256 code points, values as well; windows overlap by the longest value, so that none is missed at a border.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from winddown.ports import ByteSearch

_WINDOW = 4 << 20


class Patterns:
    """The bytes under which some values may be stored."""

    def __init__(self, probes: Sequence[bytes]) -> None:
        self._probe_of = {variant.decode("latin-1"): probe for probe in probes for variant in encodings(probe)}
        self._texts = list(self._probe_of)
        self.overlap = max((len(text) for text in self._texts), default=1) - 1

    def found_in(self, content: bytes) -> set[bytes]:
        """The values that occur in a piece of bytes."""
        if not self._texts or not content:
            return set()
        hits = pl.Series([content.decode("latin-1")]).str.extract_many(self._texts, overlapping=True)
        return {self._probe_of[text] for text in hits.item(0).to_list()}


def encodings(value: bytes) -> tuple[bytes, ...]:
    """The bytes under which a UTF-8 value may be stored, without repeats."""
    text = value.decode()
    return tuple(dict.fromkeys((value, text.encode("utf-16-le"), text.encode("gb18030"))))


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
    read = 0
    reached = True
    for path in paths:
        try:
            size, hits = _search(path, patterns)
        except PermissionError:
            reached = False
            continue
        except FileNotFoundError:
            continue  # a file that vanished between listing and reading holds nothing any more
        read += size
        if hits:
            found |= hits
            where.add(str(path.relative_to(folder)))
    return ByteSearch(
        reached=reached and read > 0,
        medium=medium,
        bytes_read=read,
        probes=len(probes),
        found=len(found),
        where=tuple(sorted(where)),
    )


def _files(folder: Path) -> Iterator[Path]:
    # A database's other volumes hang below its folder as links: tablespaces, and sometimes the write-ahead log.
    for root, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(root) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _search(path: Path, patterns: Patterns) -> tuple[int, set[bytes]]:
    size, found, tail = 0, set[bytes](), b""
    with path.open("rb") as file:
        while window := file.read(_WINDOW):
            size += len(window)
            found |= patterns.found_in(tail + window)
            tail = window[-patterns.overlap :] if patterns.overlap else b""
    return size, found
