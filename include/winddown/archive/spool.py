"""A temporary file that nobody else can read: written once, then read at any place.

It has no name, and its key, which is used for nothing else, lives in this process alone. So whatever ends the process
leaves bytes on the medium that nobody can open. Chunks of 1 MiB are AES-256-GCM; the nonce is the chunk's number.
"""

import hashlib
import io
import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from winddown.archive.atomic import made_folder
from winddown.domain.errors import Refused, Transient

_CHUNK_BYTES = 1 << 20
_TAG_BYTES = 16


class Spool(io.RawIOBase):
    """Write forwards, ``finish``, then ``take`` ranges; memory for a chunk or two and what is taken.

    Attributes:
        size: bytes written so far.

    Raises:
        Transient: the file cannot be written or read, e.g. because the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._pending = bytearray()
        self._chunks = 0
        self._hash = hashlib.sha256()
        self._kept: tuple[int, bytes] = (-1, b"")
        try:
            made_folder(folder)
            self._file: BinaryIO = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed with us
        except OSError as error:
            raise _unusable(error) from None

    def writable(self) -> bool:
        """Until it is finished."""
        return True

    def write(self, data: Any) -> int:
        """Append bytes."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self.size += len(view)
        rest = view
        while rest:
            room = _CHUNK_BYTES - len(self._pending)
            self._pending += rest[:room]
            rest = rest[room:]
            if len(self._pending) == _CHUNK_BYTES:
                self._put()
        return len(view)

    def finish(self) -> str:
        """Write what is pending; returns the SHA-256 of everything in hex."""
        if self._pending:
            self._put()
        return self._hash.hexdigest()

    def take(self, start: int, size: int) -> bytes:
        """The bytes of a range; fewer where it goes beyond the end."""
        end = min(start + size, self.size)
        pieces = []
        while start < end:
            number, inside = divmod(start, _CHUNK_BYTES)
            piece = self._chunk(number)[inside : inside + end - start]
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def opened(self) -> BinaryIO:
        """What was written, as a seekable file; the spool has to be finished, and stays open."""
        return io.BufferedReader(_Reader(self), _CHUNK_BYTES)

    def close(self) -> None:
        """Give the disk's room back."""
        if not self.closed:
            self._file.close()
        super().close()

    def _put(self) -> None:
        sealed = self._cipher.encrypt(_nonce(self._chunks), bytes(self._pending), None)
        try:
            view = memoryview(sealed)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _unusable(error) from None
        self._chunks += 1
        self._pending.clear()

    def _chunk(self, number: int) -> bytes:
        if self._kept[0] != number:
            place = number * (_CHUNK_BYTES + _TAG_BYTES)
            try:
                sealed = os.pread(self._file.fileno(), _CHUNK_BYTES + _TAG_BYTES, place)
                self._kept = (number, self._cipher.decrypt(_nonce(number), sealed, None))
            except OSError as error:
                raise _unusable(error) from None
            except InvalidTag:
                raise Refused(
                    "a temporary file was changed while it was used", rule="nothing unproven is sent"
                ) from None
        return self._kept[1]


class _Reader(io.RawIOBase):
    """Reads a spool from any place."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._place = spool, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._place = offset + (0, self._place, self._spool.size)[whence]
        return self._place

    def readinto(self, into: Any) -> int:
        """Fill a buffer, as far as there is anything."""
        piece = self._spool.take(self._place, len(into))
        into[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _unusable(error: OSError) -> Transient:
    return Transient(
        f"a temporary file of the workspace cannot be used ({error.strerror})",
        next_step="look at the workspace's disk: space, quota, mode",
    )
