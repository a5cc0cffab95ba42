"""Makes a wave's plan on frozen stores: snapshot again, decide again, select keys, choose methods, dry-run, digest."""

from dataclasses import replace

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.clocks import ClockResult
from winddown.domain.decision import Decision, Disposition
from winddown.domain.errors import Refused
from winddown.domain.hold import holds_digest
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Order, Plan, Wave
from winddown.stages.anonymise import unfit_extracts
from winddown.stages.check import Checks
from winddown.stages.classify import classify_inventory
from winddown.stages.clocks import wave_clocks
from winddown.stages.crypto_erase import destroying_keys
from winddown.stages.decide import label_and_decide
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.discover import record_inventory, take_inventory
from winddown.stages.emptied import emptying
from winddown.stages.fairness import Fairness, check_fairness, fairness_blockers
from winddown.stages.history import unkept_history
from winddown.stages.orders import leaving, make_orders
from winddown.stages.references import keep_referenced, kept_references, note_referenced
from winddown.stages.rehearsal import dry_run, write_probes
from winddown.stages.remembered import remember_customers
from winddown.stages.retention import under_governance
from winddown.stages.safeguards import above_maximum, plant

# Records that a person has to decide on stay blocked without stopping the rest of the wave.
_LEFT_ALONE = {"company-own", "unknown-subject", "untied-record", "undated-record", "placeholder-date"}


def make_plan(deployment: Deployment, case_id: str, wave: Wave) -> Plan | None:
    """Return the wave's open plan, or make one; None when the wave has nothing to do.

    Raises Refused when the law's clocks do not let the wave begin.
    """
    case = deployment.case(case_id)
    existing = deployment.control.plans(case_id, wave=wave, state="open")
    if existing:
        return deployment.control.plan(existing[-1])
    withdrawn = deployment.control.plans(case_id, state="withdrawn")
    if withdrawn:
        raise Refused(
            f"plan {withdrawn[-1]} was withdrawn and is not restored yet",
            rule="undo comes first",
            next_step=f"python -m winddown restore {case_id} --by PERSON",
        )
    preconditions = _preconditions(deployment, case, wave)
    checks = deployment.control.require(case_id, "checks", "before", type_=Checks)
    seen = take_inventory(deployment, case)
    inventory = replace(seen, blockers=(*seen.blockers, *checks.blockers))
    first: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    _refuse_another_system(first, inventory)
    _refuse_unclassified(first, inventory)
    # What was written since the first reading, e.g. before the freeze, is read now: a plan rests on no older findings.
    findings = classify_inventory(deployment, case_id, inventory)
    inventory_digest = record_inventory(deployment, case_id, inventory, name=wave)
    labelled, index = label_and_decide(deployment, case, inventory, findings)
    number = len(deployment.control.plans(case_id)) + 1
    plan_id = f"{case_id}-{number:02d}-{wave.value.replace('_', '-')}"
    fairness = check_fairness(deployment, case, inventory, findings, labelled=labelled, index=index)
    deployment.control.put(case_id, "fairness", wave, fairness, type_=Fairness)
    going = {found.collection.ref: leaving(case, wave, found, findings) for found in labelled}
    labelled = keep_referenced(deployment, case, labelled, going)
    note_referenced(deployment, case_id, plan_id, labelled)
    orders, blockers = make_orders(deployment, case, plan_id, wave=wave, labelled=labelled, findings=findings)
    blockers += fairness_blockers(fairness)
    blockers += unkept_history(deployment, case, inventory, index, labelled=labelled, orders=orders)
    blockers += unfit_extracts(deployment, case, inventory, index, orders=orders)
    blockers += above_maximum(case, orders)
    orders, kept = under_governance(case, inventory, orders)
    blockers += kept
    blockers += plant(deployment, case, plan_id, inventory.collections, orders)
    # Last, because what is stopped as a whole until here keeps its rows, and these may refer to rows that would go.
    blockers += kept_references(deployment, case, labelled, _unstopped(orders, blockers))
    orders = _unstopped(orders, blockers)
    for ending in (destroying_keys, emptying):
        orders, staying = ending(deployment, case, wave, inventory=inventory, orders=orders, blockers=blockers)
        blockers += staying
    deployment.control.put(case_id, "blockers", wave, tuple(blockers), type_=tuple[Blocker, ...])
    decisions = tuple(decision for found in labelled for decision in found.decisions)
    if not orders:
        if not deployment.control.plans(case_id, wave=wave, state="certified"):
            _refuse_stuck(wave, decisions, blockers)
        return None
    requested = deployment.control.require(case_id, "request", "request", type_=dict[str, str])
    plan = Plan(
        id=plan_id,
        case=case_id,
        wave=wave,
        orders=orders,
        inventory_digest=inventory_digest,
        decisions=decisions,
        fingerprints=tuple((str(found.ref), found.fingerprint) for found in inventory.collections),
        holds_digest=holds_digest(deployment.control.holds(case_id)),
        preconditions=preconditions,
        rule_packs=tuple((f"{pack.id} {pack.version}", pack.digest) for pack in deployment.rulebook.packs),
        code_version=deployment.code_version,
        grace_seconds=int(case.grace.duration.total_seconds()),
        grace_reason=f"{case.grace.reason}; accepted by {case.grace.accepted_by}",
        approvals_needed=case.approval.people,
        approver_roles=case.approval.roles,
        identities=inventory.identities,
        approvers=case.named_approvers(),
        requested_by=requested["requested_by"],
        approval_days=case.approval.days,
    )
    remember_customers(deployment, case_id, index.table)
    dry_run(deployment, case, plan)
    write_probes(deployment, case, plan, labelled, findings)
    record_plan(deployment, plan)
    return plan


def record_plan(deployment: Deployment, plan: Plan) -> None:
    """Store a plan with its ledger entry in one transaction: no later run enters a plan that it finds."""
    body = {"plan_id": plan.id, "wave": plan.wave.value, "digest": plan.digest, "orders": len(plan.orders)}
    with deployment.control.engine.begin() as connection:
        deployment.control.add_plan_within(connection, plan)
        deployment.ledger.append_within(connection, plan.case, "plan_made", body, actor=ACTOR)


def _unstopped(orders: tuple[Order, ...], blockers: list[Blocker]) -> tuple[Order, ...]:
    stopped = {blocker.subject for blocker in blockers}
    return tuple(order for order in orders if str(order.collection) not in stopped)


def waiting_clocks(deployment: Deployment, case: Case, wave: Wave) -> tuple[str, ...]:
    """The legal clocks that do not let a wave begin yet, in words; empty when it may."""
    return _waiting(wave_clocks(deployment, case, wave))


def _waiting(results: tuple[ClockResult, ...]) -> tuple[str, ...]:
    return tuple(f"{found.rule} ({found.citation}): {found.sentence}" for found in results if not found.satisfied)


def _preconditions(deployment: Deployment, case: Case, wave: Wave) -> tuple[str, ...]:
    results = wave_clocks(deployment, case, wave)
    waiting = _waiting(results)
    if waiting:
        raise Refused(
            f"wave {wave} of case {case.id} is not due: " + "; ".join(waiting),
            rule="legal clocks",
            next_step="record the event with its evidence in the case file when it has happened",
        )
    return tuple(f"{result.rule}: {result.sentence}" + (" (late)" if result.is_late else "") for result in results)


def _refuse_stuck(wave: Wave, decisions: tuple[Decision, ...], blockers: list[Blocker]) -> None:
    """A wave in which nothing can be done because of blockers must not pass for one in which nothing is due.

    What else is said of records that a person has to decide on first, e.g. a trigger on the company's own table, stops
    nothing that would be done.
    """
    stuck = [found for found in decisions if found.disposition is Disposition.BLOCKED]
    reasons = {
        f"{decision.collection}: {reason.rule}"
        for decision in stuck
        if not any(reason.rule in _LEFT_ALONE for reason in decision.reasons)
        for reason in decision.reasons
    }
    reasons |= {f"{blocker.subject}: {blocker.code}" for blocker in blockers}
    if reasons:
        raise Refused(
            f"nothing of wave {wave} can be done: {'; '.join(sorted(reasons))}",
            rule="deny by default",
            next_step="resolve the blockers (docs/blockers.md), then trigger the case with `again`",
        )


def _refuse_another_system(first: Inventory, now: Inventory) -> None:
    """What was classified and decided on must be what the plan is about, not a copy that answers in its place."""
    moved = [
        f"{store} (classified {known}, found {now.identity(store)})"
        for store, known in first.identities
        if now.identity(store) and known != now.identity(store)  # one that is down has none, and is blocked
    ]
    if moved:
        raise Refused(
            f"these stores are other systems than those that were classified: {', '.join(moved)}",
            rule="the approved system, no other",
            next_step="point the connections back, or trigger the case with `again` so that the new ones are read",
        )


def _refuse_unclassified(first: Inventory, now: Inventory) -> None:
    """A field or collection that appeared after classification was never read; it must not slip into a plan."""
    known = {str(found.ref): set(found.field_names()) for found in first.collections}
    fresh = [
        str(found.ref)
        for found in now.collections
        if str(found.ref) not in known or not set(found.field_names()) <= known[str(found.ref)]
    ]
    if fresh:
        raise Refused(
            f"these appeared or changed their fields after classification: {', '.join(fresh)}",
            rule="nothing unread passes",
            next_step="trigger the case with `again`, so that they are read",
        )
