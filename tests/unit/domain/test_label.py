"""Labels: what they are written like, and from which day their duties count."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.domain.event import FISCAL_YEAR_END
from winddown.domain.label import Label, RecordClass


def test_classes_are_tried_in_this_order() -> None:
    assert [found.value for found in RecordClass] == [
        "whole", "held", "held_whole", "untied", "unknown", "placeholder", "undated", "referenced", "other",
        "minor", "customer",
    ]  # fmt: skip


EVENTS = st.dictionaries(
    st.sampled_from(["contract_ended", "record_created"]), st.dates().map(lambda day: f"{day:%Y-%m}".zfill(7))
)


@given(record_class=st.sampled_from(RecordClass), year=st.none() | st.integers(1, 9999), months=EVENTS)
def test_what_is_written_is_what_is_read(record_class: RecordClass, year: int | None, months: dict[str, str]) -> None:
    label = Label(record_class, (*Label.of_year(record_class, year).starts, *sorted(months.items())))
    assert Label.parse(str(label)) == label


@pytest.mark.parametrize(
    "text",
    ["", "client", "customer/", "customer/ 2025", "customer/02025", "customer/+2025", "customer/2_025", "CUSTOMER",
     "customer/2025/1", "customer/a=2025", "customer/a=2025-13",
     "customer/２０２５", "customer/year", "/2025"],
)  # fmt: skip
def test_anything_else_is_no_label(text: str) -> None:
    with pytest.raises(Refused, match="is no label"):
        Label.parse(text)


def test_a_record_is_decided_by_month_from_its_last_day() -> None:
    label = Label.parse("customer/2025/contract_ended=2024-02")
    assert label.start("contract_ended") == date(2024, 2, 29)
    assert label.start("service_stopped") is None
    assert label.fiscal_year_start((12, 31)) == date(2026, 1, 1)
    assert label.fiscal_year_start((6, 30)) == date(2025, 7, 1)


@pytest.mark.parametrize(
    "starts",
    [
        (("b", "2025-01"), ("a", "2025-01")),
        (("a", "2025-01"), (FISCAL_YEAR_END, "2025")),
        (("a", "2025-01"), ("a", "2025-02")),
    ],
)
def test_one_set_of_records_has_one_label(starts: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(Refused, match="each event once, the fiscal year first"):
        Label(RecordClass.CUSTOMER, starts)
