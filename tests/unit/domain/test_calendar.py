"""Working days and last days against dates counted by hand on the published calendars."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.calendar import WorkingCalendar
from winddown.domain.errors import Refused
from winddown.domain.pack import Rulebook
from winddown.rules.loader import load_rulebook

CHINA = load_rulebook(("cn",)).calendar
KNOWN = st.dates(date(2020, 2, 1), date(2026, 10, 1))


@pytest.mark.parametrize(
    ("day", "is_rest"),
    [
        (date(2026, 10, 1), True),  # National Day
        (date(2026, 10, 7), True),
        (date(2026, 10, 8), False),
        (date(2026, 10, 10), False),  # a Saturday that is worked
        (date(2026, 9, 20), False),  # a Sunday that is worked for it
        (date(2026, 10, 11), True),  # an ordinary Sunday
        (date(2026, 2, 14), False),  # the Saturday before Spring Festival
        (date(2026, 2, 15), True),
        (date(2026, 2, 23), True),
        (date(2026, 2, 24), False),
        (date(2026, 2, 28), False),
        (date(2026, 1, 4), False),  # the Sunday after New Year
        (date(2024, 2, 9), False),  # New Year's Eve was no day off in 2024
        (date(2020, 1, 31), True),  # Spring Festival was prolonged
    ],
)
def test_rest_days_are_those_of_the_notices(day: date, *, is_rest: bool) -> None:
    assert CHINA.is_rest(day) is is_rest


@pytest.mark.parametrize(
    ("start", "count", "last"),
    [
        (date(2026, 9, 30), 1, date(2026, 10, 8)),  # over National Day
        (date(2026, 9, 30), 3, date(2026, 10, 10)),  # 8, 9, and the worked Saturday
        (date(2026, 9, 30), 4, date(2026, 10, 12)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # worked Saturday
        (date(2026, 2, 13), 2, date(2026, 2, 24)),  # over Spring Festival
        (date(2026, 2, 13), 6, date(2026, 2, 28)),  # 14, 24, 25, 26, 27, and the worked Saturday
        (date(2026, 6, 1), 5, date(2026, 6, 8)),
        (date(2026, 6, 6), 1, date(2026, 6, 8)),  # from a Saturday
        (date(2026, 6, 1), 0, date(2026, 6, 1)),
    ],
)
def test_working_days_after_an_event(start: date, count: int, last: date) -> None:
    found = CHINA.working_days_after(start, count)
    assert (found.on, found.provisional) == (last, "")


@pytest.mark.parametrize(
    ("end", "count", "last"),
    [
        (date(2026, 10, 8), 1, date(2026, 9, 30)),
        (date(2026, 10, 12), 2, date(2026, 10, 9)),  # 10 is worked
        (date(2026, 2, 24), 1, date(2026, 2, 14)),
        (date(2026, 9, 21), 1, date(2026, 9, 20)),  # the worked Sunday
        (date(2026, 6, 8), 1, date(2026, 6, 5)),
    ],
)
def test_working_days_before_an_event(end: date, count: int, last: date) -> None:
    assert CHINA.working_days_before(end, count).on == last


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2026, 10, 3), date(2026, 10, 8)),
        (date(2026, 10, 10), date(2026, 10, 10)),
        (date(2026, 10, 17), date(2026, 10, 19)),
        (date(2026, 2, 15), date(2026, 2, 24)),
        (date(2026, 5, 9), date(2026, 5, 9)),  # a worked Saturday is no rest
        (date(2026, 6, 10), date(2026, 6, 10)),
    ],
)
def test_a_last_day_moves_to_the_day_after_the_rest(day: date, last: date) -> None:
    found = CHINA.last_day(day)
    assert found.on == last
    assert found.moved_from == (None if day == last else day)


def test_a_year_that_is_not_known_is_counted_by_weekends_and_says_so() -> None:
    found = CHINA.working_days_after(date(2026, 12, 30), 2)
    assert found.on == date(2027, 1, 1)  # surely a day off, and not in the calendar yet
    assert "2027" in found.provisional
    assert "weekends" in found.provisional
    assert CHINA.last_day(date(2027, 5, 1)).on == date(2027, 5, 3)
    assert CHINA.last_day(date(2027, 5, 1)).unknown_years == (2027,)
    assert WorkingCalendar().last_day(date(2026, 10, 1)).unknown_years == (2026,)


def test_without_a_calendar_every_year_is_unknown(rulebook: Rulebook) -> None:
    assert rulebook.calendar.years == frozenset(range(2020, 2027))
    without = Rulebook(tuple(replace(pack, calendar=None) for pack in rulebook.packs))
    assert without.calendar == WorkingCalendar()


@given(start=KNOWN, count=st.integers(0, 60))
def test_counting_back_undoes_counting_forward(start: date, count: int) -> None:
    after = CHINA.working_days_after(start, count).on
    between = [start + timedelta(days=n) for n in range(1, (after - start).days + 1)]
    assert sum(not CHINA.is_rest(day) for day in between) == count
    if count:
        assert not CHINA.is_rest(after)
    back = CHINA.working_days_before(after, count).on
    # From a rest day one comes back to the working day before it.
    assert back <= start
    assert all(CHINA.is_rest(start - timedelta(days=n)) for n in range((start - back).days))


@given(day=KNOWN)
def test_a_last_day_is_never_earlier_and_never_a_rest_day(day: date) -> None:
    last = CHINA.last_day(day).on
    assert last >= day
    assert not CHINA.is_rest(last)


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        ({"rest": {date(2026, 1, 3)}, "worked": {date(2026, 1, 3)}, "years": {2026}}, "both"),
        ({"rest": {date(2026, 1, 3)}, "years": {2025}}, "outside"),
        ({"worked": {date(2026, 1, 5)}, "years": {2026}}, "no weekend"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(calendar: dict[str, set[date]], said: str) -> None:
    with pytest.raises(Refused, match=said):
        WorkingCalendar(**{name: frozenset(days) for name, days in calendar.items()})  # type: ignore[arg-type]


def test_no_negative_number_of_days_is_counted() -> None:
    with pytest.raises(Refused, match="not negative"):
        CHINA.working_days_after(date(2026, 1, 5), -1)
