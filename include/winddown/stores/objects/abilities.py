"""What an S3-compatible service can do, found out by trying it on one small object that is removed again.

Services differ, and some accept a header and ignore it, so an ability counts only when it is seen to have an effect.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from winddown.stores.objects.faults import code_of
from winddown.stores.objects.versions import histories

PROBE = "winddown-probe"
_WRONG = '"00000000000000000000000000000000"'


def writes_conditionally(client: Any, bucket: str) -> bool:
    """Whether ``If-Match`` on a write is obeyed: refused for a wrong tag, let through for the right one."""
    with probe(client, bucket) as key:
        tag = client.put_object(Bucket=bucket, Key=key, Body=b"1")["ETag"]
        if _is_written(client, bucket, key, tag=_WRONG):
            return False
        return _is_written(client, bucket, key, tag=tag)


def _is_written(client: Any, bucket: str, key: str, *, tag: str) -> bool:
    try:
        client.put_object(Bucket=bucket, Key=key, Body=b"2", IfMatch=tag)
    except ClientError as error:
        if code_of(error) in {"AccessDenied", "403"}:
            raise
        return False
    return True


@contextmanager
def probe(client: Any, bucket: str) -> Iterator[str]:
    """Yield a key for trials; every version of it is deleted afterwards."""
    try:
        yield PROBE
    finally:
        for version in histories(client, bucket, PROBE, {PROBE}).get(PROBE, []):
            client.delete_object(Bucket=bucket, Key=PROBE, VersionId=version.version_id)
