"""Runs a case without Airflow, as far as it may go now: the same stages, one after the other, in this process.

For small installations, tests and crash drills. Killed anywhere and started again, it continues.
"""

from dataclasses import dataclass

from winddown.domain.authorization import Power
from winddown.domain.plan import WAVES_OF_RECORDS
from winddown.stages import journey
from winddown.stages.deployment import Deployment
from winddown.stages.quarantine import units
from winddown.stages.seal import awaited


@dataclass(frozen=True, slots=True)
class Halt:
    """Why the runner stopped, under which plan, in words.

    ``reason`` is ``approvals``, ``receipts``, ``grace``, ``clocks`` or ``finished``.
    """

    reason: str
    plan_id: str
    message: str


def run(deployment: Deployment, case_id: str) -> Halt:
    """Carry the case on until somebody must act, a clock must run, or it is finished."""
    for stage in journey.PREPARATION:
        journey.prepare(deployment, case_id, stage)
    while not (waiting := journey.waiting_clocks(deployment, case_id)):
        plan_id = journey.plan_wave(deployment, case_id)
        if plan_id is None:
            return Halt("finished", "", journey.report(deployment, case_id))
        halt = _run_wave(deployment, plan_id)
        if halt is not None:
            return halt
    if all(journey.is_closed(deployment, case_id, wave) for wave in WAVES_OF_RECORDS):
        journey.report(deployment, case_id)  # what is left to do is none of the records' business
    return Halt("clocks", "", waiting)


def _run_wave(deployment: Deployment, plan_id: str) -> Halt | None:
    missing = journey.missing_approvals(deployment, plan_id)
    if missing:
        return Halt("approvals", plan_id, missing)
    journey.approve(deployment, plan_id)
    journey.anonymise(deployment, plan_id)
    journey.seal(deployment, plan_id)
    waiting = awaited(deployment, plan_id)
    if waiting:
        return Halt("receipts", plan_id, waiting)
    journey.hand_over(deployment, plan_id)
    work = units(deployment.control.plan(plan_id))
    for unit in work:
        journey.carry_out(deployment, plan_id, unit, Power.QUARANTINE, say=print)
    if work and (due := journey.grace_ends_at(deployment, plan_id)) > deployment.clock.now():
        return Halt("grace", plan_id, f"grace ends at {due.isoformat()}")
    for unit in work:
        journey.carry_out(deployment, plan_id, unit, Power.PURGE, say=print)
    journey.sanitise(deployment, plan_id)
    journey.verify(deployment, plan_id)
    journey.destroy_keys_and_buckets(deployment, plan_id)
    journey.certify(deployment, plan_id)
    return None
