"""Customers with the same facts are treated the same; a labelling that does otherwise is caught, whatever it breaks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Wave
from winddown.stages import plain_facts, subjects
from winddown.stages import plan as planning
from winddown.stages.check import Checks
from winddown.stages.decide import decide_case, label_and_decide
from winddown.stages.deployment import Deployment
from winddown.stages.fairness import Fairness, check_fairness, fairness_blockers
from winddown.stages.labels import date_of, is_placeholder
from winddown.stages.plain_facts import day_of, is_nobodys

from .decided_case import CASE, CUSTOMERS, open_shop

Break = Callable[[pl.DataFrame, pl.Series], pl.Series]


@pytest.fixture
def inventory(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any
) -> Inventory:
    return open_shop(deployment, write_case, case_document, shop)


def checked(deployment: Deployment, inventory: Inventory, **more: Any) -> Fairness:
    case = deployment.case(CASE)
    findings = deployment.control.require(CASE, "findings", "findings", type_=tuple[Finding, ...])
    labelled, index = label_and_decide(deployment, case, inventory, findings)
    return check_fairness(deployment, case, inventory, findings, labelled=labelled, index=index, **more)


# -- a labelling that is right -----------------------------------------------------------------------------------------


def test_a_small_case_is_compared_whole_and_every_difference_has_its_rule(
    deployment: Deployment, inventory: Inventory
) -> None:
    found = checked(deployment, inventory)
    assert found.failures == ()
    assert (found.customers, found.of_customers, found.may_miss) == (4, 4, 0.0)
    assert {one.collection: one.records for one in found.collections} == {"shop:customers": 4, "shop:orders": 6}
    orders = found.of("shop:orders")
    assert orders is not None
    assert all(one.rules and one.facts for one in orders.differences)
    assert {fact for one in orders.differences for fact in one.facts} == {
        "is_held", "is_known", "is_minor", "day_after_fiscal_year_end",
    }  # fmt: skip


def test_deciding_records_the_result(deployment: Deployment, inventory: Inventory) -> None:
    decide_case(deployment, CASE)
    found = deployment.control.require(CASE, "fairness", "first", type_=Fairness)
    assert found.failures == ()
    assert found == checked(deployment, inventory)


def test_nothing_that_is_recorded_names_anybody(deployment: Deployment, inventory: Inventory) -> None:
    text = repr(checked(deployment, inventory))
    assert not [name for name in CUSTOMERS["id"] if str(name) in text]


# -- a labelling that is broken ----------------------------------------------------------------------------------------


def by_name(wrong: str, right: Callable[[str], str]) -> Break:
    """Give the records of one customer another label."""

    def broken(records: pl.DataFrame, labels: pl.Series) -> pl.Series:
        return pl.Series([
            right(label) if subject == wrong else label
            for subject, label in zip(records.get_column("subject"), labels, strict=True)
        ])  # fmt: skip

    return broken


BROKEN: dict[str, Break] = {
    "a held person's records go": by_name("C-held", lambda _: "customer/2025"),
    "a child is taken for an adult": by_name("C-child", lambda label: label.replace("minor", "customer")),
    "somebody abroad is kept a year less": by_name("C-abroad", lambda label: label.replace("2025", "2024")),
    "one customer is nobody": by_name("C-adult", lambda _: "unknown"),
    "one order of a customer is undated": lambda records, labels: (
        pl.Series(["undated", *labels.to_list()[1:]]) if "ordered_on" in records.columns else labels
    ),
    "everybody is held": lambda _, labels: pl.Series(["held"] * labels.len()),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_labelling_is_caught_and_blocks_the_collection(
    deployment: Deployment, inventory: Inventory, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    right = subjects.labels
    monkeypatch.setattr(subjects, "labels", lambda records, *a, **k: BROKEN[name](records, right(records, *a, **k)))
    found = checked(deployment, inventory)
    assert found.failures, name
    blockers = fairness_blockers(found)
    assert {blocker.code for blocker in blockers} == {"unexplained-difference"}
    assert {blocker.subject for blocker in blockers} == {failure.collection for failure in found.failures}
    assert not [key for key in CUSTOMERS["id"] for blocker in blockers if str(key) in blocker.explanation]


def test_one_customer_with_the_facts_of_another_and_another_outcome_is_unexplained(
    deployment: Deployment, inventory: Inventory, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put("customers", {name: [*cells, cells[2]] for name, cells in CUSTOMERS.items()} | {
        "id": [*CUSTOMERS["id"], "C-twin"]}, key=("id",))  # fmt: skip
    now = Inventory(tuple(found for found, _ in shop.shelf.values()), ())
    right, broken = subjects.labels, by_name("C-twin", lambda _: "unknown")
    monkeypatch.setattr(subjects, "labels", lambda records, *a, **k: broken(records, right(records, *a, **k)))
    found = checked(deployment, now).of("shop:customers")
    assert found is not None
    assert any({one.one, one.other} == {"blocked", "erase"} for one in found.failures)
    assert inventory is not now


def test_the_second_reading_shares_no_code_with_the_labelling() -> None:
    source = Path(plain_facts.__file__).read_text("utf-8")
    assert "stages.labels" not in source
    assert "stages.subjects" not in source


# -- the two ways of reading a date agree on what is written as documented ---------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["2015-03-02", "2015-03-02 10:11:12", "2015-03-02T10:11:12+08:00", "20150302", "2016-02-29", "2015-02-29",
     "2015-13-01", "20151301", "2015/03/02", "2015-03", "", "unknown", "201503021", "2015-3-2", None, "0001-01-01",
     "9999-12-31", "9999-12-31T23:59:59Z", "9999-12-31 23:59:59.999999+00", "0001-01-01T00:00:00+09:00", "1900-01-01",
     "1900-01-02", "1899-12-31T16:00:00Z", "1970-01-01", "1970-01-01T00:00:00Z", "1969-12-31T16:00:00Z", "1970-01-02",
     "1988-07-01T15:30:00Z", "1950-05-06", "2099-12-31T23:59:59Z", "2199-12-31", "2200-01-01", "0000-00-00",
     "0000-00-00 00:00:00", "infinity", "-infinity", "99991231", "19700101"],
)  # fmt: skip
def test_both_readings_agree_on_a_date(text: str | None) -> None:
    frame = pl.DataFrame({"text": [text]}, schema={"text": pl.String})
    assert day_of(text) == frame.select(date_of(pl.col("text"))).item()
    assert is_nobodys(text) is frame.select(is_placeholder(pl.col("text"))).item()


# -- a case that is too big to be compared whole -----------------------------------------------------------------------


def many(shop: Any, count: int) -> Inventory:
    keys: list[str | None] = [f"C-{number}" for number in range(count)]
    shop.put("customers", {
        "id": keys, "born_on": ["1990-01-01"] * count, "country": ["CN"] * count, "mobile": ["13800000001"] * count,
    }, key=("id",))  # fmt: skip
    return Inventory(tuple(found for found, _ in shop.shelf.values() if found.ref.name == "customers"), ())


@pytest.fixture
def nobody_held(case_document: dict[str, Any]) -> None:
    case_document["holds"] = []


@pytest.mark.usefixtures("nobody_held", "inventory")
def test_a_sample_is_drawn_by_a_key_and_states_what_it_may_miss(deployment: Deployment, shop: Any) -> None:
    found = checked(deployment, many(shop, 2000), whole_records=500)
    assert 400 < found.customers < 600
    assert found.may_miss == pytest.approx(3 / found.customers)
    assert found.failures == ()
    assert found == checked(deployment, many(shop, 2000), whole_records=500)


@pytest.mark.usefixtures("nobody_held", "inventory")
def test_what_touches_more_than_the_bound_is_found_by_the_sample(
    deployment: Deployment, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = subjects.labels

    def broken(records: pl.DataFrame, *given: Any, **named: Any) -> pl.Series:
        labels = right(records, *given, **named).to_list()
        return pl.Series(["unknown" if row % 50 == 0 else label for row, label in enumerate(labels)])

    monkeypatch.setattr(subjects, "labels", broken)
    assert checked(deployment, many(shop, 2000), whole_records=500).failures


# -- planning ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_collection_with_an_unexplained_difference_is_in_no_plan(
    deployment: Deployment, inventory: Inventory, monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    right, broken = subjects.labels, BROKEN["one customer is nobody"]
    if is_broken:
        monkeypatch.setattr(subjects, "labels", lambda records, *a, **k: broken(records, right(records, *a, **k)))
    findings = deployment.control.require(CASE, "findings", "findings", type_=tuple[Finding, ...])
    deployment.control.put(CASE, "checks", "before", Checks((), (), (), ()), type_=Checks)
    monkeypatch.setattr(planning, "_preconditions", lambda *_: ())
    monkeypatch.setattr(planning, "take_inventory", lambda *_: inventory)
    monkeypatch.setattr(planning, "classify_inventory", lambda *_: findings)
    monkeypatch.setattr(planning, "dry_run", lambda *_: None)
    monkeypatch.setattr(planning, "write_probes", lambda *_: None)
    if is_broken:
        with pytest.raises(Refused, match="unexplained-difference"):
            planning.make_plan(deployment, CASE, Wave.AFTER_CLAIMS)
    else:
        plan = planning.make_plan(deployment, CASE, Wave.AFTER_CLAIMS)
        assert plan is not None
        assert {str(order.collection) for order in plan.orders} == {"shop:customers", "shop:orders"}
    blockers = deployment.control.require(CASE, "blockers", Wave.AFTER_CLAIMS, type_=tuple[Blocker, ...])
    named = {found.subject for found in blockers if found.code == "unexplained-difference"}
    assert named == ({"shop:customers", "shop:orders"} if is_broken else set())
    assert deployment.control.require(CASE, "fairness", Wave.AFTER_CLAIMS, type_=Fairness)
