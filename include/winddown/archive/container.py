"""An encrypted container: the only form in which personal data leaves a store (manifests, escrow, archives).

Layout, integers big-endian::

    header   "WDSEAL" | version 1 (1 byte) | key id (8 bytes) | salt (32 bytes, random)
    chunks   AES-256-GCM of 1 MiB of plaintext each, the last one shorter or equal; tag of 16 bytes at the end of each

The chunk key is HKDF-SHA256 of the container key with the salt; its info holds the header and the context. As every
container has a key of its own, the nonce is the chunk's index. Associated data of a chunk is its index and whether it
is the last: a cut, a swap, a repetition or an appendix fails the tag of the chunk where it begins. The construction is
STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015), as used by age and Tink.

It hides contents, not sizes; it does not say who wrote it; it does not erase what it was made from.
"""

import hashlib
import hmac
import secrets
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from winddown.archive.atomic import write_atomically
from winddown.domain.errors import Refused

KEY_BYTES = 32
CHUNK_BYTES = 1 << 20
_MAGIC = b"WDSEAL"
_VERSION = 1
_HEADER = struct.Struct(">6sB8s32s")
_TAG_BYTES = 16


class ContainerKey:
    """32 secret bytes that open containers; no dataclass, because those turn into readable dicts on their way.

    >>> ContainerKey(bytes(32))
    ContainerKey(id='0c7fc2662ce9e4cd')
    """

    __slots__ = ("_secret", "id")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise Refused(f"a container key has {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = bytes(secret)
        self.id = hmac.digest(self._secret, b"winddown container key id", "sha256")[:8]

    def part(self, part_key: bytes) -> "ContainerKey":
        """Return the key of one container that is to be destroyed by itself: it opens with both of these keys."""
        info = b"winddown container part"
        return ContainerKey(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=part_key, info=info).derive(self._secret))

    def _derive(self, header: bytes, context: str) -> AESGCM:
        info = b"winddown container\x00" + header + context.encode("utf-8", "surrogatepass")
        salt = _HEADER.unpack(header)[3]
        return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(self._secret))

    def __repr__(self) -> str:
        return f"ContainerKey(id={self.id.hex()!r})"

    def __reduce__(self) -> NoReturn:
        raise Refused("a container key does not leave the process", rule="design 10")


@dataclass(frozen=True, slots=True)
class ContainerReceipt:
    """What was written.

    ``plaintext_sha256`` is a fingerprint of the content, and a short content can be guessed from it: publish
    ``container_sha256`` and keep this one beside the container. ``byte_count`` is the size of the plaintext.
    """

    path: Path
    plaintext_sha256: str
    container_sha256: str
    byte_count: int


def seal(
    source: Iterable[bytes] | bytes, path: Path, *, key: ContainerKey, context: str, replace: bool = False
) -> ContainerReceipt:
    """Encrypt a stream of pieces of any size into a container that appears whole or not at all, with mode 0600.

    Needs about 3 MiB of memory beyond the largest piece. ``context`` says what the container is for (case, order,
    batch); it is bound to the content but not stored, so the reader has to know it.

    Raises:
        Refused: a file of this name exists and ``replace`` is False, because a repeated seal of what is left in a
            half-emptied store would overwrite the only whole copy.
    """
    plain, sealed, count = hashlib.sha256(), hashlib.sha256(), 0

    def read() -> Iterator[bytes]:
        nonlocal count
        for piece in (source,) if isinstance(source, bytes) else source:
            plain.update(piece)
            count += len(piece)
            yield piece

    def written() -> Iterator[bytes]:
        for piece in encrypt(read(), key=key, context=context):
            sealed.update(piece)
            yield piece

    write_atomically(path, written(), replace=replace)
    return ContainerReceipt(path, plain.hexdigest(), sealed.hexdigest(), count)


def open_container(path: Path, *, key: ContainerKey, context: str) -> Iterator[bytes]:
    """Yield the plaintext in chunks of up to 1 MiB, each authenticated before it is yielded.

    A cut is known only at the cut: what was yielded before it is genuine but not all. Act on the content after the
    iterator is exhausted, or on ``plaintext_sha256``.

    Raises:
        Refused: missing file, no container, another key, another context, any changed, moved or missing byte.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise Refused(
            f"there is no container {path.name}", next_step="restore the file; missing is not empty"
        ) from error
    with file:
        yield from decrypt(file, key=key, context=context)


def encrypt(source: Iterable[bytes], *, key: ContainerKey, context: str) -> Iterator[bytes]:
    """Yield header and encrypted chunks."""
    header = _HEADER.pack(_MAGIC, _VERSION, key.id, secrets.token_bytes(32))
    cipher = key._derive(header, context)  # noqa: SLF001 - the secret never leaves this module
    yield header
    pending, index = bytearray(), 0
    for piece in source:
        rest = memoryview(piece)
        while rest:
            # A full chunk waits until more comes, since only then is it known not to be the last.
            if len(pending) == CHUNK_BYTES:
                yield cipher.encrypt(_nonce(index), bytes(pending), _associated(index, is_last=False))
                pending.clear()
                index += 1
            room = CHUNK_BYTES - len(pending)
            pending += rest[:room]
            rest = rest[room:]
    yield cipher.encrypt(_nonce(index), bytes(pending), _associated(index, is_last=True))


def decrypt(file: BinaryIO, *, key: ContainerKey, context: str) -> Iterator[bytes]:
    """Yield the authenticated chunks of a container that begins at the file's position and ends with the file."""
    header = file.read(_HEADER.size)
    if len(header) != _HEADER.size or not header.startswith(_MAGIC):
        raise Refused("this is no winddown container")
    _, version, key_id, _ = _HEADER.unpack(header)
    if version != _VERSION:
        raise Refused(f"container version {version} is unknown", next_step="open it with a newer release")
    if key_id != key.id:
        raise Refused(f"the container is sealed with key {key_id.hex()}, not {key.id.hex()}")
    cipher = key._derive(header, context)  # noqa: SLF001 - the secret never leaves this module
    index, chunk = 0, _read_exactly(file, CHUNK_BYTES + _TAG_BYTES)
    while True:
        following = _read_exactly(file, CHUNK_BYTES + _TAG_BYTES)
        is_last = not following
        # Only an empty container may end in an empty chunk; anything else would be a second form of the same content.
        if len(chunk) < _TAG_BYTES or (index and len(chunk) == _TAG_BYTES):
            raise Refused(f"the container is cut or changed at chunk {index}")
        try:
            plain = cipher.decrypt(_nonce(index), chunk, _associated(index, is_last=is_last))
        except InvalidTag as error:
            raise Refused(f"the container is cut or changed at chunk {index}, or opened for another context") from error
        if plain:
            yield plain
        if is_last:
            return
        index, chunk = index + 1, following


def _nonce(index: int) -> bytes:
    return index.to_bytes(12, "big")


def _associated(index: int, *, is_last: bool) -> bytes:
    return struct.pack(">Q?", index, is_last)


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    # An unbuffered file may return less than asked before its end, which would look like a cut.
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
