"""Writes what the log of a Delta table is told: commits as JSON lines, and a checkpoint as Parquet."""

import io
import json
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from winddown.domain.plan import OrderId
from winddown.stores.objects.tables.delta_log import LOG, ORDER, SURVIVORS, Action, Snapshot

Actions = list[dict[str, Action]]

_UNTIL_PURGE = 10 * 365 * 86_400_000  # milliseconds; longer than any grace

_TEXTS = pa.map_(pa.string(), pa.string())
_CHECKPOINT = pa.schema(
    {
        "txn": pa.struct({"appId": pa.string(), "version": pa.int64(), "lastUpdated": pa.int64()}),
        "add": pa.struct(
            {
                "path": pa.string(),
                "partitionValues": _TEXTS,
                "size": pa.int64(),
                "modificationTime": pa.int64(),
                "dataChange": pa.bool_(),
                "stats": pa.string(),
                "tags": _TEXTS,
                "clusteringProvider": pa.string(),
            }
        ),
        "remove": pa.struct(
            {
                "path": pa.string(),
                "deletionTimestamp": pa.int64(),
                "dataChange": pa.bool_(),
                "extendedFileMetadata": pa.bool_(),
                "partitionValues": _TEXTS,
                "size": pa.int64(),
                "tags": _TEXTS,
            }
        ),
        "metaData": pa.struct(
            {
                "id": pa.string(),
                "name": pa.string(),
                "description": pa.string(),
                "format": pa.struct({"provider": pa.string(), "options": _TEXTS}),
                "schemaString": pa.string(),
                "partitionColumns": pa.list_(pa.string()),
                "configuration": _TEXTS,
                "createdTime": pa.int64(),
            }
        ),
        "protocol": pa.struct(
            {
                "minReaderVersion": pa.int32(),
                "minWriterVersion": pa.int32(),
                "readerFeatures": pa.list_(pa.string()),
                "writerFeatures": pa.list_(pa.string()),
            }
        ),
        "domainMetadata": pa.struct({"domain": pa.string(), "configuration": pa.string(), "removed": pa.bool_()}),
    }
)


def commit_name(version: int) -> str:
    """Name of a version's commit below the table's folder."""
    return f"{LOG}/{version:020}.json"


def checkpoint_name(version: int) -> str:
    """Name of a version's checkpoint below the table's folder."""
    return f"{LOG}/{version:020}.checkpoint.parquet"


def told(operation: str, actions: Actions) -> bytes:
    """A commit; ``operation`` is one of Delta's words, for whoever reads the table's history."""
    info: Action = {
        "timestamp": _now(),
        "operation": operation,
        "operationParameters": {},
        "isBlindAppend": False,
        "engineInfo": "winddown",
    }
    return "".join(
        f"{json.dumps(action, ensure_ascii=False, separators=(',', ':'))}\n"
        for action in ({"commitInfo": info}, *actions)
    ).encode()


def taken_out(add: Action, *, order: OrderId | None = None, survivors: str = "") -> dict[str, Action]:
    """The tombstone of a file, without its statistics; with ``order``, of one that waits for its purge.

    Whoever writes a checkpoint leaves out tombstones older than the table's retention, by default a week, and whoever
    cleans up deletes files without one. So the tombstone of what waits is dated ahead.
    """
    tags = {} if order is None else {"tags": {ORDER: order, SURVIVORS: survivors}}
    return {
        "remove": {
            "path": add["path"],
            "deletionTimestamp": _now() + (0 if order is None else _UNTIL_PURGE),
            "dataChange": True,
            "extendedFileMetadata": True,
            "partitionValues": add.get("partitionValues") or {},
            "size": add["size"],
            **tags,
        }
    }


def put_in(source: Action, path: str, *, size: int, stats: str) -> dict[str, Action]:
    """The action that adds a file with the rest of ``source``'s rows. Tags are hints that nobody can vouch for."""
    kept: Action = {name: source[name] for name in ("partitionValues", "clusteringProvider") if name in source}
    added = {
        "path": quote(path, safe="/="),
        "size": size,
        "modificationTime": _now(),
        "dataChange": True,
        "stats": stats,
    }
    return {"add": {"partitionValues": {}, **kept, **added}}


def checkpoint(snapshot: Snapshot, *, tombstones: Iterable[Action]) -> bytes:
    """All that counts, as a checkpoint; of the files that no longer do, only these tombstones."""
    rows: list[dict[str, Any]] = [{"protocol": snapshot.protocol}, {"metaData": snapshot.metadata}]
    rows += [{kind: action} for (kind, _), action in snapshot.rest.items()]
    rows += [{"add": {**action, "dataChange": False}} for action in snapshot.adds.values()]
    rows += [{"remove": action} for action in tombstones]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([_as_items(row) for row in rows], schema=_CHECKPOINT), sink)
    return sink.getvalue()


def _as_items(action: dict[str, Any]) -> dict[str, Any]:
    """With maps as Arrow takes them."""
    maps = {"partitionValues", "tags", "configuration", "options"}
    return {
        name: list(value.items())
        if name in maps and isinstance(value, dict)
        else _as_items(value)
        if isinstance(value, dict)
        else value
        for name, value in action.items()
    }


def _now() -> int:
    return time.time_ns() // 1_000_000
