"""What an S3-compatible service can do, found out by trying it on one small object that is removed again.

Services differ, and some accept a header and ignore it, so an ability counts only when it is seen to have an effect.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from winddown.stores.objects.faults import code_of, is_passing
from winddown.stores.objects.versions import histories, list_versions

PROBE = "winddown-probe"
_CHINESE = "客户"
_BESIDE, _BELOW = "-b", "/a"  # the first one comes before the second, as keys are ordered
_TRIED = re.compile(rf"{PROBE}(-[0-9a-f]{{16}}({_CHINESE}|{_BESIDE}|{_BELOW})?)?")
_WRONG = '"00000000000000000000000000000000"'
_DENIED = {"AccessDenied", "403"}
_LOOKS = 4
_RANGE = 5 << 20  # services copy ranges of objects above this size alone

Ability = Callable[[Any, str], bool]


class Abilities:
    """What is known of one bucket's service; each ability is tried when it is asked for, once."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._known: dict[Ability, bool] = {}

    def can(self, client: Any, ability: Ability) -> bool:
        """Whether the service has an ability, one of the functions of this module."""
        if ability not in self._known:
            self._known[ability] = ability(client, self._bucket)
        return self._known[ability]

    def lack(self, ability: Ability) -> None:
        """Know from now on that the service does not have an ability, whatever a trial said."""
        self._known[ability] = False


def writes_conditionally(client: Any, bucket: str) -> bool:
    """Whether ``If-Match`` on a write is obeyed: refused for a wrong tag, let through for the right one."""
    with probe(client, bucket) as key:
        tag = client.put_object(Bucket=bucket, Key=key, Body=b"1")["ETag"]
        return not _is_done(lambda: client.put_object(Bucket=bucket, Key=key, Body=b"2", IfMatch=_WRONG)) and _is_done(
            lambda: client.put_object(Bucket=bucket, Key=key, Body=b"2", IfMatch=tag)
        )


def creates_conditionally(client: Any, bucket: str) -> bool:
    """Whether ``If-None-Match: *`` on a write is obeyed: refused where an object is, let through where none is."""
    with probe(client, bucket) as key:

        def create() -> Any:
            return client.put_object(Bucket=bucket, Key=key, Body=b"2", IfNoneMatch="*")

        return _is_done(create) and not _is_done(create)


def completes_conditionally(client: Any, bucket: str) -> bool:
    """Whether ``If-Match`` is obeyed where the parts of an object are put together."""
    with probe(client, bucket) as key:
        tag = client.put_object(Bucket=bucket, Key=key, Body=b"1")["ETag"]
        return not _is_completed(client, bucket, key, IfMatch=_WRONG) and _is_completed(
            client, bucket, key, IfMatch=tag
        )


def completes_where_none_is(client: Any, bucket: str) -> bool:
    """Whether ``If-None-Match: *`` is obeyed where the parts of an object are put together."""
    with probe(client, bucket) as key:
        return _is_completed(client, bucket, key, IfNoneMatch="*") and not _is_completed(
            client, bucket, key, IfNoneMatch="*"
        )


def deletes_conditionally(client: Any, bucket: str) -> bool:
    """Whether ``If-Match`` on a deletion is obeyed, in a bucket without versions."""
    with probe(client, bucket) as key:
        tag = client.put_object(Bucket=bucket, Key=key, Body=b"1")["ETag"]
        return not _is_done(lambda: client.delete_object(Bucket=bucket, Key=key, IfMatch=_WRONG)) and _is_done(
            lambda: client.delete_object(Bucket=bucket, Key=key, IfMatch=tag)
        )


def shows_again(client: Any, bucket: str) -> bool:
    """Whether an object with a Chinese name shows again once the marker above it is taken away, in a versioned bucket.

    OpenStack Swift 2.30 forgets it for such names alone. Who may put markers, but no objects, cannot try it.
    """
    with probe(client, bucket, called=_CHINESE) as key:
        try:
            client.put_object(Bucket=bucket, Key=key, Body=b"1")
        except ClientError as error:
            if code_of(error) in _DENIED:
                return True
            raise
        marker = client.delete_object(Bucket=bucket, Key=key).get("VersionId")
        if marker is None:  # Some services do not say it.
            marker = histories(client, bucket, key, {key})[key][0].version_id
        client.delete_object(Bucket=bucket, Key=key, VersionId=marker)
        return _is_done(lambda: client.head_object(Bucket=bucket, Key=key))


def lists_all(client: Any, bucket: str) -> bool:
    """Whether a listing of versions in small pages has what lies beside a folder of the same beginning.

    SeaweedFS 4.48 leaves it out behind a page that ends in the folder. Who may put no objects tries it with markers.
    """
    with probe(client, bucket, called=_BESIDE) as beside:
        start = beside.removesuffix(_BESIDE)
        _put(client, bucket, beside)
        below = f"{start}{_BELOW}"
        _put(client, bucket, below)
        try:
            # Some list what was a moment ago; that passes, and what is left out by habit does not.
            return any({beside, below} <= _in_small_pages(client, bucket, start) for _ in range(_LOOKS))
        finally:
            _remove(client, bucket, below)


def _in_small_pages(client: Any, bucket: str, prefix: str) -> set[str]:
    """Keys of versions and markers, listed one at a time."""
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": 1}
    )
    return {each["Key"] for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, ())}


def _put(client: Any, bucket: str, key: str) -> None:
    try:
        client.put_object(Bucket=bucket, Key=key, Body=b"1")
    except ClientError as error:
        if code_of(error) not in _DENIED:
            raise
        client.delete_object(Bucket=bucket, Key=key)


def copies_ranges(client: Any, bucket: str) -> bool:
    """Whether a part of an object can be copied from a range of another one, by what comes of it."""
    body = bytes(_RANGE) + b"range"
    with probe(client, bucket) as key:
        client.put_object(Bucket=bucket, Key=key, Body=body)
        source = {"Bucket": bucket, "Key": key}
        named = {**source, "UploadId": client.create_multipart_upload(**source)["UploadId"]}

        def copy() -> None:
            where = f"bytes={_RANGE}-{len(body) - 1}"
            copied = client.upload_part_copy(**named, PartNumber=1, CopySource=source, CopySourceRange=where)
            parts = {"Parts": [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}]}
            client.complete_multipart_upload(**named, MultipartUpload=parts)

        if not _is_done(copy):
            with suppress(ClientError):
                client.abort_multipart_upload(**named)
            return False
        return bool(client.get_object(**source)["Body"].read() == body[_RANGE:])


def _is_completed(client: Any, bucket: str, key: str, **condition: str) -> bool:
    named = {"Bucket": bucket, "Key": key}
    upload = {**named, "UploadId": client.create_multipart_upload(**named)["UploadId"]}
    tag = client.upload_part(**upload, PartNumber=1, Body=b"2")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    is_done = _is_done(lambda: client.complete_multipart_upload(**upload, MultipartUpload=parts, **condition))
    if not is_done:
        with suppress(ClientError):
            client.abort_multipart_upload(**upload)
    return is_done


def _is_done(act: Callable[[], Any]) -> bool:
    """Whether the service does it; raises where it says that we may not, or is busy: that tells nothing."""
    try:
        act()
    except ClientError as error:
        if code_of(error) in _DENIED or is_passing(error):
            raise
        return False
    return True


@contextmanager
def probe(client: Any, bucket: str, *, called: str = "") -> Iterator[str]:
    """Yield a key for trials that no other worker uses; every version of it is deleted afterwards."""
    key = f"{PROBE}-{secrets.token_hex(8)}{called}"
    try:
        yield key
    finally:
        _remove(client, bucket, key)


def _remove(client: Any, bucket: str, key: str) -> None:
    """Delete what a trial wrote, also where the service is busy now and then, or lists what was a moment ago."""
    was_seen = False
    for _ in range(_LOOKS):
        try:
            found = histories(client, bucket, key, {key}).get(key, [])
            for version in found:
                client.delete_object(Bucket=bucket, Key=key, VersionId=version.version_id)
        except (ClientError, BotoCoreError) as error:
            if not is_passing(error):
                raise
            continue
        if was_seen and not found:
            return
        was_seen = was_seen or bool(found)


def remove_probes(client: Any, bucket: str) -> None:
    """Delete every trial's object; a trial of another worker that goes on meanwhile finds less than there is."""
    for version in list_versions(client, bucket, PROBE):
        if _TRIED.fullmatch(version.key):
            client.delete_object(Bucket=bucket, Key=version.key, VersionId=version.version_id)
