"""Rows of a file, read by other readers than the stores use, to be compared with each other.

Polars reads Parquet and Avro, the standard library JSON, CSV and the XML of workbooks. Of ORC there is one reader in
the environment, so that is the store's as well. A file is held in memory whole.
"""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pyarrow as pa
from pyarrow import orc

from winddown.domain.plan import Act, Order

_CSV_RECORD = re.compile(rb'(?:[^"\r\n]++|"(?:[^"]|"")*+")*+(?:\r\n|\r|\n|\Z)')
_DELIMITERS = ",;\t|"
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
Record = dict[str, Any]


def rows_of(content: bytes) -> Iterator[str]:
    """Yield each record as a text of its own; a header is none. Records of CSV are their bytes."""
    content = _unpacked(content)
    found = _structured(content)
    if found is not None:
        yield from (json.dumps(record, default=str, ensure_ascii=False) for record in found)
        return
    records = (each.group() for each in _CSV_RECORD.finditer(_decoded(content).encode("utf-8", "surrogateescape")))
    # The header is no record; a value in quotes may hold line ends.
    yield from [raw.strip(b"\r\n").decode("utf-8", "surrogateescape") for raw in records if raw.strip()][1:]


def records_of(content: bytes) -> Iterator[Record]:
    """Yield each record with its fields, of the same formats."""
    content = _unpacked(content)
    found = _structured(content)
    if found is not None:
        yield from found
        return
    text = _decoded(content)
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)


def contradictions(before: bytes | None, after: bytes, order: Order, doomed: set[int]) -> int:
    """Number of records that a file which was written anew has and should not, or the other way round.

    The old file, ``before``, may be gone; then only what should be empty is looked at. ``doomed`` are numbers of rows.
    """
    if order.act is Act.MINIMISE:
        left = (number in doomed and not _is_emptied(found, order) for number, found in enumerate(records_of(after)))
        return sum(left) + (0 if before is None else _differences(before, after, order, doomed))
    if before is None:
        return 0
    survivors = Counter(row for number, row in enumerate(rows_of(before)) if number not in doomed)
    found = Counter(rows_of(after)) if after else Counter[str]()  # nothing took its place
    return sum((found - survivors).values()) + sum((survivors - found).values())


def _is_emptied(record: Record, order: Order) -> bool:
    return all(is_empty(record, name) for name in order.fields)


def _differences(before: bytes, after: bytes, order: Order, doomed: set[int]) -> int:
    """Number of records that differ in what should have stayed; fields inside others are not told apart."""
    emptied = {name.partition(".")[0] for name in order.fields}

    def kept(number: int, record: Record) -> Record:
        return {name: value for name, value in record.items() if number not in doomed or name not in emptied}

    none: Record = {}
    pairs = enumerate(zip_longest(records_of(before), records_of(after), fillvalue=none))
    return sum(kept(number, old) != kept(number, new) for number, (old, new) in pairs)


def is_empty(record: Record, field: str) -> bool:
    """Whether a field, or one inside another as ``address.street``, has no value; of a list, in every element."""
    if field in record:
        return record[field] is None or record[field] == ""
    return not _values(record, field.split("."))


def _values(found: Any, path: list[str]) -> list[Any]:
    if isinstance(found, list):
        return [value for each in found for value in _values(each, path)]
    if path:
        return _values(found.get(path[0]), path[1:]) if isinstance(found, dict) else []
    return [] if found is None or found == "" else [found]


def _structured(content: bytes) -> Iterator[Record] | None:
    """Records of a format that says where each begins; None of text with delimiters."""
    source, found = io.BytesIO(content), None
    if content.startswith(b"PAR1"):
        found = pl.read_parquet(source, use_pyarrow=False).iter_rows(named=True)
    elif content.startswith(b"Obj\x01"):
        found = pl.read_avro(source).iter_rows(named=True)
    elif content.startswith(b"ORC"):
        found = orc.ORCFile(source).read().to_pylist()
    if found is not None:
        records: Iterator[Record] = iter(found)
        return records
    if content.startswith(b"PK\x03\x04"):
        return _cells(content)
    text = _decoded(content) if content.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1] in {b"{", b"["} else ""
    return _json(text) if text else None


def _json(text: str) -> Iterator[Record]:
    """Lines of objects, or one document: an array of records, or an object that is one."""
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        found = [json.loads(line) for line in lines]
    except ValueError:
        found = []
    if not found or not all(isinstance(each, dict) for each in found):
        document = json.loads(text)
        found = document if isinstance(document, list) else [document]
    return iter(found)


def _cells(content: bytes) -> Iterator[Record]:
    """Rows of all sheets of a workbook by the names in the first row of each; rows of no values are none."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        names = set(book.namelist())
        shared = _shared(book.read("xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else []
        sheets = sorted(
            (name for name in names if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)),
            key=lambda name: (len(name), name),
        )
        for sheet in sheets:
            header: Record = {}
            for row in ET.fromstring(book.read(sheet)).iter(f"{_SHEET}row"):  # noqa: S314 - no network, no DTD
                values = {column: value for column, value in _row(row, shared) if value is not None}
                if values and not header:
                    header = values
                elif values:
                    yield {str(header.get(column, column)): value for column, value in values.items()}


def _row(row: ET.Element, shared: list[str]) -> Iterator[tuple[str, str | None]]:
    for cell in row.iter(f"{_SHEET}c"):
        column = re.sub("[0-9]", "", cell.get("r", ""))
        value = cell.findtext(f"{_SHEET}v")
        if cell.get("t") == "s" and value is not None:
            value = shared[int(value)]
        elif cell.get("t") == "inlineStr":
            value = "".join(each.text or "" for each in cell.iter(f"{_SHEET}t"))
        yield column, value


def _shared(content: bytes) -> list[str]:
    found = ET.fromstring(content)  # noqa: S314 - no network, no DTD
    return ["".join(each.text or "" for each in item.iter(f"{_SHEET}t")) for item in found.iter(f"{_SHEET}si")]


def _unpacked(content: bytes) -> bytes:
    packing = next((name for start, name in _PACKED.items() if content.startswith(start)), None)
    if packing is None:
        return content
    with pa.CompressedInputStream(io.BytesIO(content), packing) as unpacked:
        return bytes(unpacked.read())


def _decoded(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("gb18030", "surrogateescape")
