"""The pages and the API inside the Airflow UI. Every route asks for a user of Airflow whom the table allows."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined

from winddown.bootstrap import deploy
from winddown.connections import NoConnections
from winddown.evidence.page import PAGE_NAME
from winddown.rules import words
from winddown.rules.sentences import said
from winddown.stages.deployment import Deployment
from winddown.stages.people import may, record_reading
from winddown.web.access import guard
from winddown.web.approving import add_approval_routes
from winddown.web.auth import current_person
from winddown.web.cases import case_view, cases_view
from winddown.web.errors import add_errors
from winddown.web.evidence import evidence_file
from winddown.web.halts import add_halt_routes
from winddown.web.headers import DOCUMENT_POLICY, SecurityHeaders
from winddown.web.holds import add_hold_routes, releasable
from winddown.web.plans import plan_view
from winddown.web.traces import add_trace_routes
from winddown.web.why import why_view

_STYLE = Path(__file__).parent / "static" / "winddown.css"


@cache
def _deployment() -> Deployment:
    # The API server opens no store, so it needs none of their credentials.
    return deploy(NoConnections())


def create_app(
    deployment: Callable[[], Deployment] = _deployment, person: Callable[..., Any] = current_person
) -> FastAPI:
    """Build the app; ``person`` is the dependency that authenticates and returns the user's id."""
    asked = [Depends(person), Depends(guard(deployment, person))]
    app = FastAPI(title="winddown", openapi_url=None, docs_url=None, redoc_url=None, dependencies=asked)
    pages = Jinja2Templates(env=_environment())
    app.add_middleware(SecurityHeaders)
    add_errors(app, pages, _root)
    _add_pages(app, pages, deployment, person)
    _add_api(app, deployment, person)
    add_approval_routes(app, deployment, person)
    add_hold_routes(app, deployment, person)
    add_halt_routes(app, deployment, person)
    add_trace_routes(app, deployment, person)
    return app


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("winddown.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "word": words.word,
        "label_word": words.label_word,
        "form_word": words.form_word,
        "duration": words.duration,
        "said": said,
    }
    environment.filters |= {"count": words.count, "moment": words.moment, "utc": words.utc}
    return environment


def _root(request: Request) -> str:
    """The relative way from a page to the application's root: links work under whatever prefix it is mounted."""
    path = str(request.scope["path"]).removeprefix(request.scope.get("root_path", ""))
    return "../" * (path.count("/") - 1) or "./"


def _add_pages(
    app: FastAPI, pages: Jinja2Templates, deployment: Callable[[], Deployment], person: Callable[..., Any]
) -> None:
    who_asks = Annotated[str, Depends(person)]

    def page(request: Request, template: str, **values: Any) -> Any:
        return pages.TemplateResponse(request, template, {"root": _root(request), **values})

    @app.get("/", response_class=HTMLResponse)
    def cases(request: Request, who: who_asks) -> Any:
        return page(request, "cases.html", cases=cases_view(deployment(), who))

    @app.get("/cases/{case_id}", response_class=HTMLResponse)
    def case(request: Request, case_id: str, who: who_asks) -> Any:
        current = deployment()
        view = case_view(current, case_id)
        release, actions = releasable(current, case_id, who), may(current, case_id, who)
        return page(request, "case.html", case=view, releasable=release, may=actions)

    @app.get("/cases/{case_id}/why", response_class=HTMLResponse)
    def why(request: Request, case_id: str, collection: str) -> Any:
        return page(request, "why.html", why=why_view(deployment(), case_id, collection))

    @app.get("/plans/{plan_id}", response_class=HTMLResponse)
    def plan(request: Request, plan_id: str, who: who_asks) -> Any:
        current = deployment()
        view = plan_view(current, plan_id, who)
        return page(request, "plan.html", plan=view, may=may(current, view["case"], who))

    @app.get("/cases/{case_id}/evidence/{name}")
    def evidence(case_id: str, name: str, who: who_asks) -> Any:
        current = deployment()
        path = evidence_file(current, case_id, name)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        record_reading(current, case_id, path.name, sha256=sha256, by=who)
        # A certificate is shown, everything else is saved; the verifier's page works from a disk, without a network.
        is_shown = path.suffix == ".html" and path.name != PAGE_NAME
        headers = {"Content-Security-Policy": DOCUMENT_POLICY} if is_shown else None
        disposition = "inline" if is_shown else "attachment"
        return FileResponse(path, filename=path.name, content_disposition_type=disposition, headers=headers)

    @app.get("/static/winddown.css")
    def style() -> Any:
        return FileResponse(_STYLE, media_type="text/css")


def _add_api(app: FastAPI, deployment: Callable[[], Deployment], person: Callable[..., Any]) -> None:
    who_asks = Annotated[str, Depends(person)]

    @app.get("/api/cases")
    def list_cases(who: who_asks) -> Any:
        return cases_view(deployment(), who)

    @app.get("/api/cases/{case_id}")
    def read_case(case_id: str) -> Any:
        return case_view(deployment(), case_id)

    @app.get("/api/cases/{case_id}/why")
    def read_why(case_id: str, collection: str) -> Any:
        return why_view(deployment(), case_id, collection)

    @app.get("/api/plans/{plan_id}")
    def read_plan(plan_id: str, who: who_asks) -> Any:
        return plan_view(deployment(), plan_id, who)
