"""The web app over a real control database on SQLite, with a person whom the test chooses."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

# Airflow writes its configuration where this points, when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="winddown-airflow-"))
os.environ.setdefault("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(64))

import pytest
from fastapi import FastAPI, Header, HTTPException
from fastapi.testclient import TestClient

from winddown.bootstrap import deploy
from winddown.control import tables
from winddown.domain.authorization import Power
from winddown.domain.plan import Plan
from winddown.settings import Settings
from winddown.stages.deployment import Deployment
from winddown.stages.seal import SealedArchive
from winddown.web.app import create_app

from .small_case import ARCHIVE, CASE, OPERATOR, PLAN, SIGNER, MovableClock, open_small_case
from .small_certificate import make_document

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class NoConnections:
    def find(self, name: str) -> None:
        """The API server knows no store."""


def settings_of(workspace: Path) -> Settings:
    return Settings(
        f"sqlite:///{workspace / 'control.sqlite'}", workspace, None, "", engineers=(OPERATOR,), auditors=("reader",),
        approver_keys=workspace.with_name("approvers.txt"),
    )  # fmt: skip


def asked_by(x_person: Annotated[str | None, Header()] = None) -> str:
    """Authenticates by a header that only these tests have."""
    if x_person is None:
        raise HTTPException(401, "Not authenticated")
    return x_person


@pytest.fixture(scope="session")
def empty_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("web") / "workspace"
    deploy(NoConnections(), settings=settings_of(workspace)).control.engine.dispose()
    return workspace


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def deployment(empty_workspace: Path, tmp_path: Path, clock: MovableClock) -> Iterator[Deployment]:
    workspace = tmp_path / "workspace"
    shutil.copytree(empty_workspace, workspace)
    (tmp_path / "approvers.txt").write_text(f"# handed over by themselves\n{SIGNER.key.line}\n")
    found = deploy(NoConnections(), settings=settings_of(workspace), clock=clock)
    yield found
    found.control.engine.dispose()


@pytest.fixture
def plan(request: pytest.FixtureRequest, deployment: Deployment) -> Plan:
    """The small case with its plan; parametrised indirectly with True, with names that are markup."""
    return open_small_case(deployment, hostile=getattr(request, "param", False))


@pytest.fixture
def app(deployment: Deployment) -> FastAPI:
    return create_app(lambda: deployment, asked_by)


@pytest.fixture
def client_of(app: FastAPI) -> Callable[..., TestClient]:
    """``client_of("chen")``: that person's browser on winddown's own page; nobody's without a name."""

    def make(person: str | None = None, **headers: str) -> TestClient:
        given: dict[str, Any] = SAME_ORIGIN | headers
        return TestClient(
            app,
            headers=given if person is None else given | {"X-Person": person},
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    return make


@pytest.fixture
def archived(deployment: Deployment) -> None:
    """The plan's archive is written."""
    deployment.control.put(CASE, "archive", f"{PLAN}/{ARCHIVE.order_id}", ARCHIVE, type_=SealedArchive)


@pytest.fixture
def sealed(deployment: Deployment, archived: None) -> None:
    """The plan's archive, closed as sealed and waiting for its receipt."""
    assert archived is None
    values = {"effect_id": f"{PLAN}/{ARCHIVE.order_id}/seal/0", "case_id": CASE, "plan_id": PLAN, "batch": 0}
    values |= {"order_id": ARCHIVE.order_id, "power": Power.SEAL, "state": "done", "records": ARCHIVE.records}
    with deployment.control.engine.begin() as connection:
        connection.execute(tables.effect.insert().values(values | {"receipt": "", "changed_at": ""}))


@pytest.fixture
def document() -> dict[str, Any]:
    return make_document()
