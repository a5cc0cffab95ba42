"""The last approval or receipt also answers what a run asks in Airflow; here a double of Airflow's API takes it.

That a real Airflow takes it is shown where whole cases go through one: nothing else answers there.
"""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient

from winddown.domain.plan import Plan
from winddown.stages.deployment import Deployment

from .small_case import APPROVER, ARCHIVE, CUSTODIAN, PLAN, SECOND

Client = Callable[..., TestClient]


def question(gate: str, plan_id: str = PLAN, *, state: str = "awaiting_input", run: str = "r1") -> dict[str, Any]:
    found = {"task_id": f"people.{gate}", "dag_run_id": run, "map_index": -1, "state": state}
    return {"task_instance": found | {"rendered_fields": {"plan_id": plan_id}}}


class Airflow:
    """Answers as Airflow's API does, as far as it is asked here."""

    def __init__(self) -> None:
        self.asks: list[list[dict[str, Any]]] = []  # what stands open, look by look; the last stays
        self.answers: list[tuple[str, str, dict[str, Any]]] = []
        self.status = 200
        self.looks = 0
        self.app = FastAPI()
        self.app.get("/api/v2/dags/deregister_company/dagRuns/~/hitlDetails")(self.list)
        self.app.patch("/api/v2/dags/deregister_company/dagRuns/{run}/taskInstances/{task}/{index}/hitlDetails")(
            self.take
        )

    def list(self, response_received: str, task_id_pattern: str) -> dict[str, Any]:
        assert response_received == "false"
        self.looks += 1
        found = self.asks.pop(0) if len(self.asks) > 1 else self.asks[0]
        return {"hitl_details": [row for row in found if task_id_pattern in row["task_instance"]["task_id"]]}

    async def take(self, run: str, task: str, index: int, request: Request) -> dict[str, str]:
        assert index == -1
        if self.status != 200:
            raise HTTPException(self.status)
        self.answers.append((f"{run} {task}", request.headers["cookie"], await request.json()))
        return {}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    found = Airflow()
    monkeypatch.setitem(sys.modules, "airflow.api_fastapi.main", SimpleNamespace(app=found.app))  # type: ignore[arg-type]
    monkeypatch.setattr("winddown.web.answering._PAUSES_SECONDS", (0, 0, 0))
    return found


def approve(client_of: Client, plan: Plan, person: str) -> None:
    client = client_of(person, Cookie=f"_token={person}")
    form = {"plan_digest": plan.digest}
    assert client.post(f"/plans/{PLAN}/approve", data=form).status_code == 303


def test_the_last_approval_answers_the_question_about_its_plan(client_of: Client, plan: Plan, airflow: Airflow) -> None:
    airflow.asks = [[question("approve_plan", "another"), question("acknowledge_archives"), question("approve_plan")]]
    approve(client_of, plan, APPROVER)
    assert (airflow.looks, airflow.answers) == (0, [])
    approve(client_of, plan, SECOND)
    said = {"chosen_options": ["Approve"], "params_input": {}}
    assert airflow.answers == [("r1 people.approve_plan", f"_token={SECOND}", said)]


def test_a_gate_that_parks_just_after_the_last_approval_is_answered(
    client_of: Client, plan: Plan, airflow: Airflow
) -> None:
    airflow.asks = [[], [question("approve_plan", state="running")], [question("approve_plan")]]
    approve(client_of, plan, APPROVER)
    approve(client_of, plan, SECOND)
    assert (airflow.looks, len(airflow.answers)) == (3, 1)


def test_nobody_is_answered_for_where_no_run_asks(client_of: Client, plan: Plan, airflow: Airflow) -> None:
    airflow.asks = [[question("approve_plan", "another")]]
    for person in (APPROVER, SECOND):
        approve(client_of, plan, person)
    assert (airflow.looks, airflow.answers) == (3, [])


@pytest.mark.parametrize("status", [403, 404, 409, 500])
def test_an_approval_stands_whatever_airflow_says(
    client_of: Client, plan: Plan, airflow: Airflow, *, deployment: Deployment, status: int, caplog: Any
) -> None:  # fmt: skip
    airflow.asks, airflow.status = [[question("approve_plan")]], status
    for person in (APPROVER, SECOND):
        approve(client_of, plan, person)
    assert len(deployment.control.approvals(PLAN)) == 2
    assert (airflow.looks, airflow.answers) == (1, [])
    assert f"the question of approve_plan about plan {PLAN} stays open in Airflow" in caplog.text


@pytest.mark.usefixtures("plan", "sealed")
def test_the_last_receipt_answers_the_question_about_its_archives(client_of: Client, airflow: Airflow) -> None:
    airflow.asks = [[question("approve_plan"), question("acknowledge_archives")]]
    receipt = {"order_id": ARCHIVE.order_id, "archive_sha256": ARCHIVE.archive_sha256}
    receipt |= {"content_sha256": ARCHIVE.content_sha256}
    client = client_of(CUSTODIAN, Cookie="_token=he")
    assert client.post(f"/api/plans/{PLAN}/receipts", json=receipt).status_code == 201
    assert [(task, who) for task, who, _ in airflow.answers] == [("r1 people.acknowledge_archives", "_token=he")]
