"""Lists object versions; the one place that knows how a bucket's history is paged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """One version or delete marker of an object."""

    key: str
    version_id: str
    etag: str
    size: int
    is_latest: bool
    is_marker: bool


def list_versions(client: Any, bucket: str, prefix: str = "") -> Iterator[Version]:
    """Yield all versions and delete markers under a prefix, page by page."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for raw in page.get("Versions", ()):
            yield Version(raw["Key"], raw["VersionId"], raw["ETag"], raw["Size"], raw["IsLatest"], is_marker=False)
        for raw in page.get("DeleteMarkers", ()):
            yield Version(raw["Key"], raw["VersionId"], "", 0, raw["IsLatest"], is_marker=True)


def histories(client: Any, bucket: str, prefix: str, keys: set[str] | None = None) -> dict[str, list[Version]]:
    """Group the versions under a prefix by key, the latest first; only ``keys`` when given."""
    grouped: dict[str, list[Version]] = {}
    for version in list_versions(client, bucket, prefix):
        if keys is None or version.key in keys:
            grouped.setdefault(version.key, []).append(version)
    for history in grouped.values():
        history.sort(key=lambda version: not version.is_latest)
    return grouped
