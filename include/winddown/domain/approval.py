"""One person's yes to one plan, bound to its digest, for so many days; and which yeses of a plan count.

The plan itself says who may approve it, in which role, with which key of their own, who requested it and for how many
days a yes counts: approvers approve that too, and nobody can change it afterwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

PI_OFFICER = "pi_officer"
"""The role without whose approval no plan is carried out, on whatever route."""
_BY_ROUTE = {"bankruptcy": ("administrator", PI_OFFICER)}
APPROVER_ROLES = ("liquidation_group", PI_OFFICER)
"""Roles of which each must be among the approvers; in bankruptcy the administrator stands in the group's place."""
APPROVALS_MIN = 2
APPROVAL_DAYS = 30
"""For how many days an approval counts where the case file does not say."""

SESSION, SIGNATURE = "api_session", "signature"


def approver_roles(route: str) -> tuple[str, ...]:
    """Roles of which each must be among the approvers on a route, whatever the case file adds.

    >>> approver_roles("bankruptcy")
    ('administrator', 'pi_officer')
    """
    return _BY_ROUTE.get(route, APPROVER_ROLES)


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """What a case asks of approvals.

    Attributes:
        days: for how many days one counts.
        roles: roles of which each must approve.
    """

    days: int
    roles: tuple[str, ...]

    @property
    def people(self) -> int:
        """How many distinct people must approve: two at least, and one a role."""
        return max(APPROVALS_MIN, len(self.roles))


USUAL_APPROVAL = ApprovalRules(APPROVAL_DAYS, APPROVER_ROLES)


@dataclass(frozen=True, slots=True)
class Approver:
    """Who may approve a plan.

    Attributes:
        person: the login.
        key: verifier key (C2SP signed-note) of the approver's own Ed25519 key, named as the person; "" for none.
    """

    person: str
    role: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """A yes as it was recorded.

    Attributes:
        person: the authenticated user, or whose key signed; never a form field.
        door: ``api_session`` or ``signature``.
        approved_at: when it was given; of a signature the moment that it states, if that was not in the future.
        note: the signed note of a signature, "" for a session.
    """

    plan_id: str
    plan_digest: str
    person: str
    role: str
    door: str
    approved_at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """Which of a plan's approvals count at a moment.

    Attributes:
        valid: those that count.
        passed_over: why each of the others does not, in words.
    """

    valid: tuple[Approval, ...]
    passed_over: tuple[str, ...]

    def missing(self, roles: Iterable[str]) -> tuple[str, ...]:
        """Which of the roles nobody has given a valid approval in, sorted."""
        return tuple(sorted(set(roles) - {found.role for found in self.valid}))


def count(
    given: Iterable[Approval],
    *,
    digest: str,
    approvers: Iterable[Approver],
    requested_by: str,
    days: int,
    at: datetime,
) -> Counted:
    """Judge the approvals of a plan as they stand at a moment. Whether a signature is genuine is not asked here."""
    allowed = {(found.person, found.role) for found in approvers}
    valid: list[Approval] = []
    passed_over: list[str] = []
    for one in given:
        if one.plan_digest != digest:
            passed_over.append(f"{one.person} approved another digest")
        elif (one.person, one.role) not in allowed:
            passed_over.append(f"{one.person} is no approver of this plan as {one.role}")
        elif one.person == requested_by:
            passed_over.append(f"{one.person} requested the plan")
        elif one.person in {other.person for other in valid}:
            passed_over.append(f"{one.person} approved twice")
        elif at >= (end := one.approved_at + timedelta(days=days)):
            passed_over.append(f"the approval of {one.person} expired at {end.isoformat(timespec='seconds')}")
        else:
            valid.append(one)
    return Counted(tuple(valid), tuple(passed_over))
