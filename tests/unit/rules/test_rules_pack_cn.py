"""What the pack for China promises, read from the pack itself."""

from datetime import date

import pytest

from winddown.domain.border import FACTS_DECLARED
from winddown.domain.deadline import has_clock
from winddown.domain.errors import Refused
from winddown.domain.rule import Bound, Calendar, Override, RuleKind
from winddown.rules.loader import load_pack

PACK = load_pack("cn")
TODAY = date(2026, 11, 23)
DOMESTIC: dict[str, bool | int | str] = {
    "critical_infrastructure": False,
    "important_data": False,
    "legal_basis": "consent",
    "purpose": "other",
    "contains_personal": True,
    "origin": "domestic",
    **dict.fromkeys(FACTS_DECLARED, False),
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
    formed, applied = "liquidation_group_formed", "deregistration_applied"
    assert clocks == {
        "DL-CO-235-CLAIM-30": ("creditors_notified", "P30D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-CO-229-PUBLICISE": ("dissolution_resolved", "P10D", Bound.AT_MOST, "dissolution_publicised"),
        "DL-CO-232-LIQGROUP": ("dissolution_resolved", "P15D", Bound.AT_MOST, formed),
        "DL-SAMR-32-LIST": (formed, "P10D", Bound.AT_MOST, "group_listed"),
        "DL-CO-235-NOTIFY": (formed, "P10D", Bound.AT_MOST, "creditors_notified"),
        "DL-CO-235-ANNOUNCE": (formed, "P60D", Bound.AT_MOST, "creditors_announced"),
        "DL-CO-235-CLAIM-45": ("creditors_announced", "P45D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-ECL-16": ("stop_notice_published", "P30D", Bound.AT_LEAST, "service_stopped"),
        # other forms and routes
        "DL-SAMR-32-APPLY": ("liquidation_ended", "P30D", Bound.AT_MOST, applied),
        "DL-SAMR-46-TAXCERT": ("tax_cleared", "P0D", Bound.AT_LEAST, applied),
        "DL-SAMR-33-INDIVIDUAL": (applied, "P10D", Bound.AT_LEAST, "deregistered"),
        "DL-CO-240-NOTICE": ("simplified_notice_published", "P20D", Bound.AT_LEAST, "simplified_notice_ended"),
        "DL-CO-240-APPLY": ("simplified_notice_ended", "P20D", Bound.AT_MOST, applied),
        "DL-CO-241-FORCED": ("forced_notice_published", "P60D", Bound.AT_LEAST, "forced_notice_ended"),
        "DL-FCR-3": ("forced_notice_published", "P90D", Bound.AT_LEAST, "forced_notice_ended"),
        "DL-BKR-121": ("bankruptcy_terminated", "P10D", Bound.AT_MOST, applied),
        "DL-SOLE-27": ("creditors_notified", "P15D", Bound.AT_LEAST, "liquidation_started"),
        "DL-SOLE-32": ("liquidation_report_made", "P15D", Bound.AT_MOST, applied),
        "DL-PART-88": ("liquidator_appointed", "P10D", Bound.AT_MOST, "creditors_notified"),
        "DL-PART-90": ("liquidation_ended", "P15D", Bound.AT_MOST, applied),
        "DL-PART-88-ANNOUNCE": ("liquidator_appointed", "P60D", Bound.AT_MOST, "creditors_announced"),
        "DL-PART-88-CLAIM-30": ("creditors_notified", "P30D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-PART-88-CLAIM-45": ("creditors_announced", "P45D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-SOLE-27-CLAIM-30": ("creditors_notified", "P30D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-SOLE-27-CLAIM-60": ("creditors_announced", "P60D", Bound.AT_LEAST, "claims_window_closed"),
        "DL-SAMR-33-NOTICE": ("simplified_notice_published", "P20D", Bound.AT_LEAST, "simplified_notice_ended"),
        "DL-SAMR-33-APPLY": ("simplified_notice_ended", "P20D", Bound.AT_MOST, applied),
        "DL-MERGE-220": ("merger_resolved", "P10D", Bound.AT_MOST, "merger_creditors_notified"),
        # taxes, staff, bank
        "DL-TAX-50-REPORT": ("tax_liquidation_reported", "P0D", Bound.AT_LEAST, formed),
        "DL-TAX-15-BEFORE": ("tax_deregistered", "P0D", Bound.AT_LEAST, applied),
        "DL-TAX-15-REVOKED": ("licence_revoked", "P15D", Bound.AT_MOST, "tax_deregistered"),
        "DL-SI-57": ("employer_terminated", "P30D", Bound.AT_MOST, "insurance_cancelled"),
        "DL-SI-10": ("insurance_cancel_requested", "P10D", Bound.AT_MOST, "insurance_cancelled"),
        "DL-LAB-50": ("employment_ended", "P15D", Bound.AT_MOST, "staff_files_transferred"),
        "DL-BANK-5WD": ("deregistered", "P5D", Bound.AT_MOST, "bank_accounts_closed"),
        # regulators
        "DL-ESIGN-90": ("certification_parties_told", "P90D", Bound.AT_LEAST, "service_stopped"),
        "DL-ESIGN-60": ("certification_end_reported", "P60D", Bound.AT_LEAST, "service_stopped"),
        "DL-ALGO-24": ("service_stopped", "P20D", Bound.AT_MOST, "algorithm_filing_cancelled"),
        "DL-FACE-15-CANCEL": ("face_recognition_ended", "P30D", Bound.AT_MOST, "face_filing_cancelled"),
        "DL-FACE-15-FILE": ("faces_reached_100k", "P30D", Bound.AT_MOST, "faces_filed"),
        "DL-PIPO-CHANGE": ("officer_changed", "P30D", Bound.AT_MOST, "officer_change_reported"),
        "DL-PIPO-REPORT": ("persons_reached_1m", "P30D", Bound.AT_MOST, "officer_reported"),
        "DL-XB13-7": ("standard_contract_effective", "P10D", Bound.AT_MOST, "standard_contract_filed"),
        "DL-XB16-9": ("assessment_extension_requested", "P60D", Bound.AT_LEAST, "assessment_expires"),
        "DL-XB20-8": ("export_certificate_renewal_requested", "P6M", Bound.AT_LEAST, "export_certificate_expires"),
        "DL-NDRA-16": ("risk_assessed", "P20D", Bound.AT_MOST, "risk_assessment_reported"),
        "DL-NDSR-33": ("risk_assessed_before", "P1Y", Bound.AT_MOST, "risk_assessed"),
        "DL-AUDIT-4": ("audited_before", "P2Y", Bound.AT_MOST, "audited"),
        "DL-AUDIT-11": ("rectification_completed", "P15D", Bound.AT_MOST, "rectification_reported"),
        "DL-MINOR-37": ("minors_audited_before", "P1Y", Bound.AT_MOST, "minors_audited"),
    }
    open_windows = {rule.id: str(rule.period) for rule in PACK.rules.values() if has_clock(rule) and not rule.bound}
    assert open_windows == {"DL-FCR-RESTORE": "P3Y", "DL-BKR-123": "P2Y", "DL-SOLE-28": "P5Y"}
    working = {rule.id for rule in PACK.rules.values() if rule.calendar is Calendar.WORKING_DAYS_CN}
    assert working == {
        "DL-SI-10", "DL-BANK-5WD", "DL-ALGO-24", "DL-FACE-15-CANCEL", "DL-FACE-15-FILE", "DL-PIPO-CHANGE",
        "DL-PIPO-REPORT", "DL-XB13-7", "DL-XB16-9", "DL-NDRA-16", "DL-AUDIT-11",
    }  # fmt: skip


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
    kinds = {RuleKind.TRANSFER_EXEMPTION, RuleKind.TRANSFER_PATH}
    transfers = [rule for rule in PACK.in_force(date(2026, 11, 23)) if rule.kind in kinds]
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
