"""File formats, one module each, recognised by content and registered in one explicit list."""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import csv_text, jsonl_gz, parquet


class RowFormat(Protocol):
    """A format whose rows can be read, numbered from 0, and removed."""

    ID: str

    def recognise(self, head: bytes, tail: bytes) -> bool:
        """Whether the first and last bytes of a file are this format's."""
        ...

    def read(self, content: bytes) -> Iterator[pa.RecordBatch]:
        """Yield all rows in order, all values as text."""
        ...

    def without(self, content: bytes, rows: frozenset[int]) -> bytes:
        """Return the file without the rows of these numbers; everything else as it was."""
        ...


ROW_FORMATS: tuple[RowFormat, ...] = (parquet, jsonl_gz, csv_text)
BY_ID = {found.ID: found for found in ROW_FORMATS}

# Opaque formats hold personal data that is not read as rows: each object is one record.
_OPAQUE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"%PDF-", b"PGDMP")
OPAQUE = "opaque"
TORN = "torn"  # begins like a format that is known by its end as well, and ends otherwise
_TORN_MAGIC = b"PAR1"


def recognise(head: bytes, tail: bytes) -> str | None:
    """Return the id of the format, ``opaque``, ``torn``, or None when the content is unknown or empty."""
    for found in ROW_FORMATS:
        if found.recognise(head, tail):
            return found.ID
    if head.startswith(_TORN_MAGIC):
        return TORN
    return OPAQUE if head.startswith(_OPAQUE_MAGIC) else None


def recognise_content(content: bytes) -> str:
    """Return the format id of a whole file that is known to hold rows; raises Refused when it no longer does."""
    found = recognise(content[:65_536], content[-8:])
    if found not in BY_ID:
        raise Refused("an object is no longer of the format that was planned", next_step="discover and plan again")
    return str(found)
