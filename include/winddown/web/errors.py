"""Turns failures into answers: JSON for programs, a page for people, and never a trace of the code or of a record.

======  ==============================================================================================================
status  when
======  ==============================================================================================================
401     nobody is logged in
403     the person may not do this, or the request comes from another site
404     there is no such case, plan, order, hold or evidence
409     the state of the case says no: another digest, a second approval, a superseded plan
422     the request has unknown or malformed fields
500     a defect; the log of the API server has it, the answer does not
503     the world failed: try again
======  ==============================================================================================================
"""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from winddown.domain.access import RULE
from winddown.domain.errors import Refused, Residual, Transient, WinddownError
from winddown.web.headers import HEADERS

# Rules that speak about the person who asks, not about the state of the case.
_ABOUT_THE_PERSON = frozenset(
    (
        RULE,
        "approvers",
        "custodian",
        "two people",
        "people of the case",
        "releasing a hold needs a role",
        "resuming needs a role",
        "an approver's own key",
    )
)
_TITLES = {
    401: ("请先登录", "Log in first"),
    403: ("不允许", "Not allowed"),
    404: ("没有找到", "Not found"),
    405: ("不支持该方法", "Method not allowed"),
    409: ("被拒绝", "Refused"),
    422: ("请求无效", "The request is not valid"),
    500: ("内部错误", "Something is broken here"),
    503: ("暂时不可用", "Not available now"),
}


def not_found(what: str) -> HTTPException:
    """The answer to an id that does not exist. ``what`` names the kind of thing; the id is not repeated."""
    return HTTPException(404, f"there is no such {what}")


def status_of(error: WinddownError) -> int:
    """The HTTP status of a failure that the product raises on purpose."""
    if isinstance(error, Transient):
        return 503
    if isinstance(error, Refused) and error.rule in _ABOUT_THE_PERSON:
        return 403
    return 409


def add_errors(app: FastAPI, pages: Jinja2Templates, page_root: Callable[[Request], str]) -> None:
    """Register the handlers. ``page_root`` is the relative way from a page to the application's root."""

    def answer(request: Request, status: int, body: dict[str, Any], headers: Any = None) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse(body, status_code=status, headers=headers)
        title = _TITLES.get(status, ("错误", "Error"))
        context = {
            "status": status,
            "title": title,
            "said": body.get("refused") or body.get("residual") or body["detail"],
            "rule": body.get("rule", ""),
            "next_step": body.get("next_step", ""),
            "problems": body.get("problems", ()),
            "root": page_root(request),
        }
        return pages.TemplateResponse(request, "error.html", context, status_code=status, headers=headers)

    async def on_purpose(request: Request, error: Exception) -> Response:
        assert isinstance(error, WinddownError)  # noqa: S101 - registered for this class
        word = "residual" if isinstance(error, Residual) else "refused"
        body = {word: error.message, "rule": error.rule, "next_step": error.next_step}
        return answer(request, status_of(error), body)

    async def by_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
        return answer(request, error.status_code, {"detail": error.detail}, error.headers)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
        # What was sent is not sent back: it may hold anything.
        problems = [
            {"field": ".".join(str(part) for part in found["loc"]), "problem": found["msg"]} for found in error.errors()
        ]
        return answer(request, 422, {"detail": "the request is not valid", "problems": problems})

    async def broken(request: Request, _error: Exception) -> Response:
        # Starlette answers this outside of every middleware, so the headers are added here.
        return answer(request, 500, {"detail": "something is broken; the API server's log has it"}, HEADERS)

    app.add_exception_handler(WinddownError, on_purpose)
    app.add_exception_handler(HTTPException, by_status)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(Exception, broken)
