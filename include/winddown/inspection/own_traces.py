"""Looks at what winddown itself holds of a case: how many files, whether the key is there, and values that lie open.

Encrypted files hold nothing that a search could find; what is looked for is a value that went where none should be: a
log, a control database, a page. It shares no code with what destroys them.
"""

import mmap
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from winddown.inspection.raw_bytes import search_files, search_paths
from winddown.ports import ByteSearch

_KEYS = "keys"
_MARKER = "case.key.destroyed"


def files_in(folder: Path) -> int:
    """Number of files below a folder, links counted and not followed; the marker of a destroyed key is none.

    A folder that does not exist holds none.
    """
    return sum(
        not (name == _MARKER and root == str(folder)) for root, _, names in os.walk(folder) for name in names
    ) + sum(os.path.islink(os.path.join(root, name)) for root, folders, _ in os.walk(folder) for name in folders)  # noqa: PTH114, PTH118


def is_key_gone(case_folder: Path) -> bool:
    """Whether nothing but the marker of its destruction lies where a case's key lay."""
    return [path.name for path in sorted((case_folder / _KEYS).iterdir())] == [_MARKER]


def search_own(places: Sequence[Path], probes: Sequence[bytes]) -> ByteSearch:
    """Search files, and folders to any depth, for values; names of files are as seen from the place itself.

    ``found`` counts a value once for each place. A place is reached that holds no byte, or is gone by then.
    """
    looks = [
        search_files(place, probes, medium=place.name)
        if place.is_dir()
        else search_paths([place], probes, medium=place.name, folder=place.parent)
        for place in places
    ]
    return ByteSearch(
        reached=all(look.reached or _holds_nothing(place) for place, look in zip(places, looks, strict=True)),
        medium=", ".join(look.medium for look in looks),
        bytes_read=sum(look.bytes_read for look in looks),
        probes=len(probes),
        found=sum(look.found for look in looks),
        where=tuple(sorted({name for look in looks for name in look.where})),
        unread=tuple(sorted({said for look in looks for said in look.unread})),
    )


def naming(places: Sequence[Path], case_id: str, *, others: Sequence[str] = ()) -> tuple[tuple[str, ...], int]:
    """Files that name a case, in their content or their path, and how many bytes were read; OSError for a closed one.

    A longer word does not count, nor one of ``others``, ids of other cases. What is compressed is read as it lies.
    """
    longer = sorted((one for one in others if case_id in one and one != case_id), key=len, reverse=True)
    either = b"|".join(re.escape(one.encode()) for one in longer) or b"(?!)"
    # Ids of plans, certificates and runs begin or go on with a hyphen, and they name the case as well.
    wanted = re.compile(rb"(?<![A-Za-z0-9])(?:(?:%b)|(%b))(?![A-Za-z0-9])" % (either, re.escape(case_id.encode())))
    found, size = [], 0
    for place in places:
        for path in _files(place):
            name = str(path.relative_to(place.parent))
            is_named = any(one[1] for one in wanted.finditer(os.fsencode(name)))
            if path.is_file() and path.stat().st_size:
                with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    size += len(content)
                    is_named = is_named or any(one[1] for one in wanted.finditer(content))
            if is_named:
                found.append(name)
    return tuple(found), size


def _files(place: Path) -> Iterator[Path]:
    """The place itself, or all files below it; raises OSError for a folder that cannot be listed."""

    def stop(error: OSError) -> None:
        raise error

    if not place.is_dir():
        yield place
        return
    for root, folders, names in os.walk(place, onerror=stop):
        folders.sort()
        yield from (Path(root, name) for name in sorted(names))


def _holds_nothing(place: Path) -> bool:
    if not place.exists():
        return True
    paths = [place] if place.is_file() else place.rglob("*")
    return os.access(place, os.R_OK) and not any(path.stat().st_size for path in paths if path.is_file())
