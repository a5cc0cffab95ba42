"""Object Lock: what keeps a version from being deleted, and until when.

A service answers a locked version's deletion with the same AccessDenied as a missing right, so locks are asked for one
by one. They come and go without a new version.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from winddown.stores.objects.versions import Version

FACTS = {"governance": "governance-retention", "compliance": "compliance-retention", "hold": "object-legal-hold"}
_ASKERS = 8
_NONE = {
    "NoSuchObjectLockConfiguration",
    "NoSuchObjectLegalHold",  # SeaweedFS
    "ObjectLockConfigurationNotFoundError",
    "NoSuchKey",
    "NoSuchVersion",
    "MethodNotAllowed",  # a delete marker
}


@dataclass(frozen=True, slots=True)
class Lock:
    """What keeps one version.

    Attributes:
        mode: ``GOVERNANCE``, ``COMPLIANCE`` or "".
        until: last day of its retention (ISO date); "" without one.
        is_held: under a legal hold, which has no end of its own.
    """

    mode: str
    until: str
    is_held: bool


def has_locks(client: Any, bucket: str) -> bool:
    """Whether versions of the bucket may be locked; False where that may not be asked either."""
    return _configuration(client, bucket).get("ObjectLockEnabled") == "Enabled"


def locks_by_default(client: Any, bucket: str) -> bool:
    """Whether every version is locked from the moment in which it is written."""
    return "Rule" in _configuration(client, bucket)


def _configuration(client: Any, bucket: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = client.get_object_lock_configuration(Bucket=bucket).get("ObjectLockConfiguration", {})
    except ClientError:
        return {}
    return found


def lock_of(client: Any, bucket: str, version: Version) -> Lock | None:
    """What keeps a version now, or None. A retention that is over keeps nothing."""
    named = {"Bucket": bucket, "Key": version.key, "VersionId": version.version_id}
    retention = _answer(client.get_object_retention, named).get("Retention", {})
    hold = _answer(client.get_object_legal_hold, named).get("LegalHold", {})
    return _lock(retention.get("Mode"), retention.get("RetainUntilDate"), hold.get("Status"))


def locks_of(client: Any, bucket: str, versions: Iterable[Version]) -> dict[Version, Lock]:
    """Those of the versions that are kept by something."""
    asked = list(versions)
    if not asked:
        return {}
    with ThreadPoolExecutor(max_workers=_ASKERS) as pool:
        found = pool.map(lambda version: lock_of(client, bucket, version), asked)
        return {version: lock for version, lock in zip(asked, found, strict=True) if lock is not None}


def _lock(mode: str | None, until: datetime | str | None, hold: str | None) -> Lock | None:
    # A client that reads no dates, as the composition root makes them, hands out what the service wrote.
    end = datetime.fromisoformat(until) if isinstance(until, str) else until
    is_kept = bool(mode) and end is not None and end > datetime.now(UTC)
    if not is_kept and hold != "ON":
        return None
    return Lock(str(mode) if is_kept else "", end.date().isoformat() if is_kept and end else "", hold == "ON")


def _answer(ask: Any, named: dict[str, str]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = ask(**named)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _NONE:
            return {}
        raise
    return answer
