"""Iceberg tables in a bucket, written and read by the library ``pyiceberg`` by clients of its own, and by DuckDB."""

import io
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.demo.bucket import REGION
from winddown.domain.case import StoreDeclaration
from winddown.inspection.s3 import S3Inspector
from winddown.stores.objects.s3 import S3Store
from winddown.stores.retrying import Backoff

from .delta_subject import customers
from .desk import Desk
from .s3_subject import CREDENTIALS, FOLDER, STORE, Bucket, RowFiles, Unversioned

NAME = "shop.客户"


@dataclass(frozen=True, slots=True)
class Built:
    """A table as it lies in a bucket, and its catalogue."""

    catalogue: bytes
    objects: dict[str, bytes]


BUILT: dict[tuple[bool, str], Built] = {}


class Warehouse:
    """Tables of one bucket in a catalogue in a SQLite file, as their users see them."""

    def __init__(self, bucket: Bucket, path: Path) -> None:
        self.bucket = bucket
        self.url = f"sqlite:///{path}?catalogue=lake"
        keys = bucket.client._request_signer._credentials.get_frozen_credentials()
        self.catalogue = SqlCatalog(
            "lake",
            **{
                "uri": f"sqlite:///{path}",
                "s3.endpoint": bucket.client.meta.endpoint_url,
                "s3.access-key-id": keys.access_key,
                "s3.secret-access-key": keys.secret_key,
                "s3.region": REGION,
            },
        )
        self.catalogue.create_namespace_if_not_exists("shop")

    def create(self, schema: pa.Schema, *, folder: str = FOLDER, name: str = NAME, **properties: str) -> Table:
        location = f"s3://{self.bucket.name}/{folder}"
        return self.catalogue.create_table(name, schema, location=location, properties=properties)

    def table(self, name: str = NAME) -> Table:
        return self.catalogue.load_table(name)

    def rows(self, name: str = NAME) -> list[dict[str, Any]]:
        return list(self.table(name).scan().to_arrow().to_pylist())

    def files(self, name: str = NAME) -> set[str]:
        """Keys of what makes the table."""
        start = f"s3://{self.bucket.name}/"
        return {each.file.file_path.removeprefix(start) for each in self.table(name).scan().plan_files()}


class Asked:
    """Connections of one URL; remembers which were asked for."""

    def __init__(self, url: str) -> None:
        self.url, self.asked = url, set[str]()

    def find(self, name: str) -> ConnectionParameters:
        self.asked.add(name)
        return ConnectionParameters(url=self.url)


class IcebergFiles(RowFiles):
    """Seven customers in partitions, of whom one was changed; another one was deleted.

    Metadata name their bucket, so one written once is used again under the same name.
    """

    bucket_name = f"contract-{secrets.token_hex(6)}"
    version = "2"

    def __init__(self, client: Any, desk: Desk, folder: Path, *, is_kept: bool = True) -> None:
        super().__init__(client, desk)
        path = folder / "catalogue.sqlite"
        key = (self.keeps_versions, self.version)
        if is_kept and key in BUILT:
            path.write_bytes(BUILT[key].catalogue)
            for name, body in BUILT[key].objects.items():
                self.bucket.put(name, body)
        self.lake = Warehouse(self.bucket, path)
        if not (is_kept and key in BUILT):
            self._build()
        if is_kept and key not in BUILT:
            BUILT[key] = Built(path.read_bytes(), self.bucket.live())
        self.connections = Asked(self.lake.url.replace(str(path), quote(str(path), safe="")))  # as Airflow writes it
        declaration = StoreDeclaration(STORE, "s3", STORE, region="", bucket=self.bucket.name, catalogue="lake")
        self.store = S3Store(
            STORE,
            bucket=self.bucket.name,
            reader=client,
            unlock=desk.unlock(STORE, CREDENTIALS, lambda _: self.acting),
            escrow=desk.escrow(STORE),
            catalogue=bootstrap._catalogue(declaration, self.connections),
            backoff=Backoff(sleep=lambda seconds: time.sleep(seconds / 50)),
        )
        self.inspector = self.inspector_of(self.lake.url)

    def inspector_of(self, catalogue: str) -> S3Inspector:
        return S3Inspector(
            STORE,
            bucket=self.bucket.name,
            client=self.bucket.client,
            escrow=self.desk.escrow(STORE),
            set_apart=(),
            catalogue=catalogue,
        )

    def _build(self) -> None:
        rows = customers(range(8))
        table = self.lake.create(rows.schema, **{"format-version": self.version})
        with table.update_spec() as spec:
            spec.add_field("city", IdentityTransform(), "city")
        table.append(rows)
        changed = rows.slice(4, 1).set_column(4, "note", pa.array(["changed"]))
        table.overwrite(changed, "id = 4")
        table.delete("id = 7")

    def close(self) -> None:
        self.lake.catalogue.close()
        self.bucket.remove()

    def keys(self) -> list[str]:
        return []

    def original(self, key: str, *, without: str = "") -> bytes:
        raise NotImplementedError

    def key_of(self, name: str) -> str:
        return next(key for key in self.lake.files() if int(name) in self._ids(key))

    def rows(self, key: str, body: bytes) -> dict[str, object]:
        raise NotImplementedError

    def content(self) -> dict[str, object]:
        table = self.lake.table()
        return {**self.marks(), "schema": str(table.schema()), "settings": table.properties}

    def marks(self) -> dict[str, object]:
        return {str(row["id"]): row for row in self.lake.rows()}

    def spoil(self, name: str) -> None:
        self.lake.table().delete(f"id = {name}")

    def alter(self, name: str) -> None:
        (row,) = [row for row in self.lake.rows() if str(row["id"]) == name]
        table = self.lake.table()
        rows = pa.Table.from_pylist([{**row, "note": "altered"}], schema=table.schema().as_arrow())
        table.overwrite(rows, f"id = {name}")

    def bring_back(self, name: str) -> None:
        """Let the file that first had a record make the table again, whatever else does."""
        table = self.lake.table()
        for snapshot in table.snapshots():
            for manifest in snapshot.manifests(table.io):
                for entry in manifest.fetch_manifest_entry(table.io):
                    key = entry.data_file.file_path.removeprefix(f"s3://{self.bucket.name}/")
                    if "winddown" not in key and int(name) in self._ids(key):
                        with table.transaction() as change, change.update_snapshot().fast_append() as append:
                            append.append_data_file(entry.data_file)
                        return
        raise AssertionError("no file ever had it")

    def _ids(self, key: str) -> set[int]:
        body = self.bucket.client.get_object(Bucket=self.bucket.name, Key=key)["Body"].read()
        return set(pq.read_table(io.BytesIO(body), columns=["id"], partitioning=None).column("id").to_pylist())


class UnversionedIceberg(Unversioned, IcebergFiles):
    """The same in a bucket that keeps no versions."""


class OldIceberg(UnversionedIceberg):
    """And in version 1 of the format."""

    version = "1"
