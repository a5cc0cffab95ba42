"""The end of a bucket: which one it is, what is still in it, and its deletion."""

from collections import Counter
from typing import Any

from botocore.exceptions import ClientError

from winddown.domain.errors import Refused, Residual
from winddown.stores.objects.faults import code_of
from winddown.stores.objects.versions import list_versions

_NOT_EMPTY = "BucketNotEmpty"


def made_at(client: Any, bucket: str) -> str:
    """When the bucket was made, as the client puts it; "" where the service lists no such bucket for this user."""
    try:
        pages = client.get_paginator("list_buckets").paginate()
        found = [each["CreationDate"] for page in pages for each in page.get("Buckets", ()) if each["Name"] == bucket]
    except ClientError:
        return ""
    return str(found[0]) if found else ""


def delete(client: Any, bucket: str, *, store: str) -> None:
    """Delete a bucket in which nothing is; the service refuses as well to delete one that is not empty.

    Raises:
        Residual: something is in it. Names are not told, because they may name persons.
    """
    found = _counted(client, bucket)
    if not found:
        try:
            client.delete_bucket(Bucket=bucket)
        except ClientError as error:
            if code_of(error) != _NOT_EMPTY:
                raise
            found = _counted(client, bucket) or Counter({"things that it does not list": 1})
        else:
            return
    said = ", ".join(f"{count} {what}" for what, count in sorted(found.items()))
    raise Residual(
        f"the bucket of store {store} is not empty: {said}",
        rule="only an empty bucket is deleted",
        next_step="find out who wrote there after the purge, move it or have it planned, then clear the task",
    )


def require_same(found: str, planned: str, *, store: str) -> None:
    """Raise Refused unless the bucket was made when the planned one was."""
    if found != planned:
        raise Refused(
            f"the bucket of store {store} is another one: planned was one made at {planned}, found "
            + (f"one made at {found}" if found else "none that we may see"),
            rule="the approved system, no other",
            next_step="leave it as it is: what was planned is gone, or find out what became of it",
        )


def _counted(client: Any, bucket: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for version in list_versions(client, bucket):
        found["delete markers" if version.is_marker else "versions"] += 1
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        found["uploads"] += len(page.get("Uploads", ()))
    return +found
