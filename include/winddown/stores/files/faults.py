"""Turns a file system's errors into the product's three; names of files may name persons and stay out."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from winddown.domain.errors import Refused, Transient

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM}


@contextmanager
def translated(store: str, doing: str) -> Iterator[None]:
    """Run calls to the file system; raise Refused or Transient in place of its errors."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        if error.errno in _DENIED:
            raise Refused(
                f"store {store} refused us while {doing} ({name})",
                rule="credentials",
                next_step="give the user that winddown runs as the right to read and write below the store's folder; "
                "of immutable files and folders, an administrator takes the flag away with chattr -i",
            ) from None
        if error.errno == errno.EROFS:
            raise Refused(
                f"store {store} is mounted read-only, while {doing}", next_step="mount it with rights to write"
            ) from None
        if error.errno in {errno.EXDEV, errno.EBUSY}:
            raise Refused(
                f"store {store} spans several mounts, so {doing} is not one step ({name})",
                rule="quarantine lies on the same file system",
                next_step="declare what is mounted inside the folder as a store of its own, then plan again",
            ) from None
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise Refused(
                f"a folder of store {store} is a link or a file by now, while {doing}",
                rule="no link is followed",
                next_step="find out who put it there; put the folder back, then run again",
            ) from None
        if error.errno in _FULL:
            raise Transient(
                f"store {store} has no room left while {doing} ({name})",
                next_step="make room where the files lie, then run again",
            ) from None
        raise Transient(f"store {store} is not available while {doing} ({name})") from None
