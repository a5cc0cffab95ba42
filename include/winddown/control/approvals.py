"""Approvals as they stand in the control database, and those made with an approver's own key.

One judgement serves the door, the pages and ``authorize``: what was let in is looked at again before every batch.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from winddown.control import tables
from winddown.domain.approval import SESSION, SIGNATURE, Approval, Approver, Counted, count
from winddown.domain.approval_statement import Stated, statement
from winddown.domain.errors import Refused
from winddown.domain.plan import Plan
from winddown.evidence.entry import parse_time
from winddown.evidence.note import Note
from winddown.evidence.signing import VerifyingKey


def counted_within(connection: Connection, plan: Plan, *, at: datetime) -> Counted:
    """Judge a plan's approvals inside a transaction: people, roles, digest, days, and each signature anew."""
    rows = connection.execute(
        select(tables.approval).where(tables.approval.c.plan_id == plan.id).order_by(tables.approval.c.approved_at)
    ).all()
    digest = plan.digest
    genuine: list[Approval] = []
    passed_over: list[str] = []
    for found in map(_approval, rows):
        try:
            _refuse_forged(found, plan, digest)
        except Refused as refusal:
            passed_over.append(f"the approval of {found.person} does not count: {refusal.message}")
        else:
            genuine.append(found)
    judged = count(
        genuine,
        digest=digest,
        approvers=plan.approvers,
        requested_by=plan.requested_by,
        days=plan.approval_days,
        at=at,
    )
    return Counted(judged.valid, (*passed_over, *judged.passed_over))


def read_signed(raw: bytes, plan: Plan, *, digest: str, case_id: str) -> Approval:
    """Return the approval that a signed note is; raises Refused, with the rule, when it is not one of this plan.

    ``digest`` is the plan's own, which takes time to compute. The note states its own time; whether it has expired, or
    lies in the future, is for the caller to judge.
    """
    note = Note.parse(raw)
    stated = Stated.read(note.text)
    if stated.case != plan.case or plan.case != case_id:
        raise Refused(
            f"the signature is for case {stated.case}",
            rule="approval binds the case",
            next_step="sign the text of this plan, or bring the signature to the case that it names",
        )
    if stated.plan != plan.id or stated.digest != digest:
        raise Refused(
            f"the signature is for another plan than {plan.id} as it stands",
            rule="approval binds the digest",
            next_step="export the plan again, read it, sign that",
        )
    approver = approver_as(plan, stated.person, stated.role)
    if note.text != statement(plan, approver, digest=digest, signed_at=stated.signed_at):
        raise Refused(
            "the signed text does not say what the plan says",
            rule="approval statement",
            next_step="sign the text that `python -m winddown approve` writes from the plan",
        )
    if not approver.key:
        raise Refused(
            f"plan {plan.id} names no key of {approver.person}",
            rule="an approver's own key",
            next_step="write the key into the case file under people, or approve on the plan's page",
        )
    if not note.open([VerifyingKey.parse(approver.key)]):
        raise Refused(
            f"the note is not signed by the key of {approver.person}",
            rule="an approver's own key",
            next_step="sign the text with the key that the plan names",
        )
    return Approval(
        plan.id, digest, approver.person, approver.role, SIGNATURE, parse_time(stated.signed_at), raw.decode()
    )


def approver_of(plan: Plan, person_id: str) -> Approver | None:
    """The person as an approver of the plan, or None."""
    return next((one for one in plan.approvers if one.person == person_id), None)


def approver_as(plan: Plan, person_id: str, role: str) -> Approver:
    """The approver of the plan in this role; raises Refused when there is none."""
    for one in plan.approvers:
        if (one.person, one.role) == (person_id, role):
            return one
    raise Refused(
        f"{person_id} is not an approver of plan {plan.id} as {role}",
        rule="approvers",
        next_step="have it signed by an approver whom the plan names, in the role that it names",
    )


def _refuse_forged(found: Approval, plan: Plan, digest: str) -> None:
    if found.door == SESSION:
        return
    if found.door != SIGNATURE:
        raise Refused(
            f"it came by no door that there is: {found.door}",
            rule="the one door",
            next_step="find out who wrote to the control database, then have the plan approved anew",
        )
    signed = read_signed(found.note.encode(), plan, digest=digest, case_id=plan.case)
    if (signed.person, signed.role) != (found.person, found.role) or found.approved_at > signed.approved_at:
        raise Refused(
            "its signature states something else",
            rule="an approver's own key",
            next_step="find out who wrote to the control database, then have the plan approved anew",
        )


def _approval(row: Any) -> Approval:
    given_at = parse_time(row.approved_at)
    return Approval(row.plan_id, row.plan_digest, row.person, row.role, row.door, given_at, row.note)
