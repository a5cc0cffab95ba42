"""What is missing before records can be decided: a word that nobody knows, a sector, a person, a steward's answer."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from winddown.domain.disposition import Facts
from winddown.domain.finding import Status
from winddown.domain.label import Label
from winddown.domain.pack import Rulebook
from winddown.domain.undecided import GENERAL_CATEGORIES, undecided

from .books import with_rules

MakeFacts = Callable[..., Facts]
KEPT, DELETED, HANDED = "RET-ACC-VOUCHER-30Y", "DEL-CHILD-23", "HO-LIFEINS-92"


def missing(facts: Facts, label: str = "customer") -> list[str]:
    return [reason.rule for reason in undecided(facts, Label.parse(label))]


@pytest.mark.parametrize("category", sorted(GENERAL_CATEGORIES - {"company_own", "backup"}))
def test_a_general_category_needs_no_rule_of_its_own(make_facts: MakeFacts, category: str) -> None:
    assert missing(make_facts(category)) == []


@pytest.mark.parametrize(
    ("category", "also", "said"),
    [
        ("acounting_vouchers", (), "no rule knows the category acounting_vouchers; a steward corrects it"),
        ("customer_contact", ("b", "a", "accounting_vouchers"), "no rule knows the category a, b; a steward"),
    ],
)
def test_a_mistyped_category_is_named_because_no_duty_would_match_it(
    make_facts: MakeFacts, category: str, also: tuple[str, ...], said: str
) -> None:
    facts = make_facts(category)
    assert facts.entry is not None
    (reason,) = undecided(replace(facts, entry=replace(facts.entry, also=also)), Label.parse("customer"))
    assert (reason.rule, reason.says[: len(said)]) == ("unknown-category", said)


@pytest.mark.parametrize(
    ("binding", "expected"),
    [((), ["no-duty-for-sector"]), ((DELETED,), ["no-duty-for-sector"]), ((HANDED,), []), ((KEPT,), [])],
    ids=["none", "a duty to delete", "a duty to hand over", "a duty to keep"],
)
def test_of_a_category_that_other_sectors_keep_something_must_say_here_that_it_stays(
    make_facts: MakeFacts, rulebook: Rulebook, binding: tuple[str, ...], expected: list[str]
) -> None:
    category = ("outpatient_records",)  # kept by medical institutions alone
    own = [
        replace(rulebook.rule(one), id=f"{one}-X", data_category=category, applies_to=("all_companies",))
        for one in binding
    ]
    facts = make_facts(*category, rulebook=with_rules(rulebook, *own))
    assert missing(facts) == expected
    assert facts.entry is not None
    assert missing(replace(facts, entry=replace(facts.entry, about="merchants"))) == []


@pytest.mark.parametrize(("category", "expected"), [("customer_contact", ["untied-record"]), ("company_own", [])])
def test_what_was_not_tied_to_persons_is_named_unless_it_is_tied_to_nobody_by_nature(
    make_facts: MakeFacts, category: str, expected: list[str]
) -> None:
    assert [one for one in missing(make_facts(category), "whole") if one != "company-own"] == expected
    assert "untied-record" not in missing(make_facts(None), "whole")


@pytest.mark.parametrize("status", [Status.AMBIGUOUS, Status.HEADER_ONLY])
@pytest.mark.parametrize(
    ("label", "is_asked"), [("customer", True), ("minor", True), ("whole", False), ("other", False)]
)
def test_a_field_that_may_hold_anything_is_asked_about_where_persons_are(
    make_facts: MakeFacts, status: Status, label: str, *, is_asked: bool
) -> None:
    assert ("ambiguous-field" in missing(make_facts(statuses=(status,)), label)) is is_asked


def test_a_row_that_stays_refers_to_it(make_facts: MakeFacts) -> None:
    assert missing(make_facts(), "referenced") == ["referenced-record"]
