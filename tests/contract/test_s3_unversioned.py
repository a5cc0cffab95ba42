"""Buckets that never kept versions: copied, encrypted, read back, and only then deleted or rewritten."""

import hashlib
import os
import random
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Method
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsFreeze, ability

from .ability_suites import FreezeSuite, MinimiseSuite, SanitiseSuite
from .s3_services import Faulty, Interrupted, Privileged, Unconditional
from .s3_subject import (
    FOLDER,
    BucketSubject,
    ModestCsv,
    ModestObjects,
    UnversionedCsv,
    UnversionedObjects,
    UnversionedTables,
)
from .subject import Work, work
from .suite import EffectSuite, FieldSuite, ReadingSuite, ReturnSuite
from .test_s3 import subject
from .test_s3_faults import act

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "1"))
BIG = 17 << 20  # more than goes in one request

__all__ = ["subject"]


@pytest.mark.parametrize("subject", [UnversionedObjects], indirect=True)
class TestObjects(ReadingSuite, EffectSuite, ReturnSuite, SanitiseSuite):
    """One door for all objects: who may act is asked where the bucket keeps versions (test_s3)."""


@pytest.mark.parametrize("subject", [UnversionedCsv], indirect=True)
class TestRows(FieldSuite, EffectSuite):
    pass


@pytest.mark.parametrize("subject", [ModestObjects], indirect=True)
class TestObjectsOfAModestService(ReadingSuite, EffectSuite, ReturnSuite, SanitiseSuite):
    """One without versions, policies, tags and grants."""

    def test_nobody_is_stopped_from_writing_and_that_is_said(self, subject: BucketSubject) -> None:
        store = ability(subject.store, SupportsFreeze)
        assert store is not None
        remembered = store.remember_writers([subject.ref], None)
        assert store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered).records == 0
        assert subject.inspector.writers([subject.ref]) != ()
        store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)


@pytest.mark.parametrize("subject", [ModestCsv], indirect=True)
class TestRowsOfAModestService(EffectSuite):
    pass


@pytest.mark.parametrize("subject", [UnversionedTables], indirect=True)
class TestFields(MinimiseSuite):
    pass


@pytest.mark.parametrize("subject", [UnversionedObjects], indirect=True)
class TestFreeze(FreezeSuite):
    @pytest.fixture(autouse=True)
    def a_service_that_tells_users_apart(self, subject: BucketSubject) -> None:
        subject.acting = Privileged(subject.acting)


@pytest.mark.parametrize("subject", [UnversionedObjects, UnversionedCsv], indirect=True)
class TestWriters:
    def test_a_writer_that_comes_in_between_wins(self, subject: BucketSubject) -> None:
        planned, content = work(subject, size=10), subject.content()
        key = planned.batches[0].keys.to_pylist()[0]["object"]
        changed = subject.original(key, without=min(planned.names[0]))
        subject.acting = Interrupted(subject.acting, lambda: subject.bucket.put(key, changed))
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(QUARANTINE)
        live = subject.bucket.live()
        assert live.pop(key) == changed
        assert live == {name: subject.original(name) for name in list(subject.keys()) if name != key}
        assert planned.leftovers() == 0, "no copy is left of what was given back"
        subject.bucket.put(key, subject.original(key))
        assert subject.content() == content

    def test_a_service_without_conditions_needs_a_frozen_bucket(self, subject: BucketSubject) -> None:
        planned, content = work(subject), subject.content()
        subject.acting = Privileged(Unconditional(subject.acting))
        with pytest.raises(Refused, match="not frozen"):
            planned.act(QUARANTINE)
        assert (subject.content(), planned.leftovers()) == (content, 0)
        store = ability(subject.store, SupportsFreeze)
        assert store is not None
        remembered = store.remember_writers([subject.ref], None)
        assert store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered).records == 1
        for power in (QUARANTINE, RESTORE):
            planned.act(power)
        assert subject.content() == content
        planned.act(QUARANTINE)
        planned.act(PURGE)
        assert where(planned) is Whereabouts.GONE
        store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)

    def test_a_bucket_that_keeps_versions_by_now_is_planned_again(self, subject: BucketSubject) -> None:
        planned, content = work(subject), subject.content()
        versioning = {"Status": "Enabled"}
        subject.bucket.client.put_bucket_versioning(Bucket=subject.bucket.name, VersioningConfiguration=versioning)
        with pytest.raises(Refused, match="keeps versions by now"):
            planned.act(QUARANTINE)
        assert subject.content() == content


@pytest.mark.parametrize("subject", [UnversionedObjects], indirect=True)
class TestCopies:
    def test_what_is_in_quarantine_lies_encrypted_in_the_workspace(self, subject: BucketSubject) -> None:
        planned = work(subject)
        assert planned.order.method is Method.ESCROW_OBJECT
        planned.act(QUARANTINE)
        (file,) = (path.read_bytes() for path in copies(planned))
        for key in list(subject.keys()):
            assert subject.original(key) not in file
            assert key.encode() not in file

    def test_a_copy_that_was_changed_restores_nothing(self, subject: BucketSubject) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        (path,) = copies(planned)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        live = subject.bucket.live()
        with pytest.raises(Residual, match="no copy"):
            planned.act(RESTORE)
        assert (subject.bucket.live(), planned.set_aside()) == (live, 0)

    def test_a_name_that_was_used_meanwhile_keeps_the_copy(self, subject: BucketSubject) -> None:
        planned, content = work(subject), subject.content()
        planned.act(QUARANTINE)
        key = min(planned.names[0])
        subject.bucket.put(key, b"another")
        with pytest.raises(Residual, match="used meanwhile"):
            planned.act(RESTORE)
        assert subject.bucket.live()[key] == b"another"
        assert planned.leftovers() > 0
        subject.bucket.client.delete_object(Bucket=subject.bucket.name, Key=key)
        planned.act(RESTORE)
        assert (subject.content(), planned.leftovers()) == (content, 0)

    def test_a_name_that_was_used_meanwhile_keeps_the_copy_of_a_repeated_quarantine(
        self, subject: BucketSubject
    ) -> None:
        planned, content = work(subject, size=10), subject.content()
        planned.act(QUARANTINE)
        key = min(planned.names[0])
        subject.bucket.put(key, b"another")
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(QUARANTINE)
        assert subject.bucket.live()[key] == b"another"
        subject.bucket.client.delete_object(Bucket=subject.bucket.name, Key=key)
        planned.act(RESTORE)
        assert (subject.content(), copies(planned)) == (content, [])

    def test_a_writer_that_comes_after_a_deletion_of_ours_keeps_the_copy(self, subject: BucketSubject) -> None:
        planned, content, client = work(subject, size=10), subject.content(), subject.bucket.client
        key = min(planned.names[0])

        class Before:
            """Somebody uses the name as soon as it is free."""

            def delete_object(self, **request: Any) -> Any:
                answer = client.delete_object(**request)
                if request["Key"] == key:
                    subject.bucket.put(key, b"another")
                return answer

            def __getattr__(self, name: str) -> Any:
                return getattr(client, name)

        subject.acting = Before()
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(QUARANTINE)
        assert subject.bucket.live()[key] == b"another"
        client.delete_object(Bucket=subject.bucket.name, Key=key)
        planned.act(RESTORE)
        assert (subject.content(), copies(planned)) == (content, [])

    @pytest.mark.parametrize("named", ["x-amz-meta-owner", "Content-Disposition"])
    def test_what_no_request_can_say_again_is_refused_before_anything_is_deleted(
        self, subject: BucketSubject, named: str
    ) -> None:
        key, events = f"{FOLDER}/named.pdf", subject.bucket.client.meta.events
        said = 'attachment; filename="张三.pdf"'

        def raw(request: Any, **_: Any) -> None:
            request.headers[named] = said.encode()

        events.register("before-send.s3.PutObject", raw, unique_id="raw")
        try:
            subject.bucket.put(key, b"%PDF-1.7")
        except ClientError:
            pytest.skip("the service takes no such header")
        finally:
            events.unregister("before-send.s3.PutObject", unique_id="raw")
        planned, live = work(subject, chosen=[key]), subject.bucket.live()
        with pytest.raises(Refused, match="beyond ASCII") as refused:
            planned.act(QUARANTINE)
        assert "张三" not in str(refused.value)
        assert (subject.bucket.live(), copies(planned)) == (live, [])

    def test_the_right_to_write_in_an_acl_means_nothing_of_an_object(self, subject: BucketSubject) -> None:
        class Open:
            """Lets everybody write, which the embedded service does not say."""

            def get_object_acl(self, **request: Any) -> Any:
                acl = client.get_object_acl(**request)
                everybody = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
                return {**acl, "Grants": [*acl["Grants"], {"Grantee": everybody, "Permission": "WRITE"}]}

            def __getattr__(self, name: str) -> Any:
                return getattr(client, name)

        planned, content, client = work(subject), subject.content(), subject.acting
        subject.acting = Open()
        planned.act(QUARANTINE)
        assert planned.act(RESTORE).details == ()
        assert subject.content() == content

    def test_what_the_service_did_not_keep_is_named(self, subject: BucketSubject) -> None:
        class Forgetful:
            def __getattr__(self, name: str) -> Any:
                return getattr(client, name)

            def put_object(self, **request: Any) -> Any:
                return client.put_object(**{k: v for k, v in request.items() if k not in {"Tagging", "ContentType"}})

        planned, client = work(subject), subject.acting
        planned.act(QUARANTINE)
        subject.acting = Forgetful()
        assert dict(planned.act(RESTORE).details) == {"not_kept": "ContentType, tags"}

    def test_a_big_object_goes_in_parts_and_comes_back_as_it_was(self, subject: BucketSubject) -> None:
        key, body = f"{FOLDER}/big.pdf", b"%PDF-1.7 " + random.Random(7).randbytes(BIG)  # noqa: S311 - no secret
        subject.bucket.put(key, body, media_type="application/pdf")
        before = subject.bucket.attributes(key)
        planned = work(subject, chosen=[key])
        planned.act(QUARANTINE)
        assert key not in subject.bucket.live()
        assert planned.set_aside() == 1
        planned.act(RESTORE)
        assert hashlib.sha256(subject.bucket.live()[key]).digest() == hashlib.sha256(body).digest()
        assert subject.bucket.attributes(key) == before
        assert where(planned) is Whereabouts.LIVE
        planned.act(QUARANTINE)
        assert key not in subject.bucket.live(), "its tag is another one by now, its content is the planned one"
        planned.act(PURGE)
        assert (where(planned), copies(planned)) == (Whereabouts.GONE, [])


@pytest.mark.parametrize(
    ("subject", "seed"),
    [
        (kind, seed)
        for kind, count in ((UnversionedObjects, 3), (UnversionedCsv, 1))
        for seed in range(count * EXAMPLES)
    ],
    indirect=["subject"],
)
def test_whatever_fails_the_end_is_the_same(subject: BucketSubject, seed: int) -> None:
    planned, content = work(subject, size=10), subject.content()
    subject.acting = Faulty(subject.acting, seed, rate=0.05)
    act(planned, QUARANTINE)
    gone = subject.content()
    assert gone == {name: value for name, value in content.items() if name not in planned.chosen}
    act(planned, RESTORE)
    assert subject.content() == content
    act(planned, QUARANTINE)
    act(planned, PURGE)
    assert where(planned) is Whereabouts.GONE
    assert (planned.remaining(), planned.leftovers(), copies(planned)) == (0, 0, [])
    assert subject.content() == gone


def copies(planned: Work) -> list[Path]:
    """What lies in the escrow of the order, finished or not."""
    folder = hashlib.sha256(planned.order.id.encode()).hexdigest()[:24]
    found = (planned.subject.desk.workspace / "escrow" / planned.subject.ref.store / folder).glob("*")
    return [path for path in found if path.name != ".turn"]


def where(planned: Work) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[0])
