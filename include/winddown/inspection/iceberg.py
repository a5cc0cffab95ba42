"""Replays the metadata of an Iceberg table by another path, with the standard library and ``fastavro``."""

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import unquote

import fastavro

from winddown.domain.errors import Transient
from winddown.inspection.iceberg_catalogue import location_of
from winddown.inspection.table_files import ORDER, SURVIVORS, Key, Listed, Look, TableFiles

_COMMIT = "winddown-commit"
_DELETED = 2


class IcebergFiles(TableFiles):
    """One table.

    Args:
        catalogue: URL of its catalogue.
    """

    def __init__(
        self,
        prefix: str,
        versions: Callable[[str], Iterator[Listed]],
        opened: Callable[[str, str], AbstractContextManager[BinaryIO]],
        *,
        catalogue: str,
    ) -> None:
        super().__init__(prefix, versions, opened)
        self._catalogue = catalogue

    def _look(self, keys: list[Key]) -> Look:
        listed = list(self._versions(self._prefix))
        table = self._table(keys, listed)
        live, out, ever = table.files(table.current), dict[str, dict[str, str]](), set[str]()
        for snapshot in table.snapshots.values():
            ever |= table.files(snapshot)
        for name, snapshot in table.refs.items():
            summary = snapshot.get("summary", {})
            if not name.startswith("winddown-") or ORDER not in summary:
                continue
            for path in table.files(snapshot):
                survivors = _survivors(summary[ORDER], path)
                is_told = survivors in ever or int(summary[_COMMIT]) not in table.snapshots
                out[path] = {ORDER: summary[ORDER], SURVIVORS: survivors if is_told else ""}
                if is_told and survivors not in live:
                    out.setdefault(survivors, {})
        return Look(listed, live, out)

    def _needed(self, keys: list[Key], listed: list[Listed]) -> set[tuple[str, str]]:
        needed = self._table(keys, listed).needed()
        return {(each["key"], each["state"]) for each in listed if each["latest"] and each["key"] in needed}

    def _told(self, listed: list[Listed], paths: set[str]) -> set[str]:
        found: set[str] = set()
        for each in listed:
            if each["key"].startswith(f"{self._prefix}metadata/") and not each["marker"]:
                content = self._content(each["key"], each["version"])
                found |= {path for path in paths if path.rpartition("/")[2].encode() in content}
                found |= paths & set(_paths_in(content, self._prefix, all_of_them=True))
        return found

    def _table(self, keys: list[Key], listed: list[Listed]) -> "_Table":
        said = json.loads(keys[0]["action"])
        location = location_of(self._catalogue, said["table"])
        newest = {each["key"]: each["version"] for each in listed if each["latest"] and not each["marker"]}
        table = _Table(location, self._prefix, newest, self._content)
        if table.uuid != said["uuid"]:
            raise Transient("the inspector finds another table under the planned one's name")
        return table


class _Table:
    """What the metadata at a location say.

    Args:
        newest: the latest version of each object.
    """

    def __init__(
        self, location: str, prefix: str, newest: dict[str, str], content: Callable[[str, str], bytes]
    ) -> None:
        self._prefix, self._newest, self._content = prefix, newest, content
        self._key = self._key_of(location)
        body = self._read(location)
        found = json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
        self.uuid = str(found.get("table-uuid"))
        self.snapshots: dict[int, dict[str, Any]] = {each["snapshot-id"]: each for each in found.get("snapshots", ())}
        self.current = self.snapshots.get(found.get("current-snapshot-id", -1))
        self.refs = {
            name: self.snapshots[each["snapshot-id"]]
            for name, each in found.get("refs", {}).items()
            if each["snapshot-id"] in self.snapshots
        }
        kinds = ("statistics", "partition-statistics")
        self._statistics = [each["statistics-path"] for kind in kinds for each in found.get(kind, ())]

    def files(self, snapshot: dict[str, Any] | None) -> set[str]:
        """Paths of the files of a snapshot."""
        if snapshot is None:
            return set()
        return {path for manifest in self._manifests(snapshot) for path in self._paths[manifest]}

    def needed(self) -> set[str]:
        """Objects without which a snapshot could not be read."""
        lists = [snapshot["manifest-list"] for snapshot in self.snapshots.values()]
        manifests = {manifest for snapshot in self.snapshots.values() for manifest in self._manifests(snapshot)}
        return {self._key, *map(self._key_of, (*lists, *manifests, *self._statistics))}

    def _manifests(self, snapshot: dict[str, Any]) -> list[str]:
        return [str(each["manifest_path"]) for each in _records(self._read(snapshot["manifest-list"]))]

    @cached_property
    def _paths(self) -> "_Once":
        return _Once(lambda manifest: set(_paths_in(self._read(manifest), self._prefix, all_of_them=False)))

    def _read(self, location: str) -> bytes:
        key = self._key_of(location)
        if key not in self._newest:
            raise Transient("the inspector finds a part of a table's metadata missing")
        return self._content(key, self._newest[key])

    def _key_of(self, location: str) -> str:
        return _key_of(location, self._prefix)


class _Once(dict[str, set[str]]):
    """Asks for each thing once."""

    def __init__(self, ask: Callable[[str], set[str]]) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, name: str) -> set[str]:
        self[name] = self._ask(name)
        return self[name]


def _survivors(order: str, path: str) -> str:
    """Where an order puts the rows of a file that stay, by the rule of decision 0034."""
    name = hashlib.sha256(f"{order}\n{path}".encode()).hexdigest()[:32]
    return f"{path.rpartition('/')[0]}/winddown-{name}.parquet".removeprefix("/")


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    for record in fastavro.reader(io.BytesIO(content)):
        yield dict(record)  # type: ignore[arg-type]


def _paths_in(content: bytes, prefix: str, *, all_of_them: bool) -> Iterator[str]:
    """Paths of the files that a manifest names, those that left the table with it as well if asked for."""
    if content.startswith(b"Obj\x01"):
        for record in _records(content):
            if "data_file" in record and (all_of_them or record["status"] != _DELETED):
                yield _key_of(record["data_file"]["file_path"], prefix).removeprefix(prefix)


def _key_of(location: str, prefix: str) -> str:
    """The object that a location names; engines that quote it are few."""
    key = location.partition("://")[2].partition("/")[2]
    return key if key.startswith(prefix) else unquote(key)
