"""The whole way from an approved plan to a store: a control database, a memory store, nothing in between."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from winddown.control import tables
from winddown.control.authority import effect_of
from winddown.control.ledger import stamp
from winddown.control.repository import Repository
from winddown.domain.approval import Approver
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.domain.hold import holds_digest
from winddown.domain.plan import Plan, Wave
from winddown.domain.receipt import Receipt, Whereabouts

from .desk import CASE, Desk
from .subject import Work, work
from .test_memory import MemorySubject

GRACE_SECONDS = 3600


@pytest.fixture
def planned(desk: Desk) -> Work:
    return work(MemorySubject(desk))


def record_plan(planned: Work) -> Plan:
    plan = Plan(
        id=f"plan-{planned.order.id}",
        case=CASE,
        wave=Wave.AT_ONCE,
        orders=(planned.order,),
        inventory_digest="0" * 64,
        decisions=(),
        fingerprints=(),
        holds_digest=holds_digest(()),
        preconditions=(),
        rule_packs=(),
        code_version="test",
        grace_seconds=GRACE_SECONDS,
        grace_reason="test",
        approvals_needed=2,
        approver_roles=("legal", "pi_officer"),
        identities=(("memory", "memory memory"),),
        approvers=(Approver("first", "legal"), Approver("second", "pi_officer")),
        requested_by="operator",
        approval_days=30,
    )
    desk = planned.subject.desk
    Repository(desk.engine, clock=desk.clock).add_plan(plan)
    return plan


def approve(planned: Work, plan: Plan, person: str, role: str) -> None:
    desk = planned.subject.desk
    with desk.engine.begin() as connection:
        connection.execute(
            insert(tables.approval).values(
                plan_id=plan.id,
                person=person,
                plan_digest=plan.digest,
                role=role,
                door="api_session",
                approved_at=stamp(desk.clock.now()),
            )
        )


def perform(planned: Work, plan: Plan, power: Power) -> Receipt:
    """Authorise, act and close, as a stage does."""
    authority, batch = planned.subject.desk.authority, planned.batches[0]
    effect = effect_of(plan, planned.order, batch, power)
    authorization = authority.authorize(effect, actor="test")
    receipt: Receipt = getattr(planned.subject.store, power.value)(authorization, planned.order, batch)
    authority.close(effect, state="done", receipt=receipt, read_back="0 contradictions", actor="test")
    with pytest.raises(Refused, match="spent"):
        getattr(planned.subject.store, power.value)(authorization, planned.order, batch)
    return receipt


def test_a_store_is_moved_by_an_approved_plan_alone(planned: Work) -> None:
    plan, subject, batch = record_plan(planned), planned.subject, planned.batches[0]
    content = subject.content()
    with pytest.raises(Refused, match="2 distinct people"):
        perform(planned, plan, Power.QUARANTINE)
    approve(planned, plan, "first", "legal")
    approve(planned, plan, "second", "pi_officer")
    with pytest.raises(Refused, match="no quarantine receipt"):
        perform(planned, plan, Power.PURGE)
    assert subject.content() == content

    perform(planned, plan, Power.QUARANTINE)
    with pytest.raises(Refused, match="grace ends"):
        perform(planned, plan, Power.PURGE)
    assert subject.store.locate(planned.order, batch) is Whereabouts.QUARANTINED
    perform(planned, plan, Power.RESTORE)
    assert subject.content() == content
    subject.desk.clock.ahead += timedelta(seconds=GRACE_SECONDS)
    with pytest.raises(Refused, match="no quarantine receipt"):
        perform(planned, plan, Power.PURGE)

    perform(planned, plan, Power.QUARANTINE)
    subject.desk.clock.ahead += timedelta(seconds=GRACE_SECONDS)
    assert perform(planned, plan, Power.PURGE).records == batch.records
    assert subject.store.locate(planned.order, batch) is Whereabouts.GONE


def test_only_the_approved_batch_is_authorised(planned: Work) -> None:
    plan = record_plan(planned)
    approve(planned, plan, "first", "legal")
    approve(planned, plan, "second", "pi_officer")
    forged = replace(planned.batches[0], digest="f" * 64)
    with pytest.raises(Refused, match="not the approved one"):
        planned.subject.desk.authority.authorize(effect_of(plan, planned.order, forged, Power.QUARANTINE), actor="test")
