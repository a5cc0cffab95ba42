import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import EMPTY_ROOT
from winddown.evidence.note import Note
from winddown.evidence.policy import Policy
from winddown.evidence.signing import Kind, Signer, VerifyingKey
from winddown.evidence.sm2 import SM2PrivateKey

ORIGIN = "winddown/c1"
# From the documentation of golang.org/x/mod/sumdb/note (BSD-3-Clause), the first implementation of signed notes.
PETER = VerifyingKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETER_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_NOTE = (
    f"{PETER_TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# From C2SP signed-note.
FOO = VerifyingKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
FOO_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def policy_of(*keys: VerifyingKey, witnesses: tuple[VerifyingKey, ...] = (), quorum: str = "none") -> str:
    logs = "".join(f"log {key.line}\n" for key in keys)
    return logs + "".join(f"witness w{n} {key.line}\n" for n, key in enumerate(witnesses)) + f"quorum {quorum}\n"


def readers_refuse(note: bytes, policy: str) -> None:
    with pytest.raises(Refused):
        Policy.parse(policy).judge(note)
    with pytest.raises(verify.Rejected):
        verify.Policy(policy).open_checkpoint(note, "note")


def readers_take(note: bytes, policy: str) -> Checkpoint:
    found = Policy.parse(policy).judge(note)
    assert verify.Policy(policy).open_checkpoint(note, "note") == (found.origin, found.size, found.root)
    return found


def made(kind: Kind, name: str = ORIGIN) -> Signer:
    private = {Kind.POST_QUANTUM: MLDSA44PrivateKey, Kind.SM2: SM2PrivateKey}.get(kind, Ed25519PrivateKey)
    return Signer.of(private.generate(), name=name, kind=kind)


def test_the_reference_notes_verify_and_one_is_made_again() -> None:
    for raw, key in ((PETER_NOTE, PETER), (FOO_NOTE, FOO)):
        assert Note.parse(raw.encode()).open([key]) == {key: 0}
        assert Note.parse(raw.encode().replace(b"e", b"E", 1)).text != Note.parse(raw.encode()).text
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(PETER_SEED)[1:])
    signer = Signer.of(private, name="PeterNeumann", kind=Kind.NOTE)
    assert signer.key == PETER
    assert f"{PETER_TEXT}\n{signer.sign_note(PETER_TEXT, at=1)}" == PETER_NOTE


def test_a_checkpoint_of_gos_sum_database_verifies() -> None:
    # From cmd/litewitness/testdata/sumdb.txt of FiloSottile/torchwood (ISC); its key is not named like its origin.
    key = VerifyingKey.parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    raw = (
        "go.sum database tree\n35225469\nvt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n\n— sum.golang.org "
        "Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2HgXpD+gu9HHONebHLAyaKbbTM75QTtPydhKCExixSfwQ=\n"
    )
    note = Note.parse(raw.encode())
    assert note.open([key]) == {key: 0}
    assert Checkpoint.parse(note.text).size == 35225469
    readers_refuse(raw.encode(), policy_of(key))  # A policy's log is named like its origin.


def test_a_checkpoint_comes_back_by_either_key(signers: tuple[Signer, ...]) -> None:
    checkpoint = Checkpoint(ORIGIN, 10, bytes(range(32)))
    note = checkpoint.sign(signers, at=1)
    for keys in ([signers[0].key], [signers[1].key], [signer.key for signer in signers]):
        assert readers_take(note, policy_of(*keys)) == checkpoint


@pytest.mark.parametrize("kind", [Kind.COSIGNATURE, Kind.POST_QUANTUM])
def test_witnesses_count_towards_a_quorum_and_unknown_ones_do_not(signer: Signer, kind: Kind) -> None:
    checkpoint = Checkpoint(ORIGIN, 10, bytes(32))
    first, second, unknown = (made(kind, f"witness.example/{n}") for n in range(3))
    note = checkpoint.sign([signer], at=1)
    both = policy_of(signer.key, witnesses=(first.key, second.key), quorum="w0")
    two = both.replace("quorum w0", "group g all w0 w1\nquorum g")
    either = both.replace("quorum w0", "group g any w0 w1\nquorum g")
    lone, other = (note + one.sign_note(checkpoint.text, at=7).encode() for one in (first, unknown))
    readers_refuse(note, both)
    readers_refuse(other, either)
    readers_refuse(lone, two)
    readers_refuse(lone, both.replace("quorum w0", "quorum w1"))
    readers_take(lone, both)
    readers_take(lone, either)
    readers_take(lone + second.sign_note(checkpoint.text, at=8).encode(), two)
    assert Note.parse(lone).open([first.key]) == {first.key: 7}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_flipped_bit_and_every_cut_is_refused(kind: Kind) -> None:
    is_logs = kind in {Kind.NOTE, Kind.SM2}
    log = made(kind if is_logs else Kind.NOTE)
    signer = log if is_logs else made(kind, "witness.example")
    checkpoint = Checkpoint(ORIGIN, 10, bytes(32))
    note = checkpoint.sign([log] if is_logs else [log, signer], at=1)
    policy = policy_of(log.key, witnesses=() if is_logs else (signer.key,), quorum="none")
    policy = policy if is_logs else policy.replace("quorum none", "quorum w0")
    readers_take(note, policy)
    for place in range(0, len(note), {Kind.POST_QUANTUM: 7, Kind.SM2: 5}.get(kind, 1)):
        for bit in (1, 32):
            readers_refuse(note[:place] + bytes([note[place] ^ bit]) + note[place + 1 :], policy)
        readers_refuse(note[:place], policy)


def test_a_known_key_whose_signature_does_not_fit_spoils_the_note(signer: Signer) -> None:
    note = Checkpoint(ORIGIN, 10, bytes(32)).sign([signer], at=1)
    bad = f"— {ORIGIN} {base64.b64encode(signer.key.id + bytes(64)).decode()}\n".encode()
    readers_refuse(note + bad, policy_of(signer.key))
    readers_refuse(note.replace(b"\n\n", b"\n\n" + bad), policy_of(signer.key))
    # Neither name nor id alone makes a key known.
    other = made(Kind.NOTE).key.id
    for line in (
        f"— other.example {base64.b64encode(signer.key.id + bytes(64)).decode()}\n",
        f"— {ORIGIN} {base64.b64encode(other + bytes(64)).decode()}\n",
    ):
        readers_take(note + line.encode(), policy_of(signer.key))


def test_no_line_of_a_note_holds_a_control_character(signer: Signer) -> None:
    note = Checkpoint(ORIGIN, 10, bytes(32)).sign([signer], at=1)
    for letter in "\x00\x01\t\r\x1f":
        readers_refuse(note + f"— w{letter}x AAAAAAA=\n".encode(), policy_of(signer.key))
    readers_take(note + "— w\x7fx AAAAAAA=\n".encode(), policy_of(signer.key))


def test_sixteen_signatures_of_the_largest_kind_are_read(signer: Signer) -> None:
    checkpoint = Checkpoint(ORIGIN, 10, bytes(32))
    witness = made(Kind.POST_QUANTUM, "w")
    note = checkpoint.sign([*[witness] * 16, signer], at=1)
    readers_take(note, policy_of(signer.key))
    readers_refuse(note + b"\xe2\x80\x94 w AAAAAAAA\n" * 2**14, policy_of(signer.key))


@pytest.mark.parametrize(
    "tail", ["\n", "junk\n", "— w\n", "— w AAAAAA==\n", "— w AAAAAAB=\n", "— a b AAAAAAAA\n", "-- w A\n"]
)
def test_lines_that_are_no_signatures_are_refused(signer: Signer, tail: str) -> None:
    note = Checkpoint(ORIGIN, 10, bytes(32)).sign([signer], at=1)
    readers_refuse(note + tail.encode(), policy_of(signer.key))


@pytest.mark.parametrize("change", [(b"\n", b"\r\n"), (b"10\n", b"10\t\n"), (b"10", b"\x0010"), (b"winddown", b"\xff")])
def test_control_characters_and_bad_text_are_refused(signer: Signer, change: tuple[bytes, bytes]) -> None:
    note = Checkpoint(ORIGIN, 10, bytes(32)).sign([signer], at=1)
    readers_refuse(note.replace(*change), policy_of(signer.key))
    readers_refuse(b"\n" + note, policy_of(signer.key))


@pytest.mark.parametrize("size", ["1_0", "+7", "７", "07", "00", "-1", " 7", "", "9223372036854775808", "1e3"])
def test_a_signed_but_odd_size_is_refused(signer: Signer, size: str) -> None:
    text = f"{ORIGIN}\n{size}\n{base64.b64encode(bytes(32)).decode()}\n"
    readers_refuse(f"{text}\n{signer.sign_note(text, at=1)}".encode(), policy_of(signer.key))


@pytest.mark.parametrize("root", ["AAAA", "", base64.b64encode(bytes(33)).decode(), "A" * 42 + "B=", "A" * 43])
def test_a_signed_but_odd_root_is_refused(signer: Signer, root: str) -> None:
    text = f"{ORIGIN}\n7\n{root}\n"
    readers_refuse(f"{text}\n{signer.sign_note(text, at=1)}".encode(), policy_of(signer.key))


def test_extension_lines_of_other_logs_say_nothing(signer: Signer) -> None:
    checkpoint = Checkpoint(ORIGIN, 7, bytes(32), ("one", "two"))
    note, policy = checkpoint.sign([signer], at=1), policy_of(signer.key)
    assert Policy.parse(policy).judge(note) == checkpoint
    assert verify.Policy(policy).open_checkpoint(note, "note") == (ORIGIN, 7, bytes(32))


def test_an_empty_log_has_the_root_of_nothing(signer: Signer) -> None:
    policy = policy_of(signer.key)
    readers_refuse(Checkpoint(ORIGIN, 0, bytes(32)).sign([signer], at=1), policy)
    note = Checkpoint(ORIGIN, 0, EMPTY_ROOT).sign([signer], at=1)
    assert verify.Policy(policy).open_checkpoint(note, "note")[1] == Policy.parse(policy).judge(note).size == 0


@pytest.mark.parametrize("origin", ["", "two\nlines", "a\tb"])
def test_an_origin_is_one_line(origin: str) -> None:
    with pytest.raises(Refused):
        Checkpoint(origin, 1, bytes(32))


W = "log {log}\nwitness w {witness}\n"
POLICIES = [
    "", "quorum none", "quorum none\n",
    "quorum none\nquorum none\n", "quorum w\n", "log {log}\n", "log {log}\nlog {log}\nquorum none\n",
    "log {log} a b\nquorum none\n", "log {witness}\nquorum none\n", "log {log}\nwitness w {log}\nquorum w\n",
    "log {log}\nwitness none {witness}\nquorum none\n", W + "witness w {witness}\nquorum w\n",
    W + "witness a {witness}\nquorum a\n", "log {log}\ngroup g 1 w\nwitness w {witness}\nquorum g\n",
    W + "group g 2 w\nquorum g\n", W + "group g 0 w\nquorum g\n", W + "group g any\nquorum g\n",
    W + "group g 01 w\nquorum g\n", W + "group g any w w\nquorum g\n", W + "group g any g\nquorum g\n",
    W + "group a any w\ngroup b any w\nquorum a\n", W + "group g any none\nquorum g\n",
    W + "group none any w\nquorum none\n", W + "group w any w\nquorum w\n",
    "log {log}\nquorum none\nwitnes x\n", "log {log}\r\nquorum none\n", "log {log}\x0bquorum none\n",
]  # fmt: skip


@pytest.mark.parametrize("text", POLICIES)
def test_a_policy_that_is_not_understood_is_refused(text: str) -> None:
    full = text.format(log=made(Kind.NOTE).key.line, witness=made(Kind.COSIGNATURE, "w.example").key.line)
    with pytest.raises(verify.Rejected):
        verify.Policy(full)
    if "log" in full or "quorum none\nquorum" in full:
        with pytest.raises(Refused):
            Policy.parse(full)


def test_comments_tabs_urls_and_nested_groups_are_part_of_a_policy(signer: Signer) -> None:
    witnesses = [made(Kind.COSIGNATURE, f"w{n}.example") for n in range(3)]
    lines = [f"\twitness\tx{n} {one.key.line} https://w{n}.example/" for n, one in enumerate(witnesses)]
    text = "\n".join([
        "# whom we trust", "", *lines, " log " + signer.key.line + " https://log.example/", "group xs 2 x0 x1",
        "group all all xs x2", "quorum all", "",
    ])  # fmt: skip
    checkpoint = Checkpoint(ORIGIN, 3, bytes(32))
    note = checkpoint.sign([signer], at=1)
    assert Policy.parse(text).witnesses["x1"].url == "https://w1.example/"
    for seen in range(8):
        lines = [one.sign_note(checkpoint.text, at=1) for n, one in enumerate(witnesses) if seen >> n & 1]
        judge = readers_take if seen == 7 else readers_refuse
        judge(note + "".join(lines).encode(), text)
