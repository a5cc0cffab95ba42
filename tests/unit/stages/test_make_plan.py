"""A wave that can do nothing is refused for what stops it, and not for what stands against records that stay anyway."""

import pytest

from winddown.domain.decision import Decision, Disposition, Reason
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Wave
from winddown.stages.plan import _refuse_stuck


def blocked(name: str, label: str, *codes: str) -> Decision:
    reasons = tuple(Reason(code, "", "somebody decides", prevails=True) for code in codes)
    return Decision(CollectionRef("shop", name), label, 1, Disposition.BLOCKED, reasons)


def test_what_stands_against_the_companys_own_table_stops_no_wave() -> None:
    found = (blocked("films", "whole", "company-own", "trigger"), blocked("orders", "unknown", "unknown-subject"))
    _refuse_stuck(Wave.AT_ONCE, found, [])


def test_what_stands_against_customers_records_does() -> None:
    found = (
        blocked("films", "whole", "company-own", "trigger"),
        blocked("orders", "unknown", "unknown-subject", "cascade"),
        blocked("orders", "customer", "cascade"),
    )
    with pytest.raises(Refused) as said:
        _refuse_stuck(Wave.AT_ONCE, found, [])
    assert said.value.message == "nothing of wave at_once can be done: shop:orders: cascade"
