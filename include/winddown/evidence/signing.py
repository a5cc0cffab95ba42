"""Keys that sign notes and documents, and their public halves as C2SP verifier keys, one line of text each.

Four kinds of key, told apart by the byte that C2SP signed-note assigns. Each signs another message about a note:

====  =========  ==============================================================================================
0x01  Ed25519    the note's text
0x04  Ed25519    ``cosignature/v1``, a time, the note's text: a witness saw no other history until then
0x06  ML-DSA-44  a ``cosigned_message`` of the checkpoint's origin, size and root, the same statement
0xff  SM2        the note's text; C2SP assigns no byte, so a longer name follows it, as signed-note wants then
====  =========  ==============================================================================================

A verifier key is ``<name>+<key id>+<base64 of kind and key bytes>``; the key id is the first four bytes of SHA-256 over
name, newline, kind and key. A cosignature carries its time, POSIX seconds, in its first eight bytes.
Sources: C2SP signed-note, tlog-cosignature; RFC 8032; FIPS 204; GB/T 32918.2.

>>> key = VerifyingKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
>>> key.name, key.kind, key.id.hex()
('PeterNeumann', <Kind.NOTE: 1>, 'c74f20a3')
"""

import hashlib
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.durable import write_new
from winddown.evidence.sm2 import PUBLIC_BYTES, SIGNATURE_BYTES, SM2PrivateKey, SM2PublicKey

_RULE: Final = "C2SP signed-note"
_NAME_BYTES_MAX: Final = 255  # tlog-cosignature gives a name's length one byte
_SURROGATES: Final = re.compile("[\ud800-\udfff]")  # what a command line makes of bytes that are not UTF-8
_TIME_MAX: Final = 2**63 - 1
_LINES: Final = 3  # origin, size, root


class Kind(IntEnum):
    """What a key signs, by the byte of C2SP signed-note."""

    NOTE = 1
    COSIGNATURE = 4
    POST_QUANTUM = 6
    SM2 = 255

    @property
    def head(self) -> bytes:
        """What stands before a key of this kind."""
        return bytes([self]) + (b"winddown.example/sm2/v1" if self is Kind.SM2 else b"")


_KEY_BYTES: Final[Mapping[Kind, int]] = {
    Kind.NOTE: 32,
    Kind.COSIGNATURE: 32,
    Kind.POST_QUANTUM: 1312,
    Kind.SM2: PUBLIC_BYTES,
}
_SIGNATURE_BYTES: Final[Mapping[Kind, int]] = {
    Kind.NOTE: 64,
    Kind.COSIGNATURE: 64,
    Kind.POST_QUANTUM: 2420,
    Kind.SM2: SIGNATURE_BYTES,
}
_OF_TEXT: Final = {Kind.NOTE, Kind.SM2}  # what they sign is the text alone, which states no time
_PrivateKey = Ed25519PrivateKey | MLDSA44PrivateKey | SM2PrivateKey
_CLASSES: Final[Mapping[Kind, type[_PrivateKey]]] = {
    Kind.NOTE: Ed25519PrivateKey,
    Kind.COSIGNATURE: Ed25519PrivateKey,
    Kind.POST_QUANTUM: MLDSA44PrivateKey,
    Kind.SM2: SM2PrivateKey,
}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A named public key.

    Args:
        name: of a log its checkpoints' origin, of a witness its own; no spaces, no plus sign, at most 255 bytes.
        kind: what it signs.
        raw: the key's bytes, 32 of Ed25519, 1312 of ML-DSA-44 and 65 of SM2.
    """

    name: str
    kind: Kind
    raw: bytes

    def __post_init__(self) -> None:
        plain = not any(letter.isspace() or letter < " " or letter in "+\x7f" for letter in self.name)
        plain = plain and not _SURROGATES.search(self.name)
        if not plain or not 0 < len(self.name.encode()) <= _NAME_BYTES_MAX:
            raise Refused(
                "a key's name has no spaces, no plus sign, no control characters and at most 255 bytes", rule=_RULE
            )
        if len(self.raw) != _KEY_BYTES[self.kind]:
            raise Refused(f"a key of kind {int(self.kind)} has {_KEY_BYTES[self.kind]} bytes", rule=_RULE)
        try:
            self._public()
        except ValueError:
            raise Refused("a key is not a point of its curve", rule=_RULE) from None

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name this key."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind.head + self.raw).digest()[:4]

    @property
    def line(self) -> str:
        """The verifier key as one line of text, without a line break. Auditors have it ahead of any bundle."""
        return f"{self.name}+{self.id.hex()}+{strict.write_base64(self.kind.head + self.raw)}"

    @property
    def keyid(self) -> str:
        """Name and id, by which signed documents name this key."""
        return f"{self.name}+{self.id.hex()}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Return the key whose line is exactly ``line``; anything else, and kinds not named above, is refused."""
        # The last part is base64 and may contain plus signs itself.
        name, _, rest = line.partition("+")
        data = strict.read_base64(rest.partition("+")[2])
        kind = next((kind for kind in Kind if data.startswith(kind.head)), None)
        if kind is None:
            raise Refused("not a verifier key of a kind that is known here", rule=_RULE)
        key = cls(name, kind, data.removeprefix(kind.head))
        if key.line != line:
            raise Refused("not a verifier key: the key id does not fit", rule=_RULE)
        return key

    def check(self, signature: bytes, message: bytes) -> None:
        """Accept the bare signature over ``message``, or raise ``Refused``."""
        try:
            self._public().verify(signature, message)
        except InvalidSignature:
            raise Refused(f"the signature is not one of key {self.name}", rule=_RULE) from None

    def check_note(self, signature: bytes, text: str) -> int:
        """Accept a note's signature as it stands after the key id, and return its time; 0 where it states none.

        Raises:
            Refused: for a signature of another length, another key, or a time beyond 2^63-1.
        """
        at = 0
        if self.kind not in _OF_TEXT:
            at, signature = int.from_bytes(signature[:8]), signature[8:]
        if len(signature) != _SIGNATURE_BYTES[self.kind] or at > _TIME_MAX:
            raise Refused(f"the signature of key {self.name} has the wrong length or time", rule=_RULE)
        self.check(signature, _message(self.name, self.kind, text, at))
        return at

    def _public(self) -> Ed25519PublicKey | MLDSA44PublicKey | SM2PublicKey:
        if self.kind is Kind.SM2:
            return SM2PublicKey.from_public_bytes(self.raw)
        public = MLDSA44PublicKey if self.kind is Kind.POST_QUANTUM else Ed25519PublicKey
        return public.from_public_bytes(self.raw)


@dataclass(frozen=True, slots=True)
class Signer:
    """A named private key. Its representation shows the public half only."""

    key: VerifyingKey
    _sign: Callable[[bytes], bytes] = field(repr=False, compare=False)

    @classmethod
    def create(cls, path: Path, *, name: str, kind: Kind) -> Self:
        """Make a key and keep it as an unencrypted PKCS #8 PEM file of mode 0600.

        Raises:
            Refused: if the file exists: a signing key is never overwritten.
        """
        private = _CLASSES[kind].generate()
        try:
            write_new(path, _pem(private))
        except FileExistsError:
            raise Refused(f"{path.name} exists", rule="a signing key is never overwritten") from None
        return cls.of(private, name=name, kind=kind)

    @classmethod
    def load(cls, path: Path, *, name: str, kind: Kind) -> Self:
        """Load the key that ``create`` wrote. Name and kind are not in the file; they are part of every signature.

        Raises:
            Refused: if group or others may touch the file, or it is no key of that kind.
        """
        if path.stat().st_mode & 0o077:
            raise Refused(
                f"{path.name} is open to others", rule="mode 0600", next_step="chmod 600, then change the key"
            )
        try:
            private = _read_pem(path.read_bytes(), kind)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise Refused(f"{path.name} is no unencrypted PEM private key", rule=_RULE) from None
        if not isinstance(private, _CLASSES[kind]):
            raise Refused(f"{path.name} is no private key of kind {int(kind)}", rule=_RULE)
        return cls.of(private, name=name, kind=kind)

    @classmethod
    def of(cls, private: _PrivateKey, *, name: str, kind: Kind) -> Self:
        """The signer of a private key that is held in memory."""
        return cls(VerifyingKey(name, kind, private.public_key().public_bytes_raw()), private.sign)

    def named(self, name: str) -> "Signer":
        """The same key under another name: a log's keys are named like its origin."""
        return Signer(VerifyingKey(name, self.key.kind, self.key.raw), self._sign)

    def sign(self, message: bytes) -> bytes:
        """Return the bare signature. The caller separates domains."""
        return self._sign(message)

    def sign_note(self, text: str, *, at: int) -> str:
        """Return the signature line of a note's text, line break included.

        Args:
            text: the note's text; of cosignatures it must be a checkpoint's.
            at: POSIX seconds, from 1; what the kinds ``NOTE`` and ``SM2`` sign has no time.
        """
        stamp = b"" if self.key.kind in _OF_TEXT else struct.pack(">Q", at)
        signature = self._sign(_message(self.key.name, self.key.kind, text, at))
        return f"— {self.key.name} {strict.write_base64(self.key.id + stamp + signature)}\n"


def _pem(private: _PrivateKey) -> bytes:
    if isinstance(private, SM2PrivateKey):
        return private.pem()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read_pem(pem: bytes, kind: Kind) -> object:
    return SM2PrivateKey.from_pem(pem) if kind is Kind.SM2 else load_pem_private_key(pem, password=None)


def _message(name: str, kind: Kind, text: str, at: int) -> bytes:
    """What a key of this kind signs about a note."""
    if kind in _OF_TEXT:
        return text.encode()
    if kind is Kind.COSIGNATURE:
        return f"cosignature/v1\ntime {at}\n{text}".encode()
    # Only a line feed ends a line: splitlines() would also split on U+2028 and its like.
    lines = text.split("\n")
    if len(lines) <= _LINES or not 0 < len(lines[0].encode()) <= _NAME_BYTES_MAX:
        raise Refused("not a checkpoint, or its origin has more than 255 bytes", rule="C2SP tlog-cosignature")
    origin, size, root = lines[0].encode(), strict.read_integer(lines[1]), strict.read_base64(lines[2])
    cosigner = name.encode()
    head = b"subtree/v1\n\0" + bytes([len(cosigner)]) + cosigner + struct.pack(">Q", at)
    return head + bytes([len(origin)]) + origin + struct.pack(">QQ", 0, size) + root
