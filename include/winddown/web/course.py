"""Where a case is on its way: every step of every wave, and the border after which nothing can be undone.

A step's state is ``done``, ``running`` (begun and not finished: at work now, or failed), ``waiting`` (for a person or a
clock), ``next``, ``ahead`` or ``unneeded``. States come from the control database alone, never from Airflow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from winddown.control.repository import EffectState, Progress
from winddown.domain.authorization import Power
from winddown.domain.plan import Act, Plan, Wave
from winddown.stages.deployment import Deployment
from winddown.stages.endings import endings
from winddown.stages.journey import CASE, PREPARATION, grace_ends_at, is_closed, missing_approvals, waves
from winddown.stages.seal import unacknowledged
from winddown.stages.standing import Standing

BEFORE_BORDER = ("plan", "approve", "anonymise", "seal", "hand_over", "quarantine", "grace")
AFTER_BORDER = ("purge", "sanitise", "verify", "destroy_keys_and_buckets", "certify")
_SELDOM = "destroy_keys_and_buckets"  # a step of cases that ask for it; others do not show it as unneeded
_OPEN = frozenset(("intent", "unknown"))
Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Border:
    """How far a plan's effects are. Counts are records; an emptied record stays and lost its fields' values.

    Attributes:
        planned: records that the plan erases or empties.
        quarantined: of these, records that are set aside and can be restored.
        destroyed, emptied: of these, records or their fields' values that cannot be brought back.
        unsettled: effects that were begun and whose end is not recorded.
    """

    planned: int
    quarantined: int
    destroyed: int
    emptied: int
    unsettled: tuple[str, ...]

    @property
    def is_crossed(self) -> bool:
        """Whether something is gone for good, or may be."""
        return bool(self.destroyed or self.emptied or any(f"/{Power.PURGE}/" in name for name in self.unsettled))


def border_of(plan: Plan, effects: Sequence[EffectState]) -> Border:
    """Read the border from a plan's effects."""
    acts = {order.id: order.act for order in plan.orders}
    done = [found for found in effects if found.state == "done"]
    purged = {(found.order_id, found.batch) for found in effects if found.power == Power.PURGE}
    gone = [found for found in done if found.power == Power.PURGE]
    return Border(
        planned=sum(order.selection.count for order in plan.orders if order.changes_store),
        quarantined=sum(
            found.records
            for found in done
            if found.power == Power.QUARANTINE and (found.order_id, found.batch) not in purged
        ),
        destroyed=sum(found.records for found in gone if acts.get(_id(found)) is Act.ERASE),
        emptied=sum(found.records for found in gone if acts.get(_id(found)) is Act.MINIMISE),
        unsettled=tuple(found.effect_id for found in effects if found.state in _OPEN),
    )


def course(deployment: Deployment, case_id: str, now: Standing) -> dict[str, Any]:
    """The case's steps: ``preparation``, ``waves`` and ``report``."""
    rows = deployment.control.progress(case_id)
    preparation = [{"stage": "open", "state": "done", "message": "", "started_at": None, "finished_at": None}]
    preparation += [_recorded(rows, CASE, stage) for stage in PREPARATION]
    _mark_next(preparation, now)
    is_ready = all(step["state"] == "done" for step in preparation)
    found_waves = []
    for wave in waves(deployment, case_id):
        found = _wave(deployment, case_id, wave, rows, now)
        if is_ready:
            _mark_next(found["steps"], now)
        is_ready = is_ready and all(step["state"] in {"done", "unneeded"} for step in found["steps"])
        found_waves.append(found)
    return {"preparation": preparation, "waves": found_waves, "report": _recorded(rows, CASE, "report")}


def _wave(deployment: Deployment, case_id: str, wave: Wave, rows: Sequence[Progress], now: Standing) -> dict[str, Any]:
    control = deployment.control
    plans = [(control.plan(name), control.plan_state(name)) for name in control.plans(case_id, wave=wave)]
    standing_plans = [plan for plan, state in plans if state != "superseded"]
    found: dict[str, Any] = {
        "wave": wave.value,
        "plan_id": standing_plans[-1].id if standing_plans else "",
        "is_empty": False,
        "border": _border_of_wave(deployment, plans),
        "steps": [],
    }
    if standing_plans and plans[-1][1] == "open":
        found["steps"] = _open_steps(deployment, plans[-1][0], rows, now)
    elif not is_closed(deployment, case_id, wave):
        found["steps"] = _new_steps(rows, wave)
    elif standing_plans:
        found["steps"] = _certified_steps(standing_plans[-1], rows)
    else:
        found["is_empty"] = True
    found["steps"] = [step for step in found["steps"] if step["stage"] != _SELDOM or step["state"] != "unneeded"]
    return found


def _border_of_wave(deployment: Deployment, plans: Sequence[tuple[Plan, str]]) -> Border | None:
    """The wave's border over all of its plans: what a superseded plan had destroyed stays destroyed.

    Own traces are no records; how far they are, the steps say.
    """
    if not plans or plans[-1][0].traces:
        return None
    borders = [(border_of(plan, deployment.control.effects(plan.id)), state != "superseded") for plan, state in plans]
    return Border(
        planned=sum(border.planned for border, counts in borders if counts),
        quarantined=sum(border.quarantined for border, _ in borders),
        destroyed=sum(border.destroyed for border, _ in borders),
        emptied=sum(border.emptied for border, _ in borders),
        unsettled=tuple(name for border, _ in borders for name in border.unsettled),
    )


def _new_steps(rows: Sequence[Progress], wave: Wave) -> list[Step]:
    """Steps of a wave that has no plan yet, or is looked at anew; rows of an earlier plan do not count."""
    planned = _recorded(rows, wave, "plan")
    first = planned if planned["state"] == "running" else _step("plan", "ahead")
    return [first, *(_step(stage, "ahead") for stage in (*BEFORE_BORDER, *AFTER_BORDER)[1:] if stage != _SELDOM)]


def _certified_steps(plan: Plan, rows: Sequence[Progress]) -> list[Step]:
    unneeded = _unneeded(plan)
    steps = [_recorded(rows, plan.wave, stage) for stage in (*BEFORE_BORDER, *AFTER_BORDER)]
    for step in steps:
        step["state"] = "unneeded" if step["stage"] in unneeded else "done"
    return steps


def _unneeded(plan: Plan) -> set[str]:
    """Steps for which the plan has no order."""
    acts = {order.act for order in plan.orders}
    if plan.traces:
        return {"anonymise", "seal", "hand_over", "grace", "sanitise", _SELDOM}
    steps = {Act.ANONYMISE: ("anonymise",), Act.SEAL: ("seal", "hand_over")}
    kept = set() if endings(plan) else {_SELDOM}
    return kept.union(*(stages for act, stages in steps.items() if act not in acts))


def _open_steps(deployment: Deployment, plan: Plan, rows: Sequence[Progress], now: Standing) -> list[Step]:
    effects = deployment.control.effects(plan.id)
    states = _open_states(deployment, plan, effects, now)
    steps = [_recorded(rows, plan.wave, stage) for stage in (*BEFORE_BORDER, *AFTER_BORDER)]
    for step in steps:
        stage = step["stage"]
        if stage in states:
            began = step["state"] == "running" or any(_is_of(stage, effect) for effect in effects)
            step["state"] = states[stage] if states[stage] != "ahead" or not began else "running"
    return steps


def _open_states(deployment: Deployment, plan: Plan, effects: Sequence[EffectState], now: Standing) -> dict[str, str]:
    """States of an open plan's steps, from what is recorded of people and effects rather than from what tasks said."""
    is_approved = not missing_approvals(deployment, plan.id)
    seals, extracts = ({str(o.id) for o in plan.orders if o.act is act} for act in (Act.SEAL, Act.ANONYMISE))
    wanted = {
        (order.id, index)
        for order in plan.orders
        if order.changes_store
        for index in range(len(order.selection.batch_digests))
    }
    purges = _done(effects, Power.PURGE)
    set_aside = wanted <= _done(effects, Power.QUARANTINE) | purges
    in_grace = bool(wanted) and set_aside and grace_ends_at(deployment, plan.id) > deployment.clock.now()
    states = {
        "plan": "done",
        "approve": "done" if is_approved else "waiting",
        "anonymise": "done" if extracts <= {order for order, _ in _done(effects, Power.ANONYMISE)} else "ahead",
        "seal": "done" if seals <= {order for order, _ in _done(effects, Power.SEAL)} else "ahead",
        "hand_over": "done" if not unacknowledged(deployment, plan.id) else "ahead",
        "quarantine": "done" if set_aside else "ahead",
        "grace": "waiting" if in_grace else "done" if set_aside else "ahead",
        "purge": "done" if wanted <= purges else "ahead",
    }
    if now.waits_for == "receipts":
        states["hand_over"] = "waiting"
    if plan.traces:
        wiped = {order for order, _ in _done(effects, Power.SANITISE)}
        states["purge"] = "done" if {f"sanitise {trace.name}" for trace in plan.traces} <= wiped else "ahead"
        del states["quarantine"]  # a search, which has no effect: its own record says whether it was clean
    return states | dict.fromkeys(_unneeded(plan), "unneeded")


def _mark_next(steps: Iterable[Step], now: Standing) -> None:
    """The first step that has not begun is the next one, unless somebody or a clock is waited for."""
    for step in steps:
        if step["state"] in {"done", "unneeded"}:
            continue
        if step["state"] == "ahead":
            step["state"] = "waiting" if now.waits_for == "clocks" else "next"
        return


def _recorded(rows: Sequence[Progress], wave: str, stage: str) -> Step:
    """A step from its progress rows; one that ran in units is done when every unit is."""
    own = [row for row in rows if row.wave == wave and row.stage.split(" ")[0] == stage]
    if not own:
        return _step(stage, "ahead")
    finished = [row.finished_at for row in own if row.state == "done"]
    is_done = len(finished) == len(own)
    return {
        "stage": stage,
        "state": "done" if is_done else "running",
        "message": "; ".join(row.message for row in own if row.message),
        "started_at": min(row.started_at for row in own),
        "finished_at": max((at for at in finished if at), default=None) if is_done else None,
    }


def _step(stage: str, state: str) -> Step:
    return {"stage": stage, "state": state, "message": "", "started_at": None, "finished_at": None}


def _done(effects: Sequence[EffectState], power: Power) -> set[tuple[str, int]]:
    return {(found.order_id, found.batch) for found in effects if found.power == power and found.state == "done"}


def _is_of(stage: str, effect: EffectState) -> bool:
    return effect.power == stage and effect.state != "restored"


def _id(effect: EffectState) -> Any:
    return effect.order_id
