"""Links between fields that no catalogue declares, found by their values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from winddown.detectors.overlap import ValueSketch, overlap
from winddown.domain.case import Case
from winddown.domain.inventory import Inventory
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.relations import Relation, relate

from .conftest import ShelfStore

CUSTOMERS = [f"C-{number:03}" for number in range(40)]
COUNTED = [str(number) for number in range(1, 41)]


@pytest.fixture
def case(write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Case:
    return read_case_file(write_case(case_document)).case


def related(deployment: Deployment, case: Case, *stores: ShelfStore) -> list[Relation]:
    inventory = Inventory(tuple(found for store in stores for found, _ in store.shelf.values()), ())
    return list(relate(deployment, case, inventory, ()))


def test_one_customer_is_followed_from_store_to_store(
    deployment: Deployment, case: Case, shop: ShelfStore, files: ShelfStore
) -> None:
    shop.put("customers", {"id": list(CUSTOMERS), "note": ["x"] * 40}, key=("id",))
    files.put("exports", {"row_no": [str(number) for number in range(70)],
                          "buyer_no": [*CUSTOMERS[:30] * 2, *[f"X-{number}" for number in range(10)]]})  # fmt: skip
    found = related(deployment, case, shop, files)
    assert found == [Relation("files:exports", "buyer_no", "shop:customers", "id", 75, 40, is_declared=False)]


def test_what_the_register_says_is_declared(deployment: Deployment, case: Case, shop: ShelfStore) -> None:
    shop.put("customers", {"id": list(CUSTOMERS)}, key=("id",))
    contacts: dict[str, list[str | None]] = {"customer_no": [*CUSTOMERS[:20] * 2], "customer": [*CUSTOMERS]}
    shop.put("contacts", contacts, refers=[("customer", "customers")])
    found = {(each.collection, each.field, each.target): each.is_declared for each in related(deployment, case, shop)}
    assert found["shop:contacts", "customer", "shop:customers"]
    assert not found["shop:contacts", "customer_no", "shop:customers"]


def test_numbers_that_are_counted_up_are_not_taken_for_each_other(
    deployment: Deployment, case: Case, shop: ShelfStore
) -> None:
    shop.put("customers", {"id": list(COUNTED)}, key=("id",))
    shop.put("payments", {"id": list(COUNTED)}, key=("id",))
    assert related(deployment, case, shop) == []
    shop.put("notes", {"customer_id": COUNTED[:20] * 2})
    assert [(each.field, each.target) for each in related(deployment, case, shop)] == [
        ("customer_id", "shop:customers")
    ]


def test_a_few_equal_values_are_no_link(deployment: Deployment, case: Case, shop: ShelfStore) -> None:
    shop.put("customers", {"id": list(CUSTOMERS)}, key=("id",))
    shop.put("states", {"state_code": CUSTOMERS[:5] * 8})
    assert related(deployment, case, shop) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_is_estimated_within_its_error(share: float) -> None:
    every = pl.Series([f"customer {number}" for number in range(50_000)])
    target, source = ValueSketch(99), ValueSketch(99)
    for start in range(0, 50_000, 7_000):
        target.add(every.slice(start, 7_000))
    here = round(20_000 * share)
    source.add(pl.concat([every.head(here), pl.Series([f"else {number}" for number in range(20_000 - here)])]))
    found = overlap(source, target)
    assert found.compared > 300
    assert abs(found.share - share) < 0.12
    assert abs(target.distinct - 50_000) < 6_000
