"""Which programs have files open, as far as the kernel tells us.

An unlinked file lives on until the last program closes it, and whoever has it open for writing goes on writing into
what was set aside. A user sees the programs of its own alone, root all of this machine; programs inside other machines
that use a share are never seen.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")
File = tuple[int, int]


def holders(files: Collection[File], *, writing: bool = False) -> tuple[str, ...]:
    """Names of other programs that have one of the files open (device and number), or open for writing; sorted."""
    found: set[str] = set()
    for process in _PROCESSES.iterdir() if files else ():
        if process.name.isdigit() and int(process.name) != os.getpid() and _holds(process, files, writing=writing):
            found.add(_name(process))
    return tuple(sorted(found))


def _holds(process: Path, files: Collection[File], *, writing: bool) -> bool:
    # It ended or closed a file meanwhile, or is another user's.
    with suppress(OSError), os.scandir(process / "fd") as opened:
        for each in opened:
            with suppress(OSError):
                status = each.stat()
                if (status.st_dev, status.st_ino) in files and (not writing or _writes(process, each.name)):
                    return True
    return False


def _writes(process: Path, number: str) -> bool:
    told = (process / "fdinfo" / number).read_text("ascii")
    flags = next(line.split()[1] for line in told.splitlines() if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "a program that ended"
