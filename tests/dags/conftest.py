"""The DAGs as the DAG processor reads them, with every way to a network or a database barred."""

import os
import secrets
import socket
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Airflow writes its configuration where this points, when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="winddown-airflow-"))
os.environ.setdefault("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(64))

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from winddown.orchestration import gates, tasks, waits

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def _barred(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("something was connected to while the DAGs were parsed")


@pytest.fixture(scope="session")
def bag() -> DagBag:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _barred)
        patch.setattr(sqlite3, "connect", _barred)
        for module in (tasks, gates, waits):
            patch.setattr(module, "deployment", _barred)
        patch.setattr(tasks, "deploy", _barred)
        patch.setattr("airflow.sdk.Connection.get", _barred)
        DagBag(ROOT / "dags")  # the first reading pays for the imports
        return DagBag(ROOT / "dags")


@pytest.fixture(scope="session")
def main_dag(bag: DagBag) -> DAG:
    found: DAG = bag.dags["deregister_company"]
    return found


class Stage:
    """Stands for a deployment in which one plan of one case waits for people and for the end of grace."""

    def __init__(self) -> None:
        self.missing = "0 of 2 approvals"
        self.receivers: tuple[str, ...] = ("he", "zhou")
        self.grace_left = timedelta(minutes=30)
        self.halts: list[tuple[str, str, str, str]] = []
        case = SimpleNamespace(id="c-1", approvers=("chen", "wu"))
        self.deployment: Any = SimpleNamespace(
            case=lambda _id: case,
            control=SimpleNamespace(plan=lambda plan_id: SimpleNamespace(id=plan_id, case="c-1")),
            clock=SimpleNamespace(now=lambda: NOW),
            switch=SimpleNamespace(halt=self._halt),
        )

    def _halt(self, case_id: str, *, by: str, reason: str, door: str) -> str:
        self.halts.append((case_id, by, reason, door))
        return f"halted by {by}"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    found = Stage()
    for module in (tasks, gates, waits):
        monkeypatch.setattr(module, "deployment", lambda: found.deployment)
    monkeypatch.setattr(gates, "missing_approvals", lambda _deployment, _plan: found.missing)
    monkeypatch.setattr(gates, "receivers", lambda _deployment, _plan: found.receivers)
    monkeypatch.setattr(waits, "grace_ends_at", lambda _deployment, _plan: NOW + found.grace_left)
    return found


@pytest.fixture
def function_of(main_dag: DAG) -> Callable[[str], Callable[..., Any]]:
    """The Python function of a task."""

    def find(task_id: str) -> Callable[..., Any]:
        found: Callable[..., Any] = main_dag.get_task(task_id).python_callable
        return found

    return find
