"""Every format that is not Parquet: rows erased and fields emptied, the rest as it was, and what is refused by name."""

import bz2
import gzip
import io
import json
import zipfile
from datetime import datetime
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc

from winddown.domain.errors import Refused
from winddown.stores.objects import formats
from winddown.stores.objects.formats import json_edit, limits
from winddown.stores.objects.formats.change import Change
from winddown.stores.objects.formats.problem import Problem, Unreadable

from .rewriting import emptied, rewritten, without

ROWS = 40
PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "zst": lambda raw: pa.compress(raw, codec="zstd", asbytes=True)}


def read(form: str, content: bytes) -> list[dict[str, Any]]:
    return [row for batch in formats.read(form, io.BytesIO(content)) for row in batch.to_pylist()]


def unpacked(suffix: str, content: bytes) -> bytes:
    if suffix == "gz":
        return gzip.decompress(content)
    stream = pa.CompressedInputStream(pa.BufferReader(content), {"zst": "zstd"}.get(suffix, suffix))
    return bytes(stream.read())


def lines(encoding: str) -> tuple[list[bytes], list[bytes]]:
    """CSV lines with the header, and JSON lines."""
    plain = [f'{row},"歐陽, {row:04}",臺北市{row:04}号\r\n' for row in range(ROWS)]
    objects = [f'{{"編號": {row},  "name":"歐陽{row:04}", "of": {{"city": "臺北"}}}}\n' for row in range(ROWS)]
    encoded = [[line.encode(encoding) for line in each] for each in (["編號,name,地址\r\n", *plain], objects)]
    return encoded[0], encoded[1]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "big5hkscs"])
@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_text_of_every_encoding_and_packing_stays_byte_for_byte(encoding: str, suffix: str) -> None:
    doomed = {0, 7, ROWS - 1}
    (header, *records), objects = lines(encoding)
    start, comma, end = (mark.encode(encoding) for mark in ("[", ",", "]"))
    kept = [line for row, line in enumerate(objects) if row not in doomed]
    files = {
        "csv": ([header, *records], [header, *(record for row, record in enumerate(records) if row not in doomed)]),
        "jsonl": (objects, kept),
        "json": ([start, comma.join(objects), end], [start, comma.join(kept), end]),
    }
    for form, (before, expected) in files.items():
        pack = PACKERS.get(suffix, bytes)
        name = f"{form}.{suffix}" if suffix else form
        after, outcome = rewritten(name, pack(b"".join(before)), Change.of(doomed))
        assert (outcome.rows, outcome.erased) == (ROWS, 3)
        assert (unpacked(suffix, after) if suffix else after) == b"".join(expected)


def test_a_large_file_is_cut_at_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    (header, *records), objects = lines("gb18030")
    doomed = set(range(0, ROWS, 3))
    for size in (7, 64, 1_000):
        monkeypatch.setattr(limits, "PIECE", size)
        kept = b"".join([header, *(record for row, record in enumerate(records) if row not in doomed)])
        assert without("csv", b"".join([header, *records]), doomed) == kept
        left = [line for row, line in enumerate(objects) if row not in doomed]
        assert without("jsonl", b"".join(objects), doomed) == b"".join(left)
        array = without("json", b"[" + b",".join(objects) + b"]", doomed)
        assert json.loads(array.decode("gb18030")) == [json.loads(line.decode("gb18030")) for line in left]


def test_csv_fields_are_emptied_where_they_stand() -> None:
    content = b'\xef\xbb\xbfid;name;note\r\n0;"a;b";"x\r\ny"\r\n1;plain;\r\n2;"";z'
    after = emptied("csv", content, {0, 1, 2}, "name", "absent")
    assert after == b'\xef\xbb\xbfid;name;note\r\n0;"";"x\r\ny"\r\n1;;\r\n2;"";z'
    assert emptied("csv", content, {0}, "note") == content.replace(b'"x\r\ny"', b'""')
    bars = "編號|姓名\n1|許功蓋\n2|歐陽\n".encode("gb18030")
    assert emptied("csv", bars, {0}, "姓名") == "編號|姓名\n1|\n2|歐陽\n".encode("gb18030")


def test_csv_fields_are_not_emptied_where_quotes_shift_them() -> None:
    content = b'id\tname\n1\tfirst\nx"\t"a\t"\n'
    assert read("csv", content)[1] == {"id": 'x"', "name": "a\t"}
    assert emptied("csv", content, {0}, "name") == content.replace(b"first", b"")
    with pytest.raises(Unreadable) as refused:
        emptied("csv", content, {1}, "name")
    assert refused.value.problem is Problem.BROKEN
    inside = b'id,name,note\n1,"say ""no"", or",5" pipe"\n'
    assert emptied("csv", inside, {0}, "name") == b'id,name,note\n1,"",5" pipe"\n'


def test_json_members_are_emptied_where_they_stand() -> None:
    line = '{"id": 1.50, "p" : {"n":"x", "k": 12345678901234567890123}, "l": [{"n": [1]}, 3, {"n":"y"}]}'
    assert (
        emptied("jsonl", f"{line}\n{line}".encode(), {1}, "p.n", "l.n", "absent")
        == (line + "\n" + line.replace('"x"', "null").replace("[1]", "null").replace('"y"', "null")).encode()
    )
    assert (
        emptied("json", f"[ {line} ,{line}]".encode(), {0}, "id")
        == f"[ {line.replace('1.50', 'null')} ,{line}]".encode()
    )
    assert emptied("json", b' {"id": 1}\n', {0}, "id") == b' {"id": null}\n'
    assert emptied("jsonl", b'{"a.b": 1, "a": {"b": 2}}', {0}, "a.b") == b'{"a.b": null, "a": {"b": null}}'


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.recursive(
            st.none() | st.floats(allow_nan=False) | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3)
        ),
        max_size=4,
    )
)
@settings(max_examples=50, deadline=None)
def test_any_member_is_emptied_alone(document: dict[str, Any]) -> None:
    for indent in (None, 1):
        text = json.dumps(document, ensure_ascii=indent is None, indent=indent)
        assert json_edit.emptied(text, [["no such member"]]) == text
        for name in document:
            assert json.loads(json_edit.emptied(text, [[name]])) == document | {name: None}


BAD = {
    "invalid UTF-8": ("jsonl", b'{"a": 1}\n{"a": "\xff\xfe\xff"}\n', ["a"], Problem.ENCODING),
    "duplicate keys": ("jsonl", b'{"a": 1, "a": 2}\n', ["a"], Problem.FIELDS),
    "duplicate keys of a document": ("json", b'[{"a": 1, "a": 2}]', ["a"], Problem.FIELDS),
    "no JSON": ("jsonl", b'{"a": 1\n', ["a"], Problem.BROKEN),
    "a torn array": ("json", b'[{"a": 1},', [], Problem.BROKEN),
    "more behind": ("json", b'[{"a": 1}] 2', [], Problem.BROKEN),
    "a torn packing": ("csv.gz", gzip.compress(b"id,name\n" + b"1,a\n" * 999)[:-9], [], Problem.BROKEN),
    "quotes": ("csv", b'id,name\n0,5" pipe\n1,b\n', [], Problem.BROKEN),
    "width": ("csv", b"id,name\n0,1,2\n", ["name"], Problem.BROKEN),
    "a torn Avro file": ("avro", b"Obj\x01\x00", [], Problem.BROKEN),
    "a torn ORC file": ("orc", b"ORC" + bytes(30) + b"ORC\x03", [], Problem.BROKEN),
    "a torn workbook": ("xlsx", b"PK\x03\x04" + bytes(80), [], Problem.BROKEN),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_written_again_is_named(name: str) -> None:
    form, content, fields, problem = BAD[name]
    with pytest.raises(Unreadable) as refused:
        rewritten(form, content, Change.of([0], fields=fields))
    assert refused.value.problem is problem


def test_a_document_of_one_object_is_not_left_empty() -> None:
    with pytest.raises(Refused, match="one object"):
        without("json", b'{"a": 1}', {0})


SCHEMA = {
    "type": "record",
    "name": "row",
    "namespace": "x.y",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "mail", "type": "string"},
        {
            "name": "home",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Home",
                    "fields": [{"name": "street", "type": ["null", "string"]}, {"name": "no", "type": "int"}],
                },
            ],
        },
        {"name": "old", "type": {"type": "array", "items": "Home"}},
        {"name": "scores", "type": {"type": "map", "values": "double"}},
        {"name": "code", "type": {"type": "fixed", "name": "Code", "size": 4}},
    ],
}


def avro_rows() -> list[dict[str, Any]]:
    return [
        {
            "id": row,
            "name": f"n{row:04}",
            "mail": f"m{row:04}@x",
            "home": {"street": f"s{row}", "no": row} if row % 2 else None,
            "old": [{"street": f"o{row}", "no": 1}] * (row % 3),
            "scores": {"k": 1.5},
            "code": b"abcd",
        }
        for row in range(300)
    ]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2"])
def test_avro_keeps_head_and_blocks(codec: str) -> None:
    sink = io.BytesIO()
    fastavro.writer(sink, SCHEMA, avro_rows(), codec=codec, sync_interval=2_000, metadata={"source": "crm"})
    before, doomed = sink.getvalue(), {0, 5, 299}
    after = without("avro", before, doomed)
    reader = fastavro.reader(io.BytesIO(after))
    assert list(reader) == [row for row in avro_rows() if row["id"] not in doomed]
    assert reader.metadata == fastavro.reader(io.BytesIO(before)).metadata
    assert len(without("avro", before, range(300))) < len(after)
    expected = avro_rows()
    for row in (1, 5):
        expected[row] |= {"name": None, "mail": "", "old": [{"street": None, "no": 1}] * (row % 3)}
        expected[row]["home"]["street"] = None
    found = emptied("avro", before, {1, 5}, "name", "mail", "home.street", "old.street")
    assert list(fastavro.reader(io.BytesIO(found))) == expected
    with pytest.raises(Refused, match="neither be null nor empty"):
        emptied("avro", before, {1}, "id")


def test_an_avro_block_without_records_is_not_the_end() -> None:
    sink, mark = io.BytesIO(), b"0123456789abcdef"
    fastavro.writer(sink, SCHEMA, avro_rows()[:6], sync_interval=1, sync_marker=mark)
    blocks = sink.getvalue().split(mark)
    before = mark.join([*blocks[:3], b"\0\0", *blocks[3:]])  # as writers make it that flush when nothing is pending
    assert [row["id"] for row in fastavro.reader(io.BytesIO(before))] == list(range(6))
    assert [row["id"] for row in read("avro", before)] == list(range(6))
    after = without("avro", before, {1, 4})
    assert [row["id"] for row in fastavro.reader(io.BytesIO(after))] == [0, 2, 3, 5]


@pytest.mark.parametrize("codec", ["uncompressed", "zlib", "snappy", "zstd"])
def test_orc_keeps_types_and_loses_values(codec: str) -> None:
    rows = 3_000
    table = pa.table(
        {
            "id": range(rows),
            "name": [f"~{row:05}~" for row in range(rows)],
            "city": [f"city {row % 5}" for row in range(rows)],
            "home": pa.array([{"street": f"~{row:05}~", "no": row} if row % 3 else None for row in range(rows)]),
            "tags": [[f"~{row:05}~"] * (row % 3) for row in range(rows)],
            "at": pa.array([datetime(2024, 1, 1)] * rows, type=pa.timestamp("ns")),  # noqa: DTZ001 - a wall clock
        }
    )
    sink = io.BytesIO()
    orc.write_table(table, sink, compression=codec, stripe_size=40_000)
    doomed = {0, 7, 2_999}
    after = without("orc", sink.getvalue(), doomed)
    file = orc.ORCFile(io.BytesIO(after))
    assert file.read().equals(table.take([row for row in range(rows) if row not in doomed]))
    assert (file.schema, file.compression) == (table.schema, codec.upper())
    if codec == "uncompressed":
        assert [row for row in range(rows) if f"~{row:05}~".encode() not in after] == sorted(doomed)
    found = orc.ORCFile(io.BytesIO(emptied("orc", sink.getvalue(), {7}, "name", "home.street"))).read().slice(6, 3)
    assert found["name"].to_pylist() == ["~00006~", None, "~00008~"]
    assert found["home"].to_pylist()[1] == {"street": None, "no": 7}


def workbook() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    first, second = book.worksheets[0], book.create_sheet("二")
    first.append(["id", "name", "at"])
    for row in range(300):
        first.append([row, f"客户{row:05}", datetime(2024, 1, 1)])  # noqa: DTZ001 - a wall clock
    for values in ([], ["x", "y"], ["only", "客户00007"], ["b", None, 3]):
        second.append(values)
    first.column_dimensions["B"].width = 33
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def xml_of(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())


@pytest.mark.parametrize("piece", [61, 1 << 20])
def test_workbooks_lose_rows_and_cells_and_their_texts(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(workbook())
    before = read("xlsx", content)
    monkeypatch.setattr(limits, "PIECE", piece)
    after = without("xlsx", content, {0, 7, 299, 300})
    assert read("xlsx", after) == [row for number, row in enumerate(before) if number not in {0, 7, 299, 300}]
    assert "客户00007" not in xml_of(after)
    assert "客户00008" in xml_of(after)
    assert openpyxl.load_workbook(io.BytesIO(after)).worksheets[0].column_dimensions["B"].width == 33
    assert "客户00007" in xml_of(without("xlsx", content, {7})), "another row has the same text"
    found = read("xlsx", emptied("xlsx", content, {7, 8, 301}, "name", "C"))
    assert (found[7]["name"], found[8]["name"], found[9], found[-1]["x"]) == (None, None, before[9], "b")
    assert found[-1].get("C") is None


def test_workbooks_that_may_repeat_a_value_elsewhere_are_refused() -> None:
    with_formula, with_link, with_comment = workbook(), workbook(), workbook()
    with_formula.worksheets[0]["D2"] = "=B2"
    with_link.worksheets[0]["B2"].hyperlink = "mailto:someone@example.cn"
    with_comment.worksheets[0]["B2"].comment = openpyxl.comments.Comment("客户00000", "me")
    for book in (with_formula, with_link, with_comment):
        with pytest.raises(Refused, match="may repeat"):
            without("xlsx", saved(book), {3})
