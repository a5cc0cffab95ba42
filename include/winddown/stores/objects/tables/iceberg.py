"""An Iceberg table in a bucket: which files make it now (https://iceberg.apache.org/spec/). It is only read.

A metadata file names snapshots, a snapshot a list of manifests, a manifest files of rows or of deletes. Which metadata
file counts is known to a catalogue alone; without one, the one of the highest number is taken. To take rows out would
need that catalogue's consent, so no order does.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from winddown.domain.inventory import CollectionRef, Field
from winddown.stores.objects.formats import avro
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.gathering import prefix_of
from winddown.stores.objects.located import Stated
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.versions import Version, by_key

_METADATA = re.compile(r"v?(\d+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json(?:\.gz)?")
_VERSIONS = {1, 2}
_DELETED, _ROWS = 2, 0
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class SeenIceberg:
    """A table at one moment.

    Attributes:
        prefix: what the keys of the table's objects begin with.
        histories: every version of every object in the table's folder, by key, the latest first.
        sizes: size in bytes of each file that makes the table, by key.
        number: of the metadata file.
        obstacles: why it cannot be read, in words; none when it can.
    """

    prefix: str
    histories: Mapping[str, list[Version]]
    fields: tuple[Field, ...]
    sizes: Mapping[str, int]
    number: int
    obstacles: tuple[str, ...]

    def live(self) -> dict[str, Version | None]:
        """The files that make the table, each as it is listed; None for one that is not there."""
        return {key: _newest(self.histories, key) for key in self.sizes}

    def missing(self) -> int:
        """Number of files that make the table and are not there, or not of the size that a manifest states."""
        return sum(version is None or version.size != self.sizes[key] for key, version in self.live().items())

    def stated(self, path: str) -> Stated:  # noqa: ARG002 - files have the fields of their partition
        """Nothing."""
        return {}

    def past(self) -> list[Version]:
        """Older versions, and whatever else lies where the live files do."""
        folder = f"{self.prefix}metadata/"
        return [
            version
            for key, history in sorted(self.histories.items())
            if not key.startswith(folder)
            for version in history
            if key not in self.sizes or version != history[0]
        ]

    def words(self) -> str:
        """What it is."""
        return f"Apache Iceberg, metadata {self.number}"


class IcebergTable:
    """One table, as one client sees it."""

    def __init__(self, store: str, client: Any, bucket: str, *, ref: CollectionRef) -> None:
        self._store, self._client, self._bucket = store, client, bucket
        self._prefix = prefix_of(ref)

    def look(self) -> SeenIceberg:
        """List, and read metadata and manifests; raises Unreadable."""
        histories = {found[0].key: found for found in by_key(self._client, self._bucket, self._prefix)}
        try:
            return self._seen(histories)
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            raise Unreadable(Problem.BROKEN, "the metadata of a table cannot be read") from None

    def _seen(self, histories: Mapping[str, list[Version]]) -> SeenIceberg:
        number, version = _current(histories, f"{self._prefix}metadata/")
        content = self._open(version).read()
        metadata = json.loads(gzip.decompress(content) if content.startswith(_GZIP) else content)
        against = list(_against(metadata))
        schemas = metadata.get("schemas") or [metadata["schema"]]
        schema = next(
            (each for each in schemas if each.get("schema-id") == metadata.get("current-schema-id")), schemas[-1]
        )
        fields = tuple(
            Field(
                each["name"],
                each["type"] if isinstance(each["type"], str) else str(each["type"].get("type", "")),
                nullable=not each.get("required", False),
                comment=str(each.get("doc", "")),
            )
            for each in schema["fields"]
        )
        current = metadata.get("current-snapshot-id")
        snapshot = next((each for each in metadata.get("snapshots", ()) if each["snapshot-id"] == current), None)
        sizes: dict[str, int] = {}
        if snapshot is not None and not against:
            if "manifest-list" not in snapshot:
                against.append("manifests without a list")
            else:
                against += self._files(histories, str(snapshot["manifest-list"]), sizes)
        return SeenIceberg(self._prefix, histories, fields, sizes, number, tuple(sorted(set(against))))

    def _files(self, histories: Mapping[str, list[Version]], listed: str, sizes: dict[str, int]) -> Iterator[str]:
        """Collect the files of rows into ``sizes``; yield what stands against reading them."""
        for manifest in self._records(histories, listed):
            for entry in self._records(histories, str(manifest["manifest_path"])):
                if entry["status"] == _DELETED:
                    continue
                file = json.loads(entry["data_file"])
                key = self._key(str(file["file_path"]))
                if manifest.get("content") or file.get("content", _ROWS) != _ROWS:
                    yield "rows that are deleted by files of deletes"
                elif str(file["file_format"]).upper() != "PARQUET":
                    yield f"files of the format {str(file['file_format']).upper()}"
                elif key is None:
                    yield "files outside of its folder"
                else:
                    sizes[key] = int(file["file_size_in_bytes"])

    def _records(self, histories: Mapping[str, list[Version]], location: str) -> Iterator[dict[str, Any]]:
        key = self._key(location)
        version = None if key is None else _newest(histories, key)
        if version is None:
            raise Unreadable(Problem.BROKEN, "a manifest that a table's metadata names is not in its folder")
        for batch in avro.read(self._open(version)):
            yield from batch.to_pylist()

    def _key(self, location: str) -> str | None:
        """The object that a location names; None outside of the table's folder."""
        parts = urlsplit(location)
        if parts.scheme not in {"s3", "s3a", "s3n"} or parts.netloc != self._bucket:
            return None
        # No part of a location is a query; signs that mean one elsewhere belong to the name.
        name = location.partition(f"{self._bucket}/")[2]
        return next((each for each in (name, unquote(name)) if each.startswith(self._prefix)), None)

    def _open(self, version: Version) -> BinaryIO:
        return cast("BinaryIO", ObjectFile(self._store, self._client, bucket=self._bucket, version=version))


def _current(histories: Mapping[str, list[Version]], folder: str) -> tuple[int, Version]:
    """The metadata file of the highest number; raises Unreadable where two claim it."""
    found: dict[int, list[Version]] = {}
    for key, history in histories.items():
        name = _METADATA.fullmatch(key.removeprefix(folder)) if key.startswith(folder) else None
        if name and not history[0].is_marker:
            found.setdefault(int(name[1]), []).append(history[0])
    if not found:
        raise Unreadable(Problem.BROKEN, "a table has no metadata file under a name with a number")
    last = max(found)
    if len(found[last]) > 1:
        raise Unreadable(
            Problem.BROKEN, "two metadata files claim to be the newest, and only a catalogue knows which is"
        )
    return last, found[last][0]


def _against(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What in the metadata keeps its files from being read by the names of their columns."""
    if metadata["format-version"] not in _VERSIONS:
        yield f"version {metadata['format-version']} of the format"
    names: dict[Any, set[str]] = {}
    ids: dict[str, set[Any]] = {}
    for schema in metadata.get("schemas") or [metadata["schema"]]:
        for field in schema["fields"]:
            names.setdefault(field["id"], set()).add(field["name"])
            ids.setdefault(field["name"], set()).add(field["id"])
    if any(len(found) > 1 for found in (*names.values(), *ids.values())):
        yield "fields that were renamed"
    if any(name.startswith("encryption.") for name in metadata.get("properties", {})):
        yield "encryption"
    if len(metadata.get("refs", {"main": None})) > 1:
        yield "branches or tags, which keep other rows"


def _newest(histories: Mapping[str, list[Version]], key: str) -> Version | None:
    history = histories.get(key)
    return None if history is None or history[0].is_marker else history[0]
