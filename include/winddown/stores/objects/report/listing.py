"""A bucket's versions as an S3 Inventory report lists them, in the shape of a live listing.

A report is a day or more old and eventually consistent. It says what to look at first; it proves nothing, and nothing
is planned or done by it.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from botocore.exceptions import ClientError

from winddown.domain.inventory import Fact
from winddown.stores.objects.faults import translated
from winddown.stores.objects.report.manifest import (
    TORN,
    Manifest,
    Part,
    empty,
    find_manifest,
    read_manifest,
    scope,
    unusable,
)
from winddown.stores.objects.report.rows import SCHEMA, read_rows
from winddown.stores.objects.report.sorting import Sorted
from winddown.stores.objects.versions import Version

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """Where reports of a bucket are delivered.

    Attributes:
        location: key of a manifest.json, or of the folder whose newest report is taken.
        scratch: folder for nameless files while a report is read; made when it is not there.
    """

    bucket: str
    location: str
    scratch: Path

    @classmethod
    def parse(cls, address: str, scratch: Path) -> Self:
        """Read ``s3://bucket/location``."""
        bucket, _, location = address.removeprefix("s3://").partition("/")
        return cls(bucket, location, scratch)


class Listing:
    """A report that was read and compared with all of its checksums. Close it to let go of its keys.

    Attributes:
        facts: which report it is; after ``by_key`` also what of it was unclear.
    """

    def __init__(self, store: str, rows: Sorted, facts: list[Fact]) -> None:
        self.facts = facts
        self._store, self._rows = store, rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.__exit__(kind, error, trace)

    def by_key(self) -> Iterator[list[Version]]:
        """Yield each key's versions, the latest first, in the order of keys.

        A key of which the report does not name one latest version, because it changed while the service looked
        through the bucket, is counted and left to the next live listing.
        """
        unclear = 0
        for _, rows in groupby(self._rows.rows(), key=itemgetter(0)):
            history = sorted({Version(*row) for row in rows}, key=lambda found: (not found.is_latest, found.version_id))
            latest = sum(found.is_latest for found in history)
            if latest != 1 or len({found.version_id for found in history}) != len(history):
                unclear += 1
                continue
            yield history
        self.facts.append(Fact(self._store, "unclear-in-report", f"{unclear} keys without one latest version"))


def read_report(store: str, client: Any, bucket: str, place: ReportPlace) -> Listing:
    """Fetch a report, check all of it and sort it; nothing of one that fails a check is used.

    Raises Refused for a report that is missing, torn, of another bucket, of a part of it, or of current versions only.
    """
    place.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with translated(store, "reading the inventory report"), ExitStack() as opened:
        key = find_manifest(client, place.bucket, place.location)
        manifest = read_manifest(client, place.bucket, key, of=bucket)
        extent = scope(client, bucket, key)
        sorted_rows = opened.enter_context(Sorted(SCHEMA, place.scratch))
        count = 0
        for part in manifest.parts:
            with tempfile.TemporaryFile(dir=place.scratch) as file:
                _fetch(client, place.bucket, part, into=cast("BinaryIO", file))
                for batch in read_rows(manifest, cast("BinaryIO", file), bucket=bucket):
                    sorted_rows.add(batch)
                    count += batch.num_rows
        if not count:
            raise empty()
        opened.pop_all()
    return Listing(store, sorted_rows, [_named(store, manifest, count), Fact(store, "report-scope", extent)])


def _named(store: str, manifest: Manifest, count: int) -> Fact:
    at = f"{manifest.created_at:%Y-%m-%dT%H-%MZ}"
    return Fact(
        store,
        "inventory-report",
        f"{manifest.form} of {at}, {count} versions in {len(manifest.parts)} files, manifest sha256 {manifest.sha256}",
    )


def _fetch(client: Any, bucket: str, part: Part, *, into: BinaryIO) -> None:
    try:
        body = client.get_object(Bucket=bucket, Key=part.key)["Body"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
            raise unusable("lacks a file that its manifest names", TORN) from None
        raise
    hasher, size = hashlib.md5(usedforsecurity=False), 0
    for piece in body.iter_chunks(_PIECE):
        into.write(piece)
        hasher.update(piece)
        size += len(piece)
        if size > part.size:
            break
    if (size, hasher.hexdigest()) != (part.size, part.md5.lower()):
        raise unusable("has a file that is not the one of its checksum", TORN)
    into.seek(0)
