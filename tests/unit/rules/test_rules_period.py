from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.domain.rule import Period


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("P30Y", "2026-01-01", "2056-01-01"),
        ("P1Y", "2024-02-29", "2025-02-28"),
        ("P4Y", "2024-02-29", "2028-02-29"),
        ("P1M", "2026-01-31", "2026-02-28"),
        ("P1M1D", "2026-01-31", "2026-03-01"),
        ("P6M", "2026-08-31", "2027-02-28"),
        ("P14M", "2026-11-30", "2028-01-30"),
        ("P45D", "2026-04-10", "2026-05-25"),
        ("P0D", "2026-05-31", "2026-05-31"),
        ("-P30D", "2026-05-31", "2026-05-01"),
        ("-P1M", "2026-03-31", "2026-02-28"),
        ("-P1Y", "2026-01-01", "2025-01-01"),
    ],
)
def test_adds_by_the_calendar(text: str, start: str, end: str) -> None:
    assert Period.parse(text).add_to(date.fromisoformat(start)) == date.fromisoformat(end)


@pytest.mark.parametrize(
    "text", ["", "P", "30Y", "P30", "P1W", "PT5H", "P1.5Y", "P-1D", "P３０Y", "P1D1Y", " P1D", "P1D\n"]
)
def test_refuses_what_is_no_period(text: str) -> None:
    with pytest.raises(Refused, match="no period"):
        Period.parse(text)


@pytest.mark.parametrize(
    ("text", "start"), [("P9999Y", "2026-01-01"), ("-P2026Y", "2026-01-01"), ("P1D", "9999-12-31")]
)
def test_refuses_to_leave_the_calendar(text: str, start: str) -> None:
    with pytest.raises(Refused, match="outside the calendar"):
        Period.parse(text).add_to(date.fromisoformat(start))


@given(
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 999),
    st.booleans(),
    st.dates(date(1950, 1, 1), date(2100, 1, 1)),
)
def test_text_form_round_trips_and_direction_holds(
    years: int, months: int, days: int, is_before: bool, on: date
) -> None:
    period = Period(years, months, days, is_before=is_before)
    read = Period.parse(str(period))
    assert read.add_to(on) == period.add_to(on)
    assert (read.add_to(on) <= on) if is_before else (read.add_to(on) >= on)
