"""SM2 against the standard's own example, OpenSSL and the verifier's way of doing it."""

import hashlib
import hmac
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mutations import some

from winddown.evidence import sm2, verify
from winddown.evidence.sm2 import SM2PrivateKey, SM2PublicKey

# GB/T 32918.5, annex A.2: the example on the recommended curve.
D = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
K = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
X = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
Y = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
E = 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
R = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
S = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
MESSAGE = b"message digest"
KEY = SM2PrivateKey(D)
N, P = verify.N, verify.P


CRAFTED = [  # r, s, and whether the standard takes them
    pytest.param(77, 5, True, id="good"),
    pytest.param(1, 5, True, id="r is 1"),
    pytest.param(77, 1, True, id="s is 1"),
    pytest.param(0, 5, False, id="r is 0"),
    pytest.param(77, 0, False, id="s is 0"),
    pytest.param(77, N, False, id="s is the order"),
    pytest.param(77, N + 5, False, id="s and the order more"),
    pytest.param(-5, 5, False, id="r and s cancel out"),
]


def accepts(public: bytes, signature: bytes, message: bytes) -> bool:
    """What both implementations say, which is to be the same."""
    said = set()
    for kind in (SM2PublicKey, verify.SM2PublicKey):
        try:
            kind.from_public_bytes(public).verify(signature, message)
            said.add(True)
        except InvalidSignature:
            said.add(False)
    (found,) = said
    return found


def openssl(*words: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=False)


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32)


def test_the_example_of_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    public = KEY.public_key()
    assert public.public_bytes_raw().hex() == "04" + X + Y
    assert public.digest(MESSAGE) == E
    assert accepts(public.public_bytes_raw(), bytes.fromhex(R + S), MESSAGE)
    monkeypatch.setattr(sm2, "_nonces", lambda _secret, _digest: iter([K]))
    assert KEY.sign(MESSAGE).hex() == R + S


def test_numbers_are_derived_as_rfc_6979_derives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its vectors are of other curves and digests; the steps are the same. A.2.5: P-256, SHA-256, "sample".
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    monkeypatch.setattr(sm2, "_N", order)
    monkeypatch.setattr(sm2, "_hmac", lambda key, data: hmac.digest(key, data, "sha256"))
    digest = int.from_bytes(hashlib.sha256(b"sample").digest())
    numbers = sm2._nonces(secret, digest)
    assert next(numbers) == 0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60
    assert next(numbers) != next(numbers)


def test_a_number_that_the_standard_refuses_is_replaced_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    point = sm2._multiply(K, sm2._G)
    assert point is not None
    for digest in (-point[0] % N, (-K - point[0]) % N, ((K * pow(D, -1, N)) - point[0]) % N):  # r, r + k, s would be 0
        assert KEY._signature(digest, K) == b""
    monkeypatch.setattr(sm2, "_nonces", lambda _secret, _digest: iter([K, K + 1]))
    monkeypatch.setattr(SM2PublicKey, "digest", lambda *_: -point[0] % N)
    assert KEY.sign(MESSAGE) == KEY._signature(-point[0] % N, K + 1) != b""


def test_a_message_is_signed_alike_each_time_and_another_with_another_number() -> None:
    assert KEY.sign(b"a") == KEY.sign(b"a")
    assert KEY.sign(b"a")[:32] != KEY.sign(b"b")[:32]
    assert accepts(KEY.public_key().public_bytes_raw(), KEY.sign(b"a"), b"a")


def test_openssl_verifies_ours_and_we_verify_openssls(tmp_path: Path) -> None:
    ours, public, signed, message = (tmp_path / name for name in ("key.pem", "public.pem", "signed", "message"))
    for number in range(4):
        text = f"checkpoint {number}\n".encode() * 50 * number
        message.write_bytes(text)
        if number % 2:
            key = SM2PrivateKey.generate()
            ours.write_bytes(key.pem())
        else:
            assert openssl("genpkey", "-algorithm", "SM2", "-out", ours).returncode == 0
            key = SM2PrivateKey.from_pem(ours.read_bytes())
        assert openssl("pkey", "-in", ours, "-pubout", "-out", public).returncode == 0
        raw, identity = key.public_key().public_bytes_raw(), ("-sigopt", "distid:1234567812345678")
        assert openssl("dgst", "-sm3", "-sign", ours, *identity, "-out", signed, message).returncode == 0
        theirs = pair(*decode_dss_signature(signed.read_bytes()))
        assert accepts(raw, theirs, text)
        assert not accepts(raw, theirs, text + b"\n")
        mine = key.sign(text)
        signed.write_bytes(encode_dss_signature(int.from_bytes(mine[:32]), int.from_bytes(mine[32:])))
        check = ("dgst", "-sm3", "-verify", public, *identity, "-signature", signed, message)
        assert openssl(*check).returncode == 0
        message.write_bytes(text + b"\n")
        assert openssl(*check).returncode != 0
        message.write_bytes(text)
        assert openssl(
            "dgst", "-sm3", "-sign", ours, "-sigopt", "distid:alice@example.cn", "-out", signed, message
        ).returncode == 0  # fmt: skip
        assert not accepts(raw, pair(*decode_dss_signature(signed.read_bytes())), text)


def test_every_changed_bit_is_refused() -> None:
    public, signature = KEY.public_key().public_bytes_raw(), bytes.fromhex(R + S)
    for bit in some(range(512), 25):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not accepts(public, bytes(changed), MESSAGE)
    other = SM2PrivateKey(D + 1).public_key().public_bytes_raw()
    assert not accepts(other, signature, MESSAGE)


def bad_signatures() -> list[bytes]:
    """Signatures with numbers out of range, the right numbers in another form, and others that nobody makes."""
    r, s = int(R, 16), int(S, 16)
    good = pair(r, s)
    return [
        *(pair(0, s), pair(r, 0), pair(0, 0), pair(N, s), pair(r, N), pair(N, N), pair(r, N - r), pair(s, r)),
        *(pair(2**256 - 1, 2**256 - 1), b"", good[:-1], good + b"\0", b"\0" + good, encode_dss_signature(r, s)),
        at_infinity(),
    ]


def test_signatures_out_of_range_or_of_another_form_are_refused() -> None:
    for signature in bad_signatures():
        assert not accepts(KEY.public_key().public_bytes_raw(), signature, MESSAGE), signature.hex()


def at_infinity() -> bytes:
    """A signature with s·G + t·Q at infinity, which anybody who knows d can make; there is no x to compare r with."""
    t = 12345
    s = -t * D % N
    return pair((t - s) % N, s)


def test_a_sum_at_infinity_is_told() -> None:
    s = int.from_bytes(at_infinity()[32:])
    assert verify.combined(s, 12345, (int(X, 16), int(Y, 16), 1))[2] == 0


@pytest.mark.parametrize(("r", "s", "is_good"), CRAFTED)
def test_numbers_out_of_range_are_refused_even_where_the_sum_fits(
    monkeypatch: pytest.MonkeyPatch, r: int, s: int, *, is_good: bool
) -> None:
    # No message has such a digest, as far as anybody knows; the rules on r and s must not rest on that.
    r %= N
    point = sm2._add(sm2._multiply(s % N, sm2._G), sm2._multiply((r + s) % N, KEY.public_key()._point))
    assert point is not None
    digest = (r - point[0]) % N
    monkeypatch.setattr(SM2PublicKey, "digest", lambda *_: digest)
    monkeypatch.setattr(verify, "sm3", lambda _: digest.to_bytes(32))
    assert accepts(KEY.public_key().public_bytes_raw(), pair(r, s), MESSAGE) == is_good


def small_x() -> tuple[int, int]:
    """A point whose x may be written a second time in 32 bytes, as x + P."""
    for x in range(1, 200):
        square = (x**3 - 3 * x + verify.B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x, y
    raise AssertionError


def bad_points() -> list[bytes]:
    """What is not 04 and the coordinates of a point, each below P."""
    x, y = small_x()
    whole = b"\x04" + pair(x, y)
    return [
        *(b"", b"\x04", whole[:-1], whole + b"\0", b"\x02" + whole[1:], bytes(65), b"\x04" + bytes(64)),
        *(b"\x04" + pair(x + P, y), b"\x04" + pair(x, (y + 1) % P), b"\x04" + pair(P - 1, 2**256 - 1)),
        b"\x04" + pair(P, pow(verify.B, (P + 1) // 4, P)),
    ]


def test_what_is_no_point_or_no_number_is_no_key() -> None:
    x, y = small_x()
    good, bad = [b"\x04" + pair(x, y), b"\x04" + pair(x, P - y)], bad_points()
    for kind in (SM2PublicKey, verify.SM2PublicKey):
        for raw in good:
            kind.from_public_bytes(raw)
    for raw in bad:
        with pytest.raises(ValueError, match="not a point"):
            SM2PublicKey.from_public_bytes(raw)
        if len(raw) == 65:  # others are refused before
            with pytest.raises(ValueError, match="not a point"):
                verify.SM2PublicKey.from_public_bytes(raw)
    for secret in (0, -1, N - 1, N, N + D):
        with pytest.raises(ValueError, match="not a private key"):
            SM2PrivateKey(secret)


def test_the_ends_of_the_range_sign() -> None:
    for secret in (1, 2, N - 2, N // 2):
        key = SM2PrivateKey(secret)
        assert accepts(key.public_key().public_bytes_raw(), key.sign(MESSAGE), MESSAGE)


def affine(point: verify.Jacobian) -> tuple[int, int] | None:
    x, y, z = point
    return None if z == 0 else (x * pow(z, -2, P) % P, y * pow(z, -3, P) % P)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, N + 3), st.integers(0, 40) | st.integers(0, N), st.sampled_from([1, 2, 3, N - 1, N - 2, D]))
def test_both_ways_to_add_points_agree(s: int, t: int, of: int) -> None:
    base = sm2._multiply(of, sm2._G)
    assert base is not None
    wanted = sm2._add(sm2._multiply(s, sm2._G), sm2._multiply(t, base))
    assert affine(verify.combined(s, t, (*base, 1))) == wanted


def test_points_that_meet_on_the_way_are_added() -> None:
    base: verify.Jacobian = (verify.GX, verify.GY, 1)
    twice = verify.doubled(base)
    assert affine(verify.added(base, base)) == affine(twice) == sm2._add(sm2._G, sm2._G)
    assert verify.added(base, (verify.GX, P - verify.GY, 1))[2] == 0
    assert affine(verify.added(twice, (*affine(twice), 1))) == sm2._multiply(4, sm2._G)  # type: ignore[misc]


def test_a_key_file_is_the_one_that_openssl_writes(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    for pem in (KEY.pem(), SM2PrivateKey.generate().pem()):
        path.write_bytes(pem)
        done = openssl("pkey", "-in", path)
        assert done.stdout == pem
    damaged = [b"", b"no key", b"\xff", pem.replace(b"-----END", b"-----end"), pem + b"\n", pem[:-1], pem[:60]]
    for one in (*damaged, pem[:-60] + pem[-59:]):
        with pytest.raises(ValueError):  # noqa: PT011 - the reader of the file says what it was
            SM2PrivateKey.from_pem(one)
    # Another key's public half would make a signer whose signatures nobody can verify.
    raw = KEY.public_key().public_bytes_raw()
    other = SM2PrivateKey(D)
    other._public = SM2PrivateKey(D + 1).public_key()
    assert raw not in other.pem()
    with pytest.raises(ValueError, match="public half"):
        SM2PrivateKey.from_pem(other.pem())
    assert "<winddown.evidence.sm2.SM2PrivateKey object" in repr(KEY)
