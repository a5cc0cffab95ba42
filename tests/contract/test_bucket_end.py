"""A bucket is deleted when it is the planned one and nothing is in it, and another call tells that it is gone."""

from typing import Any

import pytest

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.domain.receipt import Receipt
from winddown.ports import SupportsBucketDeletion, ability

from .s3_services import Incomplete
from .s3_subject import STORE, BucketSubject, WholeObjects, make_bucket
from .subject import work
from .test_s3 import subject

__all__ = ["BucketEndSuite", "subject"]


def delete(subject: BucketSubject, *, made: str = "", target: str = f"delete bucket of {STORE}") -> Receipt:
    store = ability(subject.store, SupportsBucketDeletion)
    assert store is not None
    authorization = subject.desk.mint_for(Power.SANITISE, STORE, target=target)
    return store.delete_bucket(authorization, made=made or store.bucket_made())


def names(subject: BucketSubject) -> set[str]:
    return {each["Name"] for each in subject.bucket.client.list_buckets()["Buckets"]}


class BucketEndSuite:
    """The same on every service."""

    def test_it_goes_when_everything_in_it_is_purged(self, subject: BucketSubject) -> None:
        planned = work(subject, chosen=subject.keys(), size=9)
        planned.act(Power.QUARANTINE)
        with pytest.raises(Residual, match=r"is not empty: \d+ delete markers, \d+ versions"):
            delete(subject)
        planned.act(Power.PURGE)
        client, name = subject.bucket.client, subject.bucket.name
        upload = client.create_multipart_upload(Bucket=name, Key="张三.pdf")
        with pytest.raises(Residual, match="is not empty: 1 uploads") as raised:
            delete(subject)
        assert "张三" not in str(raised.value)
        client.abort_multipart_upload(Bucket=name, Key="张三.pdf", UploadId=upload["UploadId"])
        assert subject.inspector.bucket_is_there()  # type: ignore[attr-defined] - of buckets alone
        assert dict(delete(subject).details) == {"bucket": "deleted"}
        assert not subject.inspector.bucket_is_there()  # type: ignore[attr-defined] - of buckets alone
        assert name not in names(subject)
        make_bucket(client, name)  # for the end of the test

    def test_another_bucket_or_another_right_is_refused(self, subject: BucketSubject) -> None:
        subject.bucket.empty()
        with pytest.raises(Refused, match="planned was one made at 2001-01-01, found one made at 20"):
            delete(subject, made="2001-01-01")
        with pytest.raises(Refused, match="does not cover"):
            delete(subject, target=f"sanitise {STORE}")
        assert subject.bucket.name in names(subject)


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestBucketEnd(BucketEndSuite):
    pass


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
def test_what_is_written_after_the_count_keeps_the_bucket(subject: BucketSubject) -> None:
    """The service refuses by itself; what it then lists is said."""

    class Late(Incomplete):
        def delete_bucket(self, **request: Any) -> Any:
            subject.bucket.put("late", b"x")
            return self._client.delete_bucket(**request)

    subject.bucket.empty()
    subject.acting = Late(subject.acting, deletes=0, says="")
    with pytest.raises(Residual, match="is not empty: 1 versions"):
        delete(subject)
    assert subject.bucket.name in names(subject)
