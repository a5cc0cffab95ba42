"""A case as its readers follow it: what waits for whom, what comes next, what cannot be undone, what is proven."""

from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision
from winddown.domain.errors import Refused
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Plan, Wave
from winddown.stages.check import Checks
from winddown.stages.deployment import Deployment
from winddown.stages.journey import counted_approvals
from winddown.stages.own_traces import asked_by, scheduler_left_to
from winddown.stages.people import roles_in
from winddown.stages.review import review_case
from winddown.stages.seal import receivers
from winddown.stages.standing import Standing, standing
from winddown.web.course import AFTER_BORDER, Border, course
from winddown.web.errors import not_found
from winddown.web.evidence import evidence_rows
from winddown.web.fates import decision_row
from winddown.web.holds import hold_rows
from winddown.web.law import law_view
from winddown.web.plans import approval_rows
from winddown.web.reading import reading_view
from winddown.web.transfers import transfers_view


def cases_view(deployment: Deployment, person_id: str) -> list[dict[str, Any]]:
    """One row for each case in which the person is something."""
    rows = []
    for case_id in deployment.control.cases():
        if not roles_in(deployment, case_id, person_id):
            continue
        case, now = deployment.case(case_id), standing(deployment, case_id)
        rows.append(_head(case, now) | {"waiting_people": _people(deployment, case, now)})
    return rows


def known_case(deployment: Deployment, case_id: str) -> Case:
    """The case; 404 when there is none."""
    if case_id not in deployment.control.cases():
        raise not_found("case")
    return deployment.case(case_id)


def case_view(deployment: Deployment, case_id: str) -> dict[str, Any]:
    """Everything about a case that may be shown: counts, ids, reasons and dates, never personal data."""
    case = known_case(deployment, case_id)
    control = deployment.control
    now = standing(deployment, case_id)
    files = evidence_rows(deployment, case_id)
    way = course(deployment, case_id, now)
    checks: Checks | None = control.get(case_id, "checks", "before", type_=Checks)
    plans = [control.plan(plan_id) for plan_id in control.plans(case_id)]
    decisions = [decision_row(found, deployment.rulebook) for found in _decisions(deployment, case_id, plans)]
    for wave in way["waves"]:
        wave["border"] = _border(wave["border"])
    return {
        **_head(case, now),
        "waiting_people": _people(deployment, case, now),
        "halted": None if (halted := deployment.switch.state(case_id)) is None else asdict(halted),
        "unfinished": _steps(way, "running"),
        "next": _steps(way, "next"),
        "course": way,
        "law": law_view(deployment, case_id),
        "stages": [asdict(found) for found in control.progress(case_id)],
        "blockers": [asdict(found) for found in _blockers(deployment, case_id, checks)],
        "reading": reading_view(deployment, case_id),
        "decisions": decisions,
        "by_collection": _by_collection(decisions),
        "decided_under": plans[-1].id if plans else "",
        "plans": [_plan(deployment, plan) for plan in plans],
        "people": [{"id": person.id, "role": person.role} for person in case.people],
        "timeline": [{"step": e.step, "event": e.event, "on": e.on.isoformat()} for e in case.timeline.events],
        "clocks": [asdict(found) for found in checks.clocks] if checks else [],
        "transfers": transfers_view(deployment.rulebook, checks.transfers) if checks else [],
        "backups": TypeAdapter(list[Any]).dump_python([asdict(b) for b in checks.backups]) if checks else [],
        "backups_until": [
            {"collection": str(entry.collection), "of": entry.backup.of, "until": entry.backup.expires_on.isoformat()}
            for entry in case.register
            if entry.backup is not None
        ],
        "holds": [row for row in hold_rows(deployment, case_id) if not row["released_at"]],
        "review": _review(deployment, case_id),
        "traces_asked_by": asked_by(deployment, case_id),
        "scheduler_left_to": scheduler_left_to(deployment, case_id),
        "evidence": [row["name"] for row in files],
        "evidence_files": files,
        "ledger_size": deployment.ledger.size(case_id),
    }


def _head(case: Case, now: Standing) -> dict[str, Any]:
    return {
        "id": case.id,
        "company": case.company.name_zh,
        "company_en": case.company.name_en,
        "uscc": case.company.uscc,
        "waits_for": now.waits_for,
        "message": now.message,
        "plan_id": now.plan_id,
    }


def _review(deployment: Deployment, case_id: str) -> list[dict[str, Any]]:
    """What is due for review; nothing for a case whose words the rules no longer know, which its course tells."""
    try:
        return [asdict(found) for found in review_case(deployment, case_id)]
    except Refused:
        return []


def _people(deployment: Deployment, case: Case, now: Standing) -> list[dict[str, str]]:
    """Who must act for the case to go on, or after its end; empty when a clock or the program does."""
    waiting: tuple[str, ...] = ()
    if now.waits_for == "approvals":
        given = {found.person for found in counted_approvals(deployment, now.plan_id)[1].valid}
        waiting = tuple(person for person in case.approvers if person not in given)
    elif now.waits_for == "receipts":
        waiting = receivers(deployment, now.plan_id)
    elif now.waits_for == "finished" and (left_to := scheduler_left_to(deployment, case.id)):
        waiting = (left_to,)
    # Whom the case does not know is an engineer of the deployment.
    found = [(person_id, case.person(person_id)) for person_id in waiting]
    return [{"id": one, "role": "engineer" if person is None else person.role} for one, person in found]


def _steps(way: dict[str, Any], state: str) -> list[dict[str, Any]]:
    """Steps in a state. One that is ``running`` is at work now or failed; the next run takes it up again."""
    steps = [("case", step) for step in [*way["preparation"], way["report"]]]
    steps += [(wave["wave"], step) for wave in way["waves"] for step in wave["steps"]]
    return [
        {"wave": wave, **step, "is_final": step["stage"] in AFTER_BORDER}
        for wave, step in steps
        if step["state"] == state
    ]


def _blockers(deployment: Deployment, case_id: str, checks: Checks | None) -> list[Blocker]:
    """What is blocked by the newest look: that of the last wave that was planned, or else the first one."""
    control = deployment.control
    planned = [wave.value for wave in Wave if (wave, "plan") in {(p.wave, p.stage) for p in control.progress(case_id)}]
    found: dict[Blocker, None] = dict.fromkeys(checks.blockers if checks else ())
    for name in (*reversed(planned), "first"):
        inventory: Inventory | None = control.get(case_id, "inventory", name, type_=Inventory)
        if inventory is not None:
            found |= dict.fromkeys(inventory.blockers)
            break
    for name in planned:
        of_wave: tuple[Blocker, ...] | None = control.get(case_id, "blockers", name, type_=tuple[Blocker, ...])
        found |= dict.fromkeys(of_wave or ())
    return list(found)


def _decisions(deployment: Deployment, case_id: str, plans: list[Plan]) -> tuple[Decision, ...]:
    """The newest plan's decisions; before the first plan, those of the first look."""
    if plans:
        return plans[-1].decisions
    first: tuple[Decision, ...] | None = deployment.control.get(
        case_id, "decisions", "first", type_=tuple[Decision, ...]
    )
    return first or ()


def _by_collection(decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of each collection by disposition, for the line above its decisions."""
    found: dict[str, dict[str, int]] = {}
    for row in decisions:
        totals = found.setdefault(row["collection"], {})
        totals[row["disposition"]] = totals.get(row["disposition"], 0) + row["count"]
    return [{"collection": name, "totals": totals} for name, totals in found.items()]


def _plan(deployment: Deployment, plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "wave": plan.wave.value,
        "state": deployment.control.plan_state(plan.id),
        "orders": len(plan.orders),
        "digest": plan.digest,
        "approvals": len(approval_rows(deployment, plan.id)),
        "approvals_needed": plan.approvals_needed,
    }


def _border(border: Border | None) -> dict[str, Any] | None:
    return None if border is None else asdict(border) | {"is_crossed": border.is_crossed}
