"""What differs between two rulebooks, and what counts as another text."""

from dataclasses import replace
from datetime import date

import pytest

from winddown.domain.pack import Rulebook
from winddown.domain.rule import AuthorityLevel, Period
from winddown.domain.rule_changes import RuleChange, rule_changes, rule_digest

from .books import with_rules, without_rules

VOUCHER = "RET-ACC-VOUCHER-30Y"


def test_the_same_book_differs_in_nothing(rulebook: Rulebook) -> None:
    assert rule_changes(rulebook, rulebook) == ()


def test_added_and_removed_rules_are_named(rulebook: Rulebook) -> None:
    shorter = without_rules(rulebook, VOUCHER)
    assert rule_changes(rulebook, shorter) == (RuleChange(VOUCHER, "removed"),)
    assert rule_changes(shorter, rulebook) == (RuleChange(VOUCHER, "added"),)


def test_changed_fields_are_shown_before_and_after_inner_ones_with_their_place(rulebook: Rulebook) -> None:
    rule = rulebook.rule(VOUCHER)
    basis = replace(rule.basis, authority_level=AuthorityLevel.LAW, effective_to=date(2030, 1, 1))
    changed = replace(rule, period=Period(years=15), needs=("voucher_number",), core=(), basis=basis)
    (found,) = rule_changes(rulebook, with_rules(rulebook, changed))
    assert (found.rule, found.change) == (VOUCHER, "changed")
    assert {name: (was, now) for name, was, now in found.fields} == {
        "period": ("P30Y", "P15Y"),
        "needs": ("voucher_number, voucher_date, amount, tax, payment_method", "voucher_number"),
        "core": ("voucher_number, voucher_date, amount", ""),
        "basis.authority_level": ("dept_rule", "law"),
        "basis.effective_to": ("", "2030-01-01"),
    }


def test_a_penalty_that_is_added_is_a_change(rulebook: Rulebook) -> None:
    rule = rulebook.rule(VOUCHER)
    assert rule.penalty is not None
    (found,) = rule_changes(with_rules(rulebook, replace(rule, penalty=None)), rulebook)
    assert {name for name, _, now in found.fields if now} >= {"penalty.article", "penalty.text"}


@pytest.mark.parametrize(
    "change", [{"period": Period(years=15)}, {"data_category": ("invoices",)}, {"default_start_event": "last_order"}]
)
def test_what_a_rule_asks_is_in_its_digest(rulebook: Rulebook, change: dict[str, object]) -> None:
    rule = rulebook.rule(VOUCHER)
    assert rule_digest(replace(rule, **change)) != rule_digest(rule)  # type: ignore[arg-type]


def test_reading_a_rule_again_does_not_change_its_digest(rulebook: Rulebook) -> None:
    rule = rulebook.rule(VOUCHER)
    again = replace(rule, reviewed_on=date(2030, 1, 1), notes="read again", title_en="Vouchers")
    assert rule_digest(again) == rule_digest(rule)
