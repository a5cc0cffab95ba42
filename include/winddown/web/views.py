"""What the pages and the API show: counts, ids, reasons and dates, never personal data."""

from typing import Any

from pydantic import TypeAdapter

from winddown.domain.blocker import Blocker
from winddown.domain.decision import Decision
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Act, Plan
from winddown.stages.deployment import Deployment
from winddown.stages.seal import SealedArchive, unacknowledged
from winddown.stages.standing import standing


def cases_view(deployment: Deployment) -> list[dict[str, Any]]:
    """One row a case."""
    rows = []
    for case_id in deployment.control.cases():
        case, now = deployment.case(case_id), standing(deployment, case_id)
        rows.append(
            {
                "id": case_id,
                "company": case.company.name_zh,
                "uscc": case.company.uscc,
                "waits_for": now.waits_for,
                "message": now.message,
                "plan_id": now.plan_id,
            }
        )
    return rows


def case_view(deployment: Deployment, case_id: str) -> dict[str, Any]:
    """A case with its stages, blockers, decisions and evidence."""
    case, now = deployment.case(case_id), standing(deployment, case_id)
    inventory: Inventory | None = deployment.control.get(case_id, "inventory", "first", type_=Inventory)
    decisions: tuple[Decision, ...] = (
        deployment.control.get(case_id, "decisions", "first", type_=tuple[Decision, ...]) or ()
    )
    folder = deployment.folder(case_id, "evidence")
    return {
        "id": case_id,
        "company": case.company.name_zh,
        "uscc": case.company.uscc,
        "waits_for": now.waits_for,
        "message": now.message,
        "plan_id": now.plan_id,
        "stages": [
            {"wave": found.wave, "stage": found.stage, "state": found.state, "message": found.message}
            | {"started_at": found.started_at, "finished_at": found.finished_at}
            for found in deployment.control.progress(case_id)
        ],
        "blockers": [_blocker(found) for found in (inventory.blockers if inventory else ())],
        "decisions": [_decision(found) for found in decisions],
        "plans": [
            {"id": plan_id, "state": deployment.control.plan_state(plan_id)}
            for plan_id in deployment.control.plans(case_id)
        ],
        "evidence": sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")),
        "ledger_size": deployment.ledger.size(case_id),
    }


def plan_view(deployment: Deployment, plan_id: str, person_id: str) -> dict[str, Any]:
    """A plan as an approver reads it: what will happen, why, and who has said yes."""
    plan: Plan = deployment.control.plan(plan_id)
    case = deployment.case(plan.case)
    approvals = deployment.control.approvals(plan_id)
    state = deployment.control.plan_state(plan_id)
    may_approve = (
        state == "open" and person_id in case.approvers and person_id not in {row["person"] for row in approvals}
    )
    return {
        "id": plan.id,
        "case": plan.case,
        "company": case.company.name_zh,
        "wave": plan.wave.value,
        "state": state,
        "digest": plan.digest,
        "grace": {"seconds": plan.grace_seconds, "reason": plan.grace_reason},
        "preconditions": list(plan.preconditions),
        "rule_packs": [list(pack) for pack in plan.rule_packs],
        "code_version": plan.code_version,
        "approvals_needed": plan.approvals_needed,
        "approvals": [{"person": row["person"], "role": row["role"], "at": row["approved_at"]} for row in approvals],
        "may_approve": may_approve,
        "orders": [
            {
                "id": order.id,
                "collection": str(order.collection),
                "act": order.act.value,
                "method": order.method.value,
                "records": order.selection.count,
                "fields": list(order.fields),
                "requires": list(order.requires),
                "until": order.until,
            }
            for order in plan.orders
        ],
        "decisions": [_decision(found) for found in plan.decisions],
        "archives": _archives(deployment, plan),
    }


def _archives(deployment: Deployment, plan: Plan) -> list[dict[str, Any]]:
    """Archives that wait for a receipt. The content digest is not shown: the custodian computes it alone."""
    waiting = set(unacknowledged(deployment, plan.id))
    rows = []
    for order in plan.orders:
        if order.act is not Act.SEAL:
            continue
        found = deployment.control.get(plan.case, "archive", f"{plan.id}/{order.id}", type_=SealedArchive)
        if found is not None:
            row = {"order_id": order.id, "file": found.file, "archive_sha256": found.archive_sha256}
            rows.append(row | {"records": found.records, "until": found.until, "acknowledged": order.id not in waiting})
    return rows


def _decision(decision: Decision) -> dict[str, Any]:
    row: dict[str, Any] = TypeAdapter(Decision).dump_python(decision, mode="json")
    return row | {"collection": str(decision.collection)}


def _blocker(blocker: Blocker) -> dict[str, Any]:
    row: dict[str, Any] = TypeAdapter(Blocker).dump_python(blocker, mode="json")
    return row
