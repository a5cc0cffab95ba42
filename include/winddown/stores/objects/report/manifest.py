"""An S3 Inventory report's manifest, found and compared with its checksum before anything in it is believed
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html).

``prefix/bucket/config/YYYY-MM-DDTHH-MMZ/manifest.json`` names the report's files with their MD5; ``manifest.checksum``
beside it is its own MD5, and is written last. These catch what is torn or mixed up; whoever may write to that bucket
can forge both, so a report never serves for more than a first look. The manifest does not say whether the report was
filtered by a prefix: the bucket's configuration does, when it may be asked.
"""  # noqa: D205 - the address is part of the sentence

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from winddown.domain.errors import Refused

_NAME, _CHECKSUM = "manifest.json", "manifest.checksum"
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\dZ/")
_MOST = 1 << 26  # bytes of a manifest; one of a thousand files has some hundred kilobytes
_OF_VERSIONS = {"version_id", "is_latest", "is_delete_marker"}
NEEDED = frozenset({"bucket", "key", "size", "e_tag", *_OF_VERSIONS})
_MISSING = {"NoSuchKey", "NoSuchBucket", "404"}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the report."""

    key: str
    size: int
    md5: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a report says of itself.

    Attributes:
        created_at: when the service began to look through the bucket.
        sha256: of the manifest as it was read.
        form: ``CSV``, ``ORC`` or ``Parquet``.
        columns: as in ORC and Parquet, e.g. ``is_delete_marker``; for CSV in the files' order.
    """

    created_at: datetime
    sha256: str
    form: str
    columns: tuple[str, ...]
    parts: tuple[Part, ...]


def unusable(what: str, next_step: str) -> Refused:
    """The refusal of a report."""
    return Refused(f"the inventory report {what}", rule="usable report", next_step=next_step)


TORN = "wait for the next report, or take the option `inventory` out of the case file"


def empty() -> Refused:
    """The refusal of a report without a version in it."""
    return unusable("lists nothing", "list the bucket itself: take the option `inventory` out of the case file")


def find_manifest(client: Any, bucket: str, location: str) -> str:
    """The manifest's key: ``location`` itself, or that of the newest report whose folder begins with it."""
    if location.endswith(f"/{_NAME}"):
        return location
    prefix = location.rstrip("/") + "/"
    stamps: list[str] = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        names = [str(found["Prefix"]).removeprefix(prefix) for found in page.get("CommonPrefixes", ())]
        stamps = sorted([*stamps, *filter(_STAMP.fullmatch, names)])[-1:]
    if not stamps:
        raise unusable(
            "is not where the case file says: no folder there has a report's time as its name",
            "give the folder of the configuration (s3://bucket/prefix/source-bucket/configuration) or a manifest.json",
        )
    return f"{prefix}{stamps[0]}{_NAME}"


def read_manifest(client: Any, bucket: str, key: str, *, of: str) -> Manifest:
    """Read and check a manifest; ``of`` is the bucket that it has to be about.

    Raises Refused for one that is missing, not finished, torn, of another bucket, or without what discovery needs.
    """
    content = _content(client, bucket, key, missing="has no manifest.json")
    checksum = _content(client, bucket, key.removesuffix(_NAME) + _CHECKSUM, missing="is not complete yet")
    if hashlib.md5(content, usedforsecurity=False).hexdigest().encode() != checksum.strip().lower():
        raise unusable("has a manifest that is not the one of its checksum", TORN)
    try:
        raw = json.loads(content)
        is_ours = raw["sourceBucket"] == of
        form, schema = raw["fileFormat"], raw["fileSchema"]
        created_at = datetime.fromtimestamp(int(raw["creationTimestamp"]) / 1000, tz=UTC)
        parts = tuple(Part(str(each["key"]), int(each["size"]), str(each["MD5checksum"])) for each in raw["files"])
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        raise unusable("has a manifest that is none of S3 Inventory", TORN) from None
    if not is_ours:
        raise unusable("is of another bucket", "give the report of this store's bucket")
    if form not in {"CSV", "ORC", "Parquet"} or not isinstance(schema, str):
        raise unusable("is in a format that S3 Inventory does not have", TORN)
    columns = tuple(_snake(name) for name in schema.split(", ")) if form == "CSV" else _words(schema)
    _require_columns(columns)
    if not parts:
        raise empty()
    return Manifest(created_at, hashlib.sha256(content).hexdigest(), form, columns, parts)


def scope(client: Any, bucket: str, key: str) -> str:
    """Whether the report was made of the whole bucket, as its configuration says; Refused when it was not."""
    *_, configuration, _, _ = ("", "", *key.split("/"))
    if not configuration:
        return "not known: no configuration in the report's name"
    try:
        answer = client.get_bucket_inventory_configuration(Bucket=bucket, Id=configuration)
    except ClientError as error:
        return f"not known: {error.response.get('Error', {}).get('Code', 'unknown')}"
    if answer.get("InventoryConfiguration", {}).get("Filter", {}).get("Prefix"):
        raise unusable("is of a part of the bucket", "have one made without a filter, or list the bucket itself")
    return "the whole bucket"


def _content(client: Any, bucket: str, key: str, *, missing: str) -> bytes:
    try:
        found = bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read(_MOST + 1))
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code", "")) in _MISSING:
            raise unusable(missing, TORN) from None
        raise
    if len(found) > _MOST:
        raise unusable("has a manifest beyond all measure", TORN)
    return found


def _require_columns(columns: tuple[str, ...]) -> None:
    lacking = sorted(NEEDED.difference(columns))
    if _OF_VERSIONS.intersection(lacking):
        raise unusable(
            "lists current versions only, and what lies below them would stay unseen",
            "have one made with all versions (IncludedObjectVersions: All), or list the bucket itself",
        )
    if lacking or len(set(columns)) != len(columns):
        raise unusable(
            f"has no column {', '.join(lacking)}" if lacking else "names a column twice",
            "have one made with the optional fields Size and ETag",
        )


def _snake(name: str) -> str:
    """Write a column of CSV as ORC and Parquet do.

    >>> [_snake(name) for name in ("ETag", "IsDeleteMarker")]
    ['e_tag', 'is_delete_marker']
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name.strip()).lower()


def _words(schema: str) -> tuple[str, ...]:
    """Names of columns in ``struct<a:type,…>`` and ``message m { optional binary a (UTF8); … }``."""
    found = re.findall(r"[<,]\s*(\w+)\s*:", schema) or re.findall(r"(?:required|optional) \w+ (\w+)", schema)
    return tuple(found)
