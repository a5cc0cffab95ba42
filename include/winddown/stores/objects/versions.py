"""Lists object versions; the one place that knows how a bucket's history is paged."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from os.path import commonprefix
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from botocore.exceptions import ClientError

from winddown.domain.errors import Refused
from winddown.stores.objects.faults import UNKNOWN_CODES, code_of, is_passing

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


Pages = Callable[[str, Mapping[str, str]], Iterator[list[Version]]]
"""Lists what lies under a prefix, behind a ``KeyMarker`` where one is given."""


_KEEPING: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""Buckets of which a client was told that they keep versions, or did."""


def keeps_none(client: Any, bucket: str) -> bool:
    """Whether the bucket never kept versions: the service says so, or knows of none, and lists none that has an id.

    Where that may not be asked, it may have kept some. Raises what a service answers that is busy, or lists nothing.
    A bucket that keeps versions never again keeps none, so it is asked once.
    """
    keeping = _KEEPING.setdefault(client, set())
    if bucket in keeping:
        return False
    try:
        if client.get_bucket_versioning(Bucket=bucket).get("Status"):
            keeping.add(bucket)
            return False
    except ClientError as error:
        if is_passing(error):
            raise
        if code_of(error) not in UNKNOWN_CODES:
            return False
    try:
        page = client.list_object_versions(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        if code_of(error) not in UNKNOWN_CODES:
            raise
        return True
    is_named = any(raw["VersionId"] != UNNAMED for raw in page.get("Versions", ()))
    return not is_named and not page.get("DeleteMarkers")


def list_versions(client: Any, bucket: str, prefix: str = "") -> Iterator[Version]:
    """Yield all versions and delete markers under a prefix, page by page."""
    for page in _pages(client, bucket)(prefix, _BEGINNING):
        yield from page


def by_key(client: Any, bucket: str, prefix: str = "") -> Iterator[list[Version]]:
    """Yield each key's versions, the latest first, in the order of keys; memory is bounded by a page and one key.

    Raises Refused for a service that does not list in the order of keys, because a key might come twice, and for one
    that leaves out keys where a listing goes on: at the end, objects are listed by another call and counted.
    """
    began, pages, live = _now_of(client, bucket), _pages(client, bucket), 0
    held: list[Version] = []
    asked: set[bool] = set()
    for page in pages(prefix, _BEGINNING):
        grouped: dict[str, list[Version]] = {held[0].key: held} if held else {}
        for version in page:
            grouped.setdefault(version.key, []).append(version)
            live += _shows(version)
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
            _require_going_on(pages, prefix, keys)
        # The last key of a page may go on in the next one.
        held = grouped.pop(keys[-1])
        for key in keys[:-1]:
            yield sorted(grouped[key], key=lambda version: not version.is_latest)
    if held:
        yield sorted(held, key=lambda version: not version.is_latest)
    # Counted once more before anything is said: somebody may have brought objects back meanwhile.
    if live < _older(client, bucket, prefix, began):
        live = sum(_shows(version) for page in pages(prefix, _BEGINNING) for version in page)
        if live < _older(client, bucket, prefix, began):
            raise _incomplete()


def _shows(version: Version) -> bool:
    return version.is_latest and not version.is_marker


def _require_going_on(pages: Pages, prefix: str, keys: Sequence[str]) -> None:
    """Refuse a service whose listing behind one of these keys leaves out others of them that are still there.

    Asked with keys that a request has to encode as well: LocalStack 4.3 compares a marker with encoded keys.
    """
    middle, last = keys[(len(keys) - 1) // 2], keys[-1]
    found: set[str] = set()
    for page in pages(prefix, {"KeyMarker": middle}):  # a page may be short, or empty
        found.update(version.key for version in page)
        if max(found, default="") >= last:
            break
    missing = [key for key in keys if key > middle and key not in found]
    # What was deleted meanwhile is missing by right.
    if any(_is_listed(pages, key) for key in {*missing[:1], *missing[-1:]}):
        raise _incomplete()


def _is_listed(pages: Pages, key: str) -> bool:
    """Whether a key has versions; of all keys that begin so it comes first."""
    listed = next((page for page in pages(key, _BEGINNING) if page), [])
    return any(version.key == key for version in listed)


def _incomplete() -> Refused:
    return Refused(
        "the service leaves out objects where a listing goes on behind a key, so no listing is known to be whole",
        rule="complete listing",
        next_step="copy the bucket to a service that lists all that it holds",
    )


def _now_of(client: Any, bucket: str) -> datetime:
    """The service's own time; this machine's where it does not tell."""
    answer: dict[str, Any] = {}
    with suppress(ClientError):
        answer = client.head_bucket(Bucket=bucket)
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    return parsedate_to_datetime(said) if said else datetime.now(UTC)


def _older(client: Any, bucket: str, prefix: str, than: datetime) -> int:
    """Count objects that were written before a time, by the call that knows no versions.

    SeaweedFS lists them all there, and of versions it leaves out ``a-b`` behind a page that ends in ``a/``.
    """
    found = 0
    for listed in _listed(client, bucket, prefix, {}):
        for raw in listed:
            written = raw["LastModified"]
            found += (datetime.fromisoformat(written) if isinstance(written, str) else written) < than
    return found


def _listed(client: Any, bucket: str, prefix: str, start: Mapping[str, str]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Pages of objects; raises Refused for a service that cannot say where a listing goes on."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **start):
        yield page.get("Contents", ())
        if page.get("IsTruncated") and not page.get("NextContinuationToken"):
            raise _incomplete()


def histories_of(
    client: Any, bucket: str, keys: Collection[str], *, has_versions: bool = False
) -> dict[str, list[Version]]:
    """The versions of these keys, the latest first; one that has none is not in it.

    Lists what lies between the first and the last of them, so that a folder's batches together list it once; several
    parts of it side by side, because a service takes its time for each page.

    Raises Refused where there must be versions (``has_versions``), and the service shows none.
    """
    ordered, listing = sorted(keys), _pages(client, bucket, has_versions=has_versions)
    size = max(_PART_LEAST, -(-len(ordered) // _SIDE_BY_SIDE))
    parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    grouped: dict[str, list[Version]] = {}
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
        for versions in pool.map(lambda part: _between(listing, part), parts):
            for version in versions:
                grouped.setdefault(version.key, []).append(version)
    for history in grouped.values():
        history.sort(key=lambda version: not version.is_latest)
    return grouped


def _between(pages: Pages, keys: Sequence[str]) -> list[Version]:
    """The versions of keys, in one listing from the first of them to the last."""
    wanted, first, last = set(keys), keys[0], keys[-1]
    prefix = commonprefix([first, last])  # noqa: RUF071 - the service compares characters too
    # A listing begins behind its marker: behind the longest key that is a beginning of the first one.
    start = {"KeyMarker": first[:-1]} if len(first) - 1 > len(prefix) else {}
    found: list[Version] = []
    for page in pages(prefix, start):
        found += [version for version in page if version.key in wanted]
        if page and max(version.key for version in page) > last:
            break
    return found


def _pages(client: Any, bucket: str, *, has_versions: bool = False) -> Pages:
    """How the bucket is listed: by versions, and by objects where it never kept any, unless it must have some.

    Of SeaweedFS only the latter is whole, and has the tags that objects are read with.
    """
    if not keeps_none(client, bucket):
        return partial(_versions, client, bucket)
    if has_versions:
        raise Refused(
            "the service shows no versions any more, and the order names some",
            rule="the approved system, no other",
            next_step="point the connection to the planned service, or find out what became of the bucket",
        )
    return partial(_objects, client, bucket)


def _objects(client: Any, bucket: str, prefix: str, start: Mapping[str, str]) -> Iterator[list[Version]]:
    behind = {"StartAfter": start["KeyMarker"]} if start else {}
    for listed in _listed(client, bucket, prefix, behind):
        yield [_version(raw, UNNAMED, is_latest=True) for raw in listed]


def _versions(client: Any, bucket: str, prefix: str, start: Mapping[str, str]) -> Iterator[list[Version]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix, **start):
        yield [_version(raw, raw["VersionId"], is_latest=raw["IsLatest"]) for raw in page.get("Versions", ())] + [
            Version(raw["Key"], raw["VersionId"], "", 0, raw["IsLatest"], is_marker=True)
            for raw in page.get("DeleteMarkers", ())
        ]


def _version(raw: Mapping[str, Any], version_id: str, *, is_latest: bool) -> Version:
    """A version as it is listed, with its tag as headers have it: rclone's service lists it without quotation marks."""
    tag = raw["ETag"] if raw["ETag"].endswith('"') else f'"{raw["ETag"]}"'
    storage_class = raw.get("StorageClass") or "STANDARD"
    return Version(raw["Key"], version_id, tag, raw["Size"], is_latest, is_marker=False, storage_class=storage_class)


def histories(client: Any, bucket: str, prefix: str, keys: set[str] | None = None) -> dict[str, list[Version]]:
    """Group the versions under a prefix by key, the latest first; only ``keys`` when given."""
    grouped: dict[str, list[Version]] = {}
    for version in list_versions(client, bucket, prefix):
        if keys is None or version.key in keys:
            grouped.setdefault(version.key, []).append(version)
    for history in grouped.values():
        history.sort(key=lambda version: not version.is_latest)
    return grouped
