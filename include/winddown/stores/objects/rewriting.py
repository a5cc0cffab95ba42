"""Writes an object again without some of its rows, as a new version that has everything else of the planned one.

Where the service supports it, the write is conditional: nothing is written when another version came on top meanwhile.
Elsewhere only looking again tells, so whoever rewrites looks again in any case. A body under a key of its owner's
(SSE-C) cannot be read, so it never gets here; Object Lock stays with the planned version, because a locked survivor
could not be taken back.
"""

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from winddown.domain.plan import OrderId
from winddown.stores.objects import formats
from winddown.stores.objects.faults import code_of
from winddown.stores.objects.formats.change import Change
from winddown.stores.objects.standing import DIGEST, ORDER, SOURCE, Key

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
_NO_ACL = {"AccessControlListNotSupported", "NotImplemented", "MethodNotAllowed", "XNotImplemented"}
OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


@dataclass(frozen=True, slots=True)
class Survivors:
    """What stays of an object without some of its rows.

    Attributes:
        body: the new content.
        rows: how many rows are in it.
        source: the service's answer about the object's planned version.
    """

    body: bytes = field(repr=False)
    rows: int
    source: dict[str, Any] = field(repr=False)

    def metadata(self, key: Key, *, order_id: OrderId) -> dict[str, str]:
        """The object's own, and what says whose work the new content is."""
        ours = {ORDER: order_id, SOURCE: key["version"], DIGEST: hashlib.sha256(self.body).hexdigest()}
        return {**self.source.get("Metadata", {}), **ours}


def survivors_of(client: Any, bucket: str, key: Key) -> Survivors:
    """Take the key's rows out of its planned version. Memory for one object and its survivors."""
    answer = client.get_object(Bucket=bucket, Key=key["object"], VersionId=key["version"])
    found = formats.recognise_content(content := bytes(answer["Body"].read()))
    sink = io.BytesIO()
    outcome = formats.rewrite(found, io.BytesIO(content), sink, Change.of(key["rows"]))
    return Survivors(sink.getvalue(), outcome.survivors, answer)


def rewrite(client: Any, bucket: str, key: Key, *, order_id: OrderId, is_conditional: bool) -> None:
    """Put a version without the key's rows on top of its planned version.

    With ``is_conditional``, nothing is written when the latest version is not the planned one any more.
    """
    found = survivors_of(client, bucket, key)
    named = {"Key": key["object"], "VersionId": key["version"]}
    request = {
        **attributes(client, bucket, found.source, named),
        "Metadata": found.metadata(key, order_id=order_id),
        **({"IfMatch": found.source["ETag"]} if is_conditional else {}),
    }
    try:
        client.put_object(Bucket=bucket, Key=key["object"], Body=found.body, **request)
    except ClientError as error:
        if not is_conditional or code_of(error) not in OVERTAKEN:
            raise


def attributes(client: Any, bucket: str, answer: dict[str, Any], named: dict[str, str]) -> dict[str, Any]:
    """What a version has beside its body and metadata, as a request to write says it.

    ``answer`` is what the service said about it, ``named`` its key and version.
    """
    named = {"Bucket": bucket, **named}
    kept = {header: answer[header] for header in _KEPT if answer.get(header)}
    if answer.get("ExpiresString"):
        kept["Expires"] = answer["ExpiresString"]
    tags = client.get_object_tagging(**named).get("TagSet", [])
    if tags:
        kept["Tagging"] = urlencode([(tag["Key"], tag["Value"]) for tag in tags])
    return kept | _grants(client, named)


def _grants(client: Any, named: dict[str, str]) -> dict[str, str]:
    """The version's ACL as headers; none where only its owner has rights, which every new version has by itself."""
    try:
        acl = client.get_object_acl(**named)
    except ClientError as error:
        if code_of(error) in _NO_ACL:
            return {}
        raise
    owner = acl.get("Owner", {}).get("ID")
    rights: dict[str, list[str]] = {}
    for grant in acl.get("Grants", ()):
        who = grant["Grantee"]
        kind = next(name for name in ("ID", "URI", "EmailAddress") if who.get(name))
        rights.setdefault(_GRANTS[grant["Permission"]], []).append(f'{kind.lower()}="{who[kind]}"')
    only_owner = {"GrantFullControl": [f'id="{owner}"']}
    return {} if rights == only_owner else {header: ", ".join(found) for header, found in rights.items()}
