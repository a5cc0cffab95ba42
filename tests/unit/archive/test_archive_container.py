"""A container gives back what was sealed, or refuses; nothing in between."""

import hashlib
import itertools
import os
import pickle
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winddown.archive.container import CHUNK_BYTES, ContainerKey, decrypt, encrypt, open_container, seal
from winddown.domain.errors import Refused

KEY = ContainerKey(bytes(range(32)))
HEADER = 47
SEALED_CHUNK = CHUNK_BYTES + 16
CONTEXT = "manifest:CASE-1:order-7"


def read(path: Path, *, key: ContainerKey = KEY, context: str = CONTEXT) -> bytes:
    return b"".join(open_container(path, key=key, context=context))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_round_trip_and_receipt(tmp_path: Path, size: int) -> None:
    plain = os.urandom(size)
    receipt = seal(plain, tmp_path / "c", key=KEY, context=CONTEXT)
    stored = (tmp_path / "c").read_bytes()
    assert read(tmp_path / "c") == plain
    assert receipt.plaintext_sha256 == hashlib.sha256(plain).hexdigest()
    assert receipt.container_sha256 == hashlib.sha256(stored).hexdigest()
    assert receipt.byte_count == size
    assert len(stored) == HEADER + size + 16 * max(1, -(-size // CHUNK_BYTES))
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, CHUNK_BYTES + 5), max_size=5))
def test_pieces_do_not_matter(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    path = tmp_path_factory.mktemp("p") / "c"
    pieces = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    receipt = seal(iter(pieces), path, key=KEY, context=CONTEXT)
    assert read(path) == b"".join(pieces)
    assert receipt.plaintext_sha256 == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_equal_contents_look_different_and_show_nothing(tmp_path: Path) -> None:
    plain = b"13812345678," * 1000
    for name in ("a", "b"):
        seal(plain, tmp_path / name, key=KEY, context=CONTEXT)
    first, second = (tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()
    assert first[HEADER:] != second[HEADER:]
    assert b"13812345678" not in first
    assert bytes(range(32)) not in first


def test_every_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    seal(os.urandom(2 * CHUNK_BYTES + 100), path, key=KEY, context=CONTEXT)
    whole = path.read_bytes()
    # At chunk borders a naive reader would see a shorter container.
    borders = [HEADER, HEADER + SEALED_CHUNK, HEADER + 2 * SEALED_CHUNK]
    for end in [0, 1, HEADER - 1, *borders, borders[1] + 1, borders[2] + 15, borders[2] + 16, len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(Refused):
            read(path)


def test_every_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    seal(b"short content", path, key=KEY, context=CONTEXT)
    whole = path.read_bytes()
    for position, bit in itertools.product(range(len(whole)), (0, 7)):
        changed = bytearray(whole)
        changed[position] ^= 1 << bit
        path.write_bytes(changed)
        with pytest.raises(Refused):
            read(path)


def test_moved_repeated_and_appended_chunks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    seal(os.urandom(3 * CHUNK_BYTES), path, key=KEY, context=CONTEXT)
    whole = path.read_bytes()
    head, chunks = whole[:HEADER], [whole[HEADER + i * SEALED_CHUNK :][:SEALED_CHUNK] for i in range(3)]
    seal(os.urandom(3 * CHUNK_BYTES), tmp_path / "other", key=KEY, context=CONTEXT)
    foreign = (tmp_path / "other").read_bytes()[HEADER + SEALED_CHUNK :][:SEALED_CHUNK]
    one, two, three = chunks
    wrong = [[two, one, three], [one, one, two, three], [one, three], [one, foreign, three], [*chunks, three]]
    for order in [*wrong, [*chunks, b"x"], [*chunks, bytes(16)]]:
        path.write_bytes(head + b"".join(order))
        with pytest.raises(Refused):
            read(path)
    path.write_bytes(head + b"".join(chunks))
    assert len(read(path)) == 3 * CHUNK_BYTES


def test_nothing_unauthenticated_is_yielded(tmp_path: Path) -> None:
    plain = os.urandom(3 * CHUNK_BYTES)
    path = tmp_path / "c"
    seal(plain, path, key=KEY, context=CONTEXT)
    changed = bytearray(path.read_bytes())
    changed[HEADER + SEALED_CHUNK + 5] ^= 1
    path.write_bytes(changed)
    seen: list[bytes] = []
    with pytest.raises(Refused, match="chunk 1"):
        seen.extend(open_container(path, key=KEY, context=CONTEXT))
    assert seen == [plain[:CHUNK_BYTES]]


def test_wrong_key_wrong_context_and_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    seal(b"x", path, key=KEY, context=CONTEXT)
    with pytest.raises(Refused, match="sealed with key"):
        read(path, key=ContainerKey(bytes(32)))
    with pytest.raises(Refused, match="another context"):
        read(path, context="manifest:CASE-1:order-8")
    with pytest.raises(Refused, match="no container"):
        read(tmp_path / "missing")
    with pytest.raises(Refused, match="32 bytes"):
        ContainerKey(b"short")


def test_a_reader_that_returns_little_at_a_time_is_no_cut(tmp_path: Path) -> None:
    plain = os.urandom(CHUNK_BYTES + 7)
    path = tmp_path / "c"
    path.write_bytes(b"".join(encrypt([plain], key=KEY, context=CONTEXT)))
    reading, writing = os.pipe()
    with subprocess.Popen(["cat", str(path)], stdout=writing), os.fdopen(reading, "rb", buffering=0) as slow:
        os.close(writing)
        assert b"".join(decrypt(slow, key=KEY, context=CONTEXT)) == plain


def test_an_existing_container_is_kept_unless_replaced(tmp_path: Path) -> None:
    path = tmp_path / "escrow"
    seal(b"all rows", path, key=KEY, context=CONTEXT)
    with pytest.raises(Refused, match="exists already"):
        seal(b"the rest", path, key=KEY, context=CONTEXT)
    assert read(path) == b"all rows"
    seal(b"new", path, key=KEY, context=CONTEXT, replace=True)
    assert read(path) == b"new"


def test_a_failing_source_leaves_nothing(tmp_path: Path) -> None:
    def source() -> Iterator[bytes]:
        yield bytes(2 * CHUNK_BYTES)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        seal(source(), tmp_path / "c", key=KEY, context=CONTEXT)
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_the_old_container_and_a_findable_rest(tmp_path: Path) -> None:
    path = tmp_path / "c"
    seal(b"old", path, key=KEY, context=CONTEXT)
    program = f"""
import os, signal, pathlib
from winddown.archive.container import ContainerKey, seal
def source():
    for _ in range(5):
        yield b"13812345678" * 200_000
    os.kill(os.getpid(), signal.SIGKILL)
    yield b""
key = ContainerKey(bytes(range(32)))
seal(source(), pathlib.Path({str(path)!r}), key=key, context={CONTEXT!r}, replace=True)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert read(path) == b"old"
    (rest,) = tmp_path.glob(".*.part")
    assert rest.stat().st_size > CHUNK_BYTES
    assert b"13812345678" not in rest.read_bytes()
    assert rest.stat().st_mode & 0o777 == 0o600


def test_64_mib_pass_in_little_memory(tmp_path: Path) -> None:
    piece = os.urandom(1 << 16)
    tracemalloc.start()
    try:
        receipt = seal((piece for _ in range(1024)), tmp_path / "c", key=KEY, context=CONTEXT)
        size = sum(len(chunk) for chunk in open_container(tmp_path / "c", key=KEY, context=CONTEXT))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == receipt.byte_count == 64 << 20
    assert peak < 8 << 20


def test_a_key_shows_and_ships_no_secret() -> None:
    assert bytes(range(32)).hex() not in repr(KEY)
    with pytest.raises(Refused):
        pickle.dumps(KEY)
