"""Placing and releasing holds while a case is under way: by whom, with which trace, and what becomes of its plans."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, event

from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.hold import holds_digest
from winddown.domain.plan import Plan, Wave
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.hold_file import read_hold_file
from winddown.stages.holds import place_hold, release_hold
from winddown.stages.manifests import read_manifest
from winddown.stages.open import open_case
from winddown.stages.standing import standing

WriteCase = Callable[[Any], Path]
SECRET = "C-7731-whom-nobody-may-know"
FILE = {
    "id": "H-2", "matter": "matter 2", "ground": "customs", "authority": "示例海关", "document_number": "第2号",
    "placed_on": date(2026, 11, 20), "review_on": date(2027, 11, 20), "steward": "li", "subjects": "two.csv",
    "collections": ["shop:orders"],
}  # fmt: skip


@pytest.fixture
def path(write_case: WriteCase, case_document: dict[str, Any], deployment: Deployment) -> Path:
    """An opened case with H-1 in its file; zhou is of the legal department, zhao of the group, sun an auditor."""
    case_document["people"] += [
        {"id": "zhou", "name": "zhou", "role": "legal"}, {"id": "zhao", "name": "zhao", "role": "liquidation_group"},
        {"id": "sun", "name": "sun", "role": "auditor"},
    ]  # fmt: skip
    found = write_case(case_document)
    open_case(deployment, read_case_file(found), requested_by="chen")
    return found


@pytest.fixture
def write_hold(case_folder: Path) -> Callable[..., Path]:
    """Write a hold file; ``...`` takes a key out."""

    def write(**changes: Any) -> Path:
        (case_folder / "two.csv").write_text(f"subject\n{SECRET}\n", "utf-8")
        raw = {key: value for key, value in (FILE | changes).items() if value is not ...}
        path = case_folder / "hold.yaml"
        path.write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
        return path

    return write


def place(deployment: Deployment, path: Path, *, by: str = "li") -> str:
    return place_hold(deployment, "demo-1", read_hold_file(path, deployment.case("demo-1")), by=by)


def release(deployment: Deployment, hold: str = "H-1", *, by: str = "zhou", reason: str = "settled") -> str:
    return release_hold(deployment, "demo-1", hold, by=by, reason=reason, evidence_sha256="e" * 64)


def in_force(deployment: Deployment) -> list[str]:
    return [hold.id for hold in deployment.control.holds("demo-1")]


def entries(deployment: Deployment, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(raw) for raw in deployment.ledger.entries("demo-1")]
    return [entry for entry in found if entry["type"] == kind]


def add_plan(deployment: Deployment, *, has_effect: bool = False) -> Plan:
    digest = holds_digest(deployment.control.holds("demo-1"))
    plan = Plan(
        "demo-1-01", "demo-1", Wave.AFTER_CLAIMS, (), "", (), (), digest, (), (), "1", 60, "usual", 2, ("pi_officer",)
    )  # fmt: skip
    deployment.control.add_plan(plan)
    deployment.control.set_progress("demo-1", "case", "discover", state="done", message="")
    deployment.control.set_progress("demo-1", Wave.AFTER_CLAIMS, "certify", state="done", message="")
    if has_effect:
        write_effect(deployment.control.engine)
    return plan


def write_effect(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO effect VALUES ('e', 'demo-1', 'demo-1-01', 'o', 'quarantine', 0, 'done', 1, '{}', 'now')"
        )


# -- placing -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("path")
def test_a_hold_is_placed_from_a_file_of_its_own(deployment: Deployment, write_hold: Callable[..., Path]) -> None:
    said = place(deployment, write_hold())
    assert said.startswith("hold H-2 is in force over 1 persons; shop:orders; ")
    assert in_force(deployment) == ["H-1", "H-2"]
    entry = entries(deployment, "hold_placed")[-1]
    assert (entry["actor"], entry["body"]["hold"], entry["body"]["ground"]) == ("li", "H-2", "customs")
    assert (len(entry["body"]["digest"]), entry["body"]["count"]) == (64, 1)
    placed = [one["body"] for one in entries(deployment, "hold_placed")]
    scopes = [[one["hold"], one["scope_digest"]] for one in placed]
    assert digest(sorted(scopes)) == holds_digest(deployment.control.holds("demo-1")), "verifiers compute it from these"
    assert not [path for path in deployment.settings.workspace.rglob("*")
                if path.is_file() and SECRET.encode() in path.read_bytes()]  # fmt: skip


@pytest.mark.usefixtures("path")
def test_a_hold_of_persons_has_a_list_and_one_without_persons_has_none(
    deployment: Deployment, write_hold: Callable[..., Path]
) -> None:
    def lists() -> set[str]:
        return {path.name for path in deployment.folder("demo-1", "manifests").iterdir()}

    before = lists()
    place(deployment, write_hold(id="H-3", subjects=""))
    assert lists() == before
    place(deployment, write_hold())
    (hold,) = [one for one in deployment.control.holds("demo-1") if one.id == "H-2"]
    assert lists() - before == {f"{hold.scope.subjects_manifest}.sealed"}
    found = read_manifest(deployment, "demo-1", hold.scope.subjects_manifest)
    assert found.to_pylist() == [{"subject": SECRET}]


@pytest.mark.usefixtures("path")
def test_placing_the_same_hold_again_changes_nothing(deployment: Deployment, write_hold: Callable[..., Path]) -> None:
    place(deployment, write_hold())
    assert place(deployment, write_hold()) == "hold H-2 is in force already"
    assert len(entries(deployment, "hold_placed")) == 2


@pytest.mark.usefixtures("path")
def test_a_stranger_and_an_auditor_place_nothing(deployment: Deployment, write_hold: Callable[..., Path]) -> None:
    with pytest.raises(Refused, match="mallory is not among the people"):
        place(deployment, write_hold(), by="mallory")
    with pytest.raises(Refused, match="sun may not place hold in case demo-1"):
        place(deployment, write_hold(), by="sun")
    assert in_force(deployment) == ["H-1"]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ground": "civil litigation"}, "ground: "),
        ({"ground": ...}, "ground: Field required"),
        ({"authority": ...}, "hold: the ground customs of hold H-2 needs the authority"),
        ({"steward": "mallory"}, "hold.steward: mallory is not in people"),
        ({"review_on": FILE["placed_on"]}, "hold.review_on: 2026-11-20 is not after placed_on"),
        ({"collections": ["nowhere:orders"]}, "hold.collections: store 'nowhere' is not declared"),
        ({"collections": [], "subjects": ""}, "hold: a hold that covers nothing"),
        ({"company": True}, "hold: a hold on the whole company cannot be narrowed"),
        ({"until": date(2025, 1, 1), "since": date(2026, 1, 1)}, "before they begin"),
        ({"colour": "red"}, "colour: "),
        ({"subjects": "../outside.txt"}, "lies outside"),
        ({"subjects": "missing.csv"}, "hold.subjects: 'missing.csv' cannot be read"),
    ],
)
def test_a_hold_file_that_says_something_wrong_is_refused_by_field(
    deployment: Deployment, write_hold: Callable[..., Path], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused) as refusal:
        place(deployment, write_hold(**change))
    assert said in str(refusal.value)
    assert str(refusal.value).count("is not after") <= 1  # what follows from it is not said again
    assert in_force(deployment) == ["H-1"]


@pytest.mark.usefixtures("path")
def test_a_private_dispute_needs_no_order(deployment: Deployment, write_hold: Callable[..., Path]) -> None:
    place(deployment, write_hold(ground="private_dispute", authority=..., document_number=...))
    assert in_force(deployment) == ["H-1", "H-2"]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    "change", [{"subjects": "other.csv"}, {"collections": ["shop:payments"]}, {"since": date(2025, 1, 1)}]
)
def test_a_hold_in_force_does_not_shrink(
    deployment: Deployment, write_hold: Callable[..., Path], case_folder: Path, change: dict[str, Any]
) -> None:
    place(deployment, write_hold())
    (case_folder / "other.csv").write_text("subject\nsomebody-else\n", "utf-8")
    with pytest.raises(Refused, match=r"hold H-2 (no longer names 1 of its persons|would cover less)"):
        place(deployment, write_hold(**change))
    place(deployment, write_hold(subjects="", collections=["shop:orders", "shop:payments"]))


@pytest.mark.parametrize("act", [place, lambda deployment, _: release(deployment)], ids=["place", "release"])
@pytest.mark.usefixtures("path")
def test_the_ledger_is_locked_before_the_holds_as_by_whoever_authorises(
    deployment: Deployment, write_hold: Callable[..., Path], act: Callable[..., object]
) -> None:
    hold_file = write_hold()
    said: list[str] = []
    event.listen(
        deployment.control.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: said.append(" ".join(statement.split())),
    )
    act(deployment, hold_file)
    transactions = "\n".join(said).split("BEGIN IMMEDIATE")
    (change,) = [one.splitlines() for one in transactions if "INTO ledger_entry" in one]
    locked = [name for line in change for name in ("ledger_head", "hold") if f" FROM {name} " in line]
    assert locked[:1] == ["ledger_head"]
    assert "hold" in locked


@pytest.mark.usefixtures("path")
def test_a_new_hold_supersedes_a_plan_that_nothing_was_done_under(
    deployment: Deployment, write_hold: Callable[..., Path]
) -> None:
    plan = add_plan(deployment)
    *_, said, following = place(deployment, write_hold()).split("; ")
    assert (said, following) == ("plan demo-1-01 is superseded", "the next run plans again")
    assert deployment.control.plan_state(plan.id) == "superseded"
    assert [(one.wave, one.stage) for one in deployment.control.progress("demo-1")] == [("case", "discover")]


@pytest.mark.usefixtures("path")
def test_a_new_hold_stops_a_plan_that_is_carried_out_and_says_how_to_go_on(
    deployment: Deployment, write_hold: Callable[..., Path]
) -> None:
    plan = add_plan(deployment, has_effect=True)
    assert standing(deployment, "demo-1").waits_for != "holds"
    said = place(deployment, write_hold())
    assert "plan demo-1-01 is being carried out" in said
    assert "winddown restore demo-1" in said
    assert deployment.control.plan_state(plan.id) == "open"
    found = standing(deployment, "demo-1")
    assert (found.waits_for, found.plan_id, found.is_ready) == ("holds", plan.id, False)


# -- releasing ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("person", ["zhou", "zhao"])
def test_the_legal_department_and_the_liquidation_group_release(deployment: Deployment, person: str) -> None:
    assert release(deployment, by=person).startswith("hold H-1 is released; ")
    assert in_force(deployment) == []
    (found,) = deployment.control.recorded_holds("demo-1")
    assert (found.placed_by, found.released_by, found.release_reason) == ("chen", person, "settled")
    assert (found.is_in_force, found.release_evidence) == (False, "e" * 64)
    (entry,) = entries(deployment, "hold_released")
    assert entry["actor"] == person
    assert entry["body"].items() >= {"hold": "H-1", "reason": "settled", "evidence_sha256": "e" * 64}.items()
    assert entry["body"]["digest"] == entries(deployment, "hold_placed")[0]["body"]["digest"]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"by": "wu"}, "wu may not release holds"),  # the personal-information officer
        ({"by": "li"}, "li may not release holds"),  # the steward
        ({"by": "he"}, "he may not release holds"),
        ({"by": "mallory"}, "mallory may not release holds"),
        ({"by": "chen"}, "chen placed hold H-1 and cannot release it"),
        ({"reason": " \n"}, "not released without a reason"),
        ({"reason": "customer 13800130001 has settled"}, "not released with a reason that names a person"),
        ({"hold": "H-9"}, "hold H-9 of case demo-1 is not in force"),
    ],
)
def test_a_release_by_the_wrong_person_or_without_a_reason_is_refused(
    deployment: Deployment, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        release(deployment, **changes)
    assert in_force(deployment) == ["H-1"]
    assert entries(deployment, "hold_released") == []


@pytest.mark.usefixtures("path")
def test_a_hold_is_released_once(deployment: Deployment) -> None:
    release(deployment)
    with pytest.raises(Refused, match="is not in force"):
        release(deployment, by="zhao")
    (found,) = deployment.control.recorded_holds("demo-1")
    assert found.released_by == "zhou"


def test_a_released_hold_stays_released_while_the_case_file_still_names_it(deployment: Deployment, path: Path) -> None:
    release(deployment)
    open_case(deployment, read_case_file(path), requested_by="chen")
    assert in_force(deployment) == []


def test_a_released_hold_does_not_come_back_changed_under_its_id(
    deployment: Deployment, path: Path, case_document: dict[str, Any], write_case: WriteCase
) -> None:
    assert path.exists()
    release(deployment)
    case_document["holds"][0]["matter"] = "another matter"
    with pytest.raises(Refused, match=r"hold H-1 was released at .* by zhou.*an id of its own"):
        open_case(deployment, read_case_file(write_case(case_document)), requested_by="chen")
    assert in_force(deployment) == []


@pytest.mark.usefixtures("path")
def test_a_release_has_certified_waves_looked_at_again_and_prepares_nothing_anew(deployment: Deployment) -> None:
    plan = add_plan(deployment)
    deployment.control.set_plan_state(plan.id, "certified")
    assert release(deployment).endswith("the next run plans again")
    assert deployment.control.plan_state(plan.id) == "certified"
    assert [(one.wave, one.stage) for one in deployment.control.progress("demo-1")] == [("case", "discover")]


@pytest.mark.usefixtures("path")
def test_a_release_supersedes_a_plan_that_was_made_under_the_hold(deployment: Deployment) -> None:
    plan = add_plan(deployment)
    release(deployment)
    assert deployment.control.plan_state(plan.id) == "superseded"


@pytest.mark.usefixtures("path")
def test_what_a_hold_stopped_in_its_middle_goes_on_when_that_hold_is_released(
    deployment: Deployment, write_hold: Callable[..., Path]
) -> None:
    add_plan(deployment, has_effect=True)
    place(deployment, write_hold())
    release(deployment, "H-2")
    assert standing(deployment, "demo-1").waits_for != "holds"


@pytest.mark.usefixtures("path")
def test_a_hold_of_another_case_is_not_released_through_this_one(deployment: Deployment) -> None:
    (hold,) = deployment.control.holds("demo-1")
    deployment.control.put_hold("demo-2", replace(hold, id="H-other"))
    with pytest.raises(Refused, match="H-other of case demo-1 is not in force"):
        release(deployment, "H-other")


@pytest.mark.parametrize("change", [{"ground": "police"}, {"authority": "另一机关"}, {"document_number": "第9号"}])
@pytest.mark.usefixtures("path")
def test_a_hold_in_force_is_not_relabelled(
    deployment: Deployment, write_hold: Callable[..., Path], change: dict[str, str]
) -> None:
    place(deployment, write_hold())
    with pytest.raises(Refused, match="H-2 would state another ground or order"):
        place(deployment, write_hold(**change))
    place(deployment, write_hold(review_on=date(2028, 1, 1)))  # a later review is allowed
