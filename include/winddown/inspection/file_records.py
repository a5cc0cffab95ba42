"""Records of a file, read by other readers than the stores use, in memory for a part of the file.

DuckDB reads Parquet by row groups, Polars Avro by blocks, the standard library JSON, CSV and the XML of workbooks. Of
ORC there is one reader in the environment, so that is the store's as well; it reads by stripes. What has to be held is
one such part, one record of text, and a workbook's table of shared strings.
"""

import codecs
import csv
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, cast
from xml.etree import ElementTree as ET

import pyarrow as pa
from pyarrow import orc

from winddown.domain.errors import Refused
from winddown.inspection.avro_file import rows as avro_rows
from winddown.inspection.lent import to_arrow
from winddown.inspection.parquet_file import rows as parquet_rows

ENCODINGS = ("utf-8-sig", "gb18030")
"""Of text, in the order to try; a byte order mark of UTF-16 is seen before."""

_ERRORS = {"gb18030": "surrogateescape"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CSV_RECORD = re.compile(r'(?:[^"\r\n]++|"(?:[^"]++|"")*+")*+(?:\r\n|\r|\n|\Z)')
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n|\Z)")
_DELIMITERS = ",;\t|"
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_START = 1 << 16
_PIECE = 1 << 20
_ROWS = 128
_RECORD_MAX = 1 << 27  # characters of a record of text; the stores plan for less
Record = dict[str, Any]


def rows_of(file: BinaryIO, *, encoding: str = ENCODINGS[0]) -> Iterator[str]:
    """Yield each record of a seekable file as a text of its own; a header is none. Records of CSV are as they stand.

    Raises:
        UnicodeDecodeError: text is not in this encoding; some records may have been yielded.
    """
    found = _structured(file, encoding)
    if found is not None:
        yield from (json.dumps(record, default=str, ensure_ascii=False) for record in found)
        return
    records = (record.strip("\r\n") for record in _split(_texts(_unpacked(file), encoding), _CSV_RECORD))
    filled = (record for record in records if record)  # one of tabs alone is a record of empty values
    next(filled, None)  # the header is no record; a value in quotes may hold line ends
    yield from filled


def records_of(file: BinaryIO, *, encoding: str = ENCODINGS[0]) -> Iterator[Record]:
    """Yield each record with its fields, of the same formats. Raises the same."""
    found = _structured(file, encoding)
    if found is not None:
        yield from found
        return
    header = next(_split(_texts(_unpacked(file), encoding), _LINE), "")
    delimiter = max(_DELIMITERS, key=header.count)
    yield from csv.DictReader(_split(_texts(_unpacked(file), encoding), _LINE), delimiter=delimiter)


def _structured(file: BinaryIO, encoding: str) -> Iterator[Record] | None:
    """Records of a format that says where each begins; None of text with delimiters."""
    stream = _unpacked(file)
    start = stream.read(_START)
    if start.startswith(b"PAR1"):
        return parquet_rows(file)
    if start.startswith(b"Obj\x01"):
        return avro_rows(_unpacked(file))
    if start.startswith(b"ORC"):
        return _orc(file)
    if start.startswith(b"PK\x03\x04"):
        return _cells(file)
    if start.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1] in {b"{", b"["}:
        return _json(_texts(_unpacked(file), encoding))
    return None


def _unpacked(file: BinaryIO) -> BinaryIO:
    """The file from its beginning, as a stream."""
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    packing = next((name for start, name in _PACKED.items() if magic.startswith(start)), None)
    return file if packing is None else cast("BinaryIO", pa.CompressedInputStream(to_arrow(file), packing))


def _texts(stream: BinaryIO, encoding: str) -> Iterator[str]:
    piece = stream.read(_PIECE)
    chosen = "utf-16" if piece.startswith(_UTF_16) and encoding == ENCODINGS[0] else encoding
    decoder = codecs.getincrementaldecoder(chosen)(_ERRORS.get(chosen, "strict"))
    while piece:
        yield decoder.decode(piece)
        piece = stream.read(_PIECE)
    yield decoder.decode(b"", final=True)


def _split(texts: Iterable[str], pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield what a pattern matches, one behind the other; at the end also what it does not."""
    rest = ""
    for text in texts:
        rest += text
        place = 0
        # What ends where the text ends may go on, if only by a line feed.
        while (found := pattern.match(rest, place)) and found.end() < len(rest):
            yield found.group()
            place = found.end()
        rest = rest[place:]
        _check(rest)
    place = 0
    while place < len(rest) and (found := pattern.match(rest, place)):
        yield found.group()
        place = found.end()
    if place < len(rest):
        yield rest[place:]


def _json(texts: Iterable[str]) -> Iterator[Record]:
    """Values one behind the other, mostly on lines; or the elements of one array."""
    buffer, enough, is_array = "", 0, None
    for text in chain(texts, (None,)):
        buffer += text or ""
        if is_array is None and (buffer := buffer.lstrip()):
            is_array = buffer.startswith("[")
            buffer = buffer.removeprefix("[")
        if text is None or len(buffer) >= enough:
            values, place = _values(buffer, is_last=text is None)
            yield from values
            buffer = buffer[place:]
            _check(buffer)
            enough = 2 * len(buffer)  # so that a long record is not tried anew with every piece
    if buffer.startswith("]") is not bool(is_array):
        raise Refused("a file of JSON ends too early", next_step="look at what wrote its newest version")


def _values(buffer: str, *, is_last: bool) -> tuple[list[Record], int]:
    """The values that are whole, and where they end: at the end of the array, or where more has to come."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while (place := _after(buffer, place)) < len(buffer) and buffer[place] != "]":
        try:
            value, end = decoder.raw_decode(buffer, place)
        except ValueError:
            if is_last:
                raise
            break
        if end == len(buffer) and not is_last:
            break  # a number may go on
        found.append(value)
        place = end
    return found, place


def _after(buffer: str, place: int) -> int:
    """The place behind white space and commas."""
    while place < len(buffer) and buffer[place] in " \t\r\n,":
        place += 1
    return place


def _check(rest: str) -> None:
    if len(rest) > _RECORD_MAX:
        raise Refused(
            f"a record of a file does not end within {_RECORD_MAX >> 20} million characters",
            next_step="look at what wrote the newest version of the file",
        )


def _orc(file: BinaryIO) -> Iterator[Record]:
    opened = orc.ORCFile(to_arrow(file))
    for number in range(opened.nstripes):
        stripe = opened.read_stripe(number)
        for start in range(0, stripe.num_rows, _ROWS):
            yield from stripe.slice(start, _ROWS).to_pylist()


def _cells(file: BinaryIO) -> Iterator[Record]:
    """Rows of all sheets of a workbook by the names in the first row of each; rows of no values are none."""
    with zipfile.ZipFile(file) as book:
        names = set(book.namelist())
        shared: list[str] = []
        if "xl/sharedStrings.xml" in names:
            shared = ["".join(each.text or "" for each in item.iter(f"{_SHEET}t")) for item in _elements(book, "si")]
        sheets = sorted(
            (name for name in names if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)),
            key=lambda name: (len(name), name),
        )
        for sheet in sheets:
            header: Record = {}
            for row in _elements(book, "row", sheet):
                values = {column: value for column, value in _row(row, shared) if value is not None}
                if values and not header:
                    header = values
                elif values:
                    yield {str(header.get(column, column)): value for column, value in values.items()}


def _elements(book: zipfile.ZipFile, name: str, part: str = "xl/sharedStrings.xml") -> Iterator[ET.Element]:
    """Yield the elements of a name, and forget each with what stands around it."""
    with book.open(part) as content:
        above: list[ET.Element] = []
        for event, element in ET.iterparse(content, events=("start", "end")):  # noqa: S314 - no network, no DTD
            if event == "start":
                above.append(element)
                continue
            above.pop()
            if element.tag == f"{_SHEET}{name}":
                yield element
                above[-1].clear()


def _row(row: ET.Element, shared: list[str]) -> Iterator[tuple[str, str | None]]:
    for cell in row.iter(f"{_SHEET}c"):
        column = re.sub("[0-9]", "", cell.get("r", ""))
        value = cell.findtext(f"{_SHEET}v")
        if cell.get("t") == "s" and value is not None:
            value = shared[int(value)]
        elif cell.get("t") == "inlineStr":
            value = "".join(each.text or "" for each in cell.iter(f"{_SHEET}t"))
        yield column, value
