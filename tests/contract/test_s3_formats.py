"""A bucket of every format: found by content, read typed and as text, blocked by name, with what it says of itself."""

import bz2
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from urllib.parse import quote

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from pyarrow import orc

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method
from winddown.ports import Discovery
from winddown.stores.objects import versions
from winddown.stores.objects.s3 import S3Store

from .s3_subject import Bucket

ROWS = [{"id": 10**12 + number, "name": name} for number, name in enumerate(["欧阳", "诸葛", "皇甫"])]


def _avro() -> bytes:
    fields = [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}]
    sink = io.BytesIO()
    fastavro.writer(sink, {"type": "record", "name": "row", "fields": fields}, ROWS)
    return sink.getvalue()


def _arrow(write: Any) -> bytes:
    sink = io.BytesIO()
    write(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


def _xlsx() -> bytes:
    book = openpyxl.Workbook()
    for row in (["id", "name"], *([row["id"], row["name"]] for row in ROWS)):
        book.worksheets[0].append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.txt", TEXT)
    return sink.getvalue()


TEXT = "".join(f"{row['id']}\t{row['name']}\n" for row in [{"id": "id", "name": "name"}, *ROWS]).encode("gb18030")
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
FILES = {
    "avro": _avro(),
    "orc": _arrow(orc.write_table),
    "parquet": _arrow(pq.write_table),
    "xlsx": _xlsx(),
    "zip": _zip(),
    "csv": TEXT,
    "csv.bz2": bz2.compress(TEXT),
    "jsonl": LINES,
    "jsonl.gz": gzip.compress(LINES),
    "json": json.dumps(ROWS, indent=1).encode("utf-16"),
    "json.zst": pa.compress(json.dumps(ROWS).encode(), codec="zstd", asbytes=True),
}


@pytest.fixture
def bucket(client: Any) -> Iterator[Bucket]:
    found = Bucket(client)
    yield found
    found.remove()


def store_of(bucket: Bucket, client: Any = None) -> S3Store:
    return S3Store("files", bucket=bucket.name, reader=client or bucket.client, unlock=lambda _: None)


def discovered(bucket: Bucket, client: Any = None) -> tuple[Discovery, dict[str, Collection]]:
    found = store_of(bucket, client).discover()
    return found, {collection.ref.name: collection for collection in found.collections}


def test_every_format_is_found_by_content_and_read_alike(bucket: Bucket) -> None:
    for number, body in enumerate(FILES.values()):
        bucket.put(f"folder{number:02}/data", body)
    store, (discovery, found) = store_of(bucket), discovered(bucket)
    assert discovery.blockers == ()
    assert {collection.format for collection in found.values()} == set(FILES)
    for number, form in enumerate(FILES):
        collection = found[f"folder{number:02}"]
        assert (collection.format, collection.record_count, collection.field_names()) == (form, 3, ("id", "name"))
        rows = [row for batch in store.read(collection) for row in batch.to_pylist()]
        assert [(row["id"], row["name"]) for row in rows] == [(str(row["id"]), row["name"]) for row in ROWS]
        assert [row["winddown_row"] for row in rows] == [0, 1, 2]
        cells = [row for batch in store.cells(collection) for row in batch.to_pylist()]
        is_text = form.startswith(("csv", "zip"))
        assert cells == [{**row, "id": str(row["id"]) if is_text else row["id"]} for row in ROWS]
        whole, part = (store.method(collection, Act.ERASE, whole=whole) for whole in (True, False))
        assert whole is Method.DELETE_MARKER
        if form != "zip":
            assert part is Method.REWRITE_OBJECT
        else:
            assert isinstance(part, Blocker)
            assert part.code == "cannot-rewrite"


def test_partitions_are_one_collection_with_their_keys_as_fields(bucket: Bucket) -> None:
    for year, name in ((2023, "a"), (2024, "b")):
        bucket.put(f"orders/year={year}/month=01/part.csv", f"id,name\n{year},{name}\n".encode())
    bucket.put("orders/year=__HIVE_DEFAULT_PARTITION__/month=02/part.csv", b"id,name\n1,c\n")
    (name, collection), *rest = discovered(bucket)[1].items()
    assert (name, rest, collection.record_count) == ("orders", [], 3)
    assert collection.field_names() == ("id", "name", "year", "month")
    rows = [row for batch in store_of(bucket).read(collection) for row in batch.to_pylist()]
    assert [(row["id"], row["year"], row["month"]) for row in rows] == [
        ("2023", "2023", "01"),
        ("2024", "2024", "01"),
        ("1", None, "02"),
    ]


def test_bad_objects_block_their_folder_with_a_count_and_the_rest_goes_on(bucket: Bucket) -> None:
    good = b"id,name\n1,a\n"
    bad = {
        "torn": ("unreadable-file", FILES["parquet"][:-20]),
        "torn-orc": ("unreadable-file", FILES["orc"][:-20]),
        "ragged": ("unreadable-file", b"id,name\n1,a\n2\n"),
        "mixed": ("unclear-encoding", good + "2,欧阳\n".encode() * 9 + "3,客户地址\n".encode("gb18030")),
        "deep": ("beyond-limits", b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}\n"),
        "long": ("beyond-limits", b"id,name\n1," + b"x" * (17 << 20)),
        "bomb": ("beyond-limits", gzip.compress(b"id,name\n" + b"1,aaaaaaaaaaaaaaaaaa\n" * 4_000_000)),
        "names": ("duplicate-fields", b"id,id\n1,2\n"),
        "nested": ("unread-archive", _nested()),
        "strange": ("unknown-format", b"\x00\x01"),
        "empty": ("zero-byte-object", b""),
    }
    for folder, (_, body) in bad.items():
        bucket.put(f"{folder}/bad", body)
        bucket.put(f"{folder}/good.csv", good)
    bucket.put('fine/\'quoted "name"/good.csv', b'"a ""b""","c\nd"\n1,2\n')
    discovery, found = discovered(bucket)
    blocked = {blocker.subject.removeprefix("files:").partition("#")[0]: blocker for blocker in discovery.blockers}
    assert {folder: blocker.code for folder, blocker in blocked.items()} == {
        folder: code for folder, (code, _) in bad.items()
    }
    assert all(" of " in blocker.explanation for blocker in blocked.values())
    assert blocked["ragged"].explanation.startswith("1 of 2 objects")
    assert found['fine/\'quoted "name"'].field_names() == ('a "b"', "c\nd")
    assert "ragged" not in found, "a collection of which one object is unreadable is not half passed"


def _nested() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("inner.zip", FILES["zip"])
    return sink.getvalue()


class Meanwhile:
    """A service in which somebody writes just before a later range of an object is asked for."""

    def __init__(self, client: Any, write: Any) -> None:
        self._client, self._write, self._ranges = client, write, 0

    def get_object(self, **request: Any) -> Any:
        self._ranges += 1
        if self._ranges == 2:
            self._write()
        return self._client.get_object(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_an_object_replaced_while_it_is_read_is_named(bucket: Bucket) -> None:
    # Only where a bucket keeps no versions can an object change under its name; its ETag tells.
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"})
    body = b"id,name\n" + b"1,a\n" * 500_000
    bucket.put("folder/a.csv", body)
    changing = Meanwhile(bucket.client, lambda: bucket.put("folder/a.csv", body.replace(b"a", b"b")))
    codes = {blocker.code for blocker in discovered(bucket, changing)[0].blockers}
    assert codes == {"suspended-versioning", "changed-while-read"}
    collection = discovered(bucket)[1]["folder"]
    changing = Meanwhile(bucket.client, lambda: bucket.put("folder/a.csv", body))
    with pytest.raises(Refused, match="replaced or removed"):
        list(store_of(bucket, changing).read(collection))


class Denying:
    """A service that refuses some questions."""

    def __init__(self, client: Any, code: str, *names: str) -> None:
        self._client, self._code, self._names = client, code, names

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            return getattr(self._client, name)

        def refuse(**_: Any) -> Any:
            answer = {"Error": {"Code": self._code}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(answer, name)

        return refuse


def test_what_may_not_be_asked_is_a_fact_and_unknown_versioning_blocks(bucket: Bucket) -> None:
    bucket.put("folder/a.csv", b"id,name\n1,a\n")
    denying = Denying(
        bucket.client, "AccessDenied", "get_bucket_versioning", "get_bucket_encryption", "get_bucket_replication"
    )
    discovery, found = discovered(bucket, denying)
    assert [(blocker.code, blocker.subject) for blocker in discovery.blockers] == [("unknown-versioning", "files")]
    assert set(found) == {"folder"}
    facts = {fact.name: fact.value for fact in discovery.facts if fact.subject == "files"}
    assert facts["versioning"] == "not known"
    assert facts["encryption"] == facts["replication"] == "not known: AccessDenied"
    assert facts["lifecycle"] == facts["object-lock"] == "none"


def test_an_object_in_an_archive_class_is_named(bucket: Bucket) -> None:
    bucket.put("folder/a.csv", b"id,name\n1,a\n")
    cold = Denying(bucket.client, "InvalidObjectState", "get_object")
    assert [blocker.code for blocker in discovered(bucket, cold)[0].blockers] == ["cold-object"]


def test_a_bucket_says_what_it_is(client: Any) -> None:
    bucket = Bucket(client, keeps_versions=False, ObjectLockEnabledForBucket=True)
    client.put_bucket_encryption(
        Bucket=bucket.name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "zhang/"}, "Expiration": {"Days": 30}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": [rule]})
    encryption = "AES256"
    try:
        bucket.put("folder/a.csv", b"id,name\n1,a\n")
    except ClientError:  # the service has no key of its own
        client.delete_bucket_encryption(Bucket=bucket.name)
        bucket.put("folder/a.csv", b"id,name\n1,a\n")
        encryption = "none"
    bucket.put("folder/a.csv", b"id,name\n1,b\n")
    client.put_object_legal_hold(Bucket=bucket.name, Key="folder/a.csv", LegalHold={"Status": "ON"})
    bucket.put("gone/a.csv", b"id,name\n1,a\n")
    client.delete_object(Bucket=bucket.name, Key="gone/a.csv")
    upload = client.create_multipart_upload(Bucket=bucket.name, Key="half")
    discovery, found = discovered(bucket)
    facts = {(fact.subject, fact.name): fact.value for fact in discovery.facts}
    assert facts == {
        ("files", "versioning"): "enabled",
        ("files", "region"): client.get_bucket_location(Bucket=bucket.name)["LocationConstraint"] or "us-east-1",
        ("files", "encryption"): encryption,
        ("files", "object-lock"): "enabled",
        ("files", "lifecycle"): "1 rules: Expiration",
        ("files", "replication"): "none",
        ("files", "inventory-reports"): "none",
        ("files", "access-logs"): "none",
        ("files", "uploads-in-progress"): "1",
        ("files", "locked-versions"): "1",
        ("files:folder", "object-legal-hold"): "1 versions",
        ("files", "delete-markers"): "1",
        ("files", "older-versions"): "2",
        ("files:folder", "storage-classes"): "STANDARD 1",
    }
    assert found["folder"].version_count == 2
    assert [blocker.code for blocker in discovery.blockers] == ["object-legal-hold", "hidden-versions"]
    client.abort_multipart_upload(Bucket=bucket.name, Key="half", UploadId=upload["UploadId"])
    client.put_object_legal_hold(Bucket=bucket.name, Key="folder/a.csv", LegalHold={"Status": "OFF"})
    bucket.remove()


def test_any_change_of_any_version_changes_the_fingerprint(bucket: Bucket) -> None:
    for name in ("a", "b"):
        bucket.put(f"{name}/a.csv", b"id,name\n1,a\n")
        bucket.put(f"{name}/a.csv", b"id,name\n1,b\n")
    before = discovered(bucket)[1]
    older = min(bucket.history(), key=lambda found: (found[0] != "a/a.csv", found[3]))
    bucket.client.delete_object(Bucket=bucket.name, Key=older[0], VersionId=older[1])
    after = discovered(bucket)[1]
    assert before["a"].fingerprint != after["a"].fingerprint
    assert before["b"].fingerprint == after["b"].fingerprint


def test_histories_are_whole_across_pages(bucket: Bucket) -> None:
    for number in range(7):
        for _ in range(3):
            bucket.put(f"folder/{number}.csv", b"id,name\n1,a\n")
    bucket.client.delete_object(Bucket=bucket.name, Key="folder/3.csv")
    paginator = bucket.client.get_paginator("list_object_versions")
    small = Paged(bucket.client, paginator)
    found = {history[0].key: history for history in versions.by_key(small, bucket.name)}
    assert {key: len(history) for key, history in found.items()} == {
        f"folder/{number}.csv": 4 if number == 3 else 3 for number in range(7)
    }
    assert all(history[0].is_latest for history in found.values())
    assert found["folder/3.csv"][0].is_marker


@pytest.mark.parametrize(
    ("names", "is_whole"), [("abcd", True), ("a客户b", False), ("abé", False), ("a b", True), ("a", True)]
)
def test_a_service_that_loses_objects_where_a_listing_goes_on_is_refused(
    bucket: Bucket, names: str, is_whole: bool
) -> None:
    for name in names:
        bucket.put(f"folder/{name}", b"1")
    losing = Losing(bucket.client, bucket.client.get_paginator("list_object_versions"))
    found = nullcontext() if is_whole else pytest.raises(Refused, match="leaves out objects where a listing goes on")
    with found:
        assert [history[0].key for history in versions.by_key(losing, bucket.name)] == sorted(
            f"folder/{name}" for name in names
        )


def test_a_service_may_answer_in_pages_as_short_as_it_likes(bucket: Bucket) -> None:
    names = [f"folder/{number:02}" for number in range(12)]
    for name in names:
        bucket.put(name, b"1")
    short = Short(bucket.client, bucket.client.get_paginator("list_object_versions"))
    assert [history[0].key for history in versions.by_key(short, bucket.name)] == names


class Paged:
    """Pages of four versions."""

    def __init__(self, client: Any, paginator: Any) -> None:
        self._client, self._paginator = client, paginator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_paginator(self, name: str) -> Any:
        return self if name == "list_object_versions" else self._client.get_paginator(name)

    def paginate(self, **request: Any) -> Any:
        return self._paginator.paginate(**request, PaginationConfig={"PageSize": 4})


class Losing(Paged):
    """Compares the key behind which a listing goes on with encoded keys, as LocalStack 4.3 does."""

    def paginate(self, **request: Any) -> Any:
        marker = request.pop("KeyMarker", "")
        for page in self._paginator.paginate(**request):
            yield page | {"Versions": [found for found in page["Versions"] if quote(found["Key"]) > marker]}


class Short(Paged):
    """Answers a listing that goes on behind a key by an empty page, and others of one version each."""

    def paginate(self, **request: Any) -> Any:
        if "KeyMarker" not in request:
            yield from self._paginator.paginate(**request)
            return
        yield {}
        yield from self._paginator.paginate(**request, PaginationConfig={"PageSize": 1})
