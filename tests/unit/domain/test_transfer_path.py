"""Providing data abroad: the decision table of 促进和规范数据跨境流动规定 (令16), row by row, with its boundaries."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from winddown.domain.errors import Refused
from winddown.domain.pack import Rulebook
from winddown.domain.transfer import find_path

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
        "purpose": "marketing",
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
    [{"purpose": "marketing"}, {"legal_basis": "consent"}, {"important_data": True}],
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


def test_before_the_rules_came_into_force_nothing_applies(rulebook: Rulebook) -> None:
    assert find_path("XB-01", facts(other=5), rulebook=rulebook, as_of=date(2022, 8, 31)).needs_filing


def test_a_missing_number_is_refused(rulebook: Rulebook) -> None:
    known = facts()
    del known["persons_sensitive"]
    with pytest.raises(Refused, match="persons_sensitive"):
        find_path("XB-01", known, rulebook=rulebook, as_of=AS_OF)
