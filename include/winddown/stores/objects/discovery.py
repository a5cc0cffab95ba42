"""Discovers a bucket in one pass over all versions in the order of keys; memory does not grow with the objects.

An object that was looked at before and has the same version, tag and size is not fetched again. Locks come and go
without a version, so where the bucket has them, each version is asked for its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import CollectionRef, Fact
from winddown.ports import Discovery, Notes
from winddown.stores.objects.bucket_facts import NEVER, bucket_facts, deletes_noncurrent, versioning
from winddown.stores.objects.faults import translated
from winddown.stores.objects.formats.problem import Problem
from winddown.stores.objects.gathering import Gathering, Looked, look, place_of
from winddown.stores.objects.locks import FACTS, has_locks, locks_of
from winddown.stores.objects.noted import is_passing, name_of, read, written
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.refusals import changing, expiring, hidden, kept, suspended, unknown_versioning, unnamed
from winddown.stores.objects.report.listing import Listing
from winddown.stores.objects.tables.described import Described, Describer
from winddown.stores.objects.tables.registry import Table
from winddown.stores.objects.tables.roots import Kind, Roots, home_of
from winddown.stores.objects.versions import UNNAMED, Version, by_key

WINDOW = 256  # objects that are looked at together
_LOOKERS = 8
_SMALL = 1 << 20  # objects up to this size are read side by side; bigger ones one after another, to bound memory


@dataclass(frozen=True, slots=True)
class Source:
    """Where objects are listed and fetched.

    Attributes:
        place: what tells the bucket from any other.
        notes: opens what earlier looks found.
        remember: is told the format of every live version.
        tables: a table by its collection and kind.
    """

    store: str
    client: Any
    bucket: str
    place: str
    notes: Callable[[], Notes]
    remember: Callable[[Version, str | None], None]
    tables: Callable[[CollectionRef, str], Table]


def discover_bucket(source: Source, *, report: Listing | None = None) -> Discovery:
    """List all folders; formats are found by content, and what is not understood becomes a blocker.

    A ``report`` says in place of a listing which versions there are; each is still looked at in the bucket, and those
    that went since then are a fact.
    """
    store, client, bucket = source.store, source.client, source.bucket
    with translated(store, "listing"):
        state, refusal = versioning(client, bucket)
        facts = [Fact(store, "versioning", state.lower()), *bucket_facts(client, bucket, store)]
        notes = source.notes()
        found = _looked_at(source, notes, report)
        is_sound = notes.keep()
        if not is_sound and not notes.is_doubted:
            # Some of what was found was recalled from notes that are doubted now, and recalled no more.
            notes = source.notes()
            found = _looked_at(source, notes, report)
            notes.keep()
        is_expiring = deletes_noncurrent(client, bucket)
    described = [*found.tables()]
    if report is not None:
        facts += [*report.facts, Fact(store, "gone-since-report", str(found.gone))]
    blockers: list[Blocker] = []
    if refusal:
        blockers.append(unknown_versioning(store, refusal))
    elif state == "Enabled":
        blockers += [unnamed(store, *each) for each in sorted(found.unnamed().items())]
    elif state != NEVER:
        blockers.append(suspended(store))
    if is_expiring:
        blockers.append(expiring(store))
    collections = (*found.gathering.collections(), *(each for table in described for each in table.collections))
    if not is_sound:
        blockers.append(changing(store, notes.doubt))
        collections = tuple(replace(each, change_mark="") for each in collections)
    return Discovery(
        collections,
        (
            *blockers,
            *found.blockers(),
            *found.gathering.blockers(),
            *(each for table in described for each in table.blockers),
            *(hidden(store, folder) for folder in sorted(found.hidden())),
        ),
        (*facts, *found.facts(), *found.gathering.facts(), *(each for table in described for each in table.facts)),
    )


def _looked_at(source: Source, notes: Notes, report: Listing | None) -> "_Bucket":
    """Look at every live object."""
    found = _Bucket(source, notes, is_reported=report is not None)
    histories = by_key(source.client, source.bucket) if report is None else report.by_key()
    with ThreadPoolExecutor(max_workers=_LOOKERS) as pool:
        while window := list(islice(histories, WINDOW)):
            found.add(window, pool)
    return found


class _Bucket:
    """What was seen so far."""

    def __init__(self, source: Source, notes: Notes, *, is_reported: bool) -> None:
        self.gathering = Gathering(source.store)
        self.gone = 0
        self._deleted: set[str] = set()
        self._roots = Roots()
        self._source, self._store, self._notes = source, source.store, notes
        self._is_reported = is_reported
        self._has_locks = has_locks(source.client, source.bucket)
        self._unnamed: Counter[str] = Counter()
        self._locks: dict[tuple[str, str], Counter[str]] = {}  # by folder and kind: number of versions by last day
        self._markers = self._older = 0

    def add(self, window: list[list[Version]], pool: ThreadPoolExecutor) -> None:
        """Look at the live objects of these histories."""
        if self._has_locks:
            self._count_locks(window)
        for history in window:
            self._markers += sum(version.is_marker for version in history)
            self._older += len(history) - 1
            if history[0].is_marker:
                self._deleted.add(place_of(history[0].key).folder)
            else:
                self._roots.see(history[0].key)
        live = [(history, self._recalled(history[0])) for history in window if not history[0].is_marker]
        fetched = [history[0] for history, known in live if known is None and history[0].size <= _SMALL]
        small = iter(list(pool.map(self._look, fetched)))
        for history, known in live:
            version = history[0]
            if known is None:
                looked, beginning = next(small) if version.size <= _SMALL else self._look(version)
                self._note(version, looked, beginning)
            else:
                looked = known
            if self._is_reported and looked.problem is not None and looked.problem.problem is Problem.CHANGED:
                self.gone += 1
                continue
            self._source.remember(version, looked.format)
            if version.version_id == UNNAMED:
                self._unnamed[place_of(version.key).folder] += 1
            named = sorted([found.key, found.version_id, found.etag] for found in history)
            self.gathering.add(version.key, version.size, looked, history=named, storage_class=version.storage_class)

    def tables(self) -> Iterator[Described]:
        """Describe each table as one; afterwards nothing in its folder counts by itself."""
        nested = self._roots.nested()
        self.gathering.leave_out(self._outer)
        source = self._source
        with ThreadPoolExecutor(max_workers=_LOOKERS) as pool:
            describer = Describer(source.store, source.tables, lambda versions: pool.map(self._looked, versions))
            for root, kinds in self._outer.items():
                yield describer.describe(root, kinds, is_nested=root in nested)

    def hidden(self) -> set[str]:
        """Folders with versions below markers. Those of a table are its past, and go with it."""
        return {folder for folder in self._deleted if home_of(folder, self._outer) is None}

    def unnamed(self) -> Counter[str]:
        """Number of current versions without an id of their own, by folder or table."""
        found: Counter[str] = Counter()
        for folder, count in self._unnamed.items():
            found[self._home(folder)] += count
        return found

    def facts(self) -> Iterable[Fact]:
        """Counts over the whole bucket, and what the service keeps in each folder."""
        for folder, kind, what in self._kept():
            yield Fact(f"{self._store}:{folder or '.'}", FACTS[kind], what)
        locks = sum(sum(found.values()) for found in self._locks.values())
        yield Fact(self._store, "locked-versions", str(locks) if locks else "none")
        yield Fact(self._store, "delete-markers", str(self._markers))
        yield Fact(self._store, "older-versions", str(self._older))

    def blockers(self) -> Iterable[Blocker]:
        """Folders with versions that the service keeps from everybody."""
        for folder, kind, what in self._kept():
            if kind != "governance":  # the plan decides about that
                yield kept(self._store, folder, kind, what)

    def _kept(self) -> Iterable[tuple[str, str, str]]:
        """Folder, kind of lock, and how many versions it keeps until when."""
        locks: dict[tuple[str, str], Counter[str]] = {}
        for (folder, kind), counted in self._locks.items():
            locks.setdefault((self._home(folder), kind), Counter()).update(counted)
        for (folder, kind), found in sorted(locks.items()):
            until = max(found)
            yield folder, kind, f"{sum(found.values())} versions" + (f" until {until}" if until else "")

    def _count_locks(self, window: list[list[Version]]) -> None:
        """Ask for each version, older ones too: purge deletes them all."""
        asked = [version for history in window for version in history if not version.is_marker]
        for version, lock in locks_of(self._source.client, self._source.bucket, asked).items():
            folder = place_of(version.key).folder
            if lock.is_held:
                self._locks.setdefault((folder, "hold"), Counter())[""] += 1
            if lock.mode:
                self._locks.setdefault((folder, lock.mode.lower()), Counter())[lock.until] += 1

    @cached_property
    def _outer(self) -> dict[str, frozenset[Kind]]:
        """The tables, once everything was listed."""
        return self._roots.outer()

    def _home(self, folder: str) -> str:
        """The table in which a folder lies, else the folder."""
        root = home_of(folder, self._outer)
        return folder if root is None else root

    def _looked(self, version: Version) -> Looked:
        known = self._recalled(version)
        return self._look(version)[0] if known is None else known

    def _recalled(self, version: Version) -> Looked | None:
        name = "" if self._is_reported else name_of(self._source.place, version)
        note = self._notes.recall(name) if name else None
        return None if note is None else read(note)

    def _note(self, version: Version, looked: Looked, beginning: bytes) -> None:
        name = name_of(self._source.place, version)
        if name and not is_passing(looked):
            self._notes.put(name, written(looked, beginning))

    def _look(self, version: Version) -> tuple[Looked, bytes]:
        source = ObjectFile(self._store, self._source.client, bucket=self._source.bucket, version=version)
        looked = look(source, version.size)  # type: ignore[arg-type]
        return looked, self._notes.digest(source.beginning)
