"""A versioned bucket with one folder of objects: files of rows in some format, or whole objects."""

import io
import json
import secrets
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from winddown.archive.customer_key import CustomerKey
from winddown.connections import ConnectionParameters
from winddown.demo.bucket import REGION
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.inventory import CollectionRef
from winddown.inspection.s3 import S3Inspector
from winddown.inspection.under_key import UnderKey
from winddown.ports import SupportsFreeze, ability
from winddown.stores.objects.abilities import shows_again
from winddown.stores.objects.s3 import S3Store
from winddown.stores.retrying import Backoff

from .ability_suites import FreezableSubject
from .desk import Desk
from .s3_services import Modest, Privileged
from .table_files import CsvRecords, JsonRecords, ParquetRecords
from .text_files import CSV, FOLDER, JSON_LINES, TextRecords

STORE = "contract_files"
TAGS = {"部门": "客户 服务", "cost": "1+1=2/@"}
METADATA = {"owner": "shop", "checked-by": "a b"}
CREDENTIALS = {f"{STORE}__{power}": ConnectionParameters() for power in ("mark", "purge")}


def make_bucket(client: Any, name: str, **more: Any) -> None:
    """Make a bucket in the demonstration's region, or where the service makes its buckets."""
    try:
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}, **more)
    except ClientError:
        client.create_bucket(Bucket=name, **more)


@cache
def keeps_tags(client: Any) -> bool:
    """Whether the service knows tags of objects; some say that they do not."""
    name = f"contract-{secrets.token_hex(6)}"
    make_bucket(client, name)
    try:
        client.put_object(Bucket=name, Key="tagged", Body=b"", Tagging="a=b")
    except ClientError:
        return False
    else:
        client.delete_object(Bucket=name, Key="tagged")
        return True
    finally:
        client.delete_bucket(Bucket=name)


@cache
def is_reversible(client: Any) -> bool:
    """Whether the service shows an object again once the marker above it is taken away."""
    bucket = Bucket(client)
    try:
        return shows_again(client, bucket.name)
    finally:
        bucket.remove()


class Bucket:
    """A bucket of its own for one test."""

    def __init__(self, client: Any, *, keeps_versions: bool = True, name: str = "", **more: Any) -> None:
        self.client, self.name, self.has_tags = client, name or f"contract-{secrets.token_hex(6)}", keeps_tags(client)
        make_bucket(client, self.name, **more)
        if keeps_versions:
            client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, body: bytes, *, media_type: str = "application/x-test") -> None:
        tagging = {"Tagging": urlencode(TAGS)} if self.has_tags else {}
        self.client.put_object(
            Bucket=self.name, Key=key, Body=body, ContentType=media_type, Metadata=METADATA, **tagging
        )

    def live(self) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        return {found["Key"]: self._get(found["Key"])["Body"].read() for found in listed}

    def attributes(self, key: str) -> tuple[object, ...]:
        """Content type, metadata but ours, and tags of the latest version."""
        head = self.client.head_object(Bucket=self.name, Key=key)
        tags = self.client.get_object_tagging(Bucket=self.name, Key=key)["TagSet"] if self.has_tags else []
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

    def empty(self) -> None:
        for key, version, _, _ in self.history():
            self.client.delete_object(Bucket=self.name, Key=key, VersionId=version)

    def remove(self) -> None:
        with suppress(ClientError):  # what a freeze denies, it denies whoever cleans up
            self.client.delete_bucket_policy(Bucket=self.name)
        self.empty()
        self.client.delete_bucket(Bucket=self.name)

    def _get(self, key: str) -> Any:
        return self.client.get_object(Bucket=self.name, Key=key)


class BucketSubject(FreezableSubject):
    marks_survive_restore = True
    keeps_history = True
    keeps_versions = True
    more: Mapping[str, Any] = MappingProxyType({})  # of the bucket
    bucket_name = ""  # drawn anew for each
    key: CustomerKey | None = None  # of the company's, under which all objects lie
    key_look: UnderKey | None = None  # the inspector's, without it

    def __init__(self, client: Any, desk: Desk) -> None:
        self.bucket = Bucket(client, keeps_versions=self.keeps_versions, name=self.bucket_name, **self.more)
        self.desk, self.ref = desk, CollectionRef(STORE, FOLDER)
        self.acting = client = self.service(client)
        self.bucket.has_tags &= not isinstance(client, Modest)
        self.store = S3Store(
            STORE,
            bucket=self.bucket.name,
            reader=client,
            unlock=desk.unlock(STORE, CREDENTIALS, lambda _: self.acting),
            escrow=desk.escrow(STORE),
            key=self.key,
            backoff=Backoff(sleep=lambda seconds: time.sleep(seconds / 50)),
        )
        self.inspector = S3Inspector(
            STORE, bucket=self.bucket.name, client=client, escrow=desk.escrow(STORE), set_apart=(), key=self.key_look
        )
        for key in self.keys():
            self.bucket.put(key, self.earlier(key))
            self.bucket.put(key, self.original(key))
        self.plan_systems()

    def service(self, client: Any) -> Any:
        """What the store and its inspector see of the service."""
        return client

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

    def put(self, key: str, body: bytes) -> None:
        self.bucket.put(key, body)

    def live(self) -> dict[str, bytes]:
        return self.bucket.live()

    def bring_back(self, name: str) -> None:
        self.bucket.put(self.key_of(name), self.original(self.key_of(name)))

    def grants(self) -> object:
        return self.bucket.policy()

    def can_write(self) -> bool:
        found = self.bucket.policy() or {"Statement": []}
        return all(statement["Effect"] != "Deny" for statement in found["Statement"])


@contextmanager
def frozen(subject: BucketSubject) -> Iterator[None]:
    """Freeze the bucket, as one without versions has to be where the service obeys no conditions; then thaw it."""
    subject.acting = Privileged(subject.acting)
    store = ability(subject.store, SupportsFreeze)
    assert store is not None
    remembered = store.remember_writers([subject.ref], None)
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    yield
    store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)


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


class CsvFiles(TextRecords, RowFiles):
    suffix = ".csv"
    files = CSV


class JsonFiles(TextRecords, RowFiles):
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


class ParquetTables(ParquetRecords, BucketSubject):
    alter = ParquetRecords.spoil


class CsvTables(CsvRecords, BucketSubject):
    alter = CsvRecords.spoil


class JsonTables(JsonRecords, BucketSubject):
    alter = JsonRecords.spoil


class Unversioned(BucketSubject):
    """The same in a bucket that never kept versions."""

    keeps_versions = False
    keeps_history = False
    is_known_by_content = True
    marks_survive_restore = False


class UnversionedObjects(Unversioned, WholeObjects):
    pass


class UnversionedCsv(Unversioned, CsvFiles):
    pass


class UnversionedTables(Unversioned, CsvTables):
    pass


class ModestObjects(UnversionedObjects):
    def service(self, client: Any) -> Any:
        return Modest(client)


class ModestCsv(UnversionedCsv):
    def service(self, client: Any) -> Any:
        return Modest(client)
