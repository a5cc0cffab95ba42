"""Which records the holds in force keep: by company, collection, person and date, alone and together."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Inventory, Medium
from winddown.stages.case_file import read_case_file
from winddown.stages.case_model import HoldModel
from winddown.stages.decide import Labelled, label_and_decide
from winddown.stages.deployment import Deployment
from winddown.stages.hold_file import DeclaredHold
from winddown.stages.holds import place_hold
from winddown.stages.open import open_case

CUSTOMERS: dict[str, list[str | None]] = {
    "id": ["A", "B", "C"],
    "born_on": ["1980-01-01", "1990-01-01", "2015-05-05"],
    "country": ["CN", "CN", "CN"],
    "mobile": ["1", "2", "3"],
}
ORDERS: dict[str, list[str | None]] = {
    "order_no": ["1", "2", "3", "4", "5"],
    "customer": ["A", "A", "B", "C", "B"],
    "ordered_on": ["2024-05-01", "2025-05-01", "2024-12-31", "2025-01-01", "no day"],
    "amount": ["1"] * 5,
}


@pytest.fixture
def case(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any, files: Any
) -> Case:
    case_document["holds"] = []
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    shop.put("customers", CUSTOMERS, key=("id",))
    shop.put("orders", ORDERS, key=("order_no",), refers=[])
    shop.put(
        "payments",
        {"payment_no": ["p1", "p3"], "order_no": ["1", "3"], "paid_on": ["2025-06-01", "2024-12-31"]},
        key=("payment_no",),
    )
    shop.put("contacts", {"no": ["x", "y", "z"], "customer": ["A", "B", None]}, key=("no",))
    shop.put("unknown_table", {"id": ["1"]}, key=("id",))
    files.put("loose", {"winddown_object": ["a", "b"]}, medium=Medium.OBJECTS)
    files.put("reports", {"winddown_object": ["r"]}, medium=Medium.OBJECTS)
    return deployment.case("demo-1")


@pytest.fixture
def hold(deployment: Deployment, case: Case) -> Callable[..., None]:
    """``hold("H-1", subjects="A", collections=["shop:orders"])``: place a hold of these parts."""

    def place(name: str, *, subjects: str = "", **parts: Any) -> None:
        values: dict[str, Any] = {
            "id": name, "matter": f"matter {name}", "ground": "court", "authority": "court", "document_number": "1",
            "placed_on": date(2026, 6, 1), "review_on": date(2027, 6, 1), "steward": "li",
        }  # fmt: skip
        model = HoldModel.model_validate(values | parts)
        place_hold(deployment, case.id, DeclaredHold(model, tuple(subjects)), by="li")

    return place


@pytest.fixture
def look(deployment: Deployment, case: Case, shop: Any, files: Any) -> Callable[[], dict[str, Labelled]]:
    """Label and decide everything."""

    def run() -> dict[str, Labelled]:
        inventory = Inventory(tuple(found for store in (shop, files) for found, _ in store.shelf.values()), ())
        findings = tuple(
            Finding(found.ref, name, Status.CONFIRMED, "mobile", False, 1, 0, (), (), (), ())
            for found in inventory.collections for name in found.field_names()
        )  # fmt: skip
        labelled, _ = label_and_decide(deployment, case, inventory, findings)
        return {found.collection.ref.name: found for found in labelled}

    return run


def held(found: Labelled) -> dict[str, str]:
    """Key → holds of the records that are held."""
    key = found.collection.key[0]
    rows = found.records.filter(pl.col("label").is_in(["held", "held_whole"]))
    return dict(rows.select(key, "holds").iter_rows())


Hold = Callable[..., None]
Look = Callable[[], dict[str, Labelled]]


def test_without_a_hold_nothing_is_held(look: Look) -> None:
    assert [name for name, found in look().items() if "held" in str(found.records.get_column("label").to_list())] == []


def test_a_hold_on_the_company_holds_everything_whatever_it_is(hold: Hold, look: Look) -> None:
    hold("H-1", company=True)
    for found in look().values():
        assert {decision.disposition for decision in found.decisions} == {Disposition.HELD}
        assert set(found.records.get_column("holds")) == {"H-1"}


def test_a_hold_on_a_person_holds_that_persons_records_and_what_could_be(hold: Hold, look: Look) -> None:
    hold("H-1", subjects="A")
    found = look()
    assert held(found["customers"]) == {"A": "H-1"}
    assert held(found["orders"]) == {"1": "H-1", "2": "H-1"}
    assert held(found["payments"]) == {"p1": "H-1"}
    assert held(found["contacts"]) == {"x": "H-1"}
    assert set(found["loose"].records.get_column("label")) == {"held_whole"}
    assert set(found["reports"].records.get_column("label")) == {"whole"}
    assert set(found["unknown_table"].records.get_column("label")) == {"whole"}


@pytest.mark.parametrize(
    ("parts", "orders"),
    [
        ({"collections": ["shop:orders"]}, {"1", "2", "3", "4", "5"}),
        ({"since": "2025-01-01"}, {"2", "4", "5"}),
        ({"until": "2024-12-31"}, {"1", "3", "5"}),
        ({"since": "2024-12-31", "until": "2025-01-01"}, {"3", "4", "5"}),
        ({"subjects": "B", "since": "2025-01-01"}, {"5"}),
        ({"subjects": "AB", "until": "2024-12-31", "collections": ["shop:orders"]}, {"1", "3", "5"}),
        ({"subjects": "C", "collections": ["shop:contacts"]}, set()),
    ],
)
def test_the_parts_of_a_scope_intersect_and_a_record_without_a_date_is_inside(
    hold: Hold, look: Look, parts: dict[str, Any], orders: set[str]
) -> None:
    # No record beside the orders leans on one, so that what is held in it is what the scope says.
    hold("H-1", **parts | {"collections": parts.get("collections", ["shop:orders"])})
    assert set(held(look()["orders"])) == orders


def test_several_holds_on_one_record_are_all_named(hold: Hold, look: Look) -> None:
    hold("H-2", subjects="A")
    hold("H-1", collections=["shop:orders"], since="2025-01-01")
    hold("H-3", collections=["shop:orders"], until="2024-06-01", ground="private_dispute")
    found = look()["orders"]
    assert held(found) == {"1": "H-2, H-3", "2": "H-1, H-2", "4": "H-1", "5": "H-1, H-3"}
    (decision,) = [one for one in found.decisions if one.label == "held"]
    said = {reason.says[reason.says.index("hold H-") :]: reason for reason in decision.reasons}
    assert decision.count == 4
    assert [text[:8] for text in said] == ["hold H-1", "hold H-2", "hold H-3"]
    assert [(reason.rule, bool(reason.citation)) for reason in said.values()] == [
        ("HOLD-PRECEDENCE", True), ("HOLD-PRECEDENCE", True), ("private-dispute", False),
    ]  # fmt: skip
    assert all(reason.prevails for reason in said.values())
    assert all(f"matter H-{number}" in text and "2027-06-01" in text for number, text in enumerate(said, 1))
    assert "no statutory hold" in decision.reasons[2].says


def test_a_hold_that_covers_nothing_of_a_collection_is_not_named_there(hold: Hold, look: Look) -> None:
    hold("H-1", subjects="A")
    hold("H-2", collections=["shop:contacts"])
    decisions: list[Decision] = [one for one in look()["orders"].decisions if one.label == "held"]
    assert ["H-2" in reason.says for decision in decisions for reason in decision.reasons] == [False]


def test_a_hold_past_its_review_still_holds_and_says_so(hold: Hold, look: Look) -> None:
    hold("H-1", subjects="A", review_on="2026-11-22")
    (decision,) = [one for one in look()["orders"].decisions if one.label == "held"]
    assert "overdue for review since 2026-11-22" in decision.reasons[0].says


def test_a_collection_hold_reaches_what_is_tied_to_nobody(hold: Hold, look: Look) -> None:
    hold("H-1", collections=["files:reports", "shop:unknown_table"])
    hold("H-2", subjects="A", collections=["files:loose"])
    found = look()
    assert set(found["reports"].records.get_column("holds")) == {"H-1"}
    assert set(found["unknown_table"].records.get_column("label")) == {"held_whole"}
    assert set(found["loose"].records.get_column("holds")) == {"H-2"}
    assert held(found["orders"]) == {}


# -- what held records lean on -----------------------------------------------------------------------------------------


def test_the_customer_and_the_order_that_a_held_payment_leads_to_stay_with_it(hold: Hold, look: Look) -> None:
    hold("H-1", collections=["shop:payments"], since="2025-01-01")
    found = look()
    assert held(found["payments"]) == {"p1": "H-1"}
    assert held(found["orders"]) == {"1": "H-1"}
    assert held(found["customers"]) == {"A": "H-1"}
    assert held(found["contacts"]) == {}


def test_a_named_person_stays_known_without_any_record_under_the_hold(hold: Hold, look: Look) -> None:
    hold("H-1", subjects="C", collections=["shop:contacts"])
    found = look()
    assert held(found["customers"]) == {"C": "H-1"}
    assert held(found["contacts"]) == {}


def test_several_holds_lean_on_one_customer(hold: Hold, look: Look) -> None:
    hold("H-2", collections=["shop:contacts"])
    hold("H-1", collections=["shop:orders"], until="2024-06-01")
    assert held(look()["customers"]) == {"A": "H-1, H-2", "B": "H-1, H-2"}


# -- holds that would protect nothing ----------------------------------------------------------------------------------


def test_a_hold_on_a_collection_that_is_in_no_store_is_refused(hold: Hold, look: Look) -> None:
    hold("H-1", collections=["shop:order"])
    with pytest.raises(Refused, match="hold H-1 names what is in no store: shop:order"):
        look()


def test_an_older_list_of_persons_in_the_place_of_the_newer_is_refused(
    deployment: Deployment, hold: Hold, look: Look, case: Case
) -> None:
    hold("H-1", subjects="A")
    (before,) = deployment.control.holds(case.id)
    folder = deployment.folder(case.id, "manifests")
    older = (folder / f"{before.scope.subjects_manifest}.sealed").read_bytes()
    hold("H-1", subjects="AB")
    (after,) = deployment.control.holds(case.id)
    (folder / f"{after.scope.subjects_manifest}.sealed").write_bytes(older)
    with pytest.raises(Refused):
        look()
