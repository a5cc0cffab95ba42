"""The log of a Delta table: which files make the table now, and what else the log holds.

The format is https://github.com/delta-io/delta/blob/master/PROTOCOL.md. A commit is a file of JSON lines under the
number of the version that it makes; a checkpoint is a Parquet file of all that counted at a version. Only tables of
which every feature is known are read: a feature may change what a file means.
"""

import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

import pyarrow.parquet as pq

from winddown.domain.inventory import Field
from winddown.stores.objects.formats.columnar import translated
from winddown.stores.objects.formats.problem import Problem, Unreadable

LOG = "_delta_log"
ORDER, SURVIVORS = "winddown-order", "winddown-survivors"
"""Tags of a tombstone: the order that took the file out, and the file that has its other rows ("" for none)."""

Action = dict[str, Any]

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")
_FEATURES = {
    "allowColumnDefaults",
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "columnMapping",
    "deletionVectors",
    "domainMetadata",
    "generatedColumns",
    "identityColumns",
    "invariants",
    "timestampNtz",
}
"""Features that change nothing for files without the rows, as long as ``obstacles`` does not find them in use."""
_READER_MAX, _READER_WITH_FEATURES = 2, 3
_WRITER_MAX, _WRITER_WITH_FEATURES = 6, 7
_ADD = {"path", "partitionValues", "size", "modificationTime", "dataChange", "stats", "tags", "clusteringProvider"}
_METADATA = {"id", "name", "description", "format", "schemaString", "partitionColumns", "configuration", "createdTime"}
_PROTOCOL = {"minReaderVersion", "minWriterVersion", "readerFeatures", "writerFeatures"}
_PASSED_OVER = {"commitInfo", "cdc"}
_NOT_KEPT = {"stats_parsed", "partitionValues_parsed"}


@dataclass(frozen=True, slots=True)
class LogNames:
    """Names of the log's files that make the newest version.

    Attributes:
        version: number of that version.
        checkpoint: the parts of the checkpoint to begin with, in order; none when the log begins at its first commit.
        commits: what comes after it, in order.
    """

    version: int
    checkpoint: tuple[str, ...]
    commits: tuple[str, ...]


def select_names(names: Iterable[str]) -> LogNames:
    """Choose among the names in the log's folder; raises Unreadable where they make no version."""
    commits: dict[int, str] = {}
    parts: dict[tuple[int, int], dict[int, str]] = {}
    for name in names:
        if found := _COMMIT.fullmatch(name):
            commits[int(found[1])] = name
        elif found := _CHECKPOINT.fullmatch(name):
            parts.setdefault((int(found[1]), int(found[3] or 1)), {})[int(found[2] or 1)] = name
    whole = {
        version: tuple(found[part] for part in sorted(found))
        for (version, count), found in parts.items()
        if len(found) == count
    }
    start = max(whole, default=-1)
    last = max([start, *commits])
    wanted = range(start + 1, last + 1)
    if last < 0 or any(version not in commits for version in wanted):
        raise Unreadable(Problem.BROKEN, "the log of a table has gaps")
    return LogNames(last, whole.get(start, ()), tuple(commits[version] for version in wanted))


@dataclass(slots=True)
class Snapshot:
    """What counts at one version; paths are those in the log, unquoted: relative to the table's folder.

    Attributes:
        adds: files that make the table, each with the action that added it.
        removes: tombstones of files that no longer do.
        rest: transactions and domains by what names them, to be kept as they are.
        strange: names of actions, and of parts of them, that are not known.
    """

    version: int = -1
    protocol: Action = field(default_factory=dict)
    metadata: Action = field(default_factory=dict)
    adds: dict[str, Action] = field(default_factory=dict)
    removes: dict[str, Action] = field(default_factory=dict)
    rest: dict[tuple[str, str], Action] = field(default_factory=dict)
    strange: set[str] = field(default_factory=set)

    def apply(self, kind: str, action: Action) -> None:
        """Take the next action of the log."""
        if kind == "add":
            self.strange |= {f"add.{name}" for name in action.keys() - _ADD}
            self.removes.pop(unquote(action["path"]), None)
            self.adds[unquote(action["path"])] = action
        elif kind == "remove":
            self.adds.pop(unquote(action["path"]), None)
            self.removes[unquote(action["path"])] = action
        elif kind == "metaData":
            self.strange |= {f"metaData.{name}" for name in action.keys() - _METADATA}
            self.metadata = action
        elif kind == "protocol":
            self.strange |= {f"protocol.{name}" for name in action.keys() - _PROTOCOL}
            self.protocol = action
        elif kind in {"txn", "domainMetadata"}:
            self.rest[kind, str(action.get("appId" if kind == "txn" else "domain"))] = action
        elif kind not in _PASSED_OVER:
            self.strange.add(kind)

    def set_aside(self, path: str, order: str | None = None) -> Action | None:
        """The tombstone with which an order, or any one when none is named, took a file out; None without it."""
        found = self.removes.get(path)
        by = (found or {}).get("tags") or {}
        return found if ORDER in by and order in {None, by[ORDER]} else None

    def partition(self, path: str) -> dict[str, str | None]:
        """The values of a live file's partition; the protocol writes null as no characters too."""
        return stated(self.adds[path])

    def fields(self) -> tuple[Field, ...]:
        """The table's fields, those of partitions included."""
        return tuple(
            Field(
                found["name"],
                found["type"] if isinstance(found["type"], str) else str(found["type"].get("type", "")),
                nullable=bool(found.get("nullable", True)),
                comment=str((found.get("metadata") or {}).get("comment", "")),
            )
            for found in json.loads(self.metadata["schemaString"])["fields"]
        )

    def obstacles(self) -> tuple[str, ...]:
        """Why rows of the table cannot be destroyed, or not even be read, in words; none when they can."""
        settings = self.metadata.get("configuration") or {}
        reader, writer = (int(self.protocol.get(f"min{who}Version", 99)) for who in ("Reader", "Writer"))
        features = {*(self.protocol.get("readerFeatures") or ()), *(self.protocol.get("writerFeatures") or ())}
        found = [f"the feature {name}" for name in sorted(features - _FEATURES)]
        found += [f"an unknown part of the log, {name}" for name in sorted(self.strange - {"add.deletionVector"})]
        if reader not in {*range(1, _READER_MAX + 1), _READER_WITH_FEATURES}:
            found.append(f"version {reader} of the protocol for readers")
        if writer not in {*range(1, _WRITER_MAX + 1), _WRITER_WITH_FEATURES}:
            found.append(f"version {writer} of the protocol for writers")
        if settings.get("delta.columnMapping.mode", "none") != "none":
            found.append("column mapping")
        if "add.deletionVector" in self.strange or _is_on(settings, "delta.enableDeletionVectors"):
            found.append("deletion vectors")
        found += [
            words
            for name, words in (
                ("delta.appendOnly", "the property delta.appendOnly, by which nothing may be deleted"),
                ("delta.enableChangeDataFeed", "the change data feed, which copies deleted rows"),
                ("delta.enableRowTracking", "row tracking"),
                ("delta.enableInCommitTimestamps", "time stamps inside commits"),
            )
            if _is_on(settings, name)
        ]
        if any(path.startswith("/") or "://" in path or ".." in path.split("/") for path in self.adds):
            found.append("files outside of its folder")
        if (self.metadata.get("format") or {}).get("provider", "parquet") != "parquet":
            found.append("files of another format than Parquet")
        return tuple(found)


def stated(add: Action) -> dict[str, str | None]:
    """What the action of a file says of its partition."""
    return {name: value or None for name, value in (add.get("partitionValues") or {}).items()}


def stated_in(action: str) -> dict[str, str | None]:
    """The same, of an action that was kept as JSON."""
    return stated(json.loads(action))


def _is_on(settings: Mapping[str, Any], name: str) -> bool:
    return str(settings.get(name, "")).lower() == "true"


def replay(version: int, checkpoint: Iterable[BinaryIO], commits: Iterable[bytes]) -> Snapshot:
    """Read a log from a checkpoint's parts through the commits after it; raises Unreadable."""
    snapshot = Snapshot(version)
    try:
        for part in checkpoint:
            for kind, action in _of_checkpoint(part):
                snapshot.apply(kind, action)
        for content in commits:
            for line in content.splitlines():
                for kind, action in json.loads(line).items() if line.strip() else ():
                    snapshot.apply(kind, {name: value for name, value in action.items() if value is not None})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable(Problem.BROKEN, "the log of a table cannot be read") from None
    if not snapshot.protocol or not snapshot.metadata:
        raise Unreadable(Problem.BROKEN, "the log of a table says neither its protocol nor its schema")
    return snapshot


def is_named_in(source: BinaryIO, paths: Collection[str]) -> bool:
    """Whether a file of the log, whatever it is, names one of these files.

    Partitions may hold files of the same name, so whole paths are compared; only of what is neither a checkpoint nor
    JSON lines is the name looked for in its bytes.
    """
    source.seek(0)
    content = source.read()
    if content.startswith(b"PAR1"):
        return any(unquote(str(action.get("path", ""))) in paths for _, action in _of_checkpoint(io.BytesIO(content)))
    try:
        lines = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError:
        return any(quote(path.rpartition("/")[2]).encode() in content for path in paths)
    return any(unquote(text) in paths for text in _texts(lines))


def _texts(found: Any) -> Iterator[str]:
    """Every text inside of a document."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for each in found.values() if isinstance(found, dict) else found:
            yield from _texts(each)


def _of_checkpoint(part: BinaryIO) -> Iterator[tuple[str, Action]]:
    with translated(part, "a checkpoint"):
        for batch in pq.ParquetFile(part).iter_batches(batch_size=1_000, use_threads=False):
            for row in batch.to_pylist(maps_as_pydicts="strict"):
                for kind, action in row.items():
                    if action is not None:
                        yield (
                            kind,
                            {
                                name: value
                                for name, value in action.items()
                                if value is not None and name not in _NOT_KEPT
                            },
                        )
