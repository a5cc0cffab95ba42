"""A temporary file that nobody else can read."""

import hashlib
import os
import random
from pathlib import Path

import pytest

from winddown.archive.spool import Spool
from winddown.domain.errors import Refused, Transient

MEBI = 1 << 20


def test_what_was_written_is_taken_back_at_any_place(tmp_path: Path) -> None:
    content = random.Random(3).randbytes(3 * MEBI + 7)  # noqa: S311 - no secret
    with Spool(tmp_path / "made") as spool:
        for start in range(0, len(content), 700_001):
            spool.write(memoryview(content)[start : start + 700_001])
        assert spool.finish() == hashlib.sha256(content).hexdigest()
        assert spool.size == len(content)
        for start, size in ((0, 5), (MEBI - 1, 2), (0, len(content)), (2 * MEBI, MEBI), (len(content) - 1, 9)):
            assert spool.take(start, size) == content[start : start + size]


def test_nothing_of_it_has_a_name_or_can_be_read(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.write(b"13800138000" * MEBI)
        spool.finish()
        assert list(tmp_path.iterdir()) == []
        written = os.pread(spool._file.fileno(), 12 * MEBI, 0)
        assert len(written) > 11 * MEBI
        assert b"13800138000" not in written


def test_a_changed_byte_is_never_handed_out(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.write(b"x" * MEBI)
        spool.finish()
        os.pwrite(spool._file.fileno(), b"?", 77)
        with pytest.raises(Refused, match="changed"):
            spool.take(0, 1)


def test_a_disk_that_cannot_be_written_may_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Transient, match="workspace"):
        Spool(tmp_path / "file")
