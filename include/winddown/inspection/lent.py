"""A file that is lent to a library, which may close it when it is done, or forget it, without closing ours."""

import io
from typing import BinaryIO

import pyarrow as pa


class LentFile:
    """Reads a file that is open already, from a place of its own; closing this one leaves it open."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._place = file, 0

    def tell(self) -> int:
        """Place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._place = self._file.seek(offset, whence) if whence == io.SEEK_END else offset + whence * self._place
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, b"" at the end."""
        self._file.seek(self._place)
        piece = self._file.read(size)
        self._place += len(piece)
        return piece

    def close(self) -> None:
        """Nothing."""


def to_arrow(file: BinaryIO) -> pa.PythonFile:
    """The file as Arrow takes it."""
    return pa.PythonFile(LentFile(file), mode="r")
