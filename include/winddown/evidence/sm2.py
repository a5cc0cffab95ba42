"""SM2 signatures: GB/T 32918.2 over the curve of GB/T 32918.5, with SM3 and the signer's id ``1234567812345678``.

Courts and regulators in China ask for them, and ``cryptography`` has none; the two classes have the methods that its
keys have. A signature is r and s, 32 bytes each; a public key is 04 and both coordinates, 65 bytes. The number that
each signature needs afresh is not drawn but derived from key and message (RFC 6979 with HMAC over SM3), so that a bad
source of randomness gives no key away. Points are in affine coordinates, which is the short way; the verifier has its
own, faster one, so that an error would have to be made twice to pass.

What this does *not* do: run in constant time. Python's integers are as fast as their values are small, so whoever can
measure a signature, or runs code on the same processor, may learn the key. It is for a machine that nobody shares; who
needs more signs in a hardware module.

>>> key = SM2PrivateKey(0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8)
>>> key.public_key().public_bytes_raw().hex()[:18]  # the example of GB/T 32918.5
'0409f9df311e5421a1'
"""

import base64
import secrets
from collections.abc import Iterator
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC

PUBLIC_BYTES: Final = 65
SIGNATURE_BYTES: Final = 64
_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G: Final = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
_ID: Final = b"1234567812345678"
_BYTES: Final = 32
# PKCS #8 of a key on this curve, as `openssl genpkey -algorithm SM2` writes it: all but the key and its public half.
_HEAD: Final = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420")
_MIDDLE: Final = bytes.fromhex("a144034200")
_PEM: Final = ("-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n")
_LINE: Final = 64
_Point = tuple[int, int] | None  # None is the point at infinity


class SM2PublicKey:
    """A public key."""

    __slots__ = ("_point",)

    def __init__(self, x: int, y: int) -> None:
        """Take the coordinates; raises ValueError when they are no point of the curve."""
        if not (0 <= x < _P and 0 <= y < _P) or (y * y - x**3 - _A * x - _B) % _P:
            raise ValueError("not a point of the curve")
        self._point = (x, y)

    @classmethod
    def from_public_bytes(cls, raw: bytes) -> Self:
        """Read 04 and both coordinates; raises ValueError for anything else."""
        if len(raw) != PUBLIC_BYTES or raw[:1] != b"\x04":
            raise ValueError("not a point of the curve that is written whole")
        return cls(_number(raw[1:33]), _number(raw[33:]))

    def public_bytes_raw(self) -> bytes:
        """04 and both coordinates."""
        return b"\x04" + b"".join(map(_bytes, self._point))

    def digest(self, message: bytes) -> int:
        """What is signed: SM3 over the message behind SM3 over the signer's id, the curve and this key."""
        who = _sm3((len(_ID) * 8).to_bytes(2) + _ID + b"".join(map(_bytes, (_A, _B, *_G, *self._point))))
        return _number(_sm3(who + message))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Accept a signature, or raise InvalidSignature."""
        r, s = _number(signature[:_BYTES]), _number(signature[_BYTES:])
        t = (r + s) % _N
        if len(signature) != SIGNATURE_BYTES or not (0 < r < _N and 0 < s < _N and t):
            raise InvalidSignature
        found = _add(_multiply(s, _G), _multiply(t, self._point))
        if found is None or (self.digest(message) + found[0]) % _N != r:
            raise InvalidSignature


class SM2PrivateKey:
    """A private key, from 1 to the order of the curve less two. Its representation shows nothing of it."""

    __slots__ = ("_public", "_secret")

    def __init__(self, secret: int) -> None:
        """Take the number; raises ValueError when it is out of range."""
        point = _multiply(secret, _G) if 0 < secret < _N - 1 else None
        if point is None:
            raise ValueError("not a private key of the curve")
        self._secret = secret
        self._public = SM2PublicKey(*point)

    @classmethod
    def generate(cls) -> Self:
        """Make a key from the system's randomness."""
        return cls(1 + secrets.randbelow(_N - 2))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read the one form that ``pem`` writes, which is OpenSSL's; raises ValueError for any other."""
        lines = pem.decode("ascii").splitlines()
        data = base64.b64decode("".join(lines[1:-1]))
        key = cls(_number(data[len(_HEAD) : len(_HEAD) + _BYTES]))
        if key.pem() != pem:
            raise ValueError("not an SM2 key, or its public half is another key's")
        return key

    def pem(self) -> bytes:
        """Return the key as unencrypted PKCS #8 in PEM."""
        data = base64.b64encode(_HEAD + _bytes(self._secret) + _MIDDLE + self._public.public_bytes_raw()).decode()
        lines = [data[start : start + _LINE] + "\n" for start in range(0, len(data), _LINE)]
        return "".join([_PEM[0], *lines, _PEM[1]]).encode()

    def public_key(self) -> SM2PublicKey:
        """The public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message, the same one each time."""
        digest = self._public.digest(message)
        return next(filter(None, (self._signature(digest, k) for k in _nonces(self._secret, digest))))

    def _signature(self, digest: int, k: int) -> bytes:
        """The signature by this number; empty where the standard wants another number."""
        point = _multiply(k, _G)
        r = (digest + point[0]) % _N if point else 0
        s = pow(1 + self._secret, -1, _N) * (k - r * self._secret) % _N
        return _bytes(r) + _bytes(s) if r and s and r + k != _N else b""


def _nonces(secret: int, digest: int) -> Iterator[int]:
    """Numbers from 1 to the curve's order less one, as RFC 6979 3.2 derives them from a key and a digest."""
    seed = _bytes(secret) + _bytes(digest % _N)
    key, value = bytes(_BYTES), b"\x01" * _BYTES
    for mark in (b"\x00", b"\x01"):
        key = _hmac(key, value + mark + seed)
        value = _hmac(key, value)
    while True:
        value = _hmac(key, value)
        if 0 < _number(value) < _N:
            yield _number(value)
        key = _hmac(key, value + b"\x00")
        value = _hmac(key, value)


def _add(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return other if one is None else one
    (x, y), (u, v) = one, other
    if x == u and (y + v) % _P == 0:
        return None
    slope = (3 * x * x + _A) * pow(2 * y, -1, _P) if x == u else (v - y) * pow(u - x, -1, _P)
    w = (slope * slope - x - u) % _P
    return w, (slope * (x - w) - y) % _P


def _multiply(count: int, point: _Point) -> _Point:
    found: _Point = None
    for bit in f"{count:b}":
        found = _add(found, found)
        if bit == "1":
            found = _add(found, point)
    return found


def _sm3(data: bytes) -> bytes:
    state = Hash(SM3())
    state.update(data)
    return state.finalize()


def _hmac(key: bytes, data: bytes) -> bytes:
    state = HMAC(key, SM3())
    state.update(data)
    return state.finalize()


def _number(data: bytes) -> int:
    return int.from_bytes(data)


def _bytes(number: int) -> bytes:
    return number.to_bytes(_BYTES)
