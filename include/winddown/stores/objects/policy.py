"""Freezes a bucket by its policy, and gives up where that would lock us out as well.

A service that cannot tell users apart would deny us with the rest, and then nothing could be restored: so a probe is
written and deleted afterwards, and when that is denied the old policy comes back and nothing counts as frozen.
"""

import json
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from winddown.domain.errors import Refused
from winddown.stores.objects.abilities import PROBE
from winddown.stores.objects.faults import UNKNOWN_CODES, code_of
from winddown.stores.objects.locks import locks_by_default
from winddown.stores.objects.versions import UNNAMED, histories

_POLICY_ID = "winddown-freeze"
_FORBIDDEN = 403
# Services know users by one of these or by both. One that ignores a condition which it does not know ignores the whole
# statement with it (Ceph: the first), one that refuses it is asked again without it.
_CONDITIONS = ({"aws:PrincipalArn": "arn:aws:iam::*:user/winddown-*"}, {"aws:username": "winddown-*"})
_NOT_UNDERSTOOD = {"MalformedPolicy", "InvalidArgument", "InvalidPolicyDocument", *UNKNOWN_CODES}
_NONE_THERE = {"NoSuchBucketPolicy", *UNKNOWN_CODES}


def policy_without_freeze(client: Any, bucket: str) -> str:
    """The bucket's policy as JSON, without our own statement; ``{}`` when it has no other."""
    policy = _policy(client, bucket)
    statements = [found for found in _statements(policy) if not str(found.get("Sid", "")).startswith(_POLICY_ID)]
    return json.dumps({**policy, "Statement": statements} if statements else {})


def deny_writes(client: Any, bucket: str, before: str) -> bool:
    """Add our statement to a policy; False, and the policy as it was, when we cannot write ourselves then."""
    policy = json.loads(before)
    for conditions in (_CONDITIONS, _CONDITIONS[:1], _CONDITIONS[1:]):
        denials = [_deny(bucket, number, condition) for number, condition in enumerate(conditions)]
        frozen = {"Version": "2012-10-17", **policy, "Statement": [*_statements(policy), *denials]}
        try:
            client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(frozen))
        except ClientError as error:
            if code_of(error) not in _NOT_UNDERSTOOD:
                raise
            continue
        if _can_write(client, bucket):
            return True
        put_policy(client, bucket, before)
        _remove_probe(client, bucket)
    return False


def is_frozen(client: Any, bucket: str) -> bool:
    """Whether our statement stands in the policy."""
    return any(str(found.get("Sid", "")).startswith(_POLICY_ID) for found in _statements(_policy(client, bucket)))


def put_policy(client: Any, bucket: str, policy: str) -> None:
    """Put a policy back; ``{}`` removes it, which is nothing where there is none, or the service knows no policies."""
    if policy != "{}":
        client.put_bucket_policy(Bucket=bucket, Policy=policy)
        return
    try:
        client.delete_bucket_policy(Bucket=bucket)
    except ClientError as error:
        if code_of(error) not in _NONE_THERE:
            raise


def _can_write(client: Any, bucket: str) -> bool:
    """Write and delete an empty object, the way quarantine and purge do; some services check only one of them.

    Where the bucket locks what is written, the object could not be deleted: there a marker, which nothing locks, is put
    and removed. Nothing is rewritten in such a bucket.
    """
    try:
        probing = client.delete_object if locks_by_default(client, bucket) else partial(client.put_object, Body=b"")
        version = probing(Bucket=bucket, Key=PROBE).get("VersionId", UNNAMED)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == _FORBIDDEN:
            return False
        raise
    objects = [{"Key": PROBE, "VersionId": version}]
    return not client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")


def _remove_probe(client: Any, bucket: str) -> None:
    for version in histories(client, bucket, PROBE, {PROBE}).get(PROBE, []):
        client.delete_object(Bucket=bucket, Key=PROBE, VersionId=version.version_id)


def _policy(client: Any, bucket: str) -> dict[str, Any]:
    try:
        said = client.get_bucket_policy(Bucket=bucket)["Policy"]
    except ClientError as error:
        if code_of(error) in _NONE_THERE:
            return {}
        raise
    if "<ListBucketResult" in said:  # rclone's service overhears the question, and lists the bucket
        return {}
    try:
        policy: dict[str, Any] = json.loads(said)
    except ValueError:
        raise Refused(
            "the service answers with no policy where it is asked for the bucket's",
            rule="freeze remembers first",
            next_step="look at what stands between winddown and the service, then clear the task",
        ) from None
    return policy


def _statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a policy; a single one may stand without a list."""
    found = policy.get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def _deny(bucket: str, number: int, condition: dict[str, str]) -> dict[str, Any]:
    return {
        "Sid": f"{_POLICY_ID}-{number}" if number else _POLICY_ID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringNotLike": condition},
    }
