"""Finds out whether a table can be read and acted on, and describes it as one collection."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import canonical
from winddown.domain.inventory import Collection, CollectionRef, Fact, Medium
from winddown.stores.objects.formats import parquet
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.gathering import Looked, place_of
from winddown.stores.objects.refusals import unreadable, unsupported_table
from winddown.stores.objects.tables.delta import DeltaTable, Seen
from winddown.stores.objects.tables.roots import Kind
from winddown.stores.objects.versions import Version

_NOT_FOR_US = ("_change_data/", "_delta_index/", "deletion_vector_")


@dataclass(frozen=True, slots=True)
class Described:
    """One table: a collection, or why it is none."""

    collections: tuple[Collection, ...]
    blockers: tuple[Blocker, ...]
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Describer:
    """Describes the tables of one bucket.

    Args:
        look: what a look at a version tells.
    """

    store: str
    client: Any
    bucket: str
    look: Callable[[Iterable[Version]], Iterable[Looked]]

    def describe(self, root: str, kinds: frozenset[Kind], *, is_nested: bool) -> Described:
        """A table by its folder."""
        ref, kind = CollectionRef(self.store, root or "."), min(kinds)
        around = place_of(f"{root}/file").folder if root else ""
        against = [f"another table of {found}" for found in sorted(kinds - {kind})]
        against += ["another table in its folder"] if is_nested else []
        if around != root:
            # Its folder reads like a partition, so its files were taken for those of the folder above.
            return _refused(CollectionRef(self.store, around or "."), kind, ["a folder that reads like a partition"])
        if kind is not Kind.DELTA:
            return _refused(ref, kind, [*against, f"the format of {kind.title()}"])
        try:
            seen = DeltaTable(self.store, self.client, self.bucket, ref=ref).look()
        except Unreadable as problem:
            return Described((), (unreadable(ref, problem.problem, Counter([problem.message]), 1),))
        against += [*seen.snapshot.obstacles(), *_beside(seen)]
        if against:
            return _refused(ref, kind, against)
        return self._delta(ref, seen)

    def _delta(self, ref: CollectionRef, seen: Seen) -> Described:
        live = [version for version in seen.live().values() if version is not None]
        if missing := seen.missing():
            said = Counter({"a file that the table's log names is not there, or not of the size stated there": missing})
            return Described((), (unreadable(ref, Problem.BROKEN, said, len(seen.snapshot.adds)),))
        fields = seen.snapshot.fields()
        problems: dict[Problem, Counter[str]] = {}
        records, more = 0, set()
        for looked in self.look(live):
            records += looked.records
            problem = looked.problem
            if problem is None and looked.format != parquet.ID:
                problem = Unreadable(Problem.BROKEN, "a file of the table is not a Parquet file")
            if problem is not None:
                problems.setdefault(problem.problem, Counter())[problem.message] += 1
            more |= {name for name, _ in looked.fields} - {field.name for field in fields}
        if problems:
            return Described((), tuple(unreadable(ref, *found, len(live)) for found in sorted(problems.items())))
        if more:
            return _refused(ref, Kind.DELTA, [f"{len(more)} fields in its files that its schema does not name"])
        versions = [found for _, history in sorted(seen.histories.items()) for found in history]
        named = canonical([[found.key, found.version_id, found.etag] for found in versions])
        fingerprint = hashlib.sha256(named).hexdigest()
        past = len({version.key for version in seen.past()})
        said_of_it = f"Delta Lake, version {seen.snapshot.version}; {len(live)} files, {past} of its past"
        return Described(
            (
                Collection(
                    ref=ref,
                    medium=Medium.ROW_FILES,
                    format=Kind.DELTA,
                    key=(),
                    fields=fields,
                    foreign_keys=(),
                    record_count=records,
                    byte_count=sum(version.size for version in live),
                    version_count=len(versions),
                    fingerprint=fingerprint,
                    change_mark=fingerprint,
                ),
            ),
            (),
            (Fact(str(ref), "table", said_of_it),),
        )


def _beside(seen: Seen) -> Iterator[str]:
    """What lies in a table's folder and is neither its log nor a file that could be read as rows."""
    kinds = Counter(mark for key in seen.histories for mark in _NOT_FOR_US if mark in key.removeprefix(seen.prefix))
    yield from (f"{count} objects of the kind {mark.strip('_/')}" for mark, count in sorted(kinds.items()))


def _refused(ref: CollectionRef, kind: Kind, against: list[str]) -> Described:
    return Described((), (unsupported_table(ref, kind, against),))
