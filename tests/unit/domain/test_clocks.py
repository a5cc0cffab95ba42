"""The law's clocks between two events: what a wave waits for, what is late, what has not happened."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType

import pytest

from winddown.domain.clocks import ClockResult, check_clocks
from winddown.domain.pack import Rulebook
from winddown.domain.plan import Wave
from winddown.domain.situation import Situation
from winddown.domain.timeline import Timeline

from .books import with_rules

MakeTimeline = Callable[[dict[str, date]], Timeline]
AS_OF = date(2026, 11, 23)
# An online shop: what every company is, and what this one declares.
SHOP = frozenset(
    (
        "company",
        "market_entity",
        "taxpayer",
        "taxpayer_that_deregisters",
        "employer",
        "account_holder",
        "pi_handler",
        "network_operator",
    )
) | {"ecommerce_operator", "all_companies", "network_data_handler"}
EVENTS = {
    "snapshot_taken": date(2026, 8, 1),
    "dissolution_resolved": date(2026, 8, 3),
    "dissolution_publicised": date(2026, 8, 13),
    "tax_liquidation_reported": date(2026, 8, 17),
    "liquidation_group_formed": date(2026, 8, 18),
    "group_listed": date(2026, 8, 28),
    "creditors_notified": date(2026, 8, 28),
    "creditors_announced": date(2026, 8, 31),
    "claims_window_closed": date(2026, 10, 15),
    "stop_notice_published": date(2026, 9, 30),
    "service_stopped": date(2026, 10, 30),
    "guardians_told": date(2026, 10, 30),
    "recipient_notice_published": date(2026, 11, 1),
    "tax_cleared": date(2026, 11, 20),
}


def results(
    make_timeline: MakeTimeline,
    rulebook: Rulebook,
    wave: Wave,
    *,
    changes: Mapping[str, date | None] = MappingProxyType({}),
    subjects: frozenset[str] = SHOP,
) -> dict[str, ClockResult]:
    events = {event: on for event, on in {**EVENTS, **changes}.items() if on is not None}
    situation = Situation("general", subjects, make_timeline(events))
    return {found.rule: found for found in check_clocks(situation, rulebook, wave=wave, as_of=AS_OF)}


def test_the_first_wave_waits_for_the_stop_notice_and_the_guardians_alone(
    make_timeline: MakeTimeline, rulebook: Rulebook
) -> None:
    found = results(make_timeline, rulebook, Wave.AT_ONCE)
    assert found.keys() == {"DL-ECL-16", "DEL-CHILD-23"}
    assert all(result.satisfied and not result.is_late for result in found.values())


def test_the_second_wave_waits_for_every_clock_and_every_required_event(
    make_timeline: MakeTimeline, rulebook: Rulebook
) -> None:
    found = results(make_timeline, rulebook, Wave.AFTER_CLAIMS)
    assert found.keys() == {
        "DL-CO-229-PUBLICISE",
        "DL-CO-235-CLAIM-30",
        "DL-CO-232-LIQGROUP",
        "DL-SAMR-32-LIST",
        "DL-CO-235-NOTIFY",
        "DL-CO-235-ANNOUNCE",
        "DL-CO-235-CLAIM-45",
        "DL-ECL-16",
        "DL-TAX-16-CLEAR",
        "DEL-CHILD-23",
        "HO-PIPL-22",
    }
    assert all(result.satisfied and not result.is_late for result in found.values())
    assert all(result.citation == rulebook.rule(rule).basis.citation for rule, result in found.items())


@pytest.mark.parametrize(
    ("rule", "event", "last_wrong_day"),
    [
        ("DL-CO-235-CLAIM-45", "claims_window_closed", date(2026, 10, 14)),
        ("DL-ECL-16", "service_stopped", date(2026, 10, 29)),
    ],
)
def test_a_shortest_time_must_have_passed_to_the_day(
    make_timeline: MakeTimeline, rulebook: Rulebook, rule: str, event: str, last_wrong_day: date
) -> None:
    assert results(make_timeline, rulebook, Wave.AFTER_CLAIMS)[rule].satisfied
    early = results(make_timeline, rulebook, Wave.AFTER_CLAIMS, changes={event: last_wrong_day})[rule]
    assert (early.satisfied, early.is_late) == (False, False)
    assert f"{event} {last_wrong_day} is before" in early.sentence


@pytest.mark.parametrize(
    ("rule", "event", "first_late_day"),
    [
        ("DL-CO-229-PUBLICISE", "dissolution_publicised", date(2026, 8, 14)),
        ("DL-CO-232-LIQGROUP", "liquidation_group_formed", date(2026, 8, 19)),
        ("DL-SAMR-32-LIST", "group_listed", date(2026, 8, 29)),
        ("DL-CO-235-NOTIFY", "creditors_notified", date(2026, 8, 29)),
        # Sixty days end on Saturday 17 October, so Monday the 19th is the last day (Civil Code 203).
        ("DL-CO-235-ANNOUNCE", "creditors_announced", date(2026, 10, 20)),
    ],
)
def test_a_longest_time_that_was_exceeded_is_told_and_stops_nothing(
    make_timeline: MakeTimeline, rulebook: Rulebook, rule: str, event: str, first_late_day: date
) -> None:
    assert not results(make_timeline, rulebook, Wave.AFTER_CLAIMS)[rule].is_late
    late = results(make_timeline, rulebook, Wave.AFTER_CLAIMS, changes={event: first_late_day})[rule]
    assert (late.satisfied, late.is_late) == (True, True)
    assert "later than" in late.sentence


@pytest.mark.parametrize(
    ("rule", "event"),
    [
        ("DL-CO-235-CLAIM-45", "claims_window_closed"),
        ("DL-CO-235-CLAIM-45", "creditors_announced"),
        ("DL-CO-229-PUBLICISE", "dissolution_publicised"),
        ("DL-ECL-16", "stop_notice_published"),
        ("DL-TAX-16-CLEAR", "tax_cleared"),
        ("DEL-CHILD-23", "guardians_told"),
        ("HO-PIPL-22", "recipient_notice_published"),
    ],
)
def test_an_event_that_has_not_happened_keeps_its_rule_waiting_and_is_named(
    make_timeline: MakeTimeline, rulebook: Rulebook, rule: str, event: str
) -> None:
    without: dict[str, date | None] = {event: None}
    found = results(make_timeline, rulebook, Wave.AFTER_CLAIMS, changes=without)[rule]
    assert not found.satisfied
    assert found.sentence.startswith(f"{event} has not happened by 2026-11-23")


def test_an_event_of_tomorrow_has_not_happened(make_timeline: MakeTimeline, rulebook: Rulebook) -> None:
    for event, rule in (("tax_cleared", "DL-TAX-16-CLEAR"), ("claims_window_closed", "DL-CO-235-CLAIM-45")):
        tomorrow = results(make_timeline, rulebook, Wave.AFTER_CLAIMS, changes={event: date(2026, 11, 24)})
        assert not tomorrow[rule].satisfied
        today = results(make_timeline, rulebook, Wave.AFTER_CLAIMS, changes={event: date(2026, 11, 23)})
        # The last day of a window still belongs to it; what simply has to happen may have happened today.
        assert today[rule].satisfied is (event == "tax_cleared")


def test_a_clock_that_is_not_in_force_is_not_asked(make_timeline: MakeTimeline, rulebook: Rulebook) -> None:
    rule = rulebook.rule("DL-ECL-16")
    # What decides is the day of the stop, from which its thirty days are counted back.
    for last, is_asked in ((date(2026, 10, 29), False), (date(2026, 10, 30), True)):
        ended = replace(rule, basis=replace(rule.basis, effective_to=last))
        assert ("DL-ECL-16" in results(make_timeline, with_rules(rulebook, ended), Wave.AT_ONCE)) is is_asked
