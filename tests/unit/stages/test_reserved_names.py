"""A field that is called as a column of winddown's own blocks its collection, and nothing of it is labelled."""

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


Rows = dict[str, list[str | None]]
Decided = Callable[[Rows, str, dict[str, Any]], tuple[list[tuple[str, Disposition]], set[str]]]


@pytest.fixture
def decided(
    deployment: Deployment, shop: ShelfStore, case_document: dict[str, Any], write_case: Callable[[Any], Path]
) -> Decided:
    """Labels and dispositions of a table of contacts with these rows and key, and the codes of its blockers."""

    def decide(rows: Rows, key: str, more: dict[str, Any]) -> tuple[list[tuple[str, Disposition]], set[str]]:
        shop.put("customers", {"id": ["C-1", "C-held"], "born_on": [None] * 2, "country": ["CN"] * 2}, key=("id",))
        shop.put("orders", {"no": ["O-1"], "customer": ["C-1"], "ordered_on": ["2025-01-01"]}, key=("no",))
        shop.put("contacts", rows, key=(key,))
        case_document["stores"] = case_document["stores"][:1]
        case_document["transfers"] = []
        register = {entry["collection"]: entry for entry in case_document["register"]}
        orders = {name: found for name, found in register["shop:orders"].items() if name != "elements"}
        case_document["register"] = [register["shop:customers"], orders, register["shop:contacts"] | more]
        case_id = open_case(deployment, read_case_file(write_case(case_document)), requested_by="li")
        inventory = discover(deployment, case_id)
        classify(deployment, case_id)
        found = [one for one in decide_case(deployment, case_id) if one.collection.name == "contacts"]
        codes = {blocker.code for blocker in inventory.blockers if blocker.subject == "shop:contacts"}
        return [(one.label, one.disposition) for one in found], codes

    return decide


@pytest.mark.parametrize(
    ("rows", "key", "more"),
    [
        ({"no": ["1"], "customer": ["C-1"], "winddown_batch": ["7"]}, "no", {}),
        ({"no": ["1"], "customer": ["C-1"], "Winddown_Content": ["7"]}, "no", {}),
        ({"label": ["1"], "customer": ["C-1"]}, "label", {}),
        ({"batch": ["1"], "customer": ["C-1"]}, "batch", {}),
        ({"rows": ["1"], "customer": ["C-1"]}, "rows", {}),
        ({"subject": ["1"], "customer": ["C-1"]}, "subject", {}),
        ({"no": ["1"], "customer": ["C-1"], "minor": ["2020-01-01"]}, "no", {"dated_by": "minor"}),
        # Taken for the column that says who is known, it would make customers of strangers.
        ({"no": ["1"], "held": ["O-1"]}, "no", {"subject": VIA}),
    ],
)
def test_a_name_of_our_own_is_a_blocker(decided: Decided, rows: Rows, key: str, more: dict[str, Any]) -> None:
    assert decided(rows, key, more) == ([("whole", Disposition.BLOCKED)], {"reserved-name"})


def test_it_is_none_where_nothing_is_mistaken(decided: Decided) -> None:
    rows: Rows = {"no": ["1"], "subject": ["C-1"], "label": ["x"], "batch": ["7"], "rows": ["2"]}
    decisions, codes = decided(rows, "no", {"subject": {"field": "subject"}})
    assert codes == set()
    assert [label for label, _ in decisions] == ["customer"]
