"""Replays the log of a Delta table by another path: with the standard library and DuckDB, by parts of each file."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import unquote

import pyarrow as pa

from winddown.domain.errors import Refused, Transient
from winddown.inspection.file_records import records_of
from winddown.inspection.raw_bytes import Patterns, search_file
from winddown.inspection.table_files import Key, Listed, Look, TableFiles

_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet")


class DeltaFiles(TableFiles):
    """One table."""

    def _look(self, keys: list[Key]) -> Look:  # noqa: ARG002 - the log alone tells
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
        return Look(listed, live, out)

    def _told(self, listed: list[Listed], paths: set[str]) -> set[str]:
        log = [
            found for found in listed if found["key"].startswith(f"{self._prefix}_delta_log/") and not found["marker"]
        ]
        named: set[str] = set()
        for each in log:
            with self._opened(each["key"], each["version"]) as file:
                named |= _named_in(file, paths)
        return named


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
