"""Writes an object of any size: small ones in one request, others in parts, some of which the service copies itself.

A service takes at most 10,000 parts, in order, each but the last of 5 MiB or more. Ranges of a new object that are
ranges of the old one need not be sent when they are that long; what is too short goes with what surrounds it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from winddown.domain.inventory import CollectionRef
from winddown.stores.objects.formats.change import Copied
from winddown.stores.objects.gathering import folder_of, place_of, prefix_of

PART_LEAST = 5 << 20
SINGLE = 16 << 20  # up to here an object is sent in one request
_SENT = 16 << 20  # a part that is sent; more where there would be too many
_COPIED_MOST = 4 << 30
_PARTS = 2_500  # a quarter of what a service takes: copied ones, sent ones, and what lies between copied ones
_NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a new object; ``origin`` is where it lies in the old one, None when it has to be sent."""

    start: int
    size: int
    origin: int | None = None


def abort_uploads(client: Any, bucket: str, ref: CollectionRef, *, below: bool = False) -> int:
    """Abort every upload in parts that lies in a collection's folder, whoever began it; return how many they were.

    ``below``: folders inside it count as well, as all that lies below a table's folder belongs to it.
    """
    aborted = 0
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix_of(ref)):
        for upload in page.get("Uploads", ()):
            if below or place_of(upload["Key"]).folder == folder_of(ref):
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                aborted += 1
    return aborted


class Body(Protocol):
    """What is written; ranges are taken once each, in their order."""

    def take(self, start: int, size: int) -> bytes:
        """The bytes of a range."""
        ...


def parts_of(size: int, copied: Sequence[Copied] = ()) -> list[Part]:
    """Cut a new object of ``size`` bytes into parts.

    >>> parts_of(30 << 20, [Copied(4, 4, 12 << 20)])
    [Part(start=0, size=5242880, origin=None), Part(start=5242880, size=7340036, origin=5242880), \
Part(start=12582916, size=9437182, origin=None), Part(start=22020098, size=9437182, origin=None)]
    """
    unit = -(-size // _PARTS)
    found: list[Part] = []
    start = 0
    for each in copied:
        gap = each.sink - start
        skipped = max(PART_LEAST - gap, 0) if gap else 0
        left = each.size - skipped
        if left < max(PART_LEAST, unit):
            continue
        found += _cut(start, gap + skipped, most=max(_SENT, unit))
        found += _cut(each.sink + skipped, left, most=_COPIED_MOST, origin=each.source + skipped)
        start = each.sink + each.size
    return [*found, *_cut(start, size - start, most=max(_SENT, unit))]


def _cut(start: int, size: int, *, most: int, origin: int | None = None) -> Iterator[Part]:
    """Parts of nearly equal size, so that none is too small."""
    count = -(-size // most)
    for number in range(count):
        first, last = size * number // count, size * (number + 1) // count
        yield Part(start + first, last - first, None if origin is None else origin + first)


@dataclass(frozen=True, slots=True)
class Upload:
    """One object to be written.

    Attributes:
        named: bucket and key.
        attributes: what it has beside its body, as a request says it.
        condition: under which it may be written, as a request says it; empty where the service knows none.
    """

    client: Any
    named: Mapping[str, str]
    attributes: Mapping[str, Any]
    condition: Mapping[str, str]

    def any_size(self, body: Body, size: int) -> Mapping[str, Any]:
        """Send it in one request, or in parts; returns the service's answer, which names what was written."""
        return self.whole(body, size) if size <= SINGLE else self.parted(body, parts_of(size))

    def whole(self, body: Body, size: int) -> Mapping[str, Any]:
        """Send it in one request; memory for all of it. Returns the service's answer."""
        answer: Mapping[str, Any] = self.client.put_object(
            **self.named, Body=body.take(0, size), **self.attributes, **self.condition
        )
        return answer

    def parted(
        self, body: Body, parts: Sequence[Part], *, source: Mapping[str, str] = _NOWHERE, tag: str = ""
    ) -> Mapping[str, Any]:
        """Send and copy its parts; memory for one of them. What fails leaves no upload behind, unless it is killed.

        Parts are copied from ``source``, as long as it has this tag. Returns the service's answer, which names what
        was written.
        """
        started = self.client.create_multipart_upload(**self.named, **self.attributes)
        upload = {**self.named, "UploadId": started["UploadId"]}
        try:
            done = []
            for number, part in enumerate(parts, start=1):
                if part.origin is None:
                    piece = body.take(part.start, part.size)
                    answer = self.client.upload_part(**upload, PartNumber=number, Body=piece)
                else:
                    answer = self.client.upload_part_copy(
                        **upload,
                        PartNumber=number,
                        CopySource=dict(source),
                        CopySourceIfMatch=tag,
                        CopySourceRange=f"bytes={part.origin}-{part.origin + part.size - 1}",
                    )["CopyPartResult"]
                done.append({"PartNumber": number, "ETag": answer["ETag"]})
            written: Mapping[str, Any] = self.client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": done}, **self.condition
            )
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self.client.abort_multipart_upload(**upload)
            raise
        return written
