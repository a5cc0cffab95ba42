import hashlib
import hmac
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from winddown.archive.container import open_container, seal
from winddown.archive.keys import CaseKeys, destroy_case_key
from winddown.domain.errors import Refused


def test_creates_once_and_loads_the_same(tmp_path: Path) -> None:
    first, second = CaseKeys(tmp_path / "keys"), CaseKeys(tmp_path / "keys")
    seal(b"rows", tmp_path / "c", key=first.container_key(), context="x")
    assert b"".join(open_container(tmp_path / "c", key=second.container_key(), context="x")) == b"rows"
    path = tmp_path / "keys/case.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == 32
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["case.key"]


def test_cases_have_different_keys(tmp_path: Path) -> None:
    first, second = CaseKeys(tmp_path / "a"), CaseKeys(tmp_path / "b")
    assert first.pseudonym("1") != second.pseudonym("1")
    assert first.container_key().id != second.container_key().id


def test_starting_together_gives_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        pseudonyms = set(pool.map(lambda _: CaseKeys(tmp_path).pseudonym("c-1"), range(64)))
    assert len(pseudonyms) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["case.key"]


def test_pseudonyms_are_keyed_and_separate_from_the_container_key(tmp_path: Path) -> None:
    keys = CaseKeys(tmp_path)
    name = keys.pseudonym("13812345678")
    secret = (tmp_path / "case.key").read_bytes()
    assert len(bytes.fromhex(name)) == 32
    assert name == keys.pseudonym("13812345678") != keys.pseudonym("13812345679")
    assert name != hashlib.sha256(b"13812345678").hexdigest()
    assert name != hmac.digest(secret, b"13812345678", "sha256").hex()
    assert len(keys.pseudonym("\ud800")) == 64


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_looser_modes_are_refused(tmp_path: Path, mode: int) -> None:
    CaseKeys(tmp_path)
    (tmp_path / "case.key").chmod(mode)
    with pytest.raises(Refused, match=f"mode {mode:04o}"):
        CaseKeys(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_other_lengths_are_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "case.key").write_bytes(content)
    (tmp_path / "case.key").chmod(0o600)
    with pytest.raises(Refused, match="32 bytes"):
        CaseKeys(tmp_path)
    assert (tmp_path / "case.key").read_bytes() == content


def test_links_are_refused(tmp_path: Path) -> None:
    CaseKeys(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/case.key").symlink_to(tmp_path / "a/case.key")
    with pytest.raises(Refused, match="cannot be opened"):
        CaseKeys(tmp_path / "b")


def test_destroyed_means_destroyed(tmp_path: Path) -> None:
    keys = CaseKeys(tmp_path)
    other_name = tmp_path / "elsewhere"
    os.link(tmp_path / "case.key", other_name)
    secret = other_name.read_bytes()
    keys.destroy()
    assert not (tmp_path / "case.key").exists()
    assert other_name.read_bytes() != secret
    for use in (keys.container_key, lambda: keys.pseudonym("1"), lambda: CaseKeys(tmp_path)):
        with pytest.raises(Refused, match="destroyed"):
            use()
    keys.destroy()
    assert repr(keys) == "CaseKeys(destroyed)"


def test_a_killed_destruction_can_be_finished(tmp_path: Path) -> None:
    CaseKeys(tmp_path)
    os.link(tmp_path / "case.key", tmp_path / ".case.key.leftover")
    (tmp_path / "case.key.destroyed").touch()
    with pytest.raises(Refused, match="destroyed"):
        CaseKeys(tmp_path)
    destroy_case_key(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["case.key.destroyed"]


def test_keys_show_and_ship_no_secret(tmp_path: Path) -> None:
    keys = CaseKeys(tmp_path)
    assert repr(keys) == "CaseKeys(ready)"
    with pytest.raises(Refused):
        pickle.dumps(keys)
