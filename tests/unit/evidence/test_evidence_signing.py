from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.domain.errors import Refused
from winddown.evidence.signing import Signer, VerifyingKey, open_envelope


def test_a_key_file_is_private_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    made = Signer.create(path, name="k")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.load(path, name="k").verifying_key == made.verifying_key
    assert [one.name for one in tmp_path.iterdir()] == ["k.pem"]
    assert repr(made) == "Signer(name='k')"


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    Signer.create(tmp_path / "k.pem", name="k")
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(Refused, match="never overwritten"):
        Signer.create(tmp_path / "k.pem", name="k")
    assert (tmp_path / "k.pem").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    Signer.create(tmp_path / "k.pem", name="k")
    (tmp_path / "k.pem").chmod(mode)
    with pytest.raises(Refused, match="open to others"):
        Signer.load(tmp_path / "k.pem", name="k")


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_text("no key")
    (tmp_path / "k.pem").chmod(0o600)
    with pytest.raises(Refused, match="no unencrypted PEM"):
        Signer.load(tmp_path / "k.pem", name="k")


def test_the_sum_database_key_of_go_keeps_its_hash() -> None:
    line = "winddown+sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert VerifyingKey.parse(line).line == line


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line + "\n",
        lambda line: line.replace("winddown", "Winddown"),
        lambda line: line.replace("+k+", "+K+"),
        lambda line: line.replace("+A", "+B"),
        lambda line: line[:-1],
        lambda line: line.split("+", 1)[1],
        lambda _line: "",
    ],
)
def test_a_damaged_key_line_is_refused(change: Any) -> None:
    line = Signer("k", Ed25519PrivateKey.generate()).verifying_key.line
    with pytest.raises(Refused):
        VerifyingKey.parse(change(line))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "名", "-a", "a\n", "x" * 101])
def test_a_key_name_is_plain(name: str) -> None:
    with pytest.raises(Refused):
        Signer(name, Ed25519PrivateKey.generate())


def test_an_envelope_opens_with_its_key_only(signer: Signer) -> None:
    envelope = signer.sign({"b": [1, "二"], "a": None})
    key = signer.verifying_key
    assert open_envelope(envelope, key) == {"b": [1, "二"], "a": None}
    impostor = Signer(signer.name, Ed25519PrivateKey.generate())
    signature = envelope["signature"]
    forgeries: list[dict[str, Any]] = [
        impostor.sign(envelope["document"]),
        {**envelope, "document": {**envelope["document"], "a": False}},
        {**envelope, "extra": 1},
        {**envelope, "signature": {**signature, "algorithm": "none"}},
        {**envelope, "signature": {**signature, "extra": 1}},
        {**envelope, "signature": {**signature, "value": signature["value"][:-3] + "9=="}},
        {**envelope, "signature": {**impostor.sign(envelope["document"])["signature"], "keyhash": key.keyhash.hex()}},
        {"document": envelope["document"]},
        {"document": [], "signature": signature},
    ]
    for forged in forgeries:
        with pytest.raises(Refused):
            open_envelope(forged, key)


def test_a_document_without_canonical_form_is_not_signed(signer: Signer) -> None:
    with pytest.raises(Refused, match="canonical"):
        signer.sign({"share": 0.5})
