"""File formats, one module each, recognised by content and registered in one explicit list."""

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol, runtime_checkable

import pyarrow as pa

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import (
    archive,
    avro,
    csv_text,
    json_document,
    jsonl,
    orc,
    parquet,
    xlsx,
    zip_archive,
)
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.ends import HEAD, TAIL, Ends
from winddown.stores.objects.formats.packed import CODECS, Packed, TextFormat, unpacked_head
from winddown.stores.objects.formats.problem import Problem, Unreadable


class RowFormat(Protocol):
    """A format whose rows can be read, numbered from 0 in the order in which they are yielded."""

    ID: str

    def read(self, source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows of a seekable file in typed batches.

        A format without a schema may yield another type for a field in a later batch, and further fields; ``as_text``
        makes them alike. With ``fields``, others may be left out. Memory is bounded by ``limits``.

        Raises:
            Unreadable: the file cannot be read to its end; batches that came before are not to be relied on.
        """
        ...


class _EndsFormat(RowFormat, Protocol):
    """A format that the ends of a file tell."""

    def recognise(self, ends: Ends) -> bool:
        """Whether these are this format's."""
        ...


class _TextFormat(_EndsFormat, TextFormat, Protocol):
    """A text format, which may be packed."""


@runtime_checkable
class DescribedFormat(Protocol):
    """A format that tells schema and number of rows without reading them."""

    def describe(self, source: BinaryIO) -> tuple[pa.Schema, int]:
        """Return both; raises Unreadable."""
        ...


class RewritableFormat(RowFormat, Protocol):
    """A format of which single rows can be erased, and fields of rows emptied."""

    def rewrite(self, source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
        """Write the file with the change made and everything else as it was; see ``rewrite`` of this package."""
        ...


class _Zip:
    """Zip archives, whose members may be of any other format."""

    ID = zip_archive.ID

    def read(self, source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows of all members."""
        return zip_archive.read(source, lambda member, size: BY_ID.get(_member_format(member, size)), fields=fields)


_BINARY: tuple[_EndsFormat, ...] = (parquet, orc, avro)
_TEXT: tuple[_TextFormat, ...] = (jsonl, json_document, csv_text)
_PACKED = tuple(Packed(inner, codec) for inner in _TEXT for codec in CODECS)
ROW_FORMATS: tuple[RowFormat, ...] = (*_BINARY, *_PACKED, *_TEXT, xlsx, _Zip())
BY_ID = {found.ID: found for found in ROW_FORMATS}
_REWRITABLE: tuple[RewritableFormat, ...] = (parquet, avro, orc, *_TEXT, *_PACKED, xlsx)
REWRITABLE = {found.ID: found for found in _REWRITABLE}

# Opaque formats hold personal data that is not read as rows: each object is one record.
PDF, ARCHIVES = "PDF documents", "archives of documents"
PICTURES = ("JPEG images", "PNG images")
_OPAQUE_MAGIC = {
    b"\xff\xd8\xff": PICTURES[0],
    b"\x89PNG\r\n": PICTURES[1],
    b"%PDF-": PDF,
    b"PGDMP": "PostgreSQL dumps",
}
OPAQUE = "opaque"
TORN = "torn"  # begins like a known format and does not go on like it
_TORN_MAGIC = (b"PAR1", b"ORC")


def recognise(head: bytes, tail: bytes) -> str | None:
    """Return the id of the format, ``opaque``, ``torn``, or None when the content is unknown or empty.

    Archives are not told by their ends; ``identify`` looks into them. Raises Unreadable for text of unclear encoding.
    """
    if not head:
        return None
    if head.startswith(tuple(_OPAQUE_MAGIC)):
        return OPAQUE
    ends = Ends(head, tail)
    for found in _BINARY:
        if found.recognise(ends):
            return found.ID
    if head.startswith(_TORN_MAGIC):
        return TORN
    for codec in CODECS:
        if head.startswith(codec.magic):
            inside = unpacked_head(head, codec)
            form = _text_format(Ends(inside, inside))
            return TORN if not inside else f"{form}.{codec.suffix}" if form else None
    return _text_format(ends)


def _text_format(ends: Ends) -> str | None:
    return next((found.ID for found in _TEXT if found.recognise(ends)), None)


def identify(source: BinaryIO, size: int) -> str | None:
    """Return what ``recognise`` does, for a whole file of so many bytes, archives included."""
    source.seek(0)
    head = source.read(min(HEAD, size))
    if head.startswith(archive.MAGIC):
        return _identify_archive(source)
    more = next((codec.head for codec in CODECS if head.startswith(codec.magic)), HEAD)
    head += source.read(min(more, size) - len(head))
    tail = head[-TAIL:]
    if size > len(head) and head.startswith(_TORN_MAGIC):
        source.seek(size - TAIL)
        tail = source.read(TAIL)
    return recognise(head, tail)


def _identify_archive(source: BinaryIO) -> str | None:
    with archive.opened(source) as found:
        names = found.namelist()
        if xlsx.is_workbook(names):
            return xlsx.ID
        if "[Content_Types].xml" in names:
            return None  # another kind of office document
        kinds = {_member_format(archive.member(found, info), info.file_size) for info in zip_archive.members(found)}
    if not kinds:
        return None
    return OPAQUE if kinds == {OPAQUE} else zip_archive.ID


def _member_format(member: BinaryIO, size: int) -> str:
    found = identify(member, size) if not member.read(4).startswith(archive.MAGIC) else zip_archive.ID
    if found == zip_archive.ID:
        raise Unreadable(Problem.ARCHIVE, "an archive holds another archive or a workbook")
    if found is None or found == TORN:
        raise Unreadable(Problem.ARCHIVE, "an archive holds a file of no known format")
    return found


def opaque_kind(source: BinaryIO) -> str:
    """What an opaque file is, in words."""
    source.seek(0)
    head = source.read(8)
    return next((kind for magic, kind in _OPAQUE_MAGIC.items() if head.startswith(magic)), ARCHIVES)


def read(form: str, source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Read a whole file of a known format from its beginning, as ``RowFormat.read`` does."""
    source.seek(0)
    yield from BY_ID[form].read(source, fields=fields)


def rewrite(form: str, source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """Write a seekable file of a rewritable format to ``sink`` with the change made and everything else as it was.

    Memory is bounded whatever the size of the file. ``sink`` is only written to, forwards. When this raises, what was
    written is to be thrown away; ``source`` is never touched.

    Raises:
        Refused: the file has other rows or fields than were planned, or cannot be written again faithfully.
        Unreadable: the file cannot be read to its end.
    """
    source.seek(0)
    outcome = REWRITABLE[form].rewrite(source, sink, change)
    outcome.require(change)
    return outcome


def recognise_content(content: bytes) -> str:
    """Return the format id of a whole file that is known to hold rows; raises Refused when it no longer does."""
    found = identify(io.BytesIO(content), len(content))
    if found not in BY_ID:
        raise Refused("an object is no longer of the format that was planned", next_step="discover and plan again")
    return str(found)
