"""Holds in the control database: what is in force, what was released by whom, and what each kind of hold stops."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from winddown.control import tables
from winddown.control.authority import Authority, Effect
from winddown.control.holds import find_hold, hold_digest, plan_again_within, put_hold_within, release_within
from winddown.control.repository import Repository
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.domain.hold import Ground, LegalHold, Scope, holds_digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Plan
from winddown.ports import Clock

Deed = Callable[..., Effect]
CarryOut = Callable[..., None]
PassTime = Callable[[timedelta], None]
HOUR = timedelta(hours=1)
PERSONS = Scope(subjects_manifest="hold-H-1", subjects_digest="a" * 64, subject_count=1)
SCOPES = {
    "company": Scope(company=True),
    "collection": Scope(collections=(CollectionRef("shop", "orders"),)),
    "persons": PERSONS,
    "dates": Scope(since=date(2024, 1, 1), until=date(2025, 1, 1)),
    "all parts": replace(PERSONS, collections=(CollectionRef("files", "scans"),), since=date(2024, 1, 1)),
}
HOLD = LegalHold("H-1", "m", Ground.COURT, "court", "No. 1", "li", date(2026, 6, 1), date(2027, 6, 1), PERSONS)


@pytest.fixture(params=SCOPES.values(), ids=SCOPES.keys())
def hold(request: pytest.FixtureRequest) -> LegalHold:
    return replace(HOLD, scope=request.param)


@pytest.fixture
def place(engine: Engine, clock: Clock) -> Callable[..., None]:
    def placed(hold: LegalHold, *, by: str = "li") -> None:
        with engine.begin() as connection:
            put_hold_within(connection, "c-1", hold, by=by, clock=clock)

    return placed


@pytest.fixture
def release(engine: Engine, clock: Clock) -> Callable[..., None]:
    def released(hold_id: str = "H-1", *, case: str = "c-1") -> None:
        with engine.begin() as connection:
            release_within(connection, case, hold_id, by="zhou", reason="closed", evidence="e" * 64, clock=clock)

    return released


Place = Callable[..., None]
Release = Callable[..., None]


# -- the record --------------------------------------------------------------------------------------------------------


def test_a_hold_comes_back_as_it_was_placed(control: Repository, place: Place, hold: LegalHold) -> None:
    place(hold)
    assert control.holds("c-1") == (hold,)
    assert control.holds("c-2") == ()
    (found,) = control.recorded_holds("c-1")
    assert (found.hold, found.placed_by, found.placed_at) == (hold, "li", "2026-11-23T02:00:00.000000Z")
    assert (found.is_in_force, found.released_by, found.release_reason) == (True, "", "")


def test_another_cases_holds_are_not_on_record(engine: Engine, clock: Clock, control: Repository, place: Place) -> None:
    place(HOLD)
    with engine.begin() as connection:
        put_hold_within(connection, "c-2", replace(HOLD, id="H-2"), by="li", clock=clock)
    assert [[one.hold.id for one in control.recorded_holds(case)] for case in ("c-1", "c-2")] == [["H-1"], ["H-2"]]


def test_a_released_hold_is_not_in_force_and_stays_on_record(
    control: Repository, place: Place, release: Release, pass_time: PassTime
) -> None:
    place(HOLD)
    place(replace(HOLD, id="H-2"))
    pass_time(HOUR)
    release()
    assert [found.id for found in control.holds("c-1")] == ["H-2"]
    first, second = control.recorded_holds("c-1")
    assert (first.is_in_force, second.is_in_force) == (False, True)
    assert (first.released_at, first.released_by, first.release_reason, first.release_evidence) == (
        "2026-11-23T03:00:00.000000Z", "zhou", "closed", "e" * 64,
    )  # fmt: skip


def test_only_a_hold_in_force_is_released(control: Repository, place: Place, release: Release) -> None:
    place(HOLD)
    for hold_id, case in (("H-9", "c-1"), ("H-1", "c-2")):
        with pytest.raises(Refused, match="is not in force"):
            release(hold_id, case=case)
    release()
    with pytest.raises(Refused, match="is not in force"):
        release()
    assert control.recorded_holds("c-1")[0].released_at == "2026-11-23T02:00:00.000000Z"


def test_a_released_hold_is_not_placed_again_under_its_id(control: Repository, place: Place, release: Release) -> None:
    place(HOLD)
    release()
    with pytest.raises(Refused, match="hold H-1 was released"):
        place(HOLD)
    assert control.holds("c-1") == ()


def test_who_widens_a_hold_does_not_take_the_place_of_who_placed_it(control: Repository, place: Place) -> None:
    place(HOLD, by="li")
    wider = replace(HOLD, scope=replace(PERSONS, subject_count=2, subjects_digest="b" * 64))
    place(wider, by="zhou")
    (found,) = control.recorded_holds("c-1")
    assert (found.hold, found.placed_by) == (wider, "li")
    assert hold_digest(wider) != hold_digest(HOLD)


def test_widening_a_hold_leaves_others_and_those_of_other_cases_as_they_are(
    engine: Engine, control: Repository, place: Place, clock: Clock
) -> None:
    other = replace(HOLD, id="H-2")
    place(HOLD)
    place(other)
    with engine.begin() as connection:
        put_hold_within(connection, "c-2", HOLD, by="li", clock=clock)
    wider = replace(HOLD, scope=replace(PERSONS, subject_count=2, subjects_digest="b" * 64))
    place(wider)
    assert (control.holds("c-1"), control.holds("c-2")) == ((wider, other), (HOLD,))


def test_one_hold_is_found_whether_in_force_or_not(engine: Engine, place: Place, release: Release) -> None:
    place(HOLD)
    release()
    with engine.begin() as connection:
        found = find_hold(connection, "c-1", "H-1")
        assert found is not None
        assert found.released_by == "zhou"
        assert find_hold(connection, "c-1", "H-2") is None
        assert find_hold(connection, "c-2", "H-1") is None


# -- before every act --------------------------------------------------------------------------------------------------


def refused(authority: Authority, effect: Effect) -> bool:
    try:
        authority.authorize(effect, actor="winddown")
    except Refused as error:
        assert "the holds changed after plan p-1 was made" in error.message  # noqa: PT017
        return True
    return False


@pytest.mark.usefixtures("acknowledged")
def test_between_plan_and_quarantine_a_hold_stops_every_act_and_its_release_lets_them_go_on(
    authority: Authority, place: Place, release: Release, hold: LegalHold, deed: Deed
) -> None:
    effects = [deed("o-seal", Power.SEAL), deed("o-erase", Power.QUARANTINE), deed("o-files", Power.QUARANTINE)]
    place(hold)
    assert [refused(authority, effect) for effect in effects] == [True] * 3
    release()
    assert [refused(authority, effect) for effect in effects] == [False] * 3


@pytest.mark.usefixtures("acknowledged")
def test_between_quarantine_and_purge_a_hold_stops_the_purge_and_not_the_way_back(
    authority: Authority, place: Place, release: Release, hold: LegalHold, *, deed: Deed, carry_out: CarryOut,
    pass_time: PassTime,
) -> None:  # fmt: skip
    for order in ("o-erase", "o-files"):
        carry_out(deed(order, Power.QUARANTINE))
    carry_out(deed("o-erase", Power.QUARANTINE, 1))
    pass_time(HOUR)
    carry_out(deed("o-erase", Power.PURGE))
    place(hold)
    rest = [deed("o-erase", Power.PURGE, 1), deed("o-files", Power.PURGE)]
    assert [refused(authority, effect) for effect in rest] == [True] * 2
    release()
    assert [refused(authority, effect) for effect in rest] == [False] * 2
    place(replace(hold, id="H-2"))
    carry_out(deed("o-files", Power.RESTORE))


@pytest.mark.usefixtures("acknowledged")
def test_between_minting_and_spending_a_hold_makes_the_right_worthless_and_its_release_good_again(
    authority: Authority, place: Place, release: Release, hold: LegalHold, deed: Deed
) -> None:
    right = authority.authorize(deed("o-erase", Power.QUARANTINE), actor="winddown")
    back = authority.authorize(deed("o-files", Power.RESTORE), actor="winddown")
    place(hold)
    with pytest.raises(Refused, match="the holds changed after plan p-1 was made"):
        authority.redeem(right)
    authority.redeem(back)
    release()
    authority.redeem(right)


@pytest.mark.usefixtures("acknowledged")
def test_a_hold_of_another_case_stops_nothing(control: Repository, authority: Authority, deed: Deed) -> None:
    control.put_hold("c-2", replace(HOLD, scope=Scope(company=True)))
    assert not refused(authority, deed("o-erase", Power.QUARANTINE))


def test_a_plan_that_was_made_under_a_hold_does_not_go_on_without_it(
    control: Repository, authority: Authority, place: Place, release: Release, *, plan: Plan, deed: Deed
) -> None:
    place(HOLD)
    under = replace(plan, id="p-2", holds_digest=holds_digest(control.holds("c-1")))
    control.add_plan(under)
    effect = replace(deed("o-files", Power.QUARANTINE), plan_id="p-2")
    with pytest.raises(Refused) as refusal:
        authority.authorize(effect, actor="winddown")
    assert "the holds changed" not in refusal.value.message
    release()
    with pytest.raises(Refused, match="the holds changed after plan p-2 was made"):
        authority.authorize(effect, actor="winddown")


# -- planning again ----------------------------------------------------------------------------------------------------


def test_plans_without_effects_are_superseded_and_waves_are_looked_at_again(
    engine: Engine, control: Repository, open_plan: Plan
) -> None:
    for plan_id, case_id, state in (("p-2", "c-1", "certified"), ("p-3", "c-1", "withdrawn"), ("p-4", "c-2", "open")):
        control.add_plan(replace(open_plan, id=plan_id, case=case_id))
        control.set_plan_state(plan_id, state)
    for wave, stage in (("case", "discover"), ("at_once", "certify"), ("after_claims", "plan")):
        control.set_progress("c-1", wave, stage, state="done", message="")
    control.set_progress("c-2", "at_once", "certify", state="done", message="")
    with engine.begin() as connection:
        assert plan_again_within(connection, "c-1", apart_from="case") == ("", (open_plan.id,))
    states = [control.plan_state(plan_id) for plan_id in (open_plan.id, "p-2", "p-3", "p-4")]
    assert states == ["superseded", "certified", "withdrawn", "open"]
    assert [found.wave for found in control.progress("c-1")] == ["case"]
    assert [found.wave for found in control.progress("c-2")] == ["at_once"]


@pytest.mark.parametrize("state", ["open", "withdrawn"])
@pytest.mark.usefixtures("acknowledged")
def test_a_plan_with_effects_is_left_as_it_is_until_these_are_restored(
    engine: Engine, control: Repository, plan: Plan, deed: Deed, carry_out: CarryOut, *, state: str
) -> None:
    control.set_progress("c-1", "after_claims", "plan", state="done", message="")
    carry_out(deed("o-files", Power.QUARANTINE))
    control.set_plan_state(plan.id, state)
    with engine.begin() as connection:
        assert plan_again_within(connection, "c-1", apart_from="case") == (plan.id, ())
    assert (control.plan_state(plan.id), len(control.progress("c-1"))) == (state, 1)


@pytest.mark.usefixtures("acknowledged")
def test_another_cases_effects_and_what_was_restored_stand_in_nobodys_way(
    engine: Engine, control: Repository, plan: Plan, deed: Deed, carry_out: CarryOut
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    other = replace(plan, id="p-2", case="c-2")
    control.add_plan(other)
    with engine.begin() as connection:
        assert plan_again_within(connection, "c-2", apart_from="case") == ("", ("p-2",))
        assert plan_again_within(connection, "c-1", apart_from="case") == ("p-1", ())
        connection.execute(tables.effect.update().values(state="restored"))
        assert plan_again_within(connection, "c-1", apart_from="case") == ("", ("p-1",))


def test_a_certified_plans_effects_stand_in_nobodys_way(
    engine: Engine, control: Repository, acknowledged: Plan, deed: Deed, carry_out: CarryOut
) -> None:
    carry_out(deed("o-files", Power.QUARANTINE))
    control.set_plan_state(acknowledged.id, "certified")
    with engine.begin() as connection:
        assert plan_again_within(connection, "c-1", apart_from="case") == ("", ())
        assert connection.execute(tables.effect.select()).all()
