"""Walks a folder in a fixed order without leaving it, and opens files so that a change while reading is noticed."""

import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from winddown.domain.errors import Refused, Transient
from winddown.stores.objects.formats.problem import Problem, Unreadable


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder.

    Attributes:
        key: path below the root with slashes; bytes that are no UTF-8 are written in hexadecimal.
        kind: ``file``, ``link`` (symbolic, never followed), ``outside`` (a link that leads out of the root or nowhere),
            ``special`` (neither file nor folder), or ``closed`` (it may not be looked at).
        state: what changes when the content changes: identity, size and times.
    """

    key: str
    path: Path
    kind: str
    size: int = 0
    links: int = 1
    state: str = ""


def walk(root: Path) -> Iterator[Entry]:
    """Yield everything below the root, folder by folder, in the order of names; memory is bounded by one folder.

    Raises Transient when the root itself is not there, e.g. because a share is not mounted.
    """
    try:
        opened = os.fspath(root.resolve(strict=True))
        if not os.path.isdir(opened):  # noqa: PTH112 - the path is bytes' own, not a Path
            raise Refused("the root of a store of files is no folder", next_step="correct the connection")
    except OSError:
        raise Transient("the root of a store of files is not there; is the share mounted?") from None
    yield from _walk(opened, opened)


def entry_at(root: Path, key: str, state: str) -> Entry:
    """The file of a key as it was listed; opening it fails when it is another one now."""
    if root.resolve() not in (root / key).resolve().parents:
        raise Refused("a key leads out of the store's folder", rule="a store ends at its root")
    return Entry(key, root / key, "file", int(state.split("-")[2]), state=state)


def _walk(root: str, folder: str) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as listed:
            names = sorted(found.name for found in listed)
    except OSError:
        yield Entry(_key(root, folder), Path(folder), "closed")
        return
    for name in names:
        path = os.path.join(folder, name)  # noqa: PTH118 - names may be no UTF-8
        try:
            status = os.lstat(path)
        except OSError:
            yield Entry(_key(root, path), Path(path), "closed")
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(root, path)
        elif stat.S_ISREG(status.st_mode) and not os.access(path, os.R_OK):
            yield Entry(_key(root, path), Path(path), "closed")
        elif stat.S_ISREG(status.st_mode):
            yield Entry(_key(root, path), Path(path), "file", status.st_size, status.st_nlink, _state(status))
        else:
            yield Entry(_key(root, path), Path(path), _kind_of_other(root, path, status))


def _kind_of_other(root: str, path: str, status: os.stat_result) -> str:
    if not stat.S_ISLNK(status.st_mode):
        return "special"
    target = os.path.realpath(path)
    inside = target == root or target.startswith(root.rstrip(os.sep) + os.sep)
    return "link" if inside and os.path.exists(target) else "outside"  # noqa: PTH110


def _key(root: str, path: str) -> str:
    relative = os.fsencode(os.path.relpath(path, root))
    return relative.decode("utf-8", "backslashreplace")


def _state(status: os.stat_result) -> str:
    return f"{status.st_dev}-{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


class LocalFile(io.RawIOBase):
    """A file as a source of its formats; raises Unreadable when it is no longer what was listed."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.failure: Exception | None = None
        try:
            # A link that was put in the file's place meanwhile is not followed, and a pipe does not make us wait.
            self._file = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            raise Unreadable(Problem.CHANGED, "a file may not be read, or is no longer there") from None
        self._check()

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._file)
        super().close()

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
        if {_state(os.fstat(self._file)), _state(os.lstat(self._entry.path))} != {self._entry.state}:
            raise Unreadable(Problem.CHANGED, "a file was replaced or written while it was read")


def _failed() -> Transient:
    return Transient("a file could not be read from its disk or share")
