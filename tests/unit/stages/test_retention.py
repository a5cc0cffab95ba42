"""Versions that an object service keeps: what the plan says of them, and what the certificate does."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from winddown.domain.errors import Refused
from winddown.domain.inventory import Fact
from winddown.ports import Discovery
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.retention import kept_by_services, undeclared_replicas
from winddown.stores.memory import MemoryStore

from .running import Running, running, visits

WHY = "set by default; memo of 2 May"


@pytest.fixture
def company(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Running:
    """Visits that all go, of which the store says that two versions are in governance retention."""
    discover = MemoryStore.discover

    def with_lock(store: MemoryStore) -> Discovery:
        found = discover(store)
        fact = Fact("shop:visits", "governance-retention", "2 versions until 2030-01-01")
        return Discovery(found.collections, found.blockers, (fact,), found.identity)

    monkeypatch.setattr(MemoryStore, "discover", with_lock)
    tables = visits(case_document, 3, persons=1)
    return running(deployment, case_folder, case_document, tables)


def test_governance_retention_blocks_what_nobody_gave_a_reason_for(company: Running) -> None:
    with pytest.raises(Refused, match="shop:visits: governance-retention"):
        company.run()
    assert company.deployment.control.plans("demo-1") == ()


def test_a_reason_in_the_register_stands_in_the_plan_that_is_approved(company: Running) -> None:
    company.document["register"][1]["bypass_governance"] = f" {WHY} "
    plan = company.deployment.control.plan(company.run().plan_id)
    (order,) = plan.orders
    assert order.bypasses_governance
    assert order.reason.endswith(f"bypasses governance retention of 2 versions until 2030-01-01: {WHY}")
    assert plan.document()["orders"][0]["bypasses_governance"] is True


def test_a_certificate_lists_what_the_service_keeps_and_until_when() -> None:
    facts = (
        Fact("files:a", "compliance-retention", "3 versions until 2031-05-06"),
        Fact("files:b", "object-legal-hold", "1 versions"),
        Fact("files", "access-logs", "to logs-bucket"),
        Fact("files", "inventory-reports", "none"),
        Fact("files:c", "governance-retention", "9 versions until 2031-05-06"),
    )
    assert kept_by_services(facts, unreadable=frozenset()) == [
        {"collection": "files:a", "what": "3 versions in compliance retention", "until": "2031-05-06"},
        {
            "collection": "files:b",
            "what": "1 versions under a legal hold of the object service, until it is lifted",
            "until": None,
        },
        {
            "collection": "files",
            "what": "names of objects in access logs delivered to logs-bucket, until they are deleted there",
            "until": None,
        },
    ]


@pytest.mark.parametrize(("bucket", "is_declared"), [("copies", False), ("shop-files", True)])
def test_a_replica_that_is_no_store_of_the_case_blocks_its_store(
    case_folder: Path, case_document: dict[str, Any], bucket: str, is_declared: bool
) -> None:
    case_document["stores"][1]["bucket"] = "shop-files"
    path = case_folder / "case.yaml"
    path.write_text(yaml.safe_dump(case_document, allow_unicode=True), "utf-8")
    facts = (Fact("files", "replication", f"copies to arn:aws:s3:::{bucket}"), Fact("files", "replication", "none"))
    found = undeclared_replicas(read_case_file(path).case, facts)
    codes = [] if is_declared else [("undeclared-replica", "files")]
    assert [(blocker.code, blocker.subject) for blocker in found] == codes
