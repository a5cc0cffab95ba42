"""The pages and the API inside the Airflow UI. Every route asks for an authenticated user of Airflow."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined

from winddown.bootstrap import deploy
from winddown.control.door import Door
from winddown.rules import words
from winddown.rules.sentences import said
from winddown.stages.deployment import Deployment
from winddown.web.auth import current_person, require_same_origin
from winddown.web.cases import case_view, cases_view, known_case
from winddown.web.errors import add_errors, not_found
from winddown.web.evidence import evidence_file
from winddown.web.forms import ApprovalForm, ReceiptForm
from winddown.web.headers import DOCUMENT_POLICY, SecurityHeaders
from winddown.web.holds import add_hold_routes, releasable
from winddown.web.plans import known_plan, plan_view
from winddown.web.why import why_view

_STYLE = Path(__file__).parent / "static" / "winddown.css"


class _NoConnections:
    """The API server opens no store, so it needs none of their credentials."""

    def find(self, name: str) -> None:
        """Nothing is known here."""


@cache
def _deployment() -> Deployment:
    return deploy(_NoConnections())


def create_app(
    deployment: Callable[[], Deployment] = _deployment, person: Callable[..., Any] = current_person
) -> FastAPI:
    """Build the app; ``person`` is the dependency that authenticates and returns the user's id."""
    app = FastAPI(title="winddown", openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Depends(person)])
    pages = Jinja2Templates(env=_environment())
    app.add_middleware(SecurityHeaders)
    add_errors(app, pages, _root)
    _add_pages(app, pages, deployment, person)
    _add_api(app, deployment, person)
    add_hold_routes(app, deployment, person)
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
    def cases(request: Request) -> Any:
        return page(request, "cases.html", cases=cases_view(deployment()))

    @app.get("/cases/{case_id}", response_class=HTMLResponse)
    def case(request: Request, case_id: str, who: who_asks) -> Any:
        view = case_view(deployment(), case_id)
        return page(request, "case.html", case=view, releasable=releasable(deployment(), case_id, who))

    @app.get("/cases/{case_id}/why", response_class=HTMLResponse)
    def why(request: Request, case_id: str, collection: str) -> Any:
        return page(request, "why.html", why=why_view(deployment(), case_id, collection))

    @app.get("/plans/{plan_id}", response_class=HTMLResponse)
    def plan(request: Request, plan_id: str, who: who_asks) -> Any:
        return page(request, "plan.html", plan=plan_view(deployment(), plan_id, who))

    @app.post("/plans/{plan_id}/approve", dependencies=[Depends(require_same_origin)])
    def approve(plan_id: str, form: Annotated[ApprovalForm, Form()], who: who_asks) -> Any:
        _approve(deployment(), plan_id, form.plan_digest, who)
        return RedirectResponse(f"../{plan_id}", status_code=303)

    @app.get("/cases/{case_id}/evidence/{name}")
    def evidence(case_id: str, name: str) -> Any:
        current = deployment()
        known_case(current, case_id)
        path = evidence_file(current, case_id, name)
        headers = {"Content-Security-Policy": DOCUMENT_POLICY} if path.suffix == ".html" else None
        # A page is shown, everything else is saved.
        shown = "inline" if path.suffix == ".html" else "attachment"
        return FileResponse(path, filename=path.name, content_disposition_type=shown, headers=headers)

    @app.get("/static/winddown.css")
    def style() -> Any:
        return FileResponse(_STYLE, media_type="text/css")


def _add_api(app: FastAPI, deployment: Callable[[], Deployment], person: Callable[..., Any]) -> None:
    who_asks = Annotated[str, Depends(person)]

    @app.get("/api/cases")
    def list_cases() -> Any:
        return cases_view(deployment())

    @app.get("/api/cases/{case_id}")
    def read_case(case_id: str) -> Any:
        return case_view(deployment(), case_id)

    @app.get("/api/cases/{case_id}/why")
    def read_why(case_id: str, collection: str) -> Any:
        return why_view(deployment(), case_id, collection)

    @app.get("/api/plans/{plan_id}")
    def read_plan(plan_id: str, who: who_asks) -> Any:
        return plan_view(deployment(), plan_id, who)

    @app.post("/api/plans/{plan_id}/approvals", status_code=201, dependencies=[Depends(require_same_origin)])
    def add_approval(plan_id: str, form: ApprovalForm, who: who_asks) -> Any:
        return _approve(deployment(), plan_id, form.plan_digest, who)

    @app.post("/api/plans/{plan_id}/receipts", status_code=201, dependencies=[Depends(require_same_origin)])
    def add_receipt(plan_id: str, form: ReceiptForm, who: who_asks) -> Any:
        current = deployment()
        plan = known_plan(current, plan_id)
        if form.order_id not in {order.id for order in plan.orders}:
            raise not_found("order")
        _door(current).acknowledge(
            current.case(plan.case),
            plan_id,
            form.order_id,
            archive_digest=form.archive_sha256,
            content_digest=form.content_sha256,
            person_id=who,
        )
        return {"plan_id": plan_id, "order_id": form.order_id, "person": who}


def _approve(current: Deployment, plan_id: str, plan_digest: str, who: str) -> dict[str, str]:
    case = current.case(known_plan(current, plan_id).case)
    given = _door(current).approve(case, plan_id, plan_digest=plan_digest, person_id=who, door="api_session")
    return {"plan_id": plan_id, "plan_digest": given.plan_digest, "person": given.person, "role": given.role}


def _door(current: Deployment) -> Door:
    return Door(current.control.engine, ledger=current.ledger, clock=current.clock)
