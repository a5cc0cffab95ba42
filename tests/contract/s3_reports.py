"""Writes S3 Inventory reports as the service documents them, of what really is in a bucket."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from pyarrow import orc

CONFIGURATION = "all-versions"
CREATED = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
TYPES = {
    "bucket": pa.string(), "key": pa.string(), "version_id": pa.string(), "is_latest": pa.bool_(),
    "is_delete_marker": pa.bool_(), "size": pa.int64(), "last_modified_date": pa.timestamp("ms"), "e_tag": pa.string(),
    "storage_class": pa.string(), "is_multipart_uploaded": pa.bool_(), "object_lock_legal_hold_status": pa.string(),
}  # fmt: skip
OF_CSV = {name: {"e_tag": "ETag"}.get(name, "".join(word.capitalize() for word in name.split("_"))) for name in TYPES}
Row = dict[str, Any]


def rows_of(client: Any, bucket: str) -> list[Row]:
    """Everything in the bucket; what was written before versions has no id, markers have neither size nor ETag."""
    found: list[Row] = []
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for kind in ("Versions", "DeleteMarkers"):
            for raw in page.get(kind, ()):
                is_marker = kind == "DeleteMarkers"
                found.append(
                    {
                        "bucket": bucket,
                        "key": raw["Key"],
                        "version_id": None if raw["VersionId"] == "null" else raw["VersionId"],
                        "is_latest": raw["IsLatest"],
                        "is_delete_marker": is_marker,
                        "size": None if is_marker else raw["Size"],
                        "last_modified_date": raw["LastModified"].replace(tzinfo=None),
                        "e_tag": None if is_marker else raw["ETag"].strip('"'),
                        "storage_class": None if is_marker else "STANDARD",
                        "is_multipart_uploaded": None if is_marker else False,
                        "object_lock_legal_hold_status": None,
                    }
                )
    return found


def _csv(rows: list[Row], columns: list[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        cells = {
            name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in row.items()
        }
        cells["key"] = quote_plus(row["key"], safe="/")
        writer.writerow([cells[name] for name in columns])
    return gzip.compress(text.getvalue().encode())


def _arrow(write: Callable[[pa.Table, Any], None]) -> Callable[[list[Row], list[str]], bytes]:
    def written(rows: list[Row], columns: list[str]) -> bytes:
        sink = io.BytesIO()
        schema = pa.schema([(name, TYPES[name]) for name in columns])
        write(pa.Table.from_pylist([{name: row[name] for name in columns} for row in rows], schema=schema), sink)
        return sink.getvalue()

    return written


_WRITERS = {
    "CSV": _csv,
    "ORC": _arrow(lambda table, sink: orc.write_table(table, sink, compression="zlib")),
    "Parquet": _arrow(lambda table, sink: pq.write_table(table, sink, compression="snappy")),
}
_SUFFIX = {"CSV": "csv.gz", "ORC": "orc", "Parquet": "parquet"}


def _schema(form: str, columns: list[str]) -> str:
    if form == "CSV":
        return ", ".join(OF_CSV[name] for name in columns)
    if form == "ORC":
        words = {pa.int64(): "bigint", pa.bool_(): "boolean", pa.timestamp("ms"): "timestamp"}
        return "struct<" + ",".join(f"{name}:{words.get(TYPES[name], 'string')}" for name in columns) + ">"
    words = {pa.int64(): "int64 {}", pa.bool_(): "boolean {}", pa.timestamp("ms"): "int64 {} (TIMESTAMP_MILLIS)"}
    said = [
        f"{'required' if name in {'bucket', 'key'} else 'optional'} "
        f"{words.get(TYPES[name], 'binary {} (UTF8)').format(name)};"
        for name in columns
    ]
    return f"message s3.inventory {{ {' '.join(said)} }}"


@dataclass
class Reports:
    """The reports of one bucket, delivered into another one below ``deliveries/``."""

    client: Any
    source: str
    destination: str
    columns: list[str] = field(default_factory=lambda: list(TYPES))

    @property
    def folder(self) -> str:
        return f"deliveries/{self.source}/{CONFIGURATION}"

    def deliver(
        self, form: str = "CSV", *, rows: list[Row] | None = None, spread: int = 3, at: datetime = CREATED, **said: Any
    ) -> str:
        """Write a report; return the manifest's key. ``said`` replaces what the manifest says."""
        found = rows_of(self.client, self.source) if rows is None else rows
        parts = []
        for number in range(spread):
            # The service spreads versions over files in no order that anybody may rely on.
            body = _WRITERS[form](found[::-1][number::spread], self.columns)
            key = f"{self.folder}/data/{at:%Y%m%d}-{form}-{number}.{_SUFFIX[form]}"
            self.put(key, body)
            parts.append({"key": key, "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()})  # noqa: S324
        manifest = {
            "sourceBucket": self.source,
            "destinationBucket": f"arn:aws-cn:s3:::{self.destination}",
            "version": "2016-11-30",
            "creationTimestamp": str(int(at.timestamp() * 1000)),
            "fileFormat": form,
            "fileSchema": _schema(form, self.columns),
            "files": parts,
        }
        key = f"{self.folder}/{at:%Y-%m-%dT%H-%MZ}/manifest.json"
        self.put_manifest(key, json.dumps(manifest | said).encode())
        return key

    def put_manifest(self, key: str, body: bytes) -> None:
        self.put(key, body)
        digest = hashlib.md5(body).hexdigest()  # noqa: S324 - as the service does
        self.put(key.replace("manifest.json", "manifest.checksum"), digest.encode())

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.destination, Key=key, Body=body)

    def body(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.destination, Key=key)["Body"].read())

    def configure(self, prefix: str = "") -> None:
        """Set the configuration that such reports come from; skips where the service knows none."""
        destination = {"Bucket": f"arn:aws-cn:s3:::{self.destination}", "Format": "CSV"}
        configuration = {
            "Destination": {"S3BucketDestination": destination},
            "IsEnabled": True,
            "Id": CONFIGURATION,
            "IncludedObjectVersions": "All",
            "Schedule": {"Frequency": "Daily"},
            **({"Filter": {"Prefix": prefix}} if prefix else {}),
        }
        try:
            self.client.put_bucket_inventory_configuration(
                Bucket=self.source, Id=CONFIGURATION, InventoryConfiguration=configuration
            )
        except ClientError:
            pytest.skip("the service makes no reports of its own")
