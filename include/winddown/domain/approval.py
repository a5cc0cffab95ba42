"""One person's yes to one plan, bound to its digest."""

from dataclasses import dataclass
from datetime import datetime

_BY_ROUTE = {"bankruptcy": ("administrator", "pi_officer")}
APPROVER_ROLES = ("liquidation_group", "pi_officer")
"""Roles of which each must be among the approvers; in bankruptcy the administrator stands in the group's place."""


def approver_roles(route: str) -> tuple[str, ...]:
    """Roles of which each must be among the approvers on a route.

    >>> approver_roles("bankruptcy")
    ('administrator', 'pi_officer')
    """
    return _BY_ROUTE.get(route, APPROVER_ROLES)


@dataclass(frozen=True, slots=True)
class Approval:
    """Given through the authenticated API; ``person`` is the authenticated user, never a form field."""

    plan_id: str
    plan_digest: str
    person: str
    role: str
    door: str  # "api_session"
    approved_at: datetime
