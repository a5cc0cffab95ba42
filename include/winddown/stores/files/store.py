"""Files below one folder as a store: found and read, not yet destroyed.

Symbolic links are never followed; where one leads out of the folder, or to nothing, its folder is blocked. Files with
several names (hard links) are counted, because removing one name would leave the content. Collections are made as in
buckets. Records can be sealed for a custodian, because that only reads them; ``method`` answers every other act with
a blocker, so no order exists that an effect could serve.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

import pyarrow as pa
import pyarrow.compute as pc

from winddown.domain.authorization import Authorization
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact, Medium
from winddown.domain.plan import Act, Method, Order
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import Discovery
from winddown.stores.files.tree import Entry, LocalFile, entry_at, walk
from winddown.stores.objects import formats
from winddown.stores.objects.contents import read_contents
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text import as_text
from winddown.stores.objects.gathering import Gathering, Looked, look, place_of
from winddown.stores.objects.located import LOCATORS, OBJECT, ROW, VERSION, WHOLE, located, select
from winddown.stores.objects.reading import folder_of


class FilesStore:
    """One folder, local or mounted."""

    methods: frozenset[Method] = frozenset()

    def __init__(self, name: str, *, root: Path) -> None:
        self.name = name
        self._root = root

    def discover(self) -> Discovery:
        """List all folders; what is not understood, or is neither file nor folder, becomes a blocker."""
        gathering = Gathering(self.name)
        others: Counter[tuple[str, str]] = Counter()
        links = shared = 0
        for entry in walk(self._root):
            if entry.kind == "link":
                links += 1
            elif entry.kind != "file":
                others[(entry.kind, place_of(entry.key).folder)] += 1
            else:
                shared += entry.links > 1
                gathering.add(entry.key, entry.size, _look(entry), history=[[entry.key, entry.state]])
        return Discovery(
            tuple(gathering.collections()),
            (*gathering.blockers(), *(self._other(*found, count) for found, count in sorted(others.items()))),
            (
                Fact(self.name, "symbolic-links", f"{links} inside the folder, not followed"),
                Fact(self.name, "hard-links", f"{shared} files with more than one name"),
                *gathering.facts(),
            ),
        )

    def read(
        self,
        collection: Collection,
        *,
        fields: Sequence[str] | None = None,
        bound: bool = False,  # noqa: ARG002 - no order is ever made of these records
    ) -> Iterator[pa.RecordBatch]:
        """Yield all rows of all files, or one row an opaque file; values as text."""
        wanted = list(collection.field_names() if fields is None else fields)
        for entry, source in self._members(collection):
            if collection.medium is Medium.OBJECTS:
                yield located((entry.key, entry.state), 0, WHOLE, [])
                continue
            start = 0
            for batch in formats.read(collection.format, source, fields=wanted):
                yield located((entry.key, entry.state), start, batch, wanted)
                start += batch.num_rows

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield every field of all rows in the files' own types; of opaque files, what their contents say."""
        if collection.medium is Medium.OBJECTS:
            yield from read_contents((source, entry.size) for entry, source in self._members(collection))
            return
        wanted = list(collection.field_names())
        for entry, source in self._members(collection):
            for batch in formats.read(collection.format, source, fields=wanted):
                yield select(entry.key, batch, wanted)

    def content(self, collection: Collection) -> Iterator[bytes]:
        """Yield the content of the last file by name, in pieces of a mebibyte."""
        *_, (entry, _) = self._members(collection)
        with LocalFile(entry) as source:
            while piece := source.read(1 << 20):
                yield piece

    def locators(self, collection: Collection) -> tuple[str, ...]:  # noqa: ARG002 - the same for every folder
        """File, state and row number name a record exactly, whatever its fields hold."""
        return LOCATORS

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:  # noqa: ARG002
        """Always a blocker: nothing is destroyed here yet."""
        return Blocker(
            "cannot-erase-files",
            str(collection.ref),
            "files of folders and shares are found and read, but not yet destroyed by the product",
            "data engineer",
            "move the files into a bucket with versions, or destroy them outside the product and record it",
        )

    def batch_keys(self, collection: Collection, located: pa.Table, *, size: int) -> pa.Table:  # noqa: ARG002
        """One key a file: its state when it was read, and the row numbers."""
        rows: dict[tuple[str, str], list[int]] = {}
        for record in located.select(list(LOCATORS)).to_pylist():
            rows.setdefault((record[OBJECT], record[VERSION]), []).append(record[ROW])
        keys: list[dict[str, Any]] = []
        batch = filled = 0
        for (key, state), numbers in sorted(rows.items()):
            if filled >= size:
                batch, filled = batch + 1, 0
            keys.append({"object": key, "version": state, "rows": sorted(numbers), "batch": batch})
            filled += len(numbers)
        text = pa.string()
        schema = pa.schema([("object", text), ("version", text), ("rows", pa.list_(pa.int64())), ("batch", pa.int32())])
        return pa.Table.from_pylist(keys, schema=schema)

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the rows that the batch names; a file that changed since raises Refused."""
        for key in batch.keys.to_pylist():
            rows, start = pa.array(key["rows"], type=pa.int64()), 0
            with LocalFile(entry_at(self._root, key["object"], key["version"])) as source:
                for found in formats.read(collection.format, cast("BinaryIO", source), fields=fields):
                    numbers = pa.array(range(start, start + found.num_rows), type=pa.int64())
                    yield as_text(select(key["object"], found, list(fields))).filter(pc.is_in(numbers, rows))
                    start += found.num_rows

    def locate(self, order: Order, batch: Batch) -> Whereabouts:  # noqa: ARG002
        """Refused: there are no orders here."""
        self._refuse()

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """Refused."""
        self._refuse()

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """Refused."""
        self._refuse()

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:  # noqa: ARG002
        """Refused."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise Refused(
            f"nothing is destroyed in store {self.name} (files) yet",
            rule="no order is made for such a store",
            next_step="plan again",
        )

    def _members(self, collection: Collection) -> Iterator[tuple[Entry, BinaryIO]]:
        folder = folder_of(collection.ref)
        for entry in walk(self._root):
            if entry.kind != "file" or not entry.size or place_of(entry.key).folder != folder:
                continue
            with LocalFile(entry) as source:
                opened = cast("BinaryIO", source)
                if _format(opened, entry.size) == collection.format:
                    yield entry, opened

    def _other(self, kind: str, folder: str, count: int) -> Blocker:
        ref = str(CollectionRef(self.name, folder or "."))
        if kind == "outside":
            return Blocker(
                "link-outside",
                ref,
                f"{count} symbolic links lead out of the store's folder or to nothing, and are not followed",
                "data engineer",
                "declare the folder that they lead to as a store, or remove the links",
            )
        if kind == "special":
            return Blocker(
                "special-file",
                ref,
                f"{count} names are neither files nor folders (devices, sockets, pipes), so nothing can be read there",
                "data engineer",
                "move them out of the folder",
            )
        return Blocker(
            "closed-folder",
            ref,
            f"{count} names may not be looked at by the reading user, so nobody knows what they hold",
            "storage administrator",
            "give the reading user the right to list and read everything below the store's folder",
        )


def _look(entry: Entry) -> Looked:
    if not entry.size:
        return Looked(None)
    try:
        with LocalFile(entry) as source:
            return look(cast("BinaryIO", source), entry.size)
    except Unreadable as problem:
        return Looked(None, problem=problem)


def _format(source: BinaryIO, size: int) -> str | None:
    try:
        return formats.identify(source, size)
    except Unreadable as problem:
        if problem.problem is Problem.CHANGED:
            raise
        return None
