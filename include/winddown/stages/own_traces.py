"""Winddown's own traces of a case, destroyed last of all: asked for, planned, approved and receipted like the rest.

Everything in the case's folder goes but the evidence and the notices, and at the very end its key. Plans and ledger
stay: they hold counts and digests, and digests of keys and contents are salted with the case's key, so that nobody can
try out any more what they stand for. Before anything goes, values of the destroyed records are searched for, in clear,
in all that winddown and its scheduler wrote.

What the scheduler itself keeps, task logs and XComs of the very runs that do this, goes after them, by a person whom
the approved plan names. It is looked for before the person's word is taken.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from winddown.archive.atomic import sync_folder
from winddown.archive.keys import destroy_case_key, is_destroyed
from winddown.archive.turns import turn_on
from winddown.control.authority import OWN, effect_on
from winddown.detectors.names import names_a_person, words_of
from winddown.domain.access import Action
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.hold import holds_digest
from winddown.domain.plan import Plan, Trace, Wave
from winddown.domain.receipt import Receipt
from winddown.inspection.own_traces import files_in, is_key_gone, naming, search_own
from winddown.ports import ByteSearch
from winddown.stages.check import Checks
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.manifests import read_manifest
from winddown.stages.next_actions import next_for_scheduler
from winddown.stages.people import require_action
from winddown.stages.plan import record_plan
from winddown.stages.seal import unacknowledged
from winddown.stages.transfers import open_recipients

TURN = "turn"
"""A file of a case that is always empty: whoever holds it has the turn."""
OUTLIVES = frozenset({"evidence", "notices", TURN})
"""What stays of a case's folder: what is written for people, and names no customer."""
KEYS, ESCROW = "keys", "escrow"
_REQUEST = "own_traces"
_RULE = "own traces go last"
_PLACES = 5  # files that a message names
_NOT_CLAIMED = (
    "blocks of file systems and disks were not overwritten: NIST SP 800-88 Rev. 2 outcome is clear at best",
    "copies of the workspace that others made (snapshots, backups), and memory of running processes, were not reached",
)


def ask_for_erasure(deployment: Deployment, case_id: str, *, by: str, scheduler_by: str = "") -> None:
    """Ask that a case's own traces be destroyed when everything else is certified; a repeat changes nothing.

    ``scheduler_by`` removes afterwards what the scheduler keeps of the case; whoever asks, where nobody is named.
    Raises Refused for approvers: whoever asks does not approve, and one approver less might leave too few for ever.
    """
    cleared_by = scheduler_by or by
    require_action(deployment, case_id, cleared_by, Action.CLEAR_SCHEDULER)
    require_action(deployment, case_id, by, Action.ERASE_TRACES)
    if by in deployment.case(case_id).approvers:
        raise Refused(
            f"{by} approves in case {case_id}, and whoever asks does not approve",
            rule="two people",
            next_step="an engineer, or somebody of the case who is no approver, asks",
        )
    if not asked_by(deployment, case_id):
        asked = {"requested_by": by, "scheduler_by": cleared_by}
        deployment.control.put(case_id, "request", _REQUEST, asked)


def asked_by(deployment: Deployment, case_id: str) -> str:
    """Who asked for it first; "" for nobody."""
    return _request(deployment, case_id).get("requested_by", "")


def _request(deployment: Deployment, case_id: str) -> dict[str, str]:
    return deployment.control.get(case_id, "request", _REQUEST, type_=dict[str, str]) or {}


def waits_for(deployment: Deployment, case_id: str) -> tuple[str, ...]:
    """What still needs the case's key or files, in words; empty when they may be destroyed."""
    control = deployment.control
    certified = control.plans(case_id, state="certified")
    last = _last_certificate(deployment, case_id)
    checks = control.get(case_id, "checks", "before", type_=Checks)
    holds = [hold.id for hold in control.holds(case_id)]
    recipients = open_recipients(checks.transfers) if checks is not None else ()
    unkept = [
        str(row["collection"]) for row in last.get("remaining", ()) if row.get("keeper") == "" and row["until"] is None
    ]
    waiting = {
        "something to be certified": [] if certified else [case_id],
        "the release of legal holds": holds,
        "recipients abroad, who have not confirmed deletion": recipients,
        "keepers of what is stored without a last day": unkept,
        "receipts of archives": [one for plan_id in certified for one in unacknowledged(deployment, plan_id)],
        "rows in escrow, to be purged or restored": (
            [] if not files_in(deployment.folder(case_id) / ESCROW) else [ESCROW]
        ),
    }
    return tuple(f"own traces wait for {what}: {', '.join(names)}" for what, names in waiting.items() if names)


def make_plan(deployment: Deployment, case_id: str) -> Plan:
    """Return the open plan, or make one; raises Refused while anything still needs the case's key or files."""
    control = deployment.control
    existing = control.plans(case_id, wave=Wave.OWN_TRACES, state="open")
    if existing:
        return control.plan(existing[-1])
    waiting = waits_for(deployment, case_id)
    if waiting:
        raise Refused("; ".join(waiting), rule=_RULE, next_step="settle it; the next run plans again")
    case, before = deployment.case(case_id), control.plan(control.plans(case_id, state="certified")[-1])
    request = _request(deployment, case_id)
    scheduler_by = request.get("scheduler_by") or request["requested_by"]
    plan = Plan(
        id=f"{case_id}-{len(control.plans(case_id)) + 1:02d}-own-traces",
        case=case_id,
        wave=Wave.OWN_TRACES,
        orders=(),
        inventory_digest=before.inventory_digest,
        decisions=(),
        fingerprints=(),
        holds_digest=holds_digest(control.holds(case_id)),
        preconditions=_preconditions(_last_certificate(deployment, case_id), scheduler_by),
        rule_packs=before.rule_packs,
        code_version=deployment.code_version,
        grace_seconds=0,
        grace_reason="a key that can be brought back is not destroyed",
        approvals_needed=case.approval.people,
        approver_roles=case.approval.roles,
        identities=((OWN, deployment.keys(case_id).identity()),),
        approvers=case.named_approvers(),
        requested_by=request["requested_by"],
        approval_days=case.approval.days,
        traces=_traces(deployment, case_id),
        scheduler_by=scheduler_by,
    )
    record_plan(deployment, plan)
    return plan


def search(deployment: Deployment, plan: Plan) -> ByteSearch:
    """Search all that was written for values of the destroyed records; nothing of a case goes before it is clean.

    Raises Residual when one lies open, Refused when a place that was to be searched could not be.
    """
    known: ByteSearch | None = deployment.control.get(plan.case, "own_traces", plan.id, type_=ByteSearch)
    if known is not None:
        return known
    _require_same_key(deployment, plan)
    _require_places(deployment)
    folder = deployment.folder(plan.case)
    names = sorted(path.name.removesuffix(".sealed") for path in (folder / "manifests").glob("probes-*.sealed"))
    values = {value for name in names for value in read_manifest(deployment, plan.case, name)["value"].to_pylist()}
    probes = [value.encode() for value in sorted(values)]
    found = search_own(_written(deployment, folder), probes)
    if found.found:
        raise Residual(
            f"values of destroyed records lie open in {len(found.where)} files: {_told(found.where)}",
            rule=_RULE,
            next_step="remove them there and run again; nothing of the case's own traces is destroyed until then",
        )
    if not found.reached:
        raise _unread(found.medium)
    deployment.control.put(plan.case, "own_traces", plan.id, found, type_=ByteSearch)
    return found


def _told(names: Iterable[str]) -> str:
    """Some names of files that name nobody."""
    return ", ".join([name for name in names if not names_a_person(words_of(name))][:_PLACES])


def _require_places(deployment: Deployment) -> None:
    absent = [str(place) for place in deployment.settings.searched if not place.exists()]
    if absent:
        raise _unread(", ".join(absent))


def _unread(places: str) -> Refused:
    return Refused(
        f"not all of this could be searched: {places}",
        rule="a place that was not read is not clean",
        next_step="let the workers' user read what WINDDOWN_SEARCHED names, or take out of it what is not there",
    )


def erase(deployment: Deployment, plan: Plan, names: Iterable[str], *, say: Callable[[str], None]) -> int:
    """Destroy traces of a plan in the plan's order, the key last; returns how many files went. May be repeated.

    Raises Refused before the search was clean, or when an effect is not authorised; Residual when files are left.
    """
    deployment.control.require(plan.case, "own_traces", plan.id, type_=ByteSearch)
    wanted = set(names)
    total = 0
    for trace in plan.traces:
        if trace.name in wanted:
            total += _erase(deployment, plan, trace).records
            say(f"{trace.name} destroyed")
    return total


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of one trace: ``clear`` as of files on a disk, and what was encrypted under the key with it."""

    name: str
    files: int
    method: str


def erased(deployment: Deployment, plan: Plan) -> tuple[Erased, ...]:
    """Every trace of a plan with its receipt; raises Refused when one is not destroyed."""
    found = []
    for trace in plan.traces:
        receipt = deployment.authority.receipt(effect_on(plan, trace, files=0))
        if receipt is None:
            raise Refused(f"{trace.name} of case {plan.case} is not destroyed", rule="a certificate says what was done")
        found.append(Erased(trace.name, receipt.records, dict(receipt.details)["method"]))
    return tuple(found)


def left(deployment: Deployment, plan: Plan) -> int:
    """Number of files of the plan's traces that are still there, a key that is not gone among them."""
    folder = deployment.folder(plan.case)
    return sum(files_in(folder / trace.name) for trace in plan.traces) + (not is_key_gone(folder))


def clear_scheduler(deployment: Deployment, case_id: str, *, by: str) -> None:
    """Enter that what the scheduler kept of a case is gone, by whom the plan names; a repeat changes nothing.

    Every file that the deployment's settings name as the scheduler's is read first, and none may name the case. What
    lies elsewhere, e.g. in a database server, is the person's word alone; the entry says how much was read.
    """
    with turn_on(deployment.folder(case_id) / TURN):
        _clear_scheduler(deployment, case_id, by=by)


def _clear_scheduler(deployment: Deployment, case_id: str, *, by: str) -> None:
    require_action(deployment, case_id, by, Action.CLEAR_SCHEDULER)
    plan = _cleared_after(deployment, case_id)
    if plan is None:
        raise Refused(
            f"the own traces of case {case_id} are not certified",
            rule=_RULE,
            next_step="erase them first: erase-traces; the scheduler's go after the run that certifies this",
        )
    if by != plan.scheduler_by:
        raise Refused(
            f"{by} is not whom plan {plan.id} names",
            rule="whoever was approved for it",
            next_step=f"{plan.scheduler_by} removes what the scheduler keeps, and says so",
        )
    if _is_scheduler_cleared(deployment, case_id):
        return
    _require_places(deployment)
    try:
        found, size = naming(_beside(deployment.settings.searched), case_id, others=deployment.control.cases())
    except OSError as error:
        raise _unread(f"{error.filename} ({error.strerror})") from None
    if found:
        raise Residual(
            f"{len(found)} files of the scheduler name case {case_id}: {_told(found)}",
            rule="independent read-back",
            next_step="remove its runs and logs as docs/operations.md says (a SQLite file needs VACUUM), then again",
        )
    body = {"plan_id": plan.id, "person": by, "bytes_searched": size}
    deployment.ledger.append(case_id, "scheduler_cleared", body, actor=by)


def _cleared_after(deployment: Deployment, case_id: str) -> Plan | None:
    """The certified plan after which the scheduler's records go; None before there is one."""
    done = deployment.control.plans(case_id, wave=Wave.OWN_TRACES, state="certified")
    return deployment.control.plan(done[-1]) if done else None


def scheduler_left_to(deployment: Deployment, case_id: str) -> str:
    """Who still has to remove what the scheduler keeps of a case; "" when it is not time, or done."""
    plan = _cleared_after(deployment, case_id)
    return "" if plan is None or _is_scheduler_cleared(deployment, case_id) else plan.scheduler_by


def _is_scheduler_cleared(deployment: Deployment, case_id: str) -> bool:
    return deployment.ledger.last_of(case_id, ("scheduler_cleared",), since=0) is not None


def certificate_part(deployment: Deployment, plan: Plan) -> dict[str, Any]:
    """What a certificate of own traces says beside the rest; of records it repeats what the last one says."""
    before = _last_certificate(deployment, plan.case)
    person = deployment.case(plan.case).person(plan.scheduler_by)
    scheduler = {
        "collection": "scheduler",
        "store": OWN,
        "what": "task logs and XComs of the case's runs, with ids, digests and counts",
        "until": None,
        "next": next_for_scheduler(plan.scheduler_by if person is None else person.name),
    }
    embedded = [said for said in before["not_claimed"] if said.startswith("embedded mode: ")]
    return {
        "orders": [],
        "remaining": before["remaining"],
        "residual_until": [*before["residual_until"], scheduler],
        "own_traces": [asdict(found) for found in erased(deployment, plan)],
        "not_claimed": [*_NOT_CLAIMED, *embedded],
    }


def _erase(deployment: Deployment, plan: Plan, trace: Trace) -> Receipt:
    folder = deployment.folder(plan.case) / trace.name
    effect = effect_on(plan, trace, files=files_in(folder))
    known = deployment.authority.receipt(effect)
    if known is not None:
        return known
    if not (trace.name == KEYS and deployment.authority.state(effect) is not None):
        _require_same_key(deployment, plan)
    authorization = deployment.authority.authorize(effect, actor=ACTOR)
    deployment.authority.redeem(authorization)
    method = _destroy_key(deployment, plan.case) if trace.name == KEYS else _unlink(folder)
    receipt = Receipt(effect.power, trace.name, 0, effect.records, (("method", method),))
    remains = files_in(folder)
    if remains:
        said = f"{remains} files of {trace.name} are still there"
        deployment.authority.close(effect, state="unknown", receipt=receipt, read_back=said, actor=ACTOR)
        raise Residual(said, rule="independent read-back", next_step="find out who writes there, then run again")
    deployment.authority.close(effect, state="done", receipt=receipt, read_back="listed again: no file", actor=ACTOR)
    return receipt


def _unlink(folder: Path) -> str:
    try:
        if folder.exists():
            shutil.rmtree(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise Transient(
            f"the case's folder {folder.name} cannot be removed ({error.strerror})",
            next_step="look at the workspace's disk and the modes of its folders",
        ) from None
    return "unlinked"


def _destroy_key(deployment: Deployment, case_id: str) -> str:
    folder = deployment.folder(case_id) / KEYS
    if is_destroyed(folder):
        destroy_case_key(folder)  # a killed attempt had begun
    else:
        deployment.keys(case_id).destroy()
    return "overwritten_and_unlinked"


def _require_same_key(deployment: Deployment, plan: Plan) -> None:
    """The workspace must be the planned one: another one's key is another case's, or a copy's."""
    planned, found = dict(plan.identities)[OWN], deployment.keys(plan.case).identity()
    if planned != found:
        raise Refused(
            f"the workspace holds another key than the planned one: planned {planned}, found {found}",
            rule="the approved system, no other",
            next_step="point WINDDOWN_WORKSPACE to the planned workspace",
        )


def _traces(deployment: Deployment, case_id: str) -> tuple[Trace, ...]:
    """Every folder of the case that does not outlive it, the key's last."""
    folders = [path for path in deployment.folder(case_id).iterdir() if path.name not in OUTLIVES]
    strange = [path.name for path in folders if path.is_symlink() or not path.is_dir()]
    if strange:
        raise Refused(
            f"in the folder of case {case_id} lies what is no folder of it: {', '.join(sorted(strange))}",
            rule=_RULE,
            next_step="find out who put it there, and remove it",
        )
    ordered = sorted(folders, key=lambda path: (path.name == KEYS, path.name))
    return tuple(Trace(path.name, files_in(path)) for path in ordered)


def _preconditions(certificate: dict[str, Any], scheduler_by: str) -> tuple[str, ...]:
    """What approvers must know: who still has to deal with records has no help of this case any more."""
    rows = certificate["remaining"]
    told = [f"{sum(row['records'] for row in rows):,} records stay, as {certificate['id']} lists them"]
    told += [
        f"{row['collection']} may hold erased records until {row['until'] or 'a day that nobody named'}"
        for row in certificate["residual_until"]
    ]
    told.append(f"what the scheduler keeps of the case, with ids and counts, is removed afterwards by {scheduler_by}")
    return (*told, "afterwards nothing of this case can be read anew, proved to a customer, or continued")


def _written(deployment: Deployment, folder: Path) -> list[Path]:
    """Where winddown and its scheduler write, as far as it can be reached from here."""
    named = list(deployment.settings.searched)
    if deployment.settings.embedded:
        named.insert(0, Path(deployment.control.engine.url.database or ""))
    return [folder, *_beside(named)]


def _beside(places: Iterable[Path]) -> list[Path]:
    """The places with the logs beside them: SQLite writes there first, and lets what was written lie there for long."""
    return [place for one in places for place in (one, *sorted(one.parent.glob(f"{one.name}-*")))]


def _last_certificate(deployment: Deployment, case_id: str) -> dict[str, Any]:
    """The last certificate about records; empty when there is none."""
    control = deployment.control
    plans = [name for name in control.plans(case_id, state="certified") if control.plan(name).orders]
    if not plans:
        return {}
    found: dict[str, Any] = control.require(case_id, "certificate", f"certificate-{plans[-1]}", type_=dict[str, Any])
    return found
