"""Ed25519 signatures over documents, and the one-line public key that auditors keep.

A document is signed over ``winddown signed document v1``, a newline and its RFC 8785 bytes. The prefix keeps a
document's signature from ever fitting a checkpoint, whose text goes on otherwise. The public key's line is
``winddown+`` before a C2SP verifier key, ``<name>+<key hash>+<base64 of 0x01 and the 32 key bytes>``, its hash being
the first four bytes of SHA-256(name, newline, 0x01, key). Sources: RFC 8032, C2SP signed-note.

>>> key = VerifyingKey.parse("winddown+PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
>>> key.name, key.keyhash.hex()
('PeterNeumann', 'c74f20a3')
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.durable import write_new

PREFIX: Final = b"winddown signed document v1\n"
_ALGORITHM: Final = b"\x01"  # Ed25519 in C2SP signed-note
_KEY_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_RULE: Final = "C2SP signed-note"


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A named Ed25519 public key.

    Args:
        name: ASCII letters, digits, ``.``, ``_``, ``/`` and ``-``, at most 100 of them.
        raw: the 32 key bytes.
    """

    name: str
    raw: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.raw) != _KEY_BYTES:
            raise Refused("not the name and 32 bytes of an Ed25519 key", rule=_RULE)

    @property
    def keyhash(self) -> bytes:
        """The four bytes by which signatures name this key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ALGORITHM + self.raw).digest()[:4]

    @property
    def line(self) -> str:
        """The key as one line of text, without a line break. It is public: give it to auditors ahead of any bundle."""
        return f"winddown+{self.name}+{self.keyhash.hex()}+{strict.write_base64(_ALGORITHM + self.raw)}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Return the key whose line is exactly ``line``; anything else is refused."""
        # The last part is base64 and may contain plus signs itself.
        parts = line.split("+", 3)
        if len(parts) != 4:  # noqa: PLR2004 - the four parts of the line's grammar
            raise Refused("not a key line: four parts belong between plus signs", rule=_RULE)
        key = cls(parts[1], strict.read_base64(parts[3])[1:])
        if key.line != line:
            raise Refused("not a key line: prefix, key hash or algorithm does not fit", rule=_RULE)
        return key

    def check(self, signature: bytes, message: bytes) -> None:
        """Accept an Ed25519 signature (64 bytes) over ``message``, or raise ``Refused``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            raise Refused(f"the signature is not one of key {self.name}", rule="RFC 8032") from None


@dataclass(frozen=True, slots=True)
class Signer:
    """A named Ed25519 private key. Its representation shows the name only."""

    name: str
    _private: Ed25519PrivateKey = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Refused("a key's name is ASCII letters, digits, and ._/-", rule=_RULE)

    @classmethod
    def create(cls, path: Path, *, name: str) -> Self:
        """Make a key and keep it as an unencrypted PKCS #8 PEM file of mode 0600.

        Raises:
            Refused: if the file exists: a signing key is never overwritten.
        """
        signer = cls(name, Ed25519PrivateKey.generate())
        pem = signer._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            write_new(path, pem)
        except FileExistsError:
            raise Refused(f"{path.name} exists", rule="a signing key is never overwritten") from None
        return signer

    @classmethod
    def load(cls, path: Path, *, name: str) -> Self:
        """Load the key that ``create`` wrote. The name is not in the file; it is part of every signature.

        Raises:
            Refused: if group or others may touch the file, or it is not an Ed25519 key.
        """
        if path.stat().st_mode & 0o077:
            raise Refused(
                f"{path.name} is open to others", rule="mode 0600", next_step="chmod 600, then change the key"
            )
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError):
            raise Refused(f"{path.name} is no unencrypted PEM private key", rule=_RULE) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise Refused(f"{path.name} is no Ed25519 key", rule=_RULE)
        return cls(name, private)

    @property
    def verifying_key(self) -> VerifyingKey:
        """The public half."""
        return VerifyingKey(self.name, self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature. The caller separates domains; documents go through ``sign``."""
        return self._private.sign(message)

    def sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``{"document": …, "signature": {"algorithm", "key", "keyhash", "value"}}``.

        Raises:
            Refused: if the document has no canonical form (floats, keys that are not text).
        """
        key = self.verifying_key
        return {
            "document": dict(document),
            "signature": {
                "algorithm": "ed25519",
                "key": key.name,
                "keyhash": key.keyhash.hex(),
                "value": strict.write_base64(self.sign_bytes(PREFIX + strict.encode(dict(document)))),
            },
        }


def open_envelope(envelope: Mapping[str, Any], key: VerifyingKey) -> dict[str, Any]:
    """Return the document of an envelope that ``key`` signed.

    Raises:
        Refused: for another key, another algorithm, missing or further keys, or a signature that does not fit.
    """
    document, signature = envelope.get("document"), envelope.get("signature")
    if (
        envelope.keys() != {"document", "signature"}
        or not isinstance(document, dict)
        or not isinstance(signature, dict)
    ):
        raise Refused("an envelope has exactly a document and a signature", rule="signed document")
    value = signature.get("value")
    expected = {"algorithm": "ed25519", "key": key.name, "keyhash": key.keyhash.hex(), "value": value}
    if signature != expected or not isinstance(value, str):
        raise Refused(f"the envelope is not signed by key {key.name}", rule="signed document")
    key.check(strict.read_base64(value), PREFIX + strict.encode(document))
    return document
