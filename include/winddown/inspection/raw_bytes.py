"""Searches raw bytes of files for values that must be gone.

Values are searched as UTF-8, UTF-16-LE and GB18030. What is compressed inside a file (TOAST, compressed pages) is not
unpacked; markers are short values, which engines do not compress by themselves.
"""

import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from winddown.ports import ByteSearch


def encodings(value: bytes) -> tuple[bytes, ...]:
    """The bytes under which a UTF-8 value may be stored, without repeats."""
    text = value.decode()
    return tuple(dict.fromkeys((value, text.encode("utf-16-le"), text.encode("gb18030"))))


def search_files(folder: Path, probes: Sequence[bytes], *, medium: str) -> ByteSearch:
    """Search every file below a folder; ``reached`` is False when the folder cannot be listed and read to its end."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return ByteSearch(reached=False, medium=medium, bytes_read=0, probes=len(probes), found=0)
    found: set[bytes] = set()
    where: set[str] = set()
    read = 0
    reached = True
    for path in _files(folder):
        try:
            content = _search(path, [probe for probe in probes if probe not in found])
        except PermissionError:
            reached = False
            continue
        except FileNotFoundError:
            continue  # a file that vanished between listing and reading holds nothing any more
        read += content[0]
        if content[1]:
            found |= content[1]
            where.add(str(path.relative_to(folder)))
    return ByteSearch(
        reached=reached,
        medium=medium,
        bytes_read=read,
        probes=len(probes),
        found=len(found),
        where=tuple(sorted(where)),
    )


def search_content(content: bytes, probes: Sequence[bytes]) -> set[bytes]:
    """The probes that occur in a piece of bytes, in any encoding."""
    return {probe for probe in probes if any(variant in content for variant in encodings(probe))}


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _search(path: Path, probes: Sequence[bytes]) -> tuple[int, set[bytes]]:
    size = path.stat().st_size
    if size == 0 or not probes:
        return size, set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return size, {probe for probe in probes if any(view.find(variant) >= 0 for variant in encodings(probe))}
