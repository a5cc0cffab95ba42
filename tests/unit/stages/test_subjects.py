"""Whose record it is, and which label it therefore carries: every record exactly one."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Collection, CollectionRef, Inventory, Medium
from winddown.stages import pieces, plain_facts
from winddown.stages.case_file import read_case_file
from winddown.stages.decide import label_and_decide
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case
from winddown.stages.remembered import remember_customers
from winddown.stages.subjects import build_index, label_records

WriteCase = Callable[[Any], Path]
CUSTOMERS: dict[str, list[str | None]] = {
    "id": ["C-held", "C-child", "C-adult", "C-ageless", "C-heldchild"],
    "born_on": ["1980-01-01", "2015-05-05", "1990-01-01", None, "2016-06-06"],
    "country": ["CN", "CN", "JP", None, "CN"],
    "mobile": ["1", "2", "3", "4", "5"],
}


@pytest.fixture
def case(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], case_folder: Path, shop: Any
) -> Case:
    """An opened case with a hold on C-held and C-heldchild, and five customers."""
    (case_folder / "holds" / "h-1.csv").write_text("subject\nC-held\nC-heldchild\n", "utf-8")
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    shop.put("customers", CUSTOMERS, key=("id",))
    return deployment.case("demo-1")


def inventory_of(*stores: Any) -> Inventory:
    return Inventory(tuple(found for store in stores for found, _ in store.shelf.values()), ())


def labels(deployment: Deployment, case: Case, stores: tuple[Any, ...], collection: Collection) -> list[str]:
    inventory = inventory_of(*stores)
    index = build_index(deployment, case, inventory)
    records = label_records(deployment, case, inventory, index, collection)
    return [str(label) for label in records.get_column("label").to_list()]


def test_a_list_of_customers_without_a_declared_field_is_refused_by_name(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    shop.put("customers", {"id": ["C-held", "C-heldchild"], "country": ["CN", "CN"]}, key=("id",))
    with pytest.raises(Refused, match="has no field born_on"):
        build_index(deployment, case, inventory_of(shop))


def test_a_list_of_keys_alone_knows_no_child_and_nobody_abroad(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any
) -> None:
    case_document["holds"] = []
    case_document["subjects"] |= {"born_on": None, "country": None}
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    found = deployment.case("demo-1")
    customers = shop.put("customers", {"id": ["C-1", "C-2"], "born_on": ["2020-01-01", ""]}, key=("id",))
    assert labels(deployment, found, (shop,), customers) == ["customer", "customer"]
    inventory = inventory_of(shop)
    table = build_index(deployment, found, inventory).table
    assert table.select("minor", "overseas", "listed").unique().rows() == [(False, False, True)]
    assert table.get_column("born_on").null_count() == 2
    looked = plain_facts.customers(deployment, found, inventory, lambda _: True)
    assert {(one.is_known, one.is_minor, one.is_overseas) for one in looked.values()} == {(True, False, False)}


# -- the order of the classes ----------------------------------------------------------------------------------------


def test_the_first_class_that_matches_wins(deployment: Deployment, case: Case, shop: Any) -> None:
    rows: list[tuple[str | None, str | None, str]] = [
        ("C-held", "2025-03-01", "held"),
        ("C-held", None, "held"),  # a hold outranks a missing date
        ("C-heldchild", "2025-03-01", "held"),  # and childhood
        ("C-nobody", "2025-03-01", "unknown"),
        ("C-nobody", None, "unknown"),  # who it is comes before when it was
        (None, "2025-03-01", "unknown"),
        ("", "2025-03-01", "unknown"),
        ("c-adult", "2025-03-01", "unknown"),  # keys are compared exactly
        ("C-adult", None, "undated"),
        ("C-child", None, "undated"),
        ("C-adult", "last summer", "undated"),
        ("C-adult", "1900-01-01", "placeholder"),
        ("C-child", "9999-12-31T23:59:59Z", "placeholder"),
        ("C-held", "1970-01-01", "held"),
        ("C-child", "2025-03-01", "minor/2025"),
        ("C-adult", "2025-03-01", "customer/2025"),
        ("C-ageless", "2024-12-31 23:59:59+08", "customer/2024"),
    ]
    orders = shop.put(
        "orders",
        {
            "order_no": [str(number) for number in range(len(rows))],
            "customer": [customer for customer, _, _ in rows],
            "ordered_on": [on for _, on, _ in rows],
            "amount": ["1"] * len(rows),
        },
        key=("order_no",),
    )
    assert labels(deployment, case, (shop,), orders) == [label for _, _, label in rows]


def test_an_undated_collection_needs_no_date(deployment: Deployment, case: Case, shop: Any) -> None:
    contacts = shop.put("contacts", {"no": ["1", "2"], "customer": ["C-adult", "C-child"]}, key=("no",))
    assert labels(deployment, case, (shop,), contacts) == ["customer", "minor"]


def test_the_label_stands_beside_the_records_key(deployment: Deployment, case: Case, shop: Any) -> None:
    contacts = shop.put("contacts", {"no": ["1", "2"], "customer": ["C-adult", "C-held"]}, key=("no",))
    inventory = Inventory((shop.shelf["customers"][0], contacts), ())
    index = build_index(deployment, case, inventory)
    found = label_records(deployment, case, inventory, index, contacts)
    assert found.rows() == [("1", "C-adult", "customer", ""), ("2", "C-held", "held", "H-1")]
    assert "C-adult" not in repr(index)


def test_the_fiscal_year_ends_when_the_profile_says(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], case_folder: Path, shop: Any
) -> None:
    (case_folder / "holds" / "h-1.csv").write_text("subject\nC-held\n", "utf-8")
    case_document["profile"]["fiscal_year_end"] = "06-30"
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    shop.put("customers", CUSTOMERS, key=("id",))
    days: list[str | None] = ["2025-06-30", "2025-07-01", "2025-12-31", "2026-01-01"]
    orders = shop.put(
        "orders",
        {"order_no": ["1", "2", "3", "4"], "customer": ["C-adult"] * 4, "ordered_on": days, "amount": ["1"] * 4},
        key=("order_no",),
    )
    case = deployment.case("demo-1")
    assert labels(deployment, case, (shop,), orders) == [f"customer/{year}" for year in (2025, 2026, 2026, 2026)]


# -- who is a child --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stopped", "born", "label"),
    [
        pytest.param("2026-10-31", "2012-10-30", "customer", id="14 since yesterday"),
        pytest.param("2026-10-31", "2012-10-31", "customer", id="14th birthday on the day of the stop"),
        pytest.param("2026-10-31", "2012-11-01", "minor", id="14 tomorrow"),
        pytest.param("2026-10-31", "2026-10-31", "minor", id="born on the day of the stop"),
        pytest.param("2026-10-31", None, "customer", id="unknown date of birth"),
        pytest.param("2026-10-31", "9999-12-31", "customer", id="a placeholder is no date of birth"),
        pytest.param("2026-10-31", "0000-00-00", "customer", id="a placeholder that is no day"),
        pytest.param("2026-10-31", "1970-01-01", "customer", id="an adult, born that day or not"),
        pytest.param("2026-10-31", "1950-05-06", "customer", id="born in 1950"),
        pytest.param("2026-10-31", "20121101", "minor", id="14 tomorrow, written without dashes"),
        pytest.param("2026-10-31", "2012-11-01 00:00:00", "minor", id="14 tomorrow, with a time behind it"),
        pytest.param("2026-12-28", "2012-02-29", "customer", id="born on 29 February"),
        pytest.param("2027-02-28", "2013-03-01", "minor", id="14 on 1 March"),
        pytest.param("2028-02-29", "2014-02-28", "customer", id="stop on 29 February, 14 since the 28th"),
        pytest.param("2028-02-29", "2014-03-01", "minor", id="stop on 29 February, 14 on 1 March"),
    ],
)
def test_a_child_is_under_fourteen_on_the_day_of_the_stop(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any, *,
    stopped: str, born: str | None, label: str,
) -> None:  # fmt: skip
    case_document["holds"] = []
    for event in case_document["timeline"]:
        if event["event"] == "service_stopped":
            event["on"] = stopped
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    customers = shop.put(
        "customers",
        {"id": ["C-1", "C-2"], "born_on": [born, "1970-01-01"], "country": ["CN", "CN"]},
        key=("id",),
    )
    assert labels(deployment, deployment.case("demo-1"), (shop,), customers) == [label, "customer"]


def test_while_the_service_runs_nobody_is_taken_for_a_child(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any
) -> None:
    case_document["holds"] = []
    case_document["timeline"] = [one for one in case_document["timeline"] if one["event"] != "service_stopped"]
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    customers = shop.put("customers", CUSTOMERS, key=("id",))
    assert labels(deployment, deployment.case("demo-1"), (shop,), customers) == ["customer"] * 5


@pytest.mark.parametrize("country", ["CN", "cn", "CHN", " CN ", "", None])
def test_a_customer_at_home_is_not_taken_for_one_abroad(
    deployment: Deployment, case: Case, shop: Any, country: str | None
) -> None:
    shop.put("customers", {"id": ["C-1"], "born_on": ["1970-01-01"], "country": [country]}, key=("id",))
    inventory = inventory_of(shop)
    index = build_index(deployment, replace(case, id="no-holds"), inventory)
    assert index.table.get_column("overseas").to_list() == [False]


def test_a_country_that_nobody_can_read_is_refused(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put("customers", {"id": ["C-1"], "born_on": ["1970-01-01"], "country": ["Japan, Tokyo"]}, key=("id",))
    with pytest.raises(Refused, match=r"1 countries in shop:customers\.country cannot be read"):
        build_index(deployment, replace(case, id="no-holds"), inventory_of(shop))


def test_a_child_whose_row_was_emptied_stays_a_child(deployment: Deployment, case: Case, shop: Any) -> None:
    bare = replace(case, id="no-holds")
    before = pl.DataFrame({"subject": ["C-1"], "minor": [True], "overseas": [True]})
    remember_customers(deployment, bare.id, before)
    shop.put("customers", {"id": ["C-1"], "born_on": [None], "country": [None]}, key=("id",))
    found = build_index(deployment, bare, inventory_of(shop)).table
    assert found.select("subject", "minor", "overseas").rows() == [("C-1", True, True)]


# -- links -----------------------------------------------------------------------------------------------------------


def test_a_payment_belongs_to_whom_its_order_belongs(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put(
        "orders",
        {
            "order_no": ["1", "2", "3", "4", "4", "5", None],
            "customer": ["C-held", "C-adult", "C-nobody", "C-held", "C-adult", None, "C-adult"],
            "ordered_on": ["2025-01-01"] * 7,
            "amount": ["1"] * 7,
        },
        key=("order_no",),
    )
    payments = shop.put(
        "payments",
        {
            "payment_no": ["a", "b", "c", "d", "e", "f", "g"],
            "order_no": ["1", "2", "3", "4", "5", "6", None],
            "paid_on": ["2025-02-01"] * 7,
        },
        key=("payment_no",),
    )
    assert labels(deployment, case, (shop,), payments) == [
        "held",
        "customer/2025",
        "unknown",  # its order names no known customer
        "unknown",  # its order number leads to two persons, of whom one is held
        "unknown",  # its order names nobody
        "unknown",  # there is no such order
        "unknown",  # it names no order
    ]


def test_a_link_through_a_collection_that_is_not_there_is_refused(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    payments = shop.put("payments", {"payment_no": ["a"], "order_no": ["1"], "paid_on": ["2025-02-01"]})
    with pytest.raises(Refused, match="cannot be tied to persons through shop:orders"):
        labels(deployment, case, (shop,), payments)


def test_a_scan_belongs_to_whom_its_name_says(deployment: Deployment, case: Case, shop: Any, files: Any) -> None:
    names = ["scans/C-held.jpg", "scans/C-adult.jpg", "scans/C-nobody.jpg", "scans/C-adult.png", "old/C-adult.jpg"]
    scans = files.put(
        "scans",
        {"winddown_object": names, "winddown_version": ["v"] * 5, "winddown_row": ["0"] * 5},
        medium=Medium.OBJECTS,
    )
    assert labels(deployment, case, (shop, files), scans) == ["held", "customer", "unknown", "unknown", "unknown"]


def test_what_names_nobody_is_held_whole_while_a_hold_is_in_force(
    deployment: Deployment, case: Case, shop: Any, files: Any
) -> None:
    loose = files.put("loose", {"winddown_object": ["a", "b"]}, medium=Medium.OBJECTS)
    reports = files.put("reports", {"winddown_object": ["r"]}, medium=Medium.OBJECTS)
    unregistered = shop.put("old_backup", {"id": ["1"]})
    assert labels(deployment, case, (shop, files), loose) == ["held_whole"] * 2
    assert labels(deployment, case, (shop, files), reports) == ["whole"]
    assert labels(deployment, case, (shop, files), unregistered) == ["whole"]


def test_what_names_nobody_is_untied_when_nothing_is_held(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any, files: Any
) -> None:
    case_document["holds"] = []
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    shop.put("customers", CUSTOMERS, key=("id",))
    loose = files.put("loose", {"winddown_object": ["a"]}, medium=Medium.OBJECTS)
    assert labels(deployment, deployment.case("demo-1"), (shop, files), loose) == ["untied"]


# -- the list of customers -------------------------------------------------------------------------------------------


def test_without_the_list_of_customers_nobodys_record_can_be_told(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    del shop.shelf["customers"]
    with pytest.raises(Refused, match="the list of customers shop:customers cannot be read"):
        build_index(deployment, case, Inventory((), ()))


def test_two_customers_under_one_key_are_refused_and_not_named(deployment: Deployment, case: Case, shop: Any) -> None:
    customers = shop.put(
        "customers",
        {"id": ["C-held", "C-heldchild", "C-1", "C-1"], "born_on": [None] * 4, "country": [None] * 4},
    )
    with pytest.raises(Refused, match="repeats 1 keys in id") as refusal:
        build_index(deployment, case, Inventory((customers,), ()))
    assert "C-1" not in str(refusal.value)


def test_a_hold_on_somebody_unknown_is_refused_because_it_would_protect_nobody(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    customers = shop.put("customers", {"id": ["C-held"], "born_on": [None], "country": [None]}, key=("id",))
    with pytest.raises(Refused, match="hold H-1: 1 of 2 persons are not in shop:customers") as refusal:
        build_index(deployment, case, Inventory((customers,), ()))
    assert "C-heldchild" not in str(refusal.value)


def test_the_index_tells_child_overseas_and_held(deployment: Deployment, case: Case, shop: Any) -> None:
    index = build_index(deployment, case, Inventory((shop.shelf["customers"][0],), ()))
    assert [hold.id for hold in index.holds.holds] == ["H-1"]
    told = {name: index.table.filter(name).get_column("subject").to_list() for name in ("minor", "overseas", "held")}
    assert told == {
        "minor": ["C-child", "C-heldchild"],
        "overseas": ["C-adult"],  # an unknown country is not abroad
        "held": ["C-held", "C-heldchild"],
    }


# -- decisions -------------------------------------------------------------------------------------------------------


def test_every_record_has_one_label_and_every_label_one_decision(deployment: Deployment, case: Case, shop: Any) -> None:
    rng = random.Random(7)  # noqa: S311 - seeded test data
    size = 500
    orders = shop.put(
        "orders",
        {
            "order_no": [str(number) for number in range(size)],
            "customer": rng.choices([*CUSTOMERS["id"], "C-nobody", None], k=size),
            "ordered_on": rng.choices(["2023-05-01", "2024-05-01", "2025-05-01", "never", None], k=size),
            "amount": ["1"] * size,
        },
        key=("order_no",),
    )
    inventory = Inventory((shop.shelf["customers"][0], orders), ())
    ref = CollectionRef("shop", "orders")
    personal = Finding(ref, "customer", Status.CONFIRMED, "person_name", False, size, 0, (), (), (), ())
    labelled, _ = label_and_decide(deployment, case, inventory, (personal,))
    found = next(one for one in labelled if one.collection.ref == ref)
    counts: dict[str, int] = {}
    for label in found.records.get_column("label").to_list():
        counts[label] = counts.get(label, 0) + 1
    assert found.records.get_column("order_no").to_list() == [str(number) for number in range(size)]
    assert {decision.label: decision.count for decision in found.decisions} == counts
    assert sum(counts.values()) == size
    assert len(found.decisions) == len(counts) == 9  # held, unknown, undated, and two classes of three years


# -- who was a customer before -----------------------------------------------------------------------------------------


def test_a_record_that_outlives_its_customers_row_is_still_that_customers(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    people = ("C-held", "C-child", "C-adult", "C-nobody")
    contacts = shop.put("contacts", {"no": list("1234"), "customer": list(people)}, key=("no",))
    inventory = Inventory(tuple(found for found, _ in shop.shelf.values()), ())
    remember_customers(deployment, case.id, build_index(deployment, case, inventory).table)
    left = {name: [cell for cell, key in zip(cells, CUSTOMERS["id"], strict=True) if key == "C-held"]
            for name, cells in CUSTOMERS.items()}  # fmt: skip
    shop.put("customers", left, key=("id",))
    assert labels(deployment, case, (shop,), contacts) == ["held", "minor", "customer", "unknown"]
    index = build_index(deployment, case, Inventory((shop.shelf["customers"][0],), ()))
    assert index.persons == 1, "who is gone is not counted any more"
    assert index.table.height == len(CUSTOMERS["id"])


def test_who_was_a_customer_is_kept_in_clear_nowhere(deployment: Deployment, case: Case, shop: Any) -> None:
    index = build_index(deployment, case, Inventory((shop.shelf["customers"][0],), ()))
    remember_customers(deployment, case.id, index.table)
    written = [path for path in deployment.settings.workspace.rglob("*") if path.is_file()]
    assert [path.name for path in written if b"C-adult" in path.read_bytes()] == []


# -- records that are labelled a piece at a time ---------------------------------------------------------------------


def test_records_are_labelled_alike_in_pieces_and_at_once(
    deployment: Deployment, case: Case, shop: Any, monkeypatch: Any
) -> None:
    count = 20
    orders = shop.put(
        "orders",
        {
            "order_no": [f"O-{number:02}" for number in range(count)],
            "customer": [["C-held", "C-child", "C-adult", "C-nobody"][number % 4] for number in range(count)],
            "ordered_on": [f"20{10 + number % 7}-03-01" for number in range(count)],
            "amount": ["1"] * count,
        },
        key=("order_no",),
    )
    inventory = inventory_of(shop)
    index = build_index(deployment, case, inventory)
    at_once = label_records(deployment, case, inventory, index, orders)
    monkeypatch.setattr(pieces, "PIECE_RECORDS", 4)
    assert label_records(deployment, case, inventory, index, orders).equals(at_once)
    assert at_once.get_column("label").n_unique() == 12  # held, unknown, and five years each of two others


def test_all_visits_of_a_person_count_from_the_last_one_whatever_piece_they_are_read_in(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], shop: Any, monkeypatch: Any
) -> None:
    case_document["holds"] = []
    case_document["profile"]["sectors"] = ["medical_institution"]
    case_document["register"].append(
        {
            "collection": "shop:visits", "category": "outpatient_records", "purpose": "care", "steward": "li",
            "subject": {"field": "customer"}, "dates": {"last_outpatient_visit": "on"}, "custody": "sealed",
        }
    )  # fmt: skip
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    shop.put("customers", CUSTOMERS, key=("id",))
    visits = shop.put(
        "visits",
        {
            "no": [str(number) for number in range(12)],
            "customer": ["C-adult"] * 12,
            "on": [f"20{10 + number}-03-01" for number in range(12)],
        },
        key=("no",),
    )
    monkeypatch.setattr(pieces, "PIECE_RECORDS", 4)
    found = labels(deployment, deployment.case("demo-1"), (shop,), visits)
    assert found == ["customer/last_outpatient_visit=2021-03"] * 12
