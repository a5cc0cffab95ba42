"""The small company with an archive in a bucket: under a key of its own, and in part in compliance retention."""

import json
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from ceph_gateway import Gateway

from small_company import FOLDER, ROLES, SHARE, SmallCompany
from winddown.archive.customer_key import CustomerKey
from winddown.connections import ConnectionParameters

from .keyed import LOCKS, new_key

ARCHIVE = "archive"
COPIES = "no other copy was ever made; memo of 3 May"
COLLECTION = f"{ARCHIVE}:{FOLDER}"
LOCKED, FREE = f"{FOLDER}/locked.csv", f"{FOLDER}/free.csv"


class ArchivedCompany(SmallCompany):
    """One of two exports in the archive is locked until 2099; both go whole."""

    def __init__(self, directory: Path, gateway: Gateway) -> None:
        super().__init__(directory)
        self._gateway, self.bucket = gateway, f"archive-{secrets.token_hex(6)}"
        self.address = gateway.user(f"winddown-{self.bucket}")
        self.bare = gateway.client(self.address)

    def make(self) -> None:
        super().make()
        self.key: CustomerKey = new_key(self.directory / "keys", ARCHIVE)
        self.bare.create_bucket(Bucket=self.bucket, **LOCKS)
        client = self.key.sent_by(self._gateway.client(self.address), self.bucket)
        body = (self.share / FOLDER / "alone.csv").read_bytes()
        for name in (LOCKED, FREE):
            client.put_object(Bucket=self.bucket, Key=name, Body=body)
        until = {"Mode": "COMPLIANCE", "RetainUntilDate": "2099-01-01T00:00:00Z"}
        client.put_object_retention(Bucket=self.bucket, Key=LOCKED, Retention=until)
        client.close()
        self.edit(self._declare)
        self._connect()

    def versions(self) -> dict[str, str]:
        """What is still listed with a body, and its version."""
        listed = self.bare.list_object_versions(Bucket=self.bucket)
        return {found["Key"]: found["VersionId"] for found in listed.get("Versions", ())}

    def refusal(self, key: str) -> int:
        """How the service answers who asks for the object without the key."""
        try:
            self.bare.get_object(Bucket=self.bucket, Key=key, VersionId=self.versions()[key])
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    def _declare(self, raw: dict[str, Any]) -> None:
        raw["stores"].append(
            {
                "name": ARCHIVE, "kind": "s3", "connection": ARCHIVE, "region": "cn-east", "bucket": self.bucket,
                "customer_key": "archive_key", "destroy_key": "the archive ends with the company",
                "key_copies": COPIES,
            }
        )  # fmt: skip
        (entry,) = (found for found in raw["register"] if found["collection"] == f"{SHARE}:{FOLDER}")
        raw["register"].append(entry | {"collection": COLLECTION})

    def _connect(self) -> None:
        path = self.directory / "connections.json"
        address = ConnectionParameters(
            endpoint_url=self.address.endpoint_url,
            access_key=self.address.access_key,
            secret_key=self.address.secret_key,
        )
        found = {f"{ARCHIVE}{role}": asdict(address) for role in ROLES}
        known = json.loads(path.read_text()) | found | {"archive_key": {"url": self.key.path.as_uri()}}
        path.write_text(json.dumps(known))
