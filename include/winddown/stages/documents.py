"""What opaque objects say, and how those that did not change are not read again.

Of each object counts are noted, and keyed digests of its cells, because the number of different ones in all is no sum.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from winddown.archive.notes import CaseNotes
from winddown.detectors.engine import Profiler
from winddown.detectors.profile import ColumnProfile
from winddown.detectors.sketch import DistinctSketch
from winddown.domain.canonical import canonical
from winddown.domain.case import Case
from winddown.domain.inventory import Collection
from winddown.ports import AGAIN, UNREAD, Note, Notes, Store, SupportsDocuments, ability
from winddown.stages.deployment import Deployment

NUMBERS = ("cells", "nulls", "blanks", "unread", "sequential")
COUNTS = ("matches", "embedded", "shaped", "embedded_shaped", "typical")
WORDS = ("type", "unread_because")
_OWN_MAX = 1 << 12  # bytes; a document of more different cells is read each time


@dataclass(frozen=True, slots=True)
class Contents:
    """What objects say.

    Attributes:
        profiles: of each place where they say something.
        unread: what was not read, with its number.
        is_final: whether another reading would find the same.
    """

    profiles: dict[str, ColumnProfile]
    unread: Counter[str]
    is_final: bool = True

    @property
    def cells(self) -> int:
        """Number of cells."""
        return sum(found.cells for found in self.profiles.values())


def contents(deployment: Deployment, case: Case, collection: Collection, store: Store) -> Contents:
    """Read what the objects of an opaque collection say; raises Refused as ``Store.cells`` does.

    Where the store can tell which ones did not change, only the others are read; all are, where it gives no change mark
    or one that is tried no longer says what was noted of it. The latter leaves a doubt, which the next inventory tells.
    """
    documents = ability(store, SupportsDocuments)
    if documents is None:
        return _read(store.cells(collection))
    while True:
        notes = CaseNotes(
            deployment.folder(case.id, "notes"),
            f"contents {collection.ref}",
            store=collection.ref.store,
            keys=deployment.keys(case.id),
            code_version=deployment.code_version,
        )
        if not collection.change_mark:
            notes.forget()
        total = _Total()
        for document in documents.documents(collection, notes):
            note = document.note
            if note is None:
                note, is_final = _noted(notes, document.cells)
                total.is_final &= is_final
                if document.name and is_final:
                    notes.put(document.name, note if len(note.own) <= _OWN_MAX else None)
            total.add(note)
        if notes.keep():
            return total.contents()
        if notes.is_doubted:
            # Nothing was recalled, and the same versions may say something else tomorrow.
            total.is_final = False
            return total.contents()


def _read(batches: Iterable[pa.RecordBatch]) -> Contents:
    profilers: dict[str, Profiler] = {}
    unread: Counter[str] = Counter()
    is_final = True
    for batch in batches:
        for name in batch.schema.names:
            profilers.setdefault(name, Profiler([name])).feed(batch.select([name]))
        said = batch.schema.metadata or {}
        unread.update(json.loads(said.get(UNREAD, b"{}")))
        is_final &= AGAIN not in said
    return Contents({name: found.profiles()[name] for name, found in sorted(profilers.items())}, unread, is_final)


def _noted(notes: Notes, batches: Iterable[pa.RecordBatch]) -> tuple[Note, bool]:
    different: dict[str, dict[bytes, None]] = {}

    def seen() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name in batch.schema.names:
                cells = (text.encode("utf-8", "surrogatepass") for text in batch.column(name).drop_null().to_pylist())
                different.setdefault(name, {}).update(dict.fromkeys(map(notes.digest, cells)))
            yield batch

    found = _read(seen())
    fields = {name: _told(profile) | {"distinct": len(different[name])} for name, profile in found.profiles.items()}
    own = b"".join(digest for _, each in sorted(different.items()) for digest in each)
    return Note(canonical({"fields": fields, "unread": dict(found.unread)}), own), found.is_final


def _told(profile: ColumnProfile) -> dict[str, Any]:
    told: dict[str, Any] = {key: getattr(profile, key) for key in NUMBERS}
    told |= {key: dict(getattr(profile, key)) for key in COUNTS}
    return told | {"type": [profile.type], "unread_because": list(profile.unread_because)}


@lru_cache(maxsize=1024)
def _said(common: bytes) -> Any:
    return json.loads(common)


@dataclass(slots=True)
class _Field:
    numbers: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {key: Counter() for key in COUNTS})
    words: dict[str, dict[str, None]] = field(default_factory=lambda: {key: {} for key in WORDS})
    sketch: DistinctSketch = field(default_factory=DistinctSketch)

    def profile(self, name: str) -> ColumnProfile:
        added: dict[str, Any] = {key: self.numbers[key] for key in NUMBERS}
        added |= {key: dict(found) for key, found in self.counts.items()}
        return ColumnProfile(
            field=name,
            type=" | ".join(self.words["type"]),
            unread_because=tuple(self.words["unread_because"]),
            distinct=self.sketch.count(),
            distinct_is_exact=self.sketch.is_exact,
            **added,
        )


class _Total:
    """What several objects say together.

    Attributes:
        is_final: as of ``Contents``.
    """

    def __init__(self) -> None:
        self.is_final = True
        self._fields: dict[str, _Field] = {}
        self._unread: Counter[str] = Counter()

    def add(self, note: Note) -> None:
        said = _said(note.common)
        self._unread.update(said["unread"])
        start = 0
        for name, told in sorted(said["fields"].items()):
            found = self._fields.setdefault(name, _Field())
            for key in NUMBERS:
                found.numbers[key] += told[key]
            for key in COUNTS:
                found.counts[key].update(told[key])
            for key in WORDS:
                found.words[key].update(dict.fromkeys(told[key]))
            digests = np.frombuffer(note.own, np.uint64, told["distinct"], start)
            found.sketch.add_hashes(digests)
            start += digests.nbytes

    def contents(self) -> Contents:
        profiles = {name: found.profile(name) for name, found in sorted(self._fields.items())}
        return Contents(profiles, self._unread, self.is_final)
