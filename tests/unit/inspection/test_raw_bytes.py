"""The search in raw bytes: every form of a value, at every place, in what is packed, and what it says of the rest."""

import bz2
import gzip
import lzma
import os
import sqlite3
import struct
import zipfile
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.inspection import raw_bytes
from winddown.inspection.raw_bytes import Patterns, encodings, numbers, search_files

NAME, MOBILE = "欧阳娜娜".encode(), b"13800138000"
NOISE = bytes(range(256)) * 40


def search(folder: Path, *probes: bytes) -> raw_bytes.ByteSearch:
    return search_files(folder, probes or (NAME, MOBILE), medium="test")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
def test_a_name_is_found_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "page").write_bytes(NOISE + NAME.decode().encode(encoding) + NOISE)
    found = search(tmp_path)
    assert (found.found, found.where, found.unread) == (1, ("page",), ())


@pytest.mark.parametrize("form", [struct.pack("<q", int(MOBILE)), struct.pack(">Q", int(MOBILE) ^ (1 << 63))])
def test_a_number_is_found_as_a_column_of_numbers_keeps_it(tmp_path: Path, form: bytes) -> None:
    (tmp_path / "page").write_bytes(NOISE + form + NOISE)
    assert search(tmp_path).found == 1


def test_a_number_is_found_in_a_file_that_sqlite_wrote(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE t (mobile INTEGER)")
        connection.execute("INSERT INTO t VALUES (?)", (int(MOBILE),))
        connection.commit()
    assert search(tmp_path).found == 1
    assert search(tmp_path, b"13800138001").found == 0


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("log.gz", gzip.compress),
        ("log.bz2", bz2.compress),
        ("log.xz", lzma.compress),
        ("log.zst", lambda content: pa.compress(content, "zstd", asbytes=True)),
    ],
)
def test_a_packed_file_is_unpacked(tmp_path: Path, name: str, pack: object) -> None:
    assert callable(pack)
    digits = Random(7)  # noqa: S311 - nothing secret
    lines = b" ".join(b"%011d" % digits.randrange(10**11) for _ in range(20_000))
    content = pack(lines + b" 138001380002 " + lines)
    assert MOBILE not in content
    (tmp_path / name).write_bytes(content)
    found = search(tmp_path)
    assert (found.found, found.where, found.unread) == (1, (name,), ())


def test_two_packed_streams_in_one_file_are_both_unpacked(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(NOISE) + gzip.compress(NAME * 3))
    assert search(tmp_path).found == 1


def test_what_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(NOISE * 900)[:-40])
    (tmp_path / "dump").write_bytes(b"PGDMP\x01" + NOISE)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", NAME * 9)
    found = search(tmp_path)
    assert (found.reached, found.found) == (True, 0)
    assert found.unread == (
        "a.zip: zip archive",
        "cut.gz: begins like a compressed file, and cannot be unpacked to its end",
        "dump: custom-format dump",
    )


def test_a_value_is_found_at_the_border_of_two_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_bytes, "_WINDOW", 64)
    for start in range(40, 70):
        (tmp_path / "page").write_bytes(b"." * start + NAME + b"." * 80)
        assert search(tmp_path, NAME).found == 1, start


@given(st.text(min_size=1, max_size=12), st.binary(max_size=60), st.binary(max_size=60))
def test_every_form_of_any_value_is_found_between_any_bytes(value: str, before: bytes, after: bytes) -> None:
    try:
        probe = value.encode()
    except UnicodeEncodeError:
        return
    patterns = Patterns([probe])
    for form in (*encodings(probe), *numbers(probe)):
        assert patterns.found_in(before + form + after) == {probe}


def test_a_folder_that_may_not_be_listed_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "page").write_bytes(NAME)
    assert search(tmp_path, NAME).reached
    listed = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)  # whoever runs the tests may be allowed everything
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = search(tmp_path, NAME)
    assert (found.reached, found.found) == (False, 1)


def test_what_may_not_be_read_is_not_claimed(tmp_path: Path) -> None:
    assert not search(tmp_path / "missing").reached
    assert not search(tmp_path).reached, "nothing read, nothing claimed"
