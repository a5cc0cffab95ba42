"""Wires the daily look at the law's deadlines: what is overdue or due soon is told."""

from airflow.sdk import dag

from winddown.orchestration import tasks
from winddown.orchestration.retry import TASK_DEFAULTS


@dag(schedule="0 1 * * *", catchup=False, max_active_runs=1, default_args=TASK_DEFAULTS, tags=["winddown"])
def watch_deadlines() -> None:
    """Tell every morning (09:00 in China) which duties of which case are overdue or due within fourteen days."""
    tasks.tell_due()


watch_deadlines()
