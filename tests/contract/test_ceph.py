"""The same behaviour on Ceph RGW, which enforces what the embedded service only pretends."""

import json
import operator
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ceph_gateway import DAY_SECONDS, KMS_KEY, Gateway

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.ports import SupportsFreeze, ability

from .delta_subject import DeltaFiles
from .desk import Desk
from .keyed import KeyedSuite, keyed
from .keyed_case import COLLECTION, COPIES, FREE, LOCKED, ArchivedCompany
from .s3_subject import (
    FOLDER,
    BucketSubject,
    CsvFiles,
    ParquetFiles,
    UnversionedCsv,
    UnversionedObjects,
    WholeObjects,
)
from .subject import work
from .suite import EffectSuite, ReturnSuite
from .test_bucket_end import BucketEndSuite
from .test_s3 import HistorySuite, subject

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
AES = {"SSECustomerAlgorithm": "AES256"}

__all__ = ["keyed", "subject"]


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[Any]:
    with closing(gateway.client()) as found:
        yield found


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
class TestRows(EffectSuite, HistorySuite):
    pass


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestWhole(EffectSuite, ReturnSuite, HistorySuite):
    pass


@pytest.mark.parametrize("subject", [DeltaFiles], indirect=True)
class TestTables:
    """A table with a log, on a service that does not obey every condition on writes."""

    test_restore_brings_back_exactly_what_was = EffectSuite.test_restore_brings_back_exactly_what_was
    test_purge_destroys_the_batch_and_nothing_else = EffectSuite.test_purge_destroys_the_batch_and_nothing_else
    test_two_workers_at_once_have_one_effect = EffectSuite.test_two_workers_at_once_have_one_effect


class Locked(WholeObjects):
    """Whole objects in a bucket with Object Lock."""

    more = {"ObjectLockEnabledForBucket": True}  # noqa: RUF012 - never changed


@pytest.mark.parametrize("subject", [Locked], indirect=True)
class TestLocks:
    """What the service keeps is never purged by accident, and never counted as purged."""

    def test_governance_gives_way_only_to_an_order_that_says_so(self, subject: BucketSubject) -> None:
        planned = work(subject, chosen=subject.keys()[:2])
        lock(subject, subject.keys()[0], "GOVERNANCE", seconds=3600)
        found = subject.store.discover()
        said = {fact.name: (fact.subject, fact.value.split(" until ")[0]) for fact in found.facts}
        assert said["governance-retention"] == (str(subject.ref), "1 versions")
        assert not found.blockers, "the plan decides"
        planned.act(QUARANTINE)
        with pytest.raises(Residual, match=r"of 4 versions ordered, 3 purged, 1 locked until 20\d\d-\d\d-\d\d"):
            planned.act(PURGE)
        assert subject.keys()[0] not in subject.bucket.live(), "its marker stays on top"
        assert planned.leftovers() > 0
        approved = replace(planned, order=replace(planned.order, bypasses_governance=True))
        assert dict(approved.act(PURGE).details) == settled(4)
        assert (planned.remaining(), planned.leftovers()) == (0, 0)

    def test_compliance_and_holds_are_named_and_stay_until_they_end(self, subject: BucketSubject) -> None:
        planned = work(subject, chosen=subject.keys()[:3], size=3)
        client, (kept, held, _) = subject.bucket.client, subject.keys()[:3]
        ends = lock(subject, kept, "COMPLIANCE", seconds=8)
        client.put_object_legal_hold(Bucket=subject.bucket.name, Key=held, LegalHold={"Status": "ON"})
        found = subject.store.discover()
        assert {(each.code, each.subject) for each in found.blockers} == {
            ("compliance-retention", str(subject.ref)),
            ("object-legal-hold", str(subject.ref)),
        }
        planned.act(QUARANTINE)
        planned = replace(planned, order=replace(planned.order, bypasses_governance=True))
        with pytest.raises(Residual, match="6 versions ordered, 4 purged, 1 under a legal hold, 1 locked until"):
            planned.act(PURGE)
        with pytest.raises(Residual, match="can no longer be restored"):
            planned.act(RESTORE)
        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1)
        with pytest.raises(Residual, match="6 versions ordered, 5 purged, 1 under a legal hold; 3 markers stay"):
            planned.act(PURGE)
        client.put_object_legal_hold(
            Bucket=subject.bucket.name, Key=held, VersionId=last(subject, held), LegalHold={"Status": "OFF"}
        )
        assert dict(planned.act(PURGE).details) == settled(6)
        assert (planned.remaining(), planned.leftovers()) == (0, 0)


@pytest.mark.parametrize("subject", [Locked], indirect=True)
class TestBucketEnd(BucketEndSuite):
    """A bucket with locks goes as well, once nothing is locked in it."""


class LockedRows(CsvFiles):
    """Rows of files in a bucket with Object Lock."""

    more = Locked.more


@pytest.mark.parametrize("subject", [LockedRows], indirect=True)
def test_rows_in_a_bucket_that_locks_what_is_written_are_not_touched(subject: BucketSubject) -> None:
    planned, content = work(subject), subject.content()
    default = {"Mode": "GOVERNANCE", "Days": 1}
    subject.bucket.client.put_object_lock_configuration(
        Bucket=subject.bucket.name,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}},
    )
    with pytest.raises(Refused, match="could not be taken back"):
        planned.act(QUARANTINE)
    assert subject.content() == content


def settled(versions: int) -> dict[str, str]:
    """The account of a batch of which everything went."""
    return {"ordered": str(versions), "purged": str(versions), "held": "0", "locked": "0", "failed": "0"}


def lock(subject: BucketSubject, key: str, mode: str, *, seconds: int) -> datetime:
    """Lock the current version of an object."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    retention = {"Mode": mode, "RetainUntilDate": until}
    subject.bucket.client.put_object_retention(Bucket=subject.bucket.name, Key=key, Retention=retention)
    return until


def last(subject: BucketSubject, key: str) -> str:
    """The only version of an object that is not a marker."""
    return next(version for name, version, is_marker, _ in subject.bucket.history() if name == key and not is_marker)


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestUsersAndRules:
    def test_a_freeze_stops_the_application_and_nobody_of_ours(self, subject: BucketSubject, gateway: Gateway) -> None:
        shop, marker = gateway.user(f"shop-{subject.bucket.name}"), gateway.user(f"winddown-{subject.bucket.name}")
        names = [f"arn:aws:iam:::user/{who}-{subject.bucket.name}" for who in ("shop", "winddown")]
        places = [f"arn:aws:s3:::{subject.bucket.name}", f"arn:aws:s3:::{subject.bucket.name}/*"]
        allow = {"Effect": "Allow", "Principal": {"AWS": names}, "Action": "s3:*", "Resource": places}
        before = {"Version": "2012-10-17", "Statement": [allow]}
        subject.bucket.client.put_bucket_policy(Bucket=subject.bucket.name, Policy=json.dumps(before))
        with closing(gateway.client(shop)) as application, closing(gateway.client(marker)) as ours:
            subject.acting = ours
            store = ability(subject.store, SupportsFreeze)
            assert store is not None
            remembered = store.remember_writers([subject.ref], None)
            receipt = store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
            assert receipt.records == 1
            assert subject.inspector.writers([subject.ref]) == ()
            for write in (application.put_object, application.delete_object):
                with pytest.raises(ClientError, match="AccessDenied"):
                    write(Bucket=subject.bucket.name, Key="new")
            planned = work(subject)
            for power in (QUARANTINE, RESTORE, QUARANTINE, PURGE):
                planned.act(power)
            assert planned.leftovers() == 0
            store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)
            assert subject.bucket.policy() == before
            application.put_object(Bucket=subject.bucket.name, Key="new")

    def test_a_rule_that_deletes_old_versions_rests_while_the_bucket_is_frozen(self, subject: BucketSubject) -> None:
        client, name = subject.bucket.client, subject.bucket.name
        rules = [
            {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""},
             "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
            {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": "x"},
             "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        ]  # fmt: skip
        store = ability(subject.store, SupportsFreeze)
        assert store is not None
        client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
        before = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        remembered = store.remember_writers([subject.ref], None)
        store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
        assert store.remember_writers([subject.ref], remembered).details == remembered.details, "killed and run again"
        history = subject.bucket.history()
        time.sleep(2 * DAY_SECONDS)
        assert subject.bucket.history() == history
        assert not subject.store.discover().blockers
        store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)
        assert client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"] == before
        assert [blocker.code for blocker in subject.store.discover().blockers] == ["expiring-versions"]
        deadline = time.monotonic() + 6 * DAY_SECONDS
        while len(subject.bucket.history()) == len(history):
            assert time.monotonic() < deadline, "the service does not run its rules, so the test shows nothing"
            time.sleep(1)

    def test_an_object_under_a_key_of_its_owners_is_named_and_can_still_be_purged(self, subject: BucketSubject) -> None:
        planned = work(subject)
        client, name, key = subject.bucket.client, subject.bucket.name, f"{FOLDER}/secret.pdf"
        client.put_object(
            Bucket=name, Key=key, Body=b"%PDF-1.7", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32
        )
        assert [blocker.code for blocker in subject.store.discover().blockers] == ["customer-key"]
        planned.act(QUARANTINE)
        assert planned.act(PURGE).records == planned.batches[0].records


@pytest.mark.parametrize("subject", [CsvFiles, ParquetFiles], indirect=True)
def test_a_rewritten_object_keeps_everything_but_the_rows(subject: BucketSubject) -> None:
    client, name, key = subject.bucket.client, subject.bucket.name, subject.keys()[0]
    put_with_everything(client, name, key, subject.bucket.live()[key])
    version = client.head_object(Bucket=name, Key=key)["VersionId"]
    before = everything(client, name, key)
    planned = work(subject, chosen=["0"])
    planned.act(QUARANTINE)
    assert everything(client, name, key) == before
    assert client.head_object(Bucket=name, Key=key)["VersionId"] != version


def put_with_everything(client: Any, name: str, key: str, body: bytes) -> None:
    """Put an object that has whatever an object can have."""
    client.put_object(
        Bucket=name, Key=key, Body=body, ContentType="text/x-rows", CacheControl="max-age=7",
        Metadata={"owner": "shop"},
        ContentDisposition="inline", ContentLanguage="zh", Expires=datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC),
        ServerSideEncryption="aws:kms", SSEKMSKeyId=KMS_KEY, Tagging="a=1&b=%2B", ACL="public-read",
    )  # fmt: skip


def everything(client: Any, name: str, key: str) -> tuple[object, object, object]:
    """Headers but those that a write changes, metadata but ours; grants; tags."""
    head = client.head_object(Bucket=name, Key=key)
    assert head["SSEKMSKeyId"] == KMS_KEY
    changing = {"ResponseMetadata", "ETag", "LastModified", "VersionId", "ContentLength", "Metadata"}
    kept = {header: value for header, value in head.items() if header not in changing}
    metadata = {name: value for name, value in head["Metadata"].items() if not name.startswith("winddown-")}
    grants = client.get_object_acl(Bucket=name, Key=key)["Grants"]
    tags = client.get_object_tagging(Bucket=name, Key=key)["TagSet"]
    return {**kept, "Metadata": metadata}, sorted(grants, key=operator.itemgetter("Permission")), tags


@pytest.fixture(scope="module")
def marker(gateway: Gateway) -> Iterator[Any]:
    """A user whom a freeze lets write."""
    with closing(gateway.client(gateway.user("winddown-marker"))) as found:
        yield found


class WithoutVersions:
    """A frozen bucket without versions: this service obeys no condition, so it has to be frozen."""

    @pytest.fixture
    def subject(self, request: pytest.FixtureRequest, marker: Any, desk: Desk) -> Iterator[BucketSubject]:
        found: BucketSubject = request.param(marker, desk)
        store = ability(found.store, SupportsFreeze)
        assert store is not None
        remembered = store.remember_writers([found.ref], None)
        assert store.freeze(desk.mint_for(Power.FREEZE, found.ref.store), remembered).records == 1
        yield found
        found.bucket.remove()


@pytest.mark.parametrize("subject", [UnversionedObjects], indirect=True)
class TestObjectsWithoutVersions(WithoutVersions, EffectSuite, ReturnSuite):
    def test_a_bucket_that_is_not_frozen_is_left_alone(self, subject: BucketSubject) -> None:
        planned, content = work(subject), subject.content()
        subject.bucket.client.delete_bucket_policy(Bucket=subject.bucket.name)
        with pytest.raises(Refused, match="not frozen"):
            planned.act(QUARANTINE)
        assert (subject.content(), planned.leftovers()) == (content, 0)

    def test_everything_comes_back_with_the_object(self, subject: BucketSubject) -> None:
        client, name, key = subject.bucket.client, subject.bucket.name, subject.keys()[0]
        put_with_everything(client, name, key, subject.original(key))
        before, acl, tags = everything(client, name, key)
        planned = work(subject, chosen=[key])
        planned.act(QUARANTINE)
        assert key not in subject.bucket.live()
        receipt = planned.act(RESTORE)
        assert everything(client, name, key) == (before, acl, tags)
        assert receipt.details == ()


@pytest.mark.parametrize("subject", [UnversionedCsv], indirect=True)
class TestRowsWithoutVersions(WithoutVersions, EffectSuite):
    pass


class TestUnderAKeyOfTheCompanys(KeyedSuite):
    @pytest.mark.thorough
    def test_a_case_ends_with_the_key_of_what_is_locked(self, gateway: Gateway, tmp_path: Path) -> None:
        company = ArchivedCompany(tmp_path / "company", gateway)
        company.directory.mkdir()
        company.make()
        fingerprint = company.key.fingerprint()
        halt = company.run_until("grace")
        (order,) = [each for each in company.deploy().control.plan(halt.plan_id).orders if each.destroys_key]
        assert (order.destroys_key, order.leaves_locked) == (fingerprint, True)
        assert company.versions().keys() == {LOCKED, FREE}
        company.run_until("finished")
        company.end()  # which verifies the bundle
        assert not company.key.path.exists()
        assert company.versions().keys() == {LOCKED}
        assert company.refusal(LOCKED) == 400
        (certificate,) = company.certificates()
        (row,) = [each for each in certificate["orders"] if each["collection"] == COLLECTION]
        assert row["outcome"] == "purge"
        assert row["key"] == {
            "technique": "crypto_erase",
            "fingerprint": fingerprint,
            "copies": COPIES,
            "locked_versions": 1,
            "locked_until": "2099-01-01",
        }
        left = {each["collection"]: each for each in certificate["residual_until"]}[COLLECTION]
        assert left["what"].startswith("1 versions stay locked, unreadable")
        assert left["until"] == "2099-01-01"
