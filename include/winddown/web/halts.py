"""The kill switch on the case's page and in the API. The button shows to whom it is for; the act asks for itself."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form
from fastapi.responses import RedirectResponse

from winddown.domain.approval import SESSION
from winddown.stages.deployment import Deployment
from winddown.stages.people import halt, resume
from winddown.web.auth import require_same_origin
from winddown.web.forms import HaltForm


def add_halt_routes(app: FastAPI, deployment: Callable[[], Deployment], person: Callable[..., Any]) -> None:
    """Register the routes; each asks for an authenticated person, and for the own page or a token."""
    who_asks = Annotated[str, Depends(person)]
    change = [Depends(require_same_origin)]

    @app.post("/api/cases/{case_id}/halt", status_code=201, dependencies=change)
    def add_halt(case_id: str, form: HaltForm, who: who_asks) -> Any:
        return {"case": case_id, **asdict(halt(deployment(), case_id, by=who, reason=form.reason, door=SESSION))}

    @app.post("/api/cases/{case_id}/resume", status_code=201, dependencies=change)
    def add_resumption(case_id: str, form: HaltForm, who: who_asks) -> Any:
        resume(deployment(), case_id, by=who, reason=form.reason, door=SESSION)
        return {"case": case_id, "by": who, "reason": form.reason}

    @app.post("/cases/{case_id}/halt", dependencies=change)
    def press(case_id: str, form: Annotated[HaltForm, Form()], who: who_asks) -> Any:
        halt(deployment(), case_id, by=who, reason=form.reason, door=SESSION)
        return RedirectResponse(f"../{case_id}", status_code=303)

    @app.post("/cases/{case_id}/resume", dependencies=change)
    def release(case_id: str, form: Annotated[HaltForm, Form()], who: who_asks) -> Any:
        resume(deployment(), case_id, by=who, reason=form.reason, door=SESSION)
        return RedirectResponse(f"../{case_id}", status_code=303)
