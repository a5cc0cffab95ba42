"""Files that are either whole and on disk, or not there: temporary file, fsync, then one atomic step.

POSIX only: the directory is synchronised too, because a rename that is not on disk can be lost with the power.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put ``data`` at ``path``, replacing what is there. Readers see the old file or the new one, never a part."""
    with _temporary(path, data) as temporary:
        temporary.chmod(mode)
        temporary.replace(path)
    _sync_directory(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` with mode 0600.

    Raises:
        FileExistsError: if there is a file already; it is left as it was.
    """
    with _temporary(path, data) as temporary:
        # A hard link is the step that fails, instead of replacing, when the name is taken.
        os.link(temporary, path)
    _sync_directory(path.parent)


@contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[Path]:
    """Yield a synchronised file of mode 0600 beside ``path``; whatever is left of it afterwards is removed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
