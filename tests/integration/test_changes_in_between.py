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


@pytest.mark.thorough
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


@pytest.mark.thorough
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
    restore_all(company)
    assert company.get(key) == written, "the writer's version stays on top of what was there before"
    after = company.state()
    assert {name for name, found in after.items() if found != before[name]} == {"shop_files:exports/orders"}
    assert company.run().reason == "approvals", "the case is not stuck: a new plan sees what is there"


@pytest.mark.thorough
def test_a_row_that_changed_after_the_plan_is_not_taken_for_the_approved_one(company_case: Make) -> None:
    company = company_case()
    approved(company)
    customer = planned_customer(company)
    with company.database() as connection:
        connection.execute("UPDATE shop.customers SET country = 'JP' WHERE customer_id = %s", (customer,))
    with pytest.raises((Refused, Residual), match="mixed before its quarantine"):
        company.run()
    kept = company.number(f"SELECT count(*) FROM shop.customers WHERE customer_id = {customer} AND country = 'JP'")
    assert kept == 1
    restore_all(company)
    company.run_until("finished")
    assert company.compare().wrongly_destroyed == 0


def move_connections(company: "CompanyCase", database: str, *suffixes: str) -> None:
    for suffix in suffixes:
        company.edit_connection(
            f"shop_db{suffix}", lambda found: found.update(url=found["url"].rpartition("/")[0] + f"/{database}")
        )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("suffixes", "said"),
    [
        (("__mark", "__purge"), "store shop_db is now another system"),
        pytest.param(
            ("__inspect",),
            "the inspector of store shop_db looks into another system",
            marks=pytest.mark.thorough,
        ),
    ],
    ids=["acting", "inspecting"],
)
def test_a_copy_under_the_same_connection_is_not_acted_on(
    company_case: Make, suffixes: tuple[str, ...], said: str
) -> None:
    company = company_case()
    approved(company)
    company.copy_database("twin", owner="winddown_purger")
    with company.database("postgres") as connection:
        connection.execute("GRANT CREATE ON DATABASE twin TO winddown_marker")
    before = company.number("SELECT count(*) FROM shop.customers")
    move_connections(company, "twin", *suffixes)
    with pytest.raises(Refused, match=said):
        company.run()
    with company.database("twin") as connection:
        row = connection.execute("SELECT count(*) FROM shop.customers").fetchone()
    assert (row, company.number("SELECT count(*) FROM shop.customers")) == ((before,), before)
    move_connections(company, "shop", *suffixes)
    with company.database("postgres") as connection:  # a copy that stayed would be found by its bytes
        connection.execute("DROP DATABASE twin WITH (FORCE)")
    company.run_until("finished")
    assert_clean(company)


def test_a_copy_in_the_place_of_what_was_classified_is_not_planned(company_case: Make) -> None:
    company = company_case()
    company.run_until("approvals")
    restore_all(company)
    company.copy_database("twin", owner="winddown_purger")
    move_connections(company, "twin", "")
    with pytest.raises(Refused, match="other systems than those that were classified: shop_db"):
        company.run()


def test_an_inspector_that_sees_nothing_proves_nothing(company_case: Make) -> None:
    company = company_case()
    approved(company)
    with company.database() as connection:
        connection.execute("ALTER TABLE shop.tickets ENABLE ROW LEVEL SECURITY")
        connection.execute("CREATE POLICY all_but_one ON shop.tickets TO winddown_reader, winddown_marker USING (true)")
    before = company.number("SELECT count(*) FROM shop.tickets")
    with pytest.raises(Residual, match="the inspector sees 0 of"):
        company.run()
    assert company.number("SELECT count(*) FROM shop.tickets") == before


def test_a_grant_that_a_freeze_did_not_reach_is_named(company_case: Make) -> None:
    company = company_case()
    with company.database() as connection:
        connection.execute("CREATE ROLE backdoor LOGIN")
        connection.execute("GRANT pg_write_all_data TO backdoor")
    try:
        company.run_until("approvals")
        said = [
            found.message for found in company.deploy().control.progress(company.case_id) if found.stage == "freeze"
        ]
        assert "backdoor can still write" in said[0]
    finally:
        with company.database() as connection:
            connection.execute("DROP ROLE backdoor")


def test_minimised_fields_whose_quarantine_was_lost_are_noticed(company_case: Make) -> None:
    company = company_case()
    company.run_until("grace")
    with company.database() as connection:
        connection.execute("DROP SCHEMA winddown_quarantine CASCADE")
    with pytest.raises(Residual, match="not everything could be restored"):
        restore_all(company)


@pytest.mark.thorough
def test_the_kill_switch_stops_everything_but_restoring(company_case: Make) -> None:
    company = company_case()
    before = company.state()
    halt = company.run_until("grace")
    company.deploy().switch.halt(company.case_id, by="wu.privacy", reason="a customer objects", door="command")
    company.act(halt)
    entries = company.deploy().ledger.size(company.case_id)
    with pytest.raises(Refused, match=r"the case was halted by wu\.privacy"):
        company.run()
    assert company.deploy().ledger.size(company.case_id) == entries, "no intent was written"
    restore_all(company)
    assert company.state().keys() == before.keys()
    assert {name for name, found in company.state().items() if found != before[name]} == set()
    company.act(company.run())
    with pytest.raises(Refused, match="the case was halted"):
        company.run()
    company.deploy().switch.resume(company.case_id, by="wu.privacy", reason="answered", door="command")
    company.run_until("finished")
    assert_clean(company)
    kinds = [LedgerEntry.parse(raw).type for raw in company.deploy().ledger.entries(company.case_id)]
    assert "restored" in kinds
