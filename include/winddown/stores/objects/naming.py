"""Names objects in plans: by versions, or by tag and content where the bucket keeps no versions.

A key of a versioned bucket names the planned version and every other one that there was; one of a bucket without
versions names tag, size and SHA-256 of the only content.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pyarrow as pa

from winddown.domain.batch import CONTENT, batch_size
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.located import OBJECT, ROW, VERSION
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.versions import UNNAMED, Version, histories_of

BATCH_BYTES = 1 << 30
_HASHERS = 8
_PIECE = 1 << 20
_ROWS = ("rows", pa.list_(pa.int64()))
_VERSIONED = (("object", pa.string()), ("version", pa.string()), ("versions", pa.list_(pa.string())))
_UNVERSIONED = (("object", pa.string()), ("version", pa.string()), ("size", pa.int64()), (CONTENT, pa.string()))

Key = dict[str, Any]


def keys_by_versions(client: Any, bucket: str, located: pa.Table, *, size: int, has_rows: bool) -> pa.Table:
    """One key an object: its planned version, every version that it has now, and the row numbers."""
    rows, latest = grouped(located)
    histories = histories_of(client, bucket, list(rows))
    named = (
        {"object": name, "version": latest[name], "versions": sorted(v.version_id for v in histories.get(name, []))}
        for name in sorted(rows)
    )
    return _table(named, rows, _VERSIONED, size=size, has_rows=has_rows)


def keys_by_content(store: str, client: Any, bucket: str, located: pa.Table, *, size: int, has_rows: bool) -> pa.Table:
    """One key an object of a bucket without versions, in batches of at most a gibibyte or one object.

    Reads every object once; raises Unreadable when one is no longer what was read.
    """
    rows, latest = grouped(located)
    histories = histories_of(client, bucket, list(rows))
    found = [_only(histories.get(name, []), latest[name]) for name in sorted(rows)]

    def digest(version: Version) -> str:
        source = ObjectFile(store, client, bucket=bucket, version=version)
        hasher = hashlib.sha256()
        while piece := source.read(_PIECE):
            hasher.update(piece)
        return hasher.hexdigest()

    with ThreadPoolExecutor(max_workers=_HASHERS) as pool:
        digests = list(pool.map(digest, found))
    named = (
        {"object": version.key, "version": version.etag, "size": version.size, CONTENT: content}
        for version, content in zip(found, digests, strict=True)
    )
    return _table(named, rows, _UNVERSIONED, size=size, has_rows=has_rows)


def planned(client: Any, bucket: str, key: Key) -> tuple[Version, dict[str, Any]]:
    """The planned version of a key, and its headers; raises Unreadable where another content took its place."""
    is_versioned = "versions" in key and not key["version"].startswith('"')  # a tag is written in quotes
    named = {"Bucket": bucket, "Key": key["object"], **({"VersionId": key["version"]} if is_versioned else {})}
    head = cast("dict[str, Any]", client.head_object(**named))
    if not is_versioned and head["ETag"] != key["version"]:
        raise _changed()
    version_id = key["version"] if is_versioned else UNNAMED
    return Version(
        key["object"], version_id, head["ETag"], head["ContentLength"], is_latest=True, is_marker=False
    ), head


def grouped(located: pa.Table) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Row numbers and planned version of each object."""
    rows: dict[str, list[int]] = {}
    latest: dict[str, str] = {}
    for record in located.select([OBJECT, VERSION, ROW]).to_pylist():
        rows.setdefault(record[OBJECT], []).append(record[ROW])
        latest[record[OBJECT]] = record[VERSION]
    return rows, latest


def _table(
    named: Iterable[Key],
    rows: dict[str, list[int]],
    schema: tuple[tuple[str, pa.DataType], ...],
    *,
    size: int,
    has_rows: bool,
) -> pa.Table:
    columns = [*schema, *([_ROWS] if has_rows else []), ("batch", pa.int32())]
    return pa.Table.from_pylist(list(_batched(named, rows, size=size, has_rows=has_rows)), schema=pa.schema(columns))


def _batched(named: Iterable[Key], rows: dict[str, list[int]], *, size: int, has_rows: bool) -> Iterator[Key]:
    batch = filled = bytes_in = 0
    for key in named:
        weight = key.get("size", 0)
        if filled >= batch_size(batch, size=size) or (filled and bytes_in + weight > BATCH_BYTES):
            batch, filled, bytes_in = batch + 1, 0, 0
        numbers = sorted(rows[key["object"]])
        yield key | {"batch": batch} | ({"rows": numbers} if has_rows else {})
        filled, bytes_in = filled + (len(numbers) if has_rows else 1), bytes_in + weight


def _only(history: list[Version], state: str) -> Version:
    """The version that was read; raises Unreadable where there is another one, or none, by now."""
    if len(history) == 1 and history[0].state == state and not history[0].is_marker:
        return history[0]
    raise _changed()


def _changed() -> Unreadable:
    return Unreadable(Problem.CHANGED, "an object was replaced or removed while it was read")
