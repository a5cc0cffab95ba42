"""Looks into a table by another path; what its own kind tells, and how, is another module's.

Whether a record is in the table is told by its log or catalogue alone; whether it is gone, by every version of every
object that the service lists, those that tell of the table included.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

from winddown.domain.batch import Batch
from winddown.domain.errors import Transient
from winddown.domain.plan import Order
from winddown.inspection.file_records import rows_of
from winddown.inspection.file_rows import contradictions

ORDER, SURVIVORS = "winddown-order", "winddown-survivors"

Listed = dict[str, Any]
Key = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """A table as it is now.

    Attributes:
        listed: every version and marker in its folder.
        live: paths of the files that make it.
        out: files that were taken out of it, by path, with the order that did and the path of what took their place.
    """

    listed: list[Listed]
    live: set[str]
    out: dict[str, dict[str, str]]


class TableFiles(ABC):
    """One table.

    Args:
        prefix: what the names of its objects begin with.
        versions: lists every version and marker of the objects under a prefix.
        opened: opens a version by its object and id, as a seekable file.
    """

    def __init__(
        self,
        prefix: str,
        versions: Callable[[str], Iterator[Listed]],
        opened: Callable[[str, str], AbstractContextManager[BinaryIO]],
    ) -> None:
        self._prefix, self._versions, self._opened = prefix, versions, opened

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count records of planned files that make the table, with every planned version.

        Where another order took a file out of the table, records that are in what took its place count too; once the
        file is purged, nobody can tell any more.
        """
        keys = batch.keys.to_pylist()
        look, found = self._look(keys), 0
        for key in keys:
            tags = look.out.get(self._path(key), {})
            if not _planned(key) <= _named(look.listed):
                continue
            if self._path(key) in look.live:
                found += len(key["rows"]) if _is_latest(look.listed, key) else 0
            elif tags.get(ORDER, order.id) != order.id and tags[SURVIVORS] in look.live:
                doomed = set(key["rows"])
                with self._before(look, key) as before:
                    wanted = Counter(row for number, row in enumerate(rows_of(before)) if number in doomed)
                with self._latest(look, tags[SURVIVORS]) as after:
                    there = wanted.keys() & set(filter(wanted.__contains__, rows_of(after)))
                found += sum(wanted[row] for row in there)
        return found

    def set_aside(self, order: Order, batch: Batch) -> int:
        """Count records of planned files that the order took out of the table and that are all still there."""
        keys = batch.keys.to_pylist()
        look = self._look(keys)
        return sum(
            len(key["rows"])
            for key in keys
            if self._path(key) not in look.live
            and look.out.get(self._path(key), {}).get(ORDER) == order.id
            and _planned(key) <= _named(look.listed)
        )

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count records that a reader of the table still sees, and survivors that he sees otherwise or not at all.

        Where a writer replaced the file of survivors since, they are not compared.
        """
        keys = batch.keys.to_pylist()
        look, seen = self._look(keys), 0
        for key in keys:
            path = self._path(key)
            tags = look.out.get(path, {})
            if path in look.live:
                seen += len(key["rows"])
            elif tags.get(ORDER) == order.id and (key["object"], key["version"]) in _named(look.listed):
                if tags[SURVIVORS] in look.out:
                    continue  # a writer took it out, and what became of its rows is his
                with ExitStack() as stack:
                    before = stack.enter_context(self._before(look, key))
                    after = stack.enter_context(self._latest(look, tags[SURVIVORS])) if tags[SURVIVORS] else None
                    seen += contradictions(before, after, order, set(key["rows"]))
        return seen

    def leftovers(self, batch: Batch) -> int:
        """Count versions that were to go, markers on them, and planned files that something still names."""
        listed = list(self._versions(self._prefix))
        keys = batch.keys.to_pylist()
        doomed = set[tuple[str, str]]().union(
            *(_planned(key) | {(past["object"], past["version"]) for past in key["history"]} for key in keys)
        )
        doomed -= self._needed(keys, listed)
        named = self._told(listed, {self._path(key) for key in keys})
        markers = sum(found["marker"] and found["key"] in {key["object"] for key in keys} for found in listed)
        return len(doomed & _named(listed)) + len(named) + markers

    @abstractmethod
    def _look(self, keys: list[Key]) -> Look:
        """The table whose files these keys of a batch name."""

    @abstractmethod
    def _told(self, listed: list[Listed], paths: set[str]) -> set[str]:
        """Those of these files that any version of what tells of the table names."""

    def _needed(self, keys: list[Key], listed: list[Listed]) -> set[tuple[str, str]]:  # noqa: ARG002 - see subclasses
        """Versions that were planned to go if nothing needs them, and that something needs."""
        return set()

    def _path(self, key: Key) -> str:
        return str(key["object"].removeprefix(self._prefix))

    def _content(self, name: str, version: str) -> bytes:
        """The whole of what tells of the table."""
        with self._opened(name, version) as file:
            return file.read()

    def _before(self, look: Look, key: Key) -> AbstractContextManager[BinaryIO]:
        """The planned version of a file."""
        for each in look.listed:
            if each["key"] == key["object"] and each["state"] == key["version"]:
                return self._opened(each["key"], each["version"])
        raise Transient("the inspector finds no planned file any more")

    def _latest(self, look: Look, path: str) -> AbstractContextManager[BinaryIO]:
        for each in look.listed:
            if each["key"] == self._prefix + path and each["latest"] and not each["marker"]:
                return self._opened(each["key"], each["version"])
        raise Transient("the inspector finds no file of rows that stay")


def _planned(key: Key) -> set[tuple[str, str]]:
    return {(key["object"], version) for version in key["versions"]}


def _named(listed: list[Listed]) -> set[tuple[str, str]]:
    return {(found["key"], found["state"]) for found in listed}


def _is_latest(listed: list[Listed], key: Key) -> bool:
    return any(
        found["key"] == key["object"] and found["state"] == key["version"] and found["latest"] for found in listed
    )
