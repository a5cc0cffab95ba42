"""A folder that a wave of the case emptied is no missing collection to the next one; any other that is missing is."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.domain.authorization import Authorization
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Method
from winddown.inspection.files import FilesInspector
from winddown.ports import Inspector
from winddown.stages.deployment import Deployment
from winddown.stages.discover import take_inventory
from winddown.stages.whole import emptied_folders
from winddown.stores.files.store import FilesStore

from .running import Running, running, table

CHILDREN = {"K1": "2018-05-05", "K2": "2019-06-06"}
SCANS = CollectionRef("share", "scans")


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """A folder with a scan of each child."""
    (tmp_path / "share" / "scans").mkdir(parents=True)
    for name in CHILDREN:
        (tmp_path / "share" / "scans" / f"{name}.jpg").write_bytes(b"\xff\xd8\xff\xe0" + name.encode())
    return tmp_path / "share"


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any], share: Path) -> Running:
    entry = {"purpose": "x", "steward": "li"}
    case_document["register"] = [
        entry | {"collection": "shop:customers", "category": "company_own"},
        entry
        | {"collection": "share:scans", "category": "identity_scan"}
        | {"subject": {"pattern": r"^scans/(?P<subject>[^.]+)\.jpg$"}},
    ]
    case_document["accepted_dates"] = []
    case_document["profile"]["processes_minors"] = True
    customers = [{"id": name, "born_on": day, "country": "CN"} for name, day in CHILDREN.items()]
    made = running(deployment, case_folder, case_document, {"customers": table("id", rows=[*map(dict, customers)])})
    case_document["stores"].append({"name": "share", "kind": "files", "connection": "share", "region": "cn-east-1"})
    case_document["timeline"].append(
        {"step": "S3", "event": "children_assessment_done", "on": date(2026, 11, 1), "evidence": "evidence/event.txt"}
    )

    def unlock(authorization: Authorization) -> Path:
        made.deployment.authority.redeem(authorization)
        return share

    systems = made.deployment.systems(cast("Any", None))
    inspector = cast("Inspector", FilesInspector("share", root=share))
    both = replace(
        systems,
        stores={**systems.stores, "share": FilesStore("share", root=share, unlock=unlock)},
        inspectors={**systems.inspectors, "share": inspector},
    )
    made.deployment = replace(made.deployment, systems=lambda _: both)
    return made


def missing(company: Running) -> list[str]:
    found = take_inventory(company.deployment, company.deployment.case("demo-1"))
    return [blocker.subject for blocker in found.blockers if blocker.code == "missing-collection"]


def test_a_folder_that_a_wave_of_the_case_emptied_is_not_missing(company: Running, share: Path) -> None:
    company.until("finished")
    (first,) = company.deployment.control.plans("demo-1")
    assert [order.method for order in company.deployment.control.plan(first).orders] == [Method.MOVE_FILE]
    assert list((share / "scans").glob("*.jpg")) == []
    assert missing(company) == []
    assert emptied_folders(company.deployment, "demo-1") == {SCANS}


def test_a_folder_that_somebody_removed_is_missing(company: Running, share: Path) -> None:
    company.run()
    for scan in (share / "scans").iterdir():
        scan.unlink()
    assert missing(company) == ["share:scans"]


def test_one_of_which_records_were_to_stay_is_missing(company: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    company.until("finished")
    control = company.deployment.control
    plan = control.plan(control.plans("demo-1")[0])
    (due,) = [decision for decision in plan.decisions if decision.collection == SCANS]
    stays = replace(due, label="held")
    monkeypatch.setattr(type(control), "plan", lambda *_: replace(plan, decisions=(*plan.decisions, stays)))
    assert missing(company) == ["share:scans"]


@pytest.mark.parametrize("undone", ["one batch", "the purge"])
def test_one_that_is_not_purged_whole_is_missing(
    company: Running, monkeypatch: pytest.MonkeyPatch, undone: str
) -> None:
    company.until("finished")
    control, kept = company.deployment.control, type(company.deployment.control)
    plan, effects = control.plan(control.plans("demo-1")[0]), control.effects
    if undone == "one batch":
        (order,) = plan.orders
        more = replace(order.selection, batch_digests=(*order.selection.batch_digests, "f" * 64))
        monkeypatch.setattr(kept, "plan", lambda *_: replace(plan, orders=(replace(order, selection=more),)))
    else:
        found = [effect for effect in effects(plan.id) if effect.power != "purge"]
        monkeypatch.setattr(kept, "effects", lambda *_: tuple(found))
    assert missing(company) == ["share:scans"]
