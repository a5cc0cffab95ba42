"""Pauses a bucket's lifecycle rules that would expire or move what a case has planned or set aside.

A rule is remembered by its name alone, so that whatever else an administrator changes meanwhile stays changed.
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from winddown.stores.objects.faults import UNKNOWN_CODES, code_of

_NONE = {"NoSuchLifecycleConfiguration", *UNKNOWN_CODES}
# Aborting unfinished uploads takes nothing that was ever readable.
_HARMLESS = {"ID", "Status", "Filter", "Prefix", "AbortIncompleteMultipartUpload"}


def interfering(client: Any, bucket: str) -> tuple[str, ...]:
    """Names of the enabled rules that do more than abort uploads."""
    return tuple(
        _name(rule) for rule in _rules(client, bucket) if rule.get("Status") == "Enabled" and set(rule) - _HARMLESS
    )


def switch(client: Any, bucket: str, names: tuple[str, ...], *, on: bool) -> None:
    """Enable or disable the rules of these names, as far as they are still there; the others stay as they are."""
    rules = _rules(client, bucket)
    status = "Enabled" if on else "Disabled"
    changed = [rule | {"Status": status} if _name(rule) in names else rule for rule in rules]
    if changed != rules:
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": changed})


def _rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", [])
    except ClientError as error:
        if code_of(error) in _NONE:
            return []
        raise
    return found


def _name(rule: dict[str, Any]) -> str:
    """Its id; a rule without one is named by what it does."""
    said = {part: value for part, value in rule.items() if part != "Status"}
    return str(rule.get("ID") or json.dumps(said, sort_keys=True, default=str))
