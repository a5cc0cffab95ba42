"""Comma-separated values (RFC 4180), or values between tabs, semicolons or bars; encoding and dialect are found.

Reading goes through Arrow wherever the quotes stand where RFC 4180 puts them; elsewhere each record is parsed by
itself with the standard library, and where that sees other records than those that were cut, the file is refused. So
reading and removing always number the records alike.

Records that stay are kept byte for byte: the file is cut at line ends outside quotes. The second bytes of GB18030 and
Big5 are never a quote or a line end, so cutting bytes is safe in them; UTF-16 is cut as UTF-8 and turned back.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.encoding import encoding_of, require_utf8, utf8_pieces
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.lines import whole_lines
from winddown.stores.objects.formats.problem import Problem, Unreadable

ID = "csv"
_DELIMITERS = ",;\t|"
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_BLANK = b"\r\n"


def recognise(ends: Ends) -> bool:
    """Text whose first line has a delimiter."""
    return ends.text is not None and any(mark in ends.text.split("\n", 1)[0] for mark in _DELIMITERS)


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:  # noqa: ARG001
    """Yield all records, every field as text; the first line names the fields; an empty value is null."""
    pieces = utf8_pieces(source)
    first = next(pieces, b"")
    end = b"\n" if b"\n" in first or b"\r" not in first else b"\r"
    names: list[str] = []
    delimiter = ""
    for text in whole_lines(_joined(first, pieces), quote=b'"', end=end):
        body = text
        if not names:
            header = _first_record(text)
            require_utf8(header)
            body = text[len(header) :]
            delimiter = _delimiter(header.decode())
            names = _parsed([header.decode()], delimiter)[0]
            if not names:
                raise Unreadable(Problem.BROKEN, "the first line, which should name the fields, is blank")
            limits.check_names(names)
            yield pa.RecordBatch.from_arrays([pa.nulls(0, pa.string())] * len(names), names=names)
        if body.lstrip(_BLANK):
            yield from _table(body, names, delimiter)


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """Write the file without the rows of the change."""
    if change.fields:
        raise Refused("fields of rows cannot be emptied in this format yet")
    before = sum(batch.num_rows for batch in read(source))
    source.seek(0)
    after = without(source.read(), frozenset(change.rows.tolist()))
    sink.write(after)
    return Outcome(before, erased=len(change.within(0, before)))


def without(content: bytes, rows: frozenset[int]) -> bytes:
    """Drop these records; the header stays."""
    encoding = _UTF_16.get(content[:2])
    if encoding is not None:
        try:
            text = content[2:].decode(encoding)
        except UnicodeDecodeError:
            raise Unreadable(Problem.ENCODING, "a text file has bytes that are none of its encoding") from None
        return content[:2] + _without(text.encode(), rows, "utf-8").decode().encode(encoding)
    return _without(content, rows, encoding_of(content))


def _without(content: bytes, rows: frozenset[int], encoding: str) -> bytes:
    header, *records = _records(content)
    try:
        lines = [raw.decode(encoding) for raw in (header, *records)]
    except UnicodeDecodeError:
        raise Unreadable(Problem.ENCODING, "a text file has bytes that are none of its encoding") from None
    lines[0] = lines[0].removeprefix("\ufeff")
    _parsed(lines, _delimiter(lines[0]))
    return header + b"".join(raw for number, raw in enumerate(records) if number not in rows)


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _table(text: bytes, names: list[str], delimiter: str) -> Iterator[pa.RecordBatch]:
    require_utf8(text)
    places = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord('"')) if b'"' in text else None
    if places is not None and not _is_regular(text, places, delimiter):
        rows = _parsed([raw.decode() for raw in _records(text) if raw.strip(_BLANK)], delimiter)
        if any(len(row) != len(names) for row in rows):
            raise _ragged()
        columns = [pa.array([row[i] or None for row in rows], type=pa.string()) for i in range(len(names))]
        yield pa.RecordBatch.from_arrays(columns, names=names)
        return
    numbered = [str(index) for index in range(len(names))]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(column_names=numbered, block_size=len(text) + 1, use_threads=False),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=places is not None),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(numbered, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,  # the whole text was checked, which costs less than cell by cell
            ),
        )
    except pa.ArrowException:
        # Arrow's message quotes the line.
        raise _ragged() from None
    for batch in table.to_batches():
        yield pa.RecordBatch.from_arrays(batch.columns, names=names)


def _is_regular(text: bytes, places: "np.ndarray[tuple[int], np.dtype[np.int64]]", delimiter: str) -> bool:
    """Whether every quote opens a field at its beginning, closes one at its end, or stands doubled inside."""
    if len(places) % 2:
        return False
    buffer = np.frombuffer(text, dtype=np.uint8)
    edge = np.zeros(256, dtype=bool)
    edge[[10, 13, ord(delimiter), ord('"')]] = True
    before, after = places[0::2] - 1, places[1::2] + 1
    # The text begins and ends at the edge of a field.
    return bool(edge[buffer[before[before >= 0]]].all() and edge[buffer[after[after < len(text)]]].all())


def _parsed(lines: list[str], delimiter: str) -> list[list[str]]:
    """Parse each record by itself; raises Unreadable where the parser sees other records than those that were cut.

    A stray quote inside a value would otherwise number the records differently for reading and for removing.
    """
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        rows = []
    if len(rows) != len(lines):
        raise Unreadable(Problem.BROKEN, "quotes in the file do not pair up")
    return rows


def _records(content: bytes) -> list[bytes]:
    """Cut at line ends outside quotes; a blank line belongs to the record before it."""
    records: list[bytes] = []
    pending: list[bytes] = []
    quotes = 0
    for line in content.splitlines(keepends=True):
        pending.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            record = b"".join(pending)
            if record.strip(_BLANK) or not records:
                records.append(record)
            else:
                records[-1] += record
            pending, quotes = [], 0
    return [*records, b"".join(pending)] if pending else records


def _first_record(content: bytes) -> bytes:
    """The first of ``_records``, found without cutting the rest."""
    end = 0
    while end < len(content):
        end = (
            min((at for at in (content.find(b"\n", end), content.find(b"\r", end)) if at >= 0), default=len(content))
            + 1
        )
        if content.count(b'"', 0, end) % 2 == 0:
            break
    while content[end : end + 1] in {b"\r", b"\n"}:
        end += 1
    return content[:end]


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _ragged() -> Unreadable:
    return Unreadable(Problem.BROKEN, "a line has another number of fields than the header")
