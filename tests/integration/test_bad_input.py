"""Stores, tables, files and backups that are not as they should be: each stops itself, by name, and nothing else.

Every test asks for the blocker with its resolver, shows that what it names was not touched, and mostly carries the
case to its end, to see that the rest went on and that no record came out wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from winddown.demo.bucket import BUCKET
from winddown.domain.blocker import Blocker
from winddown.domain.decision import Decision
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding
from winddown.domain.inventory import CollectionRef
from winddown.stages.open import start_again
from winddown.stages.record import find_record

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

Make = Callable[..., "CompanyCase"]
STORE_ADMINISTRATOR = "database or storage administrator"
CLOSED_PORT = 9  # discard; nothing listens there


def register(collection: str, **rest: Any) -> Callable[[dict[str, Any]], None]:
    """Add a collection of customers' records to the case file's register."""
    entry = {"collection": collection, "category": "customer_service", "purpose": "notes", "steward": "li.steward"}
    return lambda raw: raw["register"].append({**entry, "subject": {"field": "customer_id"}, **rest})


def the_blocker(company: "CompanyCase", code: str, subject: str) -> Blocker:
    """The one blocker of this code; it must name this subject."""
    found = [blocker for blocker in company.blockers().values() if blocker.code == code]
    assert [blocker.subject for blocker in found] == [subject]
    return found[0]


def assert_untouched(company: "CompanyCase", before: dict[str, str], *collections: str) -> None:
    after = company.state()
    assert {name: after.get(name) for name in collections} == {name: before[name] for name in collections}


def assert_rest_is_done(company: "CompanyCase", *blocked: str) -> None:
    """Against the truth: nothing destroyed or changed wrongly, and nothing left but in what was blocked."""
    found = company.compare()
    assert (found.wrongly_destroyed, found.wrongly_changed) == (0, 0), found.examples
    left = {example.split(": ")[0] for example in found.examples}
    assert left <= set(blocked), found.examples


def planned(company: "CompanyCase", collection: str) -> list[Decision]:
    """The last plan's decisions about one collection."""
    control = company.deploy().control
    plan = control.plan(control.plans(company.case_id)[-1])
    return [decision for decision in plan.decisions if str(decision.collection) == collection]


# -- stores ------------------------------------------------------------------------------------------------------------


def test_a_case_without_stores_is_refused_by_the_field(company_case: Make) -> None:
    company = company_case()
    before = company.state()
    company.edit(lambda raw: raw.update(stores=[]))
    with pytest.raises(Refused, match=r"stores: .*at least 1"):
        company.run()
    assert company.state() == before
    assert company.deploy().control.cases() == ()


def test_empty_stores_are_suspicious(company_case: Make) -> None:
    company = company_case()
    tables = [name.removeprefix("shop_db:") for name in company.state() if name.startswith("shop_db:")]
    company.execute(f"DROP TABLE {', '.join(tables)}")
    with company.bucket() as client:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
            for version in page["Versions"]:
                client.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    with pytest.raises(Refused, match=r"no collection was found in any store.*shop_db:shop.customers") as refused:
        company.run()
    assert refused.value.rule == "zero is suspicious"


def _wrong_port(raw: dict[str, str]) -> None:
    for name in ("url", "endpoint_url"):
        if name in raw:
            address, _, path = raw[name].rpartition(":")[2].partition("/")
            raw[name] = raw[name].replace(f":{address}", f":{CLOSED_PORT}")
            assert path or name == "endpoint_url"


def _wrong_password(raw: dict[str, str]) -> None:
    user, _, place = raw["url"].rpartition("@")
    raw["url"] = f"{user}x@{place}"


@pytest.mark.parametrize(
    ("store", "spoil", "code", "stopped_too"),
    [
        ("shop_db", _wrong_port, "store-down", "shop_db:shop.customers cannot be read"),
        ("shop_db", _wrong_password, "credentials-refused", "shop_db:shop.customers cannot be read"),
        # The database is stopped as well, because its backup lies among the files and cannot be proven.
        ("shop_files", _wrong_port, "store-down", "backup-not-proven"),
    ],
)
def test_a_store_that_cannot_be_read_stops_the_case_until_it_can(
    company_case: Make, store: str, spoil: Callable[[dict[str, str]], None], code: str, stopped_too: str
) -> None:
    company = company_case()
    before, connections = company.state(), (company.directory / "connections.json").read_text()
    company.edit_connection(store, spoil)
    with pytest.raises(Refused, match=stopped_too):
        company.run()
    assert the_blocker(company, code, store).resolver == STORE_ADMINISTRATOR
    assert company.state() == before
    (company.directory / "connections.json").write_text(connections)
    start_again(company.deploy(), company.case_id)
    halt = company.run()
    assert halt.reason == "approvals"
    assert {"shop_db:shop.customers", "shop_files:exports/customers"} <= company.planned(halt)
    assert (code, store) not in company.blockers()


def test_a_bucket_that_does_not_exist_is_a_refused_credential(company_case: Make) -> None:
    company = company_case()
    before = company.state()
    company.edit(lambda raw: raw["stores"][1].update(bucket="no-such-bucket"))
    with pytest.raises(Refused, match="backup-not-proven"):
        company.run()
    assert the_blocker(company, "credentials-refused", "shop_files").resolver == STORE_ADMINISTRATOR
    assert company.state() == before


@pytest.mark.thorough
def test_a_third_store_that_is_down_stops_only_itself(company_case: Make) -> None:
    company = company_case()
    company.edit(lambda raw: raw["stores"].append({**raw["stores"][0], "name": "crm_db", "connection": "crm_db"}))
    company.copy_connections("shop_db", "crm_db")
    company.edit_connection("crm_db", _wrong_port)
    company.run_until("finished")
    assert the_blocker(company, "store-down", "crm_db").resolver == STORE_ADMINISTRATOR
    assert_rest_is_done(company)


def test_a_purging_credential_that_is_refused_leaves_everything_in_quarantine(company_case: Make) -> None:
    company = company_case()
    connections = (company.directory / "connections.json").read_text()
    company.edit_connection("shop_db__purge", _wrong_password)
    company.act(company.run_until("grace"))
    with pytest.raises(Refused, match="store shop_db refused us while purge") as refused:
        company.run()
    assert refused.value.rule == "credentials"
    (company.directory / "connections.json").write_text(connections)
    company.run_until("finished")
    assert_rest_is_done(company)


# -- tables ------------------------------------------------------------------------------------------------------------

NOTES = (
    "CREATE TABLE shop.{name} (customer_id bigint, mobile text)",
    "INSERT INTO shop.{name} SELECT customer_id, mobile FROM shop.customers",
)


def test_tables_without_a_key_or_a_purpose_are_left_alone(company_case: Make) -> None:
    company = company_case()
    for name in ("notes", "old_notes", "crm_copy"):
        company.execute(*(statement.format(name=name) for statement in NOTES))
    company.execute("ALTER TABLE shop.crm_copy ADD COLUMN note_id bigserial PRIMARY KEY")
    company.back_up()
    company.edit(register("shop_db:shop.notes"))
    before = company.state()
    company.run_until("finished")
    keyless, unregistered = ["shop_db:shop.notes", "shop_db:shop.old_notes"], "shop_db:shop.crm_copy"
    found = [blocker for blocker in company.blockers().values() if blocker.code == "no-primary-key"]
    assert [(blocker.subject, blocker.resolver) for blocker in found] == [
        (name, "database administrator") for name in keyless
    ]
    (decision,) = company.decisions(unregistered)
    assert (decision.disposition, decision.reasons[0].rule) == ("blocked", "unregistered-collection")
    assert "a steward registers its purpose" in decision.reasons[0].says
    assert_untouched(company, before, *keyless, unregistered)
    assert_rest_is_done(company, *keyless, unregistered)


@pytest.mark.thorough
def test_a_trigger_stops_its_table_and_the_rows_that_it_refers_to(company_case: Make) -> None:
    company = company_case()
    company.execute(
        "CREATE FUNCTION shop.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER keep_all BEFORE DELETE ON shop.tickets FOR EACH ROW EXECUTE FUNCTION shop.keep()",
    )
    customers = "shop_db:shop.customers"
    asking = "SELECT count(*) FROM shop.customers AS c WHERE {} EXISTS (SELECT FROM shop.tickets WHERE {})"
    with_tickets = asking.format("", "customer_id = c.customer_id")
    before, had_tickets = company.state(), company.number(with_tickets)
    company.run_until("finished")
    found = the_blocker(company, "trigger", "shop_db:shop.tickets")
    assert (found.resolver, "keep_all" in found.explanation) == ("database administrator", True)
    assert_untouched(company, before, "shop_db:shop.tickets")
    # Customers with tickets stay, and it is said why; the others went, but for those that are kept by law.
    assert company.number(with_tickets) == had_tickets
    (stopped,) = [decision for decision in planned(company, customers) if decision.label == "referenced"]
    assert (stopped.disposition, stopped.reasons[0].rule) == ("blocked", "referenced-record")
    assert stopped.reasons[0].says.startswith("rows of shop_db:shop.tickets that stay refer to them")
    assert 0 < stopped.count <= had_tickets
    assert_rest_is_done(company, "shop_db:shop.tickets", customers)
    without_tickets = asking.format("NOT", "customer_id = c.customer_id")
    kept_by_law = [found for found in planned(company, customers) if found.disposition in {"held", "store_only"}]
    assert company.number(without_tickets) <= sum(found.count for found in kept_by_law)
    with company.database() as connection:
        rows = connection.execute(b"SELECT customer_id FROM shop.tickets EXCEPT SELECT customer_id FROM shop.orders")
        (key, *_) = rows.fetchone() or (None,)
    asked = [f"customer_id={key}"]
    found_record = find_record(company.deploy(), company.case_id, CollectionRef.parse(customers), asked)
    assert found_record.labels == ("referenced",)


@pytest.mark.thorough
def test_a_cascade_stops_the_table_whose_rows_would_take_others_along(company_case: Make) -> None:
    company = company_case()
    company.execute(
        "ALTER TABLE shop.addresses DROP CONSTRAINT addresses_customer_id_fkey",
        "ALTER TABLE shop.addresses ADD FOREIGN KEY (customer_id) REFERENCES shop.customers ON DELETE CASCADE",
    )
    before = company.state()
    company.run_until("finished")
    assert the_blocker(company, "cascade", "shop_db:shop.customers").resolver == "database administrator"
    assert_untouched(company, before, "shop_db:shop.customers")
    assert_rest_is_done(company, "shop_db:shop.customers")


@pytest.mark.thorough
def test_an_ambiguous_field_stops_its_table_until_the_steward_answers(company_case: Make) -> None:
    company = company_case()
    answers: dict[str, Any] = {}

    def take_answers(raw: dict[str, Any]) -> None:
        answers.update(raw["register"][0].pop("fields"))

    company.edit(take_answers)
    halt = company.run()
    findings = company.deploy().control.require(company.case_id, "findings", "findings", type_=tuple[Finding, ...])
    own = [finding for finding in findings if str(finding.collection) == "shop_db:shop.customers"]
    assert {found.field for found in own if found.status in {"ambiguous", "header_only"}} == {"document_no"}
    rules = {reason.rule for decision in company.decisions("shop_db:shop.customers") for reason in decision.reasons}
    assert "ambiguous-field" in rules
    assert "shop_db:shop.customers" not in company.planned(halt)
    company.edit(lambda raw: raw["register"][0].update(fields=answers))
    assert "shop_db:shop.customers" in company.planned(company.run())
    company.run_until("finished")
    assert_rest_is_done(company)


# -- files -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file to put beside the good ones of a folder, made from one of them, and the blocker that it must become."""

    code: str
    resolver: str
    folder: str
    name: str
    spoil: Callable[[bytes], bytes]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "bad",
    [
        (
            BadFile("unknown-format", "steward", "exports/customers", "dump.bin", lambda _: b"\x00\x01\x02"),
            BadFile("unreadable-file", "data engineer", "exports/chats", "torn.jsonl.gz", lambda good: good[:-40]),
        ),
        pytest.param(
            (
                BadFile("zero-byte-object", "data engineer", "exports/chats", "empty.jsonl.gz", lambda _: b""),
                BadFile("unreadable-file", "data engineer", "exports/customers", "torn.parquet", lambda old: old[:-40]),
            ),
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            (
                BadFile("unreadable-file", "data engineer", "exports/orders", "9999.csv", lambda old: old + b'1,"2\n'),
                BadFile("zero-byte-object", "data engineer", "exports/customers", "empty.parquet", lambda _: b""),
            ),
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_file_that_cannot_be_read_stops_its_folder(company_case: Make, bad: tuple[BadFile, ...]) -> None:
    company = company_case()
    for each in bad:
        good = company.get(company.keys(f"{each.folder}/")[0])
        company.put(f"{each.folder}/{each.name}", each.spoil(good))
    before = company.state()
    company.run_until("finished")
    folders = [f"shop_files:{each.folder}" for each in bad]
    remaining = {row["collection"] for row in company.certificates()[-1]["remaining"]}
    for each, folder in zip(bad, folders, strict=True):
        assert the_blocker(company, each.code, folder).resolver == each.resolver
        assert folder in remaining, "the certificate says that it is still there"
    assert_untouched(company, before, *folders)
    assert_rest_is_done(company, *folders, "shop_files:exports")


def test_a_bad_file_stops_every_format_of_its_folder(company_case: Make) -> None:
    company = company_case()
    company.put("exports/customers/more.csv", b"customer_id,mobile\n1,2\n")
    company.put("exports/customers/empty.csv", b"")
    for form in ("csv", "parquet"):
        company.edit(register(f"shop_files:exports/customers#{form}"))
    halt = company.run()
    assert the_blocker(company, "zero-byte-object", "shop_files:exports/customers").resolver == "data engineer"
    assert not {name for name in company.planned(halt) if name.startswith("shop_files:exports/customers")}
    assert "shop_files:exports/chats" in company.planned(halt)


# -- backups -----------------------------------------------------------------------------------------------------------


def _torn(company: "CompanyCase") -> None:
    (key,) = company.keys("backups/")
    content = company.get(key)
    company.replace_backup(content[: len(content) // 2])


def _with_rows_missing(company: "CompanyCase") -> None:
    company.copy_database("shop_older")
    with company.database("shop_older") as older:
        older.execute("DELETE FROM shop.tickets WHERE ticket_id IN (SELECT ticket_id FROM shop.tickets LIMIT 3)")
    company.back_up("shop_older")
    with company.database("postgres") as server:
        server.execute("DROP DATABASE shop_older")


@pytest.mark.parametrize(
    ("spoil", "explanation"),
    [
        pytest.param(_torn, "does not restore", marks=pytest.mark.thorough),
        (_with_rows_missing, "differs: shop.tickets"),
    ],
)
def test_a_backup_that_is_not_proven_stops_its_database(
    company_case: Make, spoil: Callable[["CompanyCase"], None], explanation: str
) -> None:
    company = company_case()
    spoil(company)
    before = company.state()
    tables = [name for name in before if name.startswith("shop_db:")]
    company.run_until("finished")
    found = the_blocker(company, "backup-not-proven", "shop_db")
    assert (found.resolver, explanation in found.explanation) == ("database administrator", True)
    assert_untouched(company, before, *tables)
    assert_rest_is_done(company, *tables)
