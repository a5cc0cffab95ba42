"""A worker that dies before any request that changes a bucket, or any step of the escrow, and who comes after it."""

from collections.abc import Callable
from typing import Any

import pytest

from winddown.demo.bucket import connect
from winddown.demo.servers import S3Address
from winddown.domain.authorization import Power
from winddown.domain.receipt import Whereabouts

from .killing import dies, stride, watch_escrow
from .s3_subject import BucketSubject, CsvFiles, UnversionedCsv, UnversionedObjects
from .subject import Work, work
from .test_s3 import subject

__all__ = ["subject"]

pytestmark = pytest.mark.chaos
MOST = 200


@pytest.mark.parametrize("powers", [(Power.QUARANTINE, Power.PURGE), (Power.QUARANTINE, Power.RESTORE)], ids=str)
@pytest.mark.parametrize("subject", [UnversionedObjects, UnversionedCsv, CsvFiles], indirect=True)
def test_killed_before_any_step_the_end_is_the_same(
    subject: BucketSubject, s3_address: S3Address, powers: tuple[Power, ...]
) -> None:
    content = subject.content()

    def watch(step: Callable[[], None]) -> None:
        # Connections of the parent are not used by two processes.
        fresh = connect(s3_address)

        def count(request: Any, **_: Any) -> None:
            if request.method not in {"GET", "HEAD"}:
                step()

        fresh.meta.events.register("before-send.s3", count)
        subject.acting = subject.store._reader = fresh
        watch_escrow(step)

    for before in range(1, MOST, stride(7)):
        planned = work(subject, size=10)
        was_killed = dies(planned, powers, before, watch=watch)
        assert set(subject.content()) <= set(content)
        finish(planned, powers)
        if powers[-1] is Power.PURGE:
            gone = {name: value for name, value in content.items() if name not in planned.chosen}
            assert subject.content() == gone
            assert (planned.remaining(), planned.leftovers()) == (0, 0)
            for name in planned.chosen:
                subject.bring_back(name)
        assert subject.content() == content
        if not was_killed:
            assert before > 3, "there were steps to die before"
            return
    raise AssertionError("it never came to its end")


def finish(planned: Work, powers: tuple[Power, ...]) -> None:
    """Go on as the pipeline does: what comes second was intended only when everything was in quarantine."""
    if planned.subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE:
        return
    is_whole = planned.unchanged() + planned.set_aside() >= planned.batches[0].records
    assert is_whole or powers[-1] is Power.PURGE, "every record is somewhere"
    for power in powers if is_whole else powers[-1:]:
        planned.act(power)
