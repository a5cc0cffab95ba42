"""Legal holds through the web: who may place, who may release, and what the pages say of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from winddown.domain.plan import Plan
from winddown.stages.deployment import Deployment

from .small_case import APPROVER, CASE, CUSTODIAN, LEGAL, OPERATOR, PLAN, SECOND, STEWARD

ClientOf = Callable[..., TestClient]
HOLDS = f"/api/cases/{CASE}/holds"
SECRET = "C-7731-whom-nobody-may-know"
REASON = {"reason": "the court lifted it"}
NEW: dict[str, Any] = {
    "id": "H-2", "matter": "（2026）示例2号", "ground": "private_dispute", "placed_on": "2026-11-20",
    "review_on": "2027-05-20", "steward": STEWARD, "subjects": [SECRET],
}  # fmt: skip
pytestmark = pytest.mark.usefixtures("plan")


def entries(deployment: Deployment, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(raw) for raw in deployment.ledger.entries(CASE)]
    return [entry for entry in found if entry["type"] == kind]


def in_force(deployment: Deployment) -> list[str]:
    return [hold.id for hold in deployment.control.holds(CASE)]


# -- releasing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [LEGAL, APPROVER])
def test_the_legal_department_and_the_liquidation_group_release(
    client_of: ClientOf, deployment: Deployment, plan: Plan, person: str
) -> None:
    answer = client_of(person).post(f"{HOLDS}/H-1/release", json=REASON | {"evidence_sha256": "a" * 64})
    assert (answer.status_code, answer.json()["person"]) == (201, person)
    assert in_force(deployment) == []
    (row,) = client_of(person).get(HOLDS).json()
    assert (row["released_by"], row["release_reason"], row["release_evidence"]) == (person, REASON["reason"], "a" * 64)
    (entry,) = entries(deployment, "hold_released")
    assert (entry["actor"], entry["body"]["reason"]) == (person, REASON["reason"])
    assert deployment.control.plan_state(plan.id) == "superseded"


@pytest.mark.parametrize("person", [SECOND, CUSTODIAN, STEWARD, OPERATOR, "stranger", "", "Zhou", "zhou "])
def test_nobody_else_releases(client_of: ClientOf, deployment: Deployment, person: str) -> None:
    answer = client_of(person).post(f"{HOLDS}/H-1/release", json=REASON)
    finer = person in {SECOND, STEWARD}  # officers of the case, without the role that releases
    rule = "releasing a hold needs a role" if finer else "roles of the product"
    assert (answer.status_code, answer.json()["rule"]) == (403, rule)
    assert in_force(deployment) == ["H-1"]


def test_who_placed_a_hold_does_not_release_it(client_of: ClientOf, deployment: Deployment) -> None:
    assert client_of(LEGAL).post(HOLDS, json=NEW).status_code == 201
    answer = client_of(LEGAL).post(f"{HOLDS}/H-2/release", json=REASON)
    assert (answer.status_code, answer.json()["rule"]) == (403, "two people")
    assert in_force(deployment) == ["H-1", "H-2"]
    assert client_of(APPROVER).post(f"{HOLDS}/H-2/release", json=REASON).status_code == 201


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": " \n"}, {"reason": None}, REASON | {"person": LEGAL}])
def test_a_release_says_why_and_nothing_else(client_of: ClientOf, deployment: Deployment, body: dict[str, Any]) -> None:
    assert client_of(LEGAL).post(f"{HOLDS}/H-1/release", json=body).status_code == 422
    assert client_of(LEGAL).post(f"/cases/{CASE}/holds/H-1/release", data=body).status_code == 422
    assert in_force(deployment) == ["H-1"]


@pytest.mark.parametrize("root", [HOLDS, f"/cases/{CASE}/holds"])
def test_a_release_names_no_person(client_of: ClientOf, deployment: Deployment, root: str) -> None:
    body = {"reason": "customer 13800130001 has settled"}
    answer = client_of(LEGAL).post(f"{root}/H-1/release", **({"json": body} if root == HOLDS else {"data": body}))
    assert answer.status_code == 409
    assert "say it without numbers or addresses of persons" in answer.text
    assert "13800130001" not in answer.text
    assert in_force(deployment) == ["H-1"]
    assert entries(deployment, "hold_released") == []


def test_a_hold_that_is_not_there_or_not_in_force_is_not_released(client_of: ClientOf) -> None:
    client = client_of(LEGAL)
    assert client.post(f"{HOLDS}/H-9/release", json=REASON).status_code == 404
    assert client.post("/api/cases/other/holds/H-1/release", json=REASON).status_code == 404
    assert [client.post(f"{HOLDS}/H-1/release", json=REASON).status_code for _ in range(2)] == [201, 409]


def test_the_button_stands_where_it_works(client_of: ClientOf, deployment: Deployment) -> None:
    assert f'action="{CASE}/holds/H-1/release"' in client_of(LEGAL).get(f"/cases/{CASE}").text
    for person in (STEWARD, "stranger"):
        assert "/release" not in client_of(person).get(f"/cases/{CASE}").text
    answer = client_of(LEGAL).post(f"/cases/{CASE}/holds/H-1/release", data=REASON)
    assert (answer.status_code, answer.headers["location"]) == (303, f"../../../{CASE}")
    assert in_force(deployment) == []
    assert "/release" not in client_of(LEGAL).get(f"/cases/{CASE}").text


# -- placing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [LEGAL, STEWARD, SECOND])
def test_anybody_in_the_case_places_a_hold_and_no_key_of_a_person_is_repeated(
    client_of: ClientOf, deployment: Deployment, plan: Plan, person: str
) -> None:
    answer = client_of(person).post(HOLDS, json=NEW)
    assert answer.status_code == 201
    assert in_force(deployment) == ["H-1", "H-2"]
    assert deployment.control.plan_state(plan.id) == "superseded"
    said = [answer.text, client_of(person).get(HOLDS).text, client_of(person).get(f"/cases/{CASE}").text]
    assert all(SECRET not in text for text in said)
    written = [path for path in deployment.settings.workspace.rglob("*") if path.is_file()]
    assert [path.name for path in written if SECRET.encode() in path.read_bytes()] == []
    assert deployment.control.recorded_holds(CASE)[1].placed_by == person


@pytest.mark.parametrize("person", ["stranger", OPERATOR, ""])
def test_a_stranger_places_nothing(client_of: ClientOf, deployment: Deployment, person: str) -> None:
    answer = client_of(person).post(HOLDS, json=NEW)
    assert (answer.status_code, answer.json()["rule"]) == (403, "roles of the product")
    assert in_force(deployment) == ["H-1"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"ground": "because"}, 422),
        ({"subjects": [""]}, 422),
        ({"placed_by": LEGAL}, 422),
        ({"ground": "court"}, 409),  # without its order
        ({"subjects": []}, 409),  # covers nothing
        ({"steward": "stranger"}, 409),
        ({"collections": ["nowhere:orders"]}, 409),
        ({"id": "H-1"}, 409),  # another hold of this id is in force over others
    ],
)
def test_a_hold_that_says_something_wrong_is_not_placed(
    client_of: ClientOf, deployment: Deployment, change: dict[str, Any], status: int
) -> None:
    if change.get("id") == "H-1":  # its list of persons lies in no workspace here
        change = {"id": "H-1", "subjects": [], "since": "2020-01-01"}
    answer = client_of(LEGAL).post(HOLDS, json=NEW | change)
    assert answer.status_code == status
    assert SECRET not in answer.text
    assert in_force(deployment) == ["H-1"]


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_pages_say_ground_order_review_and_what_is_no_statutory_hold(
    client_of: ClientOf, deployment: Deployment
) -> None:
    client_of(STEWARD).post(HOLDS, json=NEW | {"review_on": "2026-11-21"})
    text = client_of(STEWARD).get(f"/cases/{CASE}").text
    for said in ("示例法院", "第1号", "2 persons", "2027-06-01", "非法定", "不是保存义务", "逾期"):
        assert said in text
    rows = {row["id"]: row for row in client_of(STEWARD).get(HOLDS).json()}
    assert (rows["H-1"]["is_statutory"], rows["H-1"]["is_overdue"]) == (True, False)
    assert (rows["H-2"]["is_statutory"], rows["H-2"]["is_overdue"]) == (False, True)
    assert in_force(deployment) == ["H-1", "H-2"]


def test_a_plan_shows_the_holds_in_force(client_of: ClientOf) -> None:
    assert [row["id"] for row in client_of(STEWARD).get(f"/api/plans/{PLAN}").json()["holds"]] == ["H-1"]
    assert "2 persons" in client_of(STEWARD).get(f"/plans/{PLAN}").text
