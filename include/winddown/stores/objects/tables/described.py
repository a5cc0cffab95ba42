"""Finds out whether a table can be read and acted on, and describes it as one collection."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import canonical
from winddown.domain.inventory import Collection, CollectionRef, Fact, Medium
from winddown.stores.objects.formats import parquet
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.gathering import Looked, is_clear, place_of
from winddown.stores.objects.refusals import unclear_folder, unreadable, unsupported_table
from winddown.stores.objects.tables.registry import SeenTable, Table
from winddown.stores.objects.tables.roots import Kind
from winddown.stores.objects.versions import Version


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
        tables: a table by its collection and kind.
        look: what a look at a version tells.
    """

    store: str
    tables: Callable[[CollectionRef, str], Table]
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
        if not is_clear(root):
            return Described((), (unclear_folder(ref, 1),))
        if kind is Kind.HUDI:
            return _refused(ref, kind, [*against, "a log that is not read"])
        try:
            seen: SeenTable = self.tables(ref, kind).look()
        except Unreadable as problem:
            return Described((), (unreadable(ref, problem.problem, Counter([problem.message]), 1),))
        against += seen.obstacles
        return _refused(ref, kind, against) if against else self._described(ref, kind, seen)

    def _described(self, ref: CollectionRef, kind: Kind, seen: SeenTable) -> Described:
        found = seen.live()
        live = [version for version in found.values() if version is not None]
        if missing := seen.missing():
            said = Counter({"a file that makes the table is not there, or not of the size stated for it": missing})
            return Described((), (unreadable(ref, Problem.BROKEN, said, len(found)),))
        problems: dict[Problem, Counter[str]] = {}
        records, more = 0, set[str]()
        for looked in self.look(live):
            records += looked.records
            problem = looked.problem
            if problem is None and looked.format != parquet.ID:
                problem = Unreadable(Problem.BROKEN, "a file of the table is not a Parquet file")
            if problem is not None:
                problems.setdefault(problem.problem, Counter())[problem.message] += 1
            more |= {name for name, _ in looked.fields} - {field.name for field in seen.fields}
        if problems:
            return Described((), tuple(unreadable(ref, *each, len(live)) for each in sorted(problems.items())))
        if more:
            return _refused(ref, kind, [f"{len(more)} fields in its files that its schema does not name"])
        versions = [found for _, history in sorted(seen.histories.items()) for found in history]
        named = canonical([[found.key, found.version_id, found.etag] for found in versions])
        fingerprint = hashlib.sha256(named).hexdigest()
        return Described(
            (
                Collection(
                    ref=ref,
                    medium=Medium.ROW_FILES,
                    format=kind,
                    key=(),
                    fields=seen.fields,
                    foreign_keys=(),
                    record_count=records,
                    byte_count=sum(version.size for version in live),
                    version_count=len(versions),
                    fingerprint=fingerprint,
                    change_mark=fingerprint,
                ),
            ),
            (),
            (Fact(str(ref), "table", f"{seen.words()}; {len(live)} files"),),
        )


def _refused(ref: CollectionRef, kind: Kind, against: list[str]) -> Described:
    return Described((), (unsupported_table(ref, kind, against),))
