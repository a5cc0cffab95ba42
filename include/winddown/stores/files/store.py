"""Files below one folder, local or mounted, as a store.

Quarantine of whole files is a move into a folder that only winddown's user may enter; of rows and fields, a file that
is written anew and changes places with the old one. Purge unlinks what waits there. Records are named as in buckets:
object, state and row number; the manifest binds each file's content as well. Symbolic links are never followed; a file
with several names is one record, and its names go together. A writer that comes in between wins.

Collections are made as in buckets. Reading holds a batch at a time.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact, Medium
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import Ability, Discovery, SupportsFreeze, SupportsSanitise
from winddown.stores.files import freezing
from winddown.stores.files.aside import held, seen
from winddown.stores.files.blockers import blocker, only_read, read_only, table_in_folder
from winddown.stores.files.faults import translated
from winddown.stores.files.keys import keys_of
from winddown.stores.files.leftovers import cleared
from winddown.stores.files.links import Names, going_along
from winddown.stores.files.medium import medium_of
from winddown.stores.files.moves import Moves, groups
from winddown.stores.files.rewriting import draft
from winddown.stores.files.tree import Entry, LocalFile, Root, entry_at, is_fixed, opened, walk
from winddown.stores.objects import formats
from winddown.stores.objects.contents import read_contents
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text import as_text
from winddown.stores.objects.gathering import Gathering, Looked, folder_of, look, place_of
from winddown.stores.objects.located import LOCATORS, OBJECT, VERSION, WHOLE, located, select
from winddown.stores.objects.refusals import read_only as cannot_rewrite
from winddown.stores.objects.tables.roots import Roots

Unlock = Callable[[Authorization], Path]


class FilesStore:
    """One folder, local or mounted.

    Args:
        root: the folder, for reading.
        unlock: exchanges an authorization for the folder's path, and spends it; None where the store is only read.
    """

    methods = frozenset({Method.MOVE_FILE, Method.REWRITE_FILE})

    def __init__(self, name: str, *, root: Path, unlock: Unlock | None = None) -> None:
        self.name = name
        self._root = root
        self._unlock = unlock

    def ability(self, protocol: type[Ability]) -> Ability | None:
        """Where the folder is only read, nothing that changes it shows."""
        if self._unlock is None and protocol in {SupportsFreeze, SupportsSanitise}:
            return None
        return self if isinstance(self, protocol) else None

    # -- reading -------------------------------------------------------------------------------------------------

    def discover(self) -> Discovery:
        """List all folders; what is not understood, or cannot be moved as a file, becomes a blocker."""
        gathering, names, roots = Gathering(self.name), Names(), Roots()
        others: Counter[tuple[str, str]] = Counter()
        links = 0
        with self._opened("listing") as root:
            for entry in walk(root):
                if entry.kind == "link":
                    links += 1
                elif entry.kind != "file":
                    others[entry.kind, place_of(entry.key).folder] += 1
                elif names.is_first(entry):
                    looked, fixed = _look(entry)
                    others["fixed", place_of(entry.key).folder] += fixed
                    roots.see(entry.key)
                    gathering.add(entry.key, entry.size, looked, history=[[entry.key, entry.state]])
            identity, medium = root.identity, medium_of(root)
        tables = roots.outer()
        gathering.leave_out(tables)
        others.update({("linked", folder): count for folder, count in names.outside().items()})
        return Discovery(
            tuple(gathering.collections()),
            (
                *gathering.blockers(),
                *(table_in_folder(self.name, table, min(kinds)) for table, kinds in tables.items()),
                *(blocker(self.name, *found, count) for found, count in sorted(others.items()) if count),
            ),
            (
                Fact(self.name, "symbolic-links", f"{links} inside the folder, not followed"),
                Fact(self.name, "hard-links", f"{names.files} files with more than one name"),
                Fact(self.name, "medium", medium.words),
                *gathering.facts(),
            ),
            identity,
        )

    def read(
        self,
        collection: Collection,
        *,
        fields: Sequence[str] | None = None,
        bound: bool = False,  # noqa: ARG002 - the state binds the content, and the manifest its digest
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
        *_, last = ((entry.key, entry.state) for entry, _ in self._members(collection))
        with self._opened("reading") as root, LocalFile(entry_at(root, *last)) as source:
            while piece := source.read(1 << 20):
                yield piece

    def locators(self, collection: Collection) -> tuple[str, ...]:  # noqa: ARG002 - the same for every folder
        """File, state and row number name a record exactly, whatever its fields hold."""
        return LOCATORS

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """Whole files move; rows go, and fields lose their values, by a file that is written anew."""
        if self._unlock is None:
            return only_read(collection.ref)
        with self._opened("looking at the mount") as root:
            if os.fstatvfs(root.folder).f_flag & os.ST_RDONLY:
                return read_only(collection.ref)
        if act is Act.ERASE and (whole or collection.medium is Medium.OBJECTS):
            return Method.MOVE_FILE
        if collection.format not in formats.REWRITABLE:
            return cannot_rewrite(collection.ref, collection.format)
        return Method.REWRITE_FILE

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """One key a file: state, SHA-256 of its content, the names that go with it, and row numbers.

        Reads every file once; raises Unreadable when one is no longer what was read.
        """
        rows = pa.concat_tables(located)
        with self._opened("reading contents") as root:
            wanted = dict(zip(rows.column(OBJECT).to_pylist(), rows.column(VERSION).to_pylist(), strict=True))
            also = going_along(root, folder_of(collection.ref), wanted)
            yield keys_of(root, rows, also, size=size, has_rows=collection.medium is not Medium.OBJECTS)

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the rows that the batch names; a file that changed since raises Refused."""
        with self._opened("reading") as root:
            for key in batch.keys.to_pylist():
                rows, start = pa.array(key["rows"], type=pa.int64()), 0
                with LocalFile(entry_at(root, key["object"], key["version"])) as source:
                    for found in formats.read(collection.format, cast("BinaryIO", source), fields=fields):
                        numbers = pa.array(range(start, start + found.num_rows), type=pa.int64())
                        yield as_text(select(key["object"], found, list(fields))).filter(pc.is_in(numbers, rows))
                        start += found.num_rows

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Look at number, size and time of every name and slot; contents are compared before each effect."""
        with self._opened(f"locating {order.id}") as root, seen(root, order, batch) as aside:
            return aside.whereabouts()

    # -- effects -------------------------------------------------------------------------------------------------

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Move each file away, or let one without the rows take its place.

        Raises Transient while a program has one of them open for writing.
        """
        with self._acting(authorization, Power.QUARANTINE, order, batch) as (moves, _):
            pending = moves.pending()
            if order.method is Method.MOVE_FILE:
                moves.move(pending)
            for places in groups(pending) if order.method is Method.REWRITE_FILE else ():
                rows = batch.keys.column("rows")[places[0].number].as_py()
                draft(moves, order, places, rows=rows)
                moves.swap(places)
        return Receipt("quarantine", order.id, batch.index, batch.records, (("method", order.method.value),))

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Put every file back under its name.

        What somebody wrote under a name meanwhile stays. Every file that still can be is restored, before Residual is
        raised for those that cannot.
        """
        with self._acting(authorization, Power.RESTORE, order, batch) as (moves, _):
            moves.restore(moves.held.places)
            moves.require_live()
        return Receipt("restore", order.id, batch.index, batch.records)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Unlink what waits in quarantine, overwritten first on a medium where that means something.

        Raises Transient while a program has one of the files open, because its content would live on.
        """
        with self._acting(authorization, Power.PURGE, order, batch) as (moves, root):
            doomed = moves.doomed()
            overwritten = moves.unlink(doomed, overwrite=medium_of(root).keeps_places)
        details = (("names_unlinked", str(len(doomed))), ("bytes_overwritten", str(overwritten)))
        return Receipt("purge", order.id, batch.index, batch.records, details)

    # -- abilities -----------------------------------------------------------------------------------------------

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """The modes of the folders and files, under their numbers, joined with what an earlier freeze took."""
        with self._opened("reading modes") as root:
            return freezing.remember(self.name, root, collections, earlier)

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Take the right to write away from everybody, but from winddown's own user on folders that it owns.

        Does not stop root, a program that has a file open for writing, or an owner who gives the right back.
        """
        with self._opened_for(authorization, Power.FREEZE, "freezing") as root:
            return freezing.freeze(root, remembered)

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Give each mode back that is still as the freeze left it."""
        with self._opened_for(authorization, Power.RESTORE, "thawing") as root:
            return freezing.thaw(root, remembered)

    def sanitise(
        self,
        authorization: Authorization,
        collections: Sequence[CollectionRef],
        *,
        settled: Sequence[OrderId] = (),  # noqa: ARG002 - nothing is written down here but where records are
    ) -> Receipt:
        """Remove what is empty of the quarantine; say what the file system and its medium keep, and who clears it."""
        with self._opened_for(authorization, Power.SANITISE, "sanitising") as root:
            return Receipt("sanitise", self.name, 0, len(collections), cleared(root))

    # -- pieces --------------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self, doing: str) -> Iterator[Root]:
        with translated(self.name, doing), opened(self._root) as root:
            yield root

    @contextmanager
    def _opened_for(
        self, authorization: Authorization, power: Power, doing: str, *, target: str | None = None, digest: str = ""
    ) -> Iterator[Root]:
        authorization.require(power, store=self.name, target=target, batch_digest=digest)
        if self._unlock is None:
            raise Refused(f"store {self.name} is only read", rule="separate credentials")
        with translated(self.name, doing), opened(self._unlock(authorization)) as root:
            authorization.require_system(root.identity)
            yield root

    @contextmanager
    def _acting(
        self, authorization: Authorization, power: Power, order: Order, batch: Batch
    ) -> Iterator[tuple[Moves, Root]]:
        doing, target = f"{power} of {order.id}", f"order {order.id} batch {batch.index}"
        with (
            self._opened_for(authorization, power, doing, target=order.id, digest=batch.digest) as root,
            held(root, order, batch) as found,
        ):
            yield Moves(found, target), root

    def _members(self, collection: Collection) -> Iterator[tuple[Entry, BinaryIO]]:
        folder, names = folder_of(collection.ref), Names()
        with self._opened("reading") as root:
            for entry in walk(root, folder):
                is_member = entry.kind == "file" and entry.size and place_of(entry.key).folder == folder
                if not is_member or not names.is_first(entry):
                    continue
                with LocalFile(entry) as source:
                    opened = cast("BinaryIO", source)
                    if _format(opened, entry.size) == collection.format:
                        yield entry, opened


def _look(entry: Entry) -> tuple[Looked, bool]:
    """What a file is, and whether it may be neither moved nor removed."""
    try:
        with LocalFile(entry) as source:
            fixed = is_fixed(source.fileno())
            return (look(cast("BinaryIO", source), entry.size) if entry.size else Looked(None)), fixed
    except Unreadable as problem:
        return Looked(None, problem=problem), False


def _format(source: BinaryIO, size: int) -> str | None:
    try:
        return formats.identify(source, size)
    except Unreadable as problem:
        if problem.problem is Problem.CHANGED:
            raise
        return None
