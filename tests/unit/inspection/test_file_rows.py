"""Rows as the inspector reads them, of the shapes that files come in."""

import gzip
import io

import openpyxl
import pytest

from winddown.inspection.file_rows import is_empty, records_of, rows_of

ROWS = [{"id": "1", "name": "欧阳"}, {"id": "2", "name": "a"}]


@pytest.mark.parametrize(
    "content",
    [
        '{"id": "1", "name": "欧阳"}\n\n{"id": "2", "name": "a"}'.encode(),
        '\ufeff[{"id": "1", "name": "欧阳"},\n {"id": "2", "name": "a"}]'.encode(),
        gzip.compress('{"id": "1", "name": "欧阳"}\n{"id": "2", "name": "a"}\n'.encode(), mtime=0),
        "id,name\n1,欧阳\n2,a\n".encode("gb18030"),
        "id;name\n1;欧阳\n2;a\n".encode("utf-16"),
        'id\tname\r\n1\t"欧阳"\r\n2\ta'.encode(),
    ],
)
def test_records_are_the_same_in_every_packing_and_encoding(content: bytes) -> None:
    assert list(records_of(content)) == ROWS
    assert len(list(rows_of(content))) == 2


def test_one_object_is_one_record() -> None:
    assert list(records_of(b'{"id": "1",\n "name": "a"}')) == [{"id": "1", "name": "a"}]


def test_workbooks_are_read_through_all_sheets_and_rows_of_nothing_are_none() -> None:
    book, sink = openpyxl.Workbook(), io.BytesIO()
    for row in (("id", "name"), ("1", "欧阳"), (None, None), ("2", "a")):
        book.active.append(row)
    other = book.create_sheet("more")
    other.append(("id",))
    other.append((3,))
    book.save(sink)
    assert list(records_of(sink.getvalue())) == [*ROWS, {"id": "3"}]


def test_a_field_inside_others_is_empty_when_it_has_no_value_anywhere() -> None:
    record = {"a": {"b": [{"c": None}, {"c": ""}, {}]}, "d": "x", "e.f": ""}
    assert is_empty(record, "a.b.c")
    assert is_empty(record, "e.f")
    assert not is_empty(record, "d")
    record["a"]["b"].append({"c": "x"})  # type: ignore[index]
    assert not is_empty(record, "a.b.c")
