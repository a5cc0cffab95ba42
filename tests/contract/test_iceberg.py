"""Iceberg tables: read as one collection, and never written to. ``pyiceberg`` makes them and judges."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform

from winddown.demo.bucket import REGION
from winddown.domain.blocker import Blocker
from winddown.domain.plan import Act
from winddown.stores.objects.s3 import S3Store

from .s3_subject import Bucket

ROWS = pa.table(
    {
        "id": pa.array(range(6), type=pa.int64()),
        "姓名": [f"客户{n}" for n in range(6)],
        "city": ["上海", "北京", None] * 2,
        "tags": pa.array([["a"], []] * 3, type=pa.list_(pa.string())),
    }
)


@pytest.fixture
def bucket(client: Any) -> Iterator[Bucket]:
    found = Bucket(client)
    yield found
    found.remove()


@pytest.fixture
def table(bucket: Bucket) -> Iterator[Table]:
    """A table of two partitions and a half, appended to twice, one row deleted."""
    keys = bucket.client._request_signer._credentials.get_frozen_credentials()
    catalogue = InMemoryCatalog(
        "lake",
        **{
            "warehouse": f"s3://{bucket.name}/lake",
            "s3.endpoint": bucket.client.meta.endpoint_url,
            "s3.access-key-id": keys.access_key,
            "s3.secret-access-key": keys.secret_key,
            "s3.region": REGION,
        },
    )
    catalogue.create_namespace("shop")
    found = catalogue.create_table("shop.客户", schema=ROWS.schema)
    with found.update_spec() as spec:
        spec.add_field("city", IdentityTransform(), "city")
    found.append(ROWS.slice(0, 3))
    found.append(ROWS.slice(3))
    found.delete("id = 4")
    yield found
    catalogue.close()


def discovered(bucket: Bucket) -> tuple[S3Store, list[Any], list[tuple[str, str]]]:
    store = S3Store("files", bucket=bucket.name, reader=bucket.client, unlock=lambda _: None)
    found = store.discover()
    said = [(blocker.code, blocker.explanation) for blocker in found.blockers]
    return store, list(found.collections), said


def test_a_table_is_read_at_its_newest_metadata(bucket: Bucket, table: Table) -> None:
    store, (collection,), said = discovered(bucket)
    assert said == []
    assert (collection.format, collection.record_count) == ("iceberg", 5)
    assert [(field.name, field.type) for field in collection.fields] == [
        ("id", "long"),
        ("姓名", "string"),
        ("city", "string"),
        ("tags", "list"),
    ]
    rows = [row for batch in store.read(collection) for row in batch.to_pylist()]
    expected = {(str(row["id"]), row["姓名"], row["city"]) for row in table.scan().to_arrow().to_pylist()}
    assert {(row["id"], row["姓名"], row["city"]) for row in rows} == expected
    assert len(rows) == len(expected) == 5
    for whole in (True, False):
        refused = store.method(collection, Act.ERASE, whole=whole)
        assert isinstance(refused, Blocker)
        assert refused.code == "needs-catalogue"
    before = collection.fingerprint
    table.append(ROWS.slice(0, 1))
    assert discovered(bucket)[1][0].fingerprint != before


def test_an_empty_table_has_no_rows(bucket: Bucket, table: Table) -> None:
    table.delete()
    _, (collection,), said = discovered(bucket)
    assert (collection.record_count, said) == (0, [])


def test_what_is_not_understood_is_a_named_blocker(bucket: Bucket, table: Table) -> None:
    with table.update_schema() as update:
        update.rename_column("city", "town")
    _, collections, said = discovered(bucket)
    assert (collections, [code for code, _ in said]) == ([], ["unsupported-table"])
    assert "renamed" in said[0][1]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format-version": 3}, "version 3"),
        ({"refs": {"main": {}, "audit": {}}}, "branches or tags"),
        ({"properties": {"encryption.key-id": "1"}}, "encryption"),
    ],
)
def test_metadata_that_says_more_is_a_named_blocker(
    bucket: Bucket, table: Table, change: dict[str, object], word: str
) -> None:
    key = table.metadata_location.removeprefix(f"s3://{bucket.name}/")
    metadata = json.loads(bucket.live()[key])
    bucket.put(key, json.dumps(metadata | change).encode())
    _, collections, said = discovered(bucket)
    assert (collections, [code for code, _ in said]) == ([], ["unsupported-table"])
    assert word in said[0][1]


def test_two_newest_metadata_files_and_missing_files_are_named(bucket: Bucket, table: Table) -> None:
    key = table.metadata_location.removeprefix(f"s3://{bucket.name}/")
    content = bucket.live()[key]
    rival = f"{key.rpartition('/')[0]}/{key.rpartition('/')[2][:5]}-rival.metadata.json"
    bucket.put(rival, content)
    _, collections, said = discovered(bucket)
    assert (collections, [code for code, _ in said]) == ([], ["unreadable-file"])
    assert "two metadata files" in said[0][1]
    bucket.client.delete_object(Bucket=bucket.name, Key=rival)
    for each in [key for key in bucket.live() if key.endswith(".parquet")]:
        bucket.client.delete_object(Bucket=bucket.name, Key=each)
    _, collections, said = discovered(bucket)
    assert (collections, [code for code, _ in said]) == ([], ["unreadable-file"])
    assert "is not there" in said[0][1]
