"""Fields of one record that are kept for different times are sealed into archives of their own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from winddown.archive.custody import open_as_custodian
from winddown.domain.plan import Act
from winddown.domain.rule import Period, RuleKind
from winddown.stages.deployment import Deployment
from winddown.stages.report import report
from winddown.stores.memory import Row

from .running import NONE, require_sound, rule, running, table, with_rules

MOBILE = {"kind": "mobile", "because": "seen"}


def test_voucher_and_delivery_fields_go_apart_and_the_source_waits_for_both(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any]
) -> None:
    customers: list[Row] = [{"id": f"C{n}", "born_on": "1980-01-01", "country": "CN"} for n in range(4)]
    orders: list[Row] = [
        {
            "no": f"O{n}", "customer": f"C{n % 4}", "amount": "9.90", "phone": f"1380013{n:04d}",
            "ordered_on": "2025-03-01",
        }
        for n in range(6)
    ]  # fmt: skip
    tables = {"customers": table("id", rows=customers), "orders": table("no", rows=orders)}
    case_document["register"] = [
        {"collection": "shop:customers", "category": "company_own", "purpose": "x", "steward": "li"},
        {
            "collection": "shop:orders", "category": "accounting_vouchers", "purpose": "sale", "steward": "li",
            "subject": {"field": "customer"}, "dated_by": "ordered_on", "custody": "sealed",
            "elements": {"no": "voucher_number", "amount": "amount", "ordered_on": "voucher_date", "phone": "phone"},
            "fields": {"no": NONE, "customer": NONE, "amount": NONE, "ordered_on": NONE, "phone": MOBILE},
        },
    ]  # fmt: skip
    delivery = rule(
        "RET-DELIVERY-3Y", RuleKind.MIN_RETENTION, ("accounting_vouchers",), "day_after_fiscal_year_end",
        period=Period.parse("P3Y"), needs=("phone",),
    )  # fmt: skip
    current = replace(deployment, rulebook=with_rules(deployment.rulebook, delivery))
    company = running(current, case_folder, case_document, tables)
    plan_id = company.run().plan_id
    company.approve(plan_id)
    assert company.run().reason == "receipts"
    plan = current.control.plan(plan_id)
    found = {order.until: order for order in plan.orders if order.act is Act.SEAL}
    (erase,) = [order for order in plan.orders if order.act is Act.ERASE]
    assert set(erase.requires) == {order.id for order in found.values()}
    sealed = {}
    for until, order in found.items():
        path = current.folder("demo-1", "archives") / f"{order.id}.custody"
        said, rows = open_as_custodian(path, private_key_pem=company.keys["custodian.pub"])
        assert said["keep_until"] == until
        sealed[until] = (set(rows.column_names), rows.num_rows)
    assert sealed == {"2055-12-31": ({"no", "amount", "ordered_on"}, 6), "2028-12-31": ({"phone"}, 6)}
    company.acknowledge(plan_id, found["2055-12-31"].id, key="custodian.pub", person="he")
    assert company.run().reason == "receipts"
    assert len(tables["orders"].rows) == 6
    company.acknowledge(plan_id, found["2028-12-31"].id, key="custodian.pub", person="he")
    assert company.run().reason == "grace"
    assert tables["orders"].rows == []
    company.pass_grace()
    assert company.run().reason == "finished"
    written = report(company.deployment, "demo-1")
    require_sound(written)
