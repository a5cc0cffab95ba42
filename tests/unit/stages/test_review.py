"""What is due for review: old readings of rules, announced changes, missing dates, answers to another text, holds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from winddown.domain.pack import PendingChange, Rulebook
from winddown.domain.rule import Period
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case
from winddown.stages.review import Due, review, review_lines

from .decided_case import CASE, decide_shop

WriteCase = Callable[[Any], Path]


@pytest.fixture(autouse=True)
def _decided(deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any) -> None:
    decide_shop(deployment, write_case, case_document, shop)


def due(deployment: Deployment, what: str) -> list[Due]:
    return [found for found in review(deployment, (CASE,)) if found.what == what]


def with_pack(deployment: Deployment, rule: str = "", change: dict[str, Any] | None = None, **pack: Any) -> Deployment:
    first = deployment.rulebook.packs[0]
    if change is not None:
        changed = replace(first.rules[rule], **change)
        pack["rules"] = MappingProxyType({**first.rules, rule: changed})
    return replace(deployment, rulebook=Rulebook((replace(first, **pack),)))


def at(deployment: Deployment, day: date) -> Deployment:
    class Clock:
        def now(self) -> datetime:
            return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)

    return replace(deployment, clock=Clock())


def test_nothing_is_due_in_a_case_that_is_in_order(deployment: Deployment) -> None:
    assert review(with_pack(deployment, pending=()), (CASE,)) == ()
    assert list(review_lines(())) == ["nothing is due for review"]


def test_a_rule_is_due_the_day_after_its_period_and_the_oldest_reading_comes_first(deployment: Deployment) -> None:
    older = with_pack(deployment, "RET-TAX-10Y", {"reviewed_on": date(2026, 11, 1)}, review_every=Period(months=6))
    assert due(at(older, date(2027, 5, 1)), "rule-not-reviewed") == []
    assert [found.subject for found in due(at(older, date(2027, 5, 2)), "rule-not-reviewed")] == ["RET-TAX-10Y"]
    later = due(at(older, date(2027, 6, 30)), "rule-not-reviewed")
    assert later[0].subject == "RET-TAX-10Y"
    assert len(later) == len(older.rulebook.in_force(date(2027, 6, 30)))


def test_a_rule_of_the_past_is_not_read_again(deployment: Deployment) -> None:
    basis = deployment.rulebook.rule("RET-TAX-10Y").basis
    past = {"reviewed_on": date(2020, 1, 1), "basis": replace(basis, effective_to=date(2021, 1, 1))}
    assert due(with_pack(deployment, "RET-TAX-10Y", past), "rule-not-reviewed") == []


def test_a_pack_that_does_not_say_how_often_is_due_itself(deployment: Deployment) -> None:
    (found,) = due(with_pack(deployment, review_every=None), "rule-not-reviewed")
    assert (found.subject, found.case) == ("cn", "")


def test_an_announced_change_is_due_where_a_case_uses_the_rule(deployment: Deployment) -> None:
    changes = (
        PendingChange("NEW-TAX", "细则修订", "draft", "P15Y", ("RET-TAX-10Y", "XB-EXEMPT-UNUSED")),
        PendingChange("NEW-OTHER", "其他", "draft", "none", ("XB-EXEMPT-UNUSED",)),
    )
    (found,) = due(with_pack(deployment, pending=changes), "pending-change")
    assert (found.subject, found.case) == ("NEW-TAX", CASE)
    assert "RET-TAX-10Y" in found.says


def test_a_start_that_nobody_accepted_is_due_from_an_officer(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any
) -> None:
    decide_shop(deployment, write_case, case_document | {"accepted_dates": []}, shop)
    (found,) = due(deployment, "start-not-accepted")
    assert (found.subject, found.who) == ("RET-TAX-10Y", "a named officer")
    assert "shop:orders" in found.says


def test_a_start_that_no_field_dates_is_due_from_the_steward(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any
) -> None:
    orders = next(entry for entry in case_document["register"] if entry["collection"] == "shop:orders")
    decide_shop(deployment, write_case, case_document, shop)
    orders["dated_by"] = ""
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    assert {found.subject: found.who for found in due(deployment, "start-not-dated")} == {
        "RET-ACC-VOUCHER-30Y": "steward",
        "RET-TAX-10Y": "steward",
    }


def test_an_event_of_the_case_that_has_no_date_is_due_from_the_liquidation_group(deployment: Deployment) -> None:
    change = {"start_event": "guardians_told", "default_start_event": None}
    (found,) = due(with_pack(deployment, "RET-ACC-VOUCHER-30Y", change), "start-not-dated")
    assert (found.subject, found.who) == ("RET-ACC-VOUCHER-30Y", "liquidation group")


@pytest.mark.parametrize(
    ("change", "is_due"),
    [
        ({"period": Period(years=15)}, True),
        ({"needs": ("voucher_number",), "core": ()}, True),
        ({"reviewed_on": date(2027, 1, 1), "notes": "read again"}, False),
    ],
)
def test_an_accepted_date_is_due_when_its_rule_asks_something_else(
    deployment: Deployment, change: dict[str, Any], is_due: bool
) -> None:
    found = due(with_pack(deployment, "RET-TAX-10Y", change), "answer-to-another-text")
    assert [(one.subject, one.who) for one in found] == ([("RET-TAX-10Y", "chen")] if is_due else [])


def test_opening_the_case_again_does_not_renew_an_old_answer_and_new_evidence_does(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], case_folder: Path
) -> None:
    changed = with_pack(deployment, "RET-TAX-10Y", {"period": Period(years=15)})
    case_document["grace"]["reason"] = "another"
    open_case(changed, read_case_file(write_case(case_document)), requested_by="operator")
    assert len(due(changed, "answer-to-another-text")) == 1
    (case_folder / "evidence" / "again.txt").write_text("read again", "utf-8")
    case_document["accepted_dates"][0]["evidence"] = "evidence/again.txt"
    open_case(changed, read_case_file(write_case(case_document)), requested_by="operator")
    assert due(changed, "answer-to-another-text") == []


def test_counsels_opinion_is_an_answer_too(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any]
) -> None:
    case_document["people"].append({"id": "zheng", "name": "zheng", "role": "counsel"})
    case_document["opinions"] = [
        {"rule": "DEL-CHILD-23", "keeps": True, "given_by": "zheng", "given_on": date(2026, 10, 12),
         "evidence": "evidence/event.txt"}
    ]  # fmt: skip
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    assert due(deployment, "answer-to-another-text") == []
    changed = with_pack(deployment, "DEL-CHILD-23", {"requires_events": ()})
    (found,) = due(changed, "answer-to-another-text")
    assert (found.subject, found.who) == ("DEL-CHILD-23", "zheng")


def test_a_hold_past_its_review_still_holds_and_is_due(deployment: Deployment) -> None:
    assert due(at(deployment, date(2027, 6, 1)), "hold-not-reviewed") == []
    (found,) = due(at(deployment, date(2027, 6, 2)), "hold-not-reviewed")
    assert (found.subject, found.who) == ("H-1", "li")


def test_each_thing_is_one_line_that_names_case_subject_and_who(deployment: Deployment) -> None:
    found = review(at(deployment, date(2027, 6, 2)), (CASE,))
    (line,) = [line for line in review_lines(found) if "hold" in line]
    assert line.startswith("demo-1: hold-not-reviewed H-1: ")
    assert line.endswith("; li")
