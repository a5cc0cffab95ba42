"""Rows of a file, read by other readers than the stores use, to be compared with each other."""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

_CSV_RECORD = re.compile(rb'(?:[^"\r\n]++|"(?:[^"]|"")*+")*+(?:\r\n|\r|\n|\Z)')
_DELIMITERS = ",;\t|"


def rows_of(content: bytes) -> Iterator[str]:
    """Yield each record of Parquet, gzipped JSON lines or CSV; a header is none."""
    if content.startswith(b"PAR1"):
        for row in pl.read_parquet(io.BytesIO(content), use_pyarrow=False).iter_rows():
            yield json.dumps(row, default=str, ensure_ascii=False)
        return
    if content.startswith(b"\x1f\x8b"):
        yield from (line.decode("utf-8", "surrogateescape") for line in _lines(content))
        return
    records = (found.group() for found in _CSV_RECORD.finditer(content))
    # The header is no record; a value in quotes may hold line ends.
    yield from [raw.strip(b"\r\n").decode("utf-8", "surrogateescape") for raw in records if raw.strip()][1:]


def records_of(content: bytes) -> Iterator[dict[str, Any]]:
    """Yield each record with its fields, of the same formats."""
    if content.startswith(b"PAR1"):
        yield from pl.read_parquet(io.BytesIO(content), use_pyarrow=False).iter_rows(named=True)
        return
    if content.startswith(b"\x1f\x8b"):
        yield from map(json.loads, _lines(content))
        return
    text = _decoded(content)
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)


def is_empty(record: dict[str, Any], field: str) -> bool:
    """Whether a field, or one inside another as ``address.street``, has no value."""
    found: Any = record.get(field) if field in record else record
    for name in () if field in record else field.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found is None or found == ""


def _lines(content: bytes) -> Iterator[bytes]:
    return (line for line in gzip.decompress(content).split(b"\n") if line.strip())


def _decoded(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("gb18030", "surrogateescape")
