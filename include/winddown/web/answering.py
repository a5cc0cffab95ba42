"""Answers what a waiting run asks in Airflow, for the person who gave the last approval or receipt that was missing.

The answer only lets the run go on at once: what counts is what the door wrote, and the run looks there. It is sent
through Airflow's own API with what authenticated the person here, so Airflow decides whether they may answer. Where
they may not, or Airflow does not answer, the run ends within the hour and ``watch_cases`` continues the case.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, Final

from fastapi import BackgroundTasks, Request
from httpx import ASGITransport, AsyncClient, HTTPError

from winddown.stages.deployment import Deployment
from winddown.stages.journey import missing_approvals
from winddown.stages.seal import unacknowledged

APPROVAL: Final = "approve_plan"
RECEIPT: Final = "acknowledge_archives"
_QUESTIONS: Final = "/api/v2/dags/deregister_company/dagRuns/~/hitlDetails"
_PAUSES_SECONDS: Final = (0, 2, 5, 10, 20)  # A gate may look just before the last person acts and park just after.
_CREDENTIALS: Final = ("authorization", "cookie")
_log = logging.getLogger(__name__)


def going_on(deployment: Callable[[], Deployment]) -> Callable[..., Callable[[str, str], None]]:
    """Return the dependency that gives a route ``go_on(plan_id, gate)``: answer, once nobody is missing any more."""

    def dependency(request: Request, background: BackgroundTasks) -> Callable[[str, str], None]:
        def go_on(plan_id: str, gate: str) -> None:
            missing = missing_approvals if gate == APPROVAL else unacknowledged
            if not missing(deployment(), plan_id):
                background.add_task(_answer, request, plan_id, gate)

        return go_on

    return dependency


async def _answer(request: Request, plan_id: str, gate: str) -> None:
    airflow = sys.modules.get("airflow.api_fastapi.main")
    if airflow is None:  # These pages are served without Airflow.
        return
    own = {name: request.headers[name] for name in _CREDENTIALS if name in request.headers}
    # Within this process: nothing that a request carries decides where the person's token goes.
    inside = ASGITransport(app=airflow.app, raise_app_exceptions=False)
    try:
        async with AsyncClient(transport=inside, base_url="http://airflow", headers=own) as client:
            for seconds in _PAUSES_SECONDS:
                await asyncio.sleep(seconds)
                if await _answered(client, plan_id, gate):
                    return
    except HTTPError as error:
        _log.warning("the question of %s about plan %s stays open in Airflow: %s", gate, plan_id, error)


async def _answered(client: AsyncClient, plan_id: str, gate: str) -> bool:
    wanted = {"response_received": "false", "task_id_pattern": gate, "order_by": "-created_at", "limit": "100"}
    found = await client.get(_QUESTIONS, params=wanted)
    for row in found.raise_for_status().json()["hitl_details"]:
        instance: dict[str, Any] = row["task_instance"]
        if instance["rendered_fields"].get("plan_id") != plan_id or instance["state"] != "awaiting_input":
            continue
        path = _QUESTIONS.replace("~", instance["dag_run_id"])
        path = path.replace("/hitlDetails", f"/taskInstances/{instance['task_id']}/{instance['map_index']}/hitlDetails")
        said = await client.patch(path, json={"chosen_options": ["Approve"], "params_input": {}})
        said.raise_for_status()
        return True
    return False
