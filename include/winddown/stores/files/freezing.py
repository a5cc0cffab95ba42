"""Takes the right to write from the folders and files of collections, and gives it back.

What is remembered are modes under the numbers of files, no names: of each folder its own, the one that most of its
files have, and those that differ. Access lists go with them, because the group's bits are the mask of such a list. It
does not stop root, who is asked for no rights, nor an owner, who may give the right back, nor a program that has a file
open.
"""

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from winddown.domain.inventory import CollectionRef
from winddown.domain.receipt import Receipt
from winddown.stores.files.aside import replaced
from winddown.stores.files.tree import Root, open_file, walk
from winddown.stores.objects.gathering import folder_of, place_of

_WRITE = 0o222
_OWNER = 0o200


@dataclass(slots=True)
class _Modes:
    """Of one folder: its mode, the usual one of its files, and the others by number."""

    own: int
    usual: int = 0
    others: dict[str, int] = field(default_factory=dict)

    def of(self, number: int) -> int:
        return self.others.get(str(number), self.usual)


@dataclass(frozen=True, slots=True)
class _Folder:
    number: int
    file: int  # descriptor
    status: os.stat_result
    files: list[tuple[str, os.stat_result]]


def remember(store: str, root: Root, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
    """Modes of every folder and file of the collections; what an earlier freeze took is as that remembers it."""
    names = sorted({ref.name for ref in collections} | set(_names(earlier)))
    found = _read(earlier)
    for folder in _folders(root, [CollectionRef(store, name) for name in names]):
        if str(folder.number) in found:
            continue
        counted = Counter(_mode(status) for _, status in folder.files)
        modes = _Modes(_mode(folder.status), counted.most_common(1)[0][0])
        modes.others = {str(status.st_ino): _mode(status) for _, status in folder.files if _mode(status) != modes.usual}
        found[str(folder.number)] = modes
    written = json.dumps({number: [one.own, one.usual, one.others] for number, one in found.items()})
    details = (("collections", json.dumps(names)), ("modes", written))
    return Receipt("freeze", store, 0, len(collections), details)


def freeze(root: Root, remembered: Receipt) -> Receipt:
    """Take the right to write from everything that is as it was remembered."""
    frozen = _change(root, remembered, lambda now, before, without: without if now == before else None)
    return Receipt("freeze", remembered.target, 0, remembered.records if frozen else 0, remembered.details)


def thaw(root: Root, remembered: Receipt) -> Receipt:
    """Give back the mode of everything that is as the freeze left it."""
    _change(root, remembered, lambda now, before, without: before if now == without else None)
    return remembered


def _change(root: Root, remembered: Receipt, wanted: Any) -> bool:
    """Set the modes that ``wanted`` says; whether anything is without the right to write in the end."""
    modes, instead = _read(remembered), replaced(root)
    is_frozen = False
    for folder in _folders(root, [CollectionRef(remembered.target, name) for name in _names(remembered)]):
        known = modes.get(str(folder.number))
        if known is None:
            continue
        for name, status in folder.files:
            before = known.of(instead.get(status.st_ino, status.st_ino))
            mode = wanted(_mode(status), before, _without(before, status))
            if mode is not None:
                with suppress(PermissionError):
                    _set(folder.file, name, mode)
        mode = wanted(_mode(folder.status), known.own, _without(known.own, folder.status))
        if mode is not None:
            with suppress(PermissionError):
                os.fchmod(folder.file, mode)
        is_frozen |= _mode(os.fstat(folder.file)) == _without(known.own, folder.status)
    return is_frozen


def _without(mode: int, status: os.stat_result) -> int:
    """The mode of what is frozen; a folder stays ours to move files from, where we are its owner and not root."""
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() != 0
    return mode & ~(_WRITE & ~_OWNER if is_ours else _WRITE)


def _set(folder: int, name: str, mode: int) -> None:
    file = open_file(folder, name)
    try:
        os.fchmod(file, mode)
    finally:
        os.close(file)


def _folders(root: Root, refs: Sequence[CollectionRef]) -> Iterator[_Folder]:
    """Folders that hold files of the collections, each with all its files."""
    for name in sorted({folder_of(ref) for ref in refs}):
        current: _Folder | None = None
        for entry in walk(root, name):
            if entry.kind not in {"file", "closed"} or place_of(entry.key).folder != name or entry.folder < 0:
                continue
            status = os.fstat(entry.folder)
            if current is None or current.number != status.st_ino:
                if current is not None:
                    yield current
                    os.close(current.file)
                current = _Folder(status.st_ino, os.dup(entry.folder), status, [])
            found = os.stat(entry.name, dir_fd=entry.folder, follow_symlinks=False)
            current.files.append((entry.name, found))
        if current is not None:
            yield current
            os.close(current.file)


def _mode(status: os.stat_result) -> int:
    return stat.S_IMODE(status.st_mode)


def _names(receipt: Receipt | None) -> list[str]:
    return [] if receipt is None else [str(name) for name in json.loads(dict(receipt.details)["collections"])]


def _read(receipt: Receipt | None) -> dict[str, _Modes]:
    if receipt is None:
        return {}
    found = json.loads(dict(receipt.details)["modes"])
    return {str(number): _Modes(own, usual, others) for number, (own, usual, others) in found.items()}
