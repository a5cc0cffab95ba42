"""What people do through the web: approvals and receipts enter here, each by the right person, once, for one digest."""

import json
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from winddown.control import tables
from winddown.domain.plan import Plan
from winddown.stages.deployment import Deployment

from .small_case import APPROVER, ARCHIVE, CASE, CUSTODIAN, OPERATOR, PLAN, SECOND, STEWARD, open_small_case

ClientOf = Callable[..., TestClient]
APPROVALS, RECEIPTS = f"/api/plans/{PLAN}/approvals", f"/api/plans/{PLAN}/receipts"


def entries(deployment: Deployment, kind: str) -> list[dict[str, object]]:
    found = [json.loads(raw) for raw in deployment.ledger.entries(CASE)]
    return [entry for entry in found if entry["type"] == kind]


# -- approvals ---------------------------------------------------------------------------------------------------------


def test_two_approvers_approve_the_digest(client_of: ClientOf, deployment: Deployment, plan: Plan) -> None:
    body = {"plan_digest": plan.digest}
    answer = client_of(APPROVER).post(APPROVALS, json=body)
    assert answer.status_code == 201
    assert answer.json() == body | {"plan_id": PLAN, "person": APPROVER, "role": "liquidation_group"}
    assert client_of(SECOND).post(APPROVALS, json=body).status_code == 201
    rows = deployment.control.approvals(PLAN)
    assert [(row["person"], row["plan_digest"], row["door"]) for row in rows] == [
        (APPROVER, plan.digest, "api_session"),
        (SECOND, plan.digest, "api_session"),
    ]
    assert [entry["actor"] for entry in entries(deployment, "approval_given")] == [APPROVER, SECOND]
    assert client_of(APPROVER).get(f"/api/plans/{PLAN}").json()["missing"] == ""


def test_the_button_sends_what_the_page_shows(client_of: ClientOf, deployment: Deployment, plan: Plan) -> None:
    page = client_of(APPROVER).get(f"/plans/{PLAN}").text
    assert f'<input type="hidden" name="plan_digest" value="{plan.digest}">' in page
    assert f'action="{PLAN}/approve"' in page
    answer = client_of(APPROVER).post(f"/plans/{PLAN}/approve", data={"plan_digest": plan.digest})
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{PLAN}")
    assert len(deployment.control.approvals(PLAN)) == 1
    assert f'action="{PLAN}/approve"' not in client_of(APPROVER).get(f"/plans/{PLAN}").text


def test_another_digest_is_refused(client_of: ClientOf, deployment: Deployment, plan: Plan) -> None:
    answer = client_of(APPROVER).post(APPROVALS, json={"plan_digest": "0" * 64})
    assert answer.status_code == 409
    assert answer.json()["rule"] == "approval binds the digest"
    assert deployment.control.approvals(plan.id) == []


def test_nobody_approves_twice(client_of: ClientOf, deployment: Deployment, plan: Plan) -> None:
    body = {"plan_digest": plan.digest}
    assert [client_of(APPROVER).post(APPROVALS, json=body).status_code for _ in range(2)] == [201, 409]
    assert len(deployment.control.approvals(PLAN)) == 1


@pytest.mark.parametrize("person", [CUSTODIAN, STEWARD, OPERATOR, "stranger", "", "Chen", "chen "])
def test_only_approvers_approve(client_of: ClientOf, deployment: Deployment, plan: Plan, person: str) -> None:
    answer = client_of(person).post(APPROVALS, json={"plan_digest": plan.digest})
    assert answer.status_code == 403
    assert answer.json()["rule"] == "roles of the product"
    assert deployment.control.approvals(PLAN) == []


def test_who_requested_does_not_approve(client_of: ClientOf, deployment: Deployment) -> None:
    plan = open_small_case(deployment, requested_by=APPROVER)
    assert f'action="{PLAN}/approve"' not in client_of(APPROVER).get(f"/plans/{PLAN}").text
    assert "who requests does not approve" in client_of(APPROVER).get(f"/plans/{PLAN}").text
    answer = client_of(APPROVER).post(APPROVALS, json={"plan_digest": plan.digest})
    assert (answer.status_code, answer.json()["rule"]) == (403, "two people")


@pytest.mark.parametrize("state", ["superseded", "certified"])
def test_a_plan_that_is_not_open_is_not_approved(
    client_of: ClientOf, deployment: Deployment, plan: Plan, state: str
) -> None:
    deployment.control.set_plan_state(PLAN, state)
    assert client_of(APPROVER).post(APPROVALS, json={"plan_digest": plan.digest}).status_code == 409
    assert "<form" not in client_of(APPROVER).get(f"/plans/{PLAN}").text


def test_a_plan_that_was_changed_in_the_database_is_not_shown(
    client_of: ClientOf, deployment: Deployment, plan: Plan
) -> None:
    with deployment.control.engine.begin() as connection:
        body = json.dumps(plan.document() | {"grace_seconds": 0})
        connection.execute(tables.plan.update().values(body=body))
    assert client_of(APPROVER).get(f"/api/plans/{PLAN}").status_code == 409
    assert client_of(APPROVER).post(APPROVALS, json={"plan_digest": plan.digest}).status_code == 409


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    "extra", [{"person": SECOND}, {"role": "pi_officer"}, {"door": "signature"}, {"approved_at": "2020-01-01"}]
)
def test_nothing_that_is_sent_names_the_person(
    client_of: ClientOf, deployment: Deployment, plan: Plan, extra: dict[str, str]
) -> None:
    body = {"plan_digest": plan.digest} | extra
    assert client_of(APPROVER).post(APPROVALS, json=body).status_code == 422
    assert client_of(APPROVER).post(f"/plans/{PLAN}/approve", data=body).status_code == 422
    assert client_of(APPROVER).post(f"{APPROVALS}?person={SECOND}", json={"plan_digest": "0" * 64}).status_code == 409
    assert deployment.control.approvals(PLAN) == []


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n", None, 5, ["0" * 64]])
def test_what_is_no_digest_is_not_taken(client_of: ClientOf, digest: object) -> None:
    assert client_of(APPROVER).post(APPROVALS, json={"plan_digest": digest}).status_code == 422


# -- receipts ----------------------------------------------------------------------------------------------------------


def receipt(**changes: str) -> dict[str, str]:
    given = {
        "order_id": ARCHIVE.order_id,
        "archive_sha256": ARCHIVE.archive_sha256,
        "content_sha256": ARCHIVE.content_sha256,
    }
    return given | changes


@pytest.mark.usefixtures("plan", "sealed")
def test_the_custodian_acknowledges_an_archive(client_of: ClientOf, deployment: Deployment) -> None:
    before = client_of(CUSTODIAN).get(f"/api/plans/{PLAN}").json()["archives"]
    assert [(row["file"], row["acknowledged"]) for row in before] == [("orders.custody", False)]
    answer = client_of(CUSTODIAN).post(RECEIPTS, json=receipt())
    assert answer.status_code == 201
    assert client_of(CUSTODIAN).post(RECEIPTS, json=receipt()).status_code == 201  # the same one again does nothing
    assert len(deployment.control.acknowledgements(PLAN)) == 1
    assert len(entries(deployment, "handover_acknowledged")) == 1
    assert client_of(CUSTODIAN).get(f"/api/plans/{PLAN}").json()["archives"][0]["acknowledged"] is True


@pytest.mark.usefixtures("plan", "sealed")
@pytest.mark.parametrize("person", [APPROVER, SECOND, STEWARD, OPERATOR, "stranger"])
def test_nobody_else_acknowledges(client_of: ClientOf, deployment: Deployment, person: str) -> None:
    assert client_of(person).post(RECEIPTS, json=receipt()).status_code == 403
    assert deployment.control.acknowledgements(PLAN) == []


@pytest.mark.usefixtures("plan", "sealed")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"archive_sha256": "9" * 64}, 409),
        ({"content_sha256": "9" * 64}, 409),
        ({"content_sha256": ARCHIVE.archive_sha256}, 409),
        ({"order_id": f"{PLAN}-003"}, 409),  # an erase is no hand-over
        ({"order_id": "unknown"}, 404),
        ({"order_id": ""}, 422),
        ({"person": CUSTODIAN}, 422),
        ({"content_sha256": "not a digest"}, 422),
    ],
)
def test_a_wrong_receipt_is_none(
    client_of: ClientOf, deployment: Deployment, changes: dict[str, str], status: int
) -> None:
    assert client_of(CUSTODIAN).post(RECEIPTS, json=receipt(**changes)).status_code == status
    assert deployment.control.acknowledgements(PLAN) == []


@pytest.mark.usefixtures("plan")
def test_what_was_not_sealed_is_not_acknowledged(client_of: ClientOf) -> None:
    assert client_of(CUSTODIAN).post(RECEIPTS, json=receipt()).status_code == 409
