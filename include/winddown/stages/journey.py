"""The case's way through its stages, one function a stage, each with its progress recorded and a sentence returned.

Both ways of running a case, Airflow's tasks and the plain runner, call these and nothing below them. A stage before the
first wave is skipped when it is done already; what happens inside a wave decides for itself what is left to do.
Sentences carry counts and names of collections, never personal data.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from winddown.archive.turns import turn_on
from winddown.control.approvals import counted_within
from winddown.control.repository import load_plan
from winddown.domain.approval import Counted
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.domain.plan import WAVES_OF_RECORDS, Act, Plan, Wave
from winddown.stages import anonymise as anonymising
from winddown.stages import certify as certifying
from winddown.stages import check as checking
from winddown.stages import classify as classifying
from winddown.stages import decide as deciding
from winddown.stages import destroy_keys_and_buckets as destroying
from winddown.stages import discover as discovering
from winddown.stages import freeze as freezing
from winddown.stages import own_traces
from winddown.stages import plan as planning
from winddown.stages import quarantine as quarantining
from winddown.stages import report as reporting
from winddown.stages import sanitise as sanitising
from winddown.stages import seal as sealing
from winddown.stages import verify as verifying
from winddown.stages.deployment import Deployment
from winddown.stages.endings import has_begun
from winddown.stages.transfers import open_recipients

CASE = "case"  # the wave under which stages of the whole case are recorded


@dataclass(slots=True)
class _Said:
    message: str = ""


@contextmanager
def recorded(deployment: Deployment, case_id: str, wave: str, stage: str) -> Iterator[_Said]:
    """Record a stage as running, then as done with what it said; a failure stays recorded as running."""
    deployment.control.set_progress(case_id, wave, stage, state="running", message="")
    said = _Said()
    yield said
    deployment.control.set_progress(case_id, wave, stage, state="done", message=said.message)


def _alone(deployment: Deployment, case_id: str) -> AbstractContextManager[None]:
    """One worker at a time of those with this workspace, in stages of which a second run beside the first does harm.

    A second plan would overwrite the first one's manifests, a second archive one that the custodian may have by then, a
    second certificate one whose digest is in the ledger, and who could write before a freeze is not seen after it.
    """
    return turn_on(deployment.folder(case_id) / own_traces.TURN)


# -- before the first wave -------------------------------------------------------------------------------------------


def prepare(deployment: Deployment, case_id: str, stage: str) -> str:
    """Run one of the stages ``PREPARATION`` once; a repeat returns what it said then."""
    with _alone(deployment, case_id):
        for found in deployment.control.progress(case_id):
            if (found.wave, found.stage, found.state) == (CASE, stage, "done"):
                return found.message
        with recorded(deployment, case_id, CASE, stage) as said:
            said.message = _PREPARATION[stage](deployment, case_id)
        return said.message


def _discover(deployment: Deployment, case_id: str) -> str:
    inventory = discovering.discover(deployment, case_id)
    records = sum(max(found.record_count, 0) for found in inventory.collections)
    blocked = "".join(f"; blocker {found.code} on {found.subject}" for found in inventory.blockers)
    return f"{len(inventory.collections)} collections, {records:,} records{blocked}"


def _classify(deployment: Deployment, case_id: str) -> str:
    findings = classifying.classify(deployment, case_id)
    personal = [finding for finding in findings if finding.is_personal]
    cells = sum(finding.cells for finding in findings)
    kinds = sorted({finding.kind for finding in personal if finding.kind})
    return f"{cells:,} cells read, {len(personal)} of {len(findings)} fields personal: {', '.join(kinds)}"


def _decide(deployment: Deployment, case_id: str) -> str:
    decisions = deciding.decide_case(deployment, case_id)
    totals: dict[str, int] = {}
    for decision in decisions:
        totals[decision.disposition] = totals.get(decision.disposition, 0) + decision.count
    rules = {reason.rule for decision in decisions for reason in decision.reasons if reason.citation}
    return ", ".join(f"{name} {count:,}" for name, count in sorted(totals.items())) + f"; {len(rules)} rules cited"


def _check(deployment: Deployment, case_id: str) -> str:
    checks = checking.check(deployment, case_id)
    backups = [f"backup of {found.store} restored: {found.expectations} expectations met" for found in checks.backups]
    transfers = [f"transfer {found.path.transfer}: {found.path.rule or 'no path'}" for found in checks.transfers]
    waited = open_recipients(checks.transfers)
    transfers += [f"no final report before recipients confirm deletion: {', '.join(waited)}"] if waited else []
    blocked = [f"blocker {found.code} on {found.subject}" for found in checks.blockers]
    waiting = [found.rule for found in checks.clocks if not found.satisfied]
    clocks = f"{len(checks.clocks)} clocks checked" + (f", not due: {', '.join(waiting)}" if waiting else "")
    return "; ".join([*backups, *transfers, clocks, *blocked])


def _freeze(deployment: Deployment, case_id: str) -> str:
    return "; ".join(freezing.freeze(deployment, case_id))


_PREPARATION: dict[str, Callable[[Deployment, str], str]] = {
    "discover": _discover,
    "classify": _classify,
    "decide": _decide,
    "check": _check,
    "freeze": _freeze,
}
PREPARATION = tuple(_PREPARATION)


# -- a wave ----------------------------------------------------------------------------------------------------------


def waves(deployment: Deployment, case_id: str) -> tuple[Wave, ...]:
    """The waves of a case, in order; that of its own traces only when somebody asked for it."""
    return tuple(Wave) if own_traces.asked_by(deployment, case_id) else WAVES_OF_RECORDS


def waiting_clocks(deployment: Deployment, case_id: str) -> str:
    """What the next wave waits for, mostly legal clocks, in words; "" when for nothing, or when no wave is left."""
    for wave in waves(deployment, case_id):
        if deployment.control.plans(case_id, wave=wave, state="open"):
            return ""  # its clocks were checked when it was planned
        if not is_closed(deployment, case_id, wave):
            if wave is Wave.OWN_TRACES:
                return "; ".join(own_traces.waits_for(deployment, case_id))
            return "; ".join(planning.waiting_clocks(deployment, deployment.case(case_id), wave))
    return ""


def plan_wave(deployment: Deployment, case_id: str) -> str | None:
    """Make or find the plan of the wave that is due; None when no wave is left. Waves without work are passed over."""
    for wave in waves(deployment, case_id):
        if is_closed(deployment, case_id, wave):
            continue
        with _alone(deployment, case_id), recorded(deployment, case_id, wave, "plan") as said:
            if wave is Wave.OWN_TRACES:
                own = own_traces.make_plan(deployment, case_id)
                said.message = f"{own.id}: {len(own.traces)} folders of winddown's own, digest {own.digest[:12]}"
                return own.id
            plan = planning.make_plan(deployment, case_id, wave)
            if plan is None:
                said.message = "nothing to do"
                continue
            records = sum(order.selection.count for order in plan.orders)
            acts = ", ".join(f"{sum(o.act is act for o in plan.orders)} {act}" for act in Act)
            said.message = (
                f"{plan.id}: {len(plan.orders)} orders ({acts}) on {records:,} records, digest {plan.digest[:12]}"
            )
        return plan.id
    return None


def is_closed(deployment: Deployment, case_id: str, wave: Wave) -> bool:
    """Whether a wave needs no further look: certified, or empty, since the case was last read.

    When it is read anew, after a blocker was resolved or a case changed, every wave is looked at again.
    """
    return any(
        found.wave == wave
        and found.state == "done"
        and (found.stage == "certify" or (found.stage, found.message) == ("plan", "nothing to do"))
        for found in deployment.control.progress(case_id)
    )


def missing_approvals(deployment: Deployment, plan_id: str) -> str:
    """What is missing for the plan to be carried out, in words; "" when nothing is."""
    plan, counted = counted_approvals(deployment, plan_id)
    people, roles = len(counted.valid), counted.missing(plan.approver_roles)
    if people >= plan.approvals_needed and not roles:
        return ""
    said = f"{people} of {plan.approvals_needed} approvals" + (f", missing {', '.join(roles)}" if roles else "")
    return "; ".join([said, *counted.passed_over])


def counted_approvals(deployment: Deployment, plan_id: str) -> tuple[Plan, Counted]:
    """A plan, and which of its approvals count now."""
    with deployment.control.engine.begin() as connection:
        plan = load_plan(connection, plan_id)
        return plan, counted_within(connection, plan, at=deployment.clock.now())


def approve(deployment: Deployment, plan_id: str) -> str:
    """Record that the plan is approved; raises Refused while it is not."""
    missing = missing_approvals(deployment, plan_id)
    if missing:
        raise Refused(
            f"plan {plan_id} is not approved: {missing}",
            rule="two approvals of the digest",
            next_step="have the plan approved on its page, then run the stage again",
        )
    plan = deployment.control.plan(plan_id)
    with recorded(deployment, plan.case, plan.wave, "approve") as said:
        people = [found.person for found in counted_approvals(deployment, plan_id)[1].valid]
        said.message = f"approved by {' and '.join(people)}"
    return said.message


def anonymise(deployment: Deployment, plan_id: str) -> str:
    """Write and check the anonymous extracts of a plan."""
    plan = deployment.control.plan(plan_id)
    with _alone(deployment, plan.case), recorded(deployment, plan.case, plan.wave, "anonymise") as said:
        extracts = anonymising.anonymise(deployment, plan_id)
        said.message = (
            "; ".join(
                f"{found.file}: {found.written:,} of {found.selected:,} records, {found.suppressed:,} left out because "
                f"too few persons share what they say"
                for found in extracts
            )
            or "nothing to make anonymous"
        )
    return said.message


def seal(deployment: Deployment, plan_id: str) -> str:
    """Seal the archives of a plan."""
    plan = deployment.control.plan(plan_id)
    with _alone(deployment, plan.case), recorded(deployment, plan.case, plan.wave, "seal") as said:
        archives = sealing.seal(deployment, plan_id)
        records = sum(archive.records for archive in archives)
        said.message = f"{records:,} records sealed in {len(archives)} archives" if archives else "nothing to seal"
    return said.message


def hand_over(deployment: Deployment, plan_id: str) -> str:
    """Record that every receiver has its archives; raises Refused while a receipt is missing."""
    waiting = sealing.awaited(deployment, plan_id)
    if waiting:
        raise Refused(
            f"missing: {waiting}",
            rule="acknowledged hand-over",
            next_step="have each receiver open and acknowledge its archives, then run the stage again",
        )
    sealing.require_whole(deployment, plan_id)
    plan = deployment.control.plan(plan_id)
    with recorded(deployment, plan.case, plan.wave, "hand_over") as said:
        given = sealing.handed_over(deployment, plan_id)
        said.message = "; ".join(f"{count} archives acknowledged by {who}" for who, count in given.items())
        said.message = said.message or "nothing to hand over"
    return said.message


def carry_out(
    deployment: Deployment,
    plan_id: str,
    order_ids: tuple[str, ...],
    power: Power,
    *,
    say: Callable[[str], None],
) -> str:
    """Quarantine or purge one unit of work; how far it is stands on the case's page, and is told to ``say``."""
    plan = deployment.control.plan(plan_id)
    stage = f"{power} {order_ids[0]}"

    def tell(how_far: str) -> None:
        deployment.control.set_progress(plan.case, plan.wave, stage, state="running", message=how_far)
        say(how_far)

    with recorded(deployment, plan.case, plan.wave, stage) as said:
        if plan.traces:
            said.message = _carry_out_traces(deployment, plan, order_ids, power, say=tell)
            return said.message
        done = quarantining.run_unit(deployment, plan_id, order_ids, power, say=tell)
        names = ", ".join(dict.fromkeys(str(plan.order(order_id).collection) for order_id in order_ids))
        said.message = f"{done.records:,} records in {done.batches} batches: {names}"
    return said.message


def _carry_out_traces(
    deployment: Deployment, plan: Plan, names: tuple[str, ...], power: Power, *, say: Callable[[str], None]
) -> str:
    """A key cannot be set aside: in place of the quarantine stands the search without which nothing goes."""
    if power is Power.PURGE:
        return f"{own_traces.erase(deployment, plan, names, say=say)} files destroyed: {', '.join(names)}"
    found = own_traces.search(deployment, plan)
    return f"{found.found} of {found.probes} values lie open in {found.bytes_read:,} bytes of {found.medium}"


def grace_ends_at(deployment: Deployment, plan_id: str) -> datetime:
    """When the last quarantined batch of a plan may be purged; now, when there is nothing that waits."""
    plan = deployment.control.plan(plan_id)
    quarantined = [effect for effect in deployment.control.effects(plan_id) if effect.power == Power.QUARANTINE]
    if not quarantined:
        return deployment.clock.now()
    last = max(datetime.fromisoformat(effect.changed_at) for effect in quarantined)
    return last + timedelta(seconds=plan.grace_seconds)


def sanitise(deployment: Deployment, plan_id: str) -> str:
    """Sanitise the stores of a plan."""
    plan = deployment.control.plan(plan_id)
    with _alone(deployment, plan.case), recorded(deployment, plan.case, plan.wave, "sanitise") as said:
        receipts = sanitising.sanitise(deployment, plan_id)
        said.message = "; ".join(f"{found.target}: {found.records} collections" for found in receipts)
    return said.message


def verify(deployment: Deployment, plan_id: str) -> str:
    """Inspect the stores of a plan."""
    plan = deployment.control.plan(plan_id)
    with _alone(deployment, plan.case), recorded(deployment, plan.case, plan.wave, "verify") as said:
        if has_begun(deployment, plan):
            said.message = "was clean before a key or a bucket began to go"
            return said.message
        checks = verifying.verify(deployment, plan_id)
        said.message = "; ".join(
            f"{c.store}: {c.remaining} live, {c.leftovers} left over, "
            f"{c.found} of {c.probes} values in {c.bytes_read:,} bytes"
            for c in checks
        )
    return said.message


def destroy_keys_and_buckets(deployment: Deployment, plan_id: str) -> str:
    """Destroy the keys that a plan says, and delete the buckets that it has emptied."""
    plan = deployment.control.plan(plan_id)
    with recorded(deployment, plan.case, plan.wave, "destroy_keys_and_buckets") as said:
        gone = destroying.destroy_keys_and_buckets(deployment, plan_id)
        said.message = ", ".join(gone) or "no key and no bucket is to go"
    return said.message


def certify(deployment: Deployment, plan_id: str) -> str:
    """Certify a plan."""
    plan = deployment.control.plan(plan_id)
    with _alone(deployment, plan.case), recorded(deployment, plan.case, plan.wave, "certify") as said:
        issued = certifying.certify(deployment, plan_id)
        said.message = f"{issued.certificate_id} {issued.digest[:12]}"
    return said.message


def report(deployment: Deployment, case_id: str) -> str:
    """Write the evidence of everything certified so far."""
    with _alone(deployment, case_id), recorded(deployment, case_id, CASE, "report") as said:
        written = reporting.report(deployment, case_id)
        said.message = (
            f"{len(written.certificates)} certificates, bundle {written.bundle.name} {written.bundle_sha256[:12]}"
        )
        if written.missing:
            said.message += f"; without {'; '.join(written.missing)}"
        if written.waits_for:
            said.message += f"; no final report before recipients confirm deletion: {', '.join(written.waits_for)}"
        if written.open_ends:
            said.message += f"; not final, stored with neither keeper nor last day: {', '.join(written.open_ends)}"
    return said.message
