"""The fingerprint sees every value and nothing else."""

import hashlib
import struct
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from winddown.archive.content import content_digest
from winddown.archive.custody import open_as_custodian, seal_for_custodian
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused

NOON = datetime(2026, 5, 31, 12, tzinfo=timezone.utc)  # noqa: UP017 - the same object on every version
COLUMNS: dict[str, tuple[Any, list[Any], Any]] = {
    "int": (pa.int32(), [1, None, -3], 4),
    "uint64": (pa.uint64(), [2**64 - 1, None, 0], 4),
    "bool": (pa.bool_(), [True, None, False], True),
    "float": (pa.float32(), [1.5, None, float("nan")], 2.5),
    "decimal": (pa.decimal128(12, 2), [Decimal("1.20"), None, Decimal("-3.00")], Decimal("1.21")),
    "text": (pa.string(), ["张伟", None, ""], "李娜"),
    "view": (pa.string_view(), ["a", None, "b" * 40], "c"),
    "bytes": (pa.binary(), [b"\x00", None, b""], b"x"),
    "date": (pa.date32(), [date(1900, 1, 1), None, date(9999, 12, 31)], date(2026, 1, 1)),
    "seconds": (pa.timestamp("s", "UTC"), [NOON, None, NOON], NOON.replace(hour=13)),
    "micros": (pa.timestamp("us"), [datetime(9999, 12, 31, 23), None, datetime(1, 1, 1)], datetime(2, 1, 1)),  # noqa: DTZ001
    "nanos": (pa.timestamp("ns"), [1, None, 3], 4),
    "time": (pa.time32("ms"), [time(1), None, time(2)], time(3)),
    "null": (pa.null(), [None, None, None], None),
    "list": (pa.list_(pa.string()), [["a", None], None, []], ["b"]),
    "struct": (
        pa.struct([("x", pa.int64()), ("y", pa.string())]),
        [{"x": 1, "y": None}, None, {"x": 2, "y": "b"}],
        {"x": 3},
    ),
    "category": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b"], "c"),
}


def batch(name: str, values: list[Any]) -> pa.RecordBatch:
    return pa.record_batch({name: pa.array(values, COLUMNS[name][0])})


@pytest.mark.parametrize("name", COLUMNS)
def test_batches_do_not_matter_and_values_do(name: str) -> None:
    _, values, other = COLUMNS[name]
    whole = batch(name, values)
    fingerprint = content_digest([whole])
    assert content_digest([whole.slice(0, 1), whole.slice(1, 2)]) == fingerprint
    assert content_digest([whole.slice(0, 2), whole.slice(2, 0), whole.slice(2)]) == fingerprint
    assert content_digest([batch(name, values[:1]), batch(name, values[1:])]) == fingerprint
    assert content_digest([whole.slice(0, 2)]) != fingerprint
    assert content_digest([whole.rename_columns(["renamed"])]) != fingerprint
    if name != "null":
        for position in range(3):
            changed = [other if place == position else value for place, value in enumerate(values)]
            assert content_digest([batch(name, changed)]) != fingerprint or values[position] == other
        assert content_digest([batch(name, values[::-1])]) != fingerprint or values == values[::-1]


@pytest.mark.parametrize("name", COLUMNS)
def test_every_type_comes_back_from_an_archive_with_the_same_fingerprint(tmp_path: Path, name: str) -> None:
    key = X25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    rows = batch(name, COLUMNS[name][1])
    receipt = seal_for_custodian([rows.slice(1), rows], tmp_path / "a", public_key_pem=public, description={})
    _, table = open_as_custodian(tmp_path / "a", private_key_pem=private)
    assert content_digest(table.to_batches()) == receipt.content_sha256 == content_digest([rows.slice(1), rows])


def test_it_is_computed_as_documented() -> None:
    """Another program, with the docstring alone."""
    rows = [(7, "张"), (None, None), (-1, "")]

    def column(name: str, kind: str, lengths: bytes, data: bytes) -> dict[str, Any]:
        streams = {"validity": b"\x01\x00\x01", "lengths": lengths, "data": data}
        digests = {stream: hashlib.sha256(content).hexdigest() for stream, content in streams.items()}
        return {"name": name, "type": kind, "children": [], **digests}

    columns = [
        column("n", "int", b"", struct.pack("<3q", 7, 0, -1)),
        column("t", "text", struct.pack("<3q", 3, 0, 0), "张".encode()),
    ]
    table = pa.record_batch([pa.array([row[0] for row in rows]), pa.array([row[1] for row in rows])], ["n", "t"])
    assert content_digest([table]) == digest({"form": "winddown content 1", "rows": 3, "columns": columns})


def test_width_and_encoding_do_not_matter_and_null_is_not_empty() -> None:
    def of(values: list[Any], kind: Any) -> str:
        return content_digest([pa.record_batch({"c": pa.array(values, kind)})])

    assert of([1, None], pa.int8()) == of([1, None], pa.int64()) == of([1, None], pa.uint32())
    assert of(["a"], pa.string()) == of(["a"], pa.large_string()) == of(["a"], pa.dictionary(pa.int8(), pa.string()))
    assert of([Decimal(1)], pa.decimal128(5, 2)) == of([Decimal(1)], pa.decimal128(30, 2))
    assert of([Decimal(1)], pa.decimal128(5, 2)) != of([Decimal(100)], pa.decimal128(5, 0))
    assert of([""], pa.string()) != of([None], pa.string()) != of(["a"], pa.string())
    assert of([0], pa.int64()) != of([None], pa.int64())
    assert of(["a"], pa.string()) != of([b"a"], pa.binary())
    assert of(["ab", "c"], pa.string()) != of(["a", "bc"], pa.string())
    assert of([["a"], ["b"]], pa.list_(pa.string())) != of([["a", "b"], []], pa.list_(pa.string()))
    nested = pa.struct([("x", pa.int64())])
    assert of([None], nested) != of([{"x": None}], nested)
    one = of([0], pa.timestamp("s", "UTC"))
    assert one == of([0], pa.timestamp("us", "Asia/Shanghai")) != of([0], pa.timestamp("us"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=5))), st.data())
def test_any_split_of_texts_is_the_same(values: list[str | None], data: st.DataObject) -> None:
    whole = pa.record_batch({"t": pa.array(values, pa.string())})
    cut = data.draw(st.integers(0, len(values)))
    assert content_digest([whole.slice(0, cut), whole.slice(cut)]) == content_digest([whole])


def test_what_has_no_canonical_form_is_refused() -> None:
    for kind in (pa.duration("s"), pa.map_(pa.string(), pa.string()), pa.decimal256(60, 0)):
        with pytest.raises(Refused, match="no canonical form"):
            content_digest([pa.record_batch({"c": pa.array([], kind)})])
    with pytest.raises(Refused, match="different fields"):
        content_digest([pa.record_batch({"a": [1]}), pa.record_batch({"a": ["1"]})])
    with pytest.raises(Refused, match="no batch"):
        content_digest([])
