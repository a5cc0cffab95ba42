"""What classifying records, and that a new taxonomy judges it anew without the store."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from winddown.domain.finding import Finding, Status
from winddown.evidence.entry import LedgerEntry
from winddown.rules.taxonomy import load_taxonomy
from winddown.stages import journey
from winddown.stages.case_file import read_case_file
from winddown.stages.classify import TradeSecret, judge_again
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case

ROWS = 60


@pytest.fixture
def case_id(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any) -> str:
    columns = {
        "id": [f"C-{row}" for row in range(ROWS)],
        "born_on": [None] * ROWS,
        "country": [None] * ROWS,
        "phone": [f"138{row:08}" for row in range(ROWS)],
        "company": [f"杭州第{row}科技有限公司" for row in range(ROWS)],
        "cost_price": [f"{row}.50" for row in range(ROWS)],
    }
    shop.put("customers", columns, key=("id",))
    case = open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    for stage in ("discover", "classify"):
        journey.prepare(deployment, case, stage)
    return case


def stored(deployment: Deployment, case_id: str) -> dict[str, Finding]:
    findings = deployment.control.require(case_id, "findings", "findings", type_=tuple[Finding, ...])
    return {finding.field: finding for finding in findings}


def test_findings_say_kind_status_and_what_that_is_in_law(deployment: Deployment, case_id: str) -> None:
    found = stored(deployment, case_id)
    assert (found["phone"].kind, found["phone"].status, found["phone"].is_personal) == (
        "mobile",
        Status.CONFIRMED,
        True,
    )
    assert (found["company"].kind, found["company"].is_personal) == ("company_name", False)
    assert (found["cost_price"].kind, found["cost_price"].is_personal) == ("price", False)
    assert {finding.taxonomy for finding in found.values()} == {load_taxonomy().version}


def test_a_list_of_customers_is_a_trade_secret(deployment: Deployment, case_id: str) -> None:
    (found,) = deployment.control.require(case_id, "trade_secrets", "lists", type_=tuple[TradeSecret, ...])
    assert (found.collection, found.kind) == ("shop:customers", "customer_list")
    assert set(found.fields) == {"company", "phone", "cost_price"}


def test_a_new_taxonomy_judges_without_reading(deployment: Deployment, case_id: str, shop: Any) -> None:
    shop.is_down = True
    shipped = load_taxonomy()
    stricter = replace(shipped.of("mobile"), pipl_28="whereabouts")
    newer = replace(shipped, version="2027.1.0", kinds=MappingProxyType({**shipped.kinds, "mobile": stricter}))
    before = stored(deployment, case_id)
    (changed,) = judge_again(deployment, case_id, newer)
    assert (changed.field, changed.sensitive) == ("phone", True)
    after = stored(deployment, case_id)
    assert after["phone"] == replace(before["phone"], sensitive=True, taxonomy="2027.1.0")
    last = LedgerEntry.parse(deployment.ledger.entries(case_id)[-1])
    assert last.type == "classified"
    assert last.body["judged_again_by"] == f"2027.1.0 {newer.digest}"
