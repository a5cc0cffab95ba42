"""Escrow: what was kept comes back from its own file alone, and what was destroyed or not kept from none."""

import hashlib
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from winddown.archive.escrow import Escrow
from winddown.archive.keys import CaseKeys
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Transient

RECORDS = [b"", b"(1,)", b'(2,"")', "(3,欧阳娜娜)".encode(), bytes(range(256)) * 9000, b"(4)"]
ORDER = "plan-1-001"


def batch(index: int = 0) -> Batch:
    return Batch(index, hashlib.sha256(b"%d" % index).hexdigest(), pa.table({"id": ["1"]}))


@pytest.fixture
def keys(tmp_path: Path) -> CaseKeys:
    return CaseKeys(tmp_path / "keys")


@pytest.fixture
def escrow(tmp_path: Path, keys: CaseKeys) -> Escrow:
    return Escrow(tmp_path / "escrow", scope="case/shop", key=keys.container_key)


def kept(escrow: Escrow, index: int = 0, records: list[bytes] = RECORDS) -> str:
    with escrow.written(ORDER, batch(index), iter(records)) as attempt:
        assert attempt.records == len(records)
        return attempt.keep()


def files(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "escrow").rglob("*") if path.is_file())


@pytest.mark.parametrize("records", [RECORDS, [], [b""], [b"x" * (3 << 20)] * 2, [b"%d" % n for n in range(99_999)]])
def test_what_was_kept_comes_back(escrow: Escrow, tmp_path: Path, records: list[bytes]) -> None:
    name = kept(escrow, records=records)
    assert list(escrow.records(ORDER, batch(), name)) == records
    (path,) = files(tmp_path)
    assert (path.name, stat.S_IMODE(path.stat().st_mode)) == (name, 0o600)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in name
    assert escrow.names(ORDER, 0) == (name,)


def test_nothing_of_it_is_readable(escrow: Escrow, tmp_path: Path) -> None:
    kept(escrow)
    assert "欧阳娜娜".encode() not in files(tmp_path)[0].read_bytes()


def test_attempts_never_overwrite_one_another(escrow: Escrow) -> None:
    names = {kept(escrow) for _ in range(3)}
    assert set(escrow.names(ORDER, 0)) == names
    assert len(names) == escrow.count() == 3
    for name in names:
        assert list(escrow.records(ORDER, batch(), name)) == RECORDS


def test_what_is_not_kept_leaves_nothing(escrow: Escrow, tmp_path: Path) -> None:
    with escrow.written(ORDER, batch(), RECORDS):
        (path,) = files(tmp_path)
        assert path.read_bytes().startswith(bytes(32) + b"WDSEAL"), "the part key is not there before it is kept"
        assert escrow.names(ORDER, 0) == (path.name,), "a killed worker's file would be found"
    assert files(tmp_path) == []


def test_records_that_cannot_be_handed_out_leave_nothing(escrow: Escrow, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield from RECORDS
        raise Refused("the server says no")

    with pytest.raises(Refused, match="the server"), escrow.written(ORDER, batch(), broken()):
        pytest.fail("it was broken before")
    assert files(tmp_path) == []


def test_a_disk_that_takes_no_more_is_transient_and_leaves_nothing(escrow: Escrow, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(Transient, match="cannot be written"), escrow.written(ORDER, batch(), RECORDS) as attempt:
            attempt.keep()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == []


def test_a_file_opens_for_its_own_batch_and_case_alone(escrow: Escrow, tmp_path: Path) -> None:
    first, second = kept(escrow, 0), kept(escrow, 1)
    folder = files(tmp_path)[0].parent
    with pytest.raises(Refused, match="not the file that was written"):
        list(escrow.records(ORDER, batch(0), second))
    digest = second.partition("-")[2]
    (folder / second).rename(folder / f"000000-{digest}")
    with pytest.raises(Refused, match="opened for another context"):
        list(escrow.records(ORDER, batch(0), f"000000-{digest}"))
    other = Escrow(tmp_path / "escrow", scope="case/shop", key=CaseKeys(tmp_path / "other").container_key)
    with pytest.raises(Refused, match="sealed with key"):
        list(other.records(ORDER, batch(0), first))


@pytest.mark.parametrize("place", [0, 40, 200, -1])
def test_a_changed_byte_is_refused(escrow: Escrow, tmp_path: Path, place: int) -> None:
    name = kept(escrow)
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(Refused, match="not the file that was written"):
        list(escrow.records(ORDER, batch(), name))
    # Not even when its name goes along with the change.
    forged = f"000000-{hashlib.sha256(content).hexdigest()}.escrow"
    path.rename(path.parent / forged)
    with pytest.raises(Refused):
        list(escrow.records(ORDER, batch(), forged))


def test_a_missing_file_is_not_an_empty_one(escrow: Escrow, tmp_path: Path) -> None:
    name = kept(escrow)
    files(tmp_path)[0].unlink()
    with pytest.raises(Refused, match="is missing"):
        list(escrow.records(ORDER, batch(), name))


def test_what_is_destroyed_cannot_be_read_in_its_old_blocks(escrow: Escrow, tmp_path: Path) -> None:
    name = kept(escrow)
    (path,) = files(tmp_path)
    block = tmp_path / "block"
    block.hardlink_to(path)  # what a file system would keep of it
    before = block.read_bytes()
    escrow.destroy(ORDER, [name])
    assert (files(tmp_path), escrow.names(ORDER, 0), escrow.count()) == ([], (), 0)
    assert block.read_bytes()[32:] == before[32:]
    assert block.read_bytes()[:32] not in {before[:32], bytes(32)}
    block.rename(path.parent / name)
    with pytest.raises(Refused):
        list(escrow.records(ORDER, batch(), name))
    escrow.destroy(ORDER, [name, "000000-gone.escrow"])
    escrow.destroy(ORDER, [name])


def test_files_of_other_batches_stay(escrow: Escrow) -> None:
    names = [kept(escrow, index) for index in (1, 10, 100)]
    escrow.destroy(ORDER, escrow.names(ORDER, 1))
    assert [escrow.names(ORDER, index) for index in (1, 10, 100)] == [(), (names[1],), (names[2],)]
    assert escrow.names("plan-1-002", 10) == ()
