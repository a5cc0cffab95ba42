"""Tables and partitions that go whole or but for what stays, through every stage, and what a hold changes of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from winddown.domain.plan import Method, Order
from winddown.stages.discover import take_inventory
from winddown.stages.quarantine import restore

from .test_holds_in_between import LAST_WAVE, finish, free_customer, place, up_to_grace

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

Make = Callable[..., "CompanyCase"]
VISITS = """
    CREATE TABLE shop.visits (
        visit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint, mobile text);
    CREATE TABLE shop.pages (
        page_id int PRIMARY KEY, customer_id bigint, mobile text, visit_id bigint NOT NULL REFERENCES shop.visits);
    CREATE TABLE shop.calls (
        year int, no int, customer_id bigint, mobile text, PRIMARY KEY (year, no)) PARTITION BY LIST (year);
    CREATE TABLE shop.calls_2023 PARTITION OF shop.calls FOR VALUES IN (2023);
    CREATE TABLE shop.calls_2024 PARTITION OF shop.calls FOR VALUES IN (2024);
    CREATE TABLE shop.pings (ping_id bigint PRIMARY KEY, customer_id bigint, mobile text);
    CREATE TABLE shop.calls_2025 PARTITION OF shop.calls FOR VALUES IN (2025);
"""
TABLES = ("visits", "pages", "calls", "pings")


@pytest.fixture
def company(company_case: Make) -> "CompanyCase":
    found = company_case()
    found.edit(lambda raw: raw["people"].append({"id": "zhou.legal", "name": "周法", "role": "legal"}))
    found.execute(VISITS)
    grown = free_customer(found)
    held = int((found.directory / "holds" / "hold-2026-01.csv").read_text().split()[1])
    found.execute(
        f"INSERT INTO shop.visits (customer_id, mobile) SELECT {grown}, 13800000000 + g FROM generate_series(1, 40) g",
        f"INSERT INTO shop.pages SELECT g, {grown}, 13800000000 + g, 1 + g % 40 FROM generate_series(1, 50) g",
        f"INSERT INTO shop.calls SELECT 2023 + g % 2, g, {grown}, 13800000000 + g FROM generate_series(1, 60) g",
        "INSERT INTO shop.calls "
        f"SELECT 2025, g, CASE g WHEN 1 THEN {held} ELSE {grown} END, 13900000000 + g FROM generate_series(1, 9) g",
    )
    found.execute(
        "INSERT INTO shop.pings "
        f"SELECT g, CASE g % 100 WHEN 1 THEN {held} ELSE {grown} END, 13800000000 + g FROM generate_series(1, 1200) g",
    )
    entry = {"category": "customer_contact", "purpose": "service"}
    entry |= {"subject": {"field": "customer_id"}}

    def register(raw: dict[str, Any]) -> None:
        steward = raw["register"][0]["steward"]
        raw["register"] += [{**entry, "collection": f"shop_db:shop.{name}", "steward": steward} for name in TABLES]

    found.edit(register)
    found.back_up()
    return found


def orders(company: "CompanyCase", plan_id: str) -> dict[tuple[str, Method], Order]:
    plan = company.deploy().control.plan(plan_id)
    return {
        (order.collection.name.removeprefix("shop."), order.method): order
        for order in plan.orders
        if order.collection.name.removeprefix("shop.") in TABLES
    }


def there(company: "CompanyCase") -> list[str]:
    query = (
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND c.relname ~ '^(visits|pages|calls|pings)' ORDER BY 1"
    )
    with company.database() as connection:
        return [name for (name,) in connection.execute(query).fetchall()]


def test_a_table_and_a_partition_go_whole_from_plan_to_certificate(company: "CompanyCase") -> None:
    halt = company.run_until("approvals", wave=LAST_WAVE)
    found = orders(company, halt.plan_id)
    assert {(name, method.value): order.reason for (name, method), order in found.items()} == {
        ("visits", "move_table"): "all 40 records go, and no table that stays refers to it",
        ("pages", "move_table"): "all 50 records go, and no table that stays refers to it",
        ("calls", "detach_partition"): "all records of 2 of 3 partitions that hold any go",
        ("calls", "escrow_rows"): "8 records that go lie in partitions of which something stays",
        ("pings", "keep_survivors"): "1,188 of 1,200 records go, and encrypted files keep them until the purge; after "
        "a first batch the table is emptied but for the 12 that stay, and cannot be read for less than a second",
    }
    assert found["pages", Method.MOVE_TABLE].level < found["visits", Method.MOVE_TABLE].level
    assert [one.selection.count for _, one in sorted(found.items())] == [60, 8, 50, 1188, 40]
    assert len(found["calls", Method.DETACH_PARTITION].selection.batch_digests) == 2
    assert len(found["pings", Method.KEEP_SURVIVORS].selection.batch_digests) == 2
    before, state = there(company), company.state()
    up_to_grace(company)
    assert there(company) == ["calls", "calls_2025", "pings"]
    assert company.number("SELECT count(*) FROM shop.pings") == 12
    assert company.number("SELECT count(*) FROM shop.calls") == 1
    restore(company.deploy(), company.case_id, requested_by="chen.liquidator")
    assert (there(company), company.state()) == (before, state)
    finish(company)
    assert there(company) == ["calls", "calls_2025", "pings"]
    assert company.number("SELECT count(*) FROM shop.pings WHERE ping_id % 100 = 1") == 12
    assert company.number("SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'winddown_quarantine')") == 0
    certified = {
        (row["collection"], row["method"]): (row["records"], row["purged"], row["reason"])
        for row in company.certificates()[-1]["orders"]
    }
    assert certified["shop_db:shop.visits", "move_table"][:2] == (40, 40)
    assert certified["shop_db:shop.calls", "detach_partition"][:2] == (60, 60)
    assert certified["shop_db:shop.pings", "keep_survivors"][:2] == (1188, 1188)
    assert "is emptied but for the 12 that stay" in certified["shop_db:shop.pings", "keep_survivors"][2]
    assert certified["shop_db:shop.pages", "move_table"][2].startswith("all 50 records go")
    current = company.deploy()
    missing = [
        one for one in take_inventory(current, current.case(company.case_id)).blockers if "visits" in one.subject
    ]
    assert missing == [], "it is missing because it was destroyed"
    assert company.run().reason == "finished"


@pytest.mark.thorough
def test_a_hold_that_takes_out_one_record_leaves_rows_to_be_moved(company: "CompanyCase") -> None:
    company.run_until("approvals", wave=LAST_WAVE)
    with company.database() as connection:
        connection.execute(
            "UPDATE shop.visits SET customer_id = (SELECT min(customer_id) FROM shop.customers "
            "WHERE birth_date < '2000-01-01' AND customer_id > %s) WHERE visit_id = 1",
            [free_customer(company)],
        )
        row = connection.execute("SELECT customer_id FROM shop.visits WHERE visit_id = 1").fetchone()
    assert row is not None
    place(company, "H-NEW", subjects=(str(row[0]),))
    halt = company.run_until("approvals", wave=LAST_WAVE)
    found = orders(company, halt.plan_id)
    assert found["visits", Method.ESCROW_ROWS].reason.startswith("39 of 40 records go, in batches")
    # Moved whole it would take its foreign key along, and no visit could be deleted.
    assert found["pages", Method.ESCROW_ROWS].selection.count == 50
    up_to_grace(company)
    assert company.number("SELECT count(*) FROM shop.visits") == 1
    assert company.number("SELECT count(*) FROM shop.pages") == 0
