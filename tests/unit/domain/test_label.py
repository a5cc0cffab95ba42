"""Labels: what they are written like, and which fiscal year a day belongs to."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.domain.label import Label, RecordClass, fiscal_year_of


def test_classes_are_tried_in_this_order() -> None:
    assert [found.value for found in RecordClass] == [
        "whole", "held", "held_whole", "untied", "unknown", "undated", "minor", "customer",
    ]  # fmt: skip


@given(record_class=st.sampled_from(RecordClass), year=st.none() | st.integers(1, 9999))
def test_what_is_written_is_what_is_read(record_class: RecordClass, year: int | None) -> None:
    label = Label(record_class, year)
    assert Label.parse(str(label)) == label


@pytest.mark.parametrize(
    "text",
    ["", "client", "customer/", "customer/ 2025", "customer/02025", "customer/+2025", "customer/2_025", "CUSTOMER",
     "customer/2025/1", "customer/２０２５", "customer/year", "/2025"],
)  # fmt: skip
def test_anything_else_is_no_label(text: str) -> None:
    with pytest.raises(Refused, match="is no label"):
        Label.parse(text)


@pytest.mark.parametrize(
    ("day", "end", "year"),
    [
        (date(2025, 12, 31), (12, 31), 2025),
        (date(2026, 1, 1), (12, 31), 2026),
        (date(2025, 6, 30), (6, 30), 2025),
        (date(2025, 7, 1), (6, 30), 2026),
        (date(2024, 2, 29), (2, 28), 2025),
    ],
)
def test_a_fiscal_year_is_named_after_the_year_in_which_it_ends(day: date, end: tuple[int, int], year: int) -> None:
    assert fiscal_year_of(day.year, day.month, day.day, fiscal_year_end=end) == year


@given(day=st.dates(date(1990, 1, 1), date(2060, 1, 1)), month=st.integers(1, 12), last=st.integers(1, 28))
def test_a_fiscal_year_begins_after_the_last_one_ended(day: date, month: int, last: int) -> None:
    end = (month, last)
    year = fiscal_year_of(day.year, day.month, day.day, fiscal_year_end=end)
    assert date(year - 1, *end) < day <= date(year, *end)
    after = date(year, *end) + timedelta(days=1)
    assert fiscal_year_of(after.year, after.month, after.day, fiscal_year_end=end) == year + 1
