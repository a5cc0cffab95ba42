"""Which decisions another rulebook changes: record by record, with counts, outcomes and rules, and no records."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from winddown.domain.errors import Refused
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Period, Rule
from winddown.rules.loader import load_pack
from winddown.stages.deployment import Deployment
from winddown.stages.rules_diff import diff_case

from .decided_case import CASE, decide_shop

PROMISES = str(Path(__file__).parents[3] / "docs" / "packs" / "promises")


@pytest.fixture(autouse=True)
def _decided(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any
) -> None:
    orders = next(entry for entry in case_document["register"] if entry["collection"] == "shop:orders")
    orders["dates"] = {"last_order": "ordered_on"}
    decide_shop(deployment, write_case, case_document, shop)


def changed(book: Rulebook, *rules: Rule, without: str = "") -> Rulebook:
    pack = book.packs[0]
    kept = {**pack.rules, **{rule.id: rule for rule in rules}}
    kept.pop(without, None)
    return Rulebook((replace(pack, rules=MappingProxyType(kept)), *book.packs[1:]))


def lines(deployment: Deployment, before: Rulebook, after: Rulebook) -> list[tuple[Any, ...]]:
    found = diff_case(deployment, CASE, before, after)
    assert found.uncompared == ()
    assert found.records == 10
    return [(one.collection, one.count, str(one.before), str(one.after), one.rules) for one in found.decisions]


def test_the_same_rules_change_nothing(deployment: Deployment) -> None:
    assert lines(deployment, deployment.rulebook, deployment.rulebook) == []


def test_a_shorter_period_changes_the_vouchers_and_nothing_else(deployment: Deployment) -> None:
    book = deployment.rulebook
    shorter = replace(book.rule("RET-ACC-VOUCHER-30Y"), period=Period(years=15))
    by = ("RET-ACC-VOUCHER-30Y",)
    assert lines(deployment, book, changed(book, shorter)) == [
        ("shop:orders", 1, "store_only until 2054-12-31", "store_only until 2039-12-31", by),
        ("shop:orders", 3, "store_only until 2055-12-31", "store_only until 2040-12-31", by),
    ]


def test_both_directions_mirror_each_other(deployment: Deployment) -> None:
    book = deployment.rulebook
    other = changed(book, without="RET-ACC-VOUCHER-30Y")
    there = [(one[1], one[2], one[3]) for one in lines(deployment, book, other)]
    back = [(one[1], one[3], one[2]) for one in lines(deployment, other, book)]
    assert sorted(there) == sorted(back)
    assert there


def test_a_book_that_tells_records_apart_by_other_dates_is_joined_by_record(
    deployment: Deployment, rulebook: Rulebook
) -> None:
    """With the promise, orders are labelled by the person's last order too; the law's minimum still decides."""
    promised = Rulebook((*rulebook.packs, load_pack(PROMISES)))
    assert lines(deployment, rulebook, promised) == []


def test_a_promise_that_meets_no_law_opens_the_question_for_the_records_that_it_reaches(
    deployment: Deployment, rulebook: Rulebook
) -> None:
    """A year after the last order; the tax rule, which alone is a law's own, is taken to be repealed."""
    tax = rulebook.rule("RET-TAX-10Y")
    before = changed(rulebook, replace(tax, basis=replace(tax.basis, effective_to=date(2020, 1, 1))))
    pack = load_pack(PROMISES)
    promise = replace(pack.rules["PROMISE-NOTICE-2Y"], period=Period(years=1))
    after = Rulebook((*before.packs, replace(pack, rules=MappingProxyType({promise.id: promise}))))
    found = diff_case(deployment, CASE, before, after).decisions
    assert {(one.collection, one.what, one.rules) for one in found} == {
        ("shop:orders", ("open question: no → yes",), ("PROMISE-NOTICE-2Y",))
    }
    assert sum(one.count for one in found) == 3  # the two adults'; the child's are open already


def test_records_written_between_the_two_readings_are_not_compared_and_counted(
    deployment: Deployment, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, seen = shop.read, []

    def later(collection: Any, **named: Any) -> Any:
        seen.append(collection.ref.name)
        batches = list(read(collection, **named))
        return batches[:-1] if seen.count("orders") > 1 and collection.ref.name == "orders" else batches

    monkeypatch.setattr(shop, "read", later)
    found = diff_case(deployment, CASE, deployment.rulebook, deployment.rulebook)
    ((left),) = found.uncompared
    assert (left.collection, left.records) == ("shop:orders", 3)
    assert found.records == 7


def test_a_book_that_does_not_know_the_cases_words_is_refused(deployment: Deployment) -> None:
    book = deployment.rulebook
    with pytest.raises(Refused, match="RET-TAX-10Y"):
        diff_case(deployment, CASE, book, changed(book, without="RET-TAX-10Y"))


def test_comparing_records_nothing(deployment: Deployment) -> None:
    size, names = deployment.ledger.size(CASE), deployment.control.names(CASE, "decisions")
    diff_case(deployment, CASE, deployment.rulebook, deployment.rulebook)
    assert (deployment.ledger.size(CASE), deployment.control.names(CASE, "decisions")) == (size, names)
