"""What a person may do in a case of this deployment, and acts that need nothing else: halt, resume, read evidence."""

from winddown.control.switch import Halted
from winddown.domain.access import ALLOWED, RESUMING_ROLES, Action, Role, require, roles_of
from winddown.domain.errors import Refused
from winddown.stages.deployment import Deployment


def roles_in(deployment: Deployment, case_id: str, person_id: str) -> frozenset[Role]:
    """What a person is in a case; raises Refused when there is no such case."""
    settings = deployment.settings
    return roles_of(deployment.case(case_id), person_id, engineers=settings.engineers, auditors=settings.auditors)


def require_action(deployment: Deployment, case_id: str, person_id: str, action: Action) -> None:
    """Raise Refused unless the person may take the action in the case."""
    require(action, roles_in(deployment, case_id, person_id), person_id=person_id, case_id=case_id)


def may(deployment: Deployment, case_id: str, person_id: str) -> frozenset[Action]:
    """What a person may do in a case, to spare useless buttons; each act asks for itself."""
    roles = roles_in(deployment, case_id, person_id)
    found = {action for action, allowed in ALLOWED.items() if roles & allowed}
    if not _may_resume(deployment, case_id, person_id):
        found.discard(Action.RESUME)
    if Role.APPROVER in roles:
        found.discard(Action.ERASE_TRACES)
    return frozenset(found)


def halt(deployment: Deployment, case_id: str, *, by: str, reason: str, door: str) -> Halted:
    """Turn a case's kill switch on; the first reason stays when it is on already."""
    require_action(deployment, case_id, by, Action.HALT)
    return deployment.switch.halt(case_id, by=by, reason=reason, door=door)


def resume(deployment: Deployment, case_id: str, *, by: str, reason: str, door: str) -> None:
    """Turn a case's kill switch off, by somebody who answers for what the case then does."""
    require_action(deployment, case_id, by, Action.RESUME)
    if not _may_resume(deployment, case_id, by):
        raise Refused(
            f"{by} may not resume case {case_id}",
            rule="resuming needs a role",
            next_step=f"somebody with the role {', '.join(RESUMING_ROLES)} resumes it",
        )
    deployment.switch.resume(case_id, by=by, reason=reason, door=door)


def record_reading(deployment: Deployment, case_id: str, name: str, *, by: str, sha256: str = "") -> None:
    """Enter into the ledger that somebody reads evidence, before it is handed out.

    ``name`` is the file's, or ``ledger``; ``sha256`` is of what is handed out, "" for the ledger, which every later
    checkpoint contains.
    """
    require_action(deployment, case_id, by, Action.READ_EVIDENCE)
    body = {"name": name} | ({"sha256": sha256} if sha256 else {})
    deployment.ledger.append(case_id, "evidence_read", body, actor=by)


def _may_resume(deployment: Deployment, case_id: str, person_id: str) -> bool:
    person = deployment.case(case_id).person(person_id)
    return person is not None and person.role in RESUMING_ROLES
