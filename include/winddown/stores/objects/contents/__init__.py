"""What opaque objects say in words: the text layer of PDF documents, the EXIF of pictures; also inside archives.

An object stays one record, found and destroyed as a whole. What is read here is only for classification: cells of
fields that say where a finding was made, such as ``text`` or ``gps``. They are no fields of the collection, because
nothing can be taken out of a picture or document by itself.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa

from winddown.ports import AGAIN, UNREAD
from winddown.stores.objects import formats
from winddown.stores.objects.contents.pdf import CIRCUMSTANCES, PdfReader
from winddown.stores.objects.contents.pictures import read_picture
from winddown.stores.objects.formats import archive, zip_archive
from winddown.stores.objects.formats.problem import Problem, Unreadable

_CELLS, _LETTERS = 4_096, 1 << 20  # of a batch


def read_contents(
    sources: Iterable[tuple[BinaryIO, int]], *, reader: PdfReader | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield cells, each batch of one field; then an empty batch whose schema says under ``UNREAD`` what was not read.

    Memory is bounded by a batch and, in the process that reads PDF documents, by ``PdfReader``. Of damaged objects
    as much is read as can be, and the rest is told; raises ``Unreadable`` only for one that changed while it was read
    or lies in an archive class.

    Args:
        sources: opaque files with their sizes; each is read before the next one is taken.
        reader: for PDF documents; one with the usual limits by default.
    """
    with reader or PdfReader() as pdf:
        contents = _Contents(pdf)
        for source, size in sources:
            yield from contents.add(source, size)
        yield from contents.rest()


def read_document(source: BinaryIO, size: int, pdf: PdfReader) -> Iterator[pa.RecordBatch]:
    """As ``read_contents``, of one file; the reader stays open."""
    contents = _Contents(pdf)
    yield from contents.add(source, size)
    yield from contents.rest()


class _Contents:
    def __init__(self, pdf: PdfReader) -> None:
        self._pdf = pdf
        self._cells: dict[str, list[str]] = {}
        self._letters: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()

    def add(self, source: BinaryIO, size: int) -> Iterator[pa.RecordBatch]:
        """Read one object."""
        kind = formats.opaque_kind(source)
        if kind == formats.PDF:
            for told in self._pdf.read(source, size):
                if told.field:
                    yield from self._cell(told.field, told.text)
                else:
                    self._unread[told.text] += told.count
        elif kind in formats.PICTURES:
            self._unread[f"{kind}, of which only EXIF is read"] += 1
            found = read_picture(source, size)
            for field, text in found.values:
                yield from self._cell(field, text)
            for reason in found.unread:
                self._unread[f"{kind} {reason}"] += 1
        elif kind == formats.ARCHIVES:
            yield from self._members(source)
        else:
            self._unread[kind] += 1

    def _members(self, source: BinaryIO) -> Iterator[pa.RecordBatch]:
        try:
            with archive.opened(source) as found:
                for info in zip_archive.members(found):
                    yield from self.add(archive.member(found, info), info.file_size)
        except Unreadable as problem:
            if problem.problem in {Problem.CHANGED, Problem.COLD}:
                raise
            self._unread["archives of documents that cannot be read to their end"] += 1

    def _cell(self, field: str, text: str) -> Iterator[pa.RecordBatch]:
        self._cells.setdefault(field, []).append(text)
        self._letters[field] += len(text)
        if len(self._cells[field]) >= _CELLS or self._letters[field] >= _LETTERS:
            yield self._batch(field)

    def _batch(self, field: str) -> pa.RecordBatch:
        del self._letters[field]
        return pa.RecordBatch.from_arrays([pa.array(self._cells.pop(field), type=pa.string())], names=[field])

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Yield what is left, and what was not read."""
        yield from map(self._batch, sorted(self._cells))
        said = json.dumps(dict(sorted(self._unread.items()))).encode()
        again = {AGAIN: b""} if CIRCUMSTANCES & self._unread.keys() else {}
        yield pa.RecordBatch.from_arrays([], schema=pa.schema([], metadata={UNREAD: said, **again}))
