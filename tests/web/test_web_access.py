"""Who gets in, from where, and what an answer may carry: the outside of the pages and the API."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from winddown.domain.errors import Transient
from winddown.domain.plan import Plan
from winddown.evidence.page import PAGE_NAME, verifier_page
from winddown.stages.deployment import Deployment
from winddown.web.access import ROUTES, table
from winddown.web.app import create_app

from .small_case import APPROVER, CASE, CUSTODIAN, PLAN, SCRIPT, SECOND, make_case

ROOT = Path(__file__).parents[2]
ClientOf = Callable[..., TestClient]
WHY = f"/cases/{CASE}/why?collection=shop:orders"
PAGES = ("/", f"/cases/{CASE}", f"/plans/{PLAN}", WHY)
pytestmark = pytest.mark.usefixtures("plan")
READS = (
    *PAGES,
    "/api/cases",
    f"/api/cases/{CASE}",
    f"/api/cases/{CASE}/holds",
    f"/api/plans/{PLAN}",
    f"/api{WHY}",
    "/static/winddown.css",
)


def routes(app: FastAPI) -> list[tuple[str, str]]:
    found = [(method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods]
    assert len(found) == len(app.routes)  # nothing is mounted beside the routes that ask for a person
    return found


def fill(path: str) -> str:
    return path.format(case_id=CASE, plan_id=PLAN, name="winddown.pub", hold_id="H-1")


# -- authentication ----------------------------------------------------------------------------------------------------


def test_every_route_asks_airflow_for_a_user(deployment: Deployment) -> None:
    app = create_app(lambda: deployment)  # with Airflow's own dependency
    with TestClient(app, raise_server_exceptions=False) as client:
        answers = {(method, path): client.request(method, fill(path)).status_code for method, path in routes(app)}
    assert len(answers) == len(ROUTES)
    assert set(answers.values()) == {401}


def test_a_made_up_token_is_nobody(deployment: Deployment, airflow_tokens: Callable[[str], str]) -> None:
    forged = airflow_tokens(APPROVER)[:-6] + "AAAAAA"
    with TestClient(create_app(lambda: deployment)) as client:
        for headers in ({"Authorization": f"Bearer {forged}"}, {"Cookie": f"_token={forged}"}):
            answer = client.get("/api/cases", headers=headers)
            assert answer.status_code == 403
            assert CASE not in answer.text


def test_airflows_user_is_the_person_who_approves(
    deployment: Deployment, plan: Plan, airflow_tokens: Callable[[str], str]
) -> None:
    headers = {"Authorization": f"Bearer {airflow_tokens(APPROVER)}"}
    with TestClient(create_app(lambda: deployment), headers=headers) as client:
        answer = client.post(f"/api/plans/{PLAN}/approvals", json={"plan_digest": plan.digest})
    assert answer.status_code == 201
    assert [row["person"] for row in deployment.control.approvals(PLAN)] == [APPROVER]


@pytest.fixture(scope="session")
def airflow_tokens() -> Iterator[Callable[[str], str]]:
    """Tokens as Airflow's own auth manager signs them; its list of revoked tokens is empty here."""
    from airflow.api_fastapi.app import create_auth_manager  # noqa: PLC0415 - takes seconds
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415

    patch = pytest.MonkeyPatch()
    patch.setattr("airflow.models.revoked_token.RevokedToken.is_revoked", lambda *_args, **_kwargs: False)
    manager = create_auth_manager()

    def sign(person: str) -> str:
        return str(manager.generate_jwt(SimpleAuthManagerUser(username=person, role="op")))

    yield sign
    patch.undo()


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc", "/docs/oauth2-redirect", "/static/", "/static/x"])
def test_nothing_is_described_to_strangers(client_of: ClientOf, path: str) -> None:
    assert client_of().get(path).status_code == 404
    assert client_of(APPROVER).get(path).status_code == 404


# -- another site's page -----------------------------------------------------------------------------------------------

ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://testserver.evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Referer": "http://testserver/"},
    {},
    {"Authorization": "Basic Y2hlbjpjaGVu"},
)


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_a_change_from_elsewhere_is_refused(
    app: FastAPI, deployment: Deployment, plan: Plan, headers: dict[str, str]
) -> None:
    with TestClient(app, headers={"X-Person": APPROVER}, follow_redirects=False) as client:
        answers = [
            client.post(f"/plans/{PLAN}/approve", data={"plan_digest": plan.digest}, headers=headers),
            client.post(f"/api/plans/{PLAN}/approvals", json={"plan_digest": plan.digest}, headers=headers),
            client.post(f"/cases/{CASE}/holds/H-1/release", data={"reason": "x"}, headers=headers),
            client.post(f"/api/cases/{CASE}/holds/H-1/release", json={"reason": "x"}, headers=headers),
            client.post(f"/api/plans/{PLAN}/receipts", json={}, headers=headers),
            client.post(f"/api/cases/{CASE}/holds", json={}, headers=headers),
        ]
    assert [answer.status_code for answer in answers[:4]] == [403] * 4
    assert {answer.status_code for answer in answers[4:]} <= {403, 422}
    assert deployment.control.approvals(PLAN) == []
    assert [hold.id for hold in deployment.control.holds(CASE)] == ["H-1"]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}, {"Authorization": "Bearer of-its-own"}],
)
def test_a_change_from_its_own_page_or_with_a_token_is_taken(
    app: FastAPI, deployment: Deployment, plan: Plan, headers: dict[str, str]
) -> None:
    with TestClient(app, headers={"X-Person": APPROVER}, follow_redirects=False) as client:
        answer = client.post(f"/plans/{PLAN}/approve", data={"plan_digest": plan.digest}, headers=headers)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"../{PLAN}"
    assert len(deployment.control.approvals(PLAN)) == 1


# -- what an answer carries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*READS, "/nothing", "/cases/nothing", f"/cases/{CASE}/evidence/winddown.pub"])
@pytest.mark.parametrize("person", [APPROVER, None])
def test_every_answer_has_the_security_headers(client_of: ClientOf, path: str, person: str | None) -> None:
    headers = client_of(person).get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'self'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_nothing_that_their_policy_forbids(client_of: ClientOf, path: str) -> None:
    text = client_of(APPROVER).get(path).text
    assert not re.search(r"<script|<style|<iframe|<object|\sstyle=|\son[a-z]+=|javascript:", text, re.IGNORECASE)
    assert not re.search(r'(href|src|action)="(/|https?:)', text)  # links work under whatever prefix


def test_a_certificate_is_served_in_a_sandbox(client_of: ClientOf) -> None:
    answer = client_of(APPROVER).get(f"/cases/{CASE}/evidence/certificate-x.html")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"].startswith("inline")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_other_evidence_is_saved_not_shown(client_of: ClientOf) -> None:
    answer = client_of(APPROVER).get(f"/cases/{CASE}/evidence/winddown.pub")
    assert answer.text == "winddown+0+key\n"
    assert answer.headers["content-disposition"] == 'attachment; filename="winddown.pub"'


def test_the_verifiers_page_is_saved_because_it_works_from_a_disk(client_of: ClientOf, deployment: Deployment) -> None:
    (deployment.folder(CASE, "evidence") / PAGE_NAME).write_bytes(verifier_page())
    answer = client_of(APPROVER).get(f"/cases/{CASE}/evidence/{PAGE_NAME}")
    assert answer.content == verifier_page()
    assert answer.headers["content-disposition"] == 'attachment; filename="verify.html"'


@pytest.mark.parametrize("plan", [True], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_names_are_text_not_markup(client_of: ClientOf, path: str) -> None:
    text = client_of(APPROVER).get(path).text
    assert SCRIPT not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("path", READS)
def test_no_page_names_a_person_or_what_only_the_custodian_computes(client_of: ClientOf, path: str) -> None:
    text = client_of(SECOND).get(path).text + client_of(CUSTODIAN).get(path).text
    case = make_case()
    for secret in (*(person.name for person in case.people), case.custodian.contact, "2" * 64, "hold-H-1", "e" * 64):
        assert secret not in text, secret


# -- failures ----------------------------------------------------------------------------------------------------------

TRAVERSALS = (
    "../../control.sqlite", "..%2f..%2fcontrol.sqlite", "%2e%2e%2fkeys%2fcase.key", "..%5c..%5ccontrol.sqlite",
    "....//control.sqlite", "%2fetc%2fpasswd", ".partial.html", "nothing.html", "winddown.pub%00.html", "link.pub",
    "folder.zip", "keys",
)  # fmt: skip


@pytest.mark.parametrize("name", TRAVERSALS)
def test_evidence_leads_nowhere_else(client_of: ClientOf, deployment: Deployment, name: str) -> None:
    folder = deployment.folder(CASE, "evidence")
    (folder / "link.pub").symlink_to(deployment.settings.workspace / "control.sqlite")
    (folder / "folder.zip").mkdir()
    answer = client_of(APPROVER).get(f"/cases/{CASE}/evidence/{name}")
    assert answer.status_code == 404
    assert "SQLite" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        b"/cases/shop-2026/evidence/../../control.sqlite",
        b"/cases/shop-2026/evidence/..",
        b"/cases/../evidence/winddown.pub",
    ],
)
def test_dots_in_a_raw_path_lead_nowhere_else(app: FastAPI, path: bytes) -> None:
    """A client of its own, because the ordinary one takes the dots away before it sends."""

    async def ask() -> int:
        answered: list[int] = []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path.decode(), "raw_path": path, "query_string": b"", "root_path": "",
            "headers": [(b"x-person", APPROVER.encode()), (b"host", b"testserver")], "server": ("testserver", 80),
        }  # fmt: skip

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                answered.append(int(str(message["status"])))

        await app(scope, receive, send)
        return answered[0]

    assert asyncio.run(ask()) == 404


UNKNOWN = (
    ("GET", "/cases/nothing"), ("GET", "/plans/nothing"), ("GET", "/api/cases/nothing"), ("GET", "/api/plans/nothing"),
    ("GET", "/cases/nothing/evidence/winddown.pub"), ("POST", "/plans/nothing/approve"),
    ("POST", "/api/plans/nothing/approvals"), ("POST", "/api/plans/nothing/receipts"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
def test_an_unknown_id_is_not_found(client_of: ClientOf, deployment: Deployment, method: str, path: str) -> None:
    digests = {"plan_digest": "0" * 64}
    body = {"order_id": "x", "archive_sha256": "0" * 64, "content_sha256": "0" * 64} if "receipts" in path else digests
    sent = {"data": body} if path.endswith("approve") else {"json": body} if method == "POST" else {}
    answer: httpx.Response = client_of(APPROVER).request(method, path, **sent)
    assert answer.status_code == 404
    assert not (deployment.settings.workspace / "nothing").exists()


def test_a_browser_reads_a_page_and_a_program_json(client_of: ClientOf) -> None:
    page = client_of(APPROVER, Accept="text/html").get("/plans/nothing")
    assert page.headers["content-type"].startswith("text/html")
    assert "没有找到" in page.text
    assert 'href="../static/winddown.css"' in page.text
    assert client_of(APPROVER).get("/plans/nothing").json() == {"detail": "there is no such plan"}


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_defect_shows_no_trace(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, accept: str) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("13812345678 is in a local variable")

    monkeypatch.setattr("winddown.web.cases.standing", broken)
    answer = client_of(APPROVER, Accept=accept).get(f"/cases/{CASE}")
    assert answer.status_code == 500
    assert "13812345678" not in answer.text
    assert "Traceback" not in answer.text
    assert "RuntimeError" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_failing_world_asks_to_try_again(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_args: object) -> None:
        raise Transient("the control database does not answer")

    monkeypatch.setattr("winddown.web.cases.standing", down)
    assert client_of(APPROVER).get(f"/api/cases/{CASE}").status_code == 503


def test_what_was_sent_is_not_sent_back(client_of: ClientOf) -> None:
    answer = client_of(APPROVER).post(f"/api/plans/{PLAN}/approvals", json={"plan_digest": "13812345678"})
    assert answer.status_code == 422
    assert "13812345678" not in answer.text
    assert answer.json()["problems"][0]["field"] == "body.plan_digest"


# -- documents ---------------------------------------------------------------------------------------------------------


def test_every_route_is_documented_with_who_may_ask_for_it() -> None:
    assert table() in (ROOT / "docs" / "web.md").read_text("utf-8")
