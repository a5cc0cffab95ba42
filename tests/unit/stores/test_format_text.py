import csv
import gzip
import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import csv_text, read, recognise
from winddown.stores.objects.formats.text import as_text

from .rewriting import without

# No lone carriage return: the standard library's writer leaves it unquoted, and then it ends a line for every reader.
PIECES = ["a", "b", ",", ";", '"', "|", "\n", "\r\n", "\t", " ", "中", "欧", "\u2028", "\u3000", "𠮷", "0"]
VALUES = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


def csv_rows(content: bytes) -> list[dict[str, str | None]]:
    rows: list[dict[str, str | None]] = [
        row for batch in csv_text.read(io.BytesIO(content)) for row in batch.to_pylist()
    ]
    return rows


DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    }
)


@given(
    rows=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=8),
    doomed=st.sets(st.integers(0, 7)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    dialect=DIALECTS,
)
def test_the_rest_of_a_csv_file_stays_byte_for_byte(
    rows: list[tuple[str, ...]], doomed: set[int], encoding: str, dialect: dict[str, Any]
) -> None:
    def line(values: tuple[str, ...]) -> str:
        sink = io.StringIO()
        csv.writer(sink, **dialect).writerow(values)
        return sink.getvalue()

    header = line(("编号", "name", "note"))
    lines = [line(values) for values in rows]
    content = (header + "".join(lines)).encode(encoding)
    assert [tuple(row.values()) for row in csv_rows(content)] == [
        tuple(value or None for value in values) for values in rows
    ]
    assert list(csv_rows(content)[0]) == ["编号", "name", "note"], "a mark or quotes are no part of a name"
    kept = header + "".join(raw for number, raw in enumerate(lines) if number not in doomed)
    assert without("csv", content, doomed & set(range(len(rows)))) == kept.encode(encoding)


def test_blank_lines_and_a_missing_last_line_end_are_no_records() -> None:
    content = b"id,name\r\n0,a\r\n\r\n1,b\n\n\n2,c"
    assert [row["id"] for row in csv_rows(content)] == ["0", "1", "2"]
    assert without("csv", content, {0, 2}) == b"id,name\r\n1,b\n\n\n"


@pytest.mark.parametrize(
    "content",
    [
        b'id,name\n0,5" pipe\n1,b\n2,4" pipe\n3,d\n',
        b'id,name\n0,5" pipe\n1,b\n',
        b'id,name\n0,"never closed\n1,b\n',
        b'id,name\n0,a"b\n1,"c\nd"\n',
    ],
)
def test_quotes_that_do_not_pair_up_are_refused_rather_than_counted_differently(content: bytes) -> None:
    with pytest.raises(Refused):
        csv_rows(content)
    with pytest.raises(Refused):
        without("csv", content, frozenset({0}))


def test_harmless_quotes_inside_a_value_are_kept() -> None:
    content = b'id,name\n0,5" x 6"\n1,b\n'
    assert [row["name"] for row in csv_rows(content)] == ['5" x 6"', "b"]
    assert without("csv", content, frozenset({1})) == b'id,name\n0,5" x 6"\n'


def test_a_line_of_another_width_is_refused_without_its_content() -> None:
    with pytest.raises(Refused) as refused:
        csv_rows(b"id,name\n0,13800000000,x\n")
    assert "138" not in str(refused.value)


def test_a_head_that_cuts_a_character_is_still_text() -> None:
    content = "编号,姓名\n0,欧阳\n".encode("gb18030")
    for cut in range(1, 4):
        assert recognise(content[:-cut], content[:-cut]) == "csv"
    assert recognise(b"no marks at all\n", b"") is None
    assert recognise(b"\x00,\n", b"") is None


DOCUMENTS = st.lists(
    st.dictionaries(VALUES.filter(bool), st.none() | st.booleans() | st.integers(-9, 9) | VALUES, min_size=1),
    min_size=1,
    max_size=6,
)


@given(documents=DOCUMENTS, doomed=st.sets(st.integers(0, 5)), blank=st.sampled_from([b"", b"\n", b" \t\r\n\n"]))
def test_the_rest_of_a_json_lines_file_stays_byte_for_byte(
    documents: list[dict[str, object]], doomed: set[int], blank: bytes
) -> None:
    lines = [
        b"{"
        + b",\r".join(orjson.dumps(name) + b":" + orjson.dumps(value) for name, value in document.items())
        + b"}\r\n"
        for document in documents
    ]
    content = gzip.compress(blank + blank.join(lines))
    rows = [row for batch in read("jsonl.gz", io.BytesIO(content)) for row in as_text(batch).to_pylist()]
    assert len(rows) == len(documents)
    for row, document in zip(rows, documents, strict=True):
        for name, value in document.items():
            text = value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
            assert row[name] == text
    after = gzip.decompress(without("jsonl.gz", content, doomed & set(range(len(documents)))))
    kept = [line for number, line in enumerate(lines) if number not in doomed]
    assert b"".join(line for line in after.splitlines(keepends=True) if line.strip()) == b"".join(
        part for line in kept for part in line.splitlines(keepends=True) if part.strip()
    )
    assert after.count(b"\n") == (blank + blank.join(lines)).count(b"\n") - sum(
        lines[number].count(b"\n") for number in doomed if number < len(lines)
    )


def test_blank_lines_are_kept_and_are_no_records() -> None:
    content = gzip.compress(b'\n{"id": 0}\n \n{"id": 1,\r"x": 2}\n\n{"id": 2}')
    assert gzip.decompress(without("jsonl.gz", content, frozenset({1}))) == b'\n{"id": 0}\n \n\n{"id": 2}'
    assert gzip.decompress(without("jsonl.gz", content, frozenset({2}))).startswith(
        b'\n{"id": 0}\n \n{"id": 1,\r"x": 2}\n'
    )
    assert gzip.decompress(without("jsonl.gz", content, frozenset())) == gzip.decompress(content)


def test_the_gzip_header_keeps_no_name_and_no_time() -> None:
    sink = io.BytesIO()
    with gzip.GzipFile("zhang-san.jsonl", "wb", fileobj=sink, mtime=1_700_000_000) as file:
        file.write(b'{"id": 0}\n{"id": 1}\n')
    assert b"zhang-san" in sink.getvalue()
    after = without("jsonl.gz", sink.getvalue(), frozenset({0}))
    assert b"zhang-san" not in after
    assert after[4:8] == bytes(4)
    assert recognise(after, after[-8:]) == "jsonl.gz"


def test_a_line_that_is_no_object_is_refused() -> None:
    with pytest.raises(Refused):
        list(read("jsonl.gz", io.BytesIO(gzip.compress(b'{"id": 0}\n[1]\n'))))
