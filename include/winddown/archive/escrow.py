"""Escrow: the records of a batch in an encrypted file of the case's workspace, until they are restored or purged.

Layout of a file::

    part key    32 random bytes, of this file alone
    container   ``winddown.archive.container`` around the records, to the end; each record is its length in four bytes,
                big-endian, and its bytes

The container's key is HKDF of the case's container key with the part key, and its context names store, order and batch.
So a file opens with both keys, for its own batch alone, and overwriting 32 bytes of it destroys it: crypto-erase of a
small thing. The case's key makes the same of all files at the end. On the medium that is NIST *clear* at best: flash
and copying file systems keep old blocks until trimmed, and snapshots and backups of the workspace have the part key.

A file is named by its batch and its own SHA-256. Attempts never overwrite one another: the journal of the store says,
in the transaction in which the records go, which file is the true one, and every other one of the batch is an orphan.
"""

import hashlib
import os
import secrets
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from winddown.archive.atomic import made_folder, sync_folder
from winddown.archive.container import ContainerKey, decrypt, encrypt
from winddown.archive.spool import Spool
from winddown.archive.turns import turn_on
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Transient

_PART_KEY_BYTES = 32
_LENGTH = struct.Struct(">I")
_PIECE_BYTES = 1 << 18
_SUFFIX, _UNFINISHED, _TURN = ".escrow", ".part", ".turn"


class Attempt:
    """What was written of one batch, and does not count until it is kept.

    Attributes:
        records: how many there are in it.
    """

    def __init__(self, descriptor: int, path: Path, *, slot: str, key: ContainerKey, context: str) -> None:
        self.records = 0
        self._descriptor = descriptor
        self._path = path
        self._slot = slot
        self._context = context
        self._part_key = secrets.token_bytes(_PART_KEY_BYTES)
        self._key = key.part(self._part_key)
        self._hash = hashlib.sha256(self._part_key)

    def write(self, records: Iterable[bytes]) -> None:
        """Encrypt and write all records; the part key is held back, so that what is not kept cannot be read."""
        with os.fdopen(self._descriptor, "wb", closefd=False) as file:
            file.write(bytes(_PART_KEY_BYTES))
            for piece in encrypt(self._framed(records), key=self._key, context=self._context):
                self._hash.update(piece)
                file.write(piece)

    def keep(self) -> str:
        """Make the file durable, and return its name, which the journal has to be told before the transaction ends."""
        os.pwrite(self._descriptor, self._part_key, 0)
        os.fsync(self._descriptor)
        name = f"{self._slot}-{self._hash.hexdigest()}{_SUFFIX}"
        self._path.rename(self._path.parent / name)
        sync_folder(self._path.parent)
        return name

    def _framed(self, records: Iterable[bytes]) -> Iterator[bytes]:
        pieces: list[bytes] = []
        size = 0
        for record in records:
            pieces += (_LENGTH.pack(len(record)), record)
            self.records += 1
            size += len(record)
            if size >= _PIECE_BYTES:
                yield b"".join(pieces)
                pieces, size = [], 0
        yield b"".join(pieces)


class Escrow:
    """The escrow of one store in one case.

    Whoever writes or destroys has the turn on the batch: by the store's own lock, or by ``turn`` where it has none, one
    worker at a time acts on it.

    Args:
        folder: of this store's files; made at first use.
        scope: case and store, in words that files are bound to.
        key: the case's container key, asked for when a file is written or opened.
    """

    def __init__(self, folder: Path, *, scope: str, key: Callable[[], ContainerKey]) -> None:
        self._folder = folder
        self._scope = scope
        self._key = key

    @contextmanager
    def turn(self, order_id: str) -> Iterator[None]:
        """Act on an order's batches alone: other workers with the same workspace wait."""
        folder = self._of(order_id)
        with ExitStack() as held:
            try:
                made_folder(folder)
                held.enter_context(turn_on(folder / _TURN))
            except OSError as error:
                raise Transient(
                    f"the escrow of order {order_id} cannot be used ({error.strerror})",
                    next_step="look at the workspace's disk: space, quota, mode",
                ) from None
            yield

    def spool(self) -> Spool:
        """A temporary file on the same disk that nobody else can read."""
        return Spool(self._folder)

    @contextmanager
    def written(self, order_id: str, batch: Batch, records: Iterable[bytes]) -> Iterator[Attempt]:
        """Write records as they come, with memory for one MiB and the largest of them, and let the caller decide.

        What is not kept when the block ends is removed. What was kept stays, whatever happens then: a commit of which
        nobody knows whether it happened may need it.

        Raises:
            Transient: the file cannot be written, e.g. because the disk is full. Nothing of it counts.
        """
        folder, slot = self._of(order_id), _slot(batch.index)
        try:
            made_folder(folder)
            descriptor, name = tempfile.mkstemp(prefix=f".{slot}-", suffix=_UNFINISHED, dir=folder)
            path = Path(name)
            try:
                context = self._context(order_id, batch)
                attempt = Attempt(descriptor, path, slot=slot, key=self._key(), context=context)
                attempt.write(records)
                yield attempt
            finally:
                os.close(descriptor)
                _destroyed(path)
        except OSError as error:
            raise Transient(
                f"the escrow of order {order_id} batch {batch.index} cannot be written ({error.strerror})",
                next_step="look at the workspace's disk: space, quota, mode",
            ) from None

    def names(self, order_id: str, index: int) -> tuple[str, ...]:
        """All files of a batch, those that a killed worker left unfinished included; sorted."""
        slot = f"{_slot(index)}-"
        try:
            with os.scandir(self._of(order_id)) as found:
                return tuple(sorted(entry.name for entry in found if entry.name.removeprefix(".").startswith(slot)))
        except FileNotFoundError:
            return ()

    def count(self) -> int:
        """Number of files of all batches of all orders."""
        return sum(name != _TURN for _, _, files in os.walk(self._folder) for name in files)

    def records(self, order_id: str, batch: Batch, name: str) -> Iterator[bytes]:
        """Yield the records of a file. Act on them after the iterator is exhausted: a wrong end is known at the end.

        Raises:
            Refused: missing file, another batch's, another key, another attempt under this name, any changed byte.
        """
        with self._opened(order_id, batch, name) as file:
            key = self._key().part(file.read(_PART_KEY_BYTES))
            yield from _unframed(decrypt(file, key=key, context=self._context(order_id, batch)))

    def is_whole(self, order_id: str, batch: Batch, name: str) -> bool:
        """Whether a file is there, byte for byte as it was written; it is not decrypted."""
        try:
            self._opened(order_id, batch, name).close()
        except Refused:
            return False
        return True

    def _opened(self, order_id: str, batch: Batch, name: str) -> BinaryIO:
        try:
            file = (self._of(order_id) / name).open("rb")
        except (FileNotFoundError, IsADirectoryError):  # no name is the folder's
            raise Refused(
                f"the escrow of order {order_id} batch {batch.index} is missing",
                next_step="restore the workspace's folder escrow; missing is not empty",
            ) from None
        if name != f"{_slot(batch.index)}-{hashlib.file_digest(file, 'sha256').hexdigest()}{_SUFFIX}":
            file.close()
            raise Refused(
                f"the escrow of order {order_id} batch {batch.index} is not the file that was written",
                next_step="restore the workspace's folder escrow from a copy",
            )
        file.seek(0)
        return file

    def destroy(self, order_id: str, names: Iterable[str]) -> None:
        """Overwrite the part keys, sync, remove the files, sync the folder. May be repeated.

        What that does not reach stands at the top of the module.

        Raises:
            Transient: a file cannot be written to.
        """
        folder = self._of(order_id)
        removed = False
        try:
            for path in (folder / name for name in names):
                removed |= _destroyed(path)
            if removed:
                sync_folder(folder)
        except OSError as error:
            raise Transient(
                f"a file in the escrow of order {order_id} cannot be destroyed ({error.strerror})",
                next_step="look at the workspace's disk and the modes of its folders",
            ) from None

    def _of(self, order_id: str) -> Path:
        return self._folder / hashlib.sha256(order_id.encode()).hexdigest()[:24]

    def _context(self, order_id: str, batch: Batch) -> str:
        return f"escrow/{self._scope}/{order_id}/{batch.index}/{batch.digest}"


def _slot(index: int) -> str:
    return f"{index:06}"


def _unframed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = wanted = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size < wanted:
            continue  # a record of many pieces is put together once
        content, begin = b"".join(parts), 0
        while True:
            start = end = begin + _LENGTH.size
            if start <= size:
                end += _LENGTH.unpack_from(content, begin)[0]
            if end > size:
                break
            yield content[start:end]
            begin = end
        parts, size, wanted = [content[begin:]], size - begin, end - begin
    if size:
        raise Refused("an escrow ends within a record")


def _destroyed(path: Path) -> bool:
    """Destroy one file; False when somebody else has done so."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        os.pwrite(descriptor, secrets.token_bytes(_PART_KEY_BYTES), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink(missing_ok=True)
    return True
