"""Values are searched for in raw bytes of each collection that a wave destroys, and of none other."""

from pathlib import Path
from typing import Any

from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest
from winddown.stores.memory import Row

from .running import NONE, running, table

MOBILE, ADDRESS = {"kind": "mobile", "because": "seen"}, {"kind": "ip_address", "because": "seen"}


def entry(name: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "collection": f"shop:{name}", "category": "customer_profile", "purpose": "x", "steward": "li", "fields": fields,
        "subject": {"field": "customer"}, **more,
    }  # fmt: skip


def test_each_collection_is_searched_for_its_own_values(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any]
) -> None:
    customers: list[Row] = [
        {"id": f"C{n}", "host": "10.0.0.1", "born_on": "1980-01-01", "country": "CN"} for n in range(60)
    ]
    calls: list[Row] = [{"no": f"{n}", "customer": f"C{n}", "phone": f"1380013{n:04d}"} for n in range(60)]
    calls[1]["phone"], calls[2]["phone"] = "late", "-"
    visits: list[Row] = [{"no": f"{n}", "customer": f"C{n}", "host": "10.0.0.1"} for n in range(60)]
    tables = {
        "customers": table("id", rows=customers), "calls": table("no", rows=calls), "visits": table("no", rows=visits),
    }  # fmt: skip
    case_document["register"] = [
        entry("customers", {"id": NONE, "host": ADDRESS, "born_on": NONE, "country": NONE}),
        entry("calls", {"no": NONE, "customer": NONE, "phone": MOBILE}),
        entry("visits", {"no": NONE, "customer": NONE, "host": ADDRESS}),
    ]
    case_document["register"][0]["subject"] = {"field": "id"}
    plan_id = running(deployment, case_folder, case_document, tables).run().plan_id
    found = read_manifest(deployment, "demo-1", f"probes-{plan_id}").to_pylist()
    assert {row["collection"] for row in found} == {"shop:calls"}
    values = {row["value"] for row in found}
    assert len(values) == 38, "of forty records, without placeholders"
    assert values < {row["phone"] for row in calls}
    assert not values & {"late", "-"}, "what stands in a field for want of a number stands in any catalogue too"


def test_a_field_that_is_called_as_labels_are_is_none_of_them(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any]
) -> None:
    customers: list[Row] = [
        {"id": f"C{n}", "phone": f"1390013{n:04d}", "born_on": "1980-01-01", "country": "CN"} for n in range(60)
    ]
    calls: list[Row] = [
        {"no": f"{n}", "customer": f"C{n}", "phone": f"1380013{n:04d}", "label": "vip", "subject": "tea"}
        for n in range(60)
    ]
    tables = {"customers": table("id", rows=customers), "calls": table("no", rows=calls)}
    case_document["register"] = [
        entry("customers", {"id": NONE, "phone": MOBILE, "born_on": NONE, "country": NONE}),
        entry("calls", {"no": NONE, "customer": NONE, "phone": MOBILE, "label": NONE, "subject": NONE}),
    ]
    case_document["register"][0]["subject"] = {"field": "id"}
    plan_id = running(deployment, case_folder, case_document, tables).run().plan_id
    rows = read_manifest(deployment, "demo-1", f"probes-{plan_id}").to_pylist()
    found = {row["value"] for row in rows if row["collection"] == "shop:calls"}
    assert found < {row["phone"] for row in calls}
    assert len(found) == 40
