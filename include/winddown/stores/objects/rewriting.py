"""Writes an object again without some of its rows, as a new version that has everything else of the planned one.

Where the service supports it, the write is conditional: nothing is written when another version came on top meanwhile.
Elsewhere only looking again tells, so whoever rewrites looks again in any case. A body under a key of its owner's
(SSE-C) cannot be read, so it never gets here; Object Lock stays with the planned version, because a locked survivor
could not be taken back.
"""

import hashlib
import io
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
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


def rewrite(client: Any, bucket: str, key: Key, *, order_id: OrderId, is_conditional: bool) -> None:
    """Put a version without the key's rows on top of its planned version. Memory for one object and its survivors.

    With ``is_conditional``, nothing is written when the latest version is not the planned one any more.
    """
    name, version_id = key["object"], key["version"]
    answer = client.get_object(Bucket=bucket, Key=name, VersionId=version_id)
    found = formats.recognise_content(content := bytes(answer["Body"].read()))
    sink = io.BytesIO()
    formats.rewrite(found, io.BytesIO(content), sink, Change.of(key["rows"]))
    survivors = sink.getvalue()
    ours = {ORDER: order_id, SOURCE: version_id, DIGEST: hashlib.sha256(survivors).hexdigest()}
    request = {
        **_attributes(client, bucket, answer, key=key),
        "Metadata": {**answer.get("Metadata", {}), **ours},
        **({"IfMatch": answer["ETag"]} if is_conditional else {}),
    }
    try:
        client.put_object(Bucket=bucket, Key=name, Body=survivors, **request)
    except ClientError as error:
        if not is_conditional or code_of(error) not in _OVERTAKEN:
            raise


def _attributes(client: Any, bucket: str, answer: dict[str, Any], *, key: Key) -> dict[str, Any]:
    """What the planned version has beside its body and metadata, as a request to write says it."""
    named = {"Bucket": bucket, "Key": key["object"], "VersionId": key["version"]}
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
