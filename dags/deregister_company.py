"""Wires the main job: one run carries one wave of one case; triggering the same case again continues it."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task_group

from winddown.orchestration import tasks
from winddown.orchestration.deadline_alert import LEGAL_DEADLINE
from winddown.orchestration.gates import CustodianReceipt, PlanApproval
from winddown.orchestration.retry import TASK_DEFAULTS
from winddown.orchestration.waits import GraceWait


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(days=2),
    deadline=LEGAL_DEADLINE,
    default_args=TASK_DEFAULTS,
    tags=["winddown"],
    params={
        "case_file": Param(None, type=["null", "string"], title="Case file 案件文件", description="YAML on the worker"),
        "case_folder": Param(
            None, type=["null", "string"], description="folder of the evidence when the case is given below"
        ),
        "case": Param(
            None, type=["null", "object"], title="Case 案件", description="the case itself, instead of a file"
        ),
        "again": Param(
            False, type="boolean", description="discover, classify, decide and check anew: a blocker is resolved"
        ),
        "case_id": Param(
            None, type=["null", "string"], title="Case id", description="continue a case that is open already"
        ),
    },
)
def deregister_company() -> None:
    """Take a company's customer data from inventory to verified certificate, one wave a run."""
    case_id = tasks.open_case()
    ready = tasks.freeze(tasks.check(tasks.decide(tasks.classify(tasks.discover(case_id)))))
    plan_id = tasks.plan(ready)

    @task_group
    def people(plan_id: str) -> Any:
        gate = PlanApproval(
            task_id="approve_plan",
            plan_id=plan_id,
            subject="Plan {{ task.plan_id }} waits for two approvals 待两人批准",
            body="Read and approve it under winddown → plans; the last approval lets the run go on at once.",
        )
        approved = tasks.approve(plan_id)
        gate >> approved
        sealed = tasks.seal(tasks.anonymise(approved))
        receipt = CustodianReceipt(
            task_id="acknowledge_archives",
            plan_id=sealed,
            subject="Archives of plan {{ task.plan_id }} wait for their receivers' receipts 待接收方签收",
            body="Open each archive with your own key and acknowledge it under winddown → plans; then the run goes on.",
        )
        received = tasks.hand_over(sealed)
        receipt >> received
        return received

    handed_over = people(plan_id)
    units = tasks.list_units(handed_over)
    quarantined = tasks.quarantine.partial(plan_id=plan_id).expand(unit=units)
    grace = GraceWait(task_id="grace", plan_id=plan_id)
    purged = tasks.purge.partial(plan_id=plan_id).expand(unit=units)
    verified = tasks.verify(sanitised := tasks.sanitise(plan_id))
    certified = tasks.certify(tasks.destroy_keys_and_buckets(verified))
    quarantined >> grace >> purged >> sanitised
    reported = tasks.report(case_id)
    certified >> reported
    tasks.is_more_due(reported) >> TriggerDagRunOperator(
        task_id="continue_case",
        trigger_dag_id="deregister_company",
        conf={"case_id": "{{ ti.xcom_pull(task_ids='report') }}"},
    )


deregister_company()
