"""Same facts, same outcome: every difference has a fact and a rule, and one that has none is found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from winddown.domain.decision import Decision
from winddown.domain.disposition import Facts, decide
from winddown.domain.duties import DatedBy
from winddown.domain.event import FISCAL_YEAR_END, Scope
from winddown.domain.fairness import Difference, RecordFacts, differences, mistaken, own_label
from winddown.domain.label import Label

MakeFacts = Callable[..., Facts]
FISCAL = DatedBy(FISCAL_YEAR_END, "ordered_on", Scope.FISCAL_YEAR, is_required=True)
ADULT = RecordFacts(is_known=True)
CHILD = RecordFacts(is_known=True, is_minor=True)
HELD = RecordFacts(is_known=True, is_held=True)
ABROAD = RecordFacts(is_known=True, is_overseas=True)
NOBODY = RecordFacts(is_known=False)


def of_year(found: RecordFacts, year: str) -> RecordFacts:
    return replace(found, starts=((FISCAL_YEAR_END, year),))


def decisions(facts: Facts, *labels: str) -> tuple[Decision, ...]:
    return tuple(decide(facts, Label.parse(label), 1) for label in labels)


def compared(
    facts: Facts, records: dict[tuple[RecordFacts, str], int], dates: tuple[DatedBy, ...] = ()
) -> tuple[Difference, ...]:
    return differences(Counter(records), facts, decisions(facts, *{label for _, label in records}), dates)


def test_customers_with_the_same_outcome_differ_in_nothing(make_facts: MakeFacts) -> None:
    assert compared(make_facts(), {(ADULT, "customer"): 3, (ABROAD, "customer"): 2}) == ()


def test_every_difference_has_its_fact_and_its_rule(make_facts: MakeFacts) -> None:
    records = {(ADULT, "customer"): 5, (HELD, "held"): 2, (NOBODY, "unknown"): 1}
    found = {(one.facts, one.rules): one for one in compared(make_facts(), records)}
    assert all(one.is_explained for one in found.values())
    assert (("is_held",), ("HOLD-PRECEDENCE",)) in found
    assert (("is_known",), ("unknown-subject",)) in found
    assert found[("is_held",), ("HOLD-PRECEDENCE",)].records == 7


def test_a_child_is_told_apart_by_the_rule_on_children(make_facts: MakeFacts) -> None:
    (found,) = compared(make_facts(), {(ADULT, "customer"): 5, (CHILD, "minor"): 2})
    assert (found.is_explained, found.facts, found.rules) == (True, ("is_minor",), ("DEL-CHILD-23",))


def test_years_are_told_apart_by_the_rules_that_count_from_them(make_facts: MakeFacts) -> None:
    records = {(of_year(ADULT, year), f"customer/{year}"): 4 for year in ("2024", "2025")}
    (found,) = compared(make_facts("accounting_vouchers"), records, (FISCAL,))
    assert (found.is_explained, found.facts) == (True, (FISCAL_YEAR_END,))
    assert set(found.rules) == {"RET-ACC-VOUCHER-30Y", "RET-TAX-10Y"}
    assert (found.one, found.other) == ("store_only until 2054-12-31", "store_only until 2055-12-31")


def test_a_missing_date_explains_what_is_blocked(make_facts: MakeFacts) -> None:
    records = {(of_year(ADULT, "2025"), "customer/2025"): 4, (ADULT, "undated"): 1}
    (found,) = compared(make_facts("accounting_vouchers"), records, (FISCAL,))
    assert (found.is_explained, found.facts) == (True, (FISCAL_YEAR_END,))
    assert "undated-record" in found.rules


# -- what no rule explains ---------------------------------------------------------------------------------------------


def test_records_with_the_same_facts_and_two_outcomes_are_unexplained(make_facts: MakeFacts) -> None:
    (found,) = compared(make_facts(), {(ADULT, "customer"): 5, (ADULT, "unknown"): 2})
    assert not found.is_explained
    assert found.records == 7
    assert "no rule says why" in found.says


def test_customers_abroad_who_are_treated_otherwise_are_unexplained(make_facts: MakeFacts) -> None:
    (found,) = compared(make_facts("accounting_vouchers"), {
        (of_year(ADULT, "2025"), "customer/2025"): 5,
        (of_year(ABROAD, "2025"), "customer/2024"): 2,
    }, (FISCAL,))  # fmt: skip
    assert not found.is_explained
    assert found.rules == ()


def test_a_difference_among_many_years_is_not_hidden_by_the_years(make_facts: MakeFacts) -> None:
    """Two groups of several years each, of which one year is in both."""
    records = {(of_year(ADULT, year), "customer/2024"): 1 for year in ("2023", "2024")}
    records |= {(of_year(ADULT, year), "customer/2025"): 1 for year in ("2024", "2025")}
    (found,) = compared(make_facts("accounting_vouchers"), records, (FISCAL,))
    assert not found.is_explained


def test_those_who_are_all_wronged_alike_are_found_by_their_own_facts(make_facts: MakeFacts) -> None:
    facts = make_facts()
    records = Counter({(HELD, "customer"): 3, (ADULT, "customer"): 5})
    decided = decisions(facts, "customer")
    assert differences(records, facts, decided, ()) == ()
    (found,) = mistaken(records, facts, decided, ())
    assert (found.one, found.other, found.records, found.is_explained) == ("held", "erase", 3, False)


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (HELD, "held"),
        (replace(HELD, is_minor=True), "held"),
        (NOBODY, "unknown"),
        (ADULT, "undated"),
        (CHILD, "undated"),
        (of_year(CHILD, "2025"), "minor/2025"),
        (of_year(ABROAD, "2025"), "customer/2025"),
        (
            replace(ADULT, starts=(("last_order", "2025-03"), (FISCAL_YEAR_END, "2025"))),
            "customer/2025/last_order=2025-03",
        ),
    ],
)
def test_the_label_that_facts_ask_for(found: RecordFacts, label: str) -> None:
    assert str(own_label(found, (FISCAL,))) == label
