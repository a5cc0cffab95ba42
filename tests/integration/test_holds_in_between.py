"""Holds that come and go while a case is carried out on real stores: exactly what they cover stays, until released."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from winddown.domain.errors import Refused
from winddown.runner import Halt
from winddown.stages.case_model import HoldModel
from winddown.stages.hold_file import DeclaredHold, checked
from winddown.stages.holds import place_hold, release_hold
from winddown.stages.quarantine import restore

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

Make = Callable[..., "CompanyCase"]
LAST_WAVE = "after-claims"


@pytest.fixture
def company(company_case: Make) -> "CompanyCase":
    found = company_case()
    found.edit(lambda raw: raw["people"].append({"id": "zhou.legal", "name": "周法", "role": "legal"}))
    return found


def place(at: "CompanyCase", hold_id: str, *, subjects: tuple[str, ...] = (), **parts: Any) -> str:
    current = at.deploy()
    case = current.case(at.case_id)
    values: dict[str, Any] = {
        "id": hold_id, "matter": "稽查", "ground": "tax_inspection", "authority": "示例税务局",
        "document_number": "第3号", "placed_on": date(2026, 6, 1), "review_on": date(2030, 6, 1),
        "steward": case.approvers[0],
    }  # fmt: skip
    model = HoldModel.model_validate(values | parts)
    return place_hold(current, case.id, checked(DeclaredHold(model, subjects), case), by=case.approvers[0])


def release(company: "CompanyCase", hold_id: str) -> str:
    return release_hold(company.deploy(), company.case_id, hold_id, by="zhou.legal", reason="the inspection is over")


def assert_clean(company: "CompanyCase") -> None:
    found = company.compare()
    assert found.is_clean, found.examples


def free_customer(company: "CompanyCase") -> int:
    """A grown customer with orders whom no hold of the case file names."""
    held = ", ".join((company.directory / "holds" / "hold-2026-01.csv").read_text().split()[1:])
    return company.number(
        "SELECT min(o.customer_id) FROM shop.orders o JOIN shop.customers c USING (customer_id) "
        f"WHERE c.birth_date < '2000-01-01' AND o.customer_id NOT IN ({held})"
    )


def rows(company: "CompanyCase", customer: int) -> dict[str, int]:
    counts = {
        name: company.number(f"SELECT count(*) FROM shop.{name} WHERE customer_id = {customer}")
        for name in ("customers", "addresses", "orders", "tickets")
    }
    payments = "SELECT count(*) FROM finance.payments p JOIN shop.orders o USING (order_no) WHERE o.customer_id = {}"
    return counts | {"named_payers": company.number(payments.format(customer) + " AND p.payer_name <> ''")}


def finish(company: "CompanyCase") -> None:
    while (halt := company.run()).reason != "finished":
        company.act(halt)


def up_to_grace(company: "CompanyCase") -> Halt:
    return company.run_until("grace", wave=LAST_WAVE)


def test_what_a_hold_paused_is_destroyed_after_its_release_though_the_wave_was_certified(
    company: "CompanyCase",
) -> None:
    company.run_until("approvals", wave=LAST_WAVE)
    customer = free_customer(company)
    before = rows(company, customer)
    assert "is superseded" in place(company, "H-NEW", subjects=(str(customer),))
    finish(company)
    assert rows(company, customer) == before, "every row of the held person is there, with every field"
    remaining = {(row["collection"], row["label"]): row for row in company.certificates()[-1]["remaining"]}
    said = remaining["shop_db:shop.orders", "held"]["reasons"]
    assert [any(f"hold {name}" in reason for reason in said) for name in ("H-NEW", "HOLD-2026-01")] == [True, True]
    assert company.run().reason == "finished", "nothing else is due"
    release(company, "H-NEW")
    halt = company.run()
    assert (halt.reason, LAST_WAVE in halt.plan_id) == ("approvals", True)
    finish(company)
    assert rows(company, customer) == dict.fromkeys(before, 0)
    assert_clean(company)


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ({"collections": ["shop_db:shop.tickets"]}, "SELECT count(*) FROM shop.tickets"),
        pytest.param({"collections": ["shop_db:shop.orders"], "since": "2026-01-01"},
         "SELECT count(*) FROM shop.orders WHERE ordered_at >= '2026-01-01'", marks=pytest.mark.thorough),
    ],
    ids=["collection", "dates"],
)  # fmt: skip
def test_a_hold_in_grace_stops_the_purge_and_a_new_plan_leaves_exactly_what_it_covers(
    company: "CompanyCase", parts: dict[str, Any], kept: str
) -> None:
    company.run_until("approvals", wave=LAST_WAVE)
    before = company.number(kept)
    assert before > 0
    halt = up_to_grace(company)
    assert company.number(kept) < before
    assert "is being carried out" in place(company, "H-NEW", **parts)
    company.act(halt)
    with pytest.raises(Refused, match="the holds changed after plan"):
        company.run()
    restore(company.deploy(), company.case_id, requested_by="chen.liquidator")
    assert company.number(kept) == before
    finish(company)
    assert company.number(kept) == before
    assert company.compare().wrongly_destroyed == 0
    release(company, "H-NEW")
    finish(company)
    assert_clean(company)


@pytest.mark.thorough
def test_a_plan_that_a_hold_stopped_in_grace_goes_on_when_that_hold_is_released(company: "CompanyCase") -> None:
    halt = up_to_grace(company)
    place(company, "H-NEW", company=True)
    company.act(halt)
    before = company.state()
    with pytest.raises(Refused, match="the holds changed"):
        company.run()
    assert company.state() == before, "a hold on the whole company stops all of it"
    release(company, "H-NEW")
    assert company.run().reason == "finished", "the approved plan is as it was when it was approved"
    assert_clean(company)
