"""The last wish of a case, on its page and in the API: that what winddown itself holds of it goes too. It only asks."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.responses import RedirectResponse

from winddown.stages.deployment import Deployment
from winddown.stages.own_traces import ask_for_erasure, asked_by
from winddown.web.auth import require_same_origin


def add_trace_routes(app: FastAPI, deployment: Callable[[], Deployment], person: Callable[..., Any]) -> None:
    """Register the routes; each asks for an authenticated person, and for the own page or a token."""
    who_asks = Annotated[str, Depends(person)]
    change = [Depends(require_same_origin)]

    @app.post("/api/cases/{case_id}/erase-traces", status_code=201, dependencies=change)
    def add_wish(case_id: str, who: who_asks) -> Any:
        current = deployment()
        ask_for_erasure(current, case_id, by=who)
        return {"case": case_id, "asked_by": asked_by(current, case_id)}

    @app.post("/cases/{case_id}/erase-traces", dependencies=change)
    def wish(case_id: str, who: who_asks) -> Any:
        ask_for_erasure(deployment(), case_id, by=who)
        return RedirectResponse(f"../{case_id}", status_code=303)
