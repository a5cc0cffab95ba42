"""Rows as the inspector reads them, of the shapes that files come in, and compared with one another."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from memory import growth
from pyarrow import orc

from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.selection import Selection
from winddown.inspection import file_records, file_rows
from winddown.inspection.file_records import records_of, rows_of
from winddown.inspection.file_rows import contradictions, is_empty
from winddown.inspection.raw_bytes import Patterns, search_file

ROWS = [{"id": "1", "name": "欧阳"}, {"id": "2", "name": "a"}]
ERASE, MINIMISE = (
    Order(
        id=OrderId("o"),
        collection=CollectionRef("share", "files#csv"),
        label="due",
        selection=Selection("m", digest="d", count=1, batch_digests=("d",)),
        level=0,
        record_count_max=1,
        act=act,
        method=Method.REWRITE_FILE,
        fields=fields,
    )
    for act, fields in ((Act.ERASE, ()), (Act.MINIMISE, ("name",)))
)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ('{"id": "1", "name": "欧阳"}\n\n{"id": "2", "name": "a"}', "utf-8"),
        ('\ufeff[{"id": "1", "name": "欧阳"},\n {"id": "2", "name": "a"}]', "utf-8"),
        ("id,name\n1,欧阳\n2,a\n", "gb18030"),
        ("id;name\n1;欧阳\n2;a\n", "utf-16"),
        ('id\tname\r\n1\t"欧阳"\r\n2\ta', "utf-8"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("piece", [2, 7, 1 << 20])
def test_records_are_the_same_in_every_packing_and_encoding(
    monkeypatch: pytest.MonkeyPatch, content: str, encoding: str, pack: Callable[[bytes], bytes], piece: int
) -> None:
    monkeypatch.setattr(file_records, "_PIECE", piece)
    file = io.BytesIO(pack(content.encode(encoding)))
    chosen = "gb18030" if encoding == "gb18030" else "utf-8-sig"
    assert list(records_of(file, encoding=chosen)) == ROWS
    assert len(list(rows_of(file, encoding=chosen))) == 2
    assert not file.closed


def test_an_avro_block_without_records_is_not_the_end() -> None:
    mark = b"0123456789abcdef"
    head, *blocks = as_avro(ROWS, sync_interval=1, sync_marker=mark).split(mark)
    content = mark.join([head, blocks[0], b"\0\0", *blocks[1:]])
    assert list(records_of(io.BytesIO(content))) == ROWS


AVRO_CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": lambda block: zlib.compress(block)[2:-4],
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "snappy": lambda block: pa.compress(block, "snappy", asbytes=True) + zlib.crc32(block).to_bytes(4, "big"),
    "zstandard": lambda block: pa.compress(block, "zstd", asbytes=True),
}
PHONE = "13812345678"
AVRO_KINDS: dict[str, tuple[Any, Any]] = {
    "text": ("string", PHONE),
    "text or null": (["null", "string"], PHONE),
    "several types": (["string", "long", "null"], PHONE),
    "a map": ({"type": "map", "values": "string"}, {"k": PHONE}),
    "itself": (["null", "row"], {"id": PHONE, "value": None}),
    "logical types": ({"type": "array", "items": {"type": "int", "logicalType": "date"}}, [date(2024, 2, 29)]),
}


def avro_of_one_block(kind: Any, rows: list[dict[str, Any]], codec: str) -> bytes:
    fields = [{"name": "id", "type": "string"}, {"name": "value", "type": kind}]
    schema, block = {"type": "record", "name": "row", "fields": fields}, io.BytesIO()
    for row in rows:
        fastavro.schemaless_writer(block, schema, row)
    told = [b"avro.schema", json.dumps(schema).encode(), b"avro.codec", codec.encode()]
    packed, mark = AVRO_CODECS[codec](block.getvalue()), b"0123456789abcdef"
    return b"".join([b"Obj\x01\x04", *map(sized, told), b"\0", mark, b"\x04", sized(packed), mark])


def sized(data: bytes) -> bytes:
    number = len(data) << 1
    return bytes([number & 0x7F | 0x80, number >> 7]) + data


@pytest.mark.parametrize("kind", AVRO_KINDS)
@pytest.mark.parametrize("codec", AVRO_CODECS)
def test_avro_is_read_and_searched_whatever_it_is_made_of(kind: str, codec: str) -> None:
    of, value = AVRO_KINDS[kind]
    rows = [{"id": PHONE, "value": value}, {"id": "2", "value": value}]
    content = avro_of_one_block(of, rows, codec)
    assert list(records_of(io.BytesIO(content))) == rows
    assert search_file(io.BytesIO(content), Patterns([PHONE.encode()]))[1:] == ({PHONE.encode()}, "")
    with pytest.raises(Refused, match="cannot read an Avro file"):
        list(records_of(io.BytesIO(content[:-20])))


def test_what_is_no_number_is_no_contradiction_where_it_stays() -> None:
    before, after = io.BytesIO(), io.BytesIO()
    for sink, name in ((before, "a"), (after, None)):
        pq.write_table(pa.table({"name": [name, "b"], "rate": [float("nan"), float("nan")]}), sink)
    assert contradictions(before, after, MINIMISE, {0}) == 0
    assert contradictions(before, after, MINIMISE, {1}) == 2


def test_a_record_of_tabs_alone_is_a_record_of_empty_values() -> None:
    before = b"id\tname\tphone\r\n\t\t\r\n1\ta\t2\r\n\r\n3\tb\t4"
    assert len(list(rows_of(io.BytesIO(before)))) == 3
    assert contradictions(io.BytesIO(before), io.BytesIO(before.replace(b"1\ta\t2\r\n\r\n", b"")), ERASE, {1}) == 0


def test_a_name_with_dots_is_emptied_and_no_contradiction() -> None:
    order = replace(MINIMISE, fields=("home.street",))
    before, after = (b"id,home.street\n1," + street + b"\n2,y\n" for street in (b"x", b""))
    assert contradictions(io.BytesIO(before), io.BytesIO(after), order, {0}) == 0
    assert contradictions(io.BytesIO(before), io.BytesIO(before), order, {0}) == 1
    assert contradictions(io.BytesIO(before), io.BytesIO(after.replace(b"y", b"")), order, {0}) == 1


def test_one_object_is_one_record() -> None:
    assert list(records_of(io.BytesIO(b'{"id": "1",\n "name": "a"}'))) == [{"id": "1", "name": "a"}]


@pytest.mark.parametrize("content", [b'[{"id": "1"}, {"id"', b'[{"id": "1"},', b'{"id": "1"}\n{"id"', b'{"id": "1"}]'])
def test_json_that_ends_too_early_is_not_taken_for_less_of_it(content: bytes) -> None:
    with pytest.raises((Refused, ValueError)):
        list(records_of(io.BytesIO(content)))


def test_a_record_without_an_end_is_refused_instead_of_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_records, "_RECORD_MAX", 1000)
    monkeypatch.setattr(file_records, "_PIECE", 100)
    for content in (b'id,name\n1,"' + b"x" * 5000, b'[{"id": "' + b"x" * 5000):
        with pytest.raises(Refused, match="does not end"):
            list(rows_of(io.BytesIO(content)))


def test_names_of_parquet_columns_are_those_of_the_file() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table([["1"], ["欧阳"]], names=["name", "NAME"]), sink)
    assert list(records_of(sink)) == [{"name": "1", "NAME": "欧阳"}]


def test_workbooks_are_read_through_all_sheets_and_rows_of_nothing_are_none() -> None:
    book, sink = openpyxl.Workbook(), io.BytesIO()
    for row in (("id", "name"), ("1", "欧阳"), (None, None), ("2", "a")):
        book.active.append(row)
    other = book.create_sheet("more")
    other.append(("id",))
    other.append((3,))
    book.save(sink)
    assert list(records_of(sink)) == [*ROWS, {"id": "3"}]


def test_a_field_inside_others_is_empty_when_it_has_no_value_anywhere() -> None:
    record = {"a": {"b": [{"c": None}, {"c": ""}, {}]}, "d": "x", "e.f": ""}
    assert is_empty(record, "a.b.c")
    assert is_empty(record, "e.f")
    assert not is_empty(record, "d")
    record["a"]["b"].append({"c": "x"})  # type: ignore[index]
    assert not is_empty(record, "a.b.c")


def csv_of(*rows: str, encoding: str = "utf-8") -> io.BytesIO:
    return io.BytesIO("".join(f"{row}\n" for row in ("id,name", *rows)).encode(encoding))


BEFORE = ("1,欧阳", "2,a", "3,b", "3,b", "4,d")


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        (("1,欧阳", "3,b", "3,b", "4,d"), 0),
        (("4,d", "3,b", "1,欧阳", "3,b"), 0),
        (("1,欧阳", "2,a", "3,b", "3,b", "4,d"), 1),
        (("1,欧阳", "3,b", "4,d"), 1),
        (("1,欧阳", "3,b", "3,c", "4,d"), 2),
        ((), 4),
    ],
)
def test_survivors_are_told_row_by_row(after: tuple[str, ...], wrong: int) -> None:
    assert contradictions(csv_of(*BEFORE), csv_of(*after), ERASE, {1}) == wrong
    assert contradictions(None, csv_of(*after), ERASE, {1}) == 0, "nothing is left to compare with"


def test_a_file_without_survivors_has_nothing_in_its_place() -> None:
    assert contradictions(csv_of(*BEFORE), None, ERASE, set(range(5))) == 0
    assert contradictions(csv_of(*BEFORE), None, ERASE, {0, 1}) == 3


def test_fields_that_were_to_be_emptied_and_those_that_were_to_stay_are_looked_at() -> None:
    emptied = ("1,", "2,a", "3,b", "3,b", "4,")
    assert contradictions(csv_of(*BEFORE), csv_of(*emptied), MINIMISE, {0, 4}) == 0
    assert contradictions(csv_of(*BEFORE), csv_of(*emptied), MINIMISE, {0, 1, 4}) == 1
    assert contradictions(csv_of(*BEFORE), csv_of("1,", "2,", "3,b", "3,b", "4,"), MINIMISE, {0, 4}) == 1
    assert contradictions(None, csv_of(*BEFORE), MINIMISE, {0, 4}) == 2


def test_what_stays_of_a_chinese_file_may_look_like_another_encoding() -> None:
    # The two characters of 联通 in GB18030 are two of other characters in UTF-8 as well.
    old = csv_of("1,欧阳", "2,联通", encoding="gb18030")
    assert contradictions(old, csv_of("2,联通", encoding="gb18030"), ERASE, {0}) == 0


def test_files_that_have_nothing_in_common_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_rows, "_APART_MAX", 10)
    ours, theirs = csv_of(*(f"{n},a" for n in range(100))), csv_of(*(f"{n},b" for n in range(100)))
    assert 10 < contradictions(ours, theirs, ERASE, set()) <= 12


EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "1"))  # with more, memory is measured on every format
Rows = list[dict[str, str]]
MIB = 1 << 20
PATTERNS = Patterns([b"13800138000"])


@cache
def big_rows() -> Rows:
    """112 MiB in rows of 64 KiB that nothing packs well."""
    drawn = random.Random(7)  # noqa: S311 - no secret
    return [{"id": str(n), "name": drawn.randbytes(1 << 15).hex()} for n in range(112 << 4)]


def as_csv(rows: Rows) -> bytes:
    return b"id,name\n" + "".join(f"{row['id']},{row['name']}\n" for row in rows).encode()


def as_array(rows: Rows) -> bytes:
    return json.dumps(rows).encode()


def as_avro(rows: Rows, **options: Any) -> bytes:
    sink = io.BytesIO()
    fields = [{"name": name, "type": "string"} for name in ("id", "name")]
    fastavro.writer(sink, {"type": "record", "name": "row", "fields": fields}, rows, **options)
    return sink.getvalue()


def as_parquet(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=64, use_dictionary=["id"], compression="none")
    return sink.getvalue()


def as_orc(rows: Rows) -> bytes:
    sink = io.BytesIO()
    orc.write_table(
        pa.Table.from_pylist(rows), sink, stripe_size=4 * MIB, batch_size=64, dictionary_key_size_threshold=0
    )
    return sink.getvalue()


FORMS = [(as_csv, 48), (as_parquet, 112), (as_avro, 64), (as_array, 48), (as_orc, 48)]


@pytest.mark.parametrize(("write", "size"), FORMS[:3] if EXAMPLES == 1 else FORMS)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, write: Callable[[Rows], bytes], size: int) -> None:
    rows = big_rows()[: size << 4]
    (tmp_path / "before").write_bytes(write(rows))
    (tmp_path / "after").write_bytes(write([*rows[:3], {"id": "3", "name": "b"}, *rows[4:]]))
    assert (tmp_path / "before").stat().st_size > size * MIB
    warm = io.BytesIO(write([{"id": "1", "name": "a"}]))
    assert (contradictions(warm, None, ERASE, {0}), search_file(warm, PATTERNS)[1]) == (0, set()), (
        "libraries are loaded"
    )
    found: list[object] = []
    with (tmp_path / "before").open("rb") as before, (tmp_path / "after").open("rb") as after:
        assert growth(lambda: found.append(contradictions(before, after, ERASE, set()))) < size * 3 / 4
        if write is as_parquet:
            assert growth(lambda: found.append(search_file(before, PATTERNS)[1])) < size * 3 / 4
    assert found == [2, set()][: len(found)]
