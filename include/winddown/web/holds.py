"""Legal holds on the pages and in the API: which are in force, and who places and releases them."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form
from fastapi.responses import RedirectResponse

from winddown.domain.case import Case
from winddown.stages.case_model import HoldFields
from winddown.stages.deployment import Deployment, today
from winddown.stages.hold_file import DeclaredHold, checked
from winddown.stages.holds import RELEASING_ROLES, place_hold, release_hold
from winddown.web.auth import require_same_origin
from winddown.web.errors import not_found
from winddown.web.forms import HoldForm, ReleaseForm


def hold_rows(deployment: Deployment, case_id: str) -> list[dict[str, Any]]:
    """All holds of a case, released ones included, as pages and API show them: no person's key, no manifest."""
    as_of = today(deployment)
    return [
        {
            "id": found.hold.id,
            "matter": found.hold.matter,
            "ground": found.hold.ground.value,
            "ground_zh": found.hold.ground.zh,
            "ground_en": found.hold.ground.en,
            "is_statutory": found.hold.ground.is_statutory,
            "authority": found.hold.authority,
            "document_number": found.hold.document_number,
            "steward": found.hold.steward,
            "covers": str(found.hold.scope),
            "persons": found.hold.scope.subject_count,
            "placed_on": found.hold.placed_on.isoformat(),
            "placed_by": found.placed_by,
            "review_on": found.hold.review_on.isoformat(),
            "is_overdue": found.is_in_force and found.hold.is_overdue(as_of),
            "released_at": found.released_at,
            "released_by": found.released_by,
            "release_reason": found.release_reason,
            "release_evidence": found.release_evidence,
        }
        for found in deployment.control.recorded_holds(case_id)
    ]


def releasable(deployment: Deployment, case_id: str, person_id: str) -> frozenset[str]:
    """Ids of the holds that this person could release. The release itself decides; this only spares useless buttons."""
    person = deployment.case(case_id).person(person_id)
    if person is None or person.role not in RELEASING_ROLES:
        return frozenset()
    return frozenset(
        found.hold.id
        for found in deployment.control.recorded_holds(case_id)
        if found.is_in_force and found.placed_by != person_id
    )


def add_hold_routes(app: FastAPI, deployment: Callable[[], Deployment], person: Callable[..., Any]) -> None:
    """Register the routes; each asks for an authenticated person, each change for the own page or a token."""
    who_asks = Annotated[str, Depends(person)]
    change = [Depends(require_same_origin)]

    @app.get("/api/cases/{case_id}/holds")
    def list_holds(case_id: str) -> Any:
        current = deployment()
        return hold_rows(current, _case(current, case_id).id)

    @app.post("/api/cases/{case_id}/holds", status_code=201, dependencies=change)
    def add_hold(case_id: str, form: HoldForm, who: who_asks) -> Any:
        current = deployment()
        case = _case(current, case_id)
        model = HoldFields.model_validate(form.model_dump(exclude={"subjects"}))
        said = place_hold(current, case.id, checked(DeclaredHold(model, form.subjects), case), by=who)
        return {"hold": form.id, "person": who, "said": said}

    @app.post("/api/cases/{case_id}/holds/{hold_id}/release", status_code=201, dependencies=change)
    def add_release(case_id: str, hold_id: str, form: ReleaseForm, who: who_asks) -> Any:
        return {"hold": hold_id, "person": who, "said": _release(deployment(), case_id, hold_id, form, who)}

    @app.post("/cases/{case_id}/holds/{hold_id}/release", dependencies=change)
    def release(case_id: str, hold_id: str, form: Annotated[ReleaseForm, Form()], who: who_asks) -> Any:
        _release(deployment(), case_id, hold_id, form, who)
        return RedirectResponse(f"../../../{case_id}", status_code=303)


def _release(current: Deployment, case_id: str, hold_id: str, form: ReleaseForm, who: str) -> str:
    case = _case(current, case_id)
    if hold_id not in {found.hold.id for found in current.control.recorded_holds(case.id)}:
        raise not_found("hold")
    return release_hold(current, case.id, hold_id, by=who, reason=form.reason, evidence_sha256=form.evidence_sha256)


def _case(current: Deployment, case_id: str) -> Case:
    """The case; 404 when there is none."""
    if case_id not in current.control.cases():
        raise not_found("case")
    return current.case(case_id)
