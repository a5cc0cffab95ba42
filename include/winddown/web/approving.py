"""What people decide about a plan, on its page and in the API: approvals, signed ones, and receipts of archives."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form
from fastapi.responses import RedirectResponse, Response

from winddown.control.door import Door
from winddown.domain.approval import Approval
from winddown.stages.deployment import Deployment
from winddown.stages.people import record_reading
from winddown.web.answering import APPROVAL, RECEIPT, going_on
from winddown.web.auth import require_same_origin
from winddown.web.errors import not_found
from winddown.web.forms import ApprovalForm, ReceiptForm, SignatureForm
from winddown.web.plans import known_plan


def add_approval_routes(app: FastAPI, deployment: Callable[[], Deployment], person: Callable[..., Any]) -> None:
    """Register the routes; each change asks for the own page or a token."""
    who_asks = Annotated[str, Depends(person)]
    change = [Depends(require_same_origin)]

    @app.get("/plans/{plan_id}/document")
    def document(plan_id: str, who: who_asks) -> Any:
        plan = known_plan(deployment(), plan_id)
        record_reading(deployment(), plan.case, f"plans/{plan.id}.json", by=who, sha256=plan.digest)
        saved = {"Content-Disposition": f'attachment; filename="{plan.id}.json"'}
        return Response(deployment().control.plan_body(plan.id), media_type="application/json", headers=saved)

    goes_on = Annotated[Callable[[str, str], None], Depends(going_on(deployment))]

    @app.post("/plans/{plan_id}/approve", dependencies=change)
    def approve(plan_id: str, form: Annotated[ApprovalForm, Form()], who: who_asks, go_on: goes_on) -> Any:
        _approve(deployment(), plan_id, form, who)
        go_on(plan_id, APPROVAL)
        return RedirectResponse(f"../{plan_id}", status_code=303)

    @app.post("/plans/{plan_id}/sign", dependencies=change)
    def sign(plan_id: str, form: Annotated[SignatureForm, Form()], who: who_asks, go_on: goes_on) -> Any:
        _bring_signature(deployment(), plan_id, form, who)
        go_on(plan_id, APPROVAL)
        return RedirectResponse(f"../{plan_id}", status_code=303)

    @app.post("/api/plans/{plan_id}/approvals", status_code=201, dependencies=change)
    def add_approval(plan_id: str, form: ApprovalForm, who: who_asks, go_on: goes_on) -> Any:
        given = _approve(deployment(), plan_id, form, who)
        go_on(plan_id, APPROVAL)
        return given

    @app.post("/api/plans/{plan_id}/signatures", status_code=201, dependencies=change)
    def add_signature(plan_id: str, form: SignatureForm, who: who_asks, go_on: goes_on) -> Any:
        given = _bring_signature(deployment(), plan_id, form, who)
        go_on(plan_id, APPROVAL)
        return given

    @app.post("/api/plans/{plan_id}/receipts", status_code=201, dependencies=change)
    def add_receipt(plan_id: str, form: ReceiptForm, who: who_asks, go_on: goes_on) -> Any:
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
        go_on(plan_id, RECEIPT)
        return {"plan_id": plan_id, "order_id": form.order_id, "person": who}


def _approve(current: Deployment, plan_id: str, form: ApprovalForm, who: str) -> dict[str, str]:
    case = current.case(known_plan(current, plan_id).case)
    return _given(_door(current).approve(case, plan_id, plan_digest=form.plan_digest, person_id=who))


def _bring_signature(current: Deployment, plan_id: str, form: SignatureForm, who: str) -> dict[str, str]:
    case = current.case(known_plan(current, plan_id).case)
    return _given(_door(current).approve_by_signature(case, plan_id, note=form.note.encode(), brought_by=who))


def _given(given: Approval) -> dict[str, str]:
    return {"plan_id": given.plan_id, "plan_digest": given.plan_digest, "person": given.person, "role": given.role}


def _door(current: Deployment) -> Door:
    keys = current.settings.approver_keys
    return Door(current.control.engine, ledger=current.ledger, clock=current.clock, approver_keys=keys)
