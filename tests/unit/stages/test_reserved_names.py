"""A field that is called as a column of winddown's own blocks its collection, by name, and nothing of it is labelled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.disposition import Disposition
from winddown.stages.case_file import read_case_file
from winddown.stages.classify import classify
from winddown.stages.decide import decide_case
from winddown.stages.deployment import Deployment
from winddown.stages.discover import discover
from winddown.stages.open import open_case

from .conftest import ShelfStore

VIA = {"field": "held", "via": "shop:orders", "target": "no"}


@pytest.mark.parametrize(
    ("rows", "key", "more"),
    [
        ({"no": ["1"], "customer": ["C-1"], "winddown_batch": ["7"]}, ("no",), {}),
        ({"no": ["1"], "customer": ["C-1"], "Winddown_Content": ["7"]}, ("no",), {}),
        ({"label": ["1"], "customer": ["C-1"]}, ("label",), {}),
        ({"batch": ["1"], "customer": ["C-1"]}, ("batch",), {}),
        ({"rows": ["1"], "customer": ["C-1"]}, ("rows",), {}),
        ({"subject": ["1"], "customer": ["C-1"]}, ("subject",), {}),
        ({"no": ["1"], "customer": ["C-1"], "minor": ["2020-01-01"]}, ("no",), {"dated_by": "minor"}),
        # Taken for the column that says who is known, it would make customers of strangers.
        ({"no": ["1"], "held": ["O-1"]}, ("no",), {"subject": VIA}),
    ],
)
def test_a_name_of_our_own_is_a_blocker(
    deployment: Deployment, shop: ShelfStore, case_document: dict[str, Any], write_case: Callable[[Any], Path],
    rows: dict[str, list[str | None]], key: tuple[str, ...], more: dict[str, Any],
) -> None:  # fmt: skip
    decisions, codes = decided(deployment, shop, case_document, write_case, rows=rows, key=key, more=more)
    assert codes == {"reserved-name"}
    assert decisions == [("whole", Disposition.BLOCKED)]


def test_it_is_none_where_nothing_is_mistaken(
    deployment: Deployment, shop: ShelfStore, case_document: dict[str, Any], write_case: Callable[[Any], Path]
) -> None:
    rows: dict[str, list[str | None]] = {"no": ["1"], "subject": ["C-1"], "label": ["x"], "batch": ["7"], "rows": ["2"]}
    more = {"subject": {"field": "subject"}}
    decisions, codes = decided(deployment, shop, case_document, write_case, rows=rows, key=("no",), more=more)
    assert codes == set()
    assert [label for label, _ in decisions] == ["customer"]


def decided(
    deployment: Deployment, shop: ShelfStore, document: dict[str, Any], write_case: Callable[[Any], Path], *,
    rows: dict[str, list[str | None]], key: tuple[str, ...], more: dict[str, Any],
) -> tuple[list[tuple[str, Disposition]], set[str]]:  # fmt: skip
    """Labels and dispositions of a table of contacts, and codes of its blockers."""
    shop.put("customers", {"id": ["C-1", "C-held"], "born_on": [None] * 2, "country": ["CN"] * 2}, key=("id",))
    shop.put("orders", {"no": ["O-1"], "customer": ["C-1"], "ordered_on": ["2025-01-01"]}, key=("no",))
    shop.put("contacts", rows, key=key)
    document["stores"] = document["stores"][:1]
    document["transfers"] = []
    register = {entry["collection"]: entry for entry in document["register"]}
    contacts = register["shop:contacts"] | more
    orders = {name: found for name, found in register["shop:orders"].items() if name != "elements"}
    document["register"] = [register["shop:customers"], orders, contacts]
    case_id = open_case(deployment, read_case_file(write_case(document)), requested_by="li")
    inventory = discover(deployment, case_id)
    classify(deployment, case_id)
    found = [one for one in decide_case(deployment, case_id) if one.collection.name == "contacts"]
    codes = {blocker.code for blocker in inventory.blockers if blocker.subject == "shop:contacts"}
    return [(one.label, one.disposition) for one in found], codes
