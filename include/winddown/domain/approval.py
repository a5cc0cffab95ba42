"""One person's yes to one plan, bound to its digest."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """Given through the authenticated API; ``person`` is the authenticated user, never a form field."""

    plan_id: str
    plan_digest: str
    person: str
    role: str
    door: str  # "api_session"
    approved_at: datetime
