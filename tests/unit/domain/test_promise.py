"""A company's own promise is a maximum: it shortens what is only arguably kept, and never beats or lengthens a law."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.decision import Decision, Disposition
from winddown.domain.disposition import Facts, decide
from winddown.domain.label import Label
from winddown.domain.pack import Rulebook
from winddown.domain.rule import AuthorityLevel
from winddown.domain.timeline import Timeline
from winddown.rules.loader import load_pack

from .books import with_rules

MakeFacts = Callable[..., Facts]
PACK = str(Path(__file__).parents[3] / "docs" / "packs" / "promises")
PROMISE = "PROMISE-NOTICE-2Y"
LONG_AGO, RECENT = "2024-06", "2025-06"  # the promise of two years ended, or did not, by 2027-01-15


@pytest.fixture
def promised(rulebook: Rulebook) -> Rulebook:
    return Rulebook((*rulebook.packs, load_pack(PACK)))


def facts_of(make_facts: MakeFacts, category: str, book: Rulebook, **changes: Any) -> Facts:
    facts = make_facts(category, rulebook=book, **changes)
    assert facts.entry is not None
    return replace(facts, entry=replace(facts.entry, dates=(("last_order", "ordered_on"),), dated_by="ordered_on"))


def verdict(facts: Facts, month: str, *, year: str = "") -> Decision:
    return decide(facts, Label.parse(f"customer{year}/last_order={month}"), 1)


def still_running(make_case: Callable[..., Any]) -> Any:
    return make_case(timeline=Timeline(()))  # the service runs, so nothing else asks for deletion


def test_what_nobody_asked_to_delete_is_due_when_the_promised_time_is_over(
    make_facts: MakeFacts, make_case: Callable[..., Any], promised: Rulebook
) -> None:
    facts = facts_of(make_facts, "customer_contact", promised, case=still_running(make_case))
    assert verdict(facts, RECENT).disposition is Disposition.BLOCKED
    due = verdict(facts, LONG_AGO)
    assert due.disposition is Disposition.ERASE
    assert PROMISE in due.reasons[0].says
    assert due.reasons[0].citation.startswith("中华人民共和国个人信息保护法")  # the promise alone destroys nothing


def test_the_promise_ends_on_its_last_day_and_not_before(
    make_facts: MakeFacts, make_case: Callable[..., Any], promised: Rulebook
) -> None:
    case = still_running(make_case)
    for as_of, due in ((date(2026, 6, 30), False), (date(2026, 7, 1), True)):
        facts = facts_of(make_facts, "customer_contact", promised, case=case, as_of=as_of)
        assert (verdict(facts, LONG_AGO).disposition is Disposition.ERASE) is due


def test_a_laws_minimum_goes_before_the_promise_and_says_so(make_facts: MakeFacts, promised: Rulebook) -> None:
    facts = facts_of(make_facts, "accounting_vouchers", promised)
    without = decide(replace(facts, rulebook=Rulebook(promised.packs[:1])), Label.parse("customer/2024"), 1)
    kept = verdict(facts, LONG_AGO, year="/2024")
    assert (kept.disposition, kept.until, kept.terms, kept.is_open) == (
        without.disposition,
        without.until,
        without.terms,
        False,
    )
    (lost,) = (reason for reason in kept.reasons if reason.rule == PROMISE)
    assert (lost.prevails, lost.step) == (False, "P8")


def test_a_minimum_that_no_law_sets_meets_the_promise_as_an_open_question(
    make_facts: MakeFacts, rulebook: Rulebook, promised: Rulebook
) -> None:
    """A departmental rule that a law provides for keeps; against the promise counsel is asked."""
    tax = rulebook.rule("RET-TAX-10Y")
    repealed = replace(tax, basis=replace(tax.basis, effective_to=date(2020, 1, 1)))
    facts = facts_of(make_facts, "accounting_vouchers", with_rules(promised, repealed))
    assert not verdict(facts, RECENT, year="/2025").is_open
    asked = verdict(facts, LONG_AGO, year="/2024")
    assert asked.disposition is Disposition.STORE_ONLY
    assert asked.is_open
    assert [reason.step for reason in asked.reasons if reason.rule == PROMISE] == ["P6"]


@pytest.mark.parametrize("month", [LONG_AGO, RECENT])
@pytest.mark.parametrize("category", ["customer_contact", "accounting_vouchers", "analytics_copy"])
def test_a_promise_never_lengthens_keeping(
    make_facts: MakeFacts, promised: Rulebook, category: str, month: str
) -> None:
    """With it, everything that was erased is erased, and nothing is kept longer."""
    facts = facts_of(make_facts, category, promised)
    year = f"/{month[:4]}" if category == "accounting_vouchers" else ""
    without = verdict(replace(facts, rulebook=Rulebook(promised.packs[:1])), month, year=year)
    given = verdict(facts, month, year=year)
    assert (given.disposition is Disposition.ERASE) >= (without.disposition is Disposition.ERASE)
    assert given.until == without.until


def test_a_hold_beats_a_promise(make_facts: MakeFacts, promised: Rulebook) -> None:
    facts = facts_of(make_facts, "customer_contact", promised)
    assert decide(facts, Label.parse("held"), 1).disposition is Disposition.HELD


def test_the_example_holds_nothing_but_promises() -> None:
    pack = load_pack(PACK)
    assert {rule.basis.authority_level for rule in pack.rules.values()} == {AuthorityLevel.PROMISE}
