"""Why records go or stay: what was decided, what would be decided today, and of one record its label alone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from winddown.commands.why_text import Language, explanation_text, label_lines
from winddown.domain.decision import Decision, Disposition, stop
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef, Medium
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Period
from winddown.stages.alike import alike
from winddown.stages.deployment import Deployment
from winddown.stages.explain import Explanation, LabelExplained, explain, explain_one
from winddown.stages.record import find_record

from .decided_case import CASE, decide_shop

ORDERS = CollectionRef("shop", "orders")


@pytest.fixture(autouse=True)
def _decided(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any
) -> None:
    decide_shop(deployment, write_case, case_document, shop)


def of_label(found: Explanation, label: str) -> LabelExplained:
    return next(one for one in found.labels if one.decision.label == label)


def ids(spoken: Iterator[Any] | tuple[Any, ...]) -> list[str]:
    return [one.reason.rule for one in spoken]


def with_period(book: Rulebook, rule_id: str, years: int) -> Rulebook:
    pack = book.packs[0]
    rules = {**pack.rules, rule_id: replace(pack.rules[rule_id], period=Period(years=years))}
    return Rulebook((replace(pack, rules=MappingProxyType(rules)),))


# -- a collection ------------------------------------------------------------------------------------------------------


def test_every_label_is_explained_with_winners_losers_words_and_penalties(deployment: Deployment) -> None:
    found = explain(deployment, CASE, ORDERS)
    assert (found.source, found.approvals) == ("first", ())
    assert {one.decision.label: one.decision.count for one in found.labels} == {
        "customer/2024": 1, "customer/2025": 2, "held": 1, "minor/2025": 1, "unknown": 1,
    }  # fmt: skip
    voucher = of_label(found, "customer/2025")
    assert {"RET-ACC-VOUCHER-30Y", "DEL-PIPL-47-2"} <= set(ids(voucher.winners))
    assert ids(voucher.losers) == ["RET-TAX-10Y"]
    (tax,) = voucher.losers
    assert tax.reason.step == "P3"
    assert "minimum set by law" in tax.step
    assert tax.article is not None
    assert "应当保存10年" in tax.article.text
    assert {"RET-ACC-VOUCHER-30Y", "DEL-PIPL-47-2"} <= {rule.id for rule in voucher.penalties}
    assert ("day_after_fiscal_year_end", "2025", ("RET-ACC-VOUCHER-30Y", "RET-TAX-10Y")) in voucher.starts


def test_labels_that_the_same_rules_treat_alike_are_told_together_with_every_sentence(deployment: Deployment) -> None:
    found = explain(deployment, CASE, ORDERS)
    groups = alike(found.labels)
    assert [[one.decision.label for one in group.labels] for group in groups if len(group.labels) > 1] == [
        ["customer/2024", "customer/2025"]
    ]
    assert sorted(one.decision.label for group in groups for one in group.labels) == sorted(
        one.decision.label for one in found.labels
    )
    (both,) = [group for group in groups if len(group.labels) > 1]
    assert both.count == 3
    kept = ids(both.first.winners).index("RET-ACC-VOUCHER-30Y")
    assert [(said.labels, "2054-12-31" in said.says, "2055-12-31" in said.says)
            for said in both.sentences("winners", kept)] == [
        (("customer/2024",), True, False), (("customer/2025",), False, True)
    ]  # fmt: skip
    deletion = ids(both.first.winners).index("DEL-PIPL-47-2")
    (same,) = both.sentences("winners", deletion)
    assert same.labels == ()


def test_the_command_line_says_each_rule_once_for_labels_that_are_alike(deployment: Deployment) -> None:
    found = explain(deployment, CASE, ORDERS)
    text = explanation_text(found, Language("en"))
    single = ["\n".join(label_lines(one, Language("en"))) for one in found.labels]
    told = {line.strip() for line in text.splitlines()}
    for one in single:
        for line in one.splitlines():
            # Nothing is lost: every line stands there, or with the label that it is said of.
            assert line.strip() in told or any(other.endswith(f"] {line.strip()}") for other in told), line
    article = "must be kept until 2055-12-31"
    assert text.count(article) == sum(one.count(article) for one in single)
    assert len(text.splitlines()) < sum(len(one.splitlines()) for one in single)
    assert "customer/2024" in text


def test_the_command_line_says_the_reasons_in_chinese(deployment: Deployment) -> None:
    text = explanation_text(explain(deployment, CASE, ORDERS), Language("zh"))
    assert (
        "[customer/2025] 须保存至 2055-12-31（自 2026-01-01 起 P30Y）；阻止删除的依据：法律、行政法规授权的部门规章"
        in text
    )
    assert "对应的人缺失或不是已知客户；由数据管理员决定" in text
    assert "没有生效的保全覆盖这些记录" in text
    assert "must be kept" not in text


def test_rules_that_took_no_part_say_why(deployment: Deployment) -> None:
    found = explain(deployment, CASE, ORDERS)
    silent = {one.reason.rule: one.reason for one in of_label(found, "customer/2025").silent}
    assert "under 14" in silent["DEL-CHILD-23"].says
    assert "no hold" in silent["HOLD-PRECEDENCE"].says
    held = {one.reason.rule: one.reason.step for one in of_label(found, "held").silent}
    assert held["RET-ACC-VOUCHER-30Y"] == held["DEL-PIPL-47-2"] == "P1"


def test_what_is_open_names_who_answers(deployment: Deployment) -> None:
    found = explain(deployment, CASE, ORDERS)
    (unknown,) = of_label(found, "unknown").questions
    assert (unknown.code, unknown.answered_by) == ("unknown-subject", "steward")
    (child,) = of_label(found, "minor/2025").questions
    assert (child.code, child.answered_by) == ("DEL-CHILD-23", "counsel")
    assert of_label(found, "customer/2025").questions == ()


def test_the_question_of_a_record_that_others_refer_to_names_them(deployment: Deployment) -> None:
    says = "rows of shop:tickets that stay refer to them; resolve what keeps or blocks these, then plan again"
    stays = Decision(ORDERS, "referenced", 2, Disposition.BLOCKED, (stop("referenced-record", says),))
    deployment.control.put(CASE, "decisions", "first", (stays,), type_=tuple[Decision, ...])
    found = of_label(explain(deployment, CASE, ORDERS), "referenced")
    assert [(one.code, one.says, one.answered_by) for one in found.questions] == [
        ("referenced-record", says, "steward")
    ]
    assert found.changes == ()


def test_a_start_that_nobody_accepted_is_answered_by_an_officer(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any
) -> None:
    decide_shop(deployment, write_case, case_document | {"accepted_dates": []}, shop)
    asked = {
        one.code: one.answered_by for one in of_label(explain(deployment, CASE, ORDERS), "customer/2025").questions
    }
    assert asked == {"RET-TAX-10Y": "a named officer"}


def test_nothing_changed_says_so(deployment: Deployment) -> None:
    assert {one.changes for one in explain(deployment, CASE, ORDERS).labels} == {()}


def test_another_rulebook_shows_what_would_be_decided_today(deployment: Deployment) -> None:
    now = replace(deployment, rulebook=with_period(deployment.rulebook, "RET-ACC-VOUCHER-30Y", 15))
    found = of_label(explain(now, CASE, ORDERS), "customer/2025")
    assert found.decision.until is not None
    assert found.decision.until.year == 2055
    assert found.changes == ("until: 2055-12-31 → 2040-12-31",)


def test_time_that_passed_shows_what_would_be_decided_today(deployment: Deployment) -> None:
    class Later:
        def now(self) -> datetime:
            return datetime(2060, 1, 1, tzinfo=UTC)

    found = of_label(explain(replace(deployment, clock=Later()), CASE, ORDERS), "customer/2025")
    assert found.changes[0] == "outcome: store_only → erase"


def test_a_date_that_labels_do_not_name_yet_is_not_guessed(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any
) -> None:
    """Decided without a field that dates the orders; with one, their labels would be others."""
    orders = next(entry for entry in case_document["register"] if entry["collection"] == "shop:orders")
    orders["category"] = "customer_contact"
    decide_shop(deployment, write_case, case_document, shop)
    orders["category"] = "accounting_vouchers"
    case = replace(
        deployment.case(CASE),
        register=tuple(
            replace(entry, category="accounting_vouchers", dated_by="ordered_on")
            if entry.collection == ORDERS
            else entry
            for entry in deployment.case(CASE).register
        ),
    )
    deployment.control.put(CASE, "case", "case", case, type_=type(case))
    found = of_label(explain(deployment, CASE, ORDERS), "customer")
    assert (found.now, found.changes) == (None, ())


@pytest.mark.parametrize("name", ["nothing", "order"])
def test_a_collection_on_which_nothing_is_decided_is_refused_with_those_that_are(
    deployment: Deployment, name: str
) -> None:
    with pytest.raises(Refused) as refused:
        explain(deployment, CASE, CollectionRef("shop", name))
    assert "shop:orders" in refused.value.next_step


# -- one record --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "label"),
    [("O-1", "held"), ("O-2", "minor/2025"), ("O-3", "customer/2024"), ("O-5", "customer/2025"), ("O-6", "unknown")],
)
def test_a_records_label_is_found_by_its_key(deployment: Deployment, key: str, label: str) -> None:
    found = find_record(deployment, CASE, ORDERS, [f"order_no={key}"])
    assert (found.count, found.labels) == (1, (label,))
    assert explain_one(deployment, CASE, ORDERS, label).decision.label == label


def test_a_value_may_hold_the_sign_that_stands_behind_the_field(deployment: Deployment, shop: Any) -> None:
    rows = {name: list(values) for name, values in shop.shelf["orders"][1].to_pydict().items()}
    rows["order_no"][0] = "a=b"
    shop.put("orders", rows, key=("order_no",))
    assert find_record(deployment, CASE, ORDERS, ["order_no=a=b"]).labels == ("held",)


@pytest.mark.parametrize(
    "key",
    [[], ["order_no"], ["O-secret"], ["customer=C-secret"], ["order_no=O-secret", "customer=C-secret"],
     ["order_no=O-1", "order_no=O-secret"]],
)  # fmt: skip
def test_what_is_not_the_key_is_refused_without_being_repeated(deployment: Deployment, key: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        find_record(deployment, CASE, ORDERS, key)
    assert "secret" not in str(refused.value)
    assert "order_no=VALUE" in refused.value.next_step


def test_a_key_that_no_record_has_is_refused_without_being_repeated(deployment: Deployment) -> None:
    with pytest.raises(Refused) as refused:
        find_record(deployment, CASE, ORDERS, ["order_no=O-secret"])
    assert "secret" not in str(refused.value)


def test_asking_about_a_record_leaves_no_trace_of_it(deployment: Deployment) -> None:
    size = deployment.ledger.size(CASE)
    find_record(deployment, CASE, ORDERS, ["order_no=O-1"])
    explain(deployment, CASE, ORDERS)
    assert deployment.ledger.size(CASE) == size


def test_a_row_of_a_file_is_named_by_object_and_row(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any
) -> None:
    case_document["register"].append(
        {"collection": "shop:export", "category": "analytics_copy", "purpose": "sale", "steward": "li",
         "subject": {"field": "customer"}}
    )  # fmt: skip
    rows: dict[str, list[str | None]] = {
        "winddown_object": ["export/a#b.csv"] * 2 + ["export/c.csv"],
        "winddown_version": ["1"] * 3,
        "winddown_row": ["0", "1", "0"],
        "customer": ["C-adult", "C-child", "C-held"],
    }
    shop.put("export", rows, medium=Medium.ROW_FILES)
    decide_shop(deployment, write_case, case_document, shop)
    export = CollectionRef("shop", "export")
    assert find_record(deployment, CASE, export, ["export/a#b.csv#1"]).labels == ("minor",)
    assert find_record(deployment, CASE, export, ["export/c.csv#0"]).labels == ("held",)
    with pytest.raises(Refused, match="named by where it stands"):
        find_record(deployment, CASE, export, ["export/a#b.csv"])
