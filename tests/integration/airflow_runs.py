"""Runs of the main job in a real Airflow, as an operator sees them."""

import time

from winddown.demo.airflow import AirflowClient
from winddown.demo.story import DAG, Story

_SECONDS_MAX = 180


def one_more_run(story: Story, operator: AirflowClient) -> str:
    """Trigger the case once more; how the run that follows ends."""
    before = {run["dag_run_id"] for run in operator.get(f"{DAG}/dagRuns?limit=50")["dag_runs"]}
    story.trigger()
    deadline = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < deadline:
        runs = operator.get(f"{DAG}/dagRuns?limit=50")["dag_runs"]
        fresh = [run["state"] for run in runs if run["dag_run_id"] not in before]
        if fresh and fresh[0] in {"success", "failed"}:
            return str(fresh[0])
        time.sleep(1)
    return "never ended"


def clear_failed(operator: AirflowClient) -> None:
    """Let what failed in the one failed run, and what waited for it, run once more."""
    (run,) = operator.get(f"{DAG}/dagRuns?state=failed")["dag_runs"]
    body = {"dry_run": False, "dag_run_id": run["dag_run_id"], "only_failed": True, "reset_dag_runs": True}
    operator.post(f"{DAG}/clearTaskInstances", body)
