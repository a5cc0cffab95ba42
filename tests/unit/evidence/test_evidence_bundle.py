import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.errors import Refused
from winddown.evidence import durable, verify
from winddown.evidence.bundle import bundle_bytes, write_bundle


def test_the_file_is_deterministic_and_whole(case: Any, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    files = case.files()
    # ML-DSA signs with fresh randomness each time, Ed25519 does not.
    signers = case.signers[:1]
    first = write_bundle(path, files=files, signers=signers)
    second = write_bundle(path, files=dict(reversed(files.items())), signers=signers)
    assert first == second == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_mode & 0o777 == 0o644
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bundle.zip"]


def test_any_zip_reader_reads_it_and_the_verifier_builds_the_same_bytes(case: Any) -> None:
    data = case.bundle()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(archive.namelist())
        members = {name: archive.read(name) for name in archive.namelist()}
    assert verify.rebuild(members) == data
    assert verify.read_archive(data) == members
    assert members["verify.py"] == Path(verify.__file__).read_bytes()
    assert set(members) == set(case.files()) | {"manifest.json", "README.txt", "verify.py"}


@pytest.mark.parametrize(
    "name", ["../x.json", "plans/../x.json", "notes.txt", "plans/a/b.json", "verify.py", "plans/x.json\n"]
)
def test_a_member_that_does_not_belong_is_refused(case: Any, name: str) -> None:
    with pytest.raises(Refused, match="name"):
        bundle_bytes({**case.files(), name: b""}, signers=case.signers)


@pytest.mark.parametrize("name", ["ledger.jsonl", "checkpoint.txt"])
def test_a_bundle_without_its_ledger_is_not_written(case: Any, name: str, tmp_path: Path) -> None:
    files = case.files()
    del files[name]
    with pytest.raises(Refused, match=name):
        write_bundle(tmp_path / "b.zip", files=files, signers=case.signers)
    assert not (tmp_path / "b.zip").exists()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        durable.replace(path, b"new")
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"b.zip": b"old"}
