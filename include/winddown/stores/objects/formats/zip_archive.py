"""Zip archives of row files (APPNOTE 6.3): members are read as if they were objects, one after another.

The rows of all members are numbered on, in the order of the archive's list; fields are those of all members together.
Not read, and refused by name: an archive inside an archive, an encrypted one, one with members of no known format or
with documents beside rows. An archive of documents alone is opaque. Nothing is written.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol

import pyarrow as pa

from winddown.stores.objects.formats import archive
from winddown.stores.objects.formats.problem import Problem, Unreadable

ID = "zip"


class Reads(Protocol):
    """What reads a member."""

    def read(self, source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows."""
        ...


Find = Callable[[BinaryIO, int], Reads | None]


def read(source: BinaryIO, find: Find, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all members; ``find`` names the format of one, None when it is opaque."""
    with archive.opened(source) as found:
        for info in members(found):
            form = find(archive.member(found, info), info.file_size)
            if form is None:
                raise Unreadable(Problem.ARCHIVE, "an archive holds documents beside files of rows")
            yield from form.read(archive.member(found, info), fields=fields)


def members(found: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Members that hold something."""
    return [info for info in found.infolist() if info.file_size and not info.is_dir()]
