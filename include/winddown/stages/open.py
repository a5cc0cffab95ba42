"""Opens a case, or continues it: triggering the same case again is the normal way to go on."""

import pyarrow as pa
from pydantic import TypeAdapter

from winddown.control.repository import put_hold_within
from winddown.domain.batch import keys_digest
from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.hold import LegalHold
from winddown.stages.answers import remember_answers
from winddown.stages.case_file import CaseFile, DeclaredHold
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest, write_manifest
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
    holds = tuple(_hold(deployment, case, found) for found in case_file.holds)
    # A hold is released by a recorded act, never by leaving it out of a file: those in force and not named stay.
    fresh = set(holds) - set(deployment.control.holds(case.id))
    changed = before is not None and (before != case or bool(fresh))
    if before is not None and not changed:
        return case.id
    placing = [pair for pair in zip(holds, case_file.holds, strict=True) if pair[0] in fresh]
    if before is not None:
        # A hold only keeps, so it is placed whatever is under way: from then on no older plan is authorised.
        _place(deployment, case.id, placing)
        _refuse_open_effects(deployment, case)
    body = {
        "digest": digest(TypeAdapter(Case).dump_python(case, mode="json")),
        "uscc": case.company.uscc,
        "requested_by": requested_by,
        "changed": changed,
    }
    deployment.ledger.append(case.id, "case_opened", body, actor=requested_by)
    if before is None:
        _place(deployment, case.id, placing)
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


def _place(deployment: Deployment, case_id: str, placing: list[tuple[LegalHold, DeclaredHold]]) -> None:
    for hold, found in placing:
        _refuse_release(deployment, case_id, found)
        write_manifest(deployment, case_id, hold.subjects_manifest, _subject_table(found))
        body = {"hold": hold.id, "subjects_digest": hold.subjects_digest, "count": hold.subject_count}
        with deployment.control.engine.begin() as connection:
            deployment.ledger.append_within(connection, case_id, "hold_placed", body, actor=hold.steward)
            put_hold_within(connection, case_id, hold)


def _refuse_release(deployment: Deployment, case_id: str, found: DeclaredHold) -> None:
    earlier = next((known for known in deployment.control.holds(case_id) if known.id == found.id), None)
    if earlier is None:
        return
    known = set(read_manifest(deployment, case_id, earlier.subjects_manifest).column("subject").to_pylist())
    missing = known - set(found.subjects)
    if missing:
        raise Refused(
            f"hold {found.id} no longer names {len(missing)} of its persons",
            rule="a hold is released by a recorded act, never by leaving somebody out",
            next_step="name all of them; further persons may be added",
        )


def _refuse_unknown_connections(deployment: Deployment, case: Case) -> None:
    unknown = [
        f"stores.{index}.connection: {store.connection!r} is unknown"
        for index, store in enumerate(case.stores)
        if not deployment.connection_exists(store.connection)
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


def _hold(deployment: Deployment, case: Case, found: DeclaredHold) -> LegalHold:
    subjects = _subject_table(found)
    return LegalHold(
        id=found.id,
        matter=found.matter,
        ground=found.ground,
        steward=found.steward,
        placed_on=found.placed_on,
        review_on=found.review_on,
        subjects_manifest=f"hold-{found.id}",
        # A plain digest of a few customer numbers could be guessed; a keyed one cannot.
        subjects_digest=deployment.keys(case.id).pseudonym(digest(keys_digest(subjects))),
        subject_count=subjects.num_rows,
    )


def _subject_table(found: DeclaredHold) -> pa.Table:
    return pa.table({"subject": pa.array(sorted(set(found.subjects)), type=pa.string())})
