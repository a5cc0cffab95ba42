"""The page that says why: outcome, rules that decided and that lost, the article's words, penalties, fairness."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition, Term
from winddown.domain.fairness import Difference
from winddown.domain.finding import Finding
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import Collection, Inventory, Medium
from winddown.domain.plan import Plan, Wave
from winddown.stages.deployment import Deployment
from winddown.stages.fairness import Fairness, FairnessOf

from .small_case import APPROVER, CASE, HOLD, KEEP, ORDERS, OUTWEIGHED, PLAN, SCRIPT

ClientOf = Callable[..., TestClient]
URL = f"/cases/{CASE}/why"


def page(client: TestClient, collection: str) -> str:
    answer = client.get(URL, params={"collection": collection}, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return answer.text


def view(client: TestClient, collection: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api{URL}", params={"collection": collection}).json()
    return found


@pytest.mark.usefixtures("plan")
def test_a_collection_is_explained_with_winners_losers_words_and_liability(client_of: ClientOf) -> None:
    found = view(client_of(APPROVER), "shop:orders")
    kept, held = found["labels"]
    assert [one["rule"] for one in kept["winners"]] == ["RET-ACC-VOUCHER-30Y"]
    (lost,) = kept["losers"]
    assert lost["rule"] == "RET-TAX-10Y"
    assert "应当保存10年" in lost["article"]
    assert (lost["authority"], lost["verification"]) == ("admin_regulation", "verified")
    assert held["disposition"] == "held"
    assert found["source"] == PLAN
    liable = {row["rule"]: row for row in found["liability"]}
    assert liable["RET-ACC-VOUCHER-30Y"]["records"] == 3
    assert "刑法第一百六十二条之一" in liable["RET-ACC-VOUCHER-30Y"]["article"]
    text = page(client_of(APPROVER), "shop:orders")
    for said in (
        "应当保存10年",
        "被排除",
        "What was outweighed",
        "刑法第一百六十二条之一",
        "administrative regulation",
        "行政法规",
    ):
        assert said in text


@pytest.mark.usefixtures("plan")
def test_reasons_are_told_in_both_languages(client_of: ClientOf) -> None:
    both = '<span lang="zh">服务已于 2026-05-31 停止</span> <span lang="en">the service stopped on 2026-05-31</span>'
    assert both in page(client_of(APPROVER), "shop:customers")
    case = client_of(APPROVER).get(f"/cases/{CASE}", headers={"Accept": "text/html"}).text
    assert both in case
    # What the catalogue does not have is not guessed.
    assert '<span lang="en">must be kept until 2055-12-31</span>' in page(client_of(APPROVER), "shop:orders")


def test_labels_that_are_treated_alike_share_one_section(
    client_of: ClientOf, deployment: Deployment, plan: Plan
) -> None:
    def kept(year: int, count: int) -> Decision:
        until = date(year + 30, 12, 31)
        says = replace(KEEP, says=f"must be kept until {until}")
        reasons, fields = (says, OUTWEIGHED), ("order_no",)
        return Decision(ORDERS, f"customer/{year}", count, Disposition.STORE_ONLY, reasons, fields, until,
                        terms=(Term(until, fields),))  # fmt: skip

    decisions = (*(kept(year, 1000 + year) for year in range(2016, 2026)),
                 Decision(ORDERS, "held", 7, Disposition.HELD, (HOLD,)))  # fmt: skip
    deployment.control.put("c-2", "case", "case", replace(deployment.case(plan.case), id="c-2"), type_=Case)
    deployment.control.put("c-2", "decisions", "first", decisions, type_=tuple[Decision, ...])
    client = client_of(APPROVER)
    url = URL.replace(CASE, "c-2")
    found = client.get(f"/api{url}", params={"collection": "shop:orders"}).json()
    assert [group["members"] for group in found["groups"]] == [list(range(10)), [10]]
    text = client.get(url, params={"collection": "shop:orders"}, headers={"Accept": "text/html"}).text
    assert text.count("应当保存10年") == 1  # the article stands there once, not ten times
    for year in range(2016, 2026):
        assert f"must be kept until {year + 30}-12-31" in text
        assert f"{1000 + year:,}" in text


@pytest.mark.usefixtures("plan")
def test_what_would_be_decided_today_is_shown_where_it_is_known(client_of: ClientOf, deployment: Deployment) -> None:
    assert not view(client_of(APPROVER), "shop:orders")["labels"][1]["is_known_today"]
    collection = Collection(ORDERS, Medium.TABLE, "table", ("order_no",), (), (), 5, 1, 0, "f" * 64)
    control = deployment.control
    control.put(CASE, "inventory", Wave.AFTER_CLAIMS.value, Inventory((collection,), ()), type_=Inventory)
    control.put(CASE, "findings", "findings", (), type_=tuple[Finding, ...])
    held = view(client_of(APPROVER), "shop:orders")["labels"][1]
    assert (held["is_known_today"], held["changes"]) == (True, [])
    assert "decided today, it would differ: outcome: store_only → blocked" in page(client_of(APPROVER), "shop:orders")


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize("name", ["shop:nothing", "orders", "", SCRIPT])
def test_a_collection_on_which_nothing_is_decided_is_not_found_and_not_repeated(client_of: ClientOf, name: str) -> None:
    answer = client_of(APPROVER).get(URL, params={"collection": name}, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert SCRIPT not in answer.text


def test_before_anything_is_decided_there_is_no_page(client_of: ClientOf, deployment: Deployment, plan: Plan) -> None:
    deployment.control.put("c-2", "case", "case", replace(deployment.case(plan.case), id="c-2"),
                           type_=type(deployment.case(plan.case)))  # fmt: skip
    assert client_of(APPROVER).get("/cases/c-2/why", params={"collection": "shop:orders"}).status_code == 404


@pytest.mark.parametrize("plan", [True], indirect=True)
def test_names_that_are_markup_are_shown_as_text_and_can_be_followed(client_of: ClientOf, plan: Plan) -> None:
    assert plan.id == PLAN
    text = client_of(APPROVER).get(f"/cases/{CASE}", headers={"Accept": "text/html"}).text
    assert f"{CASE}/why?collection=shop%3Acustomers%3Cscript" in text
    assert SCRIPT not in page(client_of(APPROVER), f"shop:customers{SCRIPT}")


@pytest.mark.usefixtures("plan")
def test_fairness_is_shown_with_each_difference_and_what_no_rule_explains(
    client_of: ClientOf, deployment: Deployment
) -> None:
    by_rule = Difference("shop:orders", ("is_held",), ("HOLD-PRECEDENCE",), "erase", "held", 5, is_explained=True)
    unfair = Difference("shop:orders", (), (), "erase", "blocked", 4, is_explained=False)
    found = Fairness(900, 1000, 3 / 900, (FairnessOf("shop:orders", 5, 3, (by_rule,), (unfair,)),))
    deployment.control.put(CASE, "fairness", Wave.AFTER_CLAIMS, found, type_=Fairness)
    text = page(client_of(APPROVER), "shop:orders")
    assert "900 / 1,000 名客户 customers" in text
    assert "0.3333%" in text
    assert "4 records are treated as erase and as blocked, and no rule says why" in text
    assert "under a legal hold" in text
    assert "Same facts, same outcome" not in page(client_of(APPROVER), "shop:reports")


@pytest.mark.usefixtures("plan")
def test_what_is_due_for_review_is_on_the_case_page(client_of: ClientOf, deployment: Deployment) -> None:
    hold: LegalHold = deployment.control.holds(CASE)[0]
    deployment.control.put_hold(CASE, replace(hold, review_on=hold.placed_on.replace(day=hold.placed_on.day + 1)))
    answer = client_of(APPROVER).get(f"/cases/{CASE}", headers={"Accept": "text/html"})
    assert "保全逾期未复核" in answer.text
    assert any(row["subject"] == hold.id for row in client_of(APPROVER).get(f"/api/cases/{CASE}").json()["review"])
