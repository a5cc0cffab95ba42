"""Quarantine, restore and purge of whole orders: which units of work there are, and in which order they run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from winddown.control.authority import effect_of
from winddown.domain.access import Action
from winddown.domain.authorization import Power
from winddown.domain.batch import SMALL_BATCHES, Batch
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import ESCROWING, Method, Order, Plan
from winddown.domain.receipt import ACTED, Whereabouts
from winddown.ports import SupportsSideBySide, ability
from winddown.stages.anonymise import require_extracts
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.effects import perform, settle_purge
from winddown.stages.lanes import in_lanes
from winddown.stages.manifests import batches
from winddown.stages.pace import Pace
from winddown.stages.people import require_action
from winddown.stages.seal import require_whole

_OF_TABLES = {Method.MOVE_ROWS, *ESCROWING, Method.MOVE_TABLE, Method.DETACH_PARTITION, Method.MOVE_FIELDS}


@dataclass(frozen=True, slots=True)
class Done:
    """What a unit of work did.

    Attributes:
        acted: what acted by itself on collections into which records came back, e.g. a trigger that came in grace.
    """

    batches: int
    records: int
    acted: tuple[str, ...] = ()


def units(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """Split a plan's destructive orders into units that may run side by side.

    Tables of one store depend on each other through foreign keys, so they are one unit, in the order of their levels;
    each collection of objects is a unit of its own. Own traces are one unit. Ids only, so that a unit may travel in an
    XCom.
    """
    if plan.traces:
        return (tuple(trace.name for trace in plan.traces),)
    tables: dict[str, list[Order]] = {}
    alone: list[tuple[str, ...]] = []
    for order in sorted(plan.orders, key=lambda found: (found.level, found.id)):
        if not order.changes_store:
            continue
        if order.method in _OF_TABLES:
            tables.setdefault(order.collection.store, []).append(order)
        else:
            alone.append((str(order.id),))
    return (*(tuple(str(order.id) for order in orders) for orders in tables.values()), *alone)


def run_unit(
    deployment: Deployment,
    plan_id: str,
    order_ids: tuple[str, ...],
    power: Power,
    *,
    say: Callable[[str], None],
) -> Done:
    """Quarantine or purge the orders of a unit, batch by batch, and say now and then how far it is."""
    if power not in {Power.QUARANTINE, Power.PURGE}:
        raise Refused(f"{power} is not run by unit")
    plan = deployment.control.plan(plan_id)
    require_extracts(deployment, plan)
    if power is Power.PURGE:
        require_whole(deployment, plan_id)
    done_batches = records = 0
    pace = Pace(sum(plan.order(order_id).selection.count for order_id in order_ids), say)
    for order_id in order_ids:
        for done in _run(deployment, plan, plan.order(order_id), power, pace=pace):
            records += done
            done_batches += 1
    return Done(done_batches, records)


def _run(deployment: Deployment, plan: Plan, order: Order, power: Power, *, pace: Pace) -> Iterator[int]:
    """Perform an order's batches, side by side where the store can; yield the records of each."""
    store = deployment.systems(deployment.case(plan.case)).store(order.collection.store)
    wide = ability(store, SupportsSideBySide)

    def begun() -> Iterator[Callable[[], tuple[int, bool]]]:
        for batch in batches(deployment, plan.case, order):
            was_done = deployment.authority.state(effect_of(plan, order, batch, power)) == "done"
            if not was_done:
                pace.await_calm(store)
            yield partial(_carried_out, deployment, plan, order, batch, power, was_done=was_done)

    # The small batches at the beginning are there so that a mistake shows while it is small.
    lanes = wide.side_by_side(order) if wide is not None else 1
    for records, moved in in_lanes(begun(), lanes=lanes, alone=SMALL_BATCHES):
        pace.add(records, moved=moved)
        yield records


def _carried_out(
    deployment: Deployment, plan: Plan, order: Order, batch: Batch, power: Power, *, was_done: bool
) -> tuple[int, bool]:
    return perform(deployment, plan, order, batch, power).records, not was_done


def restore(deployment: Deployment, case_id: str, *, requested_by: str) -> Done:
    """Bring back everything that is in quarantine under the case's open plans, parents before children.

    Needs no approvals, because undo must not wait, but a role in the case and an entry in the ledger. What was
    purged is gone and is not touched. A batch that cannot be restored does not keep the others from it; Residual is
    raised for it at the end, and its plan stays open.
    """
    require_action(deployment, case_id, requested_by, Action.RESTORE)
    done_batches = records = 0
    failures: list[str] = []
    acted: set[str] = set()
    back: list[str] = []
    unfinished = (
        *deployment.control.plans(case_id, state="withdrawn"),
        *deployment.control.plans(case_id, state="open"),
    )
    for plan_id in unfinished:
        # Withdrawn first: whatever happens below, nothing but restoring is authorised under this plan any more.
        deployment.control.set_plan_state(plan_id, "withdrawn")
        done, failed = _restore_plan(deployment, deployment.control.plan(plan_id))
        done_batches += done.batches
        records += done.records
        acted |= set(done.acted)
        failures += failed
        back += [] if failed else [plan_id]
    said = tuple(sorted(acted))
    body = {"batches": done_batches, "records": records, "requested_by": requested_by, "acted_by_itself": list(said)}
    deployment.ledger.append(case_id, "restored", body, actor=ACTOR)
    for plan_id in back:
        # Last: killed before, nothing but restoring goes on, and whoever repeats it is named in the ledger.
        deployment.control.set_plan_state(plan_id, "superseded")
    if failures:
        raise Residual(
            "not everything could be restored: " + "; ".join(failures),
            next_step="find out who changed these collections in the meantime; everything else is back",
        )
    return Done(done_batches, records, said)


def _restore_plan(deployment: Deployment, plan: Plan) -> tuple[Done, list[str]]:
    """Restore what can be; the store is asked, not our memory, because an effect may never have been recorded."""
    systems = deployment.systems(deployment.case(plan.case))
    effects = {(found.order_id, found.batch, found.power): found.state for found in deployment.control.effects(plan.id)}
    done_batches = records = 0
    failures: list[str] = []
    acted: list[str] = []
    for order in sorted(plan.orders, key=lambda found: (-found.level, found.id)):
        # The last batch first, because rows may refer to rows of a later batch of the same table.
        for batch in reversed(tuple(batches(deployment, plan.case, order))) if order.changes_store else ():
            if effects.get((order.id, batch.index, Power.PURGE)) == "done":
                continue
            state = effects.get((order.id, batch.index, Power.QUARANTINE))
            begun = state not in {None, "restored"}
            try:
                where = systems.store(order.collection.store).locate(order, batch)
                if not (begun or where is Whereabouts.QUARANTINED):
                    continue  # nothing of ours to undo, whoever else wrote there
                inspector = systems.inspectors[order.collection.store]
                # A live one that was begun may be at work, or its restore was killed before its end.
                is_kept = (
                    where in {Whereabouts.QUARANTINED, Whereabouts.LIVE}
                    or state != "intent"
                    or inspector.leftovers(order, batch)
                )
                if not is_kept:
                    continue  # it was intended and never done
                receipt = perform(deployment, plan, order, batch, Power.RESTORE)
            except (Residual, Refused) as error:
                if not settle_purge(deployment, plan, order, batch):
                    failures.append(error.message)
            else:
                done_batches += 1
                records += receipt.records
                named = dict(receipt.details).get(ACTED)
                acted += [f"{order.collection}: {named}"] if named else []
    return Done(done_batches, records, tuple(acted)), failures
