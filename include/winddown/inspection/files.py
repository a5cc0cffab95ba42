"""Looks into a folder by another path: its own walk, its own digests, another reader for rows, and raw bytes.

Shares no code with the store. Names are opened one folder after another from the root, no link followed; where the
store compares number, size and time, contents are read and hashed. Free space of the device is searched only where the
connection names a device that may be read.
"""

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Method, Order
from winddown.inspection.file_rows import contradictions
from winddown.inspection.raw_bytes import Patterns, search_paths
from winddown.ports import ByteSearch

_QUARANTINE = ".winddown-quarantine"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
_READERS = 2 * len(os.sched_getaffinity(0))  # while one waits for the disk, another is hashed
_PIECE = 1 << 18
Key = dict[str, Any]


class FilesInspector:
    """Reads one folder and changes nothing in it.

    Args:
        device: the block device below it, where the inspector may read that; None where not.
    """

    def __init__(self, name: str, *, root: Path, device: Path | None = None) -> None:
        self._name = name
        self._path = root
        self._device = device

    def identity(self) -> str:
        """Real path, number of the folder, and the file system's own number."""
        with self._root() as root:
            number, system = os.fstat(root).st_ino, os.fstatvfs(root).f_fsid
        return f"folder {os.fspath(self._path.resolve())}, number {number}, file system {system:x}"

    def unchanged(self, order: Order, batch: Batch) -> int:  # noqa: ARG002 - a file is as planned whoever asks
        """Count records of files that have their names, and the planned content."""
        return self._count(batch, self._is_live)

    def set_aside(self, order: Order, batch: Batch) -> int:
        """Count records of files that wait in quarantine with the planned content, and are not under their names."""

        def waits(root: int, number: int, key: Key) -> bool:
            live = _found(root, key["object"])
            is_away = live is None or (order.method is Method.REWRITE_FILE and not _is_planned(key, live))
            return is_away and self._has_content(root, _slot(order, batch, number), key)

        return self._count(batch, waits)

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count records whose file still has its name, or another that went with it.

        Of a file that was written anew, the rows are compared with the old one's while that waits in quarantine: a
        survivor that is missing or changed counts as a contradiction too.
        """
        if order.method is Method.REWRITE_FILE:
            with self._root() as root:
                return sum(
                    self._contradictions(root, order, _slot(order, batch, number), key)
                    for number, key in enumerate(batch.keys.to_pylist())
                )

        def is_named(root: int, _: int, key: Key) -> bool:
            names = (key["object"], *(one["name"] for one in key["also"]))
            return any(_found(root, name) is not None for name in names)

        return self._count(batch, is_named)

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count records of files of which anything lies in a slot, or that a program still has open."""
        opened = _held_open({_numbers(key)[0] for key in batch.keys.to_pylist()})
        with self._root() as top, _below(top, _slot(order, batch, 0)[:-1]) as folder:
            # A slot's name begins with the number of its key; further names of a file follow behind a dot.
            filled = set() if folder is None else {name.partition(".")[0] for name in _listed(folder)}

        def is_left(root: int, number: int, key: Key) -> bool:
            is_held = _numbers(key)[0] in opened and _found(root, key["object"]) is None
            return f"{number:06}" in filled or is_held

        return self._count(batch, is_left)

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """By mode: everybody, groups, and owners other than root and winddown's user; access lists end at the mask."""
        found: set[str] = set()
        with self._root():
            for status in self._statuses(collections):
                if status.st_mode & stat.S_IWOTH:
                    found.add("every user of the machine")
                if status.st_mode & stat.S_IWGRP:
                    found.add(f"group {status.st_gid}")
                if status.st_mode & stat.S_IWUSR and status.st_uid not in {0, os.geteuid()}:
                    found.add(f"owner {status.st_uid}")
        return tuple(sorted(found))

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Whoever may read by mode; nothing takes that away here."""
        return ("users whom the modes of folders and files let read",) if collections else ()

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:
        """Search every file below the root, quarantine included, and the device where it may be read.

        ``reached`` says whether the device was read: without it, what lies in free blocks is not known.
        """
        root = Path(os.path.realpath(self._path))
        apart = {name.partition("#")[0] for name in left_alone}
        found = search_paths(_paths(root, apart), probes, medium="", folder=root)
        medium = "every file below the folder" + (
            f"; not searched, because they stay: {', '.join(sorted(apart))}" if apart else ""
        )
        size, hits = self._searched_device(probes)
        where = (*found.where, *(("free space or other files of the device",) if hits else ()))
        return ByteSearch(
            reached=size > 0,
            medium=medium + ("; and the whole device" if size else "; not the free space of the device"),
            bytes_read=found.bytes_read + size,
            probes=len(probes),
            found=max(found.found, hits),
            where=where,
            unread=found.unread,
        )

    # -- pieces --------------------------------------------------------------------------------------------------

    @contextmanager
    def _root(self) -> Iterator[int]:
        try:
            root = os.open(os.path.realpath(self._path), _FOLDER)
        except OSError:
            raise Refused(f"the inspector of store {self._name} finds no folder where its connection points") from None
        try:
            yield root
        except OSError as error:
            raise Transient(f"the inspector of store {self._name} failed ({error.strerror})") from None
        finally:
            os.close(root)

    def _count(self, batch: Batch, holds: Any) -> int:
        """Sum the records of keys for which something holds; files are read side by side."""
        keys = batch.keys.to_pylist()
        with self._root() as root, ThreadPoolExecutor(_READERS) as pool:
            told = pool.map(lambda pair: bool(holds(root, *pair)), enumerate(keys))
            return sum(_records(key) for key, is_so in zip(keys, told, strict=True) if is_so)

    def _is_live(self, root: int, _: int, key: Key) -> bool:
        return self._has_content(root, _parts(key["object"]), key)

    def _has_content(self, root: int, path: Sequence[bytes], key: Key) -> bool:
        with _below(root, path[:-1]) as folder:
            if folder is None:
                return False
            try:
                file = os.open(path[-1], _FILE, dir_fd=folder)
            except OSError:
                return False
        with closing(os.fdopen(file, "rb", buffering=0)) as opened:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or not _is_planned(key, status):
                return False
            hasher = hashlib.sha256()
            while piece := opened.read(_PIECE):
                hasher.update(piece)
            return bool(hasher.hexdigest() == key[CONTENT])

    def _contradictions(self, root: int, order: Order, slot: Sequence[bytes], key: Key) -> int:
        """Records that contradict the order in a file that was written anew."""
        live = _found(root, key["object"])
        if live is not None and _is_planned(key, live):
            return _records(key)
        with _opened(root, _parts(key["object"])) as after, _opened(root, slot) as before:
            return 0 if after is None else contradictions(before, after, order, set(key["rows"]))

    def _statuses(self, collections: Sequence[CollectionRef]) -> Iterator[os.stat_result]:
        folders = {name: name for name in (ref.name.partition("#")[0] for ref in collections)}
        for folder in folders:
            top = Path(os.path.realpath(self._path)) / os.fsdecode(b"/".join(_parts(folder)) if folder != "." else b"")
            pending = [top]
            while pending:
                here = pending.pop()
                yield here.lstat()
                for found in os.scandir(here):
                    if found.is_file(follow_symlinks=False):
                        yield found.stat(follow_symlinks=False)
                    elif found.is_dir(follow_symlinks=False) and "=" in found.name.strip("="):
                        pending.append(Path(found.path))

    def _searched_device(self, probes: Sequence[bytes]) -> tuple[int, int]:
        """Bytes of the device that were read, and how many values were found in them."""
        if self._device is None:
            return 0, 0
        try:
            with self._device.open("rb") as device:
                size, hits = Patterns(probes).found_along(device)
        except OSError:
            return 0, 0
        return size, len(hits)


def _parts(name: str) -> list[bytes]:
    return [_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), part.encode()) for part in name.split("/")]


def _slot(order: Order, batch: Batch, number: int) -> list[bytes]:
    digest = hashlib.sha256(str(order.id).encode()).hexdigest()[:24]
    return [_QUARANTINE.encode(), f"{digest}-{batch.index:06}".encode(), f"{number:06}".encode()]


@contextmanager
def _below(root: int, folders: Sequence[bytes]) -> Iterator[int | None]:
    """Open one folder after another; None when one is not there, or is a link."""
    with ExitStack() as stack:
        here: int | None = root
        for part in folders:
            try:
                here = os.open(part, _FOLDER, dir_fd=here)
            except (FileNotFoundError, NotADirectoryError):
                here = None
                break
            stack.callback(os.close, here)
        yield here


def _found(root: int, name: str) -> os.stat_result | None:
    *folders, last = _parts(name)
    with _below(root, folders) as folder:
        if folder is not None:
            with contextlib.suppress(FileNotFoundError):
                return os.stat(last, dir_fd=folder, follow_symlinks=False)
    return None


@contextmanager
def _opened(root: int, path: Sequence[bytes]) -> Iterator[BinaryIO | None]:
    """The file, or None when it is not there."""
    with ExitStack() as stack:
        folder = stack.enter_context(_below(root, path[:-1]))
        file = None
        if folder is not None:
            with contextlib.suppress(OSError):
                file = stack.enter_context(os.fdopen(os.open(path[-1], _FILE, dir_fd=folder), "rb"))
        yield file


def _listed(folder: int) -> list[str]:
    with os.scandir(folder) as found:
        return [each.name for each in found]


def _numbers(key: Key) -> list[int]:
    """Number, size and time of the planned file."""
    return [int(part) for part in key["version"].split("-")]


def _is_planned(key: Key, status: os.stat_result) -> bool:
    return _numbers(key) == [status.st_ino, status.st_size, status.st_mtime_ns]


def _records(key: Key) -> int:
    return max(len(key.get("rows") or ()), 1)


def _held_open(numbers: set[int]) -> set[int]:
    """Those of the files that another program holds open although they have no name any more, as far as we see them."""
    held: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError), os.scandir(process / "fd") as links:
            for link in links:
                with contextlib.suppress(OSError):
                    status = link.stat()
                    if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                        held |= {status.st_ino} & numbers
    return held


def _paths(root: Path, apart: set[str]) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        here = os.path.relpath(folder, root)
        names.sort()
        collection = re.sub(r"(/[^/=]+=[^/]*)+$", "", here)
        if collection not in apart:
            for name in sorted(files):
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    yield path
