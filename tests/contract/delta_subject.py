"""Delta tables in a bucket, written and read by the library ``deltalake``, which the store does not use."""

import io
import json
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake

from winddown.demo.bucket import REGION

from .desk import Desk
from .s3_subject import FOLDER, Bucket, RowFiles

CITIES = {**dict.fromkeys((0, 1, 2), "上海"), **dict.fromkeys((3, 4, 10, 11, 12, 13), "a=b/c"), 5: None, 6: None}
BUILT: dict[str, bytes] = {}
SETTINGS = {"delta.logRetentionDuration": "interval 400 days", "delta.enableExpiredLogCleanup": "false"}


class Lake:
    """One table by its folder, as its users see it."""

    def __init__(self, bucket: Bucket, folder: str = FOLDER) -> None:
        self.bucket, self.folder = bucket, folder
        meta = bucket.client.meta
        keys = bucket.client._request_signer._credentials.get_frozen_credentials()
        self.uri = f"s3://{bucket.name}/{folder}"
        self.options = {
            "AWS_ENDPOINT_URL": meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        }

    def table(self, version: int | None = None) -> DeltaTable:
        return DeltaTable(self.uri, version=version, storage_options=self.options)

    def write(self, rows: pa.Table, *, partition_by: list[str] | None = None, **more: Any) -> None:
        write_deltalake(self.uri, rows, mode="append", partition_by=partition_by, storage_options=self.options, **more)

    def rows(self) -> list[dict[str, Any]]:
        return list(self.table().to_pyarrow_table().to_pylist())

    def files(self) -> set[str]:
        """Keys of what makes the table; the library quotes the folder alone."""
        start = f"s3://{self.bucket.name}/{quote(self.folder)}/"
        uris = self.table().file_uris()
        assert all(uri.startswith(start) for uri in uris)
        return {f"{self.folder}/{uri.removeprefix(start)}" for uri in uris}

    def log(self) -> dict[str, bytes]:
        return {key: body for key, body in self.bucket.live().items() if key.startswith(f"{self.folder}/_delta_log/")}

    def commits(self) -> list[list[dict[str, Any]]]:
        """The actions of each commit, the oldest first."""
        return [
            [json.loads(line) for line in body.splitlines()]
            for key, body in sorted(self.log().items())
            if key.endswith(".json")
        ]

    def commit(self, actions: list[dict[str, Any]]) -> None:
        """Write a commit by hand."""
        version = self.table().version() + 1
        body = "".join(f"{json.dumps(action)}\n" for action in actions).encode()
        self.bucket.put(f"{self.folder}/_delta_log/{version:020}.json", body)


class DeltaFiles(RowFiles):
    """Thirteen customers in partitions, of whom some were changed, and one was deleted."""

    def __init__(self, client: Any, desk: Desk) -> None:
        super().__init__(client, desk)
        self.lake = Lake(self.bucket)
        for key, body in self._built().items():
            self.bucket.put(key, body)

    def _built(self) -> dict[str, bytes]:
        """The table's objects; written once, because each commit of the library takes its time."""
        if not BUILT:
            self._build()
            BUILT.update(self.bucket.live())
            self.bucket.empty()
        return BUILT

    def _build(self) -> None:
        self.lake.write(customers(range(14)), partition_by=["city"], configuration=SETTINGS)
        table = self.lake.table()
        table.update({"note": "'changed'"}, predicate="id = 4")
        table.delete("id = 13", commit_properties=CommitProperties(custom_metadata={"by": "shop"}))

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
        return {**self.marks(), "schema": table.schema().to_json(), "settings": table.metadata().configuration}

    def marks(self) -> dict[str, object]:
        return {str(row["id"]): row for row in self.lake.rows()}

    def spoil(self, name: str) -> None:
        self.lake.table().delete(f"id = {name}")

    def alter(self, name: str) -> None:
        self.lake.table().update({"note": "'altered'"}, predicate=f"id = {name}")

    def bring_back(self, name: str) -> None:
        for actions in reversed(self.lake.commits()):
            for action in actions:
                add = action.get("add", {})
                key = f"{FOLDER}/{unquote(add.get('path', ''))}"
                if add and "winddown" not in key and int(name) in self._ids(key):
                    self.lake.commit([{"add": {**add, "dataChange": True}}])
                    return
        raise AssertionError("no file ever had it")

    def _ids(self, key: str) -> set[int]:
        body = self.bucket.client.get_object(Bucket=self.bucket.name, Key=key)["Body"].read()
        return set(pq.read_table(io.BytesIO(body), columns=["id"], partitioning=None).column("id").to_pylist())


def customers(ids: range) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(ids, type=pa.int64()),
            "姓名": pa.array([f"客户{n}" if n else None for n in ids]),
            "city": pa.array([CITIES.get(n, "北京") for n in ids]),
            "born": pa.array([date(1990, 1, 1) + timedelta(n) for n in ids]),
            "note": pa.array(["as it was"] * len(ids)),
        }
    )
