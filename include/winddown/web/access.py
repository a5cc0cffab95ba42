"""The table of the routes: what each is, which action it takes, and so which roles may ask for it.

``docs/web.md`` is written from this table, and every request is held to it: a route that it does not have is allowed to
nobody. What a person is in a case is asked anew for each request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from winddown.domain.access import ALLOWED, Action, Role
from winddown.stages.deployment import Deployment
from winddown.stages.people import require_action
from winddown.web.errors import not_found


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One line of the table.

    Attributes:
        what: what it is, in words of Markdown.
        answers: the HTTP statuses that it gives beside 401 and, but for ``OPEN``, 403.
    """

    method: str
    path: str
    action: Action
    what: str
    answers: tuple[int, ...]

    @property
    def roles(self) -> frozenset[Role]:
        """Who may ask for it."""
        return ALLOWED[self.action]


_WHY = (
    "why the records of `?collection=store:name` go or stay: outcome, fields and their last days, what would be "
    "decided today, what is open and who answers, rules that decided and that were outweighed with the precedence step "
    "and the article's words, penalties, fairness; classes that the same rules treat alike are told together"
)

ROUTES = (
    RouteRow("GET", "/", Action.OPEN, "page: one's own cases, what each waits for and who must act", (200,)),
    RouteRow(
        "GET", "/cases/{case_id}", Action.READ,
        "page: where the case stands, every step of every wave with the border after which nothing can be undone, "
        "blockers, plans, evidence, what was read and what it holds, decisions with reasons, checks, what happened",
        (200, 404),
    ),
    RouteRow("GET", "/cases/{case_id}/why", Action.EXPLAIN, f"page: {_WHY}", (200, 404, 422)),
    RouteRow(
        "GET", "/plans/{plan_id}", Action.READ,
        "page: what a yes means, collection by collection: acts, records, caps, reasons with citations, what stays and "
        "until when; grace, preconditions, archives, the approval",
        (200, 404, 409),
    ),
    RouteRow(
        "GET", "/plans/{plan_id}/document", Action.EXPLAIN,
        "the plan as the file whose digest is approved; what `python -m winddown approve` signs. Each reading is "
        "entered into the ledger first",
        (200, 404, 409),
    ),
    RouteRow(
        "POST", "/plans/{plan_id}/approve", Action.APPROVE, "the button of that page; form field `plan_digest`",
        (303, 404, 409, 422),
    ),
    RouteRow(
        "POST", "/plans/{plan_id}/sign", Action.BRING_SIGNATURE,
        "the form below it, for an approval that was signed elsewhere; form field `note`", (303, 404, 409, 422),
    ),
    RouteRow(
        "POST", "/cases/{case_id}/halt", Action.HALT, "the kill switch; form field `reason`", (303, 404, 409, 422)
    ),
    RouteRow(
        "POST", "/cases/{case_id}/resume", Action.RESUME,
        "takes it back; form field `reason`. Of the officers, those who answer for what the case then does",
        (303, 404, 409, 422),
    ),
    RouteRow(
        "POST", "/cases/{case_id}/erase-traces", Action.ERASE_TRACES,
        "the button on the page of a finished case: asks that what winddown itself holds goes too. No approver asks, "
        "since whoever asks does not approve",
        (303, 404),
    ),
    RouteRow(
        "POST", "/cases/{case_id}/holds/{hold_id}/release", Action.RELEASE_HOLD,
        "the button beside a hold on the case's page; form fields `reason`, `evidence_sha256`. Legal department or "
        "liquidation group, not who placed it",
        (303, 404, 409, 422),
    ),
    RouteRow(
        "GET", "/cases/{case_id}/evidence/{name}", Action.READ_EVIDENCE,
        "one file of the case's evidence; a page is shown in a sandbox, everything else is saved. Each reading is "
        "entered into the ledger first",
        (200, 404),
    ),
    RouteRow("GET", "/static/winddown.css", Action.OPEN, "the style of the pages", (200,)),
    RouteRow("GET", "/api/cases", Action.OPEN, "one's own cases as JSON", (200,)),
    RouteRow("GET", "/api/cases/{case_id}", Action.READ, "one case as JSON", (200, 404)),
    RouteRow("GET", "/api/cases/{case_id}/why", Action.EXPLAIN, "the same as the page, as JSON", (200, 404, 422)),
    RouteRow("GET", "/api/plans/{plan_id}", Action.READ, "one plan as JSON, with its `digest`", (200, 404, 409)),
    RouteRow(
        "POST", "/api/plans/{plan_id}/approvals", Action.APPROVE, 'approve: `{"plan_digest": "…"}`',
        (201, 404, 409, 422),
    ),
    RouteRow(
        "POST", "/api/plans/{plan_id}/signatures", Action.BRING_SIGNATURE,
        'hand in an approval that an approver signed with the own key: `{"note": "…"}`', (201, 404, 409, 422),
    ),
    RouteRow(
        "POST", "/api/plans/{plan_id}/receipts", Action.ACKNOWLEDGE,
        'acknowledge an archive: `{"order_id": "…", "archive_sha256": "…", "content_sha256": "…"}`; its receiver alone',
        (201, 404, 409, 422),
    ),
    RouteRow("POST", "/api/cases/{case_id}/halt", Action.HALT, 'halt: `{"reason": "…"}`', (201, 404, 409, 422)),
    RouteRow("POST", "/api/cases/{case_id}/resume", Action.RESUME, 'resume: `{"reason": "…"}`', (201, 404, 409, 422)),
    RouteRow("POST", "/api/cases/{case_id}/erase-traces", Action.ERASE_TRACES, "the same; no body", (201, 404)),
    RouteRow(
        "GET", "/api/cases/{case_id}/holds", Action.EXPLAIN,
        "all holds, released ones too: ground, order, what they cover, review, who placed and released them",
        (200, 404),
    ),
    RouteRow(
        "POST", "/api/cases/{case_id}/holds", Action.PLACE_HOLD,
        "place a hold: the keys of a hold in the case file, and `subjects` as a list of customers' keys, which are "
        "encrypted at once",
        (201, 404, 409, 422),
    ),
    RouteRow(
        "POST", "/api/cases/{case_id}/holds/{hold_id}/release", Action.RELEASE_HOLD,
        'release a hold: `{"reason": "…", "evidence_sha256": "…"}`, the digest of the paper that lets go or nothing',
        (201, 404, 409, 422),
    ),
)  # fmt: skip

_BY_ROUTE = {(row.method, row.path): row for row in ROUTES}


def table() -> str:
    """The table as Markdown, with a column for each role."""
    head = ["route", "what it is", *Role, "answers"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in ROUTES:
        marks = ["✓" if role in row.roles else "" for role in Role]
        statuses = sorted({*row.answers, *(() if row.action is Action.OPEN else (403,))})
        cells = [f"`{row.method} {row.path}`", row.what, *marks, ", ".join(map(str, statuses))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def guard(deployment: Callable[[], Deployment], person: Callable[..., Any]) -> Callable[..., None]:
    """The dependency of the whole app that holds each request to the table."""

    def check(request: Request, who: Annotated[str, Depends(person)]) -> None:
        row = _BY_ROUTE.get((request.method, request.scope["route"].path))
        if row is None:
            raise HTTPException(403, "this route is in no table")
        if row.action is not Action.OPEN:
            current = deployment()
            require_action(current, case_of(current, request.path_params), who, row.action)

    return check


def case_of(deployment: Deployment, names: dict[str, Any]) -> str:
    """The id of the case that a request is about; 404 when there is no such case or plan."""
    if "case_id" in names:
        if names["case_id"] not in deployment.control.cases():
            raise not_found("case")
        return str(names["case_id"])
    found = deployment.control.case_of_plan(names["plan_id"])
    if found is None:
        raise not_found("plan")
    return found
