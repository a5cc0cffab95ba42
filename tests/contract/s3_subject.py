"""A versioned bucket with one folder of objects: files of rows in some format, or whole objects."""

import gzip
import io
import json
import secrets
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from winddown.connections import ConnectionParameters
from winddown.demo.bucket import REGION
from winddown.domain.batch import Batch
from winddown.domain.inventory import CollectionRef
from winddown.inspection.s3 import S3Inspector
from winddown.stores.objects.s3 import S3Store
from winddown.stores.retrying import Backoff

from .ability_suites import FreezableSubject
from .desk import Desk

STORE, FOLDER = "contract_files", "客户/订单 2024"
TAGS = {"部门": "客户 服务", "cost": "1+1=2/@"}
METADATA = {"owner": "shop", "checked-by": "a b"}
CREDENTIALS = {f"{STORE}__{power}": ConnectionParameters() for power in ("mark", "purge")}


def make_bucket(client: Any, name: str, **more: Any) -> None:
    """Make a bucket in the demonstration's region, or where the service makes its buckets."""
    try:
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}, **more)
    except ClientError:
        client.create_bucket(Bucket=name, **more)


class Bucket:
    """A bucket of its own for one test."""

    def __init__(self, client: Any, **more: Any) -> None:
        self.client, self.name = client, f"contract-{secrets.token_hex(6)}"
        make_bucket(client, self.name, **more)
        client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, body: bytes, *, media_type: str = "application/x-test") -> None:
        self.client.put_object(
            Bucket=self.name, Key=key, Body=body, ContentType=media_type, Metadata=METADATA, Tagging=urlencode(TAGS)
        )

    def live(self) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        return {found["Key"]: self._get(found["Key"])["Body"].read() for found in listed}

    def attributes(self, key: str) -> tuple[object, ...]:
        """Content type, metadata but ours, and tags of the latest version."""
        head = self.client.head_object(Bucket=self.name, Key=key)
        tags = self.client.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        metadata = {name: value for name, value in head["Metadata"].items() if not name.startswith("winddown-")}
        return head["ContentType"], metadata, {tag["Key"]: tag["Value"] for tag in tags}

    def history(self) -> set[tuple[str, str, bool, bool]]:
        """Key, version, whether it is a marker, whether it is the latest, of everything in the bucket."""
        page = self.client.list_object_versions(Bucket=self.name)
        return {
            (found["Key"], found["VersionId"], kind == "DeleteMarkers", found["IsLatest"])
            for kind in ("Versions", "DeleteMarkers")
            for found in page.get(kind, ())
        }

    def latest(self) -> dict[str, str]:
        return {key: version for key, version, _, is_latest in self.history() if is_latest}

    def policy(self) -> Any:
        try:
            return json.loads(self.client.get_bucket_policy(Bucket=self.name)["Policy"])
        except ClientError:
            return None

    def remove(self) -> None:
        for key, version, _, _ in self.history():
            self.client.delete_object(Bucket=self.name, Key=key, VersionId=version)
        self.client.delete_bucket(Bucket=self.name)

    def _get(self, key: str) -> Any:
        return self.client.get_object(Bucket=self.name, Key=key)


class BucketSubject(FreezableSubject):
    marks_survive_restore = True
    keeps_history = True
    more: Mapping[str, Any] = MappingProxyType({})  # of the bucket

    def __init__(self, client: Any, desk: Desk) -> None:
        self.bucket, self.desk, self.ref = Bucket(client, **self.more), desk, CollectionRef(STORE, FOLDER)
        self.acting = client
        self.store = S3Store(
            STORE,
            bucket=self.bucket.name,
            reader=client,
            unlock=desk.unlock(STORE, CREDENTIALS, lambda _: self.acting),
            backoff=Backoff(sleep=lambda _: None),
        )
        self.inspector = S3Inspector(STORE, bucket=self.bucket.name, client=client, set_apart=())
        for key in self.keys():
            self.bucket.put(key, self.earlier(key))
            self.bucket.put(key, self.original(key))
        self.plan_systems()

    @abstractmethod
    def keys(self) -> list[str]:
        """Objects of the folder."""

    @abstractmethod
    def original(self, key: str, *, without: str = "") -> bytes:
        """An object as it was planned, or without one record."""

    def earlier(self, key: str) -> bytes:
        return self.original(key)

    @abstractmethod
    def key_of(self, name: str) -> str:
        """The object that holds a record."""

    def bring_back(self, name: str) -> None:
        self.bucket.put(self.key_of(name), self.original(self.key_of(name)))

    def grants(self) -> object:
        return self.bucket.policy()

    def can_write(self) -> bool:
        found = self.bucket.policy() or {"Statement": []}
        return all(statement["Effect"] != "Deny" for statement in found["Statement"])


class WholeObjects(BucketSubject):
    """Three documents, each a record; one's key is the start of another's."""

    name_columns = ("winddown_object",)

    def keys(self) -> list[str]:
        return [f"{FOLDER}/{name}" for name in ("合同.pdf", "合同.pdf.2", "b.pdf", "c.pdf", "d.pdf")]

    def original(self, key: str, *, without: str = "") -> bytes:
        return b"%PDF-1.7 " + key.encode() + without.encode()

    def earlier(self, key: str) -> bytes:
        return b"%PDF-1.4 draft of " + key.encode()

    def key_of(self, name: str) -> str:
        return name

    def content(self) -> dict[str, object]:
        return {key: (body, self.bucket.attributes(key)) for key, body in self.bucket.live().items()}

    def marks(self) -> dict[str, object]:
        markers = {key for key, _, is_marker, is_latest in self.bucket.history() if is_marker and is_latest}
        return {key: version for key, version in self.bucket.latest().items() if key not in markers}

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [(key["object"], key["version"], 0) for key in batch.keys.to_pylist()]

    def spoil(self, name: str) -> None:
        self.bucket.put(name, self.original(name, without="changed"))

    def alter(self, name: str) -> None:
        self.spoil(name)


@dataclass(frozen=True, slots=True)
class File:
    """A text file: what stands before the records, and each record's bytes by its name."""

    head: bytes = field(repr=False)
    records: dict[str, bytes] = field(repr=False)


class RowFiles(BucketSubject):
    """Rows inside files."""

    name_fields = name_columns = ("id",)

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [(key["object"], key["version"], row) for key in batch.keys.to_pylist() for row in key["rows"]]

    def spoil(self, name: str) -> None:
        self.bucket.put(self.key_of(name), self.original(self.key_of(name), without=name))

    def alter(self, name: str) -> None:
        self.spoil(name)

    def content(self) -> dict[str, object]:
        attributes = {key: self.bucket.attributes(key) for key in self.bucket.live()}
        return {**self.marks(), **attributes}

    def marks(self) -> dict[str, object]:
        return {name: row for key, body in self.bucket.live().items() for name, row in self.rows(key, body).items()}

    @abstractmethod
    def rows(self, key: str, body: bytes) -> dict[str, object]:
        """Every record of an object by its name, byte for byte where the format allows it."""


class TextFiles(RowFiles):
    """Records are told by their bytes, so that a survivor that was written anew is not taken for one that was kept."""

    files: dict[str, File]
    suffix: str
    is_packed = False

    def keys(self) -> list[str]:
        return [f"{FOLDER}/{name}{self.suffix}" for name in self.files]

    def _file(self, key: str) -> File:
        return self.files[key.removeprefix(f"{FOLDER}/").removesuffix(self.suffix)]

    def key_of(self, name: str) -> str:
        return next(key for key in self.keys() if name in self._file(key).records)

    def original(self, key: str, *, without: str = "") -> bytes:
        file = self._file(key)
        body = file.head + b"".join(raw for name, raw in file.records.items() if name != without)
        return gzip.compress(body) if self.is_packed else body

    def rows(self, key: str, body: bytes) -> dict[str, object]:
        body, file = gzip.decompress(body) if self.is_packed else body, self._file(key)
        assert body.startswith(file.head)
        position, found = len(file.head), {}
        for name, raw in file.records.items():
            if body.startswith(raw, position):
                found[name], position = raw, position + len(raw)
        assert position == len(body), "the rest is none of the file's records"
        return dict(found)


CSV = {
    "a": File(
        b'\xef\xbb\xbf"id","\xe5\xa7\x93\xe5\x90\x8d",note\r\n',
        {
            "0": '0,欧阳娜娜,"两\r\n行, 和 ""引号"""\r\n'.encode(),
            "1": b"1,,\r\n\r\n",
            "2": b'2,"a\n\nb",\r\n',
            "3": b'3,"",x\r\n',
            "4": b"4,last,no line end",
        },
    ),
    "a.csv-2": File("id;姓名;note\n".encode("gb18030"), {
        "10": "10;𠮷野;丂乗|俓\n".encode("gb18030"),
        "11": "11;欧;娜\n".encode("gb18030"),
        "12": '12;"x;y";z\n'.encode("gb18030"),
    }),
    "b": File(b"id\tname\n", {str(n): f"{n}\t{'n' * n}\n".encode() for n in range(5, 10)}),
}  # fmt: skip


class CsvFiles(TextFiles):
    suffix = ".csv"
    files = CSV


JSON_LINES = {
    "a": File(b"\n \n", {
        "0": '{"id": 0, "name": "欧阳\\n娜娜", "tags": [1, {"k": null}]}\n'.encode(),
        "1": b'{"id": 1}\n\n\n',
        "2": b'{"id": 2,\r "name": ""}\r\n',
        "3": b'{"id": 3, "name": null}\n',
        "4": b'{"id": 4}',
    }),
    "a.csv-2": File(b"", {str(n): f'{{"id": {n}}}\n'.encode() for n in (10, 11, 12)}),
    "b": File(b"", {str(n): f'{{"other": "\u2028", "id": "{n}"}}\n'.encode() for n in range(5, 10)}),
}  # fmt: skip


class JsonFiles(TextFiles):
    suffix = ".jsonl.gz"
    is_packed = True
    files = JSON_LINES


IDS = {"a": range(5), "a.csv-2": range(10, 13), "b": range(5, 10)}


class ParquetFiles(RowFiles):
    ids = IDS

    def keys(self) -> list[str]:
        return [f"{FOLDER}/{name}.parquet" for name in self.ids]

    def key_of(self, name: str) -> str:
        return next(f"{FOLDER}/{file}.parquet" for file, ids in self.ids.items() if int(name) in ids)

    def original(self, key: str, *, without: str = "") -> bytes:
        ids = [n for n in self.ids[key.removeprefix(f"{FOLDER}/").removesuffix(".parquet")] if str(n) != without]
        table = pa.table(
            {
                "id": pa.array(ids, type=pa.int64()),
                "姓名": pa.array([f"客户{n}" if n else None for n in ids]).dictionary_encode(),
                "photo": pa.array([bytes([n]) * n for n in ids]),
            }
        )
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=2)
        return sink.getvalue()

    def rows(self, key: str, body: bytes) -> dict[str, object]:  # noqa: ARG002 - every file has the same schema
        return {str(row["id"]): row for row in pq.read_table(io.BytesIO(body)).to_pylist()}
