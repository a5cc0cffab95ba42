"""What the scheduler kept of a case is looked for wherever it can be, once, before a person's word is taken."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Plan
from winddown.evidence import verify
from winddown.inspection.own_traces import naming
from winddown.stages import own_traces
from winddown.stages.report import Report, report

from .running import Running
from .test_own_traces import ASKS, begun, case, cleaned, finish, only_in_its_log, searching

__all__ = ["begun", "case"]  # fixtures


def reasons(written: Report) -> list[str]:
    return verify.verify(written.bundle.read_bytes(), written.key.read_text()).reasons


NAMES = (
    "case demo-1 is over", "plan demo-1-01-after-claims", "certificate-demo-1-01", "/evidence/demo-1-bundle.zip",
    "watch-demo-1-next-0", "case_demo-1",
)  # fmt: skip
NAMES_OTHERS = ("demo-10", "xdemo-1", "demo-1b", "case demo-1-b is over")


def test_what_names_a_case(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    for said in NAMES:
        log.write_text(said)
        assert naming([log.parent], "demo-1", others=("demo-1-b",)) == (("logs/a.log",), len(said))
    for said in NAMES_OTHERS:
        log.write_text(said)
        assert naming([log.parent], "demo-1", others=("demo-1-b", "demo-1")) == ((), len(said))
    log.unlink()
    empty = tmp_path / "logs" / "run_id=demo-1" / "empty.log"
    empty.parent.mkdir()
    empty.touch()
    assert naming([log.parent], "demo-1") == (("logs/run_id=demo-1/empty.log",), 0)


def test_a_folder_that_cannot_be_listed_is_not_clean(
    case: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = cleaned(case)
    listed = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))  # whoever runs the tests may list everything
        return listed(path)

    (tmp_path / "logs" / "closed").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", closed)
        with pytest.raises(Refused, match=r"not all of this could be searched: .*closed \(Permission denied\)"):
            own_traces.clear_scheduler(searching(case, tmp_path / "logs").deployment, "demo-1", by=ASKS)
    assert own_traces.scheduler_left_to(case.deployment, "demo-1") == ASKS


def test_the_log_beside_a_database_is_read_too(case: Running, tmp_path: Path) -> None:
    case, _ = cleaned(case)
    database = tmp_path / "airflow.db"
    told = pytest.raises(Residual, match=r"1 files of the scheduler name case demo-1: airflow\.db-wal")
    with only_in_its_log(database, "case demo-1"), told:
        own_traces.clear_scheduler(searching(case, database).deployment, "demo-1", by=ASKS)


def test_two_who_say_it_at_once_say_it_once(case: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    case, _ = cleaned(case)
    found, both = own_traces.naming, threading.Barrier(2)

    def slow(*places: Any, **others: Any) -> Any:
        both.wait(2) if not both.broken else None
        return found(*places, **others)

    monkeypatch.setattr(own_traces, "naming", slow)
    failed: list[BaseException] = []

    def say() -> None:
        try:
            own_traces.clear_scheduler(case.deployment, "demo-1", by=ASKS)
        except threading.BrokenBarrierError as error:  # the other one waits for its turn, not here
            failed.append(error)

    threads = [threading.Thread(target=say) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 1
    entries = case.deployment.ledger.entries("demo-1")
    assert sum(raw.endswith(b',"type":"scheduler_cleared"}') for raw in entries) == 1
    assert reasons(report(case.deployment, "demo-1")) == []


def test_the_certificates_stand_as_the_ledger_has_them(case: Running) -> None:
    """The clock stepped back between the making of two plans."""
    case, plan_id = cleaned(case)
    with case.deployment.control.engine.begin() as connection:
        connection.execute(text("UPDATE plan SET recorded_at = '2020' WHERE plan_id = :plan"), {"plan": plan_id})
    assert reasons(report(case.deployment, "demo-1")) == []


def test_what_an_earlier_build_recorded_is_taken_as_it_was(begun: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Plan.document
    with monkeypatch.context() as patch:
        patch.setattr(Plan, "document", lambda plan: {k: v for k, v in whole(plan).items() if k != "scheduler_by"})
        finish(begun)
    assert reasons(report(begun.deployment, "demo-1")) == []
    begun.deployment.control.put("demo-1", "request", "own_traces", {"requested_by": ASKS})
    plan = begun.deployment.control.plan(finish(begun, "approvals"))
    assert plan.scheduler_by == ASKS
