"""The administrator's list of approvers' keys: read as the stand-alone verifier reads it, or refused in words."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.control.approver_keys import SETTING, key_objection, listed_keys, require_listed
from winddown.domain.approval import Approver
from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.signing import Kind, Signer


def line_of(name: str, *, seed: str = "", kind: Kind = Kind.NOTE) -> str:
    key = Ed25519PrivateKey.from_private_bytes((seed or name).ljust(32).encode())
    return Signer.of(key, name=name, kind=kind).key.line


CHEN, WU = line_of("chen"), line_of("wu")


def taken_by_the_verifier(path: Path) -> set[str] | None:
    try:
        return set(verify.read_approvers(path.read_text(encoding="utf-8")))
    except (verify.Rejected, UnicodeDecodeError):
        return None


GOOD = {
    "": set(),
    "# nobody yet\n": set(),
    f"{CHEN}\n{WU}\n": {"chen", "wu"},
    f"# handed over on paper\n\n{CHEN}\n# by herself\n{WU}": {"chen", "wu"},
    f"{CHEN}\r\n{WU}\r\n": {"chen", "wu"},
}


@pytest.mark.parametrize("text", GOOD)
def test_a_list_is_read_as_the_verifier_reads_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.txt"
    path.write_bytes(text.encode())
    assert {*listed_keys(path)} == GOOD[text] == taken_by_the_verifier(path)


BAD = {
    b"chen\n": "line 1",
    f" {CHEN}\n".encode(): "line 1",
    f"{CHEN} # of chen\n".encode(): "line 1",
    f"{WU}\n{CHEN[:-4]}\n".encode(): "line 2",
    f"{CHEN}\n\n{CHEN}\n".encode(): "line 3: its name or key stands twice",
    f"{CHEN}\n{line_of('chen', seed='other')}\n".encode(): "line 2: its name or key stands twice",
    f"{CHEN}\n{line_of('wu', seed='chen')}\n".encode(): "line 2: its name or key stands twice",
    f"{line_of('chen', kind=Kind.COSIGNATURE)}\n".encode(): "line 1: a key of a kind that signs something else",
    f"\ufeff{CHEN}\n".encode(): "line 1",
    f"{CHEN}\u2028{WU}\n".encode(): "line 1",
    "# 陈立\n".encode("gb18030"): "is no text in UTF-8",
    b"\0": "line 1",
}


@pytest.mark.parametrize("content", BAD)
def test_a_malformed_list_is_refused_with_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.txt"
    path.write_bytes(content)
    with pytest.raises(Refused) as refusal:
        listed_keys(path)
    assert refusal.value.message.startswith(f"{SETTING}: keys.txt ")
    assert BAD[content] in refusal.value.message
    assert "the administrator corrects the file" in refusal.value.next_step
    assert taken_by_the_verifier(path) is None


def test_a_list_that_cannot_be_read_is_refused_with_the_setting(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path, tmp_path / "missing" / "keys.txt"):
        with pytest.raises(Refused, match=rf"{SETTING}: {path.name} cannot be read \("):
            listed_keys(path)
    with pytest.raises(Refused, match="no keys of approvers are listed") as refusal:
        listed_keys(None)
    assert SETTING in refusal.value.next_step


def test_a_key_is_listed_under_its_own_name_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(f"{CHEN}\n{line_of('wu', seed='real')}\n")
    require_listed(path, Approver("chen", "liquidation_group", CHEN))
    refused = {
        Approver("wu", "pi_officer", WU): "key wu+{} of wu is not listed on this server; listed for wu is wu+",
        Approver("he", "legal", line_of("he", seed="chen")): "key he+{} of he is not listed on this server",
        Approver("he", "legal", CHEN): "key chen+{} of he is not listed on this server",
    }
    for approver, said in refused.items():
        with pytest.raises(Refused) as refusal:
            require_listed(path, approver)
        assert refusal.value.message.startswith(said.format(approver.key.split("+")[1]))
        assert refusal.value.message == key_objection(path, approver)
        assert SETTING in refusal.value.next_step
    assert key_objection(path, Approver("zhao", "liquidation_group")) == "", "who has no key does not sign"
