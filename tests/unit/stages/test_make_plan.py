"""A plan of a wave: when it may be made, what is kept with it, and that a wave that can do nothing says why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.decision import Decision, Disposition, Reason
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Plan, Wave
from winddown.evidence.entry import LedgerEntry
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.fairness import Fairness
from winddown.stages.manifests import read_manifest
from winddown.stages.open import open_case
from winddown.stages.plan import _LEFT_ALONE, _refuse_stuck, make_plan, waiting_clocks
from winddown.stages.safeguards import Sentinels

from .running import Running, running, visits

CASE, VISITS = "demo-1", 5


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    return running(deployment, case_folder, case_document, visits(case_document, VISITS))


def planned(company: Running) -> Plan | None:
    return make_plan(company.deployment, CASE, Wave.AFTER_CLAIMS)


def set_state(company: Running, plan_id: str, state: str) -> None:
    company.deployment.control.set_plan_state(plan_id, state)


# -- when --------------------------------------------------------------------------------------------------------------


def test_an_open_plan_stays_and_after_it_the_next_number_is_given(company: Running) -> None:
    assert company.run().plan_id == "demo-1-01-after-claims"
    plan = company.deployment.control.plan("demo-1-01-after-claims")
    assert planned(company) == plan
    for number in (2, 3):
        set_state(company, plan.id, "superseded")
        following = planned(company)
        assert following is not None
        assert following.id == f"demo-1-0{number}-after-claims"
        plan = following


def test_nothing_is_planned_before_what_was_withdrawn_is_back(company: Running) -> None:
    plan_id = company.run().plan_id
    set_state(company, plan_id, "withdrawn")
    with pytest.raises(Refused, match=f"plan {plan_id} was withdrawn and is not restored yet") as refused:
        planned(company)
    assert refused.value.rule == "undo comes first"
    set_state(company, plan_id, "restored")
    assert planned(company) is not None


@pytest.mark.parametrize("missing", ["tax_cleared", "claims_window_closed"])
def test_a_wave_waits_for_the_clocks_of_the_law(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], missing: str
) -> None:
    case_document["timeline"] = [one for one in case_document["timeline"] if one["event"] != missing]
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    waiting = waiting_clocks(deployment, deployment.case(CASE), Wave.AFTER_CLAIMS)
    assert any(missing in one for one in waiting)
    with pytest.raises(Refused, match="wave after_claims of case demo-1 is not due: ") as refused:
        make_plan(deployment, CASE, Wave.AFTER_CLAIMS)
    assert (refused.value.rule, refused.value.message.endswith("; ".join(waiting))) == ("legal clocks", True)


def test_the_clocks_that_were_checked_stand_in_the_plan(company: Running) -> None:
    plan = company.deployment.control.plan(company.run().plan_id)
    assert waiting_clocks(company.deployment, company.deployment.case(CASE), Wave.AFTER_CLAIMS) == ()
    assert len(plan.preconditions) > 3
    assert not [one for one in plan.preconditions if one.endswith(" (late)")]


def test_a_clock_that_was_missed_is_told_as_late_and_stops_nothing(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any]
) -> None:
    for event in case_document["timeline"]:
        if event["event"] == "creditors_notified":
            event["on"] = event["on"].replace(day=30)
    company = running(deployment, case_folder, case_document, visits(case_document, VISITS))
    plan = company.deployment.control.plan(company.run().plan_id)
    late = [one for one in plan.preconditions if one.endswith(" (late)")]
    assert 0 < len(late) < len(plan.preconditions)


# -- with what ---------------------------------------------------------------------------------------------------------


def test_what_its_end_is_compared_with_is_kept_with_a_plan(company: Running) -> None:
    plan_id = company.run().plan_id
    control = company.deployment.control
    plan = control.plan(plan_id)
    probes = read_manifest(company.deployment, CASE, f"probes-{plan_id}").to_pylist()
    assert {row["value"] for row in probes} == {row["phone"] for row in company.tables["visits"].rows}
    records = control.require(CASE, "dry_run", plan_id, type_=dict[str, Any])["records"]
    assert records == {str(order.id): VISITS for order in plan.orders}
    assert control.get(CASE, "sentinels", plan_id, type_=tuple[Sentinels, ...]) == ()
    assert control.get(CASE, "fairness", Wave.AFTER_CLAIMS, type_=Fairness) is not None
    made = [one for one in map(LedgerEntry.parse, company.deployment.ledger.entries(CASE)) if one.type == "plan_made"]
    assert [one.body for one in made] == [
        {"plan_id": plan_id, "wave": "after_claims", "digest": plan.digest, "orders": len(plan.orders)}
    ]


# -- a wave that can do nothing ----------------------------------------------------------------------------------------


def test_what_is_missing_stops_a_wave_that_can_do_nothing_and_none_that_was_certified(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any]
) -> None:
    tables = visits(case_document, VISITS)
    case_document["register"][0]["sentinels"] = [{"id": "C1"}]
    company = running(deployment, case_folder, case_document, tables)
    plan_id = company.run().plan_id
    tables["visits"].rows.clear()
    del tables["customers"].rows[1]
    set_state(company, plan_id, "superseded")
    with pytest.raises(Refused, match="nothing of wave after_claims can be done: shop:customers: sentinel-missing"):
        planned(company)
    set_state(company, plan_id, "certified")
    assert planned(company) is None


def blocked(name: str, label: str, *codes: str) -> Decision:
    reasons = tuple(Reason(code, "", "somebody decides", prevails=True) for code in codes)
    return Decision(CollectionRef("shop", name), label, 1, Disposition.BLOCKED, reasons)


@pytest.mark.parametrize(
    "code", ["company-own", "unknown-subject", "untied-record", "undated-record", "placeholder-date"]
)
def test_what_somebody_has_to_decide_on_first_stops_no_wave(code: str) -> None:
    found = (blocked("films", "whole", code, "trigger"), blocked("orders", "unknown", "cascade", code))
    _refuse_stuck(Wave.AT_ONCE, found, [])
    assert code in _LEFT_ALONE
    assert len(_LEFT_ALONE) == 5


def test_what_stands_against_customers_records_does() -> None:
    found = (
        blocked("films", "whole", "company-own", "trigger"),
        blocked("orders", "unknown", "unknown-subject", "cascade"),
        blocked("orders", "customer", "cascade"),
    )
    with pytest.raises(Refused) as said:
        _refuse_stuck(Wave.AT_ONCE, found, [])
    assert said.value.message == "nothing of wave at_once can be done: shop:orders: cascade"
