"""A witness over its whole protocol, by the vectors of litewitness and against logs that misbehave."""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from winddown.__main__ import main
from winddown.domain.errors import Refused, Transient
from winddown.evidence import verify
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import consistency_proof, leaf_hash, root
from winddown.evidence.monitor import compare
from winddown.evidence.note import Note
from winddown.evidence.policy import Member, Policy
from winddown.evidence.signing import Kind, Signer, VerifyingKey
from winddown.evidence.tiles import export
from winddown.evidence.witness import Request, Witness, create_signers
from winddown.evidence.witness_client import cosign, request_of
from winddown.evidence.witness_server import server

ORIGIN = "winddown/c1"
ENTRIES = [f"entry {number}".encode() for number in range(20)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
FORKED = [*LEAVES[:4], leaf_hash(b"another"), *LEAVES[5:]]

# cmd/litewitness/testdata/litewitness.txt of FiloSottile/torchwood (ISC licence): a log of three hashes.
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = VerifyingKey(
    SIGSUM, Kind.NOTE, bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
)
ONE = (
    f"old 0\n\n{SIGSUM}\n1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— {SIGSUM} "
    "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=\n"
)
THREE = (
    "old 1\nKgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nKgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
    f"{SIGSUM}\n3\nRcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=\n\n— {SIGSUM} "
    "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=\n"
)
WITHOUT_PROOF = THREE.split("\n", 1)[0] + "\n\n" + THREE.split("\n\n", 1)[1]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("witness_keys")
    create_signers(folder, "witness.example/w")
    return folder


@pytest.fixture
def make(keys: Path, tmp_path: Path) -> Callable[[dict[str, list[VerifyingKey]]], Witness]:
    def with_logs(logs: dict[str, list[VerifyingKey]]) -> Witness:
        folder = tmp_path / "witness"
        folder.mkdir(exist_ok=True)
        for path in keys.glob("*.pem"):
            (folder / path.name).write_bytes(path.read_bytes())
            (folder / path.name).chmod(0o600)
        return Witness(folder, name="witness.example/w", logs=logs)

    return with_logs


@pytest.fixture
def witness(make: Callable[..., Witness], signers: tuple[Signer, ...]) -> Witness:
    return make({ORIGIN: [signer.key for signer in signers]})


@pytest.fixture
def note(signers: tuple[Signer, ...]) -> Callable[..., bytes]:
    def of(size: int, leaves: list[bytes] = LEAVES) -> bytes:
        return Checkpoint(ORIGIN, size, root(leaves[:size])).sign(signers, at=1)

    return of


@pytest.fixture
def ask(witness: Witness, note: Callable[..., bytes]) -> Callable[..., int]:
    def status(old: int, size: int, leaves: list[bytes] = LEAVES) -> int:
        return witness.add_checkpoint(request_of(leaves[:size], note(size, leaves), old=old).body, at=7).status

    return status


def key_of(keys: Path, kind: Kind) -> VerifyingKey:
    name = "witness.ed25519.pem" if kind is Kind.COSIGNATURE else "witness.ml-dsa-44.pem"
    return Signer.load(keys / name, name="witness.example/w", kind=kind).key


def test_the_vectors_of_litewitness_are_answered_as_they_are_there(make: Callable[..., Witness]) -> None:
    witness = make({SIGSUM: [SIGSUM_KEY]})
    for body, status in (
        (THREE, 409),
        (ONE, 200),
        (THREE.replace("6go=", "6gx="), 400),  # base64 that is not canonical; there it counts as a bad signature
        (THREE.replace("x6go=", "x6gk="), 403),
        (THREE.replace("09e562\n", "09e563\n"), 404),
        (WITHOUT_PROOF, 422),
        (THREE.replace("KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"), 422),
        (THREE, 200),
        (ONE, 409),
        (THREE, 409),
    ):  # fmt: skip
        assert witness.add_checkpoint(body.encode(), at=1).status == status


def test_what_continues_the_log_is_cosigned_and_remembered(witness: Witness, note: Any, keys: Path) -> None:
    old = 0
    for size in (1, 2, 5, 5, 16, 20):
        answer = witness.add_checkpoint(request_of(LEAVES[:size], note(size), old=old).body, at=1_700_000_000)
        assert answer.status == 200
        own = [key_of(keys, Kind.COSIGNATURE), key_of(keys, Kind.POST_QUANTUM)]
        cosigned = note(size) + answer.text.encode()
        assert Note.parse(cosigned).open(own) == dict.fromkeys(own, 1_700_000_000)
        old = size
    kept = witness.latest(hashlib.sha256(ORIGIN.encode()).hexdigest())
    assert kept is not None
    assert Checkpoint.parse(Note.parse(kept).text).size == 20
    assert witness.latest("0" * 64) is None


def test_forks_rollbacks_and_proofs_from_nothing_are_refused(ask: Callable[..., int]) -> None:
    assert ask(0, 8) == 200
    assert ask(8, 8, FORKED) == 422  # the same size, another root
    assert ask(8, 12, FORKED) == 422
    assert ask(0, 12) == 409  # a log that a witness knows does not begin anew
    assert ask(0, 4) == 409
    assert ask(4, 4) == 409
    assert ask(4, 12) == 409
    assert ask(8, 12) == 200
    assert ask(12, 12) == 200
    assert ask(8, 20) == 409


def test_an_old_size_beyond_the_checkpoint_is_malformed(witness: Witness, note: Any) -> None:
    assert witness.add_checkpoint(Request(9, (), note(8)).body, at=1).status == 400


def test_an_empty_log_has_the_root_of_nothing_and_a_proof_from_it_is_refused(
    witness: Witness, note: Any, signers: tuple[Signer, ...]
) -> None:
    odd = Checkpoint(ORIGIN, 0, bytes(32)).sign(signers, at=1)
    assert witness.add_checkpoint(Request(0, (), odd).body, at=1).status == 422
    assert witness.add_checkpoint(Request(0, (LEAVES[0],), note(8)).body, at=1).status == 422
    assert witness.add_checkpoint(Request(0, (), note(0)).body, at=1).status == 200
    assert witness.add_checkpoint(Request(0, (LEAVES[0],), note(8)).body, at=1).status == 422
    assert witness.add_checkpoint(Request(0, (), note(8)).body, at=1).status == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"old 0", b"old 00"), lambda body: body.replace(b"old 0", b"old +0"),
        lambda body: body.replace(b"old 0", b"old  0"), lambda body: body.replace(b"old 0\n", b"old 0\r\n"),
        lambda body: body.replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"B=\n"), lambda body: body[6:],
        lambda body: body.replace(b"old 0\n", b"old 0\n" + (b"A" * 43 + b"=\n") * 64), lambda _body: b"",
        lambda body: body.replace(b"\n\n", b"\n"), lambda body: body + b"x", lambda body: body + b"\n" * 2**19,
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused(witness: Witness, note: Any, change: Callable[[bytes], bytes]) -> None:
    assert witness.add_checkpoint(change(Request(0, (), note(3)).body), at=1).status == 400
    assert witness.add_checkpoint(Request(0, (), note(3)).body, at=1).status == 200


def test_two_requests_at_once_do_not_roll_the_memory_back(witness: Witness, note: Any) -> None:
    answers: list[int] = []

    def add(size: int) -> None:
        answers.append(witness.add_checkpoint(Request(0, (), note(size)).body, at=1).status)

    threads = [threading.Thread(target=add, args=(size,)) for size in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 7


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    serving = server(witness, "127.0.0.1", 0)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.mark.parametrize("kind", [Kind.COSIGNATURE, Kind.POST_QUANTUM])
def test_a_log_asks_a_witness_over_the_network(
    url: str, note: Any, keys: Path, signers: tuple[Signer, ...], kind: Kind
) -> None:
    member = Member(key_of(keys, kind), url)
    policy = f"log {signers[0].key.line}\nwitness w {member.key.line} {url}\nquorum w\n"
    for size in (3, 3, 9):
        cosigned = cosign(note(size), LEAVES[:size], member)
        assert Policy.parse(policy).judge(cosigned).size == size
        assert verify.Policy(policy).open_checkpoint(cosigned, "note")[1] == size
    with pytest.raises(Refused, match="status 422"):
        cosign(note(12, FORKED), FORKED[:12], member)
    with pytest.raises(Refused, match="it was rolled back"):
        cosign(note(4), LEAVES[:4], member)
    stranger = Signer.create(keys.parent / f"stranger{int(kind)}.pem", name="witness.example/w", kind=kind).key
    with pytest.raises(Refused, match="no signature of its key"):
        cosign(note(9), LEAVES[:9], Member(stranger, url))


def test_a_witness_that_cannot_be_reached_is_a_passing_fault(note: Any, keys: Path) -> None:
    with pytest.raises(Transient, match="could not be asked"):
        cosign(note(3), LEAVES[:3], Member(key_of(keys, Kind.COSIGNATURE), "http://127.0.0.1:9"))
    with pytest.raises(Refused, match="http"):
        cosign(note(3), LEAVES[:3], Member(key_of(keys, Kind.COSIGNATURE), "file:///etc/passwd"))


def test_a_monitor_names_forks_and_rollbacks(note: Any, signers: tuple[Signer, ...]) -> None:
    policy = Policy.parse(f"log {signers[0].key.line}\nquorum none\n")
    other = Checkpoint("other", 3, root(LEAVES[:3])).sign(signers, at=1)
    notes = {
        "empty": note(0), "3": note(3), "8": note(8), "8 again": note(8, FORKED), "9": note(9, FORKED), "20": note(20),
        "none": other, "cut": note(3)[:-9],
    }  # fmt: skip
    found = {one.name: one.verdict for one in compare(notes, ENTRIES[:12], origin=ORIGIN, policy=policy)}
    assert found == {
        "empty": "proves nothing", "3": "consistent", "8": "consistent", "8 again": "fork", "9": "fork",
        "20": "rollback", "none": "not accepted", "cut": "not accepted",
    }  # fmt: skip


def test_the_commands_are_a_witness_without_a_network(
    tmp_path: Path, note: Any, signers: tuple[Signer, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, policy, request = str(tmp_path / "w"), tmp_path / "policy", tmp_path / "request"
    policy.write_text(f"log {signers[0].key.line}\nquorum none\n")
    assert main(["witness", "new", folder, "--name", "w.example"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cosigner = VerifyingKey.parse(lines[0].split()[2])
    assert main(["witness", "new", folder, "--name", "w.example"]) == 2
    request.write_bytes(request_of(LEAVES[:3], note(3), old=0).body)
    capsys.readouterr()
    assert main(["witness", "sign", folder, str(request), "--policy", str(policy)]) == 0
    cosigned = note(3) + capsys.readouterr().out.encode()
    assert cosigner in Note.parse(cosigned).open([cosigner])
    assert main(["witness", "sign", folder, str(request), "--policy", str(policy)]) == 2
    assert capsys.readouterr().out == "3\n"
    assert main(["witness", "seen", folder, "--policy", str(policy)]) == 0
    assert capsys.readouterr().out.startswith(f"{ORIGIN}\n3\n")
    log, kept = tmp_path / "log", tmp_path / "kept"
    export(log, ENTRIES[:5], checkpoint=note(5))
    kept.write_bytes(note(3))
    watch = ["witness", "watch", str(log), str(kept), "--policy", str(policy)]
    assert main(watch) == 0
    assert capsys.readouterr().out.count("consistent: ") == 2
    kept.write_bytes(note(5, FORKED))
    assert main(watch) == 2
    assert "fork: " in capsys.readouterr().out
    kept.write_bytes(note(8))
    assert main(watch) == 2
    assert "rollback: " in capsys.readouterr().out
    assert main(["witness", "watch", str(tmp_path), "--policy", str(policy)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_consistency_from_size_zero_is_never_a_proof() -> None:
    with pytest.raises(Refused):
        consistency_proof(LEAVES, 0)
    assert request_of(LEAVES, b"note", old=0).proof == ()
    assert base64.b64decode(Request.parse(THREE.encode()).body.split(b"\n")[1])[:2] == b"*\x01"
