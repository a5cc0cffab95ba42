import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.checkpoint import Checkpoint, open_checkpoint, open_note
from winddown.evidence.signing import Signer, VerifyingKey

# From the documentation of golang.org/x/mod/sumdb/note, the reference implementation of signed notes.
PETER = VerifyingKey.parse("winddown+PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETER_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_NOTE = (
    f"{PETER_TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def readers_refuse(note: bytes, key: VerifyingKey) -> None:
    with pytest.raises(Refused):
        open_checkpoint(note, key)
    with pytest.raises(verify.Rejected):
        verify.Key(key.line).open_checkpoint(note, "note")


def test_the_reference_note_verifies_and_is_made_again() -> None:
    assert open_note(PETER_NOTE.encode(), PETER) == PETER_TEXT
    seed = base64.b64decode(PETER_SEED)[1:]
    signer = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(seed))
    assert signer.verifying_key == PETER
    signature = base64.b64encode(PETER.keyhash + signer.sign_bytes(PETER_TEXT.encode())).decode()
    assert PETER_NOTE.endswith(f"— PeterNeumann {signature}\n")


def test_a_checkpoint_comes_back(signer: Signer) -> None:
    checkpoint = Checkpoint("winddown.example/ledger", 10, bytes(range(32)))
    note = checkpoint.sign(signer)
    assert open_checkpoint(note, signer.verifying_key) == checkpoint
    origin, size, root = verify.Key(signer.verifying_key.line).open_checkpoint(note, "note")
    assert Checkpoint(origin, size, root) == checkpoint


def test_a_witness_may_sign_beside_us(signer: Signer) -> None:
    checkpoint = Checkpoint("winddown.example/ledger", 10, bytes(32))
    witness = Signer("witness", Ed25519PrivateKey.generate())
    note = checkpoint.sign(signer) + checkpoint.sign(witness).split(b"\n\n")[1]
    assert open_checkpoint(note, signer.verifying_key) == checkpoint
    assert open_checkpoint(note, witness.verifying_key) == checkpoint
    verify.Key(signer.verifying_key.line).open_checkpoint(note, "note")


def test_every_flipped_bit_and_every_cut_is_refused(signer: Signer) -> None:
    note = Checkpoint("winddown.example/ledger", 10, bytes(32)).sign(signer)
    for place in range(len(note)):
        for bit in (1, 32):
            readers_refuse(note[:place] + bytes([note[place] ^ bit]) + note[place + 1 :], signer.verifying_key)
        readers_refuse(note[:place], signer.verifying_key)


def test_twice_the_same_key_trailing_lines_and_another_key_are_refused(signer: Signer) -> None:
    note = Checkpoint("winddown.example/ledger", 10, bytes(32)).sign(signer)
    line = note.split(b"\n\n")[1]
    other = Signer(signer.name, Ed25519PrivateKey.generate()).verifying_key
    for forged in (note + line, note + b"\n", note + b"junk\n", b"\n" + note, note.replace(b"\n", b"\r\n")):
        readers_refuse(forged, signer.verifying_key)
    readers_refuse(note, other)


@pytest.mark.parametrize("size", ["1_0", "+7", "７", "07", "-1", " 7", ""])
@pytest.mark.parametrize("extra", ["", "extension\n"])
def test_a_signed_but_odd_size_is_refused(signer: Signer, size: str, extra: str) -> None:
    text = f"winddown.example/ledger\n{size}\n{base64.b64encode(bytes(32)).decode()}\n{extra}"
    signature = base64.b64encode(signer.verifying_key.keyhash + signer.sign_bytes(text.encode())).decode()
    readers_refuse(f"{text}\n— {signer.name} {signature}\n".encode(), signer.verifying_key)


@pytest.mark.parametrize("origin", ["", "two\nlines", "中文", " space", "a\u2028b"])
def test_an_origin_is_one_plain_line(origin: str) -> None:
    with pytest.raises(Refused):
        Checkpoint(origin, 1, bytes(32))
