"""The one door by which approvals and the custodian's receipts enter. Only the API server calls it.

On PostgreSQL the workers' role cannot write these tables (see the first migration). The person is the authenticated
user of the session, or whose key signed; nothing that a client sends can name another one.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, func, insert, select, update

from winddown.control import tables
from winddown.control.approvals import approver_as, approver_of, counted_within, read_signed
from winddown.control.approver_keys import require_listed
from winddown.control.ledger import Ledger, stamp
from winddown.control.repository import load_plan
from winddown.domain.approval import SESSION, Approval
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.plan import Act, Plan
from winddown.ports import Clock

SKEW_MAX = timedelta(minutes=5)
"""How far ahead the clock of the machine may be on which an approver signs."""


class Door:
    """Writes approvals and acknowledgements for authenticated people.

    Args:
        approver_keys: the administrator's list of approvers' keys; without one, signatures are refused.
    """

    def __init__(self, engine: Engine, *, ledger: Ledger, clock: Clock, approver_keys: Path | None = None) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._approver_keys = approver_keys

    def approve(self, case: Case, plan_id: str, *, plan_digest: str, person_id: str) -> Approval:
        """Record the yes of the session's person to exactly this digest.

        Raises Refused when the person is not an approver of the case and the plan, made the request, has approved
        already, or read another plan than the stored one.
        """
        with self._engine.begin() as connection:
            plan = _open_plan(connection, case, plan_id)
            approver = approver_of(plan, person_id)
            if approver is None or person_id not in case.approvers:
                raise Refused(
                    f"{person_id} is not an approver of case {case.id}",
                    rule="approvers",
                    next_step="let one of the approvers whom the case file names approve it",
                )
            if plan.digest != plan_digest:
                raise Refused(
                    f"the approved digest is not that of plan {plan_id}",
                    rule="approval binds the digest",
                    next_step="read the plan again",
                )
            now = self._ledger.now_within(connection, case.id)
            given = Approval(plan.id, plan.digest, person_id, approver.role, SESSION, now)
            return self._let_in(connection, plan, given, brought_by=person_id)

    def approve_by_signature(self, case: Case, plan_id: str, *, note: bytes, brought_by: str) -> Approval:
        """Record the yes that an approver signed with the own key, whoever brings it.

        Raises Refused for whatever is no genuine approval of this plan as it stands: another plan, case or person,
        an edited plan, an expired or repeated one, one by who made the request; and for a key that is not listed.
        """
        with self._engine.begin() as connection:
            plan = _open_plan(connection, case, plan_id)
            given = read_signed(note, plan, digest=plan.digest, case_id=case.id)
            # Who wrote the case file wrote the plan's keys, too: that the signature fits them says nothing of a person.
            require_listed(self._approver_keys, approver_as(plan, given.person, given.role))
            if given.person not in case.approvers:
                raise Refused(
                    f"{given.person} is not an approver of case {case.id}",
                    rule="approvers",
                    next_step="let one of the approvers whom the case file names sign it",
                )
            now = self._ledger.now_within(connection, case.id)
            if given.approved_at > now + SKEW_MAX:
                # It would last longer, and could be handed in again when it has expired.
                raise Refused(
                    f"the signature of {given.person} is dated in the future",
                    rule="approvals expire",
                    next_step="set the clock of the machine on which it was signed, and sign again",
                )
            given = replace(given, approved_at=min(now, given.approved_at))
            return self._let_in(connection, plan, given, brought_by=brought_by)

    def _let_in(self, connection: Connection, plan: Plan, given: Approval, *, brought_by: str) -> Approval:
        if given.person == plan.requested_by:
            raise Refused(
                f"{given.person} requested plan {plan.id} and cannot approve it",
                rule="two people",
                next_step="let another approver of the case approve it",
            )
        now = self._ledger.now_within(connection, plan.case)
        before = counted_within(connection, plan, at=now)
        if given.person in {found.person for found in before.valid}:
            raise Refused(
                f"{given.person} has already approved plan {plan.id}",
                rule="one person, one approval",
                next_step="leave it: this approval counts, and another person gives the next one",
            )
        table = tables.approval
        values = {
            "plan_digest": given.plan_digest,
            "role": given.role,
            "door": given.door,
            "approved_at": stamp(given.approved_at),
            "note": given.note,
        }
        mine = (table.c.plan_id == given.plan_id, table.c.person == given.person)
        # One that has expired is given anew in its place; the ledger has both.
        if not connection.execute(update(table).where(*mine).values(**values)).rowcount:
            connection.execute(insert(table).values(plan_id=given.plan_id, person=given.person, **values))
        after = counted_within(connection, plan, at=now)
        if given.person not in {found.person for found in after.valid}:
            raise Refused(
                f"this approval of plan {plan.id} does not count: {'; '.join(after.passed_over)}",
                rule="approvals expire",
                next_step="read the plan and sign it again",
            )
        body = {
            "plan_id": given.plan_id,
            "plan_digest": given.plan_digest,
            "person": given.person,
            "role": given.role,
            "door": given.door,
        }
        signed = {"note": given.note} if given.note else {}
        self._ledger.append_within(connection, plan.case, "approval_given", body | signed, actor=brought_by)
        return given

    def acknowledge(
        self, case: Case, plan_id: str, order_id: str, *, archive_digest: str, content_digest: str, person_id: str
    ) -> None:
        """Record the receipt of one archive by its receiver: the custodian, or whom the law names.

        ``content_digest`` is what the receiver computed after opening the archive with the private key that nobody
        else has; it must be the digest that was taken when the archive was sealed, so a receipt proves that the
        archive can be opened and is whole. Repeating the same receipt does nothing.
        """
        with self._engine.begin() as connection:
            order = load_plan(connection, plan_id).order(order_id)
            if order.act is not Act.SEAL:
                raise Refused(
                    f"order {order_id} is no hand-over", next_step="name an order of the plan that seals an archive"
                )
            if person_id != case.receiver(order.recipient).person:
                who = order.recipient or "custodian"
                raise Refused(
                    f"{person_id} is not the {who} of case {case.id}",
                    rule="custodian",
                    next_step=f"let the {who} whom the case file names acknowledge it",
                )
            sealed = connection.execute(
                select(tables.document.c.digest, tables.document.c.body).where(
                    tables.document.c.case_id == case.id,
                    tables.document.c.kind == "archive",
                    tables.document.c.name == f"{plan_id}/{order_id}",
                )
            ).one_or_none()
            done = connection.execute(
                select(func.count()).where(
                    tables.effect.c.plan_id == plan_id,
                    tables.effect.c.order_id == order_id,
                    tables.effect.c.power == Power.SEAL,
                    tables.effect.c.state == "done",
                )
            ).scalar_one()
            if sealed is None or done != len(order.selection.batch_digests):
                raise Refused(
                    f"order {order_id} has not been sealed yet",
                    rule="acknowledged hand-over",
                    next_step="wait until the stage seal has ended",
                )
            if f'"archive_sha256":"{archive_digest}"' not in sealed.body:
                raise Refused(
                    f"the acknowledged archive is not the one of order {order_id}",
                    rule="archive digest",
                    next_step="fetch the archive of this order anew, open it, and send the digests of that one",
                )
            if f'"content_sha256":"{content_digest}"' not in sealed.body:
                raise Refused(
                    f"the content that was opened is not what order {order_id} sealed",
                    rule="content digest",
                    next_step="open the archive once more; acknowledge nothing that differs, and tell the engineer",
                )
            have = connection.execute(
                select(tables.acknowledgement).where(
                    tables.acknowledgement.c.plan_id == plan_id, tables.acknowledgement.c.order_id == order_id
                )
            ).one_or_none()
            if have is not None:
                return
            connection.execute(
                insert(tables.acknowledgement).values(
                    plan_id=plan_id,
                    order_id=order_id,
                    archive_digest=archive_digest,
                    content_digest=content_digest,
                    person=person_id,
                    acknowledged_at=stamp(self._clock.now()),
                )
            )
            body = {
                "plan_id": plan_id,
                "order_id": order_id,
                "archive_digest": archive_digest,
                "person": person_id,
            }
            self._ledger.append_within(connection, case.id, "handover_acknowledged", body, actor=person_id)


def _open_plan(connection: Connection, case: Case, plan_id: str) -> Plan:
    """The plan, which is the case's and open."""
    plan = load_plan(connection, plan_id)
    state = connection.execute(select(tables.plan.c.state).where(tables.plan.c.plan_id == plan_id)).scalar_one()
    if plan.case != case.id:
        raise Refused(
            f"plan {plan_id} does not belong to case {case.id}",
            rule="approval binds the case",
            next_step="open the plan from the page of its own case",
        )
    if state != "open":
        raise Refused(f"plan {plan_id} is {state}", rule="only an open plan", next_step="approve the newest plan")
    return plan
