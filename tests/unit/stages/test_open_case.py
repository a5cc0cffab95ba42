"""Opening a case: once, whole, and with the persons under a hold in clear nowhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.errors import Refused
from winddown.domain.plan import Plan, Wave
from winddown.evidence.entry import LedgerEntry
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest
from winddown.stages.open import open_case

WriteCase = Callable[[Any], Path]
SECRET = "C-7731-whom-nobody-may-know"


@pytest.fixture
def opened(write_case: WriteCase, case_document: dict[str, Any], case_folder: Path, deployment: Deployment) -> Path:
    (case_folder / "holds" / "h-1.csv").write_text(f"subject\n{SECRET}\n{SECRET}\nC-2\n", "utf-8")
    path = write_case(case_document)
    assert open_case(deployment, read_case_file(path), requested_by="operator") == "demo-1"
    return path


def kinds(deployment: Deployment) -> list[str]:
    return [LedgerEntry.parse(line).type for line in deployment.ledger.entries("demo-1")]


def test_a_case_is_opened_with_its_holds(opened: Path, deployment: Deployment) -> None:
    assert deployment.case("demo-1") == read_case_file(opened).case
    assert kinds(deployment) == ["case_opened", "hold_placed"]
    (hold,) = deployment.control.holds("demo-1")
    assert (hold.id, hold.scope.subject_count) == ("H-1", 2)
    assert read_manifest(deployment, "demo-1", hold.scope.subjects_manifest).to_pydict() == {"subject": ["C-2", SECRET]}


@pytest.mark.usefixtures("opened")
def test_held_persons_stand_in_clear_nowhere(deployment: Deployment) -> None:
    found = [path for path in deployment.settings.workspace.rglob("*") if path.is_file()]
    assert len(found) > 2
    assert [path.name for path in found if SECRET.encode() in path.read_bytes()] == []


def test_the_same_case_again_changes_nothing(opened: Path, deployment: Deployment) -> None:
    open_case(deployment, read_case_file(opened), requested_by="operator")
    assert kinds(deployment) == ["case_opened", "hold_placed"]


def a_plan(deployment: Deployment) -> Plan:
    plan = Plan(
        "demo-1-01", "demo-1", Wave.AT_ONCE, (), "", (), (), "", (), (), "1", 60, "usual", 2, ("pi_officer",)
    )  # fmt: skip
    deployment.control.add_plan(plan)
    deployment.control.set_progress("demo-1", "case", "discover", state="done", message="1 collection")
    return plan


def test_a_changed_case_supersedes_plans_and_runs_every_stage_again(
    opened: Path, deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any]
) -> None:
    plan = a_plan(deployment)
    open_case(deployment, read_case_file(opened), requested_by="operator")
    assert deployment.control.plan_state(plan.id) == "open"  # unchanged: nothing is superseded
    case_document["grace"]["reason"] = "another"
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    assert deployment.control.plan_state(plan.id) == "superseded"
    assert deployment.control.progress("demo-1") == ()
    assert deployment.case("demo-1").grace.reason == "another"


@pytest.mark.usefixtures("opened")
def test_one_more_held_person_is_a_change_too(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any], case_folder: Path
) -> None:
    plan = a_plan(deployment)
    (case_folder / "holds" / "h-1.csv").write_text(f"subject\n{SECRET}\nC-2\nC-3\n", "utf-8")
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    assert deployment.control.plan_state(plan.id) == "superseded"
    assert [hold.scope.subject_count for hold in deployment.control.holds("demo-1")] == [3]


@pytest.mark.usefixtures("opened")
def test_a_case_does_not_change_under_a_plan_that_is_being_carried_out(
    deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any]
) -> None:
    plan = a_plan(deployment)
    with deployment.control.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO effect VALUES ('e', 'demo-1', 'demo-1-01', 'o', 'quarantine', 0, 'done', 1, '{}', 'now')"
        )
    case_document["grace"]["reason"] = "another"
    with pytest.raises(Refused, match="plan demo-1-01 is being carried out"):
        open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    assert deployment.control.plan_state(plan.id) == "open"
    assert deployment.case("demo-1").grace.reason == "usual"
