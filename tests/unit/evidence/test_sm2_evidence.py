"""Evidence with an SM2 signature beside the others: who demands it gets it or a refusal, and nobody else notices."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from test_sm2 import openssl

from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.keyring import add_pair, log_signers, retire_pair
from winddown.evidence.merkle import leaf_hash
from winddown.evidence.note import Note
from winddown.evidence.policy import Policy
from winddown.evidence.proof import LogProof
from winddown.evidence.signing import Kind, Signer, VerifyingKey
from winddown.evidence.sm2 import SM2PrivateKey
from winddown.evidence.witness import Witness, create_signers
from winddown.evidence.witness_client import request_of

ORIGIN = "winddown/c1"
OF_THE_STANDARD = SM2PrivateKey(0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8)
NOT_SIGNED = f"checkpoint.txt: not signed by the SM2 key of {ORIGIN} in the policy"
Asked = tuple[str, bytes, str, str]  # what it is, bundle, policy, the one reason or ""


def sm2_signer(name: str = ORIGIN) -> Signer:
    return Signer.of(SM2PrivateKey.generate(), name=name, kind=Kind.SM2)


def policy_of(*keys: VerifyingKey) -> str:
    return "".join(f"log {key.line}\n" for key in keys) + "quorum none\n"


def damaged_line(note: bytes, signer: Signer) -> bytes:
    """A note in which one bit of this key's signature is another."""
    lines = note.decode().split("\n")
    for place, line in enumerate(lines):
        data = base64.b64decode(line.rpartition(" ")[2]) if line.startswith("— ") else b""
        if data[:4] == signer.key.id:
            data = data[:-1] + bytes([data[-1] ^ 1])
            lines[place] = f"— {signer.key.name} {base64.b64encode(data).decode()}"
    return "\n".join(lines).encode()


def damaged_envelope(raw: bytes, signer: Signer) -> bytes:
    envelope = json.loads(raw)
    for row in envelope["signatures"]:
        if row["keyid"] == signer.key.keyid:
            data = base64.b64decode(row["sig"])
            row["sig"] = base64.b64encode(data[:-1] + bytes([data[-1] ^ 1])).decode()
    return verify.canonical(envelope)


def evidence(case: Any, new_case: Callable[..., Any]) -> Iterator[Asked]:
    """Bundles of a log with three keys, honest and not, for readers who know one, some or all of them."""
    pair, signer, stranger = case.signers, sm2_signer(), sm2_signer()
    full = new_case(*pair, signer)
    whole, files, every = full.bundle(), full.files(), policy_of(*(one.key for one in full.signers))
    alone, without = policy_of(signer.key), policy_of(*(one.key for one in pair))
    yield "all three keys", whole, every, ""
    yield "SM2 alone", whole, alone, ""
    yield "a reader who does not know it", whole, without, ""
    yield "SM2 and one of the pair", whole, policy_of(pair[0].key, signer.key), ""
    yield "a second SM2 key that signs later", whole, policy_of(signer.key, stranger.key), ""
    yield "another SM2 key", whole, policy_of(pair[0].key, stranger.key), NOT_SIGNED
    yield "SM2 of another log", whole, policy_of(pair[0].key, sm2_signer("another").key), ""
    yield "never signed", case.bundle(), every, NOT_SIGNED
    yield "never signed, SM2 alone", case.bundle(), alone, "checkpoint.txt: not signed by a log of the policy"
    lines = files["checkpoint.txt"].decode().splitlines(keepends=True)
    taken = bundle_bytes({**files, "checkpoint.txt": "".join(lines[:-1]).encode()}, signers=full.signers)
    yield "taken from the checkpoint", taken, every, NOT_SIGNED
    yield (
        "taken, for a reader who does not know it",
        taken,
        without,
        "manifest.json: not signed by the checkpoint's keys",
    )
    for name, damage in (("checkpoint.txt", damaged_line), ("certificates/k1.json", damaged_envelope)):
        wrong = bundle_bytes({**files, name: damage(files[name], signer)}, signers=full.signers)
        yield f"wrong in {name}", wrong, every, f"{name}: the signature is not one of key {ORIGIN}"
        yield f"wrong in {name}, unknown", wrong, without, ""
    members = verify.read_archive(whole)
    wrong = verify.rebuild({**members, "manifest.json": damaged_envelope(members["manifest.json"], signer)})
    yield "wrong in the manifest", wrong, every, f"manifest.json: the signature is not one of key {ORIGIN}"
    missing = bundle_bytes(files, signers=pair)
    yield "not on the manifest", missing, every, "manifest.json: not signed by the checkpoint's keys"
    for raw, reason in (
        (signer.key.raw[:-1] + bytes([signer.key.raw[-1] ^ 1]), "key: not a point of the curve"),
        (b"\x02" + signer.key.raw[1:], "key: not a point of the curve"),
        (signer.key.raw[:33], "key: not an Ed25519, ML-DSA-44 or SM2 key of a known kind"),
    ):
        yield "a key that is none", whole, f"log {line_of(b'winddown.example/sm2/v1' + raw)}\nquorum none\n", reason
    for rest in (b"", b"winddown.example/sm2/v2" + signer.key.raw, signer.key.raw):
        yield "a type that is not ours", whole, f"log {line_of(rest)}\nquorum none\n", "key: not an SM2 key"
    witness = f"log {pair[0].key.line}\nwitness w {signer.key.line}\nquorum w\n"
    yield "no witness", whole, witness, "policy: a key is of a kind that signs something else"


def line_of(rest: bytes) -> str:
    """A verifier key of type 0xff whose id fits whatever follows."""
    data = b"\xff" + rest
    key_id = hashlib.sha256(ORIGIN.encode() + b"\n" + data).hexdigest()[:8]
    return f"{ORIGIN}+{key_id}+{base64.b64encode(data).decode()}"


def test_a_policy_that_names_an_sm2_key_demands_it(case: Any, new_case: Callable[..., Any]) -> None:
    for what, bundle, policy, reason in evidence(case, new_case):
        assert (what, verify.verify(bundle, policy).reasons) == (what, [reason] if reason else [])


def test_the_form_is_the_one_that_signed_notes_leave_to_others() -> None:
    signer = Signer.of(OF_THE_STANDARD, name="k", kind=Kind.SM2)
    # The id by hand: printf, xxd and sha256sum over name, newline, 0xff, its longer name, 04 and the coordinates.
    assert signer.key.line == (
        "k+3daeade0+/3dpbmRkb3duLmV4YW1wbGUvc20yL3YxBAn53zEeVCGhUN19Fh5LxcZyF5+tGDP8B2uwj/NW81AgzOpJDOJndaUtx"
        "upxjMGqYArtBfvzXghKZjL2By2prRM="
    )
    assert VerifyingKey.parse(signer.key.line) == signer.key
    note = "text\n\n" + signer.sign_note("text\n", at=7)
    assert Note.parse(note.encode()).open([signer.key]) == {signer.key: 0}  # it states no time
    assert len(Note.parse(note.encode()).signatures[0][2]) == 64


@pytest.mark.parametrize(
    "rest", [b"winddown.example/sm2/v1\x04" + bytes(64), b"winddown.example/sm2/v1", b"\x04" + bytes(64), b""]
)
def test_what_is_no_sm2_key_is_no_key_of_a_policy(rest: bytes) -> None:
    with pytest.raises(Refused):
        VerifyingKey.parse(line_of(rest))
    with pytest.raises(verify.Rejected):
        verify.Key(line_of(rest))


def test_proofs_of_entries_and_earlier_checkpoints_are_held_to_it(case: Any, new_case: Callable[..., Any]) -> None:
    full = new_case(*case.signers, sm2_signer())
    lines = case.entries()
    for one, reasons in ((full, []), (case, [NOT_SIGNED.replace("checkpoint.txt", "checkpoint")])):
        proof = LogProof.of([leaf_hash(line) for line in lines], 4, checkpoint=one.checkpoint(lines)).text
        assert verify.verify_proof(proof, lines[4], full.policy).reasons == reasons
    early = case.checkpoint(lines[:9])
    reason = NOT_SIGNED.replace("checkpoint.txt", "earlier checkpoint")
    assert verify.verify(full.bundle(), full.policy, [early]).reasons == [reason]
    assert verify.verify(full.bundle(), case.policy, [early]).reasons == []
    assert verify.verify(full.bundle(), full.policy, [full.checkpoint(lines[:9])]).reasons == []


def test_monitors_and_witnesses_hold_a_log_to_it(case: Any, new_case: Callable[..., Any], tmp_path: Path) -> None:
    full = new_case(*case.signers, sm2_signer())
    lines = case.entries()
    signed, unsigned = full.checkpoint(lines), case.checkpoint(lines)
    policy = Policy.parse(full.policy)
    assert policy.judge(signed).size == Checkpoint.parse(Note.parse(unsigned).text).size
    with pytest.raises(Refused, match="not signed by the SM2 key"):
        policy.judge(unsigned)
    assert Policy.parse(case.policy).judge(signed).origin == ORIGIN
    create_signers(tmp_path, "w.example")
    witness = Witness(tmp_path, name="w.example", logs={ORIGIN: policy.log_keys(ORIGIN)})
    leaves = [leaf_hash(line) for line in lines]
    assert witness.add_checkpoint(request_of(leaves, unsigned, old=0).body, at=1).status == 403
    assert witness.add_checkpoint(request_of(leaves, signed, old=0).body, at=1).status == 200
    with pytest.raises(Refused, match="signs something else"):
        Policy.parse(f"witness w {full.signers[2].key.line}\nquorum w\n")


def kinds(signers: Sequence[Signer]) -> list[Kind]:
    return [signer.key.kind for signer in signers]


def test_a_deployment_switches_it_on_by_a_pair_that_has_one(tmp_path: Path, new_case: Callable[..., Any]) -> None:
    both, three = [Kind.NOTE, Kind.POST_QUANTUM], [Kind.NOTE, Kind.POST_QUANTUM, Kind.SM2]
    assert kinds(log_signers(tmp_path, ORIGIN)) == both
    assert add_pair(tmp_path, sm2=True) == "2"
    assert kinds(log_signers(tmp_path, ORIGIN)) == both + three
    demanded = new_case(*log_signers(tmp_path, ORIGIN)).policy
    assert add_pair(tmp_path) == "3"  # or readers who demand it would lose it with pair 2
    assert kinds(log_signers(tmp_path, ORIGIN)) == both + three + three
    assert verify.verify(new_case(*log_signers(tmp_path, ORIGIN)).bundle(), demanded).reasons == []
    retire_pair(tmp_path, "1")
    retire_pair(tmp_path, "2")
    assert kinds(log_signers(tmp_path, ORIGIN)) == three
    assert not {path.name for path in tmp_path.glob("2.*")} & {path.name for path in tmp_path.glob("*.pem")}
    (tmp_path / "fresh").mkdir()
    assert add_pair(tmp_path / "fresh", sm2=True) == "1"
    assert kinds(log_signers(tmp_path / "fresh", ORIGIN)) == three


def test_a_pair_that_was_half_made_signs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_signers(tmp_path, ORIGIN)
    made = Signer.create

    def killed(path: Path, *, name: str, kind: Kind) -> Signer:
        if kind is Kind.POST_QUANTUM:
            raise KeyboardInterrupt
        return made(path, name=name, kind=kind)

    monkeypatch.setattr(Signer, "create", killed)
    with pytest.raises(KeyboardInterrupt):
        add_pair(tmp_path, sm2=True)
    assert kinds(log_signers(tmp_path, ORIGIN)) == [Kind.NOTE, Kind.POST_QUANTUM]
    monkeypatch.setattr(Signer, "create", made)
    assert add_pair(tmp_path, sm2=True) == "3"


def test_openssl_verifies_a_checkpoint_and_nothing_of_ours_is_needed(tmp_path: Path) -> None:
    # As docs/operations.md tells it to readers with tools of their own.
    signer = sm2_signer()
    note = Checkpoint(ORIGIN, 3, bytes(32)).sign([signer], at=1)
    text, _, lines = note.partition(b"\n\n")
    signature = base64.b64decode(lines.split()[-1])[4:]
    public = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")  # X.509's way of saying: on SM2
    public += base64.b64decode(signer.key.line.split("+", 2)[2])[-65:]
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(public).decode()}-----END PUBLIC KEY-----\n"
    (tmp_path / "key").write_text(pem)
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    (tmp_path / "signature").write_bytes(encode_dss_signature(r, s))
    check = ("dgst", "-sm3", "-verify", tmp_path / "key", "-sigopt", "distid:1234567812345678")
    for signed, status in ((text + b"\n", 0), (text, 1)):
        (tmp_path / "text").write_bytes(signed)
        assert openssl(*check, "-signature", tmp_path / "signature", tmp_path / "text").returncode == status


def test_a_key_file_of_another_curve_or_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    for kind, other in ((Kind.SM2, Kind.NOTE), (Kind.NOTE, Kind.SM2), (Kind.SM2, Kind.POST_QUANTUM)):
        path.unlink(missing_ok=True)
        Signer.create(path, name="k", kind=kind)
        with pytest.raises(Refused):
            Signer.load(path, name="k", kind=other)
    assert "sign" not in repr(Signer.load(path, name="k", kind=Kind.SM2))
