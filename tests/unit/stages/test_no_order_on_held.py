"""Whatever the holds and the records: no order of any wave names a held record, and what is not held is due."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.domain.finding import Finding, Status
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Wave
from winddown.stages.case_file import read_case_file
from winddown.stages.case_model import HoldFields
from winddown.stages.decide import label_and_decide
from winddown.stages.deployment import Deployment
from winddown.stages.hold_file import DeclaredHold
from winddown.stages.holds import as_placed, record_hold, release_hold
from winddown.stages.manifests import read_manifest
from winddown.stages.open import open_case
from winddown.stages.orders import make_orders

PEOPLE = tuple("ABCDEF")
COLLECTIONS = ("customers", "contacts", "chats")
DAYS = (None, "no day", "2024-03-01", "2025-03-01", "2026-03-01")


@dataclass(frozen=True)
class Held:
    """A hold as the test itself understands it."""

    persons: frozenset[str]
    collections: frozenset[str]
    since: date | None
    until: date | None

    def covers(self, collection: str, person: str | None, day: str | None) -> bool:
        at = date.fromisoformat(day) if day and day[0] == "2" else None
        return (
            (not self.persons or person in self.persons)
            and (not self.collections or collection in self.collections)
            and (self.since is None or at is None or at >= self.since)
            and (self.until is None or at is None or at <= self.until)
        )


RANGES = st.sampled_from([(None, None), (date(2025, 1, 1), None), (None, date(2025, 3, 1)), (date(2024, 3, 1),) * 2])
HOLDS = st.builds(
    lambda persons, collections, days: Held(persons, collections, *days),
    st.frozensets(st.sampled_from(PEOPLE), max_size=3),
    st.frozensets(st.sampled_from(COLLECTIONS), max_size=2),
    RANGES,
).filter(lambda found: bool(found.persons or found.collections or found.since or found.until))
ROWS = st.lists(st.tuples(st.sampled_from([*PEOPLE, None, "?"]), st.sampled_from(DAYS)), min_size=1, max_size=25)


@pytest.fixture
def opened(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Deployment:
    case_document["holds"], case_document["transfers"] = [], []
    link = {"category": "customer_contact", "purpose": "sale", "steward": "li", "subject": {"field": "customer"}}
    profile = {"category": "customer_profile", "purpose": "sale", "steward": "li", "subject": {"field": "id"}}
    case_document["register"] = [
        profile | {"collection": "shop:customers"},
        *(link | {"collection": f"shop:{name}", "dated_by": "at"} for name in COLLECTIONS[1:]),
    ]
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    return deployment


def place(deployment: Deployment, number: int, found: Held) -> LegalHold:
    case = deployment.case("demo-1")
    model = HoldFields.model_validate(
        {
            "id": f"H-{number}", "matter": "m", "ground": "police", "authority": "a", "document_number": "1",
            "placed_on": date(2026, 6, 1), "review_on": date(2027, 6, 1), "steward": "li", "since": found.since,
            "until": found.until, "collections": [f"shop:{name}" for name in sorted(found.collections)],
        }
    )  # fmt: skip
    declared = DeclaredHold(model, tuple(sorted(found.persons)))
    hold = as_placed(deployment, case, declared)
    record_hold(deployment, case.id, hold, declared, by="li")
    return hold


def due(deployment: Deployment, shop: Any) -> dict[str, set[str]]:
    """Collection → keys of the records that an order of any wave names."""
    case = deployment.case("demo-1")
    inventory = Inventory(tuple(found for found, _ in shop.shelf.values()), ())
    findings = tuple(
        Finding(found.ref, name, Status.CONFIRMED, "mobile", False, 1, 0, (), (), (), ())
        for found in inventory.collections for name in found.field_names()
    )  # fmt: skip
    labelled, _ = label_and_decide(deployment, case, inventory, findings)
    named: dict[str, set[str]] = {name: set() for name in COLLECTIONS}
    for wave in Wave:
        orders, blockers = make_orders(deployment, case, wave.value, wave=wave, labelled=labelled, findings=findings)
        assert blockers == []
        for order in orders:
            keys = read_manifest(deployment, case.id, order.selection.manifest)
            named[order.collection.name] |= set(keys.column(0).to_pylist())
    return named


def expected(holds: Sequence[Held], rows: dict[str, list[tuple[str | None, str | None]]]) -> dict[str, set[str]]:
    """What may go: customers' records that no hold covers; a customer whose record is held stays known."""
    result = {
        name: {
            str(number) for number, (person, day) in enumerate(found)
            if person in PEOPLE and not any(hold.covers(name, person, day) for hold in holds)
        }
        for name, found in rows.items()
    }  # fmt: skip
    leaned_on = {person for hold in holds for person in hold.persons}
    for name, found in rows.items():
        leaned_on |= {person for person, day in found if person and any(h.covers(name, person, day) for h in holds)}
    gone = {person for person in PEOPLE if not any(hold.covers("customers", person, None) for hold in holds)}
    return result | {"customers": gone - leaned_on}


@given(holds=st.lists(HOLDS, max_size=3), contacts=ROWS, chats=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_orders_name_exactly_what_no_hold_covers(
    opened: Deployment, shop: Any, holds: list[Held], contacts: Any, chats: Any
) -> None:
    born = ["1980-01-01"] * 5 + ["2015-01-01"]
    shop.put("customers", {"id": list(PEOPLE), "born_on": born, "country": ["CN"] * 6}, key=("id",))
    rows = {"contacts": contacts, "chats": chats}
    for name, found in rows.items():
        people, days = [person for person, _ in found], [day for _, day in found]
        shop.put(name, {"no": list(map(str, range(len(found)))), "customer": people, "at": days}, key=("no",))
    placed = [
        place(opened, number, found) for number, found in enumerate(holds, len(opened.control.recorded_holds("demo-1")))
    ]
    assert due(opened, shop) == expected(holds, rows)
    for hold in placed:
        release_hold(opened, "demo-1", hold.id, by="chen", reason="the matter is closed")
    assert due(opened, shop) == expected((), rows), "what was paused is due again"
