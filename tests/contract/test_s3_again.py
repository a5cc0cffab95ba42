"""A second look at a bucket: only what is new or changed is fetched, and a service that lies is found out."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from winddown.archive import notes
from winddown.archive.keys import CaseKeys
from winddown.archive.notes import CaseNotes
from winddown.demo.papers import agreement, photo
from winddown.detectors.names import is_speaking
from winddown.domain.case import Case
from winddown.domain.inventory import Collection
from winddown.stages.deployment import Deployment
from winddown.stages.documents import Contents, contents
from winddown.stores.objects.s3 import S3Store

from .s3_subject import Bucket, make_bucket
from .test_opaque_contents import drawn

CSV = "".join(f"{number},1381234{number:04}\n" for number in range(50)).encode()
NEVER = notes.TRIED


class Counting:
    """A client that counts what is fetched, and answers for some keys with other bytes of the same length."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.fetched: Counter[str] = Counter()
        self.lies: dict[str, bytes] = {}
        self.refusals: dict[str, str] = {}

    def get_object(self, **request: Any) -> Any:
        if request["Key"] in self.refusals:
            raise ClientError({"Error": {"Code": self.refusals[request["Key"]]}}, "GetObject")
        answer = self._client.get_object(**request)
        self.fetched[request["Key"]] += 1
        if request["Key"] in self.lies:
            first, last = (int(end) for end in request["Range"].removeprefix("bytes=").split("-"))
            answer["Body"] = io.BytesIO(self.lies[request["Key"]][first : last + 1])
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Watched:
    """A bucket that is looked at by one process after another of the same case."""

    def __init__(self, client: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bucket, self.client = Bucket(client), Counting(client)
        self._folder, self._keys, self._monkeypatch = folder, CaseKeys(folder / "keys"), monkeypatch

    def doubts(self) -> list[Path]:
        return list((self._folder / "notes").glob("*.doubted"))

    def codes(self, *, turn: int = NEVER) -> list[str]:
        return [blocker.code for blocker in self.store(turn=turn).discover().blockers]

    def store(self, *, turn: int = NEVER) -> S3Store:
        """A store of a new process; ``turn`` says which known object is tried."""
        self._monkeypatch.setattr("winddown.archive.notes.secrets.randbelow", lambda _: turn)
        self.client.fetched.clear()
        return S3Store(
            "files", bucket=self.bucket.name, reader=self.client, unlock=lambda _: None,
            notes=lambda: CaseNotes(
                self._folder / "notes", "look", store="files", keys=self._keys, code_version="1",
                is_withheld=is_speaking,
            ),
        )  # fmt: skip

    def collections(self, *, turn: int = NEVER) -> dict[str, Collection]:
        return {found.ref.name: found for found in self.store(turn=turn).discover().collections}

    def contents(self, collection: Collection, *, turn: int = NEVER) -> Contents:
        store = self.store(turn=turn)
        deployment = SimpleNamespace(
            folder=lambda _, *parts: self._folder.joinpath(*parts), keys=lambda _: self._keys, code_version="1"
        )
        case = SimpleNamespace(id="case")
        return contents(cast("Deployment", deployment), cast("Case", case), collection, store)

    def read_anew(self, collection: Collection) -> Contents:
        """Without any notes."""
        store = S3Store("files", bucket=self.bucket.name, reader=self.client, unlock=lambda _: None)
        without = SimpleNamespace(cells=store.cells)
        return contents(cast("Deployment", None), cast("Case", None), collection, cast("S3Store", without))


@pytest.fixture
def watched(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    found = Watched(client, tmp_path, monkeypatch)
    yield found
    found.bucket.remove()


@pytest.fixture
def papers(watched: Watched) -> Watched:
    """Ten scans, of which two have text and four a place, and two files of rows; all looked at and read."""
    for number in range(8):
        watched.bucket.put(f"papers/{number}.jpg", photo(drawn(number), is_placed=number % 2 == 0))
    for number in (8, 9):
        watched.bucket.put(f"papers/{number}.pdf", agreement(drawn(number)))
    for number in range(2):
        watched.bucket.put(f"exports/{number}.csv", b"id,phone\n" + CSV)
    found = watched.contents(watched.collections()["papers"])
    assert {name: profile.cells for name, profile in found.profiles.items()} == {"gps": 4, "text": 2}
    return watched


def swapped(content: bytes) -> bytes:
    """Other phone numbers in the same number of bytes."""
    return content.replace(b"1381234", b"1391234")


def overwrite(papers: Watched) -> set[str]:
    """Another content of the same size."""
    papers.bucket.put("exports/1.csv", swapped(b"id,phone\n" + CSV))
    body = papers.bucket.live()["papers/8.pdf"]
    papers.bucket.put("papers/8.pdf", body.replace(b"%%EOF", b"%%EOX"))
    return {"exports/1.csv", "papers/8.pdf"}


def write_the_same(papers: Watched) -> set[str]:
    """A new version with the same tag."""
    for key in ("papers/0.jpg", "papers/9.pdf"):
        papers.bucket.put(key, papers.bucket.live()[key])
    return {"papers/0.jpg", "papers/9.pdf"}


def add(papers: Watched) -> set[str]:
    papers.bucket.put("papers/new.pdf", agreement(drawn(20)))
    return {"papers/new.pdf"}


def delete(papers: Watched) -> set[str]:
    for key in ("papers/0.jpg", "papers/9.pdf", "exports/0.csv"):
        for name, version, *_ in papers.bucket.history():
            if name == key:
                papers.bucket.client.delete_object(Bucket=papers.bucket.name, Key=key, VersionId=version)
    return set()


@pytest.mark.parametrize("change", [lambda _: set(), overwrite, write_the_same, add, delete])
def test_only_what_is_new_or_changed_is_fetched(papers: Watched, change: Callable[[Watched], set[str]]) -> None:
    changed = change(papers)
    found = papers.store().discover()
    assert papers.client.fetched.keys() == changed
    plain = S3Store("files", bucket=papers.bucket.name, reader=papers.client, unlock=lambda _: None)
    assert found == plain.discover()
    (documents,) = (each for each in found.collections if each.ref.name.startswith("papers"))
    said = papers.contents(documents)
    assert papers.client.fetched.keys() == {key for key in changed if key.startswith("papers/")}
    assert said == papers.read_anew(documents)


def test_another_process_fetches_nothing_to_know_formats(papers: Watched) -> None:
    found = papers.collections()["papers"]
    rows = [row for batch in papers.store().read(found) for row in batch.to_pylist()]
    assert len(rows) == 10
    assert not papers.client.fetched


def test_one_of_the_known_is_tried(papers: Watched) -> None:
    found = papers.collections(turn=3)["papers"]
    assert papers.client.fetched.total() == 1
    papers.contents(found, turn=3)
    assert papers.client.fetched == Counter({"papers/3.jpg": 1})


def test_content_that_changed_under_its_version_is_found_out(papers: Watched) -> None:
    """The first of all keys in the bucket is ``exports/0.csv``."""
    papers.client.lies["exports/0.csv"] = swapped(b"id,phone\n" + CSV)
    papers.client.lies["exports/1.csv"] = b"id;phone\n" + CSV.replace(b",", b";")
    store = papers.store(turn=0)
    found = store.discover()
    assert [blocker.code for blocker in found.blockers] == ["changing-versions"]
    assert papers.client.fetched.keys() == papers.bucket.live().keys()
    assert {collection.change_mark for collection in found.collections} == {""}
    (documents,) = (each for each in found.collections if each.ref.name == "papers")
    assert not papers.contents(documents).is_final
    assert len(papers.client.fetched) == 10, "without a mark nothing is recalled"
    again = papers.store().discover()
    assert again == found, "until a person says that it is over"
    assert set(papers.client.fetched.values()) == {1}, "where nothing was recalled, one pass is enough"
    (doubt,) = papers.doubts()
    assert doubt.name in found.blockers[0].next_step
    doubt.unlink()
    last = papers.store().discover()
    assert not last.blockers
    assert "" not in {collection.change_mark for collection in last.collections}
    assert papers.client.fetched.keys() == papers.bucket.live().keys()
    assert not papers.codes()
    assert not papers.client.fetched


@pytest.mark.parametrize(
    "content",
    [b"\0\1\2\3" * 1000, b"PAR1" + b"\0" * 4000, b'id,phone\n1,"2\n' + b"x" * 4000, b"%PDF-" + b"x" * 4000],
    ids=["of no format", "torn", "broken", "of another format"],
)
def test_what_can_be_noted_no_longer_is_found_out(papers: Watched, content: bytes) -> None:
    papers.client.lies["exports/0.csv"] = content
    assert "changing-versions" in papers.codes(turn=0)


@pytest.mark.parametrize("code", ["InvalidObjectState", "PreconditionFailed"], ids=["cold", "changed while read"])
def test_what_may_pass_by_itself_is_no_contradiction(papers: Watched, code: str) -> None:
    papers.client.refusals["exports/0.csv"] = code
    assert papers.codes(turn=0) == [{"InvalidObjectState": "cold-object"}.get(code, "changed-while-read")]
    papers.client.refusals.clear()
    assert not papers.codes()
    assert not papers.doubts()


def test_an_object_that_went_to_an_archive_class_is_looked_at(papers: Watched) -> None:
    client = papers.client
    papers.bucket.put("papers/new.jpg", photo(drawn(30), is_placed=True))
    papers.collections()

    class Moved:
        """Lists one object in another storage class; its version, tag and size are the same."""

        def paginate(self, **request: Any) -> Iterator[Any]:
            for page in client._client.get_paginator("list_object_versions").paginate(**request):
                for version in page["Versions"]:
                    version["StorageClass"] = "GLACIER" if version["Key"] == "papers/new.jpg" else "STANDARD"
                yield page

    client.get_paginator = lambda _: Moved()
    client.refusals["papers/new.jpg"] = "InvalidObjectState"
    assert papers.codes() == ["cold-object"]


def test_a_document_that_says_something_else_has_all_read_again(papers: Watched) -> None:
    collection = papers.collections()["papers"]
    papers.client.lies["papers/0.jpg"] = papers.bucket.live()["papers/0.jpg"].replace(b"Exif\0", b"Exit\0")
    papers.client.lies["papers/2.jpg"] = papers.bucket.live()["papers/2.jpg"].replace(b"Exif\0", b"Exit\0")
    assert papers.contents(collection).profiles["gps"].cells == 4
    found = papers.contents(collection, turn=0)
    assert found.profiles["gps"].cells == 2
    assert not found.is_final
    assert len(papers.client.fetched) == 10
    assert papers.codes() == ["changing-versions"], "the next inventory tells it"
    assert papers.contents(collection) == found
    assert len(papers.client.fetched) == 10
    for doubt in papers.doubts():
        doubt.unlink()
    papers.collections()
    assert papers.contents(collection) == replace(found, is_final=True)
    assert len(papers.client.fetched) == 10, "nothing of before counts"
    papers.contents(collection)
    assert not papers.client.fetched


def test_what_has_no_version_of_its_own_is_fetched_each_time(watched: Watched, client: Any) -> None:
    make_bucket(client, "plain-notes")
    watched.bucket.remove()
    watched.bucket.name = "plain-notes"
    watched.bucket.put("papers/a.jpg", photo(drawn(1), is_placed=True))
    for _ in range(2):
        found = watched.collections()["papers"]
        assert watched.client.fetched == Counter({"papers/a.jpg": 1})
        watched.contents(found)
        assert watched.client.fetched == Counter({"papers/a.jpg": 1})


def test_a_lock_that_was_set_meanwhile_is_seen_without_fetching_the_object(watched: Watched, client: Any) -> None:
    name = f"{watched.bucket.name}-locks"
    make_bucket(client, name, ObjectLockEnabledForBucket=True)
    watched.bucket.remove()
    watched.bucket.name = name
    watched.bucket.put("papers/a.jpg", photo(drawn(1), is_placed=True))
    watched.collections()
    client.put_object_legal_hold(Bucket=name, Key="papers/a.jpg", LegalHold={"Status": "ON"})
    found = watched.store().discover()
    assert {fact.name: fact.value for fact in found.facts}["locked-versions"] == "1"
    assert [(each.code, each.subject) for each in found.blockers] == [("object-legal-hold", "files:papers")]
    assert not watched.client.fetched
    client.put_object_legal_hold(Bucket=name, Key="papers/a.jpg", LegalHold={"Status": "OFF"})


@pytest.mark.parametrize(
    "value",
    [
        "13812345678",
        "138 1234 5678",
        "+86 138 1234 5678",
        "6222 0212 3456 7890 128",
        "110105 19491231 002X",
        "li.hua@mail.example.cn",
    ],
)
def test_a_file_whose_first_record_stands_for_its_header_is_not_noted(watched: Watched, value: str) -> None:
    watched.bucket.put("exports/a.csv", f"1,{value}\n2,{value}\n".encode())
    for _ in range(2):
        watched.collections()
        assert watched.client.fetched.keys() == {"exports/a.csv"}


def test_a_bucket_of_the_same_name_elsewhere_is_another(papers: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Store, "_identity", lambda *_: "bucket at another service")
    papers.collections()
    assert papers.client.fetched.keys() == papers.bucket.live().keys()
