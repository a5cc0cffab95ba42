"""How much memory making a plan takes: a shop's customers and four orders each in PostgreSQL, one wave planned.

The stages are the product's, each in a process of its own as a task is, whose memory counts: every cell is read and
classified first; then the plan is made, from looking at the store again to the plan's digest. Nothing was written in
between, so no cell is read twice; every record is labelled, and two acts on the orders and one on the customers are
planned and rehearsed.

    python bench/bench_plan.py [--records 5000000]
"""

import argparse
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
from memory import peak
from sql_product import CASE, PEOPLE, STORE, Database, apart, deploy

from winddown.demo.servers import EmbeddedPostgres
from winddown.domain.case import AcceptedDate, Case, RegisterEntry, SubjectLink, Subjects
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Plan, Wave
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.stages.check import Checks
from winddown.stages.classify import classify
from winddown.stages.deployment import Deployment
from winddown.stages.discover import record_inventory, take_inventory
from winddown.stages.plan import make_plan

TARGET_MIB = 300
CUSTOMERS, ORDERS = CollectionRef(STORE, "shop.customers"), CollectionRef(STORE, "shop.orders")
ORDERS_EACH = 4
TIMELINE = {
    "dissolution_resolved": date(2025, 8, 3),
    "dissolution_publicised": date(2025, 8, 5),
    "tax_liquidation_reported": date(2025, 8, 6),
    "liquidation_group_formed": date(2025, 8, 10),
    "group_listed": date(2025, 8, 11),
    "creditors_notified": date(2025, 8, 12),
    "creditors_announced": date(2025, 8, 20),
    "stop_notice_published": date(2025, 8, 30),
    "guardians_told": date(2025, 8, 30),
    "recipient_notice_published": date(2025, 8, 30),
    "service_stopped": date(2025, 10, 1),
    "claims_window_closed": date(2025, 10, 20),
    "tax_cleared": date(2025, 11, 10),
}
TABLES = """
    CREATE SCHEMA shop;
    CREATE TABLE shop.customers (id bigint, name text NOT NULL, mobile text, email text, born_on date,
        country text NOT NULL);
    CREATE TABLE shop.orders (order_no text, customer_id bigint, ordered_at timestamptz NOT NULL,
        amount numeric(12, 2) NOT NULL, recipient text, mobile text, address text);
"""
CUSTOMER_ROWS = """
    INSERT INTO shop.customers
    SELECT i, '王小明', '138' || lpad((i % 100000000)::text, 8, '0'), 'user' || i || '@example.com',
           date '1950-01-01' + (i * 7919 % 24000)::int, CASE WHEN i % 50 = 0 THEN 'JP' ELSE 'CN' END
      FROM generate_series(1::bigint, {customers}) i
"""
ORDER_ROWS = """
    INSERT INTO shop.orders
    SELECT 'SO' || lpad(i::text, 10, '0'), 1 + i * 2654435761 % {customers},
           timestamptz '2012-01-01 00:00+08' + i * 7919 % 4900 * interval '1 day' + i % 86400 * interval '1 second',
           (i % 100000) / 100.0, '李雷', '139' || lpad((i % 100000000)::text, 8, '0'),
           '示例市中山路' || i % 997 || '号'
      FROM generate_series(1::bigint, {orders}) i
"""
KEYS = """
    ALTER TABLE shop.customers ADD PRIMARY KEY (id);
    ALTER TABLE shop.orders ADD PRIMARY KEY (order_no);
    CREATE INDEX ON shop.orders (customer_id);
    ALTER TABLE shop.orders ADD FOREIGN KEY (customer_id) REFERENCES shop.customers;
"""


def fill(url: str, records: int) -> None:
    """Make the shop's tables; no order is younger than the stop of service, most are due, some are kept."""
    customers = records // (1 + ORDERS_EACH)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES.encode())
        connection.execute(CUSTOMER_ROWS.format(customers=customers).encode())
        connection.execute(ORDER_ROWS.format(customers=customers, orders=records - customers).encode())
        connection.execute(KEYS.encode())
        connection.execute("VACUUM (FREEZE, ANALYZE)")


def deployed(url: str, workspace: Path) -> tuple[Deployment, Case]:
    """A deployment, and its case as it stands when its last wave is planned."""
    deployment = deploy(Database("postgresql", {"": url}), workspace)
    case = replace(
        deployment.case(CASE),
        timeline=Timeline(
            tuple(TimelineEvent("S1", event, on, "event.txt", "0" * 64) for event, on in TIMELINE.items())
        ),
        accepted_dates=(AcceptedDate("RET-TAX-10Y", "day_after_fiscal_year_end", PEOPLE[0][0], "0" * 64),),
        subjects=Subjects(CUSTOMERS, "id", "born_on", "country"),
        register=(
            RegisterEntry(CUSTOMERS, "customer_profile", "sale", "chen", SubjectLink("id")),
            RegisterEntry(
                ORDERS,
                "accounting_vouchers",
                "sale",
                "chen",
                SubjectLink("customer_id"),
                dated_by="ordered_at",
                custody="sealed",
                elements=(("order_no", "voucher_number"), ("amount", "amount"), ("ordered_at", "voucher_date")),
            ),
        ),
    )
    deployment.control.put(CASE, "case", "case", case, type_=Case)
    deployment.control.put(CASE, "checks", "before", Checks((), (), (), ()), type_=Checks)
    deployment.control.put(CASE, "request", "request", {"requested_by": "operator"})
    return deployment, case


def classified(url: str, workspace: Path) -> int:
    """Look at the store, read every cell, and return how many fields are personal."""
    deployment, case = deployed(url, workspace)
    record_inventory(deployment, CASE, take_inventory(deployment, case), name="first")
    return sum(found.is_personal for found in classify(deployment, CASE))


def planned(url: str, workspace: Path) -> tuple[Plan | None, float]:
    """Make the plan of the last wave, and say how long it took."""
    deployment, _ = deployed(url, workspace)
    print(f"before planning: {peak()} MiB", flush=True)
    started = time.monotonic()
    return make_plan(deployment, CASE, Wave.AFTER_CLAIMS), time.monotonic() - started


def main() -> None:
    """Fill a file, plan, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory(prefix="winddown-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "data")
        try:
            url = server.start()
            fill(url, records)
            workspace = Path(folder) / "workspace"
            fields, while_reading = apart(classified, url, workspace)
            print(f"{fields} personal fields; reading and classifying every cell: {while_reading} MiB", flush=True)
            (plan, seconds), most = apart(planned, url, workspace)
        finally:
            server.stop()
    if plan is None:
        raise SystemExit("nothing was planned")
    for order in plan.orders:
        print(f"{order.collection}: {order.act} {order.selection.count:,} records by {order.method}")
    print(f"planned in {seconds:.1f} s", flush=True)
    met = "yes" if most < TARGET_MIB else "no"
    print(f"figure=plan-memory-{records}-records value={most} unit=MiB target=<{TARGET_MIB} met={met}")


if __name__ == "__main__":
    main()
