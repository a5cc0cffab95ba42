"""Time stamps that an authority's key signed and that are wrong all the same: each is refused for what is wrong.

OpenSSL makes none of these, so they are put together here, value by value, and signed by a key of their own.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from winddown.evidence import verify

TEXT = b"log.example\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
AT = datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)
SIGNED_DATA, TST_INFO = "2a864886f70d010702", "2a864886f70d0109100104"
CONTENT_TYPE, MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"
PSS, MGF1 = "2a864886f70d01010a", "2a864886f70d010108"
NAMES = {"sha256": "608648016503040201", "sha384": "608648016503040202", "sha512": "608648016503040203"}


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8 or 1)
    length = size if len(content) < 128 else bytes([128 | len(size)]) + size
    return bytes([tag]) + length + content


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def oid(text: str) -> bytes:
    return der(6, bytes.fromhex(text))


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Made:
    """What a time stamp says; every default is right."""

    status: bytes = b"\0"
    kind: str = SIGNED_DATA
    content_type: str = TST_INFO
    signed_type: str = TST_INFO
    digest: str = "sha256"
    digest_name: str = ""
    imprint: str = "sha256"
    imprint_name: str = ""
    stamped: bytes = TEXT
    time: bytes = b"20261123100005Z"
    message_digest: bytes = b""
    twice: bool = False
    signers: int = 1
    answers: int = 1
    pss: tuple[str, str, str, int] | None = None  # what is stated: digest, mask and its digest, length of the salt

    def by(self, key: Key) -> bytes:
        imprint = hashlib.new(self.imprint, self.stamped).digest()
        info = sequence(
            der(2, b"\1"), oid("2a03040501"),
            sequence(sequence(oid(self.imprint_name or NAMES[self.imprint])), der(4, imprint)),
            der(2, b"\x07"), der(0x18, self.time),
        )  # fmt: skip
        digest = self.message_digest or hashlib.new(self.digest, info).digest()
        rows = [
            sequence(oid(CONTENT_TYPE), der(0x31, oid(self.signed_type))),
            sequence(oid(MESSAGE_DIGEST), der(0x31, der(4, digest))),
        ]
        attributes = b"".join([*rows, *rows[1:]] if self.twice else rows)
        signature = signed(key, der(0x31, attributes), self.digest, is_pss=self.pss is not None)
        signer = sequence(
            der(2, b"\1"), sequence(), sequence(oid(self.digest_name or NAMES[self.digest])), der(0xA0, attributes),
            sequence() if self.pss is None else pss(*self.pss), der(4, signature),
        )  # fmt: skip
        content = sequence(oid(self.content_type), der(0xA0, der(4, info)))
        data = sequence(der(2, b"\3"), der(0x31), content, der(0x31, *[signer] * self.signers))
        answer = sequence(sequence(der(2, self.status)), sequence(oid(self.kind), der(0xA0, data)))
        return answer * self.answers


def pss(digest: str, mask: str, masked: str, salt: int) -> bytes:
    """The algorithm of a signature as RFC 4055 states it."""
    of_mask = sequence(oid(mask), sequence(oid(NAMES[masked])))
    fields = (der(0xA0, sequence(oid(NAMES[digest]))), der(0xA1, of_mask), der(0xA2, der(2, bytes([salt]))))
    return sequence(oid(PSS), sequence(*fields))


def signed(key: Key, message: bytes, digest: str, *, is_pss: bool) -> bytes:
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[digest]
    if isinstance(key, rsa.RSAPrivateKey) and is_pss:
        return key.sign(message, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), algorithm)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(algorithm))
    return key.sign(message)


@dataclass(frozen=True)
class Issuer:
    """A certificate of a key for time stamps, as it is to be."""

    usages: tuple[Any, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,)
    since: datetime = AT - timedelta(days=1)
    until: datetime = AT + timedelta(days=1)
    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test TSA")])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
        builder = builder.not_valid_before(self.since).not_valid_after(self.until).public_key(self.key.public_key())
        if self.usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.usages), critical=True)
        return builder.sign(self.key, None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashes.SHA256())

    def judge(self, made: Made) -> datetime:
        return verify.stamped_at(made.by(self.key), TEXT, self.certificate())


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def refused(judge: Callable[[Made], object], made: Made) -> str:
    with pytest.raises(verify.Rejected) as reason:
        judge(made)
    return str(reason.value)


@pytest.mark.parametrize("key", ["ec", "rsa"])
@pytest.mark.parametrize("digest", sorted(NAMES))
def test_a_stamp_of_each_digest_and_kind_of_key_is_read(digest: str, key: str) -> None:
    made = Issuer() if key == "ec" else Issuer(key=rsa_key())
    for imprint in NAMES:
        assert made.judge(Made(digest=digest, imprint=imprint)) == AT


@pytest.mark.parametrize(("digest", "size"), [("sha256", 32), ("sha384", 48), ("sha512", 64)])
def test_a_stamp_padded_as_pss_is_read_as_it_is_stated(digest: str, size: int) -> None:
    right, other = Issuer(key=rsa_key()), {"sha256": "sha384"}.get(digest, "sha256")
    assert right.judge(Made(digest=digest, pss=(digest, MGF1, digest, size))) == AT
    for stated, said in (
        ((other, MGF1, digest, size), "its padding uses another digest"),
        ((digest, MGF1, other, size), "its padding uses another digest"),
        ((digest, TST_INFO, digest, size), "its mask is not MGF1"),
        ((digest, MGF1, digest, 20), "its salt is not as long as the digest"),
    ):
        assert said in refused(right.judge, Made(digest=digest, pss=stated))
    for pad in (Made(digest=digest), Made(digest=digest, pss=(digest, MGF1, digest, size))):
        with pytest.raises(verify.Rejected, match="InvalidSignature"):
            verify.stamped_at(pad.by(rsa_key()), TEXT, right.certificate())


@pytest.mark.parametrize("time", [b"20261123100005.5Z", b"20261123100005.25Z"])
def test_a_fraction_of_a_second_is_passed_over(issuer: Issuer, time: bytes) -> None:
    assert issuer.judge(Made(time=time, status=b"\1")) == AT


FORGED = {
    "a rejection": (Made(status=b"\2"), "the authority did not grant it"),
    "another structure": (Made(kind=TST_INFO), "not signed data"),
    "another content": (Made(content_type=SIGNED_DATA), "not a time stamp"),
    "another type signed": (Made(signed_type=SIGNED_DATA), "it signs something else than a time stamp"),
    "another content signed": (Made(message_digest=b"\0" * 32), "its content is not what was signed"),
    "an attribute twice": (Made(twice=True), "an attribute stands twice"),
    "SHA-1": (Made(digest_name="2b0e03021a"), "its digest is none of SHA-2"),
    "another digest than is named": (Made(digest_name=NAMES["sha512"]), "its content is not what was signed"),
    "a stamp of another text": (Made(stamped=TEXT + b"\n"), "it stamps something else"),
    "an imprint of SHA-1": (Made(imprint_name="2b0e03021a"), "it stamps something else"),
    "an imprint of another digest": (Made(imprint_name=NAMES["sha512"]), "it stamps something else"),
    "a time of no zone": (Made(time=b"20261123100005"), "its time is not UTC"),
    "a time of another zone": (Made(time=b"20261123100005+0800"), "its time is not UTC"),
    "a fraction that ends with 0": (Made(time=b"20261123100005.50Z"), "its time is not UTC"),
    "no such day": (Made(time=b"20261323100005Z"), "not a time stamp of this authority"),
    "two signers": (Made(signers=2), "not a time stamp of this authority"),
    "no signer": (Made(signers=0), "not a time stamp of this authority"),
    "two answers": (Made(answers=2), "not a time stamp of this authority"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_wrong_with_a_signed_stamp_is_said(issuer: Issuer, name: str) -> None:
    made, said = FORGED[name]
    assert said in refused(issuer.judge, made)


def test_a_certificate_is_for_time_stamps_and_valid_to_the_second() -> None:
    made = Issuer()
    for edge in (replace(made, since=AT), replace(made, until=AT)):
        assert edge.judge(Made()) == AT
    second = timedelta(seconds=1)
    for out in (replace(made, since=AT + second), replace(made, until=AT - second)):
        assert "made when its certificate was not valid" in refused(out.judge, Made())
    server = replace(made, usages=(ExtendedKeyUsageOID.SERVER_AUTH,))
    assert "not one for time stamps" in refused(server.judge, Made())
    both = replace(made, usages=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.TIME_STAMPING))
    assert both.judge(Made()) == AT
    assert "ExtensionNotFound" in refused(replace(made, usages=()).judge, Made())


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_another_authoritys_signature_and_a_key_of_another_kind_are_refused(issuer: Issuer) -> None:
    for right, other in ((issuer, Issuer().key), (Issuer(key=rsa_key()), rsa_key())):
        with pytest.raises(verify.Rejected, match="InvalidSignature"):
            verify.stamped_at(Made().by(other), TEXT, right.certificate())
    edwards = Issuer(key=ed25519.Ed25519PrivateKey.generate())
    assert "neither RSA nor of an elliptic curve" in refused(edwards.judge, Made())
