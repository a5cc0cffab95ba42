"""A plan as an approver reads it: what happens to how many records of which collection, why, and what stays."""

from dataclasses import asdict
from typing import Any

from winddown.domain.case import Case
from winddown.domain.pack import Rulebook
from winddown.domain.plan import Act, Plan
from winddown.stages.anonymise import Extract
from winddown.stages.deployment import Deployment
from winddown.stages.journey import missing_approvals
from winddown.stages.order_record import receiver_row
from winddown.stages.seal import SealedArchive, unacknowledged
from winddown.stages.staying import blockers_of
from winddown.web.course import border_of
from winddown.web.errors import not_found
from winddown.web.fates import decision_row, fates, order_row, totals
from winddown.web.holds import hold_rows


def known_plan(deployment: Deployment, plan_id: str) -> Plan:
    """The plan; 404 when there is none. One that was changed in the database is refused by the repository."""
    if not any(plan_id in deployment.control.plans(case_id) for case_id in deployment.control.cases()):
        raise not_found("plan")
    return deployment.control.plan(plan_id)


def plan_view(deployment: Deployment, plan_id: str, person_id: str) -> dict[str, Any]:
    """Everything about one plan that may be shown: counts, ids, reasons and dates, never personal data."""
    plan = known_plan(deployment, plan_id)
    case = deployment.case(plan.case)
    control = deployment.control
    state = control.plan_state(plan_id)
    approvals = control.approvals(plan_id)
    blockers = blockers_of(deployment, plan)
    rows = fates(plan, deployment.rulebook, blockers)
    objection = _objection(deployment, case, plan, state, person_id)
    return {
        "id": plan.id,
        "case": plan.case,
        "company": case.company.name_zh,
        "company_en": case.company.name_en,
        "wave": plan.wave.value,
        "state": state,
        "digest": plan.digest,
        "you": person_id,
        "grace": {"seconds": plan.grace_seconds, "reason": plan.grace_reason},
        "preconditions": list(plan.preconditions),
        "clocks": [_clock(sentence, deployment.rulebook) for sentence in plan.preconditions],
        "rule_packs": [list(pack) for pack in plan.rule_packs],
        "rule_pack_is_current": {digest for _, digest in plan.rule_packs}
        == {pack.digest for pack in deployment.rulebook.packs},
        "code_version": plan.code_version,
        "identities": [list(pair) for pair in plan.identities],
        "inventory_digest": plan.inventory_digest,
        "holds_digest": plan.holds_digest,
        "holds": [row for row in hold_rows(deployment, plan.case) if not row["released_at"]],
        "approvals_needed": plan.approvals_needed,
        "approver_roles": list(plan.approver_roles),
        "missing": missing_approvals(deployment, plan_id),
        "approvals": [
            {"person": row["person"], "role": row["role"], "at": row["approved_at"], "door": row["door"]}
            for row in approvals
        ],
        "approvers": [_approver(case, approver, approvals) for approver in case.approvers],
        "may_approve": not objection,
        "may_not_approve_because": objection,
        "border": asdict(border := border_of(plan, control.effects(plan_id))) | {"is_crossed": border.is_crossed},
        "collections": rows,
        "totals": totals(rows),
        "orders": [order_row(order) for order in plan.orders],
        "decisions": [decision_row(found, deployment.rulebook) for found in plan.decisions],
        "blockers": [asdict(found) for found in blockers],
        "custodian": {"person": case.custodian.person, "organisation": case.custodian.organisation},
        "archives": _archives(deployment, case, plan),
        "extracts": _extracts(deployment, plan),
    }


def _approver(case: Case, person_id: str, approvals: list[dict[str, Any]]) -> dict[str, Any]:
    person = case.person(person_id)
    given = next((row["approved_at"] for row in approvals if row["person"] == person_id), None)
    return {"person": person_id, "role": person.role if person else "", "approved_at": given}


def _objection(deployment: Deployment, case: Case, plan: Plan, state: str, person_id: str) -> str:
    """Why this person cannot approve this plan now, or "". The door decides; this only spares a useless button."""
    requested: dict[str, str] = deployment.control.get(case.id, "request", "request", type_=dict[str, str]) or {}
    if state != "open":
        return f"the plan is {state}"
    if person_id not in case.approvers:
        return "you are not an approver of this case"
    if person_id == requested.get("requested_by"):
        return "you requested this case, and who requests does not approve"
    if any(row["person"] == person_id for row in deployment.control.approvals(plan.id)):
        return "you have approved it already"
    return ""


def _clock(sentence: str, rulebook: Rulebook) -> dict[str, str]:
    """A precondition, written ``rule: what was compared``, with the rule's title and citation."""
    rule_id, _, said = sentence.partition(": ")
    rule = rulebook.rules.get(rule_id)
    if rule is None:
        return {"rule": "", "title_zh": "", "title_en": "", "citation": "", "says": sentence}
    return {
        "rule": rule_id,
        "title_zh": rule.title_zh,
        "title_en": rule.title_en,
        "citation": rule.basis.citation,
        "says": said,
    }


def _archives(deployment: Deployment, case: Case, plan: Plan) -> list[dict[str, Any]]:
    """The sealed archives. The content digest is not shown: the receiver computes it from the opened archive."""
    waiting = set(unacknowledged(deployment, plan.id))
    rows = []
    for order in plan.orders:
        if order.act is not Act.SEAL:
            continue
        found = deployment.control.get(plan.case, "archive", f"{plan.id}/{order.id}", type_=SealedArchive)
        if found is not None:
            row = {"order_id": order.id, "file": found.file, "archive_sha256": found.archive_sha256}
            row |= {"collection": str(order.collection), "fields": list(order.fields)}
            row |= {"receiver": receiver_row(case, order)}
            rows.append(row | {"records": found.records, "until": found.until, "acknowledged": order.id not in waiting})
    return rows


def _extracts(deployment: Deployment, plan: Plan) -> list[dict[str, Any]]:
    """The anonymous extracts that were written, with what they leave out."""
    rows = []
    for order in plan.orders:
        found = deployment.control.get(plan.case, "extract", f"{plan.id}/{order.id}", type_=Extract)
        if order.act is Act.ANONYMISE and found is not None:
            rows.append(asdict(found) | {"collection": str(order.collection), "k": order.k})
    return rows
