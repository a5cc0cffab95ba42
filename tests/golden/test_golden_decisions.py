"""The decisions of one fixed case, reason by reason, as lawyers and stewards would read them.

``decisions.json`` is the promise. A change of a rule or of the deciding code shows here as a difference that a person
reads and accepts, by running the test once with ``WINDDOWN_UPDATE_GOLDEN=1`` and looking at the change of the file.
"""

import difflib
import json
import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.case import (
    AcceptedDate,
    BackupDeclaration,
    Case,
    Custodian,
    Grace,
    Person,
    Profile,
    RegisterEntry,
    Subjects,
)
from winddown.domain.company import Company
from winddown.domain.decision import Decision
from winddown.domain.disposition import Facts, decide
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Collection, CollectionRef, Field, Medium
from winddown.domain.label import Label
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.rules.loader import load_rulebook

GOLDEN = Path(__file__).parent / "decisions.json"
RULEBOOK = load_rulebook(("cn",))
UPDATE = "WINDDOWN_UPDATE_GOLDEN"
FIELDS = tuple(Field(name, "text", nullable=True) for name in ("id", "phone", "order_no", "ordered_on", "amount"))
VOUCHER = (("order_no", "voucher_number"), ("ordered_on", "voucher_date"), ("amount", "amount"))
CASE = Case(
    id="golden-1",
    company=Company("示例公司", "Example", "91310000MA1K35QT41"),
    profile=Profile("general", ("ecommerce_operator",), False, False, (12, 31)),
    people=(Person("chen", "陈", "liquidation_group"),),
    approvers=("chen",),
    grace=Grace(timedelta(days=7), "usual", "chen"),
    custodian=Custodian("he", "示例托管", "custody@example.com", "", date(2026, 10, 1)),
    stores=(),
    timeline=Timeline((TimelineEvent("S2", "service_stopped", date(2026, 10, 31), "stop.txt", "0" * 64),)),
    accepted_dates=(AcceptedDate("RET-TAX-10Y", "day_after_fiscal_year_end", "chen", "0" * 64),),
    subjects=Subjects(CollectionRef("shop", "customers"), "id", "born_on", "country"),
    register=(),
    transfers=(),
)


def facts(
    name: str, category: str | None, *, medium: Medium = Medium.TABLE, status: Status | None = Status.CONFIRMED,
    **more: Any,
) -> Facts:  # fmt: skip
    """What is known about one collection; ``more``: custody, elements, backup of its entry, and blockers, case."""
    ref = CollectionRef("shop", name)
    register = {key: more.pop(key) for key in ("custody", "elements", "backup") if key in more}
    entry = None if category is None else RegisterEntry(ref, category, "sale", "li", **register)
    collection = Collection(ref, medium, "table", ("id",), FIELDS, (), 9, 9, 0, "f" * 64)
    finding = Finding(
        ref, "phone", status or Status.NONE, "mobile", False, 9, 0, (), (),
        ("every value looks like a mobile number",), ("the header says serial",) if status is Status.AMBIGUOUS else (),
    )  # fmt: skip
    values: dict[str, Any] = {
        "case": CASE,
        "collection": collection,
        "entry": entry,
        "findings": (finding,) if status else (),
        "blockers": (),
        "rulebook": RULEBOOK,
        "as_of": date(2026, 11, 23),
    }
    return Facts(**values | more)


def decisions() -> list[Decision]:
    """The fixed case: each kind of collection with the labels that its records can carry."""
    contacts = facts("contacts", "customer_contact")
    orders = facts("orders", "accounting_vouchers", custody="sealed", elements=VOUCHER)
    payments = facts("payments", "accounting_vouchers", custody="in_place", elements=VOUCHER)
    no_date = replace(CASE, accepted_dates=())
    running = replace(CASE, timeline=Timeline(()))
    down = Blocker("store-down", "shop", "the server does not answer", "database administrator", "start it")
    expires = BackupDeclaration("shop", date(2026, 11, 20), date(2027, 2, 28))
    drawn: list[tuple[Facts, tuple[str, ...]]] = [
        (contacts, ("held", "unknown", "minor", "customer")),
        (orders, ("held", "unknown", "undated", "minor/2025", "customer/2024", "customer/2025")),
        (payments, ("minor/2025", "customer/1990", "customer/2025")),
        (facts("invoices", "invoices", case=no_date, elements=VOUCHER), ("customer/2025",)),
        (facts("ledgers", "accounting_ledgers"), ("customer/2025",)),
        (facts("serials", "customer_contact", status=Status.AMBIGUOUS), ("customer",)),
        (facts("counts", "analytics_copy", status=None), ("customer",)),
        (facts("running", "customer_contact", case=running), ("customer", "minor")),
        (facts("unreachable", "customer_contact", blockers=(down,)), ("customer",)),
        (facts("forgotten", None), ("whole",)),
        (facts("products", "company_own", status=None), ("whole",)),
        (facts("scans", "identity_scan", medium=Medium.OBJECTS, status=None), ("held_whole", "untied", "customer")),
        (facts("backups", "backup", medium=Medium.OBJECTS, status=None, backup=expires), ("whole",)),
        (facts("old-backups", "backup", medium=Medium.OBJECTS, status=None), ("whole",)),
    ]
    return [decide(known, Label.parse(label), 3) for known, labels in drawn for label in labels]


def readable(decision: Decision) -> dict[str, Any]:
    """One decision as lines that a difference can point at."""
    outcome = [decision.disposition.value]
    outcome += [f"until {decision.until}"] if decision.until else []
    outcome += ["in place"] if decision.in_place else []
    outcome += ["at once"] if decision.at_once else []
    return {
        "records": f"{decision.collection} {decision.label}",
        "outcome": ", ".join(outcome),
        "needed_fields": ", ".join(decision.needed_fields),
        "reasons": [
            f"{'+' if reason.prevails else '-'} {reason.rule}{f' [{reason.citation}]' if reason.citation else ''}: "
            + reason.says
            for reason in decision.reasons
        ],
    }


def test_the_decisions_are_the_agreed_ones() -> None:
    now = json.dumps([readable(decision) for decision in decisions()], ensure_ascii=False, indent=2) + "\n"
    if os.environ.get(UPDATE) == "1":
        GOLDEN.write_text(now, "utf-8")
    agreed = GOLDEN.read_text("utf-8")
    if now != agreed:
        lines = difflib.unified_diff(agreed.splitlines(), now.splitlines(), "agreed", "now", lineterm="", n=4)
        pytest.fail("\n".join([f"decisions changed; to accept, run again with {UPDATE}=1", *lines]), pytrace=False)


def test_the_agreed_file_shows_every_outcome_and_names_each_set_of_records_once() -> None:
    agreed = json.loads(GOLDEN.read_text("utf-8"))
    assert {one["outcome"].partition(",")[0] for one in agreed} == {"erase", "store_only", "held", "blocked"}
    names = [one["records"] for one in agreed]
    assert len(set(names)) == len(names)
    assert all(one["reasons"] for one in agreed)
