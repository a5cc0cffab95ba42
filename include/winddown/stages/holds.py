"""Places and releases legal holds, whatever is under way.

Placing only keeps, so anybody in the case may do it and nothing stands against it: from then on nothing is authorised
under a plan that does not know the hold. Releasing lets records go again, so it takes another person, a reason and a
role; nothing is destroyed by it, because what is due then is planned and approved anew.
"""

import pyarrow as pa
from sqlalchemy import Connection

from winddown.control.holds import (
    find_hold,
    hold_digest,
    load_holds,
    plan_again_within,
    put_hold_within,
    release_within,
)
from winddown.control.reasons import require_reason
from winddown.domain.access import Action
from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.hold import LegalHold, scope_digest
from winddown.stages.coverage import subjects_digest
from winddown.stages.deployment import Deployment
from winddown.stages.hold_file import DeclaredHold
from winddown.stages.manifests import read_manifest, write_manifest
from winddown.stages.people import require_action

RELEASING_ROLES = ("legal", "liquidation_group")
PREPARED = "case"  # the wave under which the stages before the first wave are recorded


def place_hold(deployment: Deployment, case_id: str, found: DeclaredHold, *, by: str) -> str:
    """Place a hold, or widen one that is in force; return what becomes of the case's plans, in words."""
    case = deployment.case(case_id)
    if case.person(by) is None:
        raise Refused(
            f"{by} is not among the people of case {case_id}",
            rule="people of the case",
            next_step="let somebody of the case place it, or add the person to the case file",
        )
    require_action(deployment, case_id, by, Action.PLACE_HOLD)
    hold = as_placed(deployment, case, found)
    if hold in deployment.control.holds(case_id):
        return f"hold {hold.id} is in force already"
    return f"hold {hold.id} is in force over {hold.scope}; " + record_hold(deployment, case_id, hold, found, by=by)


def release_hold(
    deployment: Deployment, case_id: str, hold_id: str, *, by: str, reason: str, evidence_sha256: str = ""
) -> str:
    """Release a hold in force; return what becomes of the case's plans, in words.

    Raises Refused when there is no such hold in force, when the reason is blank or names a person, when the person has
    not the role for it, or when the same person placed it.
    """
    case = deployment.case(case_id)
    person = case.person(by)
    if person is None or person.role not in RELEASING_ROLES:
        raise Refused(
            f"{by} may not release holds of case {case_id}",
            rule="releasing a hold needs a role",
            next_step=f"somebody with the role {' or '.join(RELEASING_ROLES)} releases it",
        )
    said = require_reason(reason, refused=f"hold {hold_id} is not released", rule="a release says why")
    clock = deployment.clock
    with deployment.control.engine.begin() as connection:
        deployment.ledger.now_within(connection, case_id)  # locked before the holds, as whoever authorises does
        known = find_hold(connection, case_id, hold_id)
        if known is None or not known.is_in_force:
            raise Refused(
                f"hold {hold_id} of case {case_id} is not in force",
                rule="hold in force",
                next_step=f"look it up with `python -m winddown hold list {case_id}`",
            )
        if known.placed_by == by:
            raise Refused(
                f"{by} placed hold {hold_id} and cannot release it",
                rule="two people",
                next_step=f"another person with the role {' or '.join(RELEASING_ROLES)} releases it",
            )
        body = {
            "hold": hold_id,
            "digest": hold_digest(known.hold),
            "reason": said,
            "role": person.role,
            "evidence_sha256": evidence_sha256,
        }
        deployment.ledger.append_within(connection, case_id, "hold_released", body, actor=by)
        release_within(connection, case_id, hold_id, by=by, reason=said, evidence=evidence_sha256, clock=clock)
        return f"hold {hold_id} is released; {_plan_again(connection, case_id)}"


def as_placed(deployment: Deployment, case: Case, found: DeclaredHold) -> LegalHold:
    """The hold as it would be placed; nothing is written."""
    keys = subjects_digest(deployment, case, _keys(found))
    name = f"hold-{found.model.id}-{digest(keys)[:12]}"
    return found.placed(manifest=name, subjects_digest=keys)


def record_hold(deployment: Deployment, case_id: str, hold: LegalHold, found: DeclaredHold, *, by: str) -> str:
    """Write a hold with its manifest and its ledger entry; one of the same id may grow, never shrink."""
    if hold.scope.has_persons:
        # First, under a name of its own: killed here, the hold that is in force still has its own list.
        write_manifest(deployment, case_id, hold.scope.subjects_manifest, _keys(found))
    body = {
        "hold": hold.id,
        "digest": hold_digest(hold),
        "ground": hold.ground.value,
        "scope_digest": scope_digest(hold.scope),
        "subjects_digest": hold.scope.subjects_digest,
        "count": hold.scope.subject_count,
    }
    with deployment.control.engine.begin() as connection:
        deployment.ledger.now_within(connection, case_id)  # locked before the holds, as whoever authorises does
        # Compared under the lock: of two people who widen it at once, the second must name what the first added.
        earlier = find_hold(connection, case_id, hold.id)
        if earlier is not None and earlier.is_in_force:
            _refuse_narrowing(deployment, case_id, earlier.hold, hold, found)
        deployment.ledger.append_within(connection, case_id, "hold_placed", body, actor=by)
        put_hold_within(connection, case_id, hold, by=by, clock=deployment.clock)
        return _plan_again(connection, case_id)


def _plan_again(connection: Connection, case_id: str) -> str:
    """In the transaction that changed the holds; what becomes of the case's plans, in words."""
    begun, superseded = plan_again_within(connection, case_id, apart_from=PREPARED)
    if begun:
        holds = ", ".join(hold.id for hold in load_holds(connection, case_id)) or "none"
        return (
            f"plan {begun} is being carried out and goes on only under the holds that it was made with; in force now: "
            f"{holds}. Otherwise run `python -m winddown restore {case_id} --by PERSON`, and the next run plans again"
        )
    return "".join(f"plan {plan_id} is superseded; " for plan_id in superseded) + "the next run plans again"


def _refuse_narrowing(
    deployment: Deployment, case_id: str, earlier: LegalHold, hold: LegalHold, found: DeclaredHold
) -> None:
    """A hold in force may cover more and be reviewed later; what it is and who ordered it stays."""
    if (earlier.ground, earlier.authority, earlier.document_number) != (
        hold.ground, hold.authority, hold.document_number,
    ):  # fmt: skip
        raise Refused(
            f"hold {hold.id} would state another ground or order",
            rule="a hold is released by a recorded act, never by relabelling it",
            next_step="place the new order under an id of its own",
        )
    missing = 0
    if earlier.scope.has_persons and hold.scope.has_persons:
        known = read_manifest(deployment, case_id, earlier.scope.subjects_manifest).column("subject").to_pylist()
        missing = len(set(known) - set(found.subjects))
    if missing or hold.scope.narrows(earlier.scope):
        said = f"no longer names {missing} of its persons" if missing else "would cover less than it does"
        raise Refused(
            f"hold {hold.id} {said}",
            rule="a hold is released by a recorded act, never by leaving somebody or something out",
            next_step="name all that it covers; more may be added",
        )


def _keys(found: DeclaredHold) -> pa.Table:
    return pa.table({"subject": pa.array(sorted(set(found.subjects)), type=pa.string())})
