"""Opens a case, or continues it: triggering the same case again is the normal way to go on."""

from pydantic import TypeAdapter

from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.hold import LegalHold
from winddown.stages.answers import remember_answers
from winddown.stages.case_file import CaseFile
from winddown.stages.deployment import Deployment
from winddown.stages.hold_file import DeclaredHold
from winddown.stages.holds import as_placed, record_hold
from winddown.stages.vocabulary import refuse_unknown_words


def open_case(deployment: Deployment, case_file: CaseFile, *, requested_by: str) -> str:
    """Store a validated case and its holds; return the case's id.

    The same case again changes nothing. A changed case supersedes plans that nothing was done under; while a plan has
    effects that are neither certified nor restored, a change is refused.
    """
    case = case_file.case
    refuse_unknown_words(case, deployment.rulebook)
    _refuse_unknown_connections(deployment, case)
    before = deployment.control.get(case.id, "case", "case", type_=Case)
    holds = tuple(as_placed(deployment, case, found) for found in case_file.holds)
    # A hold is released by a recorded act, never by leaving it out of a file: those in force and not named stay. One
    # that was released stays released, however long the file names it.
    fresh = set(holds) - {found.hold for found in deployment.control.recorded_holds(case.id)}
    changed = before is not None and (before != case or bool(fresh))
    if before is not None and not changed:
        return case.id
    placing = [pair for pair in zip(holds, case_file.holds, strict=True) if pair[0] in fresh]
    if before is not None:
        # A hold only keeps, so it is placed whatever is under way: from then on no older plan is authorised.
        _place(deployment, case.id, placing, by=requested_by)
        _refuse_open_effects(deployment, case)
    body = {
        "digest": digest(TypeAdapter(Case).dump_python(case, mode="json")),
        "uscc": case.company.uscc,
        "requested_by": requested_by,
        "changed": changed,
    }
    deployment.ledger.append(case.id, "case_opened", body, actor=requested_by)
    if before is None:
        _place(deployment, case.id, placing, by=requested_by)
    _supersede(deployment, case.id)
    deployment.control.put(case.id, "request", "request", {"requested_by": requested_by})
    remember_answers(deployment, case)
    # Last, because the stored case is what says that all of the above was done: killed before, everything repeats.
    deployment.control.put(case.id, "case", "case", case, type_=Case)
    return case.id


def start_again(deployment: Deployment, case_id: str) -> None:
    """Discover, classify, decide and check a case anew, e.g. after a blocker was resolved.

    Open plans are superseded; refused while one has effects.
    """
    _refuse_open_effects(deployment, deployment.case(case_id))
    _supersede(deployment, case_id)


def _supersede(deployment: Deployment, case_id: str) -> None:
    for plan_id in deployment.control.plans(case_id, state="open"):
        deployment.control.set_plan_state(plan_id, "superseded")
    deployment.control.reset_progress(case_id)


def _place(deployment: Deployment, case_id: str, placing: list[tuple[LegalHold, DeclaredHold]], *, by: str) -> None:
    for hold, found in placing:
        record_hold(deployment, case_id, hold, found, by=by)


def _refuse_unknown_connections(deployment: Deployment, case: Case) -> None:
    unknown = [
        f"stores.{index}.{field}: {name!r} is unknown"
        for index, store in enumerate(case.stores)
        for field, name in (
            ("connection", store.connection),
            ("catalogue", store.catalogue),
            ("customer_key", store.customer_key),
        )
        if (name or field == "connection") and not deployment.connection_exists(name)
    ]
    if unknown:
        raise Refused(
            "; ".join(unknown), rule="strict case validation", next_step="create the connection, or correct it"
        )


def _refuse_open_effects(deployment: Deployment, case: Case) -> None:
    unfinished = (
        *deployment.control.plans(case.id, state="open"),
        *deployment.control.plans(case.id, state="withdrawn"),
    )
    for plan_id in unfinished:
        if any(effect.state != "restored" for effect in deployment.control.effects(plan_id)):
            raise Refused(
                f"case {case.id} cannot change while plan {plan_id} is being carried out",
                rule="scope change needs a new approval",
                next_step=f"restore it with `python -m winddown restore {case.id} --by PERSON`, then trigger again",
            )
