"""Lists object versions; the one place that knows how a bucket's history is paged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from winddown.domain.errors import Refused


@dataclass(frozen=True, slots=True)
class Version:
    """One version or delete marker of an object."""

    key: str
    version_id: str
    etag: str
    size: int
    is_latest: bool
    is_marker: bool
    storage_class: str = "STANDARD"


def list_versions(client: Any, bucket: str, prefix: str = "") -> Iterator[Version]:
    """Yield all versions and delete markers under a prefix, page by page."""
    for page in _pages(client, bucket, prefix):
        yield from page


def by_key(client: Any, bucket: str, prefix: str = "") -> Iterator[list[Version]]:
    """Yield each key's versions, the latest first, in the order of keys; memory is bounded by a page and one key.

    Raises Refused for a service that does not list in the order of keys, because a key might come twice.
    """
    held: list[Version] = []
    for page in _pages(client, bucket, prefix):
        grouped: dict[str, list[Version]] = {held[0].key: held} if held else {}
        for version in page:
            grouped.setdefault(version.key, []).append(version)
        keys = sorted(grouped)
        if not keys:
            continue
        if held and keys[0] != held[0].key:
            raise Refused(
                "the service lists objects in no order, so a listing cannot be read piece by piece",
                rule="complete listing",
                next_step="copy the bucket to a service that lists keys in order",
            )
        # The last key of a page may go on in the next one.
        held = grouped.pop(keys[-1])
        for key in keys[:-1]:
            yield sorted(grouped[key], key=lambda version: not version.is_latest)
    if held:
        yield sorted(held, key=lambda version: not version.is_latest)


def _pages(client: Any, bucket: str, prefix: str) -> Iterator[list[Version]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        yield [
            Version(
                raw["Key"],
                raw["VersionId"],
                raw["ETag"],
                raw["Size"],
                raw["IsLatest"],
                is_marker=False,
                storage_class=raw.get("StorageClass") or "STANDARD",
            )
            for raw in page.get("Versions", ())
        ] + [
            Version(raw["Key"], raw["VersionId"], "", 0, raw["IsLatest"], is_marker=True)
            for raw in page.get("DeleteMarkers", ())
        ]


def histories(client: Any, bucket: str, prefix: str, keys: set[str] | None = None) -> dict[str, list[Version]]:
    """Group the versions under a prefix by key, the latest first; only ``keys`` when given."""
    grouped: dict[str, list[Version]] = {}
    for version in list_versions(client, bucket, prefix):
        if keys is None or version.key in keys:
            grouped.setdefault(version.key, []).append(version)
    for history in grouped.values():
        history.sort(key=lambda version: not version.is_latest)
    return grouped
