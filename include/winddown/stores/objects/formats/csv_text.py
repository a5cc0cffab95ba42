"""Comma-separated values (RFC 4180); dialect and encoding (UTF-8 with or without mark, GB18030) found in the file.

Records that stay are kept byte for byte: the file is cut at line ends outside quotes. GB18030's second bytes are never
a quote or a line end, so cutting bytes is safe in it.
"""

import csv
from collections.abc import Iterator

import pyarrow as pa

from winddown.domain.errors import Refused

ID = "csv"
_DELIMITERS = ",;\t|"


def recognise(head: bytes, tail: bytes) -> bool:  # noqa: ARG001 - a text file has no end mark
    """Text whose first line has a delimiter."""
    if not head or b"\x00" in head:
        return False
    first = head.split(b"\n", 1)[0]
    encoding = _encoding(head)
    return encoding is not None and any(mark in first.decode(encoding, "ignore") for mark in _DELIMITERS)


def read(content: bytes) -> Iterator[pa.RecordBatch]:
    """Yield all records as one batch; the first line names the fields; an empty value is null."""
    header, *rows = _rows(content, _records(content))
    if any(len(row) != len(header) for row in rows):
        raise Refused("a line has another number of fields than the header", rule="csv", next_step="repair the file")
    columns = [pa.array([row[i] or None for row in rows], type=pa.string()) for i in range(len(header))]
    yield pa.RecordBatch.from_arrays(columns, names=header)


def without(content: bytes, rows: frozenset[int]) -> bytes:
    """Drop these records; the header stays."""
    header, *records = _records(content)
    _rows(content, [header, *records])
    return header + b"".join(raw for number, raw in enumerate(records) if number not in rows)


def _rows(content: bytes, records: list[bytes]) -> list[list[str]]:
    """Parse each record by itself; raises Refused where the parser sees other records than those that were cut.

    A stray quote inside a value would otherwise number the records differently for reading and for removing.
    """
    encoding = _encoding(content) or "utf-8"
    lines = [raw.decode(encoding) for raw in records]
    lines[0] = lines[0].removeprefix("\ufeff")
    try:
        rows = list(csv.reader(lines, delimiter=_delimiter(lines[0]), strict=True))
    except csv.Error:
        rows = []
    if len(rows) != len(records):
        raise Refused("quotes in the file do not pair up", rule="csv", next_step="repair the file")
    return rows


def _records(content: bytes) -> list[bytes]:
    """Cut at line ends outside quotes; a blank line belongs to the record before it."""
    records: list[bytes] = []
    pending = b""
    for line in content.splitlines(keepends=True):
        pending += line
        if pending.count(b'"') % 2 == 0:
            if pending.strip(b"\r\n") or not records:
                records.append(pending)
            else:
                records[-1] += pending
            pending = b""
    return [*records, pending] if pending else records


def _encoding(content: bytes) -> str | None:
    # The end of a ranged read may cut a character; the last bytes are left out of the test.
    for encoding in ("utf-8", "gb18030"):
        for cut in range(4):
            try:
                content[: len(content) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return encoding
    return None


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)
