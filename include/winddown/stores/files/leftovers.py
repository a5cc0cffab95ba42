"""What unlinked files leave behind, who clears it, and how far the claim reaches."""

import fcntl
import os
import shlex
from contextlib import suppress
from pathlib import Path

from winddown.stores.files.medium import Kind, Medium, medium_of
from winddown.stores.files.tree import QUARANTINE, Root, listed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_JOURNAL = ".journal"
_SWAPS = Path("/proc/swaps")
_NEVER = (
    "blocks of the device until they are trimmed or overwritten",
    "names and short files in the file system's journal and in unused parts of folders",
    "copies, indexes and thumbnails that other programs made",
    "backups",
    "what programs of other users and other machines hold open",
)
_OUTCOMES = {
    Kind.MEMORY: "clear, but for what was swapped out",
    Kind.SHARE: "none is stated: the medium is the server's",
    Kind.COPY_ON_WRITE: "none before the tasks are done, then clear at best: older copies may lie in blocks in use",
    Kind.FLASH: "none before the tasks are done, then clear at best: the device may keep copies in spare blocks",
    Kind.VIRTUAL: "none before the tasks are done, then clear at best, if what lies behind the device honours it",
    Kind.ROTATING: "clear for the content of files, overwritten once before they were unlinked, where the file system "
    "writes in place; none for the rest before the tasks are done",
    Kind.UNKNOWN: "none is stated: the medium is not told",
}


def cleared(root: Root) -> tuple[tuple[str, str], ...]:
    """Remove what is empty of the quarantine; return the receipt's details."""
    medium = medium_of(root)
    removed, waiting = _tidy(root)
    left = [f"snapshot {name}" for name in medium.snapshots]
    left += [name for name, _ in medium.unlisted]
    return (
        ("empty_folders_removed", str(removed)),
        ("batches_in_quarantine", str(waiting)),
        ("medium", medium.words),
        ("nist_outcome", _OUTCOMES[medium.kind]),
        ("tasks", "; ".join(_tasks(medium)) or "none"),
        ("not_reached", "; ".join([*left, *_NEVER])),
    )


def _tasks(medium: Medium) -> list[str]:
    mount = shlex.quote(medium.mount)
    tasks = [statement for _, statement in medium.unlisted]
    if medium.snapshots:
        tasks.append(f"destroy the {len(medium.snapshots)} snapshots that hold the purged files, then go on")
    if medium.kind is Kind.MEMORY:
        return ["swapoff -a && swapon -a"] if len(_SWAPS.read_text("utf-8").splitlines()) > 1 else []
    if medium.kind is Kind.SHARE:
        return [*tasks, "on the server, trim or overwrite the free space of the volume behind the share"]
    if medium.discards:
        return [*tasks, f"fstrim -v {mount}"]
    return [*tasks, f"cat /dev/zero > {mount}/fill; sync; rm {mount}/fill"]


def _tidy(root: Root) -> tuple[int, int]:
    """Remove empty folders that killed workers left; return how many, and how many batches still wait."""
    try:
        quarantine = os.open(QUARANTINE, _FOLDER, dir_fd=root.folder)
    except FileNotFoundError:
        return 0, 0
    try:
        batches = [name for name in listed(quarantine) if not name.endswith(_JOURNAL)]
        removed = sum(_is_removed(quarantine, name) for name in batches)
        os.fsync(quarantine)
    finally:
        os.close(quarantine)
    with suppress(OSError):
        os.rmdir(QUARANTINE, dir_fd=root.folder)
    return removed, len(batches) - removed


def _is_removed(quarantine: int, name: str) -> bool:
    """Remove a batch's folder unless something is in it or a worker holds it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    journal = os.open(f"{name}{_JOURNAL}", flags, 0o600, dir_fd=quarantine)
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rmdir(name, dir_fd=quarantine)
    except OSError:
        return False
    else:
        if os.fstat(journal).st_size == 0:
            os.unlink(f"{name}{_JOURNAL}", dir_fd=quarantine)
        return True
    finally:
        os.close(journal)
