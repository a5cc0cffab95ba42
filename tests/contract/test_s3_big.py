"""Objects that go in parts: what a rewrite leaves as it was is copied by the service, where it can."""

import io
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.domain.receipt import Whereabouts
from winddown.stores.objects.abilities import PROBE

from .s3_services import Interrupted
from .s3_subject import BucketSubject, ParquetFiles, Unversioned, frozen
from .subject import Work, work
from .test_s3 import subject

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
_REFUSED: Any = {"HTTPStatusCode": 400}
PHOTO, GROUP, ROWS = 1 << 20, 6, 18

__all__ = ["subject"]


class BigParquet(ParquetFiles):
    """One object of 18 MiB in three row groups."""

    ids = {"a": range(ROWS)}  # noqa: RUF012 - never changed

    def original(self, key: str, *, without: str = "") -> bytes:  # noqa: ARG002 - one object
        drawn = random.Random(7)  # noqa: S311 - no secret
        photos = [drawn.randbytes(PHOTO) for _ in range(ROWS)]
        table = pa.table({"id": pa.array(range(ROWS)), "photo": pa.array(photos, type=pa.binary())})
        kept = table.filter(pa.array([str(n) != without for n in range(ROWS)]))
        sink = io.BytesIO()
        pq.write_table(kept, sink, row_group_size=GROUP, compression="none", use_dictionary=["id"])
        return sink.getvalue()

    def earlier(self, key: str) -> bytes:  # noqa: ARG002 - any bytes will do
        return b"id\n0\n"


class BigUnversioned(Unversioned, BigParquet):
    pass


class Counting:
    """Counts what is asked of a service; some of it may be refused."""

    def __init__(self, client: Any, *, lacks: str = "") -> None:
        self._client, self._lacks = client, lacks
        self.asked: Counter[str] = Counter()
        self.sent = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*given: Any, **request: Any) -> Any:
            self.asked[name] += 1
            is_trial = str(request.get("Key", "")).startswith(PROBE)
            if name == self._lacks and not (is_trial and name == "upload_part"):
                raise ClientError({"Error": {"Code": "NotImplemented"}, "ResponseMetadata": _REFUSED}, name)
            if not is_trial:
                self.sent += len(request.get("Body", b""))
            return found(*given, **request)

        return call


@pytest.mark.parametrize("subject", [BigParquet, BigUnversioned], indirect=True)
class TestParts:
    @pytest.fixture(autouse=True)
    def a_frozen_bucket(self, subject: BucketSubject) -> Iterator[None]:
        """Where versions are not kept: the embedded service puts parts together whatever came in between."""
        with nullcontext() if subject.keeps_versions else frozen(subject):
            yield

    @pytest.mark.parametrize("lacks", ["", "upload_part_copy"])
    def test_only_what_changed_is_sent(self, subject: BucketSubject, lacks: str) -> None:
        content = subject.content()
        planned = work(subject, chosen=["6", "8"])
        counting = subject.acting = Counting(subject.acting, lacks=lacks)
        planned.act(QUARANTINE)
        # Of three row groups of six, the last is copied; the first is too short without the 5 MiB at its head.
        assert (counting.sent < 11 * PHOTO) is not bool(lacks)
        assert subject.content() == {name: row for name, row in content.items() if name not in planned.chosen}
        assert (planned.remaining(), planned.set_aside()) == (0, 2)
        planned.act(RESTORE)
        assert (subject.content(), where(planned)) == (content, Whereabouts.LIVE)
        planned.act(QUARANTINE)
        planned.act(PURGE)
        assert (where(planned), planned.remaining(), planned.leftovers()) == (Whereabouts.GONE, 0, 0)
        assert uploads(subject) == []

    def test_a_service_that_copies_another_range_does_not_count(self, subject: BucketSubject) -> None:
        class Shifting(Counting):
            """Copies wrongly what is more than a trial."""

            def upload_part_copy(self, **request: Any) -> Any:
                first, _, last = request["CopySourceRange"].removeprefix("bytes=").partition("-")
                if not request["Key"].startswith(PROBE):
                    request["CopySourceRange"] = f"bytes={int(first) - 1}-{int(last) - 1}"
                    self.asked["wrong"] += 1
                return self._client.upload_part_copy(**request)

        content, planned = subject.content(), work(subject, chosen=["6", "8"])
        shifting = subject.acting = Shifting(subject.acting)
        planned.act(QUARANTINE)
        assert shifting.asked["wrong"] > 0
        assert subject.content() == {name: row for name, row in content.items() if name not in planned.chosen}
        assert (where(planned), planned.remaining()) == (Whereabouts.QUARANTINED, 0)
        planned.act(RESTORE)
        assert (subject.content(), where(planned)) == (content, Whereabouts.LIVE)

    def test_a_part_that_fails_leaves_no_upload_behind(self, subject: BucketSubject) -> None:
        planned, content = work(subject, chosen=["6", "8"]), subject.content()
        subject.acting = Counting(subject.acting, lacks="upload_part")
        with pytest.raises(Refused):
            planned.act(QUARANTINE)
        assert (subject.content(), uploads(subject)) == (content, [])


@pytest.mark.parametrize("subject", [BigParquet], indirect=True)
def test_a_writer_that_comes_while_parts_are_sent_wins(subject: BucketSubject) -> None:
    planned, key = work(subject, chosen=["6", "8"]), subject.keys()[0]
    changed = subject.original(key, without="3")

    class Late(Interrupted):
        def complete_multipart_upload(self, **request: Any) -> Any:
            self._come()
            return self._client.complete_multipart_upload(**request)

    subject.acting = Late(subject.acting, lambda: subject.bucket.put(key, changed))
    with pytest.raises(Refused, match="changed after the plan"):
        planned.act(QUARANTINE)
    assert subject.bucket.live()[key] == changed


def uploads(subject: BucketSubject) -> list[Any]:
    found: list[Any] = subject.bucket.client.list_multipart_uploads(Bucket=subject.bucket.name).get("Uploads", [])
    return found


def where(planned: Work) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[0])
