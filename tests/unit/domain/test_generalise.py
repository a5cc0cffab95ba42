"""How values become coarser: what is written is always a coarser form of a value, or nothing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.domain.generalise import Generalisation

ID = "310101199001011234"


@pytest.mark.parametrize(
    ("how", "value", "coarse"),
    [
        ("keep", "上海", "上海"),
        ("keep", "", None),
        ("drop", "上海", None),
        ("year", "2025-03-02", "2025"),
        ("year", "20250302", "2025"),
        ("year", "2025/03/02 08:00:00+08", "2025"),
        ("year", "2025", None),  # unchanged
        ("year", "2025-13-02", None),
        ("year", "2025-03-021", None),
        ("year", "13800138000", None),
        ("month", "2025-03-02", "2025-03"),
        ("month", "2025.03.02", "2025-03"),
        ("month", "2025-02-30", None),
        ("first:1", "欧阳娜娜", "欧"),
        ("first:2", "欧阳", None),  # unchanged
        ("band:10", "27", "[20,30)"),
        ("band:10", "30", "[30,40)"),
        ("band:10", "-0.01", "[-10,0)"),
        ("band:1000", "999.995", "[0,1000)"),
        ("band:10", "27 岁", None),
        ("band:10", "1e3", None),
        ("band:10", "２７", None),
        ("region:2", ID, "31"),
        ("region:4", ID, "3101"),
        ("region:4", "310101900101123", "3101"),
        ("region:2", "200000", "20"),
        ("region:2", "20", None),
        ("region:2", "２０００００", None),
    ],
)
def test_a_value_becomes_coarser(how: str, value: str, coarse: str | None) -> None:
    assert Generalisation.parse(how).of(value) == coarse


def test_nothing_stays_nothing() -> None:
    assert {Generalisation.parse(how).of(None) for how in ("keep", "year", "first:3", "band:2", "region:2")} == {None}


@pytest.mark.parametrize(
    "text", ["", "hash", "Year", "year:1", "keep:1", "first", "first:0", "first:9", "first:-1", "band", "band:0",
             "band:1", "band:1.5", "region", "region:3", "region:8", "first:１"],
)  # fmt: skip
def test_another_wish_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"no generalisation|no sensible size"):
        Generalisation.parse(text)


@given(value=st.text(max_size=12), size=st.integers(1, 8))
def test_first_is_a_true_beginning_or_nothing(value: str, size: int) -> None:
    coarse = Generalisation.parse(f"first:{size}").of(value)
    assert coarse is None or (value.startswith(coarse) and len(coarse) == size < len(value))


@given(value=st.decimals(-(10**9), 10**9, places=3), size=st.integers(2, 10**8))
def test_a_band_holds_its_number(value: Decimal, size: int) -> None:
    coarse = Generalisation.parse(f"band:{size}").of(f"{value:f}")
    assert coarse is not None
    low, high = (int(part) for part in coarse[1:-1].split(","))
    assert low <= value < high
    assert (low % size, high - low) == (0, size)


@given(value=st.dates(), how=st.sampled_from(["year", "month"]))
def test_a_period_holds_its_day(value: object, how: str) -> None:
    coarse = Generalisation.parse(how).of(str(value))
    assert coarse is not None
    assert str(value).startswith(f"{coarse}-")
