"""Walks a folder in a fixed order without leaving it, and opens files so that a change while reading is noticed.

Every name is looked up in a folder that is held open, and no link is followed on the way: whoever swaps a folder for a
link between a look and an act finds that the act fails.
"""

import errno
import fcntl
import io
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from winddown.domain.errors import Refused, Transient
from winddown.stores.files.names import key_of, path_of
from winddown.stores.objects.formats.problem import Problem, Unreadable

QUARANTINE = ".winddown-quarantine"
"""Folder below the root in which quarantined files wait; it is no part of the store's data."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A link that was put in the file's place meanwhile is not followed, and a pipe does not make us wait.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_GET_FLAGS = 0x80086601
_FIXED_FLAGS = 0x10 | 0x20  # immutable, append-only


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder; to be opened before the walk goes on.

    Attributes:
        key: path below the root with slashes, as ``names.key_of`` writes it.
        kind: ``file``, ``link`` (symbolic, leads to something inside the root), ``outside`` (a link that leads out of
            the root or nowhere), ``special`` (neither file nor folder), ``mount`` (another file system), ``fixed`` (a
            folder that is immutable; what is in it is listed as well), or ``closed`` (it may not be looked at).
        folder: descriptor of the folder that holds it.
        state: what changes when the content changes: identity, size and time.
    """

    key: str
    kind: str
    folder: int = -1
    name: str = ""
    size: int = 0
    links: int = 1
    inode: int = 0
    state: str = ""


class Root:
    """The folder of a store, held open.

    Attributes:
        path: its real path; folder: its descriptor.
    """

    def __init__(self, path: str, folder: int) -> None:
        self.path, self.folder = path, folder
        self._parent: tuple[bytes, int] | None = None

    @property
    def identity(self) -> str:
        """What tells it from a copy in its place: the file system, the real path and the folder's own number."""
        # Numbers of devices change when a machine starts; that of a file system goes with its data where it has one.
        number = os.fstatvfs(self.folder).f_fsid
        return f"folder {self.path}, number {os.fstat(self.folder).st_ino}, file system {number:x}"

    def parent(self, key: str) -> tuple[int, str]:
        """Descriptor of the folder of a key, good until the next call, and the name in it.

        Raises OSError when a folder on the way is not there, or is a link by now.
        """
        folders, _, name = path_of(key).rpartition(b"/")
        return self.folder_of(folders), os.fsdecode(name)

    def folder_of(self, folders: bytes) -> int:
        """Descriptor of a folder below the root, b"" for the root itself; as ``parent``."""
        if self._parent is None or self._parent[0] != folders:
            self.close_parent()
            self._parent = (folders, self._descend(folders))
        return self._parent[1]

    def close_parent(self) -> None:
        """Close the folder that was asked for last."""
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None

    def _descend(self, folders: bytes) -> int:
        here = os.dup(self.folder)
        for part in folders.split(b"/") if folders else ():
            if part in {b"", b".", b".."}:
                os.close(here)
                raise Refused("a key leads out of the store's folder", rule="a store ends at its root")
            try:
                below = os.open(part, _FOLDER, dir_fd=here)
            finally:
                os.close(here)
            here = below
        return here


@contextmanager
def opened(path: Path) -> Iterator[Root]:
    """Hold the root open. Raises Transient when it is not there, e.g. because a share is not mounted."""
    try:
        real = os.fspath(path.resolve(strict=True))
        folder = os.open(real, _FOLDER)
    except NotADirectoryError:
        raise Refused("the root of a store of files is no folder", next_step="correct the connection") from None
    except OSError:
        raise Transient("the root of a store of files is not there; is the share mounted?") from None
    root = Root(real, folder)
    try:
        yield root
    finally:
        root.close_parent()
        os.close(folder)


def walk(root: Root, below: str = "") -> Iterator[Entry]:
    """Yield everything below the root, or one of its folders, in the order of names, files before folders.

    Memory is bounded by one folder. A folder that is not there holds nothing.
    """
    try:
        folder = os.dup(root.folder_of(path_of(below)))
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return
        yield Entry(below, "closed")
        return
    yield from _walk(root, folder, path_of(below) if below else b"", mount_number(root.folder))


def _walk(root: Root, folder: int, path: bytes, mount: str) -> Iterator[Entry]:
    """Yield what is in a folder; closes the descriptor."""
    try:
        try:
            names = listed(folder)
        except OSError:
            yield Entry(key_of(path), "closed")
            return
        folders: list[tuple[str, bytes]] = []
        for name in names:
            if not path and name == QUARANTINE:
                continue
            here = path + b"/" + os.fsencode(name) if path else os.fsencode(name)
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                yield Entry(key_of(here), "closed")
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append((name, here))
            else:
                yield _entry(root, folder, name, here, status)
        for name, here in folders:
            try:
                below = os.open(name, _FOLDER, dir_fd=folder)
            except OSError:
                yield Entry(key_of(here), "closed")
                continue
            if mount_number(below) != mount:
                os.close(below)
                yield Entry(key_of(here) + "/", "mount")
                continue
            if is_fixed(below):
                yield Entry(key_of(here) + "/", "fixed")
            yield from _walk(root, below, here, mount)
    finally:
        os.close(folder)


def _entry(root: Root, folder: int, name: str, path: bytes, status: os.stat_result) -> Entry:
    if stat.S_ISREG(status.st_mode):
        kind = "file" if os.access(name, os.R_OK, dir_fd=folder) else "closed"
    elif stat.S_ISLNK(status.st_mode):
        kind = "link" if target_of(root, path) is not None else "outside"
    else:
        kind = "special"
    inode, state = status.st_ino, state_of(status)
    return Entry(key_of(path), kind, folder, name, status.st_size, status.st_nlink, inode, state)


def target_of(root: Root, path: bytes) -> bytes | None:
    """Path below the root of what a link leads to in the end; None when that is outside, or nothing."""
    base = os.fsencode(root.path).rstrip(b"/") + b"/"
    target = os.path.realpath(base + path)
    return target.removeprefix(base) if target.startswith(base) and os.path.exists(target) else None  # noqa: PTH110


def state_of(status: os.stat_result) -> str:
    """What a file is known by in plans: number, size and time of its last change of content; moving keeps them."""
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def size_in(state: str) -> int:
    """The size that a state names."""
    return int(state.split("-")[1])


def listed(folder: int) -> list[str]:
    """Names in an open folder, sorted."""
    with os.scandir(folder) as found:
        return sorted(each.name for each in found)


def is_fixed(file: int) -> bool:
    """Whether an open file or folder is immutable or append-only; False where the file system knows no such thing."""
    with suppress(OSError):
        answer = fcntl.ioctl(file, _GET_FLAGS, struct.pack("l", 0))
        return bool(struct.unpack("l", answer)[0] & _FIXED_FLAGS)
    return False


def mount_number(folder: int) -> str:
    """Number of the mount that an open folder lies on; a device number does not tell bind mounts apart."""
    told = Path(f"/proc/self/fdinfo/{folder}").read_text("ascii")
    return next((line.split()[1] for line in told.splitlines() if line.startswith("mnt_id:")), "")


def entry_at(root: Root, key: str, state: str) -> Entry:
    """The file of a key as it was listed; opening it fails when it is another one now."""
    try:
        folder, name = root.parent(key)
    except OSError:
        raise Unreadable(Problem.CHANGED, "the folder of a file is no longer there") from None
    return Entry(key, "file", folder, name, size_in(state), state=state)


class LocalFile(io.RawIOBase):
    """A file as a source of its formats; raises Unreadable when it is no longer what was listed."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.failure: Exception | None = None
        try:
            self._file = open_file(entry.folder, entry.name)
            self._folder = os.dup(entry.folder)
        except OSError:
            raise Unreadable(Problem.CHANGED, "a file may not be read, or is no longer there") from None
        self._check()

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._file)
            os.close(self._folder)
        super().close()

    def fileno(self) -> int:
        """The descriptor."""
        return self._file

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return os.lseek(self._file, 0, os.SEEK_CUR)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return os.lseek(self._file, offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, b"" at the end, at which the file must still be what it was."""
        wanted = self._entry.size if size < 0 else size
        try:
            found = os.read(self._file, wanted)
            if len(found) < wanted:
                self._check()
        except (OSError, Unreadable) as error:
            self.failure = error if isinstance(error, Unreadable) else _failed()
            raise self.failure from None
        return found

    def _check(self) -> None:
        # Another file under the same name leaves the opened one as it was; both have to be what was listed.
        named = os.stat(self._entry.name, dir_fd=self._folder, follow_symlinks=False)
        if {state_of(os.fstat(self._file)), state_of(named)} != {self._entry.state}:
            raise Unreadable(Problem.CHANGED, "a file was replaced or written while it was read")


def open_file(folder: int, name: str) -> int:
    """Open a file for reading, without following a link; the time of its last reading stays, where we may say so."""
    try:
        return os.open(name, _FILE | os.O_NOATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, _FILE, dir_fd=folder)


def _failed() -> Transient:
    return Transient("a file could not be read from its disk or share")
