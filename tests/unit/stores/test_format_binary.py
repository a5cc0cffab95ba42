"""What other libraries wrote in binary formats is read back equal, and what is damaged is named."""

import datetime as dt
import io
import zipfile
import zlib
from decimal import Decimal
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc

from winddown.stores.objects import formats
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text import as_text

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
AVRO: Any = {
    "type": "record",
    "name": "customer",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "photo", "type": "bytes"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "paid", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "born", "type": {"type": "int", "logicalType": "date"}},
        {"name": "either", "type": ["null", "long", "string"]},
    ],
}
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(-(2**63), 2**63 - 1),
            "name": st.none() | TEXT,
            "photo": st.binary(max_size=6),
            "tags": st.lists(TEXT, max_size=2),
            "paid": st.decimals(min_value=-(10**9), max_value=10**9, places=2),
            "born": st.dates(),
            "either": st.none() | st.integers(-9, 9) | TEXT,
        }
    ),
    max_size=20,
)


def rows(content: bytes) -> list[dict[str, Any]]:
    """Typed rows, by the format that the content is recognised as."""
    source = io.BytesIO(content)
    form = formats.identify(source, len(content))
    assert form is not None
    return [row for batch in formats.read(form, source) for row in batch.to_pylist()]


def problem_of(content: bytes) -> Problem:
    with pytest.raises(Unreadable) as refused:
        rows(content)
    assert refused.value.__cause__ is None
    return refused.value.problem


def avro(records: list[dict[str, Any]], codec: str = "null", **options: Any) -> bytes:
    sink = io.BytesIO()
    fastavro.writer(sink, AVRO, records, codec=codec, **options)
    return sink.getvalue()


@given(records=RECORDS, codec=st.sampled_from(["null", "deflate", "bzip2"]), interval=st.sampled_from([1, 16_000]))
@settings(max_examples=60)
def test_avro_is_read_as_it_was_written(records: list[dict[str, Any]], codec: str, interval: int) -> None:
    found = rows(avro(records, codec, sync_interval=interval))
    assert len(found) == len(records)
    for row, record in zip(found, records, strict=True):
        either = None if record["either"] is None else str(record["either"])
        tags = formats.avro.orjson.dumps(record["tags"]).decode()
        assert row | {"either": None if row["either"] is None else str(row["either"])} == record | {
            "tags": tags,
            "either": either,
        }


@pytest.mark.parametrize("codec", ["snappy", "zstandard"])
def test_avro_of_other_codecs(codec: str) -> None:
    record = {"id": 7, "name": "欧阳", "photo": b"x", "tags": [], "paid": Decimal("1.20"), "born": dt.date(1990, 1, 1)}
    plain = avro([{**record, "either": None}] * 3, sync_marker=b"s" * 16)
    start = plain.index(b"s" * 16) + 16
    count, block = plain[start : start + 1], plain[start + 2 : -16]
    assert plain[start + 1 : start + 2] == zigzag(len(block))
    packed = pa.compress(block, codec=codec.replace("zstandard", "zstd"), asbytes=True)
    if codec == "snappy":
        packed += zlib.crc32(block).to_bytes(4, "big")
    name = codec.encode()
    head = plain[:start].replace(b"\x08null", zigzag(len(name)) + name)
    content = head + count + zigzag(len(packed)) + packed + b"s" * 16
    assert [row["name"] for row in rows(content)] == ["欧阳"] * 3
    assert problem_of(content.replace(packed, packed[:-5] + bytes(5))) is Problem.BROKEN


def zigzag(value: int) -> bytes:
    value <<= 1
    return bytes([value]) if value < 128 else bytes([value & 0x7F | 0x80, value >> 7])


def test_avro_that_is_torn_or_swollen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"id": 1, "name": "a" * 5000, "photo": b"", "tags": [], "paid": Decimal(0), "born": dt.date(2000, 1, 1)}
    content = avro([{**record, "either": None}] * 30, "deflate")
    for cut in (3, 20, len(content) // 2, len(content) - 1):
        assert problem_of(content[:cut] if cut > 3 else content[:4]) is Problem.BROKEN
    monkeypatch.setattr(limits, "PART", 10_000)
    assert problem_of(content) is Problem.LIMIT


@given(
    ids=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=40),
    names=st.lists(st.none() | TEXT, min_size=40, max_size=40),
    codec=st.sampled_from(["uncompressed", "zlib", "snappy", "zstd"]),
)
@settings(max_examples=30)
def test_orc_is_read_as_it_was_written(ids: list[int | None], names: list[str | None], codec: str) -> None:
    table = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "name": pa.array(names[: len(ids)], pa.string()),
            "at": pa.array([10**18 + 1] * len(ids), pa.timestamp("ns")),
            "tags": pa.array([["a", None]] * len(ids), pa.list_(pa.string())),
        }
    )
    sink = io.BytesIO()
    orc.write_table(table, sink, compression=codec)
    assert rows(sink.getvalue()) == table.to_pylist()


def test_stripes_come_one_after_another_and_fields_can_be_chosen() -> None:
    table = pa.table({"id": range(200_000), "name": ["x" * 40] * 200_000})
    sink = io.BytesIO()
    orc.write_table(table, sink, stripe_size=1 << 20, compression="uncompressed", dictionary_key_size_threshold=0)
    assert orc.ORCFile(sink).nstripes > 1
    batches = list(formats.read("orc", sink, fields=["id"]))
    assert {tuple(batch.schema.names) for batch in batches} == {("id",)}
    assert [row["id"] for batch in batches for row in batch.to_pylist()] == list(range(200_000))
    assert problem_of(sink.getvalue()[:100_000] + sink.getvalue()[-100:]) is Problem.BROKEN


def test_parquet_keeps_its_types_and_gives_only_what_is_asked() -> None:
    table = pa.table({"id": [1, None], "at": pa.array([0, 1], pa.timestamp("us")), "tags": [["a"], None]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    assert rows(sink.getvalue()) == table.to_pylist()
    (batch,) = formats.read("parquet", sink, fields=["tags", "none"])
    assert batch.schema.names == ["tags"]


def test_a_dictionary_that_unfolds_to_gigabytes_comes_in_small_batches() -> None:
    # 70,000 rows of half a mebibyte each stand in a file of a few kilobytes.
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 70_000, pa.int32()), pa.array(["欧" * 174_763]))
    sink = io.BytesIO()
    pq.write_table(pa.table({"note": values}), sink, compression="zstd")
    assert len(sink.getvalue()) < 100_000
    batches = formats.read("parquet", sink)
    assert max(next(batches).nbytes for _ in range(5)) <= limits.BATCH_MOST


def test_damaged_pages_are_named_when_they_are_read() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [str(number) * 50 for number in range(2000)]}), sink, compression="snappy")
    content = bytearray(sink.getvalue())
    content[200:1200] = bytes(1000)
    assert problem_of(bytes(content)) is Problem.BROKEN


def test_fields_of_one_name_are_refused() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"]), sink)
    assert problem_of(sink.getvalue()) is Problem.FIELDS
    book = openpyxl.Workbook()
    book.worksheets[0].append(["id", "id"])
    book.worksheets[0].append([1, 2])
    assert problem_of(saved(book)) is Problem.FIELDS


# -- workbooks -------------------------------------------------------------------------------------------------------

CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | TEXT.filter(bool)
    | st.integers(0, 2**31).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC).replace(tzinfo=None))
)


def saved(book: openpyxl.Workbook) -> bytes:
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


@given(table=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_workbook_is_read_as_it_was_written(table: list[tuple[Any, ...]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["编号", "name", "note"])
    for row in table:
        sheet.append([f"'{cell}" if isinstance(cell, str) and cell.startswith("=") else cell for cell in row])
    written = [
        [f"'{cell}" if isinstance(cell, str) and cell.startswith("=") else cell for cell in row]
        for row in table
        if any(cell is not None for cell in row)
    ]
    found = [list(row.values()) for row in rows(saved(book))]
    assert [[None if cell is None else str(cell) for cell in row] for row in found] == [
        [None if cell is None else str(cell) for cell in row] for row in written
    ]


def test_every_sheet_is_read_hidden_ones_and_unnamed_columns_too() -> None:
    book = openpyxl.Workbook()
    first, second = book.worksheets[0], book.create_sheet("old", 0)
    second.sheet_state = "hidden"
    first.append([])
    first.append(["id", None, "name"])
    first.append([1, 13800000000, "a"])
    first.append([2, None, "b", "beyond the header"])
    second.append(["id"])
    second.append([9])
    found = rows(saved(book))
    assert found == [
        {"id": 9},
        {"id": 1, "B": 13800000000, "name": "a"},
        {"id": 2, "B": None, "name": "b", "D": "beyond the header"},
    ]


def test_a_number_of_a_mixed_column_gains_no_fraction() -> None:
    book = openpyxl.Workbook()
    for row in (["phone"], [13800000000.0], ["unknown"]):
        book.worksheets[0].append(row)
    assert [row["phone"] for row in rows(saved(book))] == ["13800000000", "unknown"]


def test_a_damaged_workbook_is_refused() -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["id"])
    content = saved(book)
    members = zipfile.ZipFile(io.BytesIO(content))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in members.namelist():
            body = members.read(name)
            archive.writestr(name, body[:60] if "sheet1" in name else body)
    assert problem_of(sink.getvalue()) is Problem.BROKEN
    assert problem_of(content[:-30]) is Problem.BROKEN


# -- archives --------------------------------------------------------------------------------------------------------


def zipped(members: dict[str, bytes], *, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", packing) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return sink.getvalue()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_an_archive_are_read_as_if_they_were_objects(packing: int) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [3]}), sink)
    members = {"a/": b"", "a/one.csv": b"id,name\n1,a\n", "2": b'{"id": 2}\n', "three": sink.getvalue(), "empty": b""}
    content = zipped(members, packing=packing)
    assert formats.identify(io.BytesIO(content), len(content)) == "zip"
    assert [row["id"] for row in rows(content)] == ["1", 2, 3]


def test_an_archive_of_documents_is_opaque() -> None:
    content = zipped({"a.pdf": b"%PDF-1.7", "b.jpg": b"\xff\xd8\xff"})
    assert formats.identify(io.BytesIO(content), len(content)) == "opaque"


@pytest.mark.parametrize(
    "members",
    [
        {"inner.zip": zipped({"a.csv": b"a,b\n"})},
        {"a.csv": b"a,b\n1,2\n", "b.pdf": b"%PDF-1.7"},
        {"a.csv": b"a,b\n1,2\n", "b.bin": b"\x00\x01"},
    ],
)
def test_archives_that_are_not_read_are_named(members: dict[str, bytes]) -> None:
    assert problem_of(zipped(members)) is Problem.ARCHIVE


def test_an_encrypted_or_damaged_archive_is_named() -> None:
    content = bytearray(zipped({"a.csv": b"id,name\n1,a\n" * 50}))
    torn = bytes(content[:-10])
    damaged = bytes(content[:45]) + bytes(10) + bytes(content[55:])
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert problem_of(bytes(content)) is Problem.ARCHIVE
    assert problem_of(torn) is Problem.BROKEN
    assert problem_of(damaged) in {Problem.BROKEN, Problem.ENCODING, Problem.ARCHIVE}


def test_an_archive_of_too_many_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMBERS", 2)
    assert problem_of(zipped(dict.fromkeys("abc", b"a,b\n"))) is Problem.LIMIT


def test_values_become_text_alike_in_all_formats() -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1, None], "b": [True, False], "c": [dt.date(2024, 1, 2), None]})
    assert as_text(batch).to_pylist() == [
        {"a": "1", "b": "true", "c": "2024-01-02"},
        {"a": None, "b": "false", "c": None},
    ]
