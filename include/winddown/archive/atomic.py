"""Writes a file that is there whole or not at all, whatever kills the writer."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from winddown.domain.errors import Refused

_UNFINISHED = ".part"


def write_atomically(path: Path, pieces: Iterable[bytes], *, replace: bool = False) -> None:
    """Write the pieces to a temporary file in the same folder, sync it, rename it, sync the folder. Mode 0600.

    When a piece cannot be made, nothing stays. A kill leaves a hidden file, which the case's report removes. Two
    writers of one name at the same time are not kept apart: the batch lock of the control database does that.

    Raises:
        Refused: the name is taken and ``replace`` is False.
    """
    _refuse_taken(path, replace=replace)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_UNFINISHED, dir=path.parent)
    unfinished_path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        _refuse_taken(path, replace=replace)
        unfinished_path.replace(path)
    finally:
        unfinished_path.unlink(missing_ok=True)
    sync_folder(path.parent)


def remove(paths: Iterable[Path]) -> None:
    """Remove files, so that they are still gone after a power cut; one that is gone already is none."""
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in sorted(folders):
        sync_folder(folder)


def made_folder(folder: Path) -> None:
    """Make a folder of mode 0700, and each one above it, so that it is still there after a power cut."""
    if folder.is_dir():
        return
    made_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; without it a rename may be forgotten by a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_taken(path: Path, *, replace: bool) -> None:
    if not replace and os.path.lexists(path):
        raise Refused(f"{path.name} exists already", next_step="verify what is there, or say that it may be replaced")
