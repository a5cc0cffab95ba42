"""What S3-compatible services do, tried one by one: writes docs/object-services.md.

Tried are the embedded service, Ceph RGW and SeaweedFS where they are installed, and ``WINDDOWN_TEST_S3_ENDPOINT``
(``http://access:secret@host:port``). A header that is accepted and has no effect is a *no*.
"""

import argparse
import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from ceph_gateway import ceph_gateway, lacking
from seaweed_gateway import program, seaweed_gateway

from winddown.demo.servers import EmbeddedS3, S3Address
from winddown.stores.objects.abilities import (
    completes_conditionally,
    completes_where_none_is,
    copies_ranges,
    creates_conditionally,
    deletes_conditionally,
    lists_all,
    shows_again,
    writes_conditionally,
)
from winddown.stores.objects.faults import code_of
from winddown.stores.objects.versions import histories_of

PAGE = Path(__file__).parents[1] / "docs" / "object-services.md"
KEYS, VERSIONS, PAGE_SIZE, LIMIT = 24, 5, 7, 1_000
AES = {"SSECustomerAlgorithm": "AES256"}


class Service:
    """One service with a bucket that keeps versions and one that locks them, both of this run alone."""

    def __init__(self, address: S3Address) -> None:
        self.address = address
        self.client = self.connect(address.access_key, address.secret_key)
        self.bucket, self.locked, self.plain = (f"abilities-{secrets.token_hex(6)}" for _ in range(3))
        self.client.create_bucket(Bucket=self.bucket)
        self.client.create_bucket(Bucket=self.plain)
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def connect(self, access: str, secret: str, **more: Any) -> Any:
        """A client with some pair of keys; without checksums that are not required."""
        return boto3.client(
            "s3", endpoint_url=self.address.endpoint_url, aws_access_key_id=access, aws_secret_access_key=secret,
            region_name="us-east-1", config=Config(
                s3={"addressing_style": "path"}, request_checksum_calculation="when_required",
                retries={"max_attempts": 1}, **more,
            ),
        )  # fmt: skip

    def put(self, key: str, body: bytes = b"1", **more: Any) -> Any:
        """Write one object."""
        return self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def remove(self) -> None:
        """Remove what can be removed."""
        for bucket in (self.bucket, self.locked, self.plain):
            with contextlib.suppress(ClientError):
                for page in self.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
                    for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                        self.client.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
                self.client.delete_bucket(Bucket=bucket)


def refuses(act: Callable[[], Any]) -> bool:
    """Whether the service says no."""
    try:
        act()
    except ClientError:
        return True
    return False


def pages_whole(service: Service) -> bool:
    """Versions of a few keys in pages that end within a key."""
    wanted = {
        (f"pages/{number:02}", service.put(f"pages/{number:02}")["VersionId"])
        for number in range(KEYS)
        for _ in range(VERSIONS)
    }
    listed = [
        (found["Key"], found["VersionId"])
        for page in service.client.get_paginator("list_object_versions").paginate(
            Bucket=service.bucket, Prefix="pages/", PaginationConfig={"PageSize": PAGE_SIZE}
        )
        for found in page.get("Versions", ())
    ]
    return sorted(listed) == sorted(wanted)


def spares_full_buckets(service: Service) -> bool:
    """A bucket in which something is cannot be deleted."""
    name = f"abilities-{secrets.token_hex(6)}"
    service.client.create_bucket(Bucket=name)
    service.client.put_object(Bucket=name, Key="kept", Body=b"1")
    is_spared = refuses(lambda: service.client.delete_bucket(Bucket=name))
    if is_spared:
        service.client.delete_object(Bucket=name, Key="kept")
        service.client.delete_bucket(Bucket=name)
    return is_spared


def pages_from_a_key(service: Service) -> bool:
    """A listing that begins at some key, as each batch lists its own."""
    for number in range(KEYS):
        service.put(f"start/{number:02}")
    keys = [f"start/{number:02}" for number in range(13, KEYS)]
    return list(histories_of(service.client, service.bucket, keys)) == keys


def counts_as_deleted(service: Service) -> bool:
    """``DeleteObjects`` of a version that is not there says that it is deleted."""
    version = service.put("unknown")["VersionId"]
    named = {"Key": "unknown", "VersionId": version}
    answers = [service.client.delete_objects(Bucket=service.bucket, Delete={"Objects": [named]}) for _ in range(2)]
    return not answers[1].get("Errors")


def refuses_too_many(service: Service) -> bool:
    """1,001 keys in one ``DeleteObjects``."""
    objects = [{"Key": f"many/{number}"} for number in range(LIMIT + 1)]
    return refuses(lambda: service.client.delete_objects(Bucket=service.plain, Delete={"Objects": objects}))


def checks_sums(service: Service) -> bool:
    """A write whose checksum is wrong."""
    return refuses(lambda: service.put("sum", ChecksumCRC32="AAAAAA=="))


def checks_secrets(service: Service) -> bool:
    """A wrong secret."""
    wrong = service.connect(service.address.access_key, "x" * 40)
    return refuses(lambda: wrong.list_objects_v2(Bucket=service.bucket))


def keeps_strangers_out(service: Service) -> bool:
    """Reading without any keys."""
    service.put("private")
    anybody = service.connect("", "", signature_version=UNSIGNED)
    return refuses(lambda: anybody.get_object(Bucket=service.bucket, Key="private"))


def _denies(service: Service, condition: dict[str, str]) -> bool:
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject"], "Condition": {"StringNotLike": condition},
        "Resource": f"arn:aws:s3:::{service.bucket}/*",
    }  # fmt: skip
    policy = str({"Version": "2012-10-17", "Statement": [statement]}).replace("'", '"')
    service.client.put_bucket_policy(Bucket=service.bucket, Policy=policy)
    try:
        return refuses(lambda: service.put("denied"))
    finally:
        service.client.delete_bucket_policy(Bucket=service.bucket)


def denies_by_name(service: Service) -> bool:
    """A policy's condition on ``aws:username``."""
    return _denies(service, {"aws:username": "winddown-*"})


def denies_by_arn(service: Service) -> bool:
    """A policy's condition on ``aws:PrincipalArn``."""
    return _denies(service, {"aws:PrincipalArn": "arn:aws:iam::*:user/winddown-*"})


def _lock(service: Service, key: str, **more: Any) -> Any:
    with contextlib.suppress(ClientError):
        service.client.create_bucket(Bucket=service.locked, ObjectLockEnabledForBucket=True)
    # Some services demand a checksum of what is to be locked.
    named = {"Bucket": service.locked, "Key": key, "ChecksumAlgorithm": "CRC32"}
    return service.client.put_object(**named, Body=b"1", **more)["VersionId"]


def _until(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def keeps_governed(service: Service) -> bool:
    """Governance retention: kept, unless the right to bypass it is used."""
    version = _lock(service, "g", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=_until(3600))
    named = {"Bucket": service.locked, "Key": "g", "VersionId": version}
    is_kept = refuses(lambda: service.client.delete_object(**named))
    return is_kept and not refuses(lambda: service.client.delete_object(**named, BypassGovernanceRetention=True))


def keeps_complying(service: Service) -> bool:
    """Compliance retention: kept, bypass or not, and not to be shortened."""
    version = _lock(service, "c", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=_until(5))
    named = {"Bucket": service.locked, "Key": "c", "VersionId": version}
    sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": _until(1)}
    return refuses(lambda: service.client.delete_object(**named, BypassGovernanceRetention=True)) and refuses(
        lambda: service.client.put_object_retention(**named, Retention=sooner, BypassGovernanceRetention=True)
    )


def keeps_held(service: Service) -> bool:
    """A legal hold: kept until it is lifted."""
    version = _lock(service, "h", ObjectLockLegalHoldStatus="ON")
    named = {"Bucket": service.locked, "Key": "h", "VersionId": version}
    is_kept = refuses(lambda: service.client.delete_object(**named, BypassGovernanceRetention=True))
    service.client.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
    return is_kept and not refuses(lambda: service.client.delete_object(**named))


def needs_customer_key(service: Service) -> bool:
    """SSE-C: a body opens with its own key, and with neither none nor another."""
    key = secrets.token_bytes(32)
    service.put("c", b"secret", SSECustomerKey=key, **AES)
    named = {"Bucket": service.bucket, "Key": "c"}
    opened = service.client.get_object(**named, SSECustomerKey=key, **AES)["Body"].read() == b"secret"
    other = hashlib.sha256(key).digest()
    return (
        opened
        and refuses(lambda: service.client.get_object(**named))
        and refuses(lambda: service.client.get_object(**named, SSECustomerKey=other, **AES))
    )


def knows_kms_keys(service: Service) -> bool:
    """SSE-KMS: a key that is not there is refused."""
    return refuses(lambda: service.put("k", ServerSideEncryption="aws:kms", SSEKMSKeyId="no-such-key"))


def keeps_grants(service: Service) -> bool:
    """Grants as headers of a write, as a rewrite puts them."""
    service.put("grants", GrantRead='uri="http://acs.amazonaws.com/groups/global/AuthenticatedUsers"')
    grants = service.client.get_object_acl(Bucket=service.bucket, Key="grants")["Grants"]
    return any(grant["Grantee"].get("URI", "").endswith("AuthenticatedUsers") for grant in grants)


def keeps_rules(service: Service) -> bool:
    """A lifecycle rule switched off and on comes back as it was."""
    rule = {
        "ID": "a",
        "Status": "Enabled",
        "Filter": {"Prefix": "x"},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 9},
    }
    named = {"Bucket": service.bucket}
    service.client.put_bucket_lifecycle_configuration(**named, LifecycleConfiguration={"Rules": [rule]})
    first = service.client.get_bucket_lifecycle_configuration(**named)["Rules"]
    for status in ("Disabled", "Enabled"):
        changed = [found | {"Status": status} for found in first]
        service.client.put_bucket_lifecycle_configuration(**named, LifecycleConfiguration={"Rules": changed})
    last = service.client.get_bucket_lifecycle_configuration(**named)["Rules"]
    service.client.delete_bucket_lifecycle(**named)
    return bool(last == first)


ABILITIES: dict[str, Callable[[Service], bool]] = {
    "`If-Match` on a write is obeyed": lambda service: writes_conditionally(service.client, service.bucket),
    "`If-None-Match: *` on a write is obeyed": lambda service: creates_conditionally(service.client, service.bucket),
    "`If-Match` where parts are put together is obeyed": lambda service: completes_conditionally(
        service.client, service.bucket
    ),
    "`If-None-Match: *` where parts are put together is obeyed": lambda service: completes_where_none_is(
        service.client, service.bucket
    ),
    "`If-Match` on a deletion is obeyed": lambda service: deletes_conditionally(service.client, service.plain),
    "versions in small pages are all listed": pages_whole,
    "what lies beside a folder of the same beginning too": lambda service: lists_all(service.client, service.bucket),
    "a bucket that is not empty is not deleted": spares_full_buckets,
    "a listing may begin at a key": pages_from_a_key,
    "what a marker hid shows again without it": lambda service: shows_again(service.client, service.bucket),
    "`DeleteObjects` of an unknown version answers *deleted*": counts_as_deleted,
    "1,001 keys in one `DeleteObjects` are refused": refuses_too_many,
    "a wrong CRC32 is refused": checks_sums,
    "a wrong secret is refused": checks_secrets,
    "reading without keys is refused": keeps_strangers_out,
    "a denial by `aws:username` is obeyed": denies_by_name,
    "a denial by `aws:PrincipalArn` is obeyed": denies_by_arn,
    "governance retention keeps, and gives way to a bypass": keeps_governed,
    "compliance retention keeps, and cannot be shortened": keeps_complying,
    "a legal hold keeps until it is lifted": keeps_held,
    "SSE-C: no body without its key": needs_customer_key,
    "SSE-KMS: an unknown key is refused": knows_kms_keys,
    "grants come with a write": keeps_grants,
    "lifecycle rules can be paused and come back": keeps_rules,
    "`UploadPartCopy` of a range": lambda service: copies_ranges(service.client, service.bucket),
}


def tried(address: S3Address) -> dict[str, str]:
    """Ability → *yes*, *no*, or the service's word for an error."""
    service, found = Service(address), {}
    try:
        for name, attempt in ABILITIES.items():
            try:
                found[name] = "yes" if attempt(service) else "no"
            except KeyError:  # It makes no versions in a bucket that was made for locks.
                found[name] = "no"
            except ClientError as error:
                found[name] = f"error: {code_of(error)}"
            except BotoCoreError as error:
                found[name] = f"error: {type(error).__name__}"
    finally:
        service.remove()
    return found


def services(called: str) -> Iterator[tuple[str, S3Address]]:
    """Name and address of each service at hand, running."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedS3(Path(folder))
        try:
            yield "embedded (moto)", server.start()
        finally:
            server.stop()
    if not lacking():
        with ceph_gateway() as gateway:
            yield "Ceph RGW 16.2", gateway.address
    if program():
        with seaweed_gateway() as seaweed:
            yield "SeaweedFS 4.48", seaweed.address
    url = os.environ.get("WINDDOWN_TEST_S3_ENDPOINT")
    if url:
        parts = urlsplit(url)
        endpoint = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        yield called, S3Address(endpoint, unquote(parts.username or ""), unquote(parts.password or ""))


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="replace the table in docs/object-services.md")
    parser.add_argument("--called", default="endpoint", help="what WINDDOWN_TEST_S3_ENDPOINT is, for the table")
    chosen = parser.parse_args()
    columns = {name: tried(address) for name, address in services(chosen.called)}
    lines = [f"| ability | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [f"| {name} | {' | '.join(found[name] for found in columns.values())} |" for name in ABILITIES]
    table = "\n".join(lines)
    print(table)
    if chosen.write:
        head, mark, _ = PAGE.read_text("utf-8").partition("<!-- tried -->\n")
        PAGE.write_text(f"{head}{mark}\n{table}\n", "utf-8")


if __name__ == "__main__":
    main()
