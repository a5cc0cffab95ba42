"""Lists object versions; the one place that knows how a bucket's history is paged."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os.path import commonprefix
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from winddown.domain.errors import Refused
from winddown.stores.objects.faults import UNKNOWN_CODES, code_of

UNNAMED = "null"  # the version of whatever was written while the bucket kept none
_SIDE_BY_SIDE, _PART_LEAST = 4, 1_000
_BEGINNING: Mapping[str, str] = MappingProxyType({})
_PLAIN = re.compile(r"[A-Za-z0-9/._~-]*")  # keys that are the same however a request spells them


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

    @property
    def state(self) -> str:
        """What names it in a plan: its id; its tag, which changes with the content, where it has none of its own."""
        return self.etag if self.version_id == UNNAMED else self.version_id

    @property
    def exact(self) -> dict[str, str]:
        """How a request says that it means this version; nothing where it has no id of its own."""
        return {} if self.version_id == UNNAMED else {"VersionId": self.version_id}


def list_versions(client: Any, bucket: str, prefix: str = "") -> Iterator[Version]:
    """Yield all versions and delete markers under a prefix, page by page."""
    for page in _pages(client, bucket, prefix):
        yield from page


def by_key(client: Any, bucket: str, prefix: str = "") -> Iterator[list[Version]]:
    """Yield each key's versions, the latest first, in the order of keys; memory is bounded by a page and one key.

    Raises Refused for a service that does not list in the order of keys, because a key might come twice, and for one
    that leaves out keys where a listing goes on.
    """
    held: list[Version] = []
    asked: set[bool] = set()
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
        is_plain = all(map(_PLAIN.fullmatch, keys))
        if len(keys) > 1 and is_plain not in asked:
            asked.add(is_plain)
            _require_going_on(client, bucket, prefix, keys)
        # The last key of a page may go on in the next one.
        held = grouped.pop(keys[-1])
        for key in keys[:-1]:
            yield sorted(grouped[key], key=lambda version: not version.is_latest)
    if held:
        yield sorted(held, key=lambda version: not version.is_latest)


def _require_going_on(client: Any, bucket: str, prefix: str, keys: Sequence[str]) -> None:
    """Refuse a service whose listing behind one of these keys leaves out others of them that are still there.

    Asked with keys that a request has to encode as well: LocalStack 4.3 compares a marker with encoded keys.
    """
    middle, last = keys[(len(keys) - 1) // 2], keys[-1]
    found: set[str] = set()
    for page in _pages(client, bucket, prefix, {"KeyMarker": middle}):  # a page may be short, or empty
        found.update(version.key for version in page)
        if max(found, default="") >= last:
            break
    missing = [key for key in keys if key > middle and key not in found]
    # What was deleted meanwhile is missing by right.
    if any(_is_listed(client, bucket, key) for key in {*missing[:1], *missing[-1:]}):
        raise Refused(
            "the service leaves out objects where a listing goes on behind a key, so no listing is known to be whole",
            rule="complete listing",
            next_step="copy the bucket to a service that lists all that it holds",
        )


def _is_listed(client: Any, bucket: str, key: str) -> bool:
    """Whether a key has versions; of all keys that begin so it comes first."""
    listed = next((page for page in _pages(client, bucket, key) if page), [])
    return any(version.key == key for version in listed)


def histories_of(client: Any, bucket: str, keys: Collection[str]) -> dict[str, list[Version]]:
    """The versions of these keys, the latest first; one that has none is not in it.

    Lists what lies between the first and the last of them, so that a folder's batches together list it once; several
    parts of it side by side, because a service takes its time for each page.
    """
    ordered = sorted(keys)
    size = max(_PART_LEAST, -(-len(ordered) // _SIDE_BY_SIDE))
    parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    grouped: dict[str, list[Version]] = {}
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
        for versions in pool.map(lambda part: _between(client, bucket, part), parts):
            for version in versions:
                grouped.setdefault(version.key, []).append(version)
    for history in grouped.values():
        history.sort(key=lambda version: not version.is_latest)
    return grouped


def _between(client: Any, bucket: str, keys: Sequence[str]) -> list[Version]:
    """The versions of keys, in one listing from the first of them to the last."""
    wanted, first, last = set(keys), keys[0], keys[-1]
    prefix = commonprefix([first, last])  # noqa: RUF071 - the service compares characters too
    # A listing begins behind its marker: behind the longest key that is a beginning of the first one.
    start = {"KeyMarker": first[:-1]} if len(first) - 1 > len(prefix) else {}
    found: list[Version] = []
    for page in _pages(client, bucket, prefix, start):
        found += [version for version in page if version.key in wanted]
        if page and max(version.key for version in page) > last:
            break
    return found


def knows_versions(client: Any, bucket: str) -> bool:
    """Whether the service has versions at all; raises what else it answers."""
    try:
        client.list_object_versions(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        if code_of(error) not in UNKNOWN_CODES:
            raise
        return False
    return True


def _pages(client: Any, bucket: str, prefix: str, start: Mapping[str, str] = _BEGINNING) -> Iterator[list[Version]]:
    """Pages of a listing behind a ``KeyMarker``; of objects, where the service says that it has no versions."""
    is_begun = False
    try:
        for page in _versions(client, bucket, prefix, start):
            is_begun = True
            yield page
    except ClientError as error:
        if is_begun or code_of(error) not in UNKNOWN_CODES:
            raise
    else:
        return
    behind = {"StartAfter": start["KeyMarker"]} if start else {}
    for listed in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **behind):
        yield [
            Version(
                raw["Key"],
                UNNAMED,
                _quoted(raw["ETag"]),
                raw["Size"],
                is_latest=True,
                is_marker=False,
                storage_class=raw.get("StorageClass") or "STANDARD",
            )
            for raw in listed.get("Contents", ())
        ]


def _versions(client: Any, bucket: str, prefix: str, start: Mapping[str, str]) -> Iterator[list[Version]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix, **start):
        versions = [
            Version(
                raw["Key"],
                raw["VersionId"],
                _quoted(raw["ETag"]),
                raw["Size"],
                raw["IsLatest"],
                is_marker=False,
                storage_class=raw.get("StorageClass") or "STANDARD",
            )
            for raw in page.get("Versions", ())
        ]
        markers = [
            Version(raw["Key"], raw["VersionId"], "", 0, raw["IsLatest"], is_marker=True)
            for raw in page.get("DeleteMarkers", ())
        ]
        yield [*_with_own_tags(client, bucket, prefix, versions), *markers]


def _quoted(tag: str) -> str:
    """A tag as headers have it; rclone's service lists it without its quotation marks."""
    return tag if tag.endswith('"') else f'"{tag}"'


def _with_own_tags(client: Any, bucket: str, prefix: str, versions: list[Version]) -> list[Version]:
    """Versions without an id, with the tag that is given with the object when it is read.

    SeaweedFS 4.48 lists a content that it keeps in pieces with another one among versions: one of parts, with ``-``.
    """
    doubted = {found.key: found for found in versions if found.version_id == UNNAMED and "-" in found.etag}
    if not doubted:
        return versions
    first, last = min(doubted), max(doubted)
    start = {"StartAfter": first[:-1]} if len(first) - 1 > len(prefix) else {}
    tags: dict[str, str] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **start):
        listed = page.get("Contents", ())
        # One that was written meanwhile has another size as a rule; keeping the tag that was listed, it is refused.
        tags |= {
            raw["Key"]: _quoted(raw["ETag"])
            for raw in listed
            if raw["Key"] in doubted and raw["Size"] == doubted[raw["Key"]].size
        }
        if any(raw["Key"] >= last for raw in listed):
            break
    return [
        replace(found, etag=tags.get(found.key, found.etag)) if doubted.get(found.key) == found else found
        for found in versions
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
