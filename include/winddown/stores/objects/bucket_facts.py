"""What a bucket says of itself: each question is asked by itself, and one that may not be asked is answered so."""

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from winddown.domain.errors import Refused
from winddown.domain.inventory import Fact
from winddown.stores.objects.faults import UNKNOWN_CODES, is_passing
from winddown.stores.objects.versions import keeps_none

# What services answer where nothing was configured.
_NOTHING = {
    "NoSuchLifecycleConfiguration",
    "ReplicationConfigurationNotFoundError",
    "ObjectLockConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchReplicationConfiguration",
    "NoSuchObjectLockConfiguration",
    "NoSuchConfiguration",
}
NONE, NOT_KNOWN, NEVER = "none", "not known", "Never"


def bucket_facts(client: Any, bucket: str, store: str) -> Iterator[Fact]:
    """Yield region, encryption, lock, lifecycle, unfinished uploads, and where copies and names of objects go to.

    A refusal is a fact as well.
    """
    questions: dict[str, Callable[[], str]] = {
        "region": lambda: client.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1",
        "encryption": lambda: _encryption(client.get_bucket_encryption(Bucket=bucket)),
        "object-lock": lambda: _lock(client.get_object_lock_configuration(Bucket=bucket)),
        "lifecycle": lambda: _lifecycle(client.get_bucket_lifecycle_configuration(Bucket=bucket)),
        "replication": lambda: _replication(client.get_bucket_replication(Bucket=bucket)),
        "inventory-reports": lambda: _reports(client.list_bucket_inventory_configurations(Bucket=bucket)),
        "access-logs": lambda: _logs(client.get_bucket_logging(Bucket=bucket)),
        "uploads-in-progress": lambda: str(sum(_uploads(client, bucket))),
    }
    for name, ask in questions.items():
        yield Fact(store, name, _answer(ask))


def versioning(client: Any, bucket: str) -> tuple[str, str]:
    """Return the state of versioning, and the service's code when it may not be asked (then the state is not known).

    A service that has no versions to list never kept any.
    """
    try:
        return client.get_bucket_versioning(Bucket=bucket).get("Status") or NEVER, ""
    except ClientError as error:
        code = _code(error)
        if code in {"NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch"}:
            raise
        if is_passing(error):
            raise
        is_without = code in UNKNOWN_CODES and keeps_none(client, bucket)
        return (NEVER, "") if is_without else (NOT_KNOWN, code)


def required_versioning(client: Any, bucket: str) -> str:
    """Return the state of versioning; raises Refused when it may not be asked."""
    state, code = versioning(client, bucket)
    if code:
        raise Refused(
            f"whether the bucket keeps versions could not be asked ({code})",
            rule="reversible until purge",
            next_step="allow winddown's users s3:GetBucketVersioning, then clear the task",
        )
    return state


def deletes_noncurrent(client: Any, bucket: str) -> bool:
    """Whether an enabled lifecycle rule deletes versions that are not current; False where it may not be asked."""
    try:
        rules = client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", [])
    except ClientError:
        return False
    return any(rule.get("Status") == "Enabled" and rule.get("NoncurrentVersionExpiration") for rule in rules)


def _answer(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except ClientError as error:
        code = _code(error)
        return NONE if code in _NOTHING else f"{NOT_KNOWN}: {code}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _encryption(answer: dict[str, Any]) -> str:
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    found = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "") for rule in rules]
    return ", ".join(filter(None, found)) or NONE


def _lock(answer: dict[str, Any]) -> str:
    found = answer.get("ObjectLockConfiguration", {})
    default = found.get("Rule", {}).get("DefaultRetention", {})
    if not default:
        return str(found.get("ObjectLockEnabled", NONE)).lower()
    length = f"{default['Days']} days" if default.get("Days") else f"{default.get('Years', '?')} years"
    return f"{str(found.get('ObjectLockEnabled', '')).lower()}, {default.get('Mode', '').lower()} for {length}"


def _lifecycle(answer: dict[str, Any]) -> str:
    """What the enabled rules do, in the service's words; a rule's prefix may name persons and is not told."""
    acts = ("Expiration", "NoncurrentVersionExpiration", "Transitions", "AbortIncompleteMultipartUpload")
    rules = [rule for rule in answer.get("Rules", []) if rule.get("Status") == "Enabled"]
    found = sorted({act for rule in rules for act in acts if rule.get(act)})
    return f"{len(rules)} rules: {', '.join(found)}" if rules else NONE


def _replication(answer: dict[str, Any]) -> str:
    rules = answer.get("ReplicationConfiguration", {}).get("Rules", [])
    targets = {rule.get("Destination", {}).get("Bucket", "") for rule in rules if rule.get("Status") == "Enabled"}
    return f"copies to {', '.join(sorted(targets))}" if targets else NONE


def _reports(answer: dict[str, Any]) -> str:
    found = answer.get("InventoryConfigurationList", [])
    targets = {report.get("Destination", {}).get("S3BucketDestination", {}).get("Bucket", "") for report in found}
    return f"to {', '.join(sorted(targets))}" if targets else NONE


def _logs(answer: dict[str, Any]) -> str:
    target = answer.get("LoggingEnabled", {}).get("TargetBucket", "")
    return f"to {target}" if target else NONE


def _uploads(client: Any, bucket: str) -> Iterator[int]:
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        yield len(page.get("Uploads", ()))
