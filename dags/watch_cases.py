"""Wires the watch: every ten minutes, cases that could go on are started again, and those that stand still are told."""

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag

from winddown.orchestration import tasks
from winddown.orchestration.retry import TASK_DEFAULTS


@dag(schedule=timedelta(minutes=10), catchup=False, max_active_runs=1, default_args=TASK_DEFAULTS, tags=["winddown"])
def watch_cases() -> None:
    """Start the next run of every case whose people have acted or whose clock has run, and try a failed one once a day.

    Tells which ones have stalled.
    """
    TriggerDagRunOperator.partial(
        task_id="start", trigger_dag_id="deregister_company", skip_when_already_exists=True
    ).expand_kwargs(tasks.list_ready_cases())
    tasks.tell_stalled()


watch_cases()
