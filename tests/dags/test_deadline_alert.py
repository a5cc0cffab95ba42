"""The daily watch and Airflow's deadline alert: which deadline a run is held to, and what is told when it passes."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.definitions.deadline import SerializedReferenceModels
from airflow.serialization.serialized_objects import DagSerialization
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from winddown.domain.errors import Refused
from winddown.orchestration import deadline_alert, tasks
from winddown.orchestration.deadline_alert import LEGAL_DEADLINE, NextLegalDeadline, next_deadline
from winddown.stages.deadlines import Notice

DUE = datetime(2026, 12, 7, 16, tzinfo=UTC)


class Ear:
    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[str, ...]]] = []

    def tell(self, subject: str, lines: tuple[str, ...]) -> None:
        self.told.append((subject, lines))


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    found = Ear()
    current = SimpleNamespace(notifier=found, control=SimpleNamespace(cases=lambda: ("c-1",)))
    for module in (tasks, deadline_alert):
        monkeypatch.setattr(module, "deployment", lambda: current)
    monkeypatch.setattr(deadline_alert, "next_due_at", lambda _deployment, case_id: DUE if case_id == "c-1" else None)
    return found


def say(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    for module in (tasks, deadline_alert):
        monkeypatch.setattr(module, "due_notice", lambda _deployment: Notice("winddown: 1 overdue", lines))


@pytest.mark.usefixtures("ear")
@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ({"case_id": "c-1"}, DUE),
        ({"case": {"case": "c-1"}}, DUE),
        ({"case_id": "c-2"}, None),  # not open yet
        ({"case_file": "case.yaml"}, None),  # whose case nobody has read yet
        ({}, None),
        ({"case": "c-1"}, None),
        ({"case_id": 7}, None),
    ],
)
def test_a_run_is_held_to_the_next_deadline_of_its_case(conf: dict[str, Any], expected: datetime | None) -> None:
    assert next_deadline(conf) == expected


@pytest.mark.parametrize("error", [Refused("no"), OperationalError("", {}, Exception()), OSError()])
def test_a_run_is_made_also_when_its_deadline_cannot_be_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr(deadline_alert, "deployment", broken)
    assert next_deadline({"case_id": "c-1"}) is None


@pytest.mark.usefixtures("ear")
def test_the_reference_reads_the_runs_conf() -> None:
    asked: list[str] = []

    def scalars(query: Any) -> Any:
        asked.append(str(query.compile(create_engine("sqlite://"), compile_kwargs={"literal_binds": True})))
        return SimpleNamespace(one_or_none=lambda: {"case_id": "c-1"})

    found = NextLegalDeadline()._evaluate_with(
        session=SimpleNamespace(scalars=scalars), dag_id="deregister_company", run_id="run-7"
    )
    assert found == DUE
    assert "run-7" in asked[0]
    assert "deregister_company" in asked[0]


def test_the_main_dag_carries_the_alert_and_airflow_finds_it_through_the_plugin(
    main_dag: DAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main_dag.deadline in (LEGAL_DEADLINE, [LEGAL_DEADLINE])
    name = f"{NextLegalDeadline.__module__}.{NextLegalDeadline.__name__}"
    monkeypatch.setattr("airflow.plugins_manager.get_deadline_references_plugins", lambda: {name: NextLegalDeadline})
    written = str(DagSerialization.to_dict(main_dag))
    assert name in written
    assert "winddown.orchestration.deadline_alert.tell_deadlines" in written
    wrapped = SerializedReferenceModels.SerializedCustomReference.deserialize_reference(
        {"reference_type": "NextLegalDeadline", "__class_path": name}
    )
    assert isinstance(wrapped.inner_ref, NextLegalDeadline)


def test_the_plugin_registers_the_reference() -> None:
    import runpy  # noqa: PLC0415 - the plugin is a file that Airflow runs, not a module of the package
    from pathlib import Path  # noqa: PLC0415

    plugin = runpy.run_path(str(Path(__file__).parents[2] / "plugins" / "winddown_plugin.py"))["WinddownPlugin"]
    assert plugin.deadline_references == [NextLegalDeadline]


def test_a_passed_deadline_tells_what_is_overdue(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, "c-1 DL-LAB-50 is overdue")
    deadline_alert.tell_deadlines(context={"dag_run": {}})
    assert ear.told == [("winddown: 1 overdue", ("c-1 DL-LAB-50 is overdue",))]


def test_the_watch_tells_of_a_stalled_case_and_remembers_it_only_then(
    ear: Ear, monkeypatch: pytest.MonkeyPatch, bag: Any
) -> None:
    tell: Callable[[], str] = bag.dags["watch_cases"].get_task("tell_stalled").python_callable
    notice, remembered = Notice("winddown: 1 stalled", ("c-1 stands since",)), []
    monkeypatch.setattr(tasks, "look_for_stalled", lambda _: ("c-1",))
    monkeypatch.setattr(tasks, "stalled_notice", lambda _: notice)
    monkeypatch.setattr(tasks, "remember_told", lambda _, untold: remembered.append(untold))
    assert tell() == notice.subject
    assert (ear.told, len(remembered)) == ([(notice.subject, notice.lines)], 1)
    monkeypatch.setattr(ear, "tell", lambda *_: pytest.fail("the mail server is down"))
    with pytest.raises(pytest.fail.Exception):
        tell()
    assert len(remembered) == 1
    monkeypatch.setattr(tasks, "stalled_notice", lambda _: Notice("winddown: 0 stalled", ()))
    tell()
    assert len(remembered) == 1


def test_the_daily_watch_tells_once_and_only_when_there_is_something(
    ear: Ear, monkeypatch: pytest.MonkeyPatch, bag: Any
) -> None:
    tell: Callable[[], str] = bag.dags["watch_deadlines"].get_task("tell_due").python_callable
    say(monkeypatch)
    tell()
    assert ear.told == []
    say(monkeypatch, "c-1 DL-LAB-50 is overdue")
    assert tell() == "winddown: 1 overdue"
    assert len(ear.told) == 1
