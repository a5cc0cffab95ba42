"""What stands against an effect, one objection at a time, and what an authorization is good for."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from winddown.control import tables
from winddown.control.authority import LIFETIME, Authority, Effect, _program_objections
from winddown.control.door import Door
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.control.switch import Switch
from winddown.domain.authorization import Authorization, Power
from winddown.domain.canonical import canonical
from winddown.domain.case import Case
from winddown.domain.errors import Refused, Transient
from winddown.domain.hold import Ground, LegalHold, Scope
from winddown.domain.plan import Plan
from winddown.domain.receipt import Receipt
from winddown.evidence.entry import LedgerEntry

from .conftest import MovableClock

Deed = Callable[..., Effect]
CarryOut = Callable[..., None]
PassTime = Callable[[timedelta], None]
HOUR = timedelta(hours=1)
HOLD = LegalHold(
    "H-1", "matter", Ground.TAX_INSPECTION, "tax bureau", "No. 1", "chen", date(2026, 6, 1), date(2027, 6, 1),
    Scope(subjects_manifest="hold-H-1", subjects_digest="a" * 64, subject_count=1),
)  # fmt: skip
DESTRUCTIVE = [Power.SEAL, Power.QUARANTINE, Power.PURGE]


def order_for(power: Power) -> str:
    return "o-seal" if power is Power.SEAL else "o-files"


def objections(authority: Authority, effect: Effect) -> str:
    with pytest.raises(Refused) as refusal:
        authority.authorize(effect, actor="winddown")
    assert authority.state(effect) is None  # a refused effect leaves no intent
    return refusal.value.message


def approve(door: Door, case: Case, plan: Plan, *people: str) -> None:
    for person in people:
        door.approve(case, plan.id, plan_digest=plan.digest, person_id=person)


# -- the plan and its approvals --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("approved")
def test_an_approved_order_may_be_sealed_and_quarantined(authority: Authority, deed: Deed, ledger: Ledger) -> None:
    for power in (Power.SEAL, Power.QUARANTINE):
        effect = deed(order_for(power), power)
        right = authority.authorize(effect, actor="winddown")
        assert (right.power, right.case, right.store, right.target) == (power, "c-1", effect.store, effect.order_id)
        assert right.batch_digest == effect.batch_digest
        assert authority.state(effect) == "intent"
        last = LedgerEntry.parse(ledger.entries("c-1")[-1])
        assert (last.type, last.body["effect"], last.body["nonce"]) == ("intent", effect.id, right.nonce)


@pytest.mark.usefixtures("open_plan")
@pytest.mark.parametrize("power", DESTRUCTIVE)
def test_nothing_is_done_without_approvals(authority: Authority, deed: Deed, power: Power) -> None:
    said = objections(authority, deed(order_for(power), power))
    assert "0 approvals of its digest, 2 distinct people are needed" in said
    assert "no approval by liquidation_group, pi_officer" in said


def test_one_approval_is_not_enough(authority: Authority, door: Door, case: Case, open_plan: Plan, deed: Deed) -> None:
    approve(door, case, open_plan, "chen")
    said = objections(authority, deed("o-files", Power.QUARANTINE))
    assert "1 approvals of its digest" in said
    assert "no approval by pi_officer" in said


def test_two_people_of_one_role_are_not_enough(
    authority: Authority, door: Door, case: Case, open_plan: Plan, deed: Deed
) -> None:
    approve(door, case, open_plan, "chen", "zhao")
    said = objections(authority, deed("o-files", Power.QUARANTINE))
    assert "no approval by pi_officer" in said
    assert "distinct people" not in said
    approve(door, case, open_plan, "wu")
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")


def forge(engine: Engine, plan: Plan, person: str, role: str, digest: str) -> None:
    row = {"plan_id": plan.id, "person": person, "role": role, "plan_digest": digest, "door": "api_session"}
    with engine.begin() as connection:
        connection.execute(insert(tables.approval).values(**row, approved_at="2026-11-23T00:00:00.000000Z"))


def test_approvals_of_another_digest_written_into_the_table_do_not_count(
    engine: Engine, authority: Authority, open_plan: Plan, deed: Deed
) -> None:
    forge(engine, open_plan, "chen", "liquidation_group", "0" * 64)
    forge(engine, open_plan, "wu", "pi_officer", open_plan.digest.upper())
    said = objections(authority, deed("o-files", Power.QUARANTINE))
    assert "0 approvals of its digest" in said
    assert "no approval by liquidation_group, pi_officer" in said


def test_approvals_of_an_earlier_plan_do_not_count_for_its_successor(
    authority: Authority, control: Repository, approved: Plan, deed: Deed
) -> None:
    control.add_plan(replace(approved, id="p-2", grace_seconds=1))
    said = objections(authority, replace(deed("o-files", Power.QUARANTINE), plan_id="p-2"))
    assert "plan p-2: 0 approvals of its digest" in said


@pytest.mark.parametrize("state", ["superseded", "certified"])
def test_a_plan_that_is_not_open_any_more_authorises_nothing(
    authority: Authority, control: Repository, approved: Plan, deed: Deed, state: str
) -> None:
    control.set_plan_state(approved.id, state)
    assert f"plan p-1 is {state}" in objections(authority, deed("o-files", Power.QUARANTINE))


def test_a_plan_that_was_changed_in_the_database_is_refused(
    engine: Engine, authority: Authority, control: Repository, approved: Plan, deed: Deed
) -> None:
    with engine.begin() as connection:
        body = connection.execute(select(tables.plan.c.body)).scalar_one()
        changed = body.replace('"grace_seconds":3600', '"grace_seconds":0')
        assert changed != body
        connection.execute(update(tables.plan).values(body=changed))
    assert "was changed in the database" in objections(authority, deed("o-files", Power.QUARANTINE))
    with pytest.raises(Refused, match="was changed in the database"):
        control.plan(approved.id)


def test_a_plan_that_was_changed_together_with_its_digest_has_lost_its_approvals(
    engine: Engine, authority: Authority, approved: Plan, deed: Deed
) -> None:
    forged = replace(approved, grace_seconds=0)
    with engine.begin() as connection:
        body = connection.execute(select(tables.plan.c.body)).scalar_one()
        changed = body.replace('"grace_seconds":3600', '"grace_seconds":0')
        connection.execute(update(tables.plan).values(body=changed, digest=forged.digest))
    assert "0 approvals of its digest" in objections(authority, deed("o-files", Power.QUARANTINE))


def test_what_another_program_planned_is_not_carried_out_and_comes_back(
    engine: Engine, ledger: Ledger, clock: MovableClock, approved: Plan, deed: Deed
) -> None:
    newer = Authority(engine, ledger=ledger, clock=clock, code_version="2 polars-9")
    said = objections(newer, deed("o-files", Power.QUARANTINE))
    assert f"plan {approved.id} was made by another program (1) than this (2 polars-9)" in said
    newer.authorize(deed("o-files", Power.RESTORE), actor="winddown")


@pytest.mark.parametrize(
    ("planned", "present", "said"),
    [
        ("1 polars-8", "1 polars-9", "(polars-8) than this (polars-9)"),
        ("1", "1 polars-9", "(one without some of this) than this (polars-9)"),
        ("1 polars-8", "1", "(polars-8) than this (one without some of that)"),
        ("1 polars-8", "1  polars-8", ""),
    ],
)
def test_of_two_programs_what_differs_is_named_and_nothing_else(
    plan: Plan, planned: str, present: str, said: str
) -> None:
    found = "; ".join(_program_objections(replace(plan, code_version=planned), present))
    assert found.startswith("plan p-1 was made by another program " if said else "")
    assert said in found
    assert bool(found) is bool(said)


def test_a_plan_that_asks_for_nobody_is_no_plan(
    engine: Engine, authority: Authority, open_plan: Plan, deed: Deed
) -> None:
    changes: list[dict[str, Any]] = [
        {"approvals_needed": 0},
        {"approvals_needed": 1},
        {"approver_roles": ("liquidation_group",)},
    ]
    for change in changes:
        with pytest.raises(Refused, match="fewer approvals than every plan needs"):
            replace(open_plan, **change)
        # Whoever may write the table gets no further than whoever may not.
        body = canonical(open_plan.document() | change)
        written = {"body": body.decode(), "digest": sha256(body).hexdigest()}
        with engine.begin() as connection:
            connection.execute(update(tables.plan).values(written))
        assert "fewer approvals" in objections(authority, deed("o-files", Power.QUARANTINE))


def test_a_plan_that_does_not_exist_and_an_order_that_it_does_not_have_are_refused(
    authority: Authority, approved: Plan, deed: Deed
) -> None:
    assert "there is no plan 'p-9'" in objections(authority, replace(deed("o-files", Power.QUARANTINE), plan_id="p-9"))
    stranger = replace(deed("o-files", Power.QUARANTINE), order_id="o-9")
    assert f"plan {approved.id} has no order 'o-9'" in objections(authority, stranger)


# -- holds and the kill switch ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("approved")
@pytest.mark.parametrize("power", DESTRUCTIVE)
def test_a_hold_that_came_after_the_plan_stops_it(
    authority: Authority, control: Repository, deed: Deed, power: Power
) -> None:
    control.put_hold("c-1", HOLD)
    assert "the holds changed after plan p-1 was made" in objections(authority, deed(order_for(power), power))


@pytest.mark.usefixtures("approved")
def test_a_hold_of_another_case_stops_nothing(authority: Authority, control: Repository, deed: Deed) -> None:
    control.put_hold("c-2", HOLD)
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")


@pytest.mark.usefixtures("approved")
@pytest.mark.parametrize("power", [*DESTRUCTIVE, Power.SANITISE, Power.FREEZE])
def test_the_kill_switch_stops_everything_but_restoring(
    authority: Authority, switch: Switch, deed: Deed, power: Power
) -> None:
    switch.halt("c-1", by="wu", reason="a question of the court", door="command")
    said = objections(authority, deed(order_for(power), power))
    assert "the case was halted by wu at 2026-11-23T02:00:00.000000Z: a question of the court" in said
    authority.authorize(deed("o-files", Power.RESTORE), actor="winddown")
    switch.resume("c-1", by="chen", reason="answered", door="command")
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")


@pytest.mark.usefixtures("approved")
def test_the_kill_switch_cannot_be_avoided_under_another_cases_name(
    authority: Authority, switch: Switch, deed: Deed
) -> None:
    switch.halt("c-1", by="wu", reason="a question of the court", door="command")
    elsewhere = replace(deed("o-files", Power.QUARANTINE), case="c-2")
    assert "plan p-1 does not belong to case c-2" in objections(authority, elsewhere)


def test_restoring_waits_for_nobody(authority: Authority, control: Repository, open_plan: Plan, deed: Deed) -> None:
    control.put_hold("c-1", HOLD)
    control.set_plan_state(open_plan.id, "superseded")
    right = authority.authorize(deed("o-files", Power.RESTORE), actor="winddown")
    authority.redeem(right)


# -- the batch -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("acknowledged")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"batch_digest": "0" * 64}, id="other keys"),
        pytest.param({"batch": 1}, id="another number"),
        pytest.param({"batch": 2}, id="a number too many"),
    ],
)
def test_a_batch_that_was_not_approved_is_refused(
    authority: Authority, deed: Deed, change: dict[str, int | str]
) -> None:
    wrong = replace(deed("o-erase", Power.QUARANTINE), **change)  # type: ignore[arg-type]
    assert "of order o-erase is not the approved one" in objections(authority, wrong)


@pytest.mark.usefixtures("acknowledged")
def test_the_batch_of_another_order_is_refused(authority: Authority, deed: Deed) -> None:
    other = replace(deed("o-erase", Power.QUARANTINE), order_id="o-files", store="files")
    assert "batch 0 of order o-files is not the approved one" in objections(authority, other)


@pytest.mark.usefixtures("acknowledged")
def test_an_order_opens_no_other_store(authority: Authority, deed: Deed) -> None:
    other = replace(deed("o-erase", Power.QUARANTINE), store="files")
    assert "order o-erase is not about store files" in objections(authority, other)


@pytest.mark.usefixtures("acknowledged")
@pytest.mark.parametrize(
    ("order", "power"), [("o-seal", Power.QUARANTINE), ("o-seal", Power.PURGE), ("o-erase", Power.SEAL)]
)
def test_an_order_allows_its_own_act_alone(authority: Authority, deed: Deed, order: str, power: Power) -> None:
    assert f"order {order} is a" in objections(authority, deed(order, power))


# -- hand-over, quarantine, grace, maximum -----------------------------------------------------------------------------


@pytest.mark.usefixtures("approved")
@pytest.mark.parametrize("power", [Power.QUARANTINE, Power.PURGE])
def test_the_source_waits_for_the_custodians_receipt(authority: Authority, deed: Deed, power: Power) -> None:
    said = objections(authority, deed("o-erase", power))
    assert "order o-erase waits for the custodian's receipt of o-seal" in said


@pytest.mark.usefixtures("acknowledged")
def test_after_the_receipt_the_source_may_go(authority: Authority, deed: Deed) -> None:
    authority.authorize(deed("o-erase", Power.QUARANTINE), actor="winddown")


@pytest.mark.usefixtures("acknowledged")
def test_nothing_is_purged_without_its_quarantine_receipt(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    assert "batch 0 of order o-erase has no quarantine receipt" in objections(authority, deed("o-erase", Power.PURGE))
    carry_out(deed("o-erase", Power.QUARANTINE, 1))  # another batch's receipt is none
    pass_time(HOUR)
    assert "batch 0 of order o-erase has no quarantine receipt" in objections(authority, deed("o-erase", Power.PURGE))


@pytest.mark.usefixtures("acknowledged")
@pytest.mark.parametrize("state", ["intent", "unknown"])
def test_a_quarantine_of_unknown_outcome_is_no_receipt(
    authority: Authority, deed: Deed, pass_time: PassTime, state: str
) -> None:
    effect = deed("o-files", Power.QUARANTINE)
    authority.authorize(effect, actor="winddown")
    if state == "unknown":
        receipt = Receipt("quarantine", "o-files", 0, 4)
        authority.close(effect, state="unknown", receipt=receipt, read_back="1 contradiction", actor="winddown")
    assert authority.state(effect) == state
    assert authority.receipt(effect) is None
    pass_time(HOUR)
    assert "has no quarantine receipt" in objections(authority, deed("o-files", Power.PURGE))


@pytest.mark.usefixtures("acknowledged")
def test_what_was_restored_must_be_quarantined_again(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    carry_out(deed("o-files", Power.RESTORE))
    pass_time(HOUR)
    assert authority.state(deed("o-files", Power.QUARANTINE)) == "restored"
    assert "has no quarantine receipt" in objections(authority, deed("o-files", Power.PURGE))


@pytest.mark.usefixtures("approved")
def test_grace_is_over_to_the_second_and_not_before(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    pass_time(HOUR - timedelta(microseconds=1))
    assert "grace ends at 2026-11-23T03:00:00.000000Z" in objections(authority, deed("o-files", Power.PURGE))
    pass_time(timedelta(microseconds=1))
    authority.authorize(deed("o-files", Power.PURGE), actor="winddown")


@pytest.mark.usefixtures("approved")
def test_the_purge_takes_exactly_what_the_quarantine_took(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE), records=3)
    pass_time(HOUR)
    said = objections(authority, deed("o-files", Power.PURGE))
    assert "quarantine took 3 records, the batch names 4" in said


@pytest.mark.usefixtures("acknowledged")
def test_an_order_never_purges_more_than_its_maximum(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    bigger = replace(deed("o-erase", Power.QUARANTINE, 1), records=3)
    carry_out(deed("o-erase", Power.QUARANTINE, 0))
    carry_out(bigger)
    pass_time(HOUR)
    carry_out(deed("o-erase", Power.PURGE, 0))
    said = objections(authority, replace(bigger, power=Power.PURGE))
    assert "3 + 3 records exceed the order's maximum 5" in said


@pytest.mark.usefixtures("acknowledged")
def test_repeating_a_purge_does_not_count_its_records_twice(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    for batch in (0, 1):
        carry_out(deed("o-erase", Power.QUARANTINE, batch))
    pass_time(HOUR)
    for batch in (0, 1, 0, 1):
        carry_out(deed("o-erase", Power.PURGE, batch))
    assert authority.receipt(deed("o-erase", Power.PURGE)) == Receipt("purge", "o-erase", 0, 3)


# -- sanitise --------------------------------------------------------------------------------------------------------


def sanitise(store: str) -> Effect:
    return Effect("c-1", "p-1", f"sanitise {store}", Power.SANITISE, store, 0, "", 1)


@pytest.mark.usefixtures("acknowledged")
def test_a_store_is_sanitised_when_all_of_it_is_purged(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    for batch in (0, 1):
        carry_out(deed("o-erase", Power.QUARANTINE, batch))
    pass_time(HOUR)
    assert "not yet purged: o-erase/0, o-erase/1" in objections(authority, sanitise("shop"))
    carry_out(deed("o-erase", Power.PURGE, 0))
    assert "not yet purged: o-erase/1" in objections(authority, sanitise("shop"))
    carry_out(deed("o-erase", Power.PURGE, 1))
    authority.authorize(sanitise("shop"), actor="winddown")  # seals are not purged, and the other store waits
    assert "not yet purged: o-files/0" in objections(authority, sanitise("files"))


@pytest.mark.usefixtures("open_plan")
def test_sanitising_needs_the_approvals_too(authority: Authority) -> None:
    assert "0 approvals of its digest" in objections(authority, sanitise("shop"))


# -- spending an authorization ---------------------------------------------------------------------------------------


@pytest.fixture
def right(authority: Authority, approved: Plan, deed: Deed) -> Authorization:
    assert approved.id == "p-1"
    return authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")


def test_an_authorization_is_spent_once(authority: Authority, right: Authorization) -> None:
    authority.redeem(right)
    with pytest.raises(Refused, match="unknown, spent or expired"):
        authority.redeem(right)


@pytest.mark.parametrize("late", [LIFETIME, LIFETIME + timedelta(days=400)])
def test_an_authorization_expires(
    authority: Authority, right: Authorization, pass_time: PassTime, late: timedelta
) -> None:
    pass_time(late)
    with pytest.raises(Refused, match="expired"):
        authority.redeem(right)


def test_an_authorization_lives_to_its_last_moment(
    authority: Authority, right: Authorization, pass_time: PassTime
) -> None:
    pass_time(LIFETIME - timedelta(microseconds=1))
    authority.redeem(right)


@pytest.mark.parametrize(
    "change",
    [
        {"power": Power.PURGE},
        {"case": "c-2"},
        {"store": "shop"},
        {"target": "o-erase"},
        {"batch_digest": "0" * 64},
        {"nonce": "0" * 32},
        {"identity": "another system"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_authorization_with_one_field_changed_is_worth_nothing_and_costs_nothing(
    authority: Authority, right: Authorization, change: dict[str, str]
) -> None:
    with pytest.raises(Refused, match="unknown, spent or expired"):
        authority.redeem(replace(right, **change))  # type: ignore[arg-type]
    authority.redeem(right)


def test_an_authorization_cannot_prolong_itself(
    authority: Authority, right: Authorization, pass_time: PassTime
) -> None:
    pass_time(LIFETIME)
    with pytest.raises(Refused, match="expired"):
        authority.redeem(replace(right, expires_at=right.expires_at + HOUR))


def test_of_several_that_spend_it_at_the_same_time_exactly_one_succeeds(
    authority: Authority, right: Authorization
) -> None:
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def spend() -> None:
        barrier.wait()
        try:
            authority.redeem(right)
            outcomes.append("spent")
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "spent"]


def test_every_authorization_has_a_nonce_of_its_own(authority: Authority, approved: Plan, deed: Deed) -> None:
    assert approved.orders
    effect = deed("o-files", Power.QUARANTINE)
    rights = [authority.authorize(effect, actor="winddown") for _ in range(3)]
    assert len({right.nonce for right in rights}) == 3
    assert {len(bytes.fromhex(right.nonce)) for right in rights} == {16}
    assert {right.expires_at - timedelta(minutes=1) for right in rights} == {rights[0].expires_at - LIFETIME}


@pytest.mark.usefixtures("approved")
def test_whoever_had_to_wait_asks_whether_the_plan_still_stands(
    authority: Authority, switch: Switch, deed: Deed
) -> None:
    right, undo = (
        authority.authorize(deed("o-files", power), actor="x") for power in (Power.QUARANTINE, Power.RESTORE)
    )
    right.require_standing()
    switch.halt("c-1", by="chen", reason="wait", door="cli")
    with pytest.raises(Refused, match="case c-1 was halted"):
        right.require_standing()
    undo.require_standing()


@pytest.mark.usefixtures("approved")
def test_a_plan_withdrawn_or_a_hold_placed_after_minting_makes_the_right_worthless(
    authority: Authority, control: Repository, deed: Deed
) -> None:
    right, undo = (
        authority.authorize(deed("o-files", power), actor="x") for power in (Power.QUARANTINE, Power.RESTORE)
    )
    control.put_hold("c-1", HOLD)
    with pytest.raises(Refused, match="the holds changed after plan p-1"):
        authority.redeem(right)
    control.set_plan_state("p-1", "withdrawn")
    with pytest.raises(Refused, match="plan p-1 is withdrawn"):
        authority.redeem(right)
    authority.redeem(undo)


@pytest.mark.parametrize("over", ["p-1", "p-2"])
def test_a_right_stands_and_falls_with_the_plan_under_which_it_was_minted(  # noqa: PLR0917 - fixtures
    authority: Authority, control: Repository, door: Door, case: Case, approved: Plan, deed: Deed, over: str
) -> None:
    following = replace(approved, id="p-2")
    control.add_plan(following)
    approve(door, case, following, "chen", "wu")
    seal = deed("o-seal", Power.SEAL)
    rights = {
        "p-1": authority.authorize(seal, actor="x"), "p-2": authority.authorize(replace(seal, plan_id="p-2"), actor="x")
    }  # fmt: skip
    control.set_plan_state(over, "superseded")
    with pytest.raises(Refused, match=f"plan {over} is superseded"):
        authority.redeem(rights.pop(over))
    authority.redeem(*rights.values())


@pytest.mark.usefixtures("approved")
def test_what_was_purged_is_not_brought_back(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    authority.authorize(deed("o-files", Power.RESTORE), actor="winddown")
    pass_time(HOUR)
    carry_out(deed("o-files", Power.PURGE))
    with pytest.raises(Refused, match="its purge was done meanwhile"):
        authority.authorize(deed("o-files", Power.RESTORE), actor="winddown")


@pytest.mark.usefixtures("approved")
def test_a_clock_that_ran_ahead_and_was_set_right_makes_grace_longer(
    authority: Authority, ledger: Ledger, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    pass_time(timedelta(days=20))
    ledger.append("c-1", "classified", {}, actor="winddown")
    pass_time(-timedelta(days=20))
    assert "grace ends at" in objections(authority, deed("o-files", Power.PURGE))
    pass_time(HOUR)
    authority.authorize(deed("o-files", Power.PURGE), actor="winddown")


@pytest.mark.usefixtures("approved")
def test_what_another_worker_closed_meanwhile_is_not_done_again(
    authority: Authority, deed: Deed, carry_out: CarryOut, ledger: Ledger
) -> None:
    effect = deed("o-files", Power.QUARANTINE)
    before = authority.state(effect)
    carry_out(effect)
    entries = ledger.size("c-1")
    with pytest.raises(Transient, match="was done by another worker meanwhile"):
        authority.authorize(effect, actor="winddown", before=before)
    receipt = Receipt("quarantine", "o-files", 0, effect.records)
    authority.close(effect, state="done", receipt=receipt, read_back="1 live", actor="winddown")
    assert ledger.size("c-1") == entries, "it is closed as done once"
    authority.close(effect, state="unknown", receipt=receipt, read_back="1 live", actor="winddown")
    assert (ledger.size("c-1"), authority.state(effect)) == (entries + 1, "unknown")
    authority.close(effect, state="done", receipt=receipt, read_back="1 live", actor="winddown")
    assert (ledger.size("c-1"), authority.state(effect)) == (entries + 2, "done")
