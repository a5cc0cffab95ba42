"""Facts for decisions, varied one at a time: an online shop whose service stopped on 2026-10-31."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

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
from winddown.domain.disposition import Facts
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Collection, CollectionRef, Field, Medium
from winddown.domain.pack import Rulebook
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.rules.loader import load_rulebook

REF = CollectionRef("shop", "orders")
STOPPED_ON = date(2026, 10, 31)
AS_OF = date(2027, 1, 15)
ELEMENTS = (("order_no", "voucher_number"), ("ordered_on", "voucher_date"), ("amount", "amount"))
MakeFacts = Callable[..., Facts]


def timeline(events: dict[str, date]) -> Timeline:
    return Timeline(tuple(TimelineEvent("S1", event, on, f"{event}.txt", "0" * 64) for event, on in events.items()))


def case_of(**changes: Any) -> Case:
    accepted = AcceptedDate("RET-TAX-10Y", "day_after_fiscal_year_end", "chen", "0" * 64)
    values: dict[str, Any] = {
        "id": "c-1",
        "company": Company("示例公司", "Example", "91310000MA1K35QT41"),
        "profile": Profile("general", ("ecommerce_operator",), False, False, (12, 31)),
        "people": (Person("chen", "陈", "liquidation_group"), Person("wu", "吴", "pi_officer")),
        "approvers": ("chen", "wu"),
        "grace": Grace(timedelta(days=7), "usual", "chen"),
        "custodian": Custodian("he", "示例托管", "custody@example.com", "", date(2026, 10, 1)),
        "stores": (),
        "timeline": timeline({"service_stopped": STOPPED_ON}),
        "accepted_dates": (accepted,),
        "subjects": Subjects(REF, "customer_id", "born_on", "country"),
        "register": (),
        "transfers": (),
    }
    return Case(**(values | changes))


def finding(field: str, status: Status = Status.CONFIRMED, kind: str | None = "mobile") -> Finding:
    return Finding(REF, field, status, kind, False, 100, 0, (), (), ("looks like it",), ())


def collection_of(medium: Medium = Medium.TABLE) -> Collection:
    names = ("order_no", "customer_id", "phone", "ordered_on", "amount")
    fields = tuple(Field(name, "text", nullable=True) for name in names)
    return Collection(REF, medium, "table", ("order_no",), fields, (), 100, 1000, 0, "f" * 64)


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    return load_rulebook(("cn",))


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    return case_of


@pytest.fixture(scope="session")
def make_timeline() -> Callable[[dict[str, date]], Timeline]:
    return timeline


@pytest.fixture(scope="session")
def make_facts(rulebook: Rulebook) -> MakeFacts:
    """``make_facts(category=…, custody=…, statuses=…, …)``: without arguments, a customer's contact data."""

    def make(
        category: str | None = "customer_contact",
        *,
        medium: Medium = Medium.TABLE,
        custody: str = "sealed",
        elements: tuple[tuple[str, str], ...] = ELEMENTS,
        backup_until: date | None = None,
        statuses: tuple[Status, ...] = (Status.CONFIRMED,),
        **changes: Any,
    ) -> Facts:
        backup = None if backup_until is None else BackupDeclaration("shop", date(2026, 11, 1), backup_until)
        entry = RegisterEntry(REF, str(category), "sale", "li", custody=custody, elements=elements, backup=backup)
        values: dict[str, Any] = {
            "case": case_of(),
            "collection": collection_of(medium),
            "entry": None if category is None else entry,
            "findings": tuple(
                finding(f"field{index}", status, None if status is Status.NONE else "mobile")
                for index, status in enumerate(statuses)
            ),
            "blockers": (),
            "rulebook": rulebook,
            "as_of": AS_OF,
        }
        return Facts(**(values | changes))

    return make
