"""The key of one case: opens its containers, names its customers by pseudonyms, and is destroyed last."""

import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from winddown.archive.atomic import made_folder, sync_folder
from winddown.archive.container import KEY_BYTES, ContainerKey
from winddown.domain.errors import Refused

_KEY = "case.key"
_DESTROYED = "case.key.destroyed"


class CaseKeys:
    """Loads the case key from ``directory/case.key``, or creates it there at the first use.

    The file holds 32 random bytes with mode 0600. Each use derives a key of its own (HKDF), so none reveals another.

    Raises:
        Refused: the file is readable by others, belongs to another user, is a link, has another length, or the key was
            destroyed. A new key in place of a destroyed one would open nothing and match no suppression list.
    """

    __slots__ = ("_directory", "_secret")

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        made_folder(directory)
        if is_destroyed(directory):
            raise Refused("the key of this case is destroyed", next_step="open a new case; nothing brings the key back")
        if not os.path.lexists(directory / _KEY):
            _create(directory)
        self._secret = bytearray(_load(directory / _KEY))

    def container_key(self) -> ContainerKey:
        """Return the key of the case's manifests and escrow containers."""
        return ContainerKey(self._derived(b"winddown containers"))

    def salt(self) -> bytes:
        """Return the salt of digests over keys and contents; without it nobody can try out what they stand for."""
        return self._derived(b"winddown digests")

    def pseudonym(self, text: str) -> str:
        """Return the keyed hash (HMAC-SHA256, 64 hex digits) of a text, the same in every process of the case.

        The text is taken as it is: the caller brings identifiers into one spelling first. Whoever holds the key can
        guess phone numbers until they match, so a pseudonym is personal data until the key is destroyed.
        """
        # A lone surrogate is hashed too, since an encoding error would carry the customer's text in its traceback.
        return hmac.digest(self._derived(b"winddown pseudonyms"), text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def tokens(self) -> bytes:
        """Return the key of the tokens that stand in place of values in records that stay; see ``archive.tokens``."""
        return self._derived(b"winddown tokens")

    def person_salt(self, order_id: str, person: str) -> str:
        """Return the salt (64 hex digits) of what a plan commits to about one person's records under one order."""
        text = f"{order_id}\x00{person}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._derived(b"winddown persons"), text, "sha256").hex()

    def identity(self) -> str:
        """Return what tells this key from any other and says nothing of it: a plan to destroy it names it so."""
        return f"case key {self._derived(b'winddown identity').hex()[:32]}"

    def destroy(self) -> None:
        """Destroy the key: the last act of a case; afterwards its containers stay closed. May be repeated.

        The file is overwritten, synced and removed, and this object's copy is zeroed. That is NIST *clear* at best:
        copies that were made elsewhere (snapshots, backups of this folder, other processes, swap, keys that
        ``container_key`` handed out) live on, and flash media and copying file systems keep old blocks until trimmed.
        """
        destroy_case_key(self._directory)
        self._secret[:] = bytes(len(self._secret))
        del self._secret[:]

    def _derived(self, purpose: bytes) -> bytes:
        if not self._secret:
            raise Refused("the key of this case is destroyed")
        return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=purpose).derive(bytes(self._secret))

    def __repr__(self) -> str:
        return f"CaseKeys({'ready' if self._secret else 'destroyed'})"

    def __reduce__(self) -> NoReturn:
        raise Refused("a case key does not leave the process", rule="design 10")


def is_destroyed(directory: Path) -> bool:
    """Return whether the destruction of the key in a folder has begun: nobody gets it any more."""
    return (directory / _DESTROYED).exists()


def destroy_case_key(directory: Path) -> None:
    """Destroy the key file without loading it; continues where a killed ``destroy`` stopped."""
    # The marker comes first: killed between the two steps, nobody gets a fresh key under the old name.
    (directory / _DESTROYED).touch(mode=0o600)
    sync_folder(directory)
    # A killed creation may have left a second name of the same key.
    for path in (directory / _KEY, *directory.glob(f".{_KEY}.*")):
        if path.is_symlink() or not path.exists():
            path.unlink(missing_ok=True)
            continue
        with path.open("r+b", buffering=0) as file:
            file.write(secrets.token_bytes(max(KEY_BYTES, path.stat().st_size)))
            os.fsync(file.fileno())
        path.unlink()
    sync_folder(directory)


def _create(directory: Path) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{_KEY}.", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link fails where the name is taken, so of two processes that start together both load the same key.
        os.link(name, directory / _KEY)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
    sync_folder(directory)


def _load(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise Refused(f"{path.name} cannot be opened: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise Refused(
                f"{path.name} has mode {stat.S_IMODE(status.st_mode):04o}", next_step="chmod 600, and ask who read it"
            )
        if status.st_uid != os.geteuid():
            raise Refused(f"{path.name} belongs to another user", next_step="run as its owner")
        secret = file.read(KEY_BYTES + 1)
    if len(secret) != KEY_BYTES:
        raise Refused(f"{path.name} does not hold {KEY_BYTES} bytes", next_step="restore it; a new key opens nothing")
    return secret
