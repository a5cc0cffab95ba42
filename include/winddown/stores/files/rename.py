"""Renames that never replace: the kernel's ``renameat2``, which Python does not offer.

A share may not know its flags (NFS). Then a move that must not replace is made of a hard link and an unlink, which
leaves both names when killed in between; two files cannot change places there at all.
"""

import ctypes
import errno
import os

from winddown.domain.errors import Refused

_NOREPLACE, _EXCHANGE = 1, 2
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_LIBC = ctypes.CDLL(None, use_errno=True)


def move_new(source: int, name: str, target: int, new_name: str) -> None:
    """Move a name to a folder in which ``new_name`` does not exist; raises FileExistsError when it does."""
    try:
        _renameat2(source, name, target, new_name, _NOREPLACE)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        os.link(name, new_name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        os.unlink(name, dir_fd=source)


def exchange(source: int, name: str, target: int, other: str) -> None:
    """Let two names change places in one step; raises Refused where the file system does not know that."""
    try:
        _renameat2(source, name, target, other, _EXCHANGE)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        raise Refused(
            "the file system of the store cannot let two files change places in one step, so a file that is written "
            "anew could hide what somebody else writes meanwhile",
            rule="a writer wins",
            next_step="copy these files to a local file system, or decide on whole files",
        ) from None


def _renameat2(source: int, name: str, target: int, other: str, flags: int) -> None:
    done = _LIBC.renameat2(source, os.fsencode(name), target, os.fsencode(other), flags)
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
