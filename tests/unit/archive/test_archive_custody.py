"""The custodian, alone with a private key, reads what was sealed and computes what acknowledges it."""

import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from winddown.archive.content import content_digest
from winddown.archive.custody import main, open_as_custodian, seal_for_custodian
from winddown.domain.errors import Refused


def private_pem(key: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


KEY = X25519PrivateKey.generate()
PRIVATE, PUBLIC = private_pem(KEY), public_pem(KEY)
DESCRIPTION = {"case": "CASE-1", "rule": "RET-ACC-VOUCHER-30Y", "until": "2056-12-31", "fields": ["电话"]}
VOUCHERS = pa.record_batch(
    [pa.array(["2025-1", "2025-2"]), pa.array(["13812345678", None])], ["voucher_number", "payer_phone"]
)


def sealed(path: Path) -> bytes:
    seal_for_custodian([VOUCHERS], path, public_key_pem=PUBLIC, description=DESCRIPTION)
    return path.read_bytes()


def test_round_trip_and_independent_acknowledgement(tmp_path: Path) -> None:
    receipt = seal_for_custodian(
        [VOUCHERS.slice(0, 1), VOUCHERS.slice(1)], tmp_path / "a", public_key_pem=PUBLIC, description=DESCRIPTION
    )
    description, table = open_as_custodian(tmp_path / "a", private_key_pem=PRIVATE)
    assert description == DESCRIPTION
    assert table.to_pylist() == VOUCHERS.to_pylist()
    assert receipt.record_count == table.num_rows == 2
    assert content_digest(table.to_batches()) == receipt.content_sha256 == content_digest([VOUCHERS])
    stored = (tmp_path / "a").read_bytes()
    assert receipt.archive_sha256 == hashlib.sha256(stored).hexdigest()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    for secret in (b"13812345678", b"voucher_number", b"RET-ACC", b"PAR1"):
        assert secret not in stored


def test_dictionaries_and_metadata_carry_no_other_record(tmp_path: Path) -> None:
    everyone = pa.array(["13800000001", "13900000002"]).dictionary_encode()
    one = pa.record_batch({"phone": everyone}).slice(0, 1).replace_schema_metadata({"pandas": "13900000002"})
    seal_for_custodian([one], tmp_path / "a", public_key_pem=PUBLIC, description={})
    _, table = open_as_custodian(tmp_path / "a", private_key_pem=PRIVATE)
    assert table.schema == pa.schema([("phone", pa.string())])
    assert table.schema.metadata is None
    assert table.to_pylist() == [{"phone": "13800000001"}]
    nested = pa.array([["a"]], pa.list_(pa.dictionary(pa.int8(), pa.string())))
    with pytest.raises(Refused, match="dictionary inside"):
        seal_for_custodian([pa.record_batch({"c": nested})], tmp_path / "b", public_key_pem=PUBLIC, description={})


def test_every_changed_byte_and_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = sealed(path)
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(Refused):
            open_as_custodian(path, private_key_pem=PRIVATE)
        path.write_bytes(whole[:position])
        with pytest.raises(Refused):
            open_as_custodian(path, private_key_pem=PRIVATE)
    path.write_bytes(whole + b"\x00")
    with pytest.raises(Refused):
        open_as_custodian(path, private_key_pem=PRIVATE)


def test_rows_of_one_archive_cannot_be_put_under_the_key_of_another(tmp_path: Path) -> None:
    first, second = sealed(tmp_path / "a"), sealed(tmp_path / "b")
    head = first.index(b"WDSEAL")
    (tmp_path / "a").write_bytes(first[:head] + second[head:])
    with pytest.raises(Refused):
        open_as_custodian(tmp_path / "a", private_key_pem=PRIVATE)


def test_other_keys_are_refused(tmp_path: Path) -> None:
    sealed(tmp_path / "a")
    with pytest.raises(Refused, match="another key"):
        open_as_custodian(tmp_path / "a", private_key_pem=private_pem(X25519PrivateKey.generate()))
    locked = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for pem, words in (
        (private_pem(Ed25519PrivateKey.generate()), "no X25519"),
        (b"", "readable"),
        (locked, "readable"),
    ):
        with pytest.raises(Refused, match=words):
            open_as_custodian(tmp_path / "a", private_key_pem=pem)
    for pem, words in ((public_pem(Ed25519PrivateKey.generate()), "no X25519"), (PRIVATE, "readable PEM")):
        with pytest.raises(Refused, match=words):
            seal_for_custodian([VOUCHERS], tmp_path / "b", public_key_pem=pem, description={})
    with pytest.raises(Refused, match="no archive"):
        open_as_custodian(tmp_path / "missing", private_key_pem=PRIVATE)


def test_nothing_to_archive_or_a_broken_read_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield VOUCHERS
        raise ConnectionError

    with pytest.raises(ConnectionError):
        seal_for_custodian(broken(), tmp_path / "a", public_key_pem=PUBLIC, description={})
    for nothing in ([], [VOUCHERS.slice(0, 0)]):
        with pytest.raises(Refused, match="no records"):
            seal_for_custodian(nothing, tmp_path / "a", public_key_pem=PUBLIC, description={})
    with pytest.raises(Refused, match="different fields"):
        seal_for_custodian(
            [VOUCHERS, VOUCHERS.select(["payer_phone"])], tmp_path / "a", public_key_pem=PUBLIC, description={}
        )
    assert list(tmp_path.iterdir()) == []


def test_a_taken_name_is_kept(tmp_path: Path) -> None:
    whole = sealed(tmp_path / "a")
    with pytest.raises(Refused, match="exists already"):
        sealed(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == whole


def test_many_rows_pass_in_little_memory(tmp_path: Path) -> None:
    def rows() -> Iterator[pa.RecordBatch]:
        for number in range(64):
            values = pa.array([os.urandom(1024) for _ in range(1024)], pa.binary())
            yield pa.record_batch([pa.array(range(number * 1024, (number + 1) * 1024)), values], ["n", "scan"])

    before = pa.total_allocated_bytes()
    pool = pa.default_memory_pool()
    tracemalloc.start()
    try:
        receipt = seal_for_custodian(rows(), tmp_path / "a", public_key_pem=PUBLIC, description={})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert receipt.record_count == 65_536
    assert (tmp_path / "a").stat().st_size > 64 << 20
    assert peak < 48 << 20
    assert pool.bytes_allocated() - before < 1 << 20


def test_the_command_shows_counts_and_no_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sealed(tmp_path / "a")
    (tmp_path / "custodian.key").write_bytes(PRIVATE)
    command = [sys.executable, "-m", "winddown.archive.custody", "open", str(tmp_path / "a"), "--key"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    shown = subprocess.run(
        [*command, str(tmp_path / "custodian.key")], env=environment, check=True, capture_output=True, text=True
    )
    assert json.loads(shown.stdout) == {
        "record_count": 2,
        "fields": [{"name": "voucher_number", "type": "string"}, {"name": "payer_phone", "type": "string"}],
        "content_sha256": content_digest([VOUCHERS]),
    }
    assert "13812345678" not in shown.stdout + shown.stderr
    (tmp_path / "custodian.key").write_bytes(private_pem(X25519PrivateKey.generate()))
    assert main(["open", str(tmp_path / "a"), "--key", str(tmp_path / "custodian.key")]) == 2
    assert "another key" in capsys.readouterr().err
    assert main(["open", str(tmp_path / "a"), "--key", str(tmp_path / "none")]) == 2
