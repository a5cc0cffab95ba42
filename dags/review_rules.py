"""Wires the weekly review: rules, announced changes, missing dates and old answers that somebody has to look at."""

from datetime import timedelta

from airflow.sdk import dag

from winddown.orchestration import tasks
from winddown.orchestration.retry import TASK_DEFAULTS


@dag(schedule=timedelta(weeks=1), catchup=False, max_active_runs=1, default_args=TASK_DEFAULTS, tags=["winddown"])
def review_rules() -> None:
    """List what is due for review in the rule packs and in every open case; the task's log has the lines."""
    tasks.review_rules()


review_rules()
