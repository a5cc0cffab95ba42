"""Where a region lies, which filing carries a transfer on a day, and what is owed on every path."""

from dataclasses import replace
from datetime import date

import pytest

from winddown.domain.border import FACTS_DECLARED, Filing, Means, MetCondition, Residency, residency
from winddown.domain.case import Transfer
from winddown.domain.inventory import CollectionRef
from winddown.domain.pack import Rulebook
from winddown.domain.transfer import TransferPath, check_filings, owed_conditions

from .books import with_rules

AS_OF = date(2026, 11, 23)
ISSUED = date(2024, 5, 6)


# -- regions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["cn", "CN", "cn-east-2", "cn-shanghai", "cn-north-1", "chinaeast2", "ap-beijing"])
def test_mainland(region: str) -> None:
    assert residency(region) is Residency.MAINLAND


@pytest.mark.parametrize(
    "region",
    ["hk", "mo", "tw", "cn-hongkong", "cn-hk-1", "ap-hongkong", "chinahongkong", "ap-taipei", "eu-west-1", "us-east1"],
)
def test_abroad_and_so_are_hong_kong_macao_and_taiwan(region: str) -> None:
    assert residency(region) is Residency.ABROAD


@pytest.mark.parametrize("region", ["", "?", "local", "office", "in-house", "at home", "zz-east-1", "区域", "1", "eu"])
def test_what_cannot_be_read_is_taken_for_no_side(region: str) -> None:
    assert residency(region) is Residency.UNKNOWN


# -- filings -----------------------------------------------------------------------------------------------------------


def path(rule: str, *, needs_filing: bool = True, could_be: str = "") -> TransferPath:
    return TransferPath("XB-1", rule, "…", needs_filing, "…", could_be)


def filing(kind: str, *, valid_until: date = date(2040, 1, 1), issued_on: date = ISSUED) -> Filing:
    return Filing("F-1", kind, issued_on, valid_until, ("XB-1",), "0" * 64)


@pytest.mark.parametrize(
    ("kind", "rule", "counts"),
    [
        ("assessment", "XB-PATH-ASSESS", True),
        ("assessment", "XB-PATH-SCC-CERT", True),
        ("certificate", "XB-PATH-ASSESS", False),
        ("certificate", "XB-PATH-SCC-CERT", True),
        ("standard_contract", "XB-PATH-ASSESS", False),
        ("standard_contract", "XB-PATH-SCC-CERT", True),
        ("assessment", "", False),
    ],
)
def test_a_filing_serves_its_own_path_or_a_weaker_one(
    rulebook: Rulebook, kind: str, rule: str, *, counts: bool
) -> None:
    (found,) = check_filings(path(rule), [filing(kind)], rulebook=rulebook, on=AS_OF)
    assert found.counts is counts
    assert counts or f"kind {kind}" in found.why


@pytest.mark.parametrize(
    ("kind", "last_day"),
    [
        ("assessment", date(2027, 5, 6)),  # three years, whatever its paper says
        ("certificate", date(2027, 5, 6)),
        ("standard_contract", date(2040, 1, 1)),  # its own end
    ],
)
def test_a_filing_counts_up_to_its_last_day(rulebook: Rulebook, kind: str, last_day: date) -> None:
    def on(day: date) -> str:
        (found,) = check_filings(path("XB-PATH-SCC-CERT"), [filing(kind)], rulebook=rulebook, on=day)
        assert found.until == last_day
        return f"{found.counts}: {found.why}"

    assert on(last_day) == f"True: valid until {last_day}"
    assert on(date.fromordinal(last_day.toordinal() + 1)) == f"False: expired after {last_day}"


def test_a_filing_ends_before_three_years_when_its_paper_says_so(rulebook: Rulebook) -> None:
    short = filing("assessment", valid_until=date(2026, 11, 22))
    (found,) = check_filings(path("XB-PATH-ASSESS"), [short], rulebook=rulebook, on=AS_OF)
    assert (found.counts, found.why) == (False, "expired after 2026-11-22")


def test_results_of_an_assessment_lasted_two_years_until_march_2024(rulebook: Rulebook) -> None:
    early = filing("assessment", issued_on=date(2022, 10, 1))
    (found,) = check_filings(path("SUP-XB11-4"), [early], rulebook=rulebook, on=date(2024, 3, 1))
    assert (found.counts, found.until) == (True, date(2024, 10, 1))
    (found,) = check_filings(path("XB-PATH-ASSESS"), [early], rulebook=rulebook, on=date(2025, 9, 1))
    assert (found.counts, found.until) == (True, date(2025, 10, 1))


def test_a_filing_that_came_later_does_not_count(rulebook: Rulebook) -> None:
    (found,) = check_filings(
        path("XB-PATH-ASSESS"), [filing("assessment", issued_on=date(2026, 11, 24))], rulebook=rulebook, on=AS_OF
    )
    assert (found.counts, found.why) == (False, "issued on 2026-11-24 only")


def test_a_filing_lapses_with_the_company(rulebook: Rulebook) -> None:
    def counts(on: date) -> tuple[bool, str]:
        (found,) = check_filings(
            path("XB-PATH-ASSESS"), [filing("assessment")], rulebook=rulebook, on=on, company_ended_on=AS_OF
        )
        return found.counts, found.why

    assert counts(AS_OF)[0]
    assert counts(date(2026, 11, 24)) == (False, "lapsed with the company on 2026-11-23")


def test_a_filing_for_another_transfer_is_none_and_an_exemption_needs_none(rulebook: Rulebook) -> None:
    other = replace(filing("assessment"), covers=("XB-2",))
    assert check_filings(path("XB-PATH-ASSESS"), [other], rulebook=rulebook, on=AS_OF) == ()
    exempt = path("XB-EX-5-1", needs_filing=False)
    assert check_filings(exempt, [filing("assessment")], rulebook=rulebook, on=AS_OF) == ()


@pytest.mark.parametrize(("kind", "suffices"), [("assessment", True), ("certificate", False)])
def test_a_filing_may_do_for_the_stricter_path_too(rulebook: Rulebook, kind: str, *, suffices: bool) -> None:
    unsure = path("XB-PATH-SCC-CERT", could_be="XB-PATH-ASSESS")
    (found,) = check_filings(unsure, [filing(kind)], rulebook=rulebook, on=AS_OF)
    assert (found.counts, found.suffices) == (True, suffices)


# -- conditions --------------------------------------------------------------------------------------------------------

TRANSFER = Transfer("XB-1", "Carrier", "JP", "x", "consent", CollectionRef("shop", "orders"), "all", sensitive=False)
ALWAYS = {"XB-ALWAYS-NOTICE", "XB-ALWAYS-PIA", "XB-ALWAYS-CONTRACT-END"}
FACTS: dict[str, bool | int | str] = {
    "critical_infrastructure": False,
    "important_data": False,
    "legal_basis": "contract",
    "contains_personal": True,
    **dict.fromkeys(FACTS_DECLARED, False),
}


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({}, set()),
        ({"legal_basis": "consent"}, {"XB-ALWAYS-CONSENT"}),
        ({"foreign_authority": True}, {"XB-ALWAYS-41", "XB-ALWAYS-DSL36"}),
        ({"critical_infrastructure": True}, {"XB-ALWAYS-40", "XB-ALWAYS-CSL39"}),
        ({"important_data": True}, {"XB-ALWAYS-NDSR37"}),
    ],
)
def test_conditions_are_owed_on_every_path(rulebook: Rulebook, change: dict[str, bool | str], more: set[str]) -> None:
    owed = owed_conditions(TRANSFER, FACTS | change, rulebook=rulebook, as_of=AS_OF)
    assert {found.rule for found in owed} == ALWAYS | more
    assert all(found.citation and found.met_on is None for found in owed)


def test_conditions_of_other_roles_are_not_the_exporters(rulebook: Rulebook) -> None:
    rule = rulebook.rule("XB-ALWAYS-NOTICE")
    book = with_rules(rulebook, replace(rule, applies_to=("ecommerce_operator",)))
    assert "XB-ALWAYS-NOTICE" not in {
        found.rule for found in owed_conditions(TRANSFER, FACTS, rulebook=book, as_of=AS_OF)
    }


def test_data_about_nobody_owe_no_notice(rulebook: Rulebook) -> None:
    assert owed_conditions(TRANSFER, FACTS | {"contains_personal": False}, rulebook=rulebook, as_of=AS_OF) == ()


def test_a_condition_with_evidence_is_met(rulebook: Rulebook) -> None:
    told = replace(TRANSFER, met=(MetCondition("XB-ALWAYS-NOTICE", date(2024, 6, 1), "0" * 64),))
    owed = {found.rule: found.met_on for found in owed_conditions(told, FACTS, rulebook=rulebook, as_of=AS_OF)}
    assert owed == dict.fromkeys(ALWAYS) | {"XB-ALWAYS-NOTICE": date(2024, 6, 1)}


# -- days of a transfer ------------------------------------------------------------------------------------------------


def test_a_transfer_is_judged_on_its_last_day_and_custody_lies_ahead() -> None:
    ended = replace(TRANSFER, started_on=date(2023, 1, 5), ended_on=date(2023, 4, 1))
    assert ended.judged_on(AS_OF) == date(2023, 4, 1)
    assert TRANSFER.judged_on(AS_OF) == AS_OF
    assert replace(TRANSFER, started_on=date(2027, 2, 1)).judged_on(AS_OF) == date(2027, 2, 1)
    assert not TRANSFER.is_ahead(AS_OF)
    assert replace(TRANSFER, started_on=date(2026, 11, 24)).is_ahead(AS_OF)
    assert replace(TRANSFER, means=Means.CUSTODY).is_ahead(AS_OF)


@pytest.mark.parametrize(
    ("started_on", "ended_on", "reaches"),
    [
        (None, None, True),
        (date(2026, 12, 31), None, True),
        (date(2027, 1, 1), None, False),
        (None, date(2026, 1, 1), True),
        (None, date(2025, 12, 31), False),
    ],
)
def test_a_transfer_counts_in_the_years_that_it_reaches(
    started_on: date | None, ended_on: date | None, *, reaches: bool
) -> None:
    found = replace(TRANSFER, started_on=started_on, ended_on=ended_on)
    assert found.reaches(date(2026, 1, 1), date(2026, 12, 31)) is reaches
