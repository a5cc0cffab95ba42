"""Data abroad, checked on a company's stores: where they lie, how many persons, which path, what is missing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Condition, Rule
from winddown.domain.transfer import Count, TransferCheck
from winddown.evidence.entry import LedgerEntry
from winddown.stages import transfers as checking
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case

Result = tuple[dict[str, TransferCheck], set[tuple[str, str]]]
CONSENT = {"legal_basis": "consent", "purpose": "customer_care", "where": "all"}


class Company:
    """A case whose stores and file a test fills before it asks for the check."""

    def __init__(
        self, deployment: Deployment, document: dict[str, Any], write: Callable[[Any], Path], shop: Any
    ) -> None:
        self.deployment, self.document, self.write, self.shop = deployment, document, write, shop
        document["holds"], document["transfers"] = [], []
        self.findings: list[Finding] = []
        self.blockers: tuple[Blocker, ...] = ()

    def customers(self, count: int, *, abroad: Sequence[int] = (), children: Sequence[int] = ()) -> None:
        numbers = range(count)
        self.shop.put(
            "customers",
            {
                "id": [str(number) for number in numbers],
                "born_on": ["2015-05-05" if number in children else "1980-01-01" for number in numbers],
                "country": ["JP" if number in abroad else "CN" for number in numbers],
            },
            key=("id",),
        )

    def records(self, name: str, customers: "Sequence[str | None]") -> None:
        """A collection with a record for each of these customers."""
        rows = {"no": [str(number) for number in range(len(customers))], "customer": list(customers)}
        self.shop.put(name, rows, key=("no",))
        ref = f"shop:{name}"
        known = [entry["collection"] for entry in self.document["register"]]
        if ref not in known:
            self.document["register"].append(
                {"collection": ref, "category": "customer_contact", "purpose": "sale", "steward": "li",
                 "subject": {"field": "customer"}}
            )  # fmt: skip

    def transfer(self, transfer_id: str, collection: str, **more: Any) -> None:
        self.document["transfers"].append(
            {"id": transfer_id, "recipient": "Parent", "country": "JP", "collection": f"shop:{collection}",
             "sensitive": False, "evidence": "evidence/event.txt", **CONSENT, **more}
        )  # fmt: skip

    def check(self, *, room: int = 1 << 20) -> Result:
        opened = open_case(self.deployment, read_case_file(self.write(self.document)), requested_by="operator")
        case = self.deployment.case(opened)
        self.deployment.control.put(opened, "findings", "findings", tuple(self.findings), type_=tuple[Finding, ...])
        inventory = Inventory(tuple(found for found, _ in self.shop.shelf.values()), self.blockers)
        checks, blockers = checking.check_transfers(self.deployment, case, inventory, room=room)
        self.said = {(found.code, found.subject): found.explanation for found in blockers}
        return {found.path.transfer: found for found in checks}, set(self.said)


@pytest.fixture
def company(
    deployment: Deployment, case_document: dict[str, Any], write_case: Callable[[Any], Path], shop: Any
) -> Company:
    return Company(deployment, case_document, write_case, shop)


@pytest.fixture
def small(company: Company) -> None:
    """Thresholds a thousand times smaller, so that a test crosses them with a hundred persons."""

    def smaller(test: Condition) -> Condition:
        if not test.fact.startswith("persons_") or max(test.at_least or 0, test.below or 0) <= 1:
            return test
        at_least, below = (None if value is None else value // 1000 for value in (test.at_least, test.below))
        return replace(test, at_least=at_least, below=below)

    def scaled(rule: Rule) -> Rule:
        return replace(rule, any_of=tuple(tuple(smaller(test) for test in tests) for tests in rule.any_of))

    packs = tuple(
        replace(pack, rules={name: scaled(rule) for name, rule in pack.rules.items()})
        for pack in company.deployment.rulebook.packs
    )
    company.deployment = replace(company.deployment, rulebook=Rulebook(packs))


def exactly(number: int) -> Count:
    return Count(number, number)


def names(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


# -- where data lie ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "code"),
    [("cn-east-2", None), ("office", "unknown-region"), ("eu-west-1", "undeclared-transfer"),
     ("cn-hongkong", "undeclared-transfer")],
)  # fmt: skip
def test_a_store_is_at_home_abroad_or_blocks(company: Company, region: str, code: str | None) -> None:
    company.document["stores"][1]["region"] = region
    subjects = {"files:scans", "files:loose"} if code == "undeclared-transfer" else {"files"}
    assert company.check()[1] == ({(code, subject) for subject in subjects} if code else set())


def test_access_from_abroad_is_a_transfer_from_each_country(company: Company) -> None:
    company.customers(3)
    company.document["stores"][0]["accessed_from"] = ["CN", "JP", "SG"]
    tables = {"customers", "contacts", "orders", "payments"}
    assert company.check()[1] == {("undeclared-transfer", f"shop:{name}") for name in tables}
    company.transfer("XB-JP", "customers", means="remote_access")
    checks, blocked = company.check()
    # One declared collection does not answer for the others, nor one country for another.
    assert ("undeclared-transfer", "shop:orders") in blocked
    assert "SG" in company.said["undeclared-transfer", "shop:customers"]
    company.transfer("XB-SG", "customers", means="remote_access", country="SG")
    checks, blocked = company.check()
    assert ("undeclared-transfer", "shop:customers") not in blocked
    # Who can be looked at is counted, although nothing is sent.
    assert checks["XB-JP"].other == exactly(3)


def test_handing_the_archive_to_a_custodian_abroad_is_checked_first(company: Company) -> None:
    company.customers(3)
    company.records("orders", names(0, 3))
    orders, payments = company.document["register"][1:3]
    del orders["dated_by"], payments["custody"]
    company.document["custodian"]["country"] = "HK"
    assert company.check()[1] == {("undeclared-transfer", "shop:orders")}
    company.transfer("XB-HK", "orders", means="custody", country="HK", legal_basis="contract")
    checks, blocked = company.check()
    assert checks["XB-HK"].path.rule == "XB-EX-5-4"
    # It has not happened yet, so what is owed can be done before, and must.
    assert ("transfer-condition-open", "shop:orders") in blocked
    day = date(2026, 11, 1)
    company.document["transfers"][0]["met"] = [
        {"rule": rule, "on": day, "evidence": "evidence/event.txt"}
        for rule in ("XB-ALWAYS-NOTICE", "XB-ALWAYS-PIA", "XB-ALWAYS-CONTRACT-END")
    ]
    assert company.check()[1] == set()


def test_handing_over_to_a_named_recipient_abroad_is_checked_like_a_custodian(company: Company) -> None:
    company.customers(3)
    company.records("kyc", names(0, 3))
    company.document["register"][-1]["category"] = "customer_identity_kyc"
    company.document["profile"]["sectors"] = ["nonbank_payment_institution"]
    body = {**company.document["custodian"], "role": "designated_body", "organisation": "Body", "country": "CN"}
    company.document["recipients"] = [body]
    assert company.check()[1] == set()
    del body["country"]
    assert company.check()[1] == {("unknown-country", "shop:kyc")}
    body["country"] = "SG"
    assert company.check()[1] == {("undeclared-transfer", "shop:kyc")}
    company.transfer("XB-SG", "kyc", means="custody", country="SG", sensitive=True)
    checks, blocked = company.check()
    # It needs a path and what is owed first, as any other transfer of these persons.
    assert checks["XB-SG"].path.rule == "XB-PATH-SCC-CERT"
    assert blocked == {("transfer-without-path", "shop:kyc"), ("transfer-condition-open", "shop:kyc")}
    company.document["transfers"][0]["country"] = "HK"
    with pytest.raises(Refused, match="custodian and recipients are in CN, SG"):
        company.check()


# -- counting ----------------------------------------------------------------------------------------------------------


def test_each_person_counts_once_over_stores_and_transfers(company: Company) -> None:
    company.customers(20)
    company.records("contacts", [*names(0, 8), *names(0, 8)])
    company.records("baskets", names(4, 12))
    company.transfer("XB-1", "contacts")
    company.transfer("XB-2", "baskets")
    checks, _ = company.check()
    assert checks["XB-1"].other == checks["XB-2"].other == exactly(12)
    assert checks["XB-1"].sensitive == exactly(0)


def test_who_has_sensitive_information_counts_there_only(company: Company) -> None:
    company.customers(20, children=(10, 19))
    company.records("contacts", names(0, 8))
    company.records("baskets", names(4, 12))
    company.transfer("XB-1", "contacts", sensitive=True)
    company.transfer("XB-2", "baskets")
    found = company.check()[0]["XB-2"]
    # The eight of the sensitive transfer, and the child among the others (PIPL 28).
    assert (found.sensitive, found.other) == (exactly(9), exactly(3))


def test_a_field_found_sensitive_makes_the_transfer_so(company: Company) -> None:
    company.customers(5)
    company.records("contacts", names(0, 5))
    company.transfer("XB-1", "contacts")
    ref = CollectionRef("shop", "contacts")
    company.findings = [Finding(ref, "no", Status.CONFIRMED, "resident_id", True, 5, 0, (), (), (), ())]
    found = company.check()[0]["XB-1"]
    assert (found.sensitive, found.path.rule) == (exactly(5), "XB-PATH-SCC-CERT")


def test_only_customers_abroad_and_strangers_count_where_only_they_are_sent(company: Company) -> None:
    company.customers(10, abroad=(1, 2))
    company.records("contacts", ["1", "2", "2", "3", "stranger"])
    company.transfer("XB-1", "contacts", where="overseas")
    assert company.check()[0]["XB-1"].other == exactly(3)


def test_records_without_a_person_are_each_at_most_one_more(company: Company) -> None:
    company.customers(10)
    company.records("contacts", ["1", "2", None, ""])
    company.transfer("XB-1", "contacts")
    assert company.check()[0]["XB-1"].other == Count(2, 4)


def test_a_collection_that_nobody_ties_to_persons_has_no_upper_bound(company: Company) -> None:
    company.customers(10)
    company.records("contacts", names(0, 3))
    del company.document["register"][3]["subject"]
    company.transfer("XB-1", "contacts")
    checks, blocked = company.check()
    assert checks["XB-1"].other == Count(0, None)
    assert blocked == {("transfer-count-unconfirmed", "shop:contacts")}
    assert "nobody ties records of shop:contacts" in company.said["transfer-count-unconfirmed", "shop:contacts"]


def test_a_collection_that_is_blocked_has_no_upper_bound(company: Company) -> None:
    company.customers(10)
    company.records("contacts", names(0, 3))
    company.blockers = (Blocker("no-read-access", "shop:contacts", "closed", "administrator", "open it"),)
    company.transfer("XB-1", "contacts")
    assert company.check()[0]["XB-1"].other == Count(0, None)


def test_data_about_nobody_need_no_path(company: Company) -> None:
    company.customers(1)
    company.records("contacts", names(0, 1))
    del company.document["register"][3]["subject"]
    ref = CollectionRef("shop", "contacts")
    company.findings = [
        Finding(ref, name, Status.NONE, None, False, 5, 0, (), (), (), ()) for name in ("no", "customer")
    ]
    company.transfer("XB-1", "contacts", purpose="international_trade")
    checks, blocked = company.check()
    assert (checks["XB-1"].path.rule, checks["XB-1"].owed, blocked) == ("XB-EX-3", (), set())


def test_a_list_of_customers_that_cannot_be_read_blocks_every_transfer(company: Company) -> None:
    company.records("contacts", names(0, 3))
    company.transfer("XB-1", "contacts")
    assert company.check() == ({}, {("transfer-not-counted", "shop:contacts")})


@pytest.mark.usefixtures("small")
def test_whoever_splits_stays_one_exporter(company: Company) -> None:
    company.customers(200)
    for number, first in enumerate((0, 60)):
        company.records(f"part{number}", names(first, first + 60))
        company.transfer(f"XB-{number}", f"part{number}", recipient=f"Recipient {number}")
    checks, blocked = company.check()
    assert [found.path.rule for found in checks.values()] == ["XB-PATH-SCC-CERT"] * 2
    assert blocked == {("transfer-without-path", "shop:part0"), ("transfer-without-path", "shop:part1")}


@pytest.mark.usefixtures("small")
def test_every_calendar_year_begins_at_nothing(company: Company) -> None:
    company.customers(200)
    company.records("part0", names(0, 60))
    company.records("part1", names(60, 120))
    company.transfer("XB-0", "part0", ended_on=date(2025, 12, 31))
    company.transfer("XB-1", "part1", started_on=date(2026, 1, 1))
    checks, blocked = company.check()
    assert [(found.path.rule, found.other) for found in checks.values()] == [("XB-EX-5-4", exactly(60))] * 2
    assert blocked == set()


@pytest.mark.usefixtures("small")
def test_until_march_2024_the_year_before_counted_too(company: Company) -> None:
    company.customers(200)
    company.records("part0", names(0, 60))
    company.records("part1", names(60, 120))
    company.transfer("XB-0", "part0", started_on=date(2022, 5, 1), ended_on=date(2022, 6, 1))
    company.transfer("XB-1", "part1", started_on=date(2023, 7, 1), ended_on=date(2023, 8, 1))
    assert company.check()[0]["XB-1"].path.rule == "SUP-XB11-4"


# -- what no longer can be counted -------------------------------------------------------------------------------------


def logged(persons: int, **more: Any) -> dict[str, Any]:
    return {"transfer": "XB-1", "started_on": date(2026, 2, 1), "ended_on": date(2026, 3, 1), "persons": persons,
            "sensitive": False, "evidence": "evidence/event.txt", **more}  # fmt: skip


def confirmed(other: int, sensitive: int = 0) -> dict[str, Any]:
    return {"year": 2026, "sensitive_at_most": sensitive, "other_at_most": other, "confirmed_by": "wu",
            "evidence": "evidence/event.txt"}  # fmt: skip


@pytest.mark.parametrize(
    ("persons", "rule", "code"),
    [
        # Below the last threshold the officer must say that it were not more.
        (99_999, "XB-EX-5-4", {"transfer-count-unconfirmed"}),
        (100_000, "XB-PATH-SCC-CERT", {"transfer-count-unconfirmed", "transfer-without-path"}),
        (1_000_000, "XB-PATH-ASSESS", {"transfer-without-path"}),
    ],
)
def test_a_declared_export_makes_the_total_a_lower_bound(
    company: Company, persons: int, rule: str, code: set[str]
) -> None:
    company.customers(5)
    company.records("contacts", names(0, 5))
    company.transfer("XB-1", "contacts")
    company.document["export_log"] = [logged(persons), logged(7)]
    checks, blocked = company.check()
    assert (checks["XB-1"].other, checks["XB-1"].path.rule) == (Count(persons, None), rule)
    assert {found for found, _ in blocked} == code


def test_exports_of_another_year_do_not_count(company: Company) -> None:
    company.customers(5)
    company.records("contacts", names(0, 5))
    company.transfer("XB-1", "contacts")
    company.document["export_log"] = [logged(10**6, started_on=date(2025, 1, 1), ended_on=date(2025, 12, 31))]
    assert company.check()[0]["XB-1"].other == exactly(5)


def test_the_officers_word_closes_the_count_unless_more_were_counted(company: Company) -> None:
    company.customers(5)
    company.records("contacts", names(0, 5))
    company.transfer("XB-1", "contacts")
    company.document["export_log"] = [logged(50_000)]
    company.document["confirmed_counts"] = [confirmed(99_999)]
    checks, blocked = company.check()
    assert (checks["XB-1"].other, checks["XB-1"].path.could_be, blocked) == (Count(50_000, 99_999), "", set())
    company.document["confirmed_counts"] = [confirmed(49_999)]
    assert company.check()[1] == {("transfer-count-unconfirmed", "shop:contacts")}


def test_what_was_counted_stays_counted_when_it_was_purged(company: Company) -> None:
    company.customers(20, children=(0,))
    company.records("contacts", names(0, 12))
    company.transfer("XB-1", "contacts", started_on=date(2026, 2, 1), ended_on=date(2026, 6, 1))
    found = company.check()[0]["XB-1"]
    assert (found.sensitive, found.other) == (exactly(1), exactly(11))
    assert "deleted later" not in found.path.sentence
    company.records("contacts", names(9, 12))
    for _ in range(2):  # and it does not wear off
        found = company.check()[0]["XB-1"]
        assert (found.sensitive, found.other) == (exactly(1), exactly(11))
        assert "on 2026-11-23 it were 11 persons and 1 more with sensitive information" in found.path.sentence
    # More persons than before are simply more.
    company.records("contacts", names(0, 20))
    assert company.check()[0]["XB-1"].other == exactly(19)


def test_while_transfers_go_on_who_is_found_now_may_be_new(company: Company) -> None:
    company.customers(20)
    company.records("contacts", names(0, 12))
    company.transfer("XB-1", "contacts")
    assert company.check()[0]["XB-1"].other == exactly(12)
    company.records("contacts", names(12, 17))
    assert company.check()[0]["XB-1"].other == Count(12, 17)
    assert company.check()[0]["XB-1"].other == Count(12, 17)


@pytest.mark.usefixtures("small")
def test_purging_does_not_open_a_weaker_path(company: Company) -> None:
    company.customers(200)
    company.records("contacts", names(0, 120))
    company.transfer("XB-1", "contacts")
    assert company.check()[0]["XB-1"].path.rule == "XB-PATH-SCC-CERT"
    company.records("contacts", names(0, 5))
    found = company.check()[0]["XB-1"]
    assert (found.path.rule, found.other.at_least) == ("XB-PATH-SCC-CERT", 120)


def test_another_year_begins_at_nothing_whatever_was_counted_before(company: Company) -> None:
    company.customers(20)
    company.records("contacts", names(0, 12))
    company.transfer("XB-1", "contacts", started_on=date(2025, 2, 1), ended_on=date(2025, 6, 1))
    assert company.check()[0]["XB-1"].other == exactly(12)
    company.records("contacts", names(0, 3))
    company.document["transfers"][0] |= {"started_on": date(2026, 2, 1), "ended_on": date(2026, 6, 1)}
    assert company.check()[0]["XB-1"].other == exactly(3)


@pytest.mark.parametrize(
    ("started", "ended", "born", "sensitive"),
    [
        # Fourteen when the service stopped on 2026-10-31, thirteen when the transfer began.
        (date(2026, 3, 1), date(2026, 3, 31), "2012-05-05", 1),
        (date(2026, 3, 1), date(2026, 3, 31), "2012-03-02", 1),
        (date(2026, 3, 1), date(2026, 3, 31), "2012-03-01", 0),
        # Nobody knows on which day it was: whoever was a child on 1 January counts.
        (None, None, "2012-01-02", 1),
        (None, None, "2012-01-01", 0),
        (date(2020, 1, 1), None, "2012-01-02", 1),
        (date(2020, 1, 1), None, "2012-01-01", 0),
        # A child when the service stopped is one in any case.
        (date(2026, 3, 1), date(2026, 3, 31), "2015-05-05", 1),
        (None, None, None, 0),
    ],
)
def test_who_was_a_child_is_asked_of_the_earliest_day_of_the_transfer(
    company: Company, *, started: date | None, ended: date | None, born: str | None, sensitive: int
) -> None:
    company.shop.put("customers", {"id": ["0", "1"], "born_on": [born, "1980-01-01"], "country": ["CN"] * 2},
                     key=("id",))  # fmt: skip
    company.records("contacts", names(0, 2))
    company.transfer("XB-1", "contacts", started_on=started, ended_on=ended)
    found = company.check()[0]["XB-1"]
    assert (found.sensitive, found.other) == (exactly(sensitive), exactly(2 - sensitive))


# -- sketches ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("persons", "rule"), [(99, "XB-EX-5-4"), (100, "XB-PATH-SCC-CERT")])
def test_where_a_sketch_straddles_a_threshold_persons_are_counted_exactly(
    company: Company, persons: int, rule: str
) -> None:
    company.customers(200)
    company.records("contacts", names(0, persons))
    company.transfer("XB-1", "contacts")
    found = company.check(room=32)[0]["XB-1"]
    assert (found.path.rule, found.other, found.path.could_be) == (rule, exactly(persons), "")


def test_where_a_sketch_decides_it_says_how_sure_it_is(company: Company) -> None:
    company.customers(200)
    company.records("contacts", names(0, 200))
    company.transfer("XB-1", "contacts")
    found = company.check(room=32)[0]["XB-1"]
    assert found.path.rule == "XB-EX-5-4"
    assert found.other.at_least < 200 < (found.other.at_most or 0)


# -- filings, exemptions, tasks ----------------------------------------------------------------------------------------


def test_a_filing_opens_the_way_and_one_that_does_not_count_says_why(company: Company) -> None:
    company.customers(5)
    company.records("contacts", names(0, 5))
    company.transfer("XB-1", "contacts", sensitive=True)
    filing = {"id": "F-1", "kind": "certificate", "issued_on": date(2026, 2, 1), "valid_until": date(2029, 2, 1),
              "covers": ["XB-1"], "evidence": "evidence/event.txt"}  # fmt: skip
    company.document["filings"] = [filing]
    assert company.check()[1] == set()
    company.document["filings"] = [{**filing, "valid_until": date(2026, 11, 22)}]
    assert company.check()[1] == {("transfer-without-path", "shop:contacts")}
    assert "filing F-1: expired after 2026-11-22" in company.said["transfer-without-path", "shop:contacts"]


def test_data_collected_abroad_go_home_unless_somebody_domestic_is_among_them(company: Company) -> None:
    company.customers(5, abroad=(0, 1))
    company.records("contacts", names(0, 2))
    company.transfer("XB-1", "contacts", origin="abroad", sensitive=True)
    assert company.check()[0]["XB-1"].path.rule == "XB-EX-4"
    company.records("contacts", names(0, 3))
    assert company.check()[0]["XB-1"].path.rule == "XB-PATH-SCC-CERT"


def test_recipients_are_tasks_until_they_confirm_and_block_nothing_here(company: Company) -> None:
    company.customers(5)
    company.records("contacts", names(0, 5))
    company.transfer("XB-1", "contacts")
    checks, blocked = company.check()
    assert (checking.open_recipients(tuple(checks.values())), blocked) == (("XB-1",), set())
    company.document["transfers"][0]["deletion_confirmed"] = {"on": date(2026, 11, 2), "evidence": "evidence/event.txt"}
    assert checking.open_recipients(tuple(company.check()[0].values())) == ()


def test_the_ledger_gets_counts_and_ids_alone(company: Company) -> None:
    company.customers(5)
    company.records("contacts", names(0, 5))
    company.transfer("XB-1", "contacts", recipient="Secret Recipient")
    company.check()
    (entry,) = [
        found for raw in company.deployment.ledger.entries("demo-1")
        if (found := LedgerEntry.parse(raw)).type == "transfer_checked"
    ]  # fmt: skip
    assert entry.body["persons_other"] == [5, 5]
    assert entry.body["missing"] == [
        "XB-ALWAYS-CONSENT", "XB-ALWAYS-CONTRACT-END", "XB-ALWAYS-NOTICE", "XB-ALWAYS-PIA"
    ]  # fmt: skip
    assert b"Secret Recipient" not in entry.raw
