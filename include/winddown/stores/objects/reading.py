"""Reads the objects of a collection, one after another, through ranges; memory is bounded by a batch."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from winddown.domain.batch import Batch
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Medium
from winddown.ports import Document, Note, Notes
from winddown.stores.objects import formats
from winddown.stores.objects.contents import read_contents, read_document
from winddown.stores.objects.contents.pdf import PdfReader
from winddown.stores.objects.discovery import WINDOW
from winddown.stores.objects.faults import translated
from winddown.stores.objects.formats import parquet
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text import as_text
from winddown.stores.objects.gathering import folder_of, place_of, prefix_of
from winddown.stores.objects.located import WHOLE, Stated, located, select
from winddown.stores.objects.naming import planned
from winddown.stores.objects.noted import name_of, read
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.tables.registry import SeenTable, Table
from winddown.stores.objects.tables.roots import Kind
from winddown.stores.objects.versions import UNNAMED, Version, by_key

_LOOKERS = 8
_FORMS_MAX = 100_000  # remembered formats; some 20 MB


class Reading:
    """Reads one bucket with the reading credential.

    Args:
        place: what tells the bucket from any other.
        notes: opens what discovery noted of the objects.
        tables: a table by its collection and kind.
    """

    def __init__(
        self,
        store: str,
        client: Any,
        bucket: str,
        *,
        place: str,
        notes: Callable[[], Notes],
        tables: Callable[[CollectionRef, str], Table],
    ) -> None:
        self._store, self._client, self._bucket, self._place = store, client, bucket, place
        self._tables = tables
        self._forms: dict[tuple[str, str], str | None] = {}
        self._open_notes = notes
        self._opened_notes: Notes | None = None

    def remember(self, version: Version, form: str | None) -> None:
        """Keep what format a version is of, so that it is not asked again."""
        if version.version_id != UNNAMED and len(self._forms) < _FORMS_MAX:
            self._forms[version.key, version.version_id] = form

    def close_notes(self) -> None:
        """Use what a discovery noted, or that it doubts the versions, instead of what was noted before."""
        self._opened_notes = None

    def rows(self, collection: Collection, fields: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        """Yield every row as text behind its locators; an opaque object is one row without fields."""
        wanted = list(collection.field_names() if fields is None else fields)
        if collection.medium is Medium.OBJECTS:
            for version, _ in self._members(collection):
                yield located((version.key, version.state), 0, WHOLE, [])
            return
        for version, source, stated in self._row_files(collection):
            start = 0
            for batch in formats.read(_form(collection), source, fields=wanted):
                yield located((version.key, version.state), start, batch, wanted, stated)
                start += batch.num_rows

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield every row in the files' own types, without locators; of opaque objects, what their contents say."""
        wanted = list(collection.field_names())
        if collection.medium is Medium.OBJECTS:
            found = self._members(collection, begin=lambda _: True)
            yield from read_contents((source, version.size) for version, source in found)
            return
        for version, source, stated in self._row_files(collection):
            for batch in formats.read(_form(collection), source, fields=wanted):
                yield select(version.key, batch, wanted, stated)

    def documents(self, collection: Collection, notes: Notes) -> Iterator[Document]:
        """Yield each opaque object, without its cells when it is known."""
        known: dict[str, Note] = {}

        def is_unknown(version: Version) -> bool:
            name = name_of(self._place, version)
            note = notes.recall(name) if name else None
            if note is not None:
                known[version.key] = note
            return note is None

        with PdfReader() as pdf:
            for version, source in self._members(collection, begin=is_unknown):
                note = known.pop(version.key, None)
                cells = read_document(source, version.size, pdf) if note is None else iter(())
                yield Document(name_of(self._place, version), note, cells)

    def older(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield the rows of every version below the current one, or of a table's past, as text."""
        wanted = list(collection.field_names())
        for version in self._past(collection):
            source = self._open(version)
            form = formats.identify(source, version.size)
            if form is None or form not in formats.BY_ID:
                raise Unreadable(Problem.BROKEN, "an older version is of no format that is read")
            start = 0
            for batch in formats.read(form, source):
                more = set(batch.schema.names) - set(wanted)
                if more:
                    raise Refused(
                        f"an older version of an object in {collection.ref} has {len(more)} fields that no current "
                        "one has",
                        rule="purging an object destroys its older versions",
                        next_step="bring the version back under a name of its own, so that it is decided on",
                    )
                yield located((version.key, version.version_id), start, batch, wanted)
                start += batch.num_rows

    def fetch(self, collection: Collection, batch: Batch, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the rows that the batch names, from the planned versions, as text."""
        table = self._tables(collection.ref, collection.format) if collection.format in set(Kind) else None
        for key in batch.keys.to_pylist():
            with translated(self._store, "reading an object"):
                version, _ = planned(self._client, self._bucket, key)
            rows = pa.array(sorted(key["rows"]), type=pa.int64())
            outside = None if table is None else table.stated_in(key["action"])
            start = 0
            for found in formats.read(_form(collection), self._open(version), fields=fields):
                numbers = pa.array(range(start, start + found.num_rows), type=pa.int64())
                yield as_text(select(version.key, found, list(fields), outside)).filter(pc.is_in(numbers, rows))
                start += found.num_rows

    def content(self, collection: Collection) -> Iterator[bytes]:
        """Yield the content of the last object by name, in pieces of a mebibyte."""
        *_, (newest, _) = self._members(collection)
        with translated(self._store, "reading an object"):
            body = self._client.get_object(Bucket=self._bucket, Key=newest.key, VersionId=newest.version_id)["Body"]
            yield from body.iter_chunks(1 << 20)

    def _members(
        self, collection: Collection, *, begin: Callable[[Version], bool] = lambda _: False
    ) -> Iterator[tuple[Version, BinaryIO]]:
        return ((history[0], source) for history, source in self._found(collection, begin=begin))

    def _row_files(self, collection: Collection) -> Iterator[tuple[Version, BinaryIO, Stated | None]]:
        """The collection's files of rows; of a table, with what its log states of each."""
        if collection.format not in set(Kind):
            yield from ((version, source, None) for version, source in self._members(collection))
            return
        seen = self._seen(collection)
        for path, version in sorted(seen.live().items()):
            if version is None:
                raise Unreadable(Problem.CHANGED, "a file that makes the table is not there any more")
            yield version, self._open(version), seen.stated(path)

    def _past(self, collection: Collection) -> Iterator[Version]:
        if collection.format in set(Kind):
            yield from (version for version in self._seen(collection).past() if version.size)
            return
        for history, _ in self._found(collection):
            yield from (version for version in history[1:] if not version.is_marker)

    def _seen(self, collection: Collection) -> SeenTable:
        with translated(self._store, "listing"):
            seen: SeenTable = self._tables(collection.ref, collection.format).look()
            return seen

    def _found(
        self, collection: Collection, *, begin: Callable[[Version], bool] = lambda _: False
    ) -> Iterator[tuple[list[Version], BinaryIO]]:
        """Histories of the collection's live objects, and the latest version as a file.

        Of those that ``begin`` chooses, the first bytes are fetched together, before they are asked for one by one.

        A folder may also hold what is of another format, or of none: that is another collection, or a blocker.
        """
        folder = folder_of(collection.ref)
        with translated(self._store, "listing"):
            listed = (
                history
                for history in by_key(self._client, self._bucket, prefix_of(collection.ref))
                if not history[0].is_marker and history[0].size and place_of(history[0].key).folder == folder
            )
            with ThreadPoolExecutor(max_workers=_LOOKERS) as pool:
                while window := list(islice(listed, WINDOW)):
                    opened = [(history, self._open(history[0])) for history in window]
                    forms = self._recognised(pool, [(history[0], source) for history, source in opened])
                    found = [each for each, form in zip(opened, forms, strict=True) if form == collection.format]
                    list(pool.map(_begin, [source for history, source in found if begin(history[0])]))
                    yield from found

    def _recognised(self, pool: ThreadPoolExecutor, opened: list[tuple[Version, BinaryIO]]) -> list[str | None]:
        """The formats of versions, asked once: what has a version id of its own never changes."""
        told = [self._told(version) for version, _ in opened]
        unknown = [each for each, known in zip(opened, told, strict=True) if known is None]
        asked = pool.map(lambda each: _format(each[1], each[0].size), unknown)
        forms: list[str | None] = []
        for (version, _), known in zip(opened, told, strict=True):
            forms.append(next(asked) if known is None else known[0])
            self.remember(version, forms[-1])
        return forms

    def _told(self, version: Version) -> tuple[str | None] | None:
        known = (version.key, version.version_id)
        if known in self._forms:
            return (self._forms[known],)
        name = name_of(self._place, version)
        note = self._notes.recall(name) if name else None
        return None if note is None else (read(note).format,)

    @property
    def _notes(self) -> Notes:
        if self._opened_notes is None:
            self._opened_notes = self._open_notes()
        return self._opened_notes

    def _open(self, version: Version) -> BinaryIO:
        return cast("BinaryIO", ObjectFile(self._store, self._client, bucket=self._bucket, version=version))


def _form(collection: Collection) -> str:
    """The format of a collection's files."""
    return parquet.ID if collection.format in set(Kind) else collection.format


def _begin(source: BinaryIO) -> None:
    source.seek(0)
    source.read(1)


def _format(source: BinaryIO, size: int) -> str | None:
    try:
        return formats.identify(source, size)
    except Unreadable:
        return None
