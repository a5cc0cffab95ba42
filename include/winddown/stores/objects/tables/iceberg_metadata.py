"""What the metadata and manifests of an Iceberg table say (https://iceberg.apache.org/spec/), and where they lie."""

import gzip
import hashlib
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from winddown.domain.inventory import Field
from winddown.stores.objects.formats import avro
from winddown.stores.objects.formats.problem import Unreadable
from winddown.stores.objects.tables.changes import Taker

FOLDER = "metadata/"
OURS = "winddown-"
ORDER, COMMIT = "winddown-order", "winddown-commit"
"""In the summary of a snapshot: the order that set its files aside, and the snapshot that made the table without."""

_NAME = re.compile(r"v?(\d+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json(?:\.gz)?")
_VERSIONS = {1, 2}
_DELETED, _ROWS = 2, 0
_GZIP, _AVRO = b"\x1f\x8b", b"Obj\x01"
_PLACES = ("write.metadata.path", "write.data.path", "write.object-storage.path", "write.folder-storage.path")
_STATISTICS = ("statistics", "partition-statistics")


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a table in a bucket."""

    bucket: str
    prefix: str

    def key(self, location: str) -> str | None:
        """The object that a location names; None outside of the folder."""
        parts = urlsplit(location)
        if parts.scheme not in {"s3", "s3a", "s3n"} or parts.netloc != self.bucket:
            return None
        # No part of a location is a query; signs that mean one elsewhere belong to the name.
        name = location.partition(f"{self.bucket}/")[2]
        return next((each for each in (name, unquote(name)) if each.startswith(self.prefix)), None)

    def path(self, location: str) -> str | None:
        """The same below the folder."""
        key = self.key(location)
        return None if key is None else key.removeprefix(self.prefix)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file as a manifest names it; ``order`` and ``tag`` say who set it aside, "" for a file of the table."""

    location: str
    size: int
    records: int
    format: str
    is_of_deletes: bool
    tag: str = ""
    order: str = ""


class Metadata:
    """A metadata file."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._snapshots = {each["snapshot-id"]: each for each in document.get("snapshots") or ()}
        refs = {name: self._snapshots.get(each.get("snapshot-id")) for name, each in self._named()}
        self._refs: dict[str, Mapping[str, Any]] = {name: each for name, each in refs.items() if each is not None}

    @staticmethod
    def read(content: bytes) -> "Metadata":
        """Unpack and parse it; raises ValueError and its kin."""
        return Metadata(json.loads(gzip.decompress(content) if content.startswith(_GZIP) else content))

    @property
    def uuid(self) -> str:
        """What tells the table from any other; "" in old metadata that do not say."""
        return str(self._document.get("table-uuid") or "")

    def fields(self) -> tuple[Field, ...]:
        """Those of the schema that counts."""
        schemas = self._schemas()
        wanted = self._document.get("current-schema-id")
        schema = next((each for each in schemas if each.get("schema-id") == wanted), schemas[-1])
        return tuple(
            Field(
                each["name"],
                each["type"] if isinstance(each["type"], str) else str(each["type"].get("type", "")),
                nullable=not each.get("required", False),
                comment=str(each.get("doc", "")),
            )
            for each in schema["fields"]
        )

    def current(self) -> Mapping[str, Any] | None:
        """The snapshot that makes the table; None for a table that never had rows."""
        return self._snapshots.get(self._document.get("current-snapshot-id"))

    def tags(self) -> dict[str, Mapping[str, Any]]:
        """Snapshots that keep what orders set aside, by their tags."""
        return {name: each for name, each in self._refs.items() if _is_ours(name, each)}

    def lists(self) -> list[str]:
        """Locations of the lists of manifests of all snapshots."""
        return [str(each["manifest-list"]) for each in self._snapshots.values() if "manifest-list" in each]

    def statistics(self) -> list[str]:
        """Locations of files of statistics."""
        return [str(each["statistics-path"]) for name in _STATISTICS for each in self._document.get(name) or ()]

    def earlier(self) -> list[str]:
        """Locations of metadata files that counted before."""
        return [str(each["metadata-file"]) for each in self._document.get("metadata-log") or ()]

    def places(self) -> list[str]:
        """Folders in which writers are told to write."""
        properties = self._document.get("properties") or {}
        return [str(self._document["location"]), *(str(properties[name]) for name in _PLACES if name in properties)]

    def obstacles(self) -> list[str]:
        """What keeps its files from being read by the names of their columns, in words."""
        found = []
        if self._document["format-version"] not in _VERSIONS:
            found.append(f"version {self._document['format-version']} of the format")
        names: dict[Any, set[str]] = {}
        ids: dict[str, set[Any]] = {}
        for schema in self._schemas():
            for field in schema["fields"]:
                names.setdefault(field["id"], set()).add(field["name"])
                ids.setdefault(field["name"], set()).add(field["id"])
        if any(len(each) > 1 for each in (*names.values(), *ids.values())):
            found.append("fields that were renamed")
        if any(name.startswith("encryption.") for name in self._document.get("properties") or {}):
            found.append("encryption")
        if {name for name, _ in self._named()} - {"main", *self.tags()}:
            found.append("branches or tags, which keep other rows")
        return found

    def _named(self) -> list[tuple[str, Mapping[str, Any]]]:
        return list((self._document.get("refs") or {}).items())

    def _schemas(self) -> list[Mapping[str, Any]]:
        return self._document.get("schemas") or [self._document["schema"]]


def _is_ours(name: str, snapshot: Mapping[str, Any]) -> bool:
    return name.startswith(OURS) and ORDER in (snapshot.get("summary") or {})


def records_of(source: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the records of a list of manifests, or of a manifest; raises Unreadable."""
    for batch in avro.read(source):
        yield from batch.to_pylist()


def files_of(source: BinaryIO, *, deleted: bool = False) -> Iterator[DataFile]:
    """Yield the files that a manifest names; those that left the table with it only if asked for."""
    for entry in records_of(source):
        if entry["status"] != _DELETED or deleted:
            file = json.loads(entry["data_file"])
            yield DataFile(
                str(file["file_path"]),
                int(file["file_size_in_bytes"]),
                int(file["record_count"]),
                str(file["file_format"]).upper(),
                is_of_deletes=file.get("content", _ROWS) != _ROWS,
            )


def names_any(source: BinaryIO, paths: Collection[str], place: Place) -> bool:
    """Whether an object where metadata lie names one of these files, of which ``paths`` are those below the folder.

    What is no manifest is searched as it is for the last part of each path; one that cannot be read as well.
    """
    source.seek(0)
    content = source.read()
    if content.startswith(_AVRO):
        with suppress(Unreadable, ValueError, KeyError, TypeError):
            return any(place.path(file.location) in paths for file in files_of(io.BytesIO(content), deleted=True))
    return any(path.rpartition("/")[2].encode() in content for path in paths)


def number_of(key: str) -> int | None:
    """The number of a metadata file; None for any other object.

    >>> number_of("lake/orders/metadata/00012-5f8d.metadata.json")
    12
    """
    found = _NAME.fullmatch(key.rpartition("/")[2])
    return int(found[1]) if found else None


def mark_of(by: Taker) -> str:
    """What the names of all that a batch writes begin with."""
    named = f"{by.order}\n{by.batch}".encode()
    return f"{OURS}{hashlib.sha256(named).hexdigest()[:16]}"


def tag_of(by: Taker) -> str:
    """The tag that keeps what a batch set aside."""
    return f"{OURS}{by.order}-{by.batch}"
