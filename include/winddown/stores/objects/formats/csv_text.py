"""Comma-separated values (RFC 4180), or values between tabs, semicolons or bars; encoding and dialect are found.

Reading goes through Arrow wherever the quotes stand where RFC 4180 puts them; elsewhere each record is parsed by
itself with the standard library, and where that sees other records than those that were cut, the file is refused. So
reading and removing always number the records alike.

Records that stay are kept byte for byte: the file is cut at line ends outside quotes, as UTF-8, and turned back.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.change import Change, Numbers, Outcome
from winddown.stores.objects.formats.encoding import require_utf8, utf8_pieces
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.lines import whole_lines
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text_rewrite import Tally, rewrite_text, spliced

ID = "csv"
_DELIMITERS = ",;\t|"
_LINE_FEED, _RETURN = 10, 13
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
    """See ``formats.rewrite``; the header stays, and what is emptied keeps its quotes."""
    return rewrite_text(changed, source, sink, change)


def changed(pieces: Iterator[bytes], change: Change, tally: Tally) -> Iterator[bytes]:
    """Yield the text with the change made."""
    first = next(pieces, b"")
    end = b"\n" if b"\n" in first or b"\r" not in first else b"\r"
    names: list[str] = []
    delimiter = ""
    for text in whole_lines(_joined(first, pieces), quote=b'"', end=end):
        require_utf8(text)
        body = text
        if not names:
            header = _first_record(text)
            body = text[len(header) :]
            delimiter = _delimiter(header.decode())
            names = _parsed([header.decode()], delimiter)[0]
            limits.check_names(names)
            yield header
        starts = _starts(body, delimiter)
        bounds = [*starts.tolist(), len(body)]
        places = tally.take(change, len(starts)).tolist()
        if change.is_erasure:
            yield spliced(body, ((bounds[place], bounds[place + 1], b"") for place in places))
            continue
        columns = [index for index, name in enumerate(names) if name in change.fields]
        ranges = ((bounds[place], bounds[place + 1]) for place in places)
        yield spliced(body, ((*each, _emptied(body[slice(*each)], delimiter, len(names), columns)) for each in ranges))


def _starts(text: bytes, delimiter: str) -> Numbers:
    """Where the records begin, numbered as ``read`` numbers them; blank lines belong to the record before them."""
    buffer = np.frombuffer(text, dtype=np.uint8)
    ends = (buffer == _LINE_FEED) | (buffer == _RETURN)
    quotes = buffer == ord('"')
    if quotes.any():
        ends &= np.cumsum(quotes, dtype=np.int64) & 1 == 0
    begins = ~ends
    begins[1:] &= ends[:-1]
    starts: Numbers = np.flatnonzero(begins)
    if quotes.any() and not _is_regular(text, np.flatnonzero(quotes), delimiter):
        bounds = [*starts.tolist(), len(text)]
        _parsed([text[first:last].decode() for first, last in pairwise(bounds)], delimiter)
    return starts


def _emptied(record: bytes, delimiter: str, width: int, columns: list[int]) -> bytes:
    body = record.rstrip(_BLANK)
    marks = [
        found.start()
        for found in re.finditer(rb'"[^"]*"|' + re.escape(delimiter.encode()), body)
        if found[0][:1] != b'"'
    ]
    bounds = [-1, *marks, len(body)]
    if len(bounds) != width + 1:
        raise _ragged()
    fields = ((bounds[index] + 1, bounds[index + 1]) for index in columns)
    after = spliced(record, ((*each, b'""' if body[each[0] : each[0] + 1] == b'"' else b"") for each in fields))
    if b'"' in body:
        # A quote inside a value does not quote for the reader, who then sees fields begin and end elsewhere.
        (old,), (new,) = (_parsed([text.decode()], delimiter) for text in (record, after))
        if new != ["" if index in columns else value for index, value in enumerate(old)]:
            raise _unpaired()
    return after


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
        raise _unpaired()
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


def _unpaired() -> Unreadable:
    return Unreadable(Problem.BROKEN, "quotes in the file do not pair up")
