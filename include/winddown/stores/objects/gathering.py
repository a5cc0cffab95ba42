"""Gathers objects or files into collections, one at a time, in the order in which they are listed.

A collection is a folder's objects of one format. Folders ``name=value`` at the end of a path (Hive's partitions) do not
make folders of their own: their names are fields of the collection above them. Memory grows with folders, fields and
formats, not with objects.
"""

import hashlib
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import unquote

import pyarrow as pa

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import canonical
from winddown.domain.inventory import Collection, CollectionRef, Fact, Field, Medium
from winddown.stores.objects import formats
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.refusals import empty, strange, unclear_folder, unreadable
from winddown.stores.objects.tables.roots import home_of

_NULL = "__HIVE_DEFAULT_PARTITION__"
_TIED = "the names of the folders that its files lie in"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies: its collection's folder, and the partition keys that its path states."""

    folder: str
    partitions: tuple[tuple[str, str | None], ...]


def place_of(key: str) -> Place:
    """Take a key apart.

    >>> place_of("orders/year=2024/city=%E5%8C%97/part-0.csv")
    Place(folder='orders', partitions=(('year', '2024'), ('city', '北')))
    """
    folders = key.split("/")[:-1]
    base = len(folders)
    while base and _is_partition(folders[base - 1]):
        base -= 1
    pairs = [part.split("=", 1) for part in folders[base:]]
    return Place(
        "/".join(folders[:base]), tuple((name, None if value == _NULL else unquote(value)) for name, value in pairs)
    )


def folder_of(ref: CollectionRef) -> str:
    """The folder of a collection, without what tells formats apart."""
    folder = ref.name.partition("#")[0]
    return "" if folder == "." else folder


def is_clear(folder: str) -> bool:
    """Whether the reference of a folder's collection leads back to it: ``#`` begins a format, ``.`` is the root."""
    return folder != "." and "#" not in folder


def prefix_of(ref: CollectionRef) -> str:
    """What the keys of a collection begin with."""
    folder = folder_of(ref)
    return f"{folder}/" if folder else ""


def _is_partition(folder: str) -> bool:
    name, mark, _ = folder.partition("=")
    return bool(name and mark)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at an object told.

    Attributes:
        format: as ``formats.identify`` says, or why it cannot.
        fields: names and types of its fields.
        records: number of its rows; 1 for an opaque one.
        problem: why it cannot be read to its end, None when it can.
        kind: what an opaque object is.
    """

    format: str | None
    fields: tuple[tuple[str, str], ...] = ()
    records: int = 0
    problem: Unreadable | None = None
    kind: str = ""


def look(source: BinaryIO, size: int) -> Looked:
    """Recognise a file and read it to its end, or as far as its format needs to count rows."""
    form: str | None = None
    try:
        form = formats.identify(source, size) if size else None
        if form is None or form == formats.TORN:
            return Looked(form)
        if form == formats.OPAQUE:
            return Looked(form, records=1, kind=formats.opaque_kind(source))
        return _measured(source, form)
    except Unreadable as problem:
        return Looked(form, problem=problem)


def _measured(source: BinaryIO, form: str) -> Looked:
    found = formats.BY_ID[form]
    if isinstance(found, formats.DescribedFormat):
        schema, records = found.describe(source)
        return Looked(form, tuple((name, str(kind)) for name, kind in _types(schema)), records)
    fields: dict[str, str] = {}
    records = 0
    for batch in formats.read(form, source):
        records += batch.num_rows
        for name, kind in _types(batch.schema):
            known = fields.get(name, "null")
            fields[name] = known if str(kind) in {known, "null"} else str(kind) if known == "null" else "mixed"
    return Looked(form, tuple(fields.items()), records)


def _types(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    return ((found.name, found.type) for found in schema)


@dataclass(slots=True)
class _Gathered:
    """What is known of one collection so far."""

    objects: int = 0
    records: int = 0
    size: int = 0
    versions: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    hasher: Any = field(default_factory=hashlib.sha256)
    problems: dict[Problem, Counter[str]] = field(default_factory=dict)
    classes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    stated: set[str] = field(default_factory=set)  # fields that stand in paths


@dataclass(slots=True)
class _Folder:
    objects: int = 0
    empty: int = 0
    strange: int = 0
    problems: dict[Problem, Counter[str]] = field(default_factory=dict)
    formats: dict[str, _Gathered] = field(default_factory=dict)


class Gathering:
    """Collections of one store, growing with every object that is added; keys come in a fixed order."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._folders: dict[str, _Folder] = {}

    def add(self, key: str, size: int, looked: Looked, *, history: list[list[str]], storage_class: str = "") -> None:
        """Add one object with what names each of its versions; any change of these changes the fingerprint."""
        place = place_of(key)
        folder = self._folders.setdefault(place.folder, _Folder())
        folder.objects += 1
        if not size:
            folder.empty += 1
            return
        if looked.format is None and looked.problem is None:
            folder.strange += 1
            return
        problem = looked.problem
        if looked.format == formats.TORN:
            problem = Unreadable(Problem.BROKEN, "a file begins as a known format and ends otherwise")
        if looked.format is None or looked.format == formats.TORN:
            assert problem is not None  # noqa: S101 - what has no format has a reason
            folder.problems.setdefault(problem.problem, Counter())[problem.message] += 1
            return
        found = folder.formats.setdefault(looked.format, _Gathered())
        found.objects += 1
        if problem is not None:
            found.problems.setdefault(problem.problem, Counter())[problem.message] += 1
            return
        found.records += looked.records
        found.size += size
        found.versions += len(history)
        found.classes[storage_class] += 1
        found.kinds[looked.kind] += 1
        found.hasher.update(canonical(history))
        stated = [] if looked.format == formats.OPAQUE else [(name, "partition") for name, _ in place.partitions]
        found.stated |= {name for name, _ in stated}
        for name, kind in (*looked.fields, *stated):
            known = found.fields.setdefault(name, kind)
            if known != kind:
                found.fields[name] = kind if known == "null" else known if kind == "null" else "mixed"

    def leave_out(self, roots: Container[str]) -> None:
        """Forget what lies in these folders: it belongs to tables."""
        self._folders = {name: found for name, found in self._folders.items() if home_of(name, roots) is None}

    def collections(self) -> Iterator[Collection]:
        """Every collection of which all objects can be read, in the order of names."""
        for ref, form, found in self._each():
            if found.problems:
                continue
            yield Collection(
                ref=ref,
                medium=Medium.OBJECTS if form == formats.OPAQUE else Medium.ROW_FILES,
                format=form,
                key=(),
                fields=tuple(
                    Field(name, kind, nullable=True, tied=_TIED if name in found.stated else "")
                    for name, kind in found.fields.items()
                ),
                foreign_keys=(),
                record_count=found.records,
                byte_count=found.size,
                version_count=found.versions,
                fingerprint=(fingerprint := found.hasher.hexdigest()),
                change_mark=fingerprint,  # every version and its tag
            )

    def blockers(self) -> Iterator[Blocker]:
        """What cannot be read, each with the number of objects; a key may name a person and is not told."""
        for name, folder in sorted(self._folders.items()):
            ref = CollectionRef(self._store, name or ".")
            if not is_clear(name):
                yield unclear_folder(ref, folder.objects)
                continue
            if folder.empty:
                yield empty(ref, folder.empty, folder.objects)
            if folder.strange:
                yield strange(ref, folder.strange, folder.objects)
            for problem, reasons in sorted(folder.problems.items()):
                yield unreadable(ref, problem, reasons, folder.objects)
        for ref, _, found in self._each():
            for problem, reasons in sorted(found.problems.items()):
                yield unreadable(ref, problem, reasons, found.objects)

    def facts(self) -> Iterator[Fact]:
        """Storage classes of the collections, and what opaque ones hold."""
        for ref, _, found in self._each():
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()) if kind)
            if kinds:
                yield Fact(str(ref), "opaque-objects", kinds)
            classes = ", ".join(f"{name} {count}" for name, count in sorted(found.classes.items()) if name)
            if classes:
                yield Fact(str(ref), "storage-classes", classes)

    def _each(self) -> Iterator[tuple[CollectionRef, str, _Gathered]]:
        for name, folder in sorted(self._folders.items()):
            if not is_clear(name):
                continue
            for form, found in sorted(folder.formats.items()):
                suffix = "" if len(folder.formats) == 1 else f"#{form}"
                yield CollectionRef(self._store, (name or ".") + suffix), form, found
