"""What was done under one plan, order or batch says nothing about another one, however alike the two are."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from winddown.control.authority import LIFETIME, Authority, Effect
from winddown.control.door import Door
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.plan import Act, Method, Order, OrderId, Plan
from winddown.domain.receipt import Receipt
from winddown.evidence.entry import LedgerEntry

from .conftest import record_sealed

Deed = Callable[..., Effect]
CarryOut = Callable[..., None]
PassTime = Callable[[timedelta], None]
HOUR = timedelta(hours=1)


@pytest.fixture
def url(sqlite_template: Path, tmp_path: Path) -> str:
    """One engine is enough: what is compared here means the same on both."""
    shutil.copy(sqlite_template, tmp_path / "control.sqlite")
    return f"sqlite:///{tmp_path / 'control.sqlite'}"


def refusal(authority: Authority, effect: Effect) -> str:
    with pytest.raises(Refused) as refused:
        authority.authorize(effect, actor="winddown")
    return refused.value.message


def approve(door: Door, case: Case, plan: Plan) -> None:
    for person in ("chen", "wu"):
        door.approve(case, plan.id, plan_digest=plan.digest, person_id=person)


@pytest.fixture
def second(control: Repository, door: Door, case: Case, acknowledged: Plan) -> Plan:
    """A plan of another wave with the same orders, approved; the custodian has the archive of the first one alone."""
    plan = replace(acknowledged, id="p-2")
    control.add_plan(plan)
    approve(door, case, plan)
    return plan


@pytest.fixture
def under_second(second: Plan, deed: Deed) -> Deed:
    def effect(order_id: str, power: Power, batch: int = 0) -> Effect:
        return replace(deed(order_id, power, batch), plan_id=second.id)

    return effect


def test_another_plans_receipt_of_an_archive_is_none(authority: Authority, under_second: Deed) -> None:
    said = refusal(authority, under_second("o-erase", Power.QUARANTINE))
    assert said.endswith("order o-erase waits for the custodian's receipt of o-seal")


def test_another_plans_approvals_are_none_and_not_spoken_of(
    authority: Authority, control: Repository, second: Plan, deed: Deed
) -> None:
    third = replace(second, id="p-3")
    control.add_plan(third)
    said = refusal(authority, replace(deed("o-files", Power.QUARANTINE), plan_id="p-3"))
    assert "plan p-3: 0 approvals of its digest, 2 distinct people are needed" in said
    assert "approved another digest" not in said


def test_another_plans_quarantine_and_purge_are_none(
    authority: Authority, deed: Deed, under_second: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    pass_time(HOUR)
    assert "has no quarantine receipt" in refusal(authority, under_second("o-files", Power.PURGE))
    carry_out(deed("o-files", Power.PURGE))
    clearing = Effect("c-1", "p-2", "sanitise files", Power.SANITISE, "files", 0, "", 1)
    assert "not yet purged: o-files/0" in refusal(authority, clearing)
    authority.authorize(replace(clearing, plan_id="p-1"), actor="winddown")
    # What the first plan purged takes nothing from the second one's maximum either.
    carry_out(under_second("o-files", Power.QUARANTINE))
    pass_time(HOUR)
    carry_out(under_second("o-files", Power.PURGE))


def test_what_another_plan_purged_takes_nothing_from_this_ones_maximum(
    control: Repository, door: Door, case: Case, deed: Deed, *, under_second: Deed, carry_out: CarryOut,
    pass_time: PassTime,
) -> None:  # fmt: skip
    record_sealed(control, "p-2")
    door.acknowledge(case, "p-2", "o-seal", archive_digest="1" * 64, content_digest="2" * 64, person_id="he")
    for power in (Power.QUARANTINE, Power.PURGE):
        for under in (deed, under_second):
            for batch in (0, 1):
                carry_out(under("o-erase", power, batch))
        pass_time(HOUR)


def test_bringing_back_under_one_plan_order_or_batch_leaves_the_others_in_quarantine(
    authority: Authority, deed: Deed, under_second: Deed, carry_out: CarryOut
) -> None:
    taken = [deed("o-erase", Power.QUARANTINE), deed("o-erase", Power.QUARANTINE, 1)]
    taken += [deed("o-files", Power.QUARANTINE), under_second("o-files", Power.QUARANTINE)]
    for effect in taken:
        carry_out(effect)
    carry_out(deed("o-files", Power.RESTORE))
    assert [authority.state(effect) for effect in taken] == ["done", "done", "restored", "done"]
    carry_out(deed("o-erase", Power.RESTORE, 1))
    assert [authority.state(effect) for effect in taken] == ["done", "restored", "restored", "done"]
    assert authority.state(deed("o-files", Power.RESTORE)) == "done"


@pytest.mark.usefixtures("approved")
def test_only_a_restore_that_is_done_takes_the_quarantine_back(
    authority: Authority, deed: Deed, carry_out: CarryOut
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    back = deed("o-files", Power.RESTORE)
    authority.redeem(authority.authorize(back, actor="winddown"))
    tried = Receipt("restore", "o-files", 0, 0)
    authority.close(back, state="unknown", receipt=tried, read_back="4 contradictions", actor="winddown")
    assert authority.state(deed("o-files", Power.QUARANTINE)) == "done"


@pytest.mark.usefixtures("approved")
def test_a_purge_that_was_only_intended_is_not_done(
    authority: Authority, deed: Deed, carry_out: CarryOut, pass_time: PassTime
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    pass_time(HOUR)
    authority.authorize(deed("o-files", Power.PURGE), actor="winddown")
    clearing = Effect("c-1", "p-1", "sanitise files", Power.SANITISE, "files", 0, "", 1)
    assert "not yet purged: o-files/0" in refusal(authority, clearing)


def test_what_one_order_purged_takes_nothing_from_anothers_maximum(
    deed: Deed, carry_out: CarryOut, pass_time: PassTime, acknowledged: Plan
) -> None:
    assert acknowledged.order("o-files").record_count_max == 4
    for effect in (deed("o-erase", Power.QUARANTINE), deed("o-files", Power.QUARANTINE)):
        carry_out(effect)
    pass_time(HOUR)
    for effect in (deed("o-erase", Power.PURGE), deed("o-files", Power.PURGE)):
        carry_out(effect)


def test_an_order_waits_for_every_batch_of_its_extract(
    authority: Authority, control: Repository, door: Door, case: Case, plan: Plan, *,
    batches: dict[str, tuple[Batch, ...]], deed: Deed, carry_out: CarryOut,
) -> None:  # fmt: skip
    erase = plan.order("o-erase")
    extract = Order(
        OrderId("o-extract"), erase.collection, "customer", Act.ANONYMISE, Method.ANONYMOUS_EXTRACT, erase.selection,
        0, 5, fields=("year",), generalised=(("year", "year"),), k=5,
    )  # fmt: skip
    orders = (extract, replace(erase, requires=(extract.id,)))
    extracting = replace(plan, orders=orders)
    control.add_plan(extracting)
    approve(door, case, extracting)
    assert len(batches["o-erase"]) == 2
    said = "order o-erase waits for the checked extract of o-extract"
    assert refusal(authority, deed("o-erase", Power.QUARANTINE)).endswith(f"authorised: {said}")
    for batch in (0, 1):
        assert said in refusal(authority, deed("o-erase", Power.QUARANTINE))
        carry_out(replace(deed("o-erase", Power.ANONYMISE, batch), order_id="o-extract"))
    authority.authorize(deed("o-erase", Power.QUARANTINE), actor="winddown")


# -- one right, and its end ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("approved")
@pytest.mark.parametrize("state", ["withdrawn", "superseded"])
def test_the_only_right_there_is_ends_with_its_plan(
    authority: Authority, control: Repository, deed: Deed, state: str
) -> None:
    right = authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    control.set_plan_state("p-1", state)
    with pytest.raises(Refused, match=f"plan p-1 is {state}"):
        authority.redeem(right)
    control.set_plan_state("p-1", "open")
    authority.redeem(right)


@pytest.mark.usefixtures("approved")
def test_an_approval_outlasts_the_right_that_rests_on_it(
    authority: Authority, deed: Deed, pass_time: PassTime
) -> None:  # fmt: skip
    pass_time(timedelta(days=30) - LIFETIME - timedelta(microseconds=1))
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    pass_time(timedelta(microseconds=1))
    assert "expired at 2026-12-23" in refusal(authority, deed("o-files", Power.QUARANTINE))


@pytest.mark.usefixtures("approved")
def test_what_came_of_an_effect_stands_in_the_ledger(
    authority: Authority, ledger: Ledger, deed: Deed, carry_out: CarryOut
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE), records=3)
    intent, done = (LedgerEntry.parse(raw) for raw in ledger.entries("c-1")[-2:])
    assert (intent.type, intent.body["records"], intent.actor) == ("intent", 4, "winddown")
    assert (done.type, done.body["records"], done.body["read_back"]) == ("done", 3, "0 contradictions")
    assert {key: done.body[key] for key in ("effect", "plan_id", "order_id", "act", "batch", "batch_digest")} == {
        key: intent.body[key] for key in ("effect", "plan_id", "order_id", "act", "batch", "batch_digest")
    }
    assert authority.receipt(deed("o-files", Power.QUARANTINE)) == Receipt("quarantine", "o-files", 0, 3)


# -- one system ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("approved")
def test_an_authorization_names_the_planned_system_and_is_worthless_for_another(
    authority: Authority, deed: Deed
) -> None:
    right = authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    assert right.identity == "bucket files at http://s3"
    with pytest.raises(Refused, match="unknown, spent or expired"):
        authority.redeem(replace(right, identity="bucket copy at http://s3"))
    authority.redeem(right)


def test_a_store_that_nothing_identifies_is_not_touched(
    authority: Authority, control: Repository, door: Door, case: Case, plan: Plan, *, deed: Deed
) -> None:
    nameless = replace(plan, identities=plan.identities[:1])
    control.add_plan(nameless)
    approve(door, case, nameless)
    effect = replace(deed("o-files", Power.QUARANTINE), identity="whatever the task says")
    assert refusal(authority, effect).endswith("nothing says which system store files is")
    freezing = Effect("c-1", "", "freeze files", Power.FREEZE, "files", 0, "", 1)
    assert refusal(authority, freezing).endswith("nothing says which system store files is")
    authority.authorize(replace(freezing, identity="bucket files at http://s3"), actor="winddown")


def test_a_store_whose_one_order_destroys_its_key_is_cleared_first_and_another_stores_key_stays(
    authority: Authority, control: Repository, door: Door, case: Case, *, plan: Plan, deed: Deed,
    carry_out: CarryOut, pass_time: PassTime,
) -> None:  # fmt: skip
    seal, erase, files = plan.orders
    made = replace(plan, orders=(seal, erase, replace(files, destroys_key="f" * 64)))
    control.add_plan(made)
    approve(door, case, made)
    carry_out(deed("o-files", Power.QUARANTINE))
    pass_time(HOUR)
    carry_out(deed("o-files", Power.PURGE))
    clearing = Effect("c-1", "p-1", "sanitise files", Power.SANITISE, "files", 0, "", 1)
    for digest in ("", "f" * 64):
        authority.authorize(replace(clearing, batch_digest=digest), actor="winddown")
    elsewhere = replace(clearing, store="shop", batch_digest="f" * 64)
    for other in (replace(clearing, batch_digest="e" * 64), elsewhere):
        assert "plan p-1 does not say that this key is destroyed" in refusal(authority, other)
