"""A worker that dies before any request that changes an Iceberg table's bucket or catalogue, and who comes after it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from winddown.demo.bucket import connect
from winddown.demo.servers import S3Address
from winddown.domain.authorization import Power

from .desk import Desk
from .iceberg_subject import IcebergFiles
from .killing import dies, stride
from .subject import work
from .test_iceberg_erased import thorough
from .test_s3_killed import MOST, finish

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize(
    "powers",
    [(Power.QUARANTINE, Power.PURGE), pytest.param((Power.QUARANTINE, Power.RESTORE), marks=thorough)],
    ids=["purge", "restore"],
)
def test_killed_before_any_step_the_end_is_the_same(
    client: Any, desk: Desk, tmp_path: Path, s3_address: S3Address, powers: tuple[Power, ...]
) -> None:
    for before in range(stride(18), MOST, stride(18)):
        subject = IcebergFiles(client, desk, tmp_path)
        content, planned = subject.content(), work(subject, size=10)
        was_killed = dies(planned, powers, before, watch=partial(_watch, subject, s3_address))
        assert set(subject.content()) <= set(content)
        finish(planned, powers)
        gone = planned.chosen if powers[-1] is Power.PURGE else frozenset[str]()
        assert subject.content() == {name: value for name, value in content.items() if name not in gone}
        if gone:
            assert (planned.remaining(), planned.leftovers()) == (0, 0)
            assert len(subject.lake.table().metadata.snapshots) == 1
            metadata = {key for key in subject.bucket.live() if ".metadata.json" in key}
            assert {subject.lake.table().metadata_location.partition(f"{subject.bucket.name}/")[2]} == metadata
        assert subject.lake.table().refs().keys() == {"main"}
        subject.close()
        if not was_killed:
            assert before > 3, "there were steps to die before"
            return
    raise AssertionError("it never came to its end")


def _watch(subject: IcebergFiles, address: S3Address, step: Callable[[], None]) -> None:
    """Connections of the parent are not used by two processes; a commit is a step, and so is what comes after it."""
    fresh = connect(address)

    def count(request: Any, **_: Any) -> None:
        if request.method not in {"GET", "HEAD"}:
            step()

    fresh.meta.events.register("before-send.s3", count)
    subject.acting = subject.store._reader = fresh
    commit = SqlCatalog.commit_table

    def stepping(*given: Any) -> Any:
        step()
        answer = commit(*given)
        step()
        return answer

    SqlCatalog.commit_table = stepping  # type: ignore[method-assign]
