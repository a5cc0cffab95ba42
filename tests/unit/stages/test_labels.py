"""Where duties count from, column by column: days in China, unreadable days, the last event of a person."""

from datetime import date

import polars as pl
import pytest

from winddown.domain.duties import DatedBy
from winddown.domain.event import FISCAL_YEAR_END, Scope
from winddown.stages.labels import date_of, labels
from winddown.stages.plain_facts import day_of

YEAR = DatedBy(FISCAL_YEAR_END, "on", Scope.FISCAL_YEAR, True)
VISIT = DatedBy("last_outpatient_visit", "on", Scope.PERSON, True)
CLOSED = DatedBy("account_closed", "closed", Scope.RECORD, False)


def records(**columns: list[str | None]) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    return frame.with_columns(held=pl.lit(value=False), minor=pl.lit(value=False))


def label(frame: pl.DataFrame, *dates: DatedBy, end: tuple[int, int] = (12, 31)) -> list[str]:
    return labels(frame, dates, fiscal_year_end=end).to_list()


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-12-31", date(2025, 12, 31)),
        ("20251231", date(2025, 12, 31)),
        ("2025-12-31 23:59:59", date(2025, 12, 31)),
        ("2025-12-31 16:30:00+00", date(2026, 1, 1)),
        ("2025-12-31T16:30:00Z", date(2026, 1, 1)),
        ("2025-12-31 16:30:00.5+0000", date(2026, 1, 1)),
        ("2026-01-01 00:30:00+08:00", date(2026, 1, 1)),
        ("2025-12-31T11:30:00-05:00", date(2026, 1, 1)),
        ("1988-07-01 15:30:00+00", date(1988, 7, 2)),  # summer time
        ("1988-07-02 00:30:00+09", date(1988, 7, 2)),  # as PostgreSQL writes it then
        ("1900-06-01 00:00:00+08:05:43", date(1900, 6, 1)),
        ("2025-12-31T16:30Z", date(2026, 1, 1)),
        ("2025-12-31 16:30+00", date(2026, 1, 1)),
        ("2025-12-31t16:30:00z", date(2026, 1, 1)),
        ("2025-12-31 16:30:00 UTC", date(2026, 1, 1)),
        ("2025-12-31 16:30:00 +0000", date(2026, 1, 1)),
        ("2025-12-31T16:30:00.123456789Z", date(2026, 1, 1)),
        ("2025-12-31 16:30:00.000000+00:00", date(2026, 1, 1)),
        # Without an offset it is the day that is written: what a column without time zone holds.
        ("2025-12-31 16:30:00.000000", date(2025, 12, 31)),
        ("2025-12-31T23:30", date(2025, 12, 31)),
        ("2025-12-31 11:30:00 PM", date(2025, 12, 31)),
        ("2025-3-2 10:00:00", date(2025, 3, 2)),
        # A zone, or anything else, that is not understood makes no day.
        ("2025-12-31 16:30:00 EST", None),
        ("2025-12-31 16:30:00 America/New_York", None),
        ("2025-12-31 BC", None),
        ("2025-12-31x", None),
        (" 2025-12-31", None),
        ("2025-12-3112", None),
        ("2025-13-31T16:30:00Z", None),
        ("2025-12-31T25:30:00Z", None),
        ("15-03-02", None),
        ("0015-03-02", None),
        ("2025/12/31", None),
        ("", None),
        (None, None),
    ],
)
def test_a_day_is_that_of_china_and_a_slip_of_the_pen_is_none(text: str | None, day: date | None) -> None:
    found = pl.DataFrame({"text": [text]}, schema={"text": pl.String}).select(date_of(pl.col("text"))).item()
    assert found == day
    assert day_of(text) == day  # the second reading, which checks the first one


@pytest.mark.parametrize(
    "text",
    ["1900-01-01", "1900-01-01 00:00:00", "1899-12-30", "1899-12-31T00:00:00", "1753-01-01", "0001-01-01", "1970-01-01",
     "1970-01-01T00:00:00Z", "1969-12-31 16:00:00+00", "19700101", "2038-01-19", "2099-12-31", "2099-12-31T23:59:59Z",
     "9999-12-31", "9999-12-31 23:59:59.999999", "9999-12-31T23:59:59Z", "9999-01-01", "0000-00-00",
     "0000-00-00 00:00:00", "infinity", "-infinity"],
)  # fmt: skip
def test_a_placeholder_is_nobodys_date_and_says_so(text: str) -> None:
    frame = records(subject=["a", "b", "c"], on=[text, "2025-03-01", None])
    assert label(frame, YEAR) == ["placeholder", "customer/2025", "undated"]
    about_others = labels(frame.select("on"), [YEAR], fiscal_year_end=(12, 31), is_about_others=True)
    assert about_others.to_list() == ["placeholder", "other/2025", "undated"]
    assert day_of(text) is None


@pytest.mark.parametrize("text", ["1970-01-02", "1969-12-31", "1950-05-06", "1900-01-02", "2099-12-30", "2105-06-30"])
def test_a_plausible_day_beside_a_placeholder_is_a_day(text: str) -> None:
    assert label(records(subject=["a"], on=[text]), YEAR) == [f"customer/{text[:4]}"]
    assert day_of(text) == date.fromisoformat(text)


def test_a_placeholder_among_a_persons_events_may_hide_the_last_one() -> None:
    frame = records(subject=["a", "a", "b"], on=["2005-03-01", "1970-01-01", "2005-03-01"])
    assert label(frame, VISIT) == ["placeholder", "placeholder", "customer/last_outpatient_visit=2005-03"]


def test_a_placeholder_where_a_blank_would_do_says_that_nothing_happened() -> None:
    frame = records(subject=["a", "b"], on=["2025-01-01", "2025-01-01"], closed=["9999-12-31", "2025-05-06"])
    assert label(frame, YEAR, CLOSED) == ["customer/2025", "customer/2025/account_closed=2025-05"]


def test_a_fiscal_year_that_ends_within_the_year() -> None:
    frame = records(subject=["a", "b"], on=["2025-06-30", "2025-07-01"])
    assert label(frame, YEAR, end=(6, 30)) == ["customer/2025", "customer/2026"]


def test_all_records_of_a_person_count_from_the_last_event_and_an_unreadable_one_may_be_the_last() -> None:
    frame = records(subject=["a", "a", "b", "b"], on=["2005-03-01", "2020-09-30", "2005-03-01", "2026/09/30"])
    assert label(frame, VISIT) == ["customer/last_outpatient_visit=2020-09"] * 2 + ["undated"] * 2


def test_what_did_not_happen_to_a_record_is_left_out_of_its_label() -> None:
    frame = records(subject=["a", "b"], on=["2025-01-01", "2025-01-01"], closed=["2025-05-06", None])
    assert label(frame, YEAR, CLOSED) == ["customer/2025/account_closed=2025-05", "customer/2025"]
