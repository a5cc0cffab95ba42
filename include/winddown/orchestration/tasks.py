"""The tasks of the DAGs. Each builds a deployment, calls one stage, and passes on ids and sentences only."""

from pathlib import Path
from typing import Any

from airflow.sdk import Asset, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from winddown.bootstrap import deploy
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.orchestration.connections import AirflowConnections
from winddown.orchestration.halting import halt_asked
from winddown.stages import journey
from winddown.stages.case_file import parse_case, read_case_file
from winddown.stages.deadlines import due_notice
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case as open_case_stage
from winddown.stages.open import start_again
from winddown.stages.progress import attempt
from winddown.stages.quarantine import units
from winddown.stages.review import review, review_lines
from winddown.stages.stalled import look_for_stalled, remember_told, stalled_notice
from winddown.stages.standing import standing

INVENTORY = Asset(name="winddown_inventory", uri="winddown://inventory")
PLAN = Asset(name="winddown_plan", uri="winddown://plan")
CERTIFICATE = Asset(name="winddown_certificate", uri="winddown://certificate")

PURGE_QUEUE = "purge"
_CONF_KEYS = {"case_file", "case_folder", "case", "case_id", "again"}


def deployment() -> Deployment:
    """The deployment of this task, with Airflow's connections, asking Airflow's variable before each batch."""
    return deploy(AirflowConnections(), halt_asked=halt_asked)


@task
def open_case() -> str:
    """Validate the trigger's case and open it, or continue the one that is named; returns the case's id."""
    context: Any = get_current_context()
    conf = dict(context["params"])
    unknown = sorted((set(conf) | set(context["dag_run"].conf or {})) - _CONF_KEYS)
    if unknown:
        raise Refused(f"unknown key in the trigger: {', '.join(unknown)}", rule="strict case validation")
    given = {name for name in ("case_file", "case", "case_id") if conf.get(name)}
    if len(given) != 1:
        raise Refused("give exactly one of case_file, case and case_id", rule="strict case validation")
    current = deployment()
    if "case_id" in given:
        case_id = current.case(conf["case_id"]).id
    else:
        if "case_file" in given:
            case_file = read_case_file(Path(conf["case_file"]))
        else:
            case_file = parse_case(conf["case"], Path(conf.get("case_folder") or "."))
        requested_by = getattr(context["dag_run"], "triggering_user_name", None) or "scheduler"
        case_id = open_case_stage(current, case_file, requested_by=requested_by)
    if conf.get("again"):
        start_again(current, case_id)
    return case_id


def _prepare(case_id: str, stage: str) -> str:
    message = journey.prepare(deployment(), case_id, stage)
    print(message)  # noqa: T201 - the task's log is where people look
    return case_id


@task(outlets=[INVENTORY])
def discover(case_id: str) -> str:
    """Take the inventory."""
    return _prepare(case_id, "discover")


@task
def classify(case_id: str) -> str:
    """Read every cell."""
    return _prepare(case_id, "classify")


@task
def decide(case_id: str) -> str:
    """Decide what becomes of what."""
    return _prepare(case_id, "decide")


@task
def check(case_id: str) -> str:
    """Check backups, transfers and clocks."""
    return _prepare(case_id, "check")


@task
def freeze(case_id: str) -> str:
    """Stop writes."""
    return _prepare(case_id, "freeze")


@task(outlets=[PLAN])
def plan(case_id: str) -> str:
    """Make or find the due wave's plan; skips the wave's tasks when no wave is left."""
    current = deployment()
    waiting = journey.waiting_clocks(current, case_id)
    if waiting:
        raise AirflowSkipException(f"the next wave is not due: {waiting}")
    plan_id = journey.plan_wave(current, case_id)
    if plan_id is None:
        raise AirflowSkipException("no wave is left")
    return plan_id


@task
def approve(plan_id: str) -> str:
    """Check the approvals in the control database, whatever the gate before was told."""
    return _say(plan_id, journey.approve(deployment(), plan_id))


@task
def anonymise(plan_id: str) -> str:
    """Write and check what is kept without naming anybody."""
    return _say(plan_id, journey.anonymise(deployment(), plan_id))


@task
def seal(plan_id: str) -> str:
    """Seal what the custodian, or whom the law names, keeps."""
    return _say(plan_id, journey.seal(deployment(), plan_id))


@task
def hand_over(plan_id: str) -> str:
    """Check the receivers' receipts."""
    return _say(plan_id, journey.hand_over(deployment(), plan_id))


@task
def list_units(plan_id: str) -> list[list[str]]:
    """Ids of the orders of each unit of work; one empty unit where a plan destroys nothing, or the run would end."""
    return [list(unit) for unit in units(deployment().control.plan(plan_id))] or [[]]


@task
def quarantine(plan_id: str, unit: list[str]) -> str:
    """Quarantine one unit."""
    return _carry_out(plan_id, unit, Power.QUARANTINE)


@task(queue=PURGE_QUEUE)
def purge(plan_id: str, unit: list[str]) -> str:
    """Purge one unit."""
    return _carry_out(plan_id, unit, Power.PURGE)


def _carry_out(plan_id: str, unit: list[str], power: Power) -> str:
    if not unit:
        return _say(plan_id, "this plan destroys nothing")
    return _say(plan_id, journey.carry_out(deployment(), plan_id, tuple(unit), power, say=print))


@task(queue=PURGE_QUEUE)
def sanitise(plan_id: str) -> str:
    """Clear leftovers."""
    return _say(plan_id, journey.sanitise(deployment(), plan_id))


@task
def verify(plan_id: str) -> str:
    """Look for what should be gone."""
    return _say(plan_id, journey.verify(deployment(), plan_id))


@task(queue=PURGE_QUEUE)
def destroy_keys_and_buckets(plan_id: str) -> str:
    """Destroy the key of what stays locked, and delete what was emptied, where the plan says so."""
    return _say(plan_id, journey.destroy_keys_and_buckets(deployment(), plan_id))


@task(outlets=[CERTIFICATE])
def certify(plan_id: str) -> str:
    """Certify the wave."""
    return _say(plan_id, journey.certify(deployment(), plan_id))


@task(trigger_rule="none_failed")
def report(case_id: str) -> str:
    """Write the evidence of everything certified so far."""
    return _say(case_id, journey.report(deployment(), case_id))


@task.short_circuit
def is_more_due(case_id: str) -> bool:
    """Whether another run would get further now."""
    return standing(deployment(), case_id).is_ready


@task
def list_ready_cases() -> list[dict[str, Any]]:
    """One trigger for each case that could go on; its run id says what is tried, so that is tried once a day."""
    current = deployment()
    found = [standing(current, case_id) for case_id in current.control.cases()]
    return [
        {
            "trigger_run_id": f"watch-{one.case_id}-{one.plan_id or 'next'}-{attempt(current, one.case_id)}",
            "conf": {"case_id": one.case_id},
        }
        for one in found
        if one.is_ready
    ]


@task
def tell_due() -> str:
    """Tell what is overdue and what is due soon in every case; says nothing when nothing is."""
    current = deployment()
    notice = due_notice(current)
    if notice.lines:
        current.notifier.tell(notice.subject, notice.lines)
    return _say(notice.subject, notice.subject)


@task
def tell_stalled() -> str:
    """Tell in which cases nothing has happened for too long; says nothing when none is."""
    current = deployment()
    untold = look_for_stalled(current)
    notice = stalled_notice(untold)
    if notice.lines:
        current.notifier.tell(notice.subject, notice.lines)
        remember_told(current, untold)
    return _say(notice.subject, notice.subject)


@task
def review_rules() -> int:
    """Write what is due for review into the log; returns how much it is."""
    current = deployment()
    found = review(current, current.control.cases())
    for line in review_lines(found):
        print(line)  # noqa: T201 - the task's log is where people look
    return len(found)


def _say(result: str, message: str) -> str:
    print(message)  # noqa: T201 - the task's log is where people look
    return result
