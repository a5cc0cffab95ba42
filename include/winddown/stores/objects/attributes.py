"""What an object has beside its body: headers, metadata, tags, grants, storage class and encryption key.

Read as a request to write says it, so that another body can get the same. Object Lock is not among it: what is written
anew could not be taken back. Nor are the time of the last change, the owner and the tag, which the service decides.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from botocore.exceptions import ClientError

from winddown.domain.errors import Refused
from winddown.stores.objects.faults import UNKNOWN_CODES, code_of

_KEPT = (
    "ContentType",
    "ContentEncoding",
    "ContentDisposition",
    "ContentLanguage",
    "CacheControl",
    "WebsiteRedirectLocation",
    "StorageClass",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
)
_GRANTS = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE_ACP": "GrantWriteACP",
}
"""Of an object; the right to write, which the ACL of one may name as well, is the bucket's and means nothing there."""
_NO_ACL = {"AccessControlListNotSupported", "XNotImplemented", *UNKNOWN_CODES}
_WORDS = {"Metadata": "metadata", "Tagging": "tags", "StorageClass": "storage class"} | dict.fromkeys(
    _GRANTS.values(), "grants"
)


def attributes(client: Any, named: Mapping[str, str], head: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an object, or of one version, whose headers are ``head``; plain values only.

    Raises:
        Refused: a header or a value of the metadata has other signs than ASCII, as some services give them back; no
            request can say it again.
    """
    kept = {header: head[header] for header in _KEPT if head.get(header)}
    if head.get("ExpiresString"):
        kept["Expires"] = head["ExpiresString"]
    if head.get("Metadata"):
        kept["Metadata"] = dict(head["Metadata"])
    tags = _tags(client, named)
    if tags:
        kept["Tagging"] = urlencode([(tag["Key"], tag["Value"]) for tag in tags])
    if not all(value.isascii() for value in (*map(str, kept.values()), *kept.get("Metadata", {}).values())):
        raise Refused(
            "an object has headers or metadata with signs beyond ASCII, which would be lost on what is written anew",
            rule="reversible until purge",
            next_step="have its owner write these objects again with ASCII alone in headers and metadata, then plan "
            "again",
        )
    return kept | _grants(client, named)


def lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """In words, which attributes an object does not have any more, or has otherwise; sorted."""
    names = {name for name in {*before, *after} if _said(name, before) != _said(name, after)}
    return tuple(sorted({_WORDS.get(name, name) for name in names}))


def _said(name: str, found: Mapping[str, Any]) -> Any:
    value = found.get(name)
    if name == "Tagging":
        return sorted(parse_qsl(value or "", keep_blank_values=True))
    return sorted(value.split(", ")) if name in _GRANTS.values() and value else value


def _tags(client: Any, named: Mapping[str, str]) -> list[dict[str, str]]:
    """The tags; none where the service knows none."""
    try:
        found: list[dict[str, str]] = client.get_object_tagging(**named).get("TagSet", [])
    except ClientError as error:
        if code_of(error) == "NotImplemented":
            return []
        raise
    return found


def _grants(client: Any, named: Mapping[str, str]) -> dict[str, str]:
    """The ACL as headers; none where only its owner has rights, which everything that is written has by itself."""
    try:
        acl = client.get_object_acl(**named)
    except ClientError as error:
        if code_of(error) in _NO_ACL:
            return {}
        raise
    owner = acl.get("Owner", {}).get("ID")
    rights: dict[str, list[str]] = {}
    for grant in (each for each in acl.get("Grants", ()) if each["Permission"] in _GRANTS):
        who = grant["Grantee"]
        kind = next(name for name in ("ID", "URI", "EmailAddress") if who.get(name))
        rights.setdefault(_GRANTS[grant["Permission"]], []).append(f'{kind.lower()}="{who[kind]}"')
    only_owner = {"GrantFullControl": [f'id="{owner}"']}
    return {} if rights == only_owner else {header: ", ".join(found) for header, found in rights.items()}
