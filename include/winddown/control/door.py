"""The one door by which approvals and the custodian's receipts enter. Only the API server calls it.

On PostgreSQL the workers' role cannot write these tables (see the first migration). The person is the authenticated
user of the session; nothing that a client sends can name another one.
"""

from sqlalchemy import Engine, insert, select

from winddown.control import tables
from winddown.control.ledger import Ledger, stamp
from winddown.control.repository import load_plan
from winddown.domain.approval import Approval
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.plan import Act
from winddown.ports import Clock


class Door:
    """Writes approvals and acknowledgements for authenticated people."""

    def __init__(self, engine: Engine, *, ledger: Ledger, clock: Clock) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock

    def approve(self, case: Case, plan_id: str, *, plan_digest: str, person_id: str, door: str) -> Approval:
        """Record one person's yes to exactly this digest.

        Raises Refused when the person is not an approver of the case, made the request, has approved already, or read
        another plan than the stored one.
        """
        person = case.person(person_id)
        if person is None or person_id not in case.approvers:
            raise Refused(f"{person_id} is not an approver of case {case.id}", rule="approvers")
        with self._engine.begin() as connection:
            plan = load_plan(connection, plan_id)
            row = connection.execute(select(tables.plan).where(tables.plan.c.plan_id == plan_id)).one()
            if plan.case != case.id:
                raise Refused(f"plan {plan_id} does not belong to case {case.id}")
            if row.state != "open":
                raise Refused(f"plan {plan_id} is {row.state}", next_step="approve the newest plan")
            if row.requested_by == person_id:
                raise Refused(f"{person_id} requested plan {plan_id} and cannot approve it", rule="two people")
            if plan.digest != plan_digest:
                raise Refused(
                    f"the approved digest is not that of plan {plan_id}",
                    rule="approval binds the digest",
                    next_step="read the plan again",
                )
            existing = connection.execute(
                select(tables.approval).where(
                    tables.approval.c.plan_id == plan_id, tables.approval.c.person == person_id
                )
            ).one_or_none()
            if existing is not None:
                raise Refused(f"{person_id} has already approved plan {plan_id}", rule="one person, one approval")
            now = self._clock.now()
            connection.execute(
                insert(tables.approval).values(
                    plan_id=plan_id,
                    person=person_id,
                    plan_digest=plan_digest,
                    role=person.role,
                    door=door,
                    approved_at=stamp(now),
                )
            )
            body = {
                "plan_id": plan_id,
                "plan_digest": plan_digest,
                "person": person_id,
                "role": person.role,
                "door": door,
            }
            self._ledger.append_within(connection, case.id, "approval_given", body, actor=person_id)
        return Approval(plan_id, plan_digest, person_id, person.role, door, now)

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
                raise Refused(f"order {order_id} is no hand-over")
            if person_id != case.receiver(order.recipient).person:
                who = order.recipient or "custodian"
                raise Refused(f"{person_id} is not the {who} of case {case.id}", rule="custodian")
            sealed = connection.execute(
                select(tables.document.c.digest, tables.document.c.body).where(
                    tables.document.c.case_id == case.id,
                    tables.document.c.kind == "archive",
                    tables.document.c.name == f"{plan_id}/{order_id}",
                )
            ).one_or_none()
            if sealed is None:
                raise Refused(f"order {order_id} has not been sealed yet")
            if f'"archive_sha256":"{archive_digest}"' not in sealed.body:
                raise Refused(f"the acknowledged archive is not the one of order {order_id}", rule="archive digest")
            if f'"content_sha256":"{content_digest}"' not in sealed.body:
                raise Refused(f"the content that was opened is not what order {order_id} sealed", rule="content digest")
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
