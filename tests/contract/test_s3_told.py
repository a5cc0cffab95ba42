"""What a service tells of versions, policies and listings, and does not tell: nothing counts as gone because of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual, Transient, WinddownError
from winddown.ports import SupportsFreeze, ability
from winddown.stores.objects import versions

from .s3_services import Modest
from .s3_subject import FOLDER, Bucket, BucketSubject, UnversionedObjects, WholeObjects
from .subject import work
from .test_s3 import subject

QUARANTINE, PURGE = Power.QUARANTINE, Power.PURGE

__all__ = ["subject"]


class Silent(Modest):
    """Refuses to list versions, as a proxy may that knows no such request."""

    lacking = ("list_object_versions",)


class Gateway(Modest):
    """Stands before a bucket that keeps versions, and knows of none."""

    lacking = ("list_object_versions", "get_bucket_versioning")

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if name not in {"get_object", "head_object", "delete_object"}:
            return found
        return lambda **request: found(**{key: value for key, value in request.items() if key != "VersionId"})


class Veiled(Gateway):
    """The same, and it takes the version's name out of what is answered."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if name not in {"get_object", "head_object"}:
            return found
        return lambda **request: {key: value for key, value in found(**request).items() if key != "VersionId"}


class Gated(WholeObjects):
    def service(self, client: Any) -> Any:
        return Gateway(client)


class GatedAndVeiled(WholeObjects):
    def service(self, client: Any) -> Any:
        return Veiled(client)


class Busy(Modest):
    lacking = ("get_bucket_versioning",)

    def _refuse(self, name: str) -> None:
        answer = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
        raise ClientError(cast(Any, answer), name)


class Overheard:
    """Answers the question for a policy with something else."""

    def __init__(self, client: Any, said: str) -> None:
        self._client, self._said = client, said

    def get_bucket_policy(self, **_: Any) -> dict[str, str]:
        return {"Policy": self._said}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestVersions:
    def test_a_purge_is_refused_where_versions_are_not_listed_any_more(self, subject: BucketSubject) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        history = subject.bucket.history()
        subject.acting = Silent(subject.bucket.client)
        with pytest.raises(Refused):
            planned.act(PURGE)
        assert subject.bucket.history() == history

    def test_an_inspector_that_is_shown_no_versions_does_not_count_them_as_gone(self, subject: BucketSubject) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        for blind in (Silent(subject.bucket.client), Gateway(subject.bucket.client)):
            subject.inspector._client = blind
            for look in (planned.remaining, planned.leftovers, planned.set_aside):
                with pytest.raises(Transient):
                    look()

    def test_a_gateway_that_came_in_between_shows_nothing_as_gone(self, subject: BucketSubject) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        history = subject.bucket.history()
        subject.acting = Gateway(subject.bucket.client)
        with pytest.raises(Refused, match="shows no versions any more"):
            planned.act(PURGE)
        assert subject.bucket.history() == history

    def test_a_service_that_is_busy_is_asked_again(self, subject: BucketSubject) -> None:
        planned = work(subject)
        subject.acting = Busy(subject.bucket.client)
        with pytest.raises(Transient):
            planned.act(QUARANTINE)


@pytest.mark.parametrize("subject", [Gated, GatedAndVeiled], indirect=True)
def test_a_gateway_before_versions_never_lets_copies_go(subject: BucketSubject) -> None:
    planned = work(subject)
    there = {found for found in subject.bucket.history() if not found[2]}
    with pytest.raises(WinddownError) as refused:
        planned.act(QUARANTINE)
    assert isinstance(refused.value, Refused | Residual)
    with pytest.raises(WinddownError):
        planned.act(PURGE)
    left = {(key, version) for key, version, is_marker, _ in subject.bucket.history() if not is_marker}
    assert left >= {(key, version) for key, version, *_ in there}


@pytest.mark.parametrize("subject", [UnversionedObjects], indirect=True)
class TestPolicies:
    def test_what_is_no_policy_is_not_taken_for_none(self, subject: BucketSubject) -> None:
        subject.store._reader = Overheard(subject.bucket.client, "<html>log in</html>")
        store = ability(subject.store, SupportsFreeze)
        assert store is not None
        with pytest.raises(Refused, match="answers with no policy"):
            store.remember_writers([subject.ref], None)

    def test_a_listing_in_its_place_says_that_there_is_none(self, subject: BucketSubject) -> None:
        subject.store._reader = Overheard(subject.bucket.client, "<?xml?><ListBucketResult>")
        store = ability(subject.store, SupportsFreeze)
        assert store is not None
        assert dict(store.remember_writers([subject.ref], None).details)["policy"] == "{}"


@pytest.fixture
def bucket(client: Any) -> Iterator[Bucket]:
    found = Bucket(client)
    yield found
    found.remove()


class Walking:
    """Lists versions as SeaweedFS 4.48 does: folders first, and what a page left out of them does not come again."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_paginator(self, name: str) -> Any:
        return self if name == "list_object_versions" else self._client.get_paginator(name)

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator("list_object_versions").paginate(**request):
            yield page | {"Versions": [each for each in page["Versions"] if not each["Key"].startswith("orders-")]}

    def list_object_versions(self, **request: Any) -> Any:
        pages = list(self.paginate(**{key: value for key, value in request.items() if key in {"Bucket", "Prefix"}}))
        first = "KeyMarker" not in request
        more = {"IsTruncated": True, "NextKeyMarker": "orders/9", "NextVersionIdMarker": "x"}
        return pages[0] | more if first else {"IsTruncated": False}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_listing_that_leaves_out_a_folder_is_found_out(bucket: Bucket) -> None:
    for key in ("orders/1.csv", "orders/2.csv", "orders-2023/1.csv"):
        bucket.put(key, b"id,name\n1,a\n")
    assert len(list(versions.by_key(bucket.client, bucket.name))) == 3
    walking = Walking(bucket.client)
    with pytest.raises(Refused, match="leaves out objects"):
        list(versions.by_key(Later(walking), bucket.name))


def test_what_came_back_while_it_was_listed_is_no_loss(bucket: Bucket) -> None:
    for key in ("orders/1.csv", "orders/2.csv"):
        bucket.put(key, b"id,name\n1,a\n")
    hidden = bucket.client.delete_object(Bucket=bucket.name, Key="orders/1.csv")["VersionId"]
    found = versions.by_key(Later(bucket.client), bucket.name)
    assert next(found)[0].is_marker
    bucket.client.delete_object(Bucket=bucket.name, Key="orders/1.csv", VersionId=hidden)
    assert [history[0].key for history in found] == ["orders/2.csv"]


class Later:
    """The service's clock is ahead, so that everything was written before."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def head_bucket(self, **_: Any) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 01 Jan 2100 00:00:00 GMT"}}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
def test_the_inspector_finds_it_out_as_well(subject: BucketSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    subject.bucket.put("orders-2023/1.csv", b"id,name\n1,a\n")
    monkeypatch.setattr("winddown.inspection.s3._CLOCKS", -timedelta(days=9))
    assert subject.inspector.listed() > 0
    subject.inspector._client = Walking(subject.bucket.client)
    with pytest.raises(Transient, match="leaves out objects"):
        subject.inspector.listed()


def test_a_page_that_cannot_go_on_is_no_end(bucket: Bucket, client: Any) -> None:
    class Old:
        """Knows the oldest listing alone, and answers the newer one in its words."""

        def get_paginator(self, name: str) -> Any:
            assert name == "list_objects_v2"
            return self

        def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
            one = {"Key": f"{FOLDER}/a", "ETag": '"1"', "Size": 1, "LastModified": "2024-01-01T00:00:00+00:00"}
            yield {"Contents": [one], "IsTruncated": True}

        def __getattr__(self, name: str) -> Any:
            return getattr(Modest(client), name)

    with pytest.raises(Refused, match="leaves out objects"):
        list(versions.by_key(Old(), bucket.name))
