"""What pictures and documents of a bucket or folder say is read for classification; each stays one record."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from winddown.demo.papers import agreement, photo
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, Medium
from winddown.ports import UNREAD, Store
from winddown.stores.files.store import FilesStore
from winddown.stores.objects.s3 import S3Store

from .s3_subject import Bucket
from .test_s3_formats import Denying

Put = Callable[[str, bytes], None]


@pytest.fixture(params=["bucket", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path, client: Any) -> Iterator[tuple[Put, Store]]:
    if request.param == "bucket":
        bucket = Bucket(client)
        yield bucket.put, S3Store("files", bucket=bucket.name, reader=client, unlock=lambda _: None)
        bucket.remove()
        return

    def put(key: str, body: bytes) -> None:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(body)

    yield put, FilesStore("files", root=tmp_path)


def drawn(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - data of a test


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return sink.getvalue()


def read(store: Store, collection: Collection) -> tuple[dict[str, list[str]], dict[str, int]]:
    cells: dict[str, list[str]] = {}
    unread: dict[str, int] = {}
    for batch in store.cells(collection):
        for name in batch.schema.names:
            cells.setdefault(name, []).extend(batch.column(name).to_pylist())
        unread |= json.loads((batch.schema.metadata or {}).get(UNREAD, b"{}"))
    return cells, unread


def test_contents_are_read_and_what_is_not_is_counted(place: tuple[Put, Store]) -> None:
    put, store = place
    rng = drawn(1)
    document = agreement(rng)
    bodies = [photo(rng, is_placed=True), photo(rng, is_placed=False), document, document[:400], b"PGDMP" + bytes(99)]
    for number, body in enumerate(bodies):
        put(f"papers/{number}.dat", body)
    put("papers/6.zip", zipped(a=photo(rng, is_placed=True), b=agreement(rng)))
    (collection,) = store.discover().collections
    assert (collection.medium, collection.fields, collection.record_count) == (Medium.OBJECTS, (), 6)
    cells, unread = read(store, collection)
    assert {name: len(found) for name, found in cells.items()} == {"gps": 2, "text": 2}
    assert all(found.startswith("31.") for found in cells["gps"])
    assert all("身份证号码 120101" in found for found in cells["text"])
    assert unread == {
        "JPEG images, of which only EXIF is read": 3,
        "PDF documents that are damaged": 1,
        "PostgreSQL dumps": 1,
    }
    rows = [row for batch in store.read(collection) for row in batch.to_pylist()]
    assert [(row["winddown_object"], row["winddown_row"]) for row in rows] == [
        *((f"papers/{number}.dat", 0) for number in range(5)),
        ("papers/6.zip", 0),
    ]


def test_a_big_folder_is_read_in_batches(place: tuple[Put, Store]) -> None:
    put, store = place
    for number in range(300):
        put(f"photos/{number}.jpg", photo(drawn(number), is_placed=number % 2 == 0))
    (collection,) = store.discover().collections
    cells, unread = read(store, collection)
    assert len(set(cells["gps"])) == 150
    assert unread == {"JPEG images, of which only EXIF is read": 300}


def test_an_object_that_cannot_be_fetched_refuses_the_collection(client: Any) -> None:
    bucket = Bucket(client)
    bucket.put("papers/a.jpg", photo(drawn(1), is_placed=True))
    (collection,) = S3Store("files", bucket=bucket.name, reader=client, unlock=lambda _: None).discover().collections
    cold = S3Store("files", bucket=bucket.name, reader=_Cold(client), unlock=lambda _: None)
    cold._reading._forms.update(dict.fromkeys([(key, version) for key, version, *_ in bucket.history()], "opaque"))
    with pytest.raises(Refused, match="archive class"):
        read(cold, collection)
    bucket.remove()


class _Cold(Denying):
    """A service whose objects lie in an archive class."""

    def __init__(self, client: Any) -> None:
        super().__init__(client, "InvalidObjectState", "get_object")
