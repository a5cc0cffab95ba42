"""Who may do what: the roles of the product, and for each action the roles that may take it.

Airflow says who somebody is; what one may do in a case follows from the case's people and the deployment's settings.
A role lets one ask; whether this person may now, e.g. approve this plan, is decided behind the door.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from winddown.domain.case import Case
from winddown.domain.errors import Refused

RULE: Final = "roles of the product"
RESUMING_ROLES: Final = ("liquidation_group", "administrator", "pi_officer", "legal")
"""People of the case who may let a halted case go on: those who answer for what it then does."""


class Role(StrEnum):
    """What somebody is in a case; one person may be several things."""

    ENGINEER = "engineer"  # runs the deployment; by the settings, in every case
    APPROVER = "approver"  # named under the case's approvers
    OFFICER = "officer"  # answers for something in the case: its group, officers, counsel and stewards
    AUDITOR = "auditor"  # reads and changes nothing; by the case's people or by the settings
    CUSTODIAN = "custodian"  # receives archives: the custodian and other recipients


class Action(StrEnum):
    """What can be done through pages, API and command line."""

    OPEN = "open"  # the list of one's own cases, and the style of the pages
    READ = "read"
    EXPLAIN = "explain"  # reasons, holds, and the whole plan as a document
    READ_EVIDENCE = "read_evidence"
    APPROVE = "approve"
    BRING_SIGNATURE = "bring_signature"
    ACKNOWLEDGE = "acknowledge"
    PLACE_HOLD = "place_hold"
    RELEASE_HOLD = "release_hold"
    HALT = "halt"
    RESUME = "resume"
    RESTORE = "restore"  # on the command line alone: it opens stores
    ERASE_TRACES = "erase_traces"  # it only asks; approvers decide
    CLEAR_SCHEDULER = "clear_scheduler"  # to say that it was done; whom the plan names does


_ENGINEER, _APPROVER, _OFFICER, _AUDITOR, _CUSTODIAN = Role

ALLOWED: Final[dict[Action, frozenset[Role]]] = {
    Action.OPEN: frozenset(Role),
    Action.READ: frozenset(Role),
    Action.EXPLAIN: frozenset({_ENGINEER, _APPROVER, _OFFICER, _AUDITOR}),
    Action.READ_EVIDENCE: frozenset(Role),
    Action.APPROVE: frozenset({_APPROVER}),
    Action.BRING_SIGNATURE: frozenset({_ENGINEER, _APPROVER, _OFFICER}),
    Action.ACKNOWLEDGE: frozenset({_CUSTODIAN}),
    Action.PLACE_HOLD: frozenset({_APPROVER, _OFFICER, _CUSTODIAN}),
    Action.RELEASE_HOLD: frozenset({_APPROVER, _OFFICER}),
    Action.HALT: frozenset({_ENGINEER, _APPROVER, _OFFICER}),
    Action.RESUME: frozenset({_APPROVER, _OFFICER}),
    # Undoing must not wait for somebody; who only reads changes nothing all the same.
    Action.RESTORE: frozenset({_ENGINEER, _APPROVER, _OFFICER, _CUSTODIAN}),
    Action.ERASE_TRACES: frozenset({_ENGINEER, _OFFICER}),
    Action.CLEAR_SCHEDULER: frozenset({_ENGINEER, _OFFICER}),
}
"""Every action has its line; an action without one would be allowed to nobody."""


def roles_of(case: Case, person_id: str, *, engineers: Collection[str], auditors: Collection[str]) -> frozenset[Role]:
    """What a person is in a case; empty for somebody who is nothing there."""
    person = case.person(person_id)
    own = person.role if person is not None else ""
    receivers = {case.custodian.person, *(found.person for found in case.recipients)}
    found = {
        _ENGINEER: person_id in engineers,
        _APPROVER: person is not None and person_id in case.approvers,
        _OFFICER: own in {*RESUMING_ROLES, "counsel", "steward"},
        _AUDITOR: own == "auditor" or person_id in auditors,
        _CUSTODIAN: person is not None and person_id in receivers,
    }
    return frozenset(role for role, is_so in found.items() if is_so)


def require(action: Action, roles: frozenset[Role], *, person_id: str, case_id: str) -> None:
    """Raise Refused unless one of a person's roles in the case may take the action."""
    if not roles & ALLOWED[action]:
        wanted = ", ".join(sorted(ALLOWED[action]))
        raise Refused(
            f"{person_id} may not {action.replace('_', ' ')} in case {case_id}",
            rule=RULE,
            next_step=f"this is for: {wanted} (docs/web.md)",
        )
