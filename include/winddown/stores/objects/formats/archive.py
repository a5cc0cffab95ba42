"""Looking into zip archives (APPNOTE 6.3) within limits; Excel workbooks are such archives too."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from winddown.domain.errors import WinddownError
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.problem import Problem, Unreadable

MAGIC = b"PK\x03\x04"
_ENCRYPTED = 0x1


@contextmanager
def opened(source: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose list of members is within the limits; raises Unreadable for all others."""
    source.seek(0)
    with archive_errors(), zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        if len(members) > limits.MEMBERS:
            raise Unreadable(Problem.LIMIT, f"an archive has more than {limits.MEMBERS} members")
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise Unreadable(Problem.ARCHIVE, "an archive is encrypted")
        limits.check_unpacked(sum(found.compress_size for found in members), sum(found.file_size for found in members))
        yield archive


@contextmanager
def archive_errors() -> Iterator[None]:
    """Raise Unreadable in place of the standard library's errors, which name members."""
    try:
        yield
    except WinddownError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        raise Unreadable(Problem.BROKEN, "an archive cannot be read to its end") from None


class Member(io.RawIOBase):
    """A member as a file of its own; a bomb that lies about its size is noticed while it is read."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._file: IO[bytes] = archive.open(info)
        self._packed = info.compress_size
        self._read = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """The standard library unpacks again from the beginning to go back."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the unpacked member."""
        with archive_errors():
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Place in the unpacked member."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes."""
        with archive_errors():
            found = self._file.read(size)
        self._read = max(self._read, self._file.tell())
        limits.check_unpacked(self._packed, self._read)
        return found


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    """The member as a seekable source."""
    with archive_errors():
        return cast("BinaryIO", Member(archive, info))
