"""What happens between the steps: writers that a freeze cannot stop, and people who stop a case in its middle.

Nothing that was written after a plan is ever lost: either the plan does not touch it, or the step is refused, and
after restoring, a new plan finds what is there.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from winddown.domain.errors import Refused, Residual
from winddown.evidence.entry import LedgerEntry
from winddown.runner import Halt
from winddown.stages.quarantine import restore

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

Make = Callable[..., "CompanyCase"]
LATE = 990_001
LAST_WAVE = "after-claims"


def restore_all(company: "CompanyCase") -> None:
    restore(company.deploy(), company.case_id, requested_by="chen.liquidator")


def assert_clean(company: "CompanyCase") -> None:
    found = company.compare()
    assert found.is_clean, found.examples


def planned_customer(company: "CompanyCase") -> int:
    """A customer without a hold whose row goes with the last wave."""
    held = "SELECT min(customer_id) FROM shop.customers WHERE birth_date < '2000-01-01' AND customer_id NOT IN ({})"
    rows = (company.directory / "holds" / "hold-2026-01.csv").read_text().split()[1:]
    return company.number(held.format(", ".join(rows)))


def insert_ticket(company: "CompanyCase", customer: int) -> None:
    """Write as the superuser, whom no freeze stops."""
    with company.database() as connection:
        connection.execute("INSERT INTO shop.tickets VALUES (%s, %s, now(), 'late')", (LATE, customer))


def late_tickets(company: "CompanyCase") -> int:
    return company.number(f"SELECT count(*) FROM shop.tickets WHERE ticket_id = {LATE}")


def approved(company: "CompanyCase") -> Halt:
    """Carry the case to the point where the last wave is approved and its archives are acknowledged."""
    halt = company.run_until("receipts", wave=LAST_WAVE)
    company.act(halt)
    return halt


def test_a_row_of_a_known_customer_stops_the_wave_until_it_is_planned_again(company_case: Make) -> None:
    company = company_case()
    before = company.number("SELECT count(*) FROM shop.customers")
    approved(company)
    insert_ticket(company, planned_customer(company))
    with pytest.raises(Refused, match=r"refused quarantine of .*-after-claims-.*23503"):
        company.run()
    assert late_tickets(company) == 1
    assert company.number("SELECT count(*) FROM shop.customers") == before
    restore_all(company)
    halt = company.run()
    assert halt.reason == "approvals"
    company.run_until("finished")
    assert late_tickets(company) == 0, "the new plan saw it and it was due"
    assert_clean(company)


def test_a_row_that_no_plan_names_is_not_touched(company_case: Make) -> None:
    company = company_case()
    halt = company.run_until("grace", wave=LAST_WAVE)
    customer = 999_999
    with company.database() as connection:
        connection.execute(
            "INSERT INTO shop.customers (customer_id, name, country) VALUES (%s, 'late', 'CN')", (customer,)
        )
    insert_ticket(company, customer)
    company.act(halt)
    assert company.run().reason == "finished"
    assert late_tickets(company) == 1
    found = company.compare()
    assert (found.wrongly_destroyed, found.wrongly_kept, found.wrongly_changed) == (0, 2, 0), found.examples


def test_an_object_written_after_the_plan_is_not_touched(company_case: Make) -> None:
    company = company_case()
    approved(company)
    key = company.keys("exports/chats/")[0]
    company.put(key, company.get(key))
    before = company.versions(key)
    with pytest.raises(Residual, match="nobody here intended that"):
        company.run()
    assert company.versions(key) == before
    restore_all(company)
    company.run_until("finished")
    assert_clean(company)


def test_an_object_written_during_grace_is_not_purged_away(company_case: Make) -> None:
    company = company_case()
    approved(company)
    before = company.state()
    halt = company.run()
    assert company.state() != before
    key = company.keys("exports/orders/")[0]
    written = b"order_no,customer_id,recipient_phone,amount\n20250101-late,,,1\n"
    company.put(key, written)
    company.act(halt)
    with pytest.raises(Refused, match="an object changed after the plan"):
        company.run()
    with pytest.raises(Residual, match="not everything could be restored"):
        restore_all(company)
    assert company.get(key) == written
    after = company.state()
    assert {name for name, found in after.items() if found != before[name]} == {"shop_files:exports/orders"}


def test_the_kill_switch_stops_everything_but_restoring(company_case: Make) -> None:
    company = company_case()
    before = company.state()
    halt = company.run_until("grace")
    company.deploy().control.stop(company.case_id, by="wu.privacy", reason="a customer objects")
    company.act(halt)
    entries = company.deploy().ledger.size(company.case_id)
    with pytest.raises(Refused, match=r"the kill switch was turned on by wu\.privacy"):
        company.run()
    assert company.deploy().ledger.size(company.case_id) == entries, "no intent was written"
    restore_all(company)
    assert company.state().keys() == before.keys()
    assert {name for name, found in company.state().items() if found != before[name]} == set()
    company.act(company.run())
    with pytest.raises(Refused, match="the kill switch"):
        company.run()
    company.deploy().control.resume(company.case_id)
    company.run_until("finished")
    assert_clean(company)
    kinds = [LedgerEntry.parse(raw).type for raw in company.deploy().ledger.entries(company.case_id)]
    assert "restored" in kinds
