"""Where a case stands: every state of every route, what closes a route, what is forbidden, and what never goes back."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.clocks import check_clocks
from winddown.domain.deadline import Status
from winddown.domain.errors import Refused
from winddown.domain.plan import WAVES_OF_RECORDS, Wave
from winddown.domain.position import Position, locate
from winddown.domain.situation import Situation
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.rules.loader import load_rulebook

BOOK = load_rulebook(("cn",))
COURSE = BOOK.course
ROUTES = [route.id for route in COURSE.routes]
DAY = date(2026, 6, 1)
FACTS: dict[str, bool | int | str] = {
    "legal_form": "company", "critical_infrastructure": False, "important_data": False, "persons": 10, "faces": 0,
    "processes_minors": False, "algorithm_filed": False, "exports_personal_information": False,
}  # fmt: skip
OPEN = {exclusion.fact: False for exclusion in COURSE.exclusions}


def situation(
    route: str, happened: dict[str, date], *, exclusions: dict[str, bool] = OPEN, **facts: bool | str
) -> Situation:
    events = tuple(TimelineEvent("S1", event, on, f"{event}.txt", "0" * 64) for event, on in happened.items())
    subjects = BOOK.subjects(frozenset(), FACTS | {"route": route} | facts)
    return Situation(route, subjects, Timeline(events), exclusions)


def position(route: str, happened: dict[str, date], as_of: date = DAY, **more: bool | str) -> Position:
    return locate(situation(route, happened, **more), BOOK, as_of=as_of)


def events_of(route: str) -> list[str]:
    """The events that a company owes on a route."""
    named = dict.fromkeys(e for state in COURSE.path(COURSE.route(route)) for e in state.passed_by)
    return [event for event in named if COURSE.is_owed(event, {"company"})]


# -- states ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_each_state_is_reached_when_those_before_it_are_proven(route: str) -> None:
    happened: dict[str, date] = {}
    seen = []
    for state in COURSE.path(COURSE.route(route)):
        found = position(route, happened)
        seen.append(found.current.id)
        assert found.current.id == state.id
        passed = {event for step in found.steps if step.is_passed for event in step.state.passed_by}
        assert {event for event in passed if COURSE.is_owed(event, {"company"})} <= happened.keys()
        # A state with one event missing is not passed.
        for event in state.passed_by:
            if not COURSE.is_owed(event, {"company"}):
                continue
            assert position(route, happened).current.id == state.id
            happened[event] = DAY
    assert tuple(seen) == COURSE.route(route).path
    done = position(route, happened)
    assert all(step.is_passed for step in done.steps)
    assert done.forbidden == ()
    assert [event.evidence for step in done.steps for event in step.proven] == [
        f"{event}.txt" for step in done.steps for event in step.state.passed_by if COURSE.is_owed(event, {"company"})
    ]


@pytest.mark.parametrize("route", ROUTES)
@given(data=st.data())
def test_a_later_day_never_undoes_a_step(route: str, data: st.DataObject) -> None:
    days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
    happened = data.draw(st.dictionaries(st.sampled_from(events_of(route)), days))
    early = data.draw(days)
    late = early + timedelta(days=data.draw(st.integers(0, 400)))
    before, after = position(route, happened, early), position(route, happened, late)
    assert {s.state.id for s in before.steps if s.is_passed} <= {s.state.id for s in after.steps if s.is_passed}
    path = COURSE.route(route).path
    assert path.index(before.current.id) <= path.index(after.current.id)
    assert set(after.forbidden) <= set(before.forbidden)
    overdue = {owed.deadline.rule for owed in before.due(Status.OVERDUE)}
    still = {owed.deadline.rule for owed in after.due(Status.OVERDUE, Status.LATE, Status.EARLY)}
    assert overdue <= still


@pytest.mark.parametrize("route", ROUTES)
@given(data=st.data())
def test_what_is_said_to_block_a_wave_does(route: str, data: st.DataObject) -> None:
    days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
    happened = data.draw(st.dictionaries(st.sampled_from(sorted({*events_of(route), "guardians_told"})), days))
    as_of = data.draw(days)
    found = situation(route, happened, important_data=data.draw(st.booleans()))
    place = locate(found, BOOK, as_of=as_of)
    for wave in WAVES_OF_RECORDS:
        results = check_clocks(found, BOOK, wave=wave, as_of=as_of)
        unsatisfied = {result.rule for result in results if not result.satisfied}
        blocking = {owed.deadline.rule for owed in place.owed if wave in owed.blocks
                    and owed.deadline.status in {Status.OVERDUE, Status.DUE, Status.RUNNING}}  # fmt: skip
        assert blocking <= unsatisfied


def test_data_of_customers_may_not_be_purged_before_the_window_closes() -> None:
    before = position("general", {"snapshot_taken": DAY})
    assert any("no purge of contact and order data" in act.en for act in before.forbidden)
    closed = dict.fromkeys([*events_of("general")[:9], "claims_window_closed"], DAY)
    assert not any("contact and order data" in act.en for act in position("general", closed).forbidden)


def test_what_is_next_due_comes_first() -> None:
    found = position("general", {"dissolution_resolved": DAY, "liquidation_group_formed": DAY})
    due = [owed.deadline.due_on for owed in found.owed if owed.deadline.due_on is not None]
    assert due == sorted(due)
    assert [owed.deadline.due_on for owed in found.owed][len(due) :] == [None] * (len(found.owed) - len(due))


def test_an_unknown_route_is_refused() -> None:
    with pytest.raises(Refused, match="no route 'quick'"):
        locate(Situation("quick", frozenset(), Timeline(())), BOOK, as_of=DAY)


# -- routes ------------------------------------------------------------------------------------------------------------

SIMPLIFIED = {
    "dissolution_resolved": date(2026, 3, 1), "dissolution_publicised": date(2026, 3, 5),
    "simplified_notice_published": date(2026, 3, 9), "simplified_notice_ended": date(2026, 3, 30),
    "service_stopped": date(2026, 3, 9), "tax_cleared": date(2026, 3, 20), "guardians_told": date(2026, 3, 9),
    "recipient_notice_published": date(2026, 3, 9),
}  # fmt: skip


def waiting(found: Situation, wave: Wave = Wave.AFTER_CLAIMS, as_of: date = DAY) -> set[str]:
    return {one.rule for one in check_clocks(found, BOOK, wave=wave, as_of=as_of) if not one.satisfied}


def test_the_simplified_route_has_its_notice_and_no_window_of_creditors() -> None:
    assert waiting(situation("simplified", SIMPLIFIED)) == set()
    assert position("simplified", SIMPLIFIED).is_open
    # Twenty days end on Sunday the 29th: the last day for an objection is Monday the 30th.
    assert waiting(situation("simplified", SIMPLIFIED), as_of=date(2026, 3, 30)) == {"DL-CO-240-NOTICE"}
    early = SIMPLIFIED | {"simplified_notice_ended": date(2026, 3, 29)}
    assert waiting(situation("simplified", early)) == {"DL-CO-240-NOTICE"}


# -- other kinds of companies ------------------------------------------------------------------------------------------

STOPPED = {"service_stopped": date(2026, 1, 5), "guardians_told": date(2026, 1, 5), "tax_cleared": date(2026, 4, 1),
           "recipient_notice_published": date(2026, 4, 1)}  # fmt: skip
PARTNERSHIP = STOPPED | {
    "dissolution_resolved": date(2026, 1, 5), "tax_liquidation_reported": date(2026, 1, 6),
    "liquidator_appointed": date(2026, 1, 6),
    "liquidation_group_formed": date(2026, 1, 6), "group_listed": date(2026, 1, 9),
    "creditors_notified": date(2026, 1, 12), "creditors_announced": date(2026, 1, 20),
    "claims_window_closed": date(2026, 3, 9),
}  # fmt: skip
SOLE = STOPPED | {
    "dissolution_resolved": date(2026, 1, 5), "tax_liquidation_reported": date(2026, 1, 6),
    "liquidation_group_formed": date(2026, 1, 6),
    "group_listed": date(2026, 1, 9), "creditors_notified": date(2026, 1, 12), "liquidation_started": date(2026, 1, 27),
    "claims_window_closed": date(2026, 2, 12),
}  # fmt: skip


def without(happened: dict[str, date], *events: str) -> dict[str, date]:
    return {event: on for event, on in happened.items() if event not in events}


def test_a_partnership_waits_for_its_own_notices_and_windows() -> None:
    form = {"legal_form": "partnership"}
    assert waiting(situation("general", PARTNERSHIP, **form)) == set()
    # Forty-five days from 20 January end on Friday 6 March.
    early = PARTNERSHIP | {"claims_window_closed": date(2026, 3, 5)}
    assert waiting(situation("general", early, **form)) == {"DL-PART-88-CLAIM-45"}
    # Thirty days from 12 February end on Saturday 14 March, so on Monday.
    late_notice = PARTNERSHIP | {"creditors_notified": date(2026, 2, 12)}
    assert waiting(situation("general", late_notice, **form)) == {"DL-PART-88-CLAIM-30"}
    untold = without(PARTNERSHIP, "creditors_announced")
    assert waiting(situation("general", untold, **form)) == {"DL-PART-88-ANNOUNCE", "DL-PART-88-CLAIM-45"}
    assert "dissolution_publicised" not in {
        name for step in position("general", {}, **form).steps for name in step.missing
    }


def test_a_sole_proprietorship_announces_only_to_whom_it_cannot_notify() -> None:
    form = {"legal_form": "sole_proprietorship"}
    assert waiting(situation("general", SOLE, **form)) == set()
    # Thirty days from 12 January.
    early = SOLE | {"claims_window_closed": date(2026, 2, 10)}
    assert waiting(situation("general", early, **form)) == {"DL-SOLE-27-CLAIM-30"}
    # Once it announced, sixty days run: from 20 January until Saturday 21 March, so until Monday.
    announced = SOLE | {"creditors_announced": date(2026, 1, 20)}
    assert waiting(situation("general", announced, **form)) == {"DL-SOLE-27-CLAIM-60"}
    closed = announced | {"claims_window_closed": date(2026, 3, 23)}
    assert waiting(situation("general", closed, **form)) == set()
    owed = {found.deadline.rule: found.blocks for found in position("general", SOLE, **form).owed}
    assert owed["DL-SOLE-27-CLAIM-60"] == ()


@pytest.mark.parametrize("form", ["partnership", "sole_proprietorship"])
def test_the_simplified_notice_of_twenty_days_binds_them_by_the_registration_regulations(form: str) -> None:
    assert waiting(situation("simplified", SIMPLIFIED, legal_form=form)) == set()
    early = SIMPLIFIED | {"simplified_notice_ended": date(2026, 3, 29)}
    assert waiting(situation("simplified", early, legal_form=form)) == {"DL-SAMR-33-NOTICE"}
    none = without(SIMPLIFIED, "simplified_notice_published", "simplified_notice_ended")
    assert waiting(situation("simplified", none, legal_form=form)) == {"DL-SAMR-33-NOTICE"}
    owed = {found.deadline.rule for found in position("simplified", SIMPLIFIED, legal_form=form).owed}
    assert "DL-SAMR-33-APPLY" in owed
    assert owed.isdisjoint({"DL-CO-240-NOTICE", "DL-CO-240-APPLY"})


def test_an_individual_business_waits_for_no_notice() -> None:
    form = {"legal_form": "individual_business"}
    assert waiting(situation("simplified", STOPPED, **form)) == set()
    missing = {name for step in position("simplified", STOPPED, **form).steps for name in step.missing}
    assert missing.isdisjoint({"simplified_notice_published", "simplified_notice_ended", "dissolution_resolved"})


def test_how_long_creditors_of_an_individual_business_may_claim_a_person_finds_out() -> None:
    form = {"legal_form": "individual_business"}
    found = situation("general", STOPPED, **form)
    (open_,) = [one for one in check_clocks(found, BOOK, wave=Wave.AFTER_CLAIMS, as_of=DAY) if not one.satisfied]
    assert open_.rule == "course-claims_window_closed"
    assert "no rule that was read says when it may for this kind of company: counsel says so" in open_.sentence
    closed = STOPPED | {"claims_window_closed": date(2026, 3, 1)}
    assert waiting(situation("general", closed, **form)) == set()


@pytest.mark.parametrize("fact", sorted(OPEN))
@pytest.mark.parametrize("is_so", [True, None])
def test_each_excluding_fact_closes_the_simplified_route_also_when_it_is_not_known(
    fact: str, *, is_so: bool | None
) -> None:
    exclusions = {name: value for name, value in (OPEN | {fact: bool(is_so)}).items() if name != fact or is_so}
    found = situation("simplified", SIMPLIFIED, exclusions=exclusions)
    assert waiting(found) == {f"route-{fact}"}
    assert waiting(found, Wave.AT_ONCE) == {f"route-{fact}"}
    place = locate(found, BOOK, as_of=DAY)
    assert not place.is_open
    assert [(one.fact, value) for one, value in place.closed_by] == [(fact, is_so)]


def test_unspent_balances_of_customers_are_debts() -> None:
    found = situation("simplified", SIMPLIFIED, exclusions=OPEN | {"customer_balances_unspent": True})
    (result,) = [one for one in check_clocks(found, BOOK, wave=Wave.AFTER_CLAIMS, as_of=DAY) if not one.satisfied]
    assert "第二百四十条" in result.citation
    assert "not open" in result.sentence


def test_an_objection_closes_the_simplified_route_from_its_day_on() -> None:
    objected = SIMPLIFIED | {"objection_raised": date(2026, 3, 20)}
    assert position("simplified", objected, date(2026, 3, 19)).is_open
    assert not position("simplified", objected).is_open
    assert waiting(situation("simplified", objected)) == {"route-objection_raised"}


def test_no_other_route_asks_for_the_exclusions() -> None:
    for route in ("general", "bankruptcy", "forced"):
        assert locate(situation(route, {}, exclusions={}), BOOK, as_of=DAY).is_open


def test_bankruptcy_freezes_every_wave_until_the_administrator_releases_the_data() -> None:
    # Taxes are cleared for an application of one's own: here the administrator decides, there the registrar.
    happened = {"service_stopped": DAY, "guardians_told": DAY, "bankruptcy_accepted": DAY,
                "recipient_notice_published": DAY}  # fmt: skip
    for wave in WAVES_OF_RECORDS:
        assert waiting(situation("bankruptcy", happened), wave) == {"course-destruction_released"}
        assert waiting(situation("bankruptcy", happened | {"destruction_released": DAY}), wave) == set()
    (remark,) = position("bankruptcy", happened).route.remarks
    assert "administrator" in remark.en


def test_the_forced_route_says_that_registration_can_be_restored_for_three_years() -> None:
    found = position("forced", {"deregistered": date(2026, 3, 2)})
    (restore,) = [owed.deadline for owed in found.owed if owed.deadline.rule == "DL-FCR-RESTORE"]
    assert (restore.status, restore.due_on) == (Status.RUNNING, date(2029, 3, 2))
    assert any("three years" in remark.en for remark in found.route.remarks)


def test_the_forced_route_waits_for_ninety_days_of_notice() -> None:
    happened = {"service_stopped": DAY, "guardians_told": DAY, "recipient_notice_published": DAY,
                "forced_notice_published": date(2026, 2, 2)}  # fmt: skip
    too_early = happened | {"forced_notice_ended": date(2026, 4, 3)}  # sixty days
    assert waiting(situation("forced", too_early)) == {"DL-FCR-3"}
    # Ninety days end on Sunday 3 May, within the rest of Labour Day.
    assert waiting(situation("forced", happened | {"forced_notice_ended": date(2026, 5, 6)})) == set()


@pytest.mark.parametrize(
    ("published", "ended", "asked"),
    [
        # Order 105 is in force from 2025-10-10; before it the Company Law's sixty days stand alone.
        (date(2025, 10, 9), date(2025, 12, 9), set()),
        (date(2025, 10, 9), date(2025, 12, 7), {"DL-CO-241-FORCED"}),
        (date(2025, 10, 10), date(2025, 12, 10), {"DL-FCR-3"}),
        (date(2025, 10, 10), date(2026, 1, 9), set()),
    ],
)
def test_a_forced_notice_is_judged_by_the_law_of_the_day_on_which_it_was_published(
    published: date, ended: date, asked: set[str]
) -> None:
    happened = {"service_stopped": DAY, "guardians_told": DAY, "recipient_notice_published": DAY,
                "forced_notice_published": published, "forced_notice_ended": ended}  # fmt: skip
    assert waiting(situation("forced", happened)) == asked
    owed = {found.deadline.rule: found.blocks for found in position("forced", happened).owed}
    assert ("DL-FCR-3" in owed) is (published >= date(2025, 10, 10))
    assert {rule for rule in ("DL-CO-241-FORCED", "DL-FCR-3") if owed.get(rule)} == asked


# -- before anything is disposed of ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "asked"),
    [
        ("important_data", {"HO-NDSR-32": "disposal_plan_reported"}),
        ("critical_infrastructure", {"HO-CII-21": "cii_dissolution_reported"}),
    ],
)
def test_every_wave_waits_for_what_is_reported_first(fact: str, asked: dict[str, str]) -> None:
    happened = {"service_stopped": DAY, "guardians_told": DAY}
    assert waiting(situation("general", happened), Wave.AT_ONCE) == set()
    assert waiting(situation("general", happened, **{fact: True}), Wave.AT_ONCE) == set(asked)
    reported = happened | dict.fromkeys(asked.values(), DAY)
    assert waiting(situation("general", reported, **{fact: True}), Wave.AT_ONCE) == set()
    owed = {found.deadline.rule: found.blocks for found in position("general", happened, **{fact: True}).owed}
    assert all(owed[rule] == WAVES_OF_RECORDS for rule in asked)


def test_an_overdue_duty_stops_the_second_wave_until_it_is_done_and_then_is_told_as_late() -> None:
    ended = {"employment_ended": date(2026, 3, 2)}
    found = situation("general", ended)
    (overdue,) = [
        one for one in check_clocks(found, BOOK, wave=Wave.AFTER_CLAIMS, as_of=DAY) if one.rule == "DL-LAB-50"
    ]
    assert (overdue.satisfied, overdue.is_overdue) == (False, True)
    assert "staff_files_transferred has not happened by 2026-06-01; it was due on 2026-03-17" in overdue.sentence
    done = situation("general", ended | {"staff_files_transferred": date(2026, 5, 20)})
    (late,) = [one for one in check_clocks(done, BOOK, wave=Wave.AFTER_CLAIMS, as_of=DAY) if one.rule == "DL-LAB-50"]
    assert (late.satisfied, late.is_late, late.is_overdue) == (True, True, False)
    assert "DL-LAB-50" not in waiting(found, Wave.AT_ONCE)  # children's data goes whatever is late elsewhere
    assert "DL-LAB-50" not in waiting(found, as_of=date(2026, 3, 17))


def test_an_authoritys_own_deadline_stops_nothing() -> None:
    happened = {"insurance_cancel_requested": date(2026, 3, 2)}
    found = position("general", happened)
    (agency,) = [owed for owed in found.owed if owed.deadline.rule == "DL-SI-10"]
    assert (agency.deadline.status, agency.deadline.is_agencys, agency.blocks) == (Status.OVERDUE, True, ())
    assert "DL-SI-10" not in waiting(situation("general", happened))
