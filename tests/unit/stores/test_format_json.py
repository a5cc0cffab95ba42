"""JSON in lines and documents, packed or not: read back equal, whatever the size of the pieces it is read in."""

import bz2
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json as pj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winddown.stores.objects import formats
from winddown.stores.objects.formats import json_document, jsonl, limits
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text import as_text

TEXT = st.lists(st.sampled_from(["a", '"', "\\", "{", "}", "[", "]", ",", ":", "\n", "中", "𠮷", "\u2028"]), max_size=6)
STRINGS = TEXT.map("".join)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | STRINGS
    | st.floats(allow_nan=False, allow_infinity=False, width=16)
)
VALUES = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(STRINGS, PLAIN, max_size=2)
DOCUMENTS = st.lists(st.dictionaries(st.sampled_from(["id", "name", 'q"\n', "中"]), VALUES, max_size=4), max_size=12)
PIECES = st.sampled_from([16, 40, 1 << 22])


def rows(content: bytes, form: str) -> list[dict[str, Any]]:
    return [row for batch in formats.read(form, io.BytesIO(content)) for row in batch.to_pylist()]


def read_any(source: io.BytesIO, size: int) -> Iterator[pa.RecordBatch]:
    form = str(formats.identify(source, size))
    if form == formats.TORN:
        raise Unreadable(Problem.BROKEN, "as discovery names it")
    yield from formats.read(form, source)


def problem_of(content: bytes) -> Problem:
    source = io.BytesIO(content)
    with pytest.raises(Unreadable) as refused:
        list(read_any(source, len(content)))
    assert refused.value.__cause__ is None
    return refused.value.problem


def same(found: Any, written: Any) -> bool:
    """A value as it was, or, where a member's values are of several kinds, its text."""
    if isinstance(found, bool) or isinstance(written, bool):
        return found is written or found == text_of(written)
    return bool(found == written) or found == text_of(written)


def text_of(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


@given(documents=DOCUMENTS, size=PIECES, indent=st.sampled_from([None, 1]), shape=st.sampled_from(["lines", "array"]))
@settings(max_examples=200)
def test_documents_are_read_as_they_were_written(
    documents: list[dict[str, Any]], size: int, indent: int | None, shape: str
) -> None:
    if shape == "lines":
        content = b"".join(json.dumps(document, ensure_ascii=False).encode() + b"\n" for document in documents)
    else:
        content = json.dumps(documents, ensure_ascii=False, indent=indent).encode() + b"\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "PIECE", size)
        found = rows(content, "jsonl" if shape == "lines" else "json")
    assert len(found) == len(documents)
    for row, document in zip(found, documents, strict=True):
        assert document.keys() <= row.keys() or not document
        assert all(same(row.get(name), value) for name, value in document.items())
        assert all(value is None for name, value in row.items() if name not in document)


@given(values=st.lists(st.sampled_from([1, 2**53 + 1, "a", "2024-01-01", None, 2.5, True]), min_size=1, max_size=40))
def test_types_that_change_between_pieces_change_no_value(values: list[Any]) -> None:
    content = b"".join(orjson.dumps({"value": value}) + b"\n" for value in values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "PIECE", 48)
        found = rows(content, "jsonl")
    assert all(same(row["value"], value) for row, value in zip(found, values, strict=True))


LINES = [
    *(
        b'{"a": 1, "b": "x", "f": 1.5}',
        b'{"f": 2.5, "b": "y", "a": 2}',
        b'{"a":3,"b":"}\\n{\\"","f":-0.0}',
        b'{"b": "z"}',
    ),
    *(b'{"a": null, "b": null, "f": null}', b"{}", b"null", b"", b" \t", b"[1]", b'"{}"', b'{"a": 4}\r', b' {"a": 5}'),
    *(b'{"a": 6} ', b'{"a": 7}{"a": 8}', b'{"a": 9} {"a": 10}', b'{"a":\n11}', b'{"a": 12\n}', b'{"a": 1, "a": 2}'),
    *(b'{"f": NaN}', b'{"f": Infinity}', b'{"f": 9007199254740993}', b'{"f": 3}', b'{"f": 1e400}', b'{"a": 2.0}'),
    *(b'{"b": true}', b'{"a": false}', b'{"b": [1]}', b'{"b": {"a": 1}}', b'{"new": 1}', b'{"b": "\\ud800"}'),
    *('{"b": "中"}'.encode(), b'{"b": "\xff"}', b'{"b": "\x01"}', b'{"b": "\\u0000"}', b"\xff", b'{"a": 01}'),
]


@given(
    lines=st.lists(st.sampled_from(LINES[:4]), max_size=4).flatmap(
        lambda usual: st.lists(st.sampled_from(LINES), max_size=4).map(lambda other: [*usual, *other, *usual])
    ),
    size=PIECES,
    end=st.sampled_from([b"", b"\n"]),
)
@settings(max_examples=400)
def test_arrow_and_the_parser_of_lines_see_the_same_documents(lines: list[bytes], size: int, end: bytes) -> None:
    content = b"\n".join(lines) + end
    try:
        content.decode()
        written = jsonl._parsed(content)
    except (UnicodeDecodeError, Unreadable):
        written = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "PIECE", size)
        patch.setattr(jsonl, "_SAMPLE", 8)
        patch.setattr(jsonl, "_STEP", 16)
        try:
            found = rows(content, "jsonl")
        except Unreadable:
            found = None
    assert (found is None) == (written is None)
    for row, document in zip(found or [], written or [], strict=True):
        assert all(same(row[name], value) for name, value in document.items())
        assert all(value is None for name, value in row.items() if name not in document)


@given(
    lines=st.lists(st.sampled_from(LINES[:4]), min_size=1, max_size=4).flatmap(
        lambda usual: st.lists(st.sampled_from(LINES), max_size=4).map(lambda other: [*usual, *other, *usual])
    ),
    fields=st.lists(st.sampled_from(["a", "b", "f", "new"]), max_size=2, unique=True),
    size=PIECES,
)
@settings(max_examples=400)
def test_some_members_are_read_as_they_are_among_all(lines: list[bytes], fields: list[str], size: int) -> None:
    content = b"\n".join(lines) + b"\n"
    try:
        content.decode()
        documents = jsonl._parsed(content)
    except (UnicodeDecodeError, Unreadable):
        return  # what stands twice in a line may pass where nobody asks for it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "PIECE", size)
        patch.setattr(jsonl, "_SAMPLE", 8)
        patch.setattr(jsonl, "_STEP", 16)
        found = [row for batch in jsonl.read(io.BytesIO(content), fields=fields) for row in batch.to_pylist()]
    assert len(found) == len(documents)
    for name in fields:
        assert all(same(row.get(name), document.get(name)) for row, document in zip(found, documents, strict=True))


def test_members_that_nobody_asks_for_are_left_to_arrow_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    real = pj.read_json

    def noted(*given: Any, parse_options: pj.ParseOptions, **named: Any) -> pa.Table:
        asked.append(parse_options.explicit_schema.names)
        return real(*given, parse_options=parse_options, **named)

    monkeypatch.setattr(jsonl, "_SAMPLE", 8)
    monkeypatch.setattr(pj, "read_json", noted)
    content = b'{"id": 1, "name": "x"}\n' * 9
    found = [row for batch in jsonl.read(io.BytesIO(content), fields=["id"]) for row in batch.to_pylist()]
    assert found == [{"id": 1}] * 9
    assert asked == [["id"]]


def test_members_without_a_value_and_new_ones_keep_the_rest_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIECE", 64)
    calls: list[int] = []
    real = jsonl.as_batch
    monkeypatch.setattr(jsonl, "as_batch", lambda *given: calls.append(1) or real(*given))
    documents = [{"id": number, "gone": None, **({"late": "x"} if number % 7 == 3 else {})} for number in range(100)]
    content = b"".join(orjson.dumps(document) + b"\n" for document in documents)
    assert [row["id"] for row in rows(content, "jsonl")] == list(range(100))
    assert len(calls) == 2, "the first piece, and the one that holds the new member first"


def test_lines_of_one_kind_go_through_arrow_and_keep_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIECE", 64)
    calls = []
    real = jsonl.as_batch
    monkeypatch.setattr(jsonl, "as_batch", lambda *given: calls.append(1) or real(*given))
    content = b"".join(orjson.dumps({"id": number, "on": "2024-01-01"}) + b"\n" for number in range(100))
    found = [batch for batch in jsonl.read(io.BytesIO(content)) if batch.num_rows]
    assert {tuple(map(str, batch.schema.types)) for batch in found} == {("int64", "string")}
    assert len(calls) == 1, "only the first piece is parsed line by line, as it is short"


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        (b'\n{"a": 1}', "jsonl"),
        (b'{\n "a": 1\n}\n', "json"),
        (b' [{"a": 1}]', "json"),
        ('{"姓名": "欧阳娜娜", "地址": "北京市"}\n'.encode("gb18030"), "jsonl"),
        (b"\xef\xbb\xbf" + b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        ('[{"a": "中"}]'.encode("utf-16"), "json"),
    ],
)
def test_lines_and_documents_are_told_apart(content: bytes, form: str) -> None:
    assert formats.identify(io.BytesIO(content), len(content)) == form
    assert rows(content, form)
    for suffix, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("zst", zstd)):
        packed = pack(content)
        assert formats.identify(io.BytesIO(packed), len(packed)) == f"{form}.{suffix}"
        assert rows(packed, f"{form}.{suffix}") == rows(content, form)


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1}\n{"a": 2\n', Problem.BROKEN),
        (b'{"a": 1}\n{"a": 2}{"a": 3}\n', Problem.BROKEN),
        (b'{"a": 1}\n[2]\n', Problem.BROKEN),
        (b'[{"a": 1}, 2]', Problem.BROKEN),
        (b'[{"a": 1}', Problem.BROKEN),
        (b'[{"a": 1}] more', Problem.BROKEN),
        (b'{"a": NaN}\n', Problem.BROKEN),
        (b'{"a": 1}\n{"b": 1, "b": 2}\n', Problem.FIELDS),
        (b'[{"a": 1, "a": ":"}]', Problem.FIELDS),
        (b'{"a": 1}\n' + b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}\n", Problem.LIMIT),
        (b'[{"a": ' + b'{"b":' * 200 + b"1" + b"}" * 200 + b"}]", Problem.LIMIT),
        (b'{\n"a": ' + b"[" * 200 + b"]" * 200 + b"}", Problem.LIMIT),
        (b'{"a": "' + "中".encode() + b'"}\n{"a": "\xd6\xd0\xce\xc4"}\n' * 9, Problem.ENCODING),
    ],
)
def test_what_is_not_right_is_named(content: bytes, problem: Problem) -> None:
    assert problem_of(content) is problem
    assert problem_of(gzip.compress(content)) is problem


def test_a_torn_packed_file_is_refused() -> None:
    content = b"".join(orjson.dumps({"id": number}) + b"\n" for number in range(5000))
    for pack in (gzip.compress, bz2.compress, zstd):
        assert problem_of(pack(content)[:-9]) is Problem.BROKEN
        assert problem_of(pack(content) + b"more") is Problem.BROKEN


def test_brackets_inside_strings_do_not_nest() -> None:
    text = b'{"a": "[[[[\\"[[[", "b": ["\\\\", {"c": []}]}'
    assert jsonl.depth_of(text) == 4
    assert json_document._scan(text, depth=0).deepest == 4


def test_as_text_says_what_json_says() -> None:
    content = b'{"a": 1, "b": true, "c": [1, "x"], "d": 2.5}\n'
    (batch,) = jsonl.read(io.BytesIO(content))
    assert as_text(batch).to_pylist() == [{"a": "1", "b": "true", "c": '[1,"x"]', "d": "2.5"}]


@pytest.mark.parametrize("form", [b"%s\n", b"[%s]"])
@pytest.mark.parametrize("colon", [b"\\u003a", b"\\u003A"])
def test_a_member_that_stands_twice_is_not_hidden_by_an_escaped_colon(form: bytes, colon: bytes) -> None:
    assert rows(form % (b'{"a": "' + colon + b'"}'), "json" if form.startswith(b"[") else "jsonl") == [{"a": ":"}]
    assert problem_of(form % (b'{"a": "13812345678", "a": "' + colon + b'"}')) is Problem.FIELDS
