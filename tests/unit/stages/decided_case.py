"""A small shop whose case was opened, read and decided: two adults, one abroad, a child and a held person."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from winddown.domain.case import Case
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Inventory
from winddown.stages.case_file import read_case_file
from winddown.stages.decide import decide_case
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case

CASE = "demo-1"
CUSTOMERS: dict[str, list[str | None]] = {
    "id": ["C-held", "C-child", "C-adult", "C-abroad"],
    "born_on": ["1980-01-01", "2015-05-05", "1990-01-01", None],
    "country": ["CN", "CN", "CN", "JP"],
    "mobile": ["13800000001", "13800000002", "13800000003", "13800000004"],
}
WANTED = {"shop:customers", "shop:orders", "shop:export"}
ORDERS: dict[str, list[str | None]] = {
    "order_no": ["O-1", "O-2", "O-3", "O-4", "O-5", "O-6"],
    "customer": ["C-held", "C-child", "C-adult", "C-adult", "C-abroad", "C-nobody"],
    "ordered_on": ["2025-03-01", "2025-03-01", "2024-03-01", "2025-05-01", "2025-06-01", "2025-03-01"],
    "amount": ["1", "2", "3", "4", "5", "6"],
    "mobile": ["13800000001", "13800000002", "13800000003", "13800000003", "13800000004", "13800000009"],
}


def open_shop(
    deployment: Deployment, write_case: Callable[[Any], Path], document: dict[str, Any], shop: Any
) -> Inventory:
    """Open the case, and store what reading it would have found."""
    document["register"] = [found for found in document["register"] if found["collection"] in WANTED]
    orders = next(found for found in document["register"] if found["collection"] == "shop:orders")
    orders["elements"] = {"order_no": "voucher_number", "amount": "amount", "ordered_on": "voucher_date"}
    open_case(deployment, read_case_file(write_case(document)), requested_by="operator")
    shop.put("customers", CUSTOMERS, key=("id",))
    shop.put("orders", ORDERS, key=("order_no",))
    inventory = Inventory(tuple(found for found, _ in shop.shelf.values()), ())
    findings = tuple(
        Finding(found.ref, "mobile", Status.CONFIRMED, "mobile", False, 6, 0, (), (), ("mobiles",), ())
        for found in inventory.collections
    )
    deployment.control.put(CASE, "inventory", "first", inventory, type_=Inventory)
    deployment.control.put(CASE, "findings", "findings", findings, type_=tuple[Finding, ...])
    return inventory


def decide_shop(deployment: Deployment, write_case: Callable[[Any], Path], document: dict[str, Any], shop: Any) -> Case:
    """The same, decided."""
    open_shop(deployment, write_case, document, shop)
    decide_case(deployment, CASE)
    return deployment.case(CASE)
