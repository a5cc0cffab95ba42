"""Where a case stands: what it waits for, and whether it could go on now. Reads only the control database."""

from dataclasses import dataclass

from winddown.domain.authorization import Power
from winddown.domain.hold import holds_digest
from winddown.stages.deployment import Deployment
from winddown.stages.journey import PREPARATION, grace_ends_at, is_closed, missing_approvals, waiting_clocks, waves
from winddown.stages.seal import awaited, unacknowledged


@dataclass(frozen=True, slots=True)
class Standing:
    """What a case waits for.

    Attributes:
        waits_for: ``halt`` (somebody halted the case), ``approvals``, ``receipts``, ``grace``, ``clocks``, ``holds``
            (they changed under the open plan: it must be restored), ``nothing`` (it could go on) or ``finished``.
        plan_id: the open plan, or "".
        message: the same in words, for people.
    """

    case_id: str
    waits_for: str
    plan_id: str
    message: str

    @property
    def is_ready(self) -> bool:
        """Whether a new run would get further."""
        return self.waits_for == "nothing"


def standing(deployment: Deployment, case_id: str) -> Standing:
    """Tell where a case stands."""
    halted = deployment.switch.state(case_id)
    open_plans = deployment.control.plans(case_id, state="open")
    if halted is not None:
        return Standing(case_id, "halt", open_plans[-1] if open_plans else "", str(halted))
    return _under_plan(deployment, case_id, open_plans[-1]) if open_plans else _between_waves(deployment, case_id)


def _under_plan(deployment: Deployment, case_id: str, plan_id: str) -> Standing:
    if holds_digest(deployment.control.holds(case_id)) != deployment.control.plan(plan_id).holds_digest:
        said = "the holds changed after the plan was made: restore it, then the next run plans again"
        return Standing(case_id, "holds", plan_id, said)
    missing = missing_approvals(deployment, plan_id)
    if missing:
        return Standing(case_id, "approvals", plan_id, missing)
    sealed = {name.partition("/")[2] for name in deployment.control.names(case_id, "archive")}
    waiting = unacknowledged(deployment, plan_id)
    if waiting and set(waiting) <= sealed:
        return Standing(case_id, "receipts", plan_id, awaited(deployment, plan_id))
    plan = deployment.control.plan(plan_id)
    wanted = sum(len(order.selection.batch_digests) for order in plan.orders if order.changes_store)
    # What was only intended, or contradicted when it was read back, is no grace: a run has to do it again.
    quarantined = [
        effect
        for effect in deployment.control.effects(plan_id)
        if effect.power == Power.QUARANTINE and effect.state == "done"
    ]
    if quarantined and len(quarantined) == wanted:
        ends_at = grace_ends_at(deployment, plan_id)
        if ends_at > deployment.clock.now():
            return Standing(case_id, "grace", plan_id, f"grace ends at {ends_at.isoformat(timespec='seconds')}")
    return Standing(case_id, "nothing", plan_id, "can go on")


def _between_waves(deployment: Deployment, case_id: str) -> Standing:
    done = {
        (found.wave, found.stage): found.message
        for found in deployment.control.progress(case_id)
        if found.state == "done"
    }
    if not all(("case", stage) in done for stage in PREPARATION):
        return Standing(case_id, "nothing", "", "preparation is not finished")
    for wave in waves(deployment, case_id):
        if not is_closed(deployment, case_id, wave):
            waiting = waiting_clocks(deployment, case_id)
            if waiting:
                return Standing(case_id, "clocks", "", waiting)
            return Standing(case_id, "nothing", "", f"wave {wave} can be planned")
    return Standing(case_id, "finished", "", "every wave is certified")
