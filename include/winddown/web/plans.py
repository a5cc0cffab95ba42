"""A plan as an approver reads it: what happens to how many records of which collection, why, and what stays."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from winddown.control.approver_keys import key_objection
from winddown.control.ledger import stamp
from winddown.domain.approval import Approver
from winddown.domain.case import Case
from winddown.domain.pack import Rulebook
from winddown.domain.plan import Act, Plan
from winddown.evidence.entry import parse_time
from winddown.stages.anonymise import Extract
from winddown.stages.deployment import Deployment
from winddown.stages.journey import counted_approvals, missing_approvals
from winddown.stages.order_record import receiver_row
from winddown.stages.seal import SealedArchive, unacknowledged
from winddown.stages.staying import blockers_of
from winddown.web.course import border_of
from winddown.web.errors import not_found
from winddown.web.fates import decision_row, fates, order_row, totals
from winddown.web.holds import hold_rows


def known_plan(deployment: Deployment, plan_id: str) -> Plan:
    """The plan; 404 when there is none. One that was changed in the database is refused by the repository."""
    if deployment.control.case_of_plan(plan_id) is None:
        raise not_found("plan")
    return deployment.control.plan(plan_id)


def plan_view(deployment: Deployment, plan_id: str, person_id: str) -> dict[str, Any]:
    """Everything about one plan that may be shown: counts, ids, reasons and dates, never personal data."""
    plan = known_plan(deployment, plan_id)
    case = deployment.case(plan.case)
    control = deployment.control
    state = control.plan_state(plan_id)
    approvals = approval_rows(deployment, plan_id)
    blockers = blockers_of(deployment, plan)
    rows = fates(plan, deployment.rulebook, blockers)
    objection = _objection(plan, state, approvals, person_id)
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
        "approval_days": plan.approval_days,
        "requested_by": plan.requested_by,
        "missing": missing_approvals(deployment, plan_id) if state == "open" else "",
        "approvals": approvals,
        "approvers": [_approver(deployment, approver, approvals) for approver in plan.approvers],
        "may_approve": not objection,
        "may_not_approve_because": objection,
        "border": asdict(border := border_of(plan, control.effects(plan_id))) | {"is_crossed": border.is_crossed},
        "collections": rows,
        "totals": totals(rows),
        "orders": [order_row(order) for order in plan.orders],
        "traces": [asdict(trace) for trace in plan.traces],
        "scheduler_by": plan.scheduler_by,
        "decisions": [decision_row(found, deployment.rulebook) for found in plan.decisions],
        "blockers": [asdict(found) for found in blockers],
        "custodian": {"person": case.custodian.person, "organisation": case.custodian.organisation},
        "archives": _archives(deployment, case, plan),
        "extracts": _extracts(deployment, plan),
    }


def approval_rows(deployment: Deployment, plan_id: str) -> list[dict[str, Any]]:
    """The approvals of a plan: those that count now if it is open, and of another one those that were given."""
    plan, counted = counted_approvals(deployment, plan_id)
    if deployment.control.plan_state(plan_id) == "open":
        given = [(one.person, one.role, stamp(one.approved_at), one.door) for one in counted.valid]
    else:
        rows = deployment.control.approvals(plan_id)
        given = [(row["person"], row["role"], row["approved_at"], row["door"]) for row in rows]
    days = timedelta(days=plan.approval_days)
    return [
        {"person": person, "role": role, "at": at, "until": stamp(parse_time(at) + days), "door": door}
        for person, role, at, door in given
    ]


def _approver(deployment: Deployment, approver: Approver, approvals: list[dict[str, Any]]) -> dict[str, Any]:
    given = next((row for row in approvals if row["person"] == approver.person), None)
    return {
        "person": approver.person,
        "role": approver.role,
        "key": approver.key,
        "key_objection": key_objection(deployment.settings.approver_keys, approver),
        "approved_at": given["at"] if given else None,
        "approved_until": given["until"] if given else None,
        "door": given["door"] if given else "",
    }


def _objection(plan: Plan, state: str, approvals: list[dict[str, Any]], person_id: str) -> str:
    """Why this person cannot approve this plan now, or "". The door decides; this only spares a useless button."""
    if state != "open":
        return f"the plan is {state}"
    if person_id not in {found.person for found in plan.approvers}:
        return "you are not an approver of this plan"
    if person_id == plan.requested_by:
        return "you requested this case, and who requests does not approve"
    if any(row["person"] == person_id for row in approvals):
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
