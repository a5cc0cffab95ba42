"""Every cell of the table of routes is tried on the real app: role × route, with the answer that the table promises."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tallied import tally
from winddown.domain.access import ALLOWED, Action, Role
from winddown.domain.approval_statement import statement
from winddown.domain.case import Case
from winddown.domain.plan import WAVES_OF_RECORDS, Plan
from winddown.evidence.entry import format_time
from winddown.evidence.signing import Kind, Signer
from winddown.stages.deployment import Deployment
from winddown.stages.own_traces import asked_by as traces_asked_by
from winddown.stages.people import roles_in
from winddown.web.access import ROUTES, RouteRow
from winddown.web.app import create_app

from .conftest import SAME_ORIGIN, asked_by
from .small_case import APPROVER, ARCHIVE, AUDITOR, CASE, CUSTODIAN, LEGAL, OPERATOR, PLAN, SECOND, SIGNER

PERSON = {
    Role.ENGINEER: OPERATOR,
    Role.APPROVER: APPROVER,
    Role.OFFICER: LEGAL,
    Role.AUDITOR: AUDITOR,
    Role.CUSTODIAN: CUSTODIAN,
}
pytestmark = pytest.mark.usefixtures("plan", "sealed")


def test_the_representatives_have_the_role_that_they_are_asked_for(deployment: Deployment) -> None:
    assert {role: roles_in(deployment, CASE, person) for role, person in PERSON.items()} == {
        Role.ENGINEER: {Role.ENGINEER},
        Role.APPROVER: {Role.APPROVER, Role.OFFICER},  # a liquidation group's head answers for the case as well
        Role.OFFICER: {Role.OFFICER},
        Role.AUDITOR: {Role.AUDITOR},
        Role.CUSTODIAN: {Role.CUSTODIAN},
    }


def test_every_route_stands_in_the_table_and_every_action_has_roles(app: FastAPI) -> None:
    found = {(method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods}
    assert found == {(row.method, row.path) for row in ROUTES}
    assert len(found) == len(ROUTES)
    assert set(ALLOWED) == set(Action) == {row.action for row in ROUTES} | {Action.RESTORE, Action.CLEAR_SCHEDULER}


def test_a_route_that_the_table_does_not_have_is_allowed_to_nobody(app: FastAPI, deployment: Deployment) -> None:
    reached: list[str] = []

    @app.get("/cases/{case_id}/forgotten")
    def forgotten(case_id: str) -> None:
        reached.append(case_id)

    assert deployment
    for person in (*PERSON.values(), "stranger"):
        with TestClient(app, headers={"X-Person": person}) as client:
            assert client.get(f"/cases/{CASE}/forgotten").status_code == 403
    assert reached == []


def body_of(row: RouteRow, plan: Plan, deployment: Deployment) -> dict[str, object]:
    """What a well-formed request of the route carries."""
    second = next(one for one in plan.approvers if one.person == SECOND)
    text = statement(plan, second, digest=plan.digest, signed_at=format_time(deployment.clock.now()))
    hold = {
        "id": "H-2", "matter": "m", "ground": "court", "authority": "court", "document_number": "1",
        "placed_on": "2026-06-01", "review_on": "2027-06-01", "steward": "li", "company": True,
    }  # fmt: skip
    bodies: dict[Action, dict[str, object]] = {
        Action.APPROVE: {"plan_digest": plan.digest},
        Action.BRING_SIGNATURE: {"note": f"{text}\n{SIGNER.sign_note(text, at=1)}"},
        Action.ACKNOWLEDGE: {
            "order_id": ARCHIVE.order_id, "archive_sha256": ARCHIVE.archive_sha256,
            "content_sha256": ARCHIVE.content_sha256,
        },
        Action.PLACE_HOLD: hold,
        Action.RELEASE_HOLD: {"reason": "settled"},
        Action.HALT: {"reason": "wrong customers"},
        Action.RESUME: {"reason": "they were right"},
        Action.ERASE_TRACES: {},
    }  # fmt: skip
    return bodies[row.action]


def ask(app: FastAPI, row: RouteRow, plan: Plan, deployment: Deployment, person: str | None) -> int:
    tally("access probes")
    headers = SAME_ORIGIN | ({} if person is None else {"X-Person": person})
    path = row.path.format(case_id=CASE, plan_id=PLAN, name="winddown.pub", hold_id="H-1")
    with TestClient(app, headers=headers, follow_redirects=False, raise_server_exceptions=False) as client:
        if row.method == "GET":
            query = {"collection": "shop:orders"} if row.path.endswith("/why") else {}
            return client.get(path, params=query).status_code
        body = body_of(row, plan, deployment)
        sent = {"json": body} if row.path.startswith("/api/") else {"data": body}
        return client.post(path, **sent).status_code  # type: ignore[arg-type]


def state_of(deployment: Deployment) -> tuple[object, ...]:
    """Everything that a change would change."""
    control = deployment.control
    holds = [(found.hold.id, found.released_at) for found in control.recorded_holds(CASE)]
    return (
        deployment.ledger.size(CASE), control.approvals(PLAN), control.acknowledgements(PLAN), holds,
        deployment.switch.state(CASE), traces_asked_by(deployment, CASE),
    )  # fmt: skip


def allowed(row: RouteRow, role: Role | None) -> bool:
    return row.action is Action.OPEN or (role is not None and role in row.roles)


def prepare(deployment: Deployment, row: RouteRow) -> None:
    if row.action is Action.RESUME:
        deployment.switch.halt(CASE, by=APPROVER, reason="x", door="command")


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")
def test_cells_that_change_nothing_answer_as_the_table_says(
    app: FastAPI, deployment: Deployment, plan: Plan, row: RouteRow
) -> None:
    """Of a reading route every cell, of a changing one those that are refused; and without a login none answers."""
    prepare(deployment, row)
    before = state_of(deployment)
    assert ask(app, row, plan, deployment, None) == 401
    for role in (*Role, None):
        if row.method == "POST" and allowed(row, role):
            continue
        person = PERSON[role] if role is not None else "stranger"
        wanted = row.answers[0] if allowed(row, role) else 403
        assert (role, ask(app, row, plan, deployment, person)) == (role, wanted)
        if row.action is not Action.READ_EVIDENCE and not row.path.endswith("/document"):
            assert state_of(deployment) == before


CHANGES = [(row, role) for row in ROUTES if row.method == "POST" for role in Role if allowed(row, role)]


@pytest.mark.parametrize(("row", "role"), CHANGES, ids=lambda one: one if isinstance(one, Role) else one.path)
def test_a_cell_that_changes_something_answers_as_the_table_says(
    app: FastAPI, deployment: Deployment, plan: Plan, row: RouteRow, role: Role
) -> None:
    prepare(deployment, row)
    before = state_of(deployment)
    assert ask(app, row, plan, deployment, PERSON[role]) == row.answers[0]
    assert state_of(deployment) != before


def test_what_somebody_is_in_one_case_counts_in_no_other(deployment: Deployment, plan: Plan) -> None:
    """The approver of this case is nobody in another one, whose list of cases is empty, too."""
    assert plan
    other = deployment.case(CASE)
    strangers = tuple(person for person in other.people if person.id in {"he", "li"})
    elsewhere = replace(other, id="other-2026", people=strangers, approvers=("li", "li"))
    deployment.control.put("other-2026", "case", "case", elsewhere, type_=Case)
    with TestClient(create_app(lambda: deployment, asked_by), headers={"X-Person": APPROVER}) as client:
        assert client.get("/api/cases/other-2026").status_code == 403
        assert [row["id"] for row in client.get("/api/cases").json()] == [CASE]


# -- what is read is recorded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [*PERSON.values()])
def test_each_reading_of_evidence_is_in_the_ledger(app: FastAPI, deployment: Deployment, person: str) -> None:
    with TestClient(app, headers={"X-Person": person}) as client:
        for name in ("winddown.pub", "certificate-x.html", "winddown.pub"):
            assert client.get(f"/cases/{CASE}/evidence/{name}").status_code == 200
        assert client.get(f"/cases/{CASE}/evidence/nothing.zip").status_code == 404
    read = [json.loads(raw) for raw in deployment.ledger.entries(CASE) if b'"type":"evidence_read"' in raw]
    assert [(one["actor"], one["body"]["name"]) for one in read] == [
        (person, "winddown.pub"), (person, "certificate-x.html"), (person, "winddown.pub"),
    ]  # fmt: skip
    assert read[0]["body"]["sha256"] == read[2]["body"]["sha256"]


def test_each_reading_of_a_plan_as_a_file_is_in_the_ledger(app: FastAPI, deployment: Deployment, plan: Plan) -> None:
    with TestClient(app, headers={"X-Person": APPROVER}) as client:
        assert client.get(f"/plans/{PLAN}/document").status_code == 200
    last = json.loads(deployment.ledger.entries(CASE)[-1])
    assert (last["type"], last["actor"]) == ("evidence_read", APPROVER)
    assert last["body"] == {"name": f"plans/{PLAN}.json", "sha256": plan.digest}


def test_nothing_is_handed_out_that_cannot_be_recorded(
    app: FastAPI, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: object, **_named: object) -> None:
        raise ConnectionError("the control database does not answer")

    monkeypatch.setattr(type(deployment.ledger), "append", down)
    with TestClient(app, headers={"X-Person": AUDITOR}, raise_server_exceptions=False) as client:
        answer = client.get(f"/cases/{CASE}/evidence/winddown.pub")
    assert answer.status_code == 500
    assert "winddown+0" not in answer.text


# -- the buttons -------------------------------------------------------------------------------------------------------


def test_the_button_halts_and_another_one_resumes(client_of: Callable[..., TestClient], deployment: Deployment) -> None:
    page = client_of(OPERATOR).get(f"/cases/{CASE}").text
    assert f'action="{CASE}/halt"' in page
    answer = client_of(OPERATOR).post(f"/cases/{CASE}/halt", data={"reason": "wrong customers"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{CASE}")
    halted = deployment.switch.state(CASE)
    assert halted is not None
    assert (halted.by, halted.reason) == (OPERATOR, "wrong customers")
    for person, resumes in ((OPERATOR, False), (AUDITOR, False), (APPROVER, True)):
        page = client_of(person).get(f"/cases/{CASE}").text
        assert "wrong customers" in page
        assert f'action="{CASE}/halt"' not in page
        assert (f'action="{CASE}/resume"' in page) == resumes
    assert client_of(APPROVER).post(f"/cases/{CASE}/resume", data={"reason": "right"}).status_code == 303
    assert deployment.switch.state(CASE) is None


NAMING = {"reason": "customer 13800130001 (王小明, 11010519491231002X) complained"}


@pytest.mark.parametrize("root", ["/cases", "/api/cases"])
def test_a_reason_that_names_a_person_halts_withheld_and_resumes_nothing(
    client_of: Callable[..., TestClient], deployment: Deployment, root: str
) -> None:
    sent = {"data": NAMING} if root == "/cases" else {"json": NAMING}
    assert client_of(OPERATOR).post(f"{root}/{CASE}/halt", **sent).status_code in {201, 303}
    halted = deployment.switch.state(CASE)
    assert halted is not None
    assert halted.reason == "reason withheld: it names a person"
    assert halted.reason in client_of(AUDITOR).get(f"/cases/{CASE}").text
    answer = client_of(APPROVER).post(f"{root}/{CASE}/resume", **sent)
    assert answer.status_code == 409
    assert "say it without numbers or addresses of persons" in answer.text
    assert deployment.switch.state(CASE) == halted
    assert not any(b"13800130001" in raw for raw in deployment.ledger.entries(CASE))


def test_who_only_reads_sees_no_button(client_of: Callable[..., TestClient]) -> None:
    assert "<form" not in client_of(AUDITOR).get(f"/cases/{CASE}").text
    assert "<form" not in client_of(AUDITOR).get(f"/plans/{PLAN}").text


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_another_sites_page_neither_halts_nor_resumes(
    app: FastAPI, deployment: Deployment, headers: dict[str, str]
) -> None:
    with TestClient(app, headers={"X-Person": APPROVER}) as client:
        for path in (
            f"/cases/{CASE}/halt", f"/cases/{CASE}/resume", f"/plans/{PLAN}/sign", f"/cases/{CASE}/erase-traces",
        ):  # fmt: skip
            data = {"note": "x"} if path.endswith("sign") else {"reason": "x"}
            assert client.post(path, data=data, headers=headers).status_code == 403
            assert client.post(f"/api{path}", json=data, headers=headers).status_code in {403, 404}
    assert deployment.switch.state(CASE) is None
    assert traces_asked_by(deployment, CASE) == ""


def test_the_button_asks_that_own_traces_go(
    client_of: Callable[..., TestClient], deployment: Deployment, plan: Plan
) -> None:
    button = f'action="{CASE}/erase-traces"'
    assert button not in client_of(OPERATOR).get(f"/cases/{CASE}").text, "a case that goes on needs its key"
    deployment.control.set_plan_state(plan.id, "certified")
    deployment.control.put(CASE, "certificate", f"certificate-{plan.id}", {"remaining": []})
    for wave in WAVES_OF_RECORDS:
        deployment.control.set_progress(CASE, wave, "certify", state="done", message="")
    for person, sees in ((OPERATOR, True), (LEGAL, True), (AUDITOR, False), (CUSTODIAN, False)):
        assert (button in client_of(person).get(f"/cases/{CASE}").text) == sees
    answer = client_of(OPERATOR).post(f"/cases/{CASE}/erase-traces")
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{CASE}")
    assert traces_asked_by(deployment, CASE) == OPERATOR
    assert client_of(LEGAL).post(f"/api/cases/{CASE}/erase-traces").json() == {"case": CASE, "asked_by": OPERATOR}
    page = client_of(AUDITOR).get(f"/cases/{CASE}").text
    assert f"<b>{OPERATOR}</b> 已请求" in page
    assert "own traces wait for the release of legal holds: H-1" in page
    assert button not in client_of(LEGAL).get(f"/cases/{CASE}").text


# -- signed elsewhere --------------------------------------------------------------------------------------------------


def test_a_signature_is_pasted_into_the_page_and_says_so(
    client_of: Callable[..., TestClient], deployment: Deployment, plan: Plan
) -> None:
    exported = client_of(OPERATOR).get(f"/plans/{PLAN}/document")
    assert hashlib.sha256(exported.content).hexdigest() == plan.digest
    assert exported.headers["content-disposition"] == f'attachment; filename="{PLAN}.json"'
    note = str(body_of(next(row for row in ROUTES if row.action is Action.BRING_SIGNATURE), plan, deployment)["note"])
    pasted = note.replace("\n", "\r\n")  # as browsers send what is in a form
    assert client_of(OPERATOR).post(f"/plans/{PLAN}/sign", data={"note": pasted}).status_code == 303
    shown = client_of(APPROVER).get(f"/api/plans/{PLAN}").json()
    assert [(row["person"], row["door"]) for row in shown["approvals"]] == [(SECOND, "signature")]
    assert "signed with the own key" in client_of(APPROVER).get(f"/plans/{PLAN}").text
    again = client_of(OPERATOR).post(f"/api/plans/{PLAN}/signatures", json={"note": note})
    assert (again.status_code, again.json()["rule"]) == (409, "one person, one approval")


@pytest.mark.parametrize(
    ("listed", "said", "status"),
    [
        (SIGNER.named("somebody").key.line, f"of {SECOND} is not listed on this server", 403),
        ("rubbish", "WINDDOWN_APPROVER_KEYS: approvers.txt line 1", 409),
        (None, "WINDDOWN_APPROVER_KEYS: approvers.txt cannot be read", 409),
    ],
)
def test_a_key_that_is_not_listed_is_told_on_the_page_and_refused(  # noqa: PLR0917
    client_of: Callable[..., TestClient], deployment: Deployment, plan: Plan, listed: str | None, said: str, status: int
) -> None:
    warning = "不受理此密钥的签名"
    assert warning not in client_of(SECOND).get(f"/plans/{PLAN}").text
    path = deployment.settings.approver_keys
    assert path is not None
    path.unlink() if listed is None else path.write_text(f"{listed}\n")
    page = client_of(SECOND).get(f"/plans/{PLAN}").text
    assert warning in page
    assert said in page
    shown = client_of(SECOND).get(f"/api/plans/{PLAN}").json()["approvers"]
    assert {row["person"]: said in row["key_objection"] for row in shown} == {APPROVER: False, SECOND: True}
    note = body_of(next(row for row in ROUTES if row.action is Action.BRING_SIGNATURE), plan, deployment)["note"]
    before = state_of(deployment)
    answer = client_of(OPERATOR).post(f"/api/plans/{PLAN}/signatures", json={"note": note})
    assert answer.status_code == status
    assert said in answer.json()["refused"]
    assert "approve on the plan's page" in answer.json()["next_step"]
    assert client_of(OPERATOR).post(f"/plans/{PLAN}/sign", data={"note": note}).status_code == status
    assert state_of(deployment) == before
    assert client_of(SECOND).post(f"/plans/{PLAN}/approve", data={"plan_digest": plan.digest}).status_code == 303
    assert warning not in client_of(SECOND).get(f"/plans/{PLAN}").text, "it is approved"


def test_an_engineer_whose_case_file_names_own_keys_signs_for_nobody(
    client_of: Callable[..., TestClient], deployment: Deployment, plan: Plan
) -> None:
    own = {name: Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.NOTE) for name in (APPROVER, SECOND)}
    approvers = tuple(replace(one, key=own[one.person].key.line) for one in plan.approvers)
    forged = replace(plan, id=f"{PLAN}-2", approvers=approvers)
    deployment.control.add_plan(forged)
    for approver in approvers:
        text = statement(forged, approver, digest=forged.digest, signed_at=format_time(deployment.clock.now()))
        note = f"{text}\n{own[approver.person].sign_note(text, at=1)}"
        answer = client_of(OPERATOR).post(f"/api/plans/{forged.id}/signatures", json={"note": note})
        assert (answer.status_code, answer.json()["rule"]) == (403, "an approver's own key")
    assert deployment.control.approvals(forged.id) == []


def test_an_expired_approval_is_shown_as_none(
    client_of: Callable[..., TestClient], deployment: Deployment, plan: Plan
) -> None:
    client_of(APPROVER).post(f"/api/plans/{PLAN}/approvals", json={"plan_digest": plan.digest})
    assert client_of(APPROVER).get(f"/api/plans/{PLAN}").json()["may_approve"] is False
    deployment.clock.at += timedelta(days=30)  # type: ignore[attr-defined]
    shown = client_of(APPROVER).get(f"/api/plans/{PLAN}").json()
    assert (shown["approvals"], shown["may_approve"]) == ([], True)
    assert "the approval of chen expired" in shown["missing"]
    assert client_of(APPROVER).get(f"/api/cases/{CASE}").json()["plans"][0]["approvals"] == 0
    assert client_of(APPROVER).post(
        f"/api/plans/{PLAN}/approvals", json={"plan_digest": plan.digest}
    ).status_code == 201  # fmt: skip
