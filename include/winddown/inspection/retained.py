"""Tells whether the object service keeps a version for a time."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from winddown.domain.errors import Transient

# What services answer where nothing locks a version, or it is gone.
_NOTHING = {
    "NoSuchObjectLockConfiguration",
    "NoSuchObjectLegalHold",
    "ObjectLockConfigurationNotFoundError",
    "NoSuchKey",
    "NoSuchVersion",
}


def is_retained(client: Any, bucket: str, version: Mapping[str, Any], *, store: str) -> bool:
    """Whether a version has a day until which it is retained, also one that is over by now, and is not held.

    Raises:
        Transient: the service does not tell; ``store`` is for the message.
    """
    named = {"Bucket": bucket, "Key": version["key"], "VersionId": version["version"]}
    try:
        retention = _told(client.get_object_retention, named).get("Retention", {})
        hold = _told(client.get_object_legal_hold, named).get("LegalHold", {})
    except (ClientError, BotoCoreError):
        raise Transient(f"the inspector cannot ask for the locks of store {store}") from None
    return bool(retention.get("RetainUntilDate")) and hold.get("Status") != "ON"


def _told(ask: Any, named: Mapping[str, str]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = ask(**named)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _NOTHING:
            return {}
        raise
    return answer
