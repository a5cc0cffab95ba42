"""A case whose bucket is first seen by an S3 Inventory report: plans rest on what is there when they are made."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from contract.s3_reports import Reports
from winddown.demo.bucket import BUCKET, REGION
from winddown.domain.inventory import CollectionRef, Inventory

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

Make = Callable[..., "CompanyCase"]
ORDERS = CollectionRef("shop_files", "exports/orders")
REPORTS = "winddown-inventories"


def _records(inventory: Inventory) -> int:
    found = inventory.collection(ORDERS)
    assert found is not None
    return found.record_count


def _is_by_report(inventory: Inventory) -> bool:
    return "inventory-report" in {fact.name for fact in inventory.facts if fact.subject == ORDERS.store}


def test_a_plan_sees_what_came_after_the_report(company_case: Make) -> None:
    company = company_case()
    with company.bucket() as client:
        client.create_bucket(Bucket=REPORTS, CreateBucketConfiguration={"LocationConstraint": REGION})
        reports = Reports(client, BUCKET, REPORTS)
        reports.deliver()
    company.edit(lambda raw: raw["stores"][1].update(inventory=f"s3://{REPORTS}/{reports.folder}"))
    before = company.get(company.keys(f"{ORDERS.name}/")[0])
    rows = before.count(b"\n") - 1
    company.put(f"{ORDERS.name}/late.csv", before)
    halt = company.run()
    assert halt.reason == "approvals"
    deployment = company.deploy()
    wave = deployment.control.plan(halt.plan_id).wave
    first, planned = (
        deployment.control.require(company.case_id, "inventory", name, type_=Inventory) for name in ("first", wave)
    )
    assert (_is_by_report(first), _is_by_report(planned)) == (True, False)
    assert _records(planned) == _records(first) + rows
    assert list((company.workspace / company.case_id / "scratch").iterdir()) == []
