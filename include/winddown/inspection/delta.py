"""Looks into a Delta table by another path: reads its log and its rows with the standard library and DuckDB.

Whether a record is in the table is told by the log alone; whether it is gone, by every version of every object that the
service lists, the log's own included.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any, BinaryIO
from urllib.parse import unquote

import pyarrow as pa

from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Transient
from winddown.domain.plan import Order
from winddown.inspection.file_records import records_of, rows_of
from winddown.inspection.file_rows import contradictions
from winddown.inspection.raw_bytes import Patterns, search_file

_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet")

Listed = dict[str, Any]


class DeltaFiles:
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
        listed, live, out = self._look()
        found = 0
        for key in batch.keys.to_pylist():
            tags = out.get(self._path(key), {})
            if not _planned(key) <= _named(listed):
                continue
            if self._path(key) in live:
                found += len(key["rows"]) if _is_latest(listed, key) else 0
            elif tags.get("winddown-order", order.id) != order.id and tags["winddown-survivors"] in live:
                survivors = self._prefix + tags["winddown-survivors"]
                doomed = set(key["rows"])
                with self._opened(key["object"], key["version"]) as before:
                    wanted = Counter(row for number, row in enumerate(rows_of(before)) if number in doomed)
                with self._opened(survivors, _latest(listed, survivors)) as after:
                    there = wanted.keys() & set(filter(wanted.__contains__, rows_of(after)))
                found += sum(wanted[row] for row in there)
        return found

    def set_aside(self, order: Order, batch: Batch) -> int:
        """Count records of planned files that the order took out of the table and that are all still there."""
        listed, live, out = self._look()
        return sum(
            len(key["rows"])
            for key in batch.keys.to_pylist()
            if self._path(key) not in live
            and out.get(self._path(key), {}).get("winddown-order") == order.id
            and _planned(key) <= _named(listed)
        )

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count records that a reader of the table still sees, and survivors that he sees otherwise or not at all.

        Where a writer replaced the file of survivors since, they are not compared.
        """
        listed, live, out = self._look()
        seen = 0
        for key in batch.keys.to_pylist():
            path = self._path(key)
            tags = out.get(path, {})
            if path in live:
                seen += len(key["rows"])
            elif tags.get("winddown-order") == order.id and (key["object"], key["version"]) in _named(listed):
                if tags["winddown-survivors"] in out:
                    continue  # a writer took it out, and what became of its rows is his
                survivors = self._prefix + tags["winddown-survivors"] if tags["winddown-survivors"] else ""
                with ExitStack() as stack:
                    before = stack.enter_context(self._opened(key["object"], key["version"]))
                    after = None
                    if survivors:
                        after = stack.enter_context(self._opened(survivors, _latest(listed, survivors)))
                    seen += contradictions(before, after, order, set(key["rows"]))
        return seen

    def leftovers(self, batch: Batch) -> int:
        """Count versions that were to go, markers on them, and planned files that the log still names."""
        listed = list(self._versions(self._prefix))
        keys = batch.keys.to_pylist()
        doomed = set[tuple[str, str]]().union(
            *(_planned(key) | {(past["object"], past["version"]) for past in key["history"]} for key in keys)
        )
        paths = {self._path(key) for key in keys}
        log = [
            found for found in listed if found["key"].startswith(f"{self._prefix}_delta_log/") and not found["marker"]
        ]
        named: set[str] = set()
        for each in log:
            with self._opened(each["key"], each["version"]) as file:
                named |= _named_in(file, paths)
        markers = sum(found["marker"] and found["key"] in {key["object"] for key in keys} for found in listed)
        return len(doomed & _named(listed)) + len(named) + markers

    def _look(self) -> tuple[list[Listed], set[str], dict[str, dict[str, str]]]:
        """What is listed, the paths that make the table, and the tags of those that were taken out of it."""
        listed = list(self._versions(self._prefix))
        log = f"{self._prefix}_delta_log/"
        newest = {
            found["key"].removeprefix(log): found
            for found in listed
            if found["key"].startswith(log) and found["latest"] and not found["marker"]
        }
        starts: dict[str, list[str]] = {}
        for name in sorted(newest):
            found = _CHECKPOINT.fullmatch(name)
            if found:
                starts.setdefault(found[1], []).append(name)
        whole = [version for version, names in starts.items() if _is_whole(names)]
        begin = max(whole, default="")
        commits = [name for name in sorted(newest) if _COMMIT.fullmatch(name) and name[:20] > begin]
        if not begin and not commits:
            raise Transient("the inspector finds no log of a table")
        live: set[str] = set()
        out: dict[str, dict[str, str]] = {}
        for name in [*starts.get(begin, ()), *commits]:
            with self._opened(newest[name]["key"], newest[name]["version"]) as file:
                for kind, path, tags in _actions(file):
                    if kind == "add":
                        live.add(path)
                        out.pop(path, None)
                    else:
                        live.discard(path)
                        out[path] = tags
        return listed, live, out

    def _path(self, key: dict[str, Any]) -> str:
        return str(key["object"].removeprefix(self._prefix))


def _planned(key: dict[str, Any]) -> set[tuple[str, str]]:
    return {(key["object"], version) for version in key["versions"]}


def _named(listed: list[Listed]) -> set[tuple[str, str]]:
    return {(found["key"], found["version"]) for found in listed}


def _latest(listed: list[Listed], name: str) -> str:
    found = next((each for each in listed if each["key"] == name and each["latest"] and not each["marker"]), None)
    if found is None:
        raise Transient("the inspector finds no file of rows that stay")
    return str(found["version"])


def _is_latest(listed: list[Listed], key: dict[str, Any]) -> bool:
    return any(found["version"] == key["version"] and found["latest"] for found in listed)


def _is_whole(names: list[str]) -> bool:
    """Whether these parts are a checkpoint."""
    found = [_CHECKPOINT.fullmatch(name) for name in names]
    return any(each and (each[2] is None or int(each[2]) == len(names)) for each in found)


def _actions(file: BinaryIO) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Kind, path and tags of what puts files in and takes them out."""
    for row in records_of(file):
        for kind in ("add", "remove"):
            action = row.get(kind)
            if action is not None and action.get("path") is not None:
                yield kind, unquote(action["path"]), _tags(action.get("tags"))


def _tags(found: Any) -> dict[str, str]:
    """Polars reads a map as a list of keys and values."""
    return {each["key"]: each["value"] for each in found} if isinstance(found, list) else dict(found or {})


def _named_in(file: BinaryIO, paths: set[str]) -> set[str]:
    """Which of these files a version of the log names; what cannot be read is searched as it is."""
    _, found, _ = search_file(file, Patterns([path.encode() for path in paths]))
    try:
        return {path.decode() for path in found} | (paths & {path for _, path, _ in _actions(file)})
    except (ValueError, AttributeError, Refused, pa.ArrowException):
        return {path.decode() for path in found}
