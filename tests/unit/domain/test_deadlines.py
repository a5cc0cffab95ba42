"""Every clock of the rules in cases made for it: when it is due, and what each day says of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.case import Profile
from winddown.domain.deadline import Status, has_clock, last_day, must_come_before, read_clock
from winddown.domain.errors import Refused
from winddown.domain.pack import Rulebook
from winddown.domain.position import locate
from winddown.domain.rule import Rule, RuleKind
from winddown.domain.situation import Situation
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.rules.loader import load_rulebook

BOOK = load_rulebook(("cn",))
CLOCKS = [pytest.param(rule, id=rule.id) for rule in BOOK.in_force(date(2026, 11, 23)) if has_clock(rule)]
ROUTES = ("general", "simplified", "bankruptcy", "forced")
FORMS = ("company", "partnership", "sole_proprietorship", "individual_business")
# A company that does everything: every condition of every subject holds for one route and one form.
LARGE = {
    "critical_infrastructure": True, "important_data": True, "persons": 10_000_000, "faces": 100_000,
    "processes_minors": True, "algorithm_filed": True, "exports_personal_information": True,
}  # fmt: skip
DECLARED = frozenset(name for pack in BOOK.packs for name, found in pack.subjects.items() if found.is_declared)


def timeline(**events: date) -> Timeline:
    return Timeline(tuple(TimelineEvent("S1", event, on, f"{event}.txt", "0" * 64) for event, on in events.items()))


def read(rule_id: str, as_of: date, **events: date) -> tuple[Status, date | None]:
    found = read_clock(BOOK.rule(rule_id), timeline(**events), BOOK.calendar, as_of=as_of)
    return found.status, found.due_on


# -- single dates, counted by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule_id", "event", "on", "due_on"),
    [
        ("DL-CO-229-PUBLICISE", "dissolution_resolved", date(2026, 9, 21), date(2026, 10, 8)),  # National Day
        ("DL-CO-232-LIQGROUP", "dissolution_resolved", date(2026, 1, 31), date(2026, 2, 24)),  # Spring Festival
        ("DL-CO-235-ANNOUNCE", "liquidation_group_formed", date(2026, 8, 18), date(2026, 10, 19)),
        ("DL-CO-235-CLAIM-45", "creditors_announced", date(2026, 8, 20), date(2026, 10, 8)),
        ("DL-ALGO-24", "service_stopped", date(2026, 9, 18), date(2026, 10, 22)),
        ("DL-BANK-5WD", "deregistered", date(2026, 2, 13), date(2026, 2, 27)),
        ("DL-ECL-16", "service_stopped", date(2026, 10, 31), date(2026, 10, 1)),  # the notice is not due later
        ("DL-XB20-8", "export_certificate_expires", date(2026, 8, 31), date(2026, 2, 28)),
        ("DL-XB16-9", "assessment_expires", date(2026, 6, 30), date(2026, 4, 1)),
        ("DL-AUDIT-4", "audited_before", date(2024, 5, 1), date(2026, 5, 6)),
        ("DL-FCR-RESTORE", "deregistered", date(2023, 3, 1), date(2026, 3, 2)),
        ("DL-ESIGN-90", "service_stopped", date(2026, 10, 31), date(2026, 8, 2)),
    ],
)
def test_is_due_on(rule_id: str, event: str, on: date, due_on: date) -> None:
    assert read(rule_id, on, **{event: on})[1] == due_on


def test_a_last_day_is_within_and_the_next_day_is_late() -> None:
    resolved, due_on = date(2026, 9, 21), date(2026, 10, 8)
    for as_of, status in ((due_on, Status.DUE), (due_on + timedelta(days=1), Status.OVERDUE)):
        assert read("DL-CO-229-PUBLICISE", as_of, dissolution_resolved=resolved)[0] is status
    for done_on, status in ((due_on, Status.DONE), (due_on + timedelta(days=1), Status.LATE)):
        events = {"dissolution_resolved": resolved, "dissolution_publicised": done_on}
        assert read("DL-CO-229-PUBLICISE", date(2026, 11, 1), **events)[0] is status


def test_what_must_come_before_an_event_counts_back_from_it_also_when_it_lies_ahead() -> None:
    stop = date(2026, 10, 31)
    assert read("DL-ECL-16", date(2026, 10, 1), service_stopped=stop)[0] is Status.DUE
    assert read("DL-ECL-16", date(2026, 10, 2), service_stopped=stop)[0] is Status.OVERDUE
    in_time = {"service_stopped": stop, "stop_notice_published": date(2026, 10, 1)}
    assert read("DL-ECL-16", date(2026, 11, 1), **in_time)[0] is Status.DONE
    too_short = {"service_stopped": stop, "stop_notice_published": date(2026, 10, 2)}
    assert read("DL-ECL-16", date(2026, 11, 1), **too_short)[0] is Status.EARLY  # the stop, not the notice
    reported = {"liquidation_group_formed": stop, "tax_liquidation_reported": date(2026, 11, 2)}
    assert read("DL-TAX-50-REPORT", date(2026, 11, 3), **reported)[0] is Status.LATE


def test_a_window_runs_through_its_last_day() -> None:
    told = date(2026, 8, 20)
    assert read("DL-CO-235-CLAIM-45", date(2026, 8, 19), creditors_announced=told)[0] is Status.AHEAD
    assert read("DL-CO-235-CLAIM-45", date(2026, 10, 8), creditors_announced=told)[0] is Status.RUNNING
    assert read("DL-CO-235-CLAIM-45", date(2026, 10, 9), creditors_announced=told)[0] is Status.DONE
    # Forty-five days end on 4 October: who closes the window in the holidays closes it too early.
    early = {"creditors_announced": told, "claims_window_closed": date(2026, 10, 4)}
    assert read("DL-CO-235-CLAIM-45", date(2026, 10, 9), **early)[0] is Status.EARLY


def test_a_date_that_rests_on_an_unknown_year_is_provisional() -> None:
    found = read_clock(
        BOOK.rule("DL-ALGO-24"), timeline(service_stopped=date(2026, 12, 20)), BOOK.calendar, as_of=date(2026, 12, 21)
    )
    assert "2027" in found.provisional


def test_a_rule_without_a_clock_has_none_to_read() -> None:
    with pytest.raises(Refused, match="no clock"):
        read("DL-TAX-16-CLEAR", date(2026, 1, 1))


# -- every rule --------------------------------------------------------------------------------------------------------


def company_of(rule: Rule) -> tuple[str, frozenset[str]]:
    """A route and the subjects of a company that the rule binds; the rule must be in some state of that route."""
    for route in ROUTES:
        places = {name for state in BOOK.course.path(BOOK.course.route(route)) for name in state.clocks}
        places |= set(BOOK.course.standing)
        for form in FORMS:
            subjects = BOOK.subjects(DECLARED, LARGE | {"route": route, "legal_form": form})
            if rule.id in places and not subjects.isdisjoint(rule.applies_to):
                return route, subjects
    raise AssertionError(f"no company is bound by {rule.id}, or no state of its route has it")


@pytest.mark.parametrize("rule", CLOCKS)
def test_every_clock_appears_for_a_company_that_it_binds(rule: Rule) -> None:
    route, subjects = company_of(rule)
    begun, late = date(2026, 1, 10), date(2035, 1, 1)
    events = {rule.start_event: begun} if not must_come_before(rule) else {str(rule.end_event): begun}
    position = locate(Situation(route, subjects, timeline(**events)), BOOK, as_of=late)
    (owed,) = [found for found in position.owed if found.deadline.rule == rule.id]
    expected = Status.DONE if rule.kind is RuleKind.WINDOW else Status.OVERDUE
    assert owed.deadline.status is expected
    assert owed.owed_by
    assert owed.title.zh == rule.title_zh
    nobody = locate(Situation(route, frozenset(), timeline(**events)), BOOK, as_of=late)
    assert nobody.owed == ()


@pytest.mark.parametrize("rule", CLOCKS)
@given(start=st.dates(date(2020, 1, 1), date(2027, 12, 31)), days=st.integers(0, 400), more=st.integers(0, 4000))
def test_overdue_stays_overdue_until_it_is_done(rule: Rule, start: date, days: int, more: int) -> None:
    since = str(rule.end_event) if must_come_before(rule) else rule.start_event
    task = rule.start_event if must_come_before(rule) else str(rule.end_event)
    due_on = last_day(rule, start, BOOK.calendar).on
    as_of = due_on + timedelta(days=1 + days)
    not_done = read_clock(rule, timeline(**{since: start}), BOOK.calendar, as_of=as_of)
    later = read_clock(rule, timeline(**{since: start}), BOOK.calendar, as_of=as_of + timedelta(days=more))
    assert later.status is not_done.status is (Status.DONE if rule.kind is RuleKind.WINDOW else Status.OVERDUE)
    if rule.kind is not RuleKind.WINDOW:
        done = timeline(**{since: start, task: as_of})
        # Until it happens, an event of the future changes nothing; from its day on it never becomes undone.
        if days:
            assert read_clock(rule, done, BOOK.calendar, as_of=due_on + timedelta(days=1)).status is Status.OVERDUE
        after = {read_clock(rule, done, BOOK.calendar, as_of=as_of + timedelta(days=n)).status for n in (0, more)}
        assert after <= {Status.LATE, Status.EARLY}
        assert len(after) == 1


@pytest.mark.parametrize("rule", CLOCKS)
@given(start=st.dates(date(2020, 1, 1), date(2026, 9, 1)), later=st.integers(0, 200))
def test_a_later_event_is_never_due_earlier(rule: Rule, start: date, later: int) -> None:
    one = last_day(rule, start, BOOK.calendar).on
    assert last_day(rule, start + timedelta(days=later), BOOK.calendar).on >= one
    assert (one <= start) if must_come_before(rule) else (one >= start)


# -- whom rules bind ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "below", "reached", "subject"),
    [
        ("persons", 999_999, 1_000_000, "pi_handler_ge_1m"),
        ("persons", 9_999_999, 10_000_000, "pi_handler_ge_10m"),
        ("faces", 99_999, 100_000, "face_recognition_user_ge_100k"),
        ("faces", 0, 1, "face_recognition_user"),
    ],
)
def test_a_number_counts_itself(fact: str, below: int, reached: int, subject: str) -> None:
    facts = LARGE | {"route": "general", "legal_form": "company"}
    assert subject not in BOOK.subjects(frozenset(), facts | {fact: below})
    assert subject in BOOK.subjects(frozenset(), facts | {fact: reached})


def test_an_ordinary_shop_owes_what_every_company_owes(rulebook: Rulebook, make_case: Callable[..., object]) -> None:
    del make_case
    profile = Profile("general", ("ecommerce_operator",), False, False, (12, 31), persons=5000)
    subjects = rulebook.subjects(profile.declared, profile.facts() | {"exports_personal_information": False})
    assert {"company", "ecommerce_operator", "employer", "taxpayer"} <= subjects
    assert subjects.isdisjoint({"partnership", "cii_operator", "important_data_handler", "pi_exporter", "processor"})


def test_a_sector_that_no_pack_knows_is_refused(rulebook: Rulebook) -> None:
    profile = replace(Profile("general", ("casino",), False, False, (12, 31)))
    with pytest.raises(Refused, match="casino"):
        rulebook.subjects(profile.declared, profile.facts() | {"exports_personal_information": False})
