"""What the pack for China promises, read from the pack itself."""

from datetime import date

import pytest

from winddown.domain.errors import Refused
from winddown.domain.rule import Bound, Override
from winddown.rules.loader import load_pack

PACK = load_pack("cn")
TODAY = date(2026, 11, 23)
DOMESTIC: dict[str, bool | int | str] = {
    "critical_infrastructure": False,
    "important_data": False,
    "legal_basis": "consent",
    "purpose": "other",
}


def test_authority_decides_whether_deletion_is_overridden() -> None:
    assert PACK.rule("RET-TAX-10Y").overrides_deletion is Override.YES
    assert PACK.rule("RET-ACC-VOUCHER-30Y").overrides_deletion is Override.DELEGATED
    assert PACK.rule("DEL-CHILD-23").overrides_deletion is Override.NO
    assert PACK.rule("HOLD-PRECEDENCE").priority == 1


def test_the_longer_voucher_period_is_counted_from_the_fiscal_year() -> None:
    rule = PACK.rule("RET-ACC-VOUCHER-30Y")
    assert rule.period is not None
    assert rule.start_event == "day_after_fiscal_year_end"
    assert rule.period.add_to(date(2026, 1, 1)) == date(2056, 1, 1)
    assert set(rule.needs) == {"voucher_number", "voucher_date", "amount", "tax", "payment_method"}
    assert PACK.rule("RET-TAX-10Y").start_event == "not_stated_in_text"


def test_clocks_are_those_of_the_law() -> None:
    clocks = {
        rule.id: (rule.start_event, str(rule.period), rule.bound, rule.end_event)
        for rule in PACK.in_force(TODAY)
        if rule.bound
    }
    formed = "liquidation_group_formed"
    assert clocks == {
        "DL-CO-235-CLAIM-30": ("creditors_notified", "P30D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-CO-229-PUBLICISE": ("dissolution_resolved", "P10D", Bound.AT_MOST, "dissolution_publicised"),
        "DL-CO-232-LIQGROUP": ("dissolution_resolved", "P15D", Bound.AT_MOST, formed),
        "DL-SAMR-32-LIST": (formed, "P10D", Bound.AT_MOST, "group_listed"),
        "DL-CO-235-NOTIFY": (formed, "P10D", Bound.AT_MOST, "creditors_notified"),
        "DL-CO-235-ANNOUNCE": (formed, "P60D", Bound.AT_MOST, "creditors_announced"),
        "DL-CO-235-CLAIM-45": ("creditors_announced", "P45D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-ECL-16": ("stop_notice_published", "P30D", Bound.AT_LEAST, "service_stopped"),
    }


@pytest.mark.parametrize(
    ("facts", "holding"),
    [
        ({"persons_sensitive": 0, "persons_other": 99_999}, {"XB-EX-5-4"}),
        ({"persons_sensitive": 0, "persons_other": 100_000}, {"XB-PATH-SCC-CERT"}),
        ({"persons_sensitive": 1, "persons_other": 0}, {"XB-PATH-SCC-CERT"}),
        ({"persons_sensitive": 9_999, "persons_other": 999_999}, {"XB-PATH-SCC-CERT"}),
        ({"persons_sensitive": 10_000, "persons_other": 0}, {"XB-PATH-ASSESS"}),
        ({"persons_sensitive": 0, "persons_other": 1_000_000}, {"XB-PATH-ASSESS"}),
        ({"persons_sensitive": 0, "persons_other": 1, "critical_infrastructure": True}, {"XB-PATH-ASSESS"}),
        ({"persons_sensitive": 0, "persons_other": 1, "important_data": True}, {"XB-PATH-ASSESS"}),
        (
            {"persons_sensitive": 5, "persons_other": 5, "legal_basis": "contract", "purpose": "cross_border_delivery"},
            {"XB-EX-5-1", "XB-PATH-SCC-CERT"},
        ),
    ],
)
def test_transfer_thresholds(facts: dict[str, bool | int | str], holding: set[str]) -> None:
    transfers = [rule for rule in PACK.rules.values() if rule.id.startswith("XB-")]
    assert {rule.id for rule in transfers if rule.conditions_hold(DOMESTIC | facts)} == holding


def test_a_missing_or_mistyped_fact_is_refused_and_never_false() -> None:
    with pytest.raises(Refused, match="persons_other"):
        PACK.rule("XB-EX-5-4").conditions_hold(DOMESTIC | {"persons_sensitive": 3})
    with pytest.raises(Refused, match="important_data"):
        PACK.rule("XB-PATH-ASSESS").conditions_hold(
            DOMESTIC | {"persons_sensitive": 0, "persons_other": 0, "important_data": 0}
        )


def test_unknown_rule_is_refused_and_rules_cannot_be_replaced() -> None:
    with pytest.raises(Refused, match="DEL-NONE-1"):
        PACK.rule("DEL-NONE-1")
    with pytest.raises(TypeError):
        PACK.rules["HOLD-PRECEDENCE"] = PACK.rule("DEL-PIPL-47-2")  # type: ignore[index]


def test_a_pack_lists_what_is_in_force_on_a_day() -> None:
    before_the_export_rules = {rule.id for rule in PACK.in_force(date(2024, 3, 21))}
    assert "XB-EX-5-4" not in before_the_export_rules
    assert "DEL-PIPL-47-2" in before_the_export_rules
    assert "XB-EX-5-4" in {rule.id for rule in PACK.in_force(date(2024, 3, 22))}
