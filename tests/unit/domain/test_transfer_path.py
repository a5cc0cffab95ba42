"""Providing data abroad: the decision table of 促进和规范数据跨境流动规定 (令16), row by row, with its boundaries."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from winddown.domain.border import FACTS_DECLARED
from winddown.domain.errors import Refused
from winddown.domain.pack import Rulebook
from winddown.domain.transfer import Count, decide_path, find_path

from .books import with_rules

EXEMPT, CONTRACT, ASSESSMENT = "XB-EX-5-4", "XB-PATH-SCC-CERT", "XB-PATH-ASSESS"
AS_OF = date(2026, 11, 23)


def facts(
    *, ciio: bool = False, important: bool = False, sensitive: int = 0, other: int = 0
) -> dict[str, bool | int | str]:
    return {
        "critical_infrastructure": ciio,
        "important_data": important,
        "persons_sensitive": sensitive,
        "persons_other": other,
        "legal_basis": "consent",
        "purpose": "customer_care",
        "contains_personal": True,
        "origin": "domestic",
        **dict.fromkeys(FACTS_DECLARED, False),
    }


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        # Row 1: an operator of critical infrastructure, whatever the numbers.
        (facts(ciio=True, sensitive=0, other=1), ASSESSMENT),
        (facts(ciio=True, sensitive=9_999, other=999_999), ASSESSMENT),
        # Row 2: important data.
        (facts(important=True, sensitive=0, other=1), ASSESSMENT),
        # Row 3: 10,000 persons with sensitive information, the number itself included.
        (facts(sensitive=10_000, other=0), ASSESSMENT),
        (facts(sensitive=10_001, other=5_000_000), ASSESSMENT),
        # Row 4: 1,000,000 other persons.
        (facts(sensitive=0, other=1_000_000), ASSESSMENT),
        (facts(sensitive=1, other=1_000_000), ASSESSMENT),
        # Row 5: 1 to 9,999 with sensitive information, fewer than 1,000,000 others.
        (facts(sensitive=1, other=0), CONTRACT),
        (facts(sensitive=9_999, other=0), CONTRACT),
        (facts(sensitive=9_999, other=99_999), CONTRACT),
        (facts(sensitive=9_999, other=999_999), CONTRACT),
        # Row 6: 100,000 to 999,999 others.
        (facts(sensitive=0, other=100_000), CONTRACT),
        (facts(sensitive=0, other=999_999), CONTRACT),
        # Row 7: fewer than 100,000 others.
        (facts(sensitive=0, other=99_999), EXEMPT),
        (facts(sensitive=0, other=0), EXEMPT),
    ],
)
def test_the_decision_table(rulebook: Rulebook, given: Mapping[str, bool | int | str], rule: str) -> None:
    path = find_path("XB-01", given, rulebook=rulebook, as_of=AS_OF)
    assert (path.transfer, path.rule) == ("XB-01", rule)
    assert path.needs_filing == (rule != EXEMPT)
    assert path.citation == rulebook.rule(rule).basis.citation
    assert str(given["persons_other"]) in path.sentence


@pytest.mark.parametrize("ciio", [False, True])
def test_a_contract_with_the_person_prevails_over_every_number(rulebook: Rulebook, *, ciio: bool) -> None:
    contract = facts(ciio=ciio, sensitive=50_000, other=5_000_000) | {
        "legal_basis": "contract",
        "purpose": "cross_border_delivery",
    }
    path = find_path("XB-01", contract, rulebook=rulebook, as_of=AS_OF)
    assert (path.rule, path.needs_filing) == ("XB-EX-5-1", False)


@pytest.mark.parametrize(
    "change",
    [{"purpose": "customer_care"}, {"legal_basis": "consent"}, {"important_data": True}],
)
def test_the_contract_exempts_neither_other_purposes_nor_other_bases_nor_important_data(
    rulebook: Rulebook, change: dict[str, bool | str]
) -> None:
    contract = facts(other=1_000_000) | {"legal_basis": "contract", "purpose": "cross_border_delivery"}
    assert find_path("XB-01", contract | change, rulebook=rulebook, as_of=AS_OF).rule == ASSESSMENT


def test_no_two_paths_of_the_table_overlap(rulebook: Rulebook) -> None:
    numbers = (0, 1, 9_999, 10_000, 99_999, 100_000, 999_999, 1_000_000)
    for sensitive in numbers:
        for other in numbers:
            found = [
                rule for rule in (EXEMPT, CONTRACT, ASSESSMENT)
                if rulebook.rule(rule).conditions_hold(facts(sensitive=sensitive, other=other))
            ]  # fmt: skip
            assert len(found) == 1, (sensitive, other, found)


def test_an_exemption_that_is_no_longer_in_force_exempts_nobody(rulebook: Rulebook) -> None:
    rule = rulebook.rule(EXEMPT)
    ended = replace(rule, basis=replace(rule.basis, effective_to=date(2026, 11, 22)))
    old = with_rules(rulebook, ended)
    assert find_path("XB-01", facts(other=5), rulebook=old, as_of=date(2026, 11, 22)).rule == EXEMPT
    path = find_path("XB-01", facts(other=5), rulebook=old, as_of=AS_OF)
    assert (path.rule, path.needs_filing) == ("", True)  # nothing applies: that blocks, it does not pass


# -- every exemption, and what takes it away ---------------------------------------------------------------------------

EMPLOYEES = {"legal_basis": "hr_management", "employees_only": True, "labour_rules": True, "collective_contract": True}
EXEMPTIONS: dict[str, tuple[dict[str, bool | str], list[dict[str, bool | str]]]] = {
    "XB-EX-3": (
        {"contains_personal": False, "purpose": "international_trade"},
        [{"contains_personal": True}, {"purpose": "customer_care"}],
    ),
    "XB-EX-4": ({"origin": "abroad"}, [{"origin": "mixed"}, {"origin": "domestic"}]),
    "XB-EX-5-1": (
        {"legal_basis": "contract", "purpose": "visa_application"},
        [{"legal_basis": "consent"}, {"purpose": "customer_care"}],
    ),
    "XB-EX-5-2": (EMPLOYEES, [{name: False} for name in EMPLOYEES if name != "legal_basis"]),
    "XB-EX-5-3": ({"legal_basis": "emergency"}, [{"legal_basis": "consent"}]),
    "XB-EX-6": (
        {"free_trade_zone": True, "outside_negative_list": True},
        [{"free_trade_zone": False}, {"outside_negative_list": False}],
    ),
    "XB-GROUNDS-35": ({"legal_basis": "statutory_duty"}, [{"legal_basis": "consent"}]),
}


@pytest.mark.parametrize("ciio", [False, True])
@pytest.mark.parametrize("rule", EXEMPTIONS)
def test_an_exemption_prevails_over_every_number_and_over_critical_infrastructure(
    rulebook: Rulebook, rule: str, *, ciio: bool
) -> None:
    exempt = facts(ciio=ciio, sensitive=50_000, other=5_000_000) | EXEMPTIONS[rule][0]
    path = find_path("XB-01", exempt, rulebook=rulebook, as_of=AS_OF)
    assert (path.rule, path.needs_filing) == (rule, False)


@pytest.mark.parametrize(
    ("rule", "change"),
    [(rule, change) for rule, (_, changes) in EXEMPTIONS.items() for change in [*changes, {"important_data": True}]],
)
def test_an_exemption_needs_each_of_its_conditions_and_never_covers_important_data(
    rulebook: Rulebook, rule: str, change: dict[str, bool | str]
) -> None:
    nearly = facts(sensitive=50_000, other=5_000_000) | EXEMPTIONS[rule][0] | change
    assert find_path("XB-01", nearly, rulebook=rulebook, as_of=AS_OF).rule in {ASSESSMENT, ""}


# -- the thresholds until 21 March 2024 --------------------------------------------------------------------------------

OLD_ASSESSMENT, OLD_CONTRACT = "SUP-XB11-4", "SUP-XB13-4"


def old(processed: int = 0, two_years: int = 0, sensitive: int = 0) -> dict[str, bool | int | str]:
    return facts(other=5) | {
        "persons": processed,
        "persons_since_last_year": two_years,
        "persons_sensitive_since_last_year": sensitive,
    }


@pytest.mark.parametrize(
    ("given", "day", "rule"),
    [
        (old(two_years=99_999, sensitive=9_999, processed=999_999), date(2024, 3, 21), OLD_CONTRACT),
        (old(two_years=99_999, sensitive=9_999, processed=999_999), date(2023, 6, 1), OLD_CONTRACT),
        (old(two_years=99_999, sensitive=9_999, processed=999_999), date(2024, 3, 22), EXEMPT),
        (old(two_years=100_000), date(2024, 3, 21), OLD_ASSESSMENT),
        (old(sensitive=10_000, two_years=10_000), date(2024, 3, 21), OLD_ASSESSMENT),
        (old(processed=1_000_000), date(2024, 3, 21), OLD_ASSESSMENT),
        (old() | {"critical_infrastructure": True}, date(2024, 3, 21), OLD_ASSESSMENT),
        (old() | {"important_data": True}, date(2022, 9, 1), OLD_ASSESSMENT),
        # Before 1 June 2023 there was no standard contract, before 1 September 2022 no assessment.
        (old(), date(2023, 5, 31), ""),
        (old(two_years=100_000), date(2022, 8, 31), ""),
        # The contract with the person exempted nobody yet.
        (old() | {"legal_basis": "contract", "purpose": "cross_border_delivery"}, date(2024, 3, 21), OLD_CONTRACT),
    ],
)
def test_a_transfer_is_judged_by_the_thresholds_of_its_day(
    rulebook: Rulebook, given: Mapping[str, bool | int | str], day: date, rule: str
) -> None:
    path = find_path("XB-01", given, rulebook=rulebook, as_of=day)
    assert (path.rule, path.needs_filing) == (rule, rule != EXEMPT)


# -- numbers that are not certain --------------------------------------------------------------------------------------

UNKNOWN = Count(0, 0)


def counts(other: Count, sensitive: Count = UNKNOWN) -> dict[str, Count]:
    return {"persons_other": other, "persons_sensitive": sensitive}


@pytest.mark.parametrize(
    ("other", "rule", "could_be"),
    [
        (Count(99_999, 99_999), EXEMPT, ""),
        (Count(99_999, 100_000), EXEMPT, CONTRACT),
        (Count(99_999, None), EXEMPT, ASSESSMENT),
        (Count(100_000, 999_999), CONTRACT, ""),
        (Count(100_000, None), CONTRACT, ASSESSMENT),
        # At or above the last threshold the least number decides.
        (Count(1_000_000, None), ASSESSMENT, ""),
    ],
)
def test_a_least_number_decides_from_the_last_threshold_on_and_asks_below_it(
    rulebook: Rulebook, other: Count, rule: str, could_be: str
) -> None:
    path = decide_path("XB-01", facts(), counts(other), rulebook=rulebook, as_of=AS_OF)
    assert (path.rule, path.could_be) == (rule, could_be)
    assert str(other) in path.sentence


def test_where_no_number_matters_nobody_is_asked(rulebook: Rulebook) -> None:
    exempt = facts() | EXEMPTIONS["XB-EX-5-1"][0]
    path = decide_path("XB-01", exempt, counts(Count(0, None), Count(0, None)), rulebook=rulebook, as_of=AS_OF)
    assert (path.rule, path.could_be) == ("XB-EX-5-1", "")


NUMBERS = st.integers(0, 2_000_000) | st.sampled_from([0, 1, 9_999, 10_000, 99_999, 100_000, 999_999, 1_000_000])


@any_of(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS), st.sampled_from([AS_OF, date(2024, 3, 21)]))
def test_more_persons_never_lead_to_a_weaker_path(
    rulebook: Rulebook, few: tuple[int, int], more: tuple[int, int], day: date
) -> None:
    strength = {EXEMPT: 0, CONTRACT: 1, OLD_CONTRACT: 1, ASSESSMENT: 2, OLD_ASSESSMENT: 2}

    def of(sensitive: int, other: int) -> int:
        numbers = facts(sensitive=sensitive, other=other) | old(other, sensitive + other, sensitive)
        numbers |= {"persons_other": other, "persons_sensitive": sensitive}
        return strength[find_path("XB-01", numbers, rulebook=rulebook, as_of=day).rule]

    assert of(*few) <= of(few[0] + more[0], few[1] + more[1])


def test_a_missing_number_is_refused(rulebook: Rulebook) -> None:
    known = facts()
    del known["persons_sensitive"]
    with pytest.raises(Refused, match="persons_sensitive"):
        find_path("XB-01", known, rulebook=rulebook, as_of=AS_OF)
