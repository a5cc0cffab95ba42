import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.keyring import add_pair, log_signers, retire_pair
from winddown.evidence.signing import Kind, Signer, VerifyingKey
from winddown.evidence.statement import pae, sign_statement


@pytest.mark.parametrize("kind", list(Kind))
def test_a_key_file_is_private_and_comes_back(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "k.pem"
    made = Signer.create(path, name="k", kind=kind)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.load(path, name="k", kind=kind).key == made.key
    assert [one.name for one in tmp_path.iterdir()] == ["k.pem"]
    assert "_sign" not in repr(made)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    Signer.create(tmp_path / "k.pem", name="k", kind=Kind.NOTE)
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(Refused, match="never overwritten"):
        Signer.create(tmp_path / "k.pem", name="k", kind=Kind.NOTE)
    assert (tmp_path / "k.pem").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    Signer.create(tmp_path / "k.pem", name="k", kind=Kind.NOTE)
    (tmp_path / "k.pem").chmod(mode)
    with pytest.raises(Refused, match="open to others"):
        Signer.load(tmp_path / "k.pem", name="k", kind=Kind.NOTE)


def test_a_file_that_is_no_key_or_one_of_another_kind_is_refused(tmp_path: Path) -> None:
    Signer.create(tmp_path / "other.pem", name="k", kind=Kind.POST_QUANTUM)
    with pytest.raises(Refused, match="no private key of kind 1"):
        Signer.load(tmp_path / "other.pem", name="k", kind=Kind.NOTE)
    (tmp_path / "k.pem").write_text("no key")
    (tmp_path / "k.pem").chmod(0o600)
    with pytest.raises(Refused, match="no unencrypted PEM"):
        Signer.load(tmp_path / "k.pem", name="k", kind=Kind.NOTE)


def test_the_sum_database_key_of_go_keeps_its_id() -> None:
    line = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert VerifyingKey.parse(line).line == line
    assert verify.Key(line).id.hex() == "033de0ae"


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line + "\n",
        lambda line: line.replace("k+", "K+", 1),
        lambda line: line.replace("+A", "+B"),
        lambda line: line.replace("+A", "+8"),
        lambda line: line[:-1],
        lambda line: line.split("+", 1)[1],
        lambda line: line.upper(),
        lambda _line: "",
        lambda _line: "k+00000000+",
    ],
)
def test_a_damaged_verifier_key_is_refused(change: Any) -> None:
    line = Signer.of(Ed25519PrivateKey.generate(), name="k", kind=Kind.NOTE).key.line
    with pytest.raises(Refused):
        VerifyingKey.parse(change(line))
    with pytest.raises(verify.Rejected):
        verify.Key(change(line))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a\u3000b", "\x7f", "x" * 256])
def test_a_key_name_has_no_spaces_and_no_plus(name: str) -> None:
    with pytest.raises(Refused):
        Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.NOTE)


def test_the_encoding_that_is_signed_is_that_of_the_dsse_protocol() -> None:
    # The test vector of the DSSE protocol's own text (secure-systems-lab/dsse, Apache-2.0).
    assert pae(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def opened(raw: bytes, signer: Signer, note: bytes) -> Any:
    policy = verify.Policy(f"log {signer.key.line}\nquorum none\n")
    return policy.open_statement(raw, note, "t", "statement")["predicate"]


def test_a_statement_opens_with_its_key_only(signers: tuple[Signer, ...]) -> None:
    signer = signers[0]
    note = Checkpoint(signer.key.name, 1, bytes(32)).sign(signers, at=1)
    raw = sign_statement({"a": "0" * 64}, {"b": [1, "二"], "a": None}, predicate_type="t", signers=signers)
    assert opened(raw, signer, note) == opened(raw, signers[1], note) == {"b": [1, "二"], "a": None}
    impostor = Signer.of(Ed25519PrivateKey.generate(), name=signer.key.name, kind=Kind.NOTE)
    envelope = json.loads(raw)
    first, second = envelope["signatures"]
    payload = base64.b64decode(envelope["payload"])
    changed = base64.b64encode(payload.replace(b"null", b"true")).decode()
    spaced = base64.b64encode(payload.replace(b",", b", ", 1)).decode()
    forged: list[dict[str, Any]] = [
        {**envelope, "payload": changed},
        {**envelope, "payload": spaced},
        {**envelope, "payload": envelope["payload"] + "="},
        {**envelope, "payloadType": "text/plain"},
        {**envelope, "extra": 1},
        {**envelope, "signatures": []},
        {**envelope, "signatures": [{**first, "sig": base64.b64encode(bytes(64)).decode()}, second]},
        {**envelope, "signatures": [{**first, "sig": second["sig"]}]},
        {**envelope, "signatures": [{**first, "keyid": "another"}]},
        {**envelope, "signatures": [{**first, "extra": 1}]},
        {**envelope, "signatures": [{"keyid": first["keyid"], "sig": base64.b64encode(impostor.sign(b"")).decode()}]},
        {"payload": envelope["payload"]},
    ]
    for one in forged:
        with pytest.raises(verify.Rejected):
            opened(verify.canonical(one), signer, note)
    with pytest.raises(verify.Rejected, match="canonical"):
        opened(raw + b"\n", signer, note)
    with pytest.raises(verify.Rejected, match="checkpoint's keys"):
        opened(sign_statement({}, {}, predicate_type="t", signers=[signer]), signer, note)
    with pytest.raises(verify.Rejected, match="not signed by a key"):
        opened(sign_statement({}, {}, predicate_type="t", signers=[impostor]), signer, note)


def test_a_document_without_canonical_form_is_not_signed(signer: Signer) -> None:
    with pytest.raises(Refused, match="canonical"):
        sign_statement({}, {"share": 0.5}, predicate_type="t", signers=[signer])


def test_a_new_pair_signs_beside_the_old_one_until_that_is_retired(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = [signer.key for signer in log_signers(folder, "log.example")]
    assert [key.kind for key in first] == [Kind.NOTE, Kind.POST_QUANTUM]
    assert [signer.key for signer in log_signers(folder, "log.example")] == first
    with pytest.raises(Refused, match="only pair"):
        retire_pair(folder, "1")
    assert add_pair(folder) == "2"
    both = [signer.key for signer in log_signers(folder, "log.example")]
    assert (both[:2], len({key.raw for key in both})) == (first, 4)
    retire_pair(folder, "1")
    assert [signer.key for signer in log_signers(folder, "log.example")] == both[2:]
    with pytest.raises(Refused, match="no pair of keys 1"):
        retire_pair(folder, "1")
    assert add_pair(folder) == "3"  # A number is never used twice.
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == {"1", "2", "3"}


def test_a_pair_of_which_half_was_made_before_a_kill_is_completed(tmp_path: Path) -> None:
    log_signers(tmp_path, "log.example")
    (tmp_path / "1.ml-dsa-44.pem").unlink()
    half = (tmp_path / "1.ed25519.pem").read_bytes()
    assert len(log_signers(tmp_path, "log.example")) == 2
    assert (tmp_path / "1.ed25519.pem").read_bytes() == half
