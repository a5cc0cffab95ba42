"""Performs one effect on one batch: locate, authorise with intent, act, read back by another path, close.

This is the only place where a stage calls a store's effects. Killed anywhere in it and run again, it reaches the same
end: ``locate`` tells what was done, the effect's deterministic id ties the repeat to the first intent.
"""

from dataclasses import replace

from winddown.control.authority import Effect, effect_of
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Act, Method, Order, Plan
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import Inspector, SeesKey, Store
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.safeguards import require_sentinels

_ALREADY = {
    Power.QUARANTINE: {Whereabouts.QUARANTINED},
    Power.PURGE: {Whereabouts.GONE},
    Power.RESTORE: {Whereabouts.LIVE},
}
# Whoever acts compares every record with the plan in the transaction that moves it, so nothing rests on a look before.
_CHECKED_IN_THE_ACT = {Method.ESCROW_ROWS, Method.MOVE_ROWS, Method.MOVE_FIELDS}


def perform(deployment: Deployment, plan: Plan, order: Order, batch: Batch, power: Power) -> Receipt:
    """Quarantine, purge or restore one batch, exactly once however often it is called.

    Raises Refused when it is not authorised, Residual when the read-back disagrees with the store, and Transient when
    another worker did it meanwhile.
    """
    systems = deployment.systems(deployment.case(plan.case))
    store, inspector = systems.store(order.collection.store), systems.inspectors[order.collection.store]
    effect = effect_of(plan, order, batch, power)
    before = deployment.authority.state(effect)
    finished = _finished(deployment, effect)
    if finished is not None:
        return finished
    require_same_system(inspector, plan, order.collection.store)
    is_new = before is None and power is Power.QUARANTINE and order.method in _CHECKED_IN_THE_ACT
    if not (is_new and inspector.unchanged(order, batch) == batch.records):
        where = store.locate(order, batch)
        if before == "done" and where in _ALREADY[power]:
            receipt = deployment.authority.receipt(effect)
            assert receipt is not None  # noqa: S101 - a done effect has one
            return receipt
        _refuse_surprises(order, batch, power, where, before)
        if where not in {*_ALREADY[power], Whereabouts.MIXED}:  # half-done work cannot be seen whole any more
            _refuse_blind(inspector, order, batch, power)
    if power is not Power.RESTORE:
        require_sentinels(deployment, plan, order.collection.store)
    authorization = deployment.authority.authorize(effect, actor=ACTOR, before=before)
    receipt = _act(store, authorization, order, batch, power)
    is_unproven = power is Power.RESTORE and _is_unproven(deployment, effect, order)
    left = inspector.leftovers(order, batch) if is_unproven else _read_back(inspector, order, batch, power)
    if power is Power.PURGE and order.leaves_locked:
        left += _unaccounted(inspector, order, batch, receipt)
    if left:
        said = f"{left} records or traces contradict the store"
        found = _found(left)
        deployment.authority.close(effect, state="unknown", receipt=receipt, read_back=found, actor=ACTOR)
        raise Residual(
            f"{power} of {order.id} batch {batch.index}: {said}",
            rule="independent read-back",
            next_step="compare store and inspector; nothing further is authorised for this batch",
        )
    found = _found(0, by="inspector, in quarantine alone" if is_unproven else "inspector")
    deployment.authority.close(effect, state="done", receipt=receipt, read_back=found, actor=ACTOR)
    return receipt


def settle_purge(deployment: Deployment, plan: Plan, order: Order, batch: Batch) -> bool:
    """Close a purge that was intended, when nothing of its batch is left; whether it could be.

    Its worker was killed between its commit and its close, and its plan may be withdrawn by now: then it cannot be
    repeated, and what was done has to be told all the same. Nothing is done here.
    """
    effect = effect_of(plan, order, batch, Power.PURGE)
    if deployment.authority.state(effect) is None or order.leaves_locked:
        return False
    systems = deployment.systems(deployment.case(plan.case))
    store, inspector = systems.store(order.collection.store), systems.inspectors[order.collection.store]
    if store.locate(order, batch) is not Whereabouts.GONE or _read_back(inspector, order, batch, Power.PURGE):
        return False
    receipt = Receipt("purge", str(order.id), batch.index, batch.records)
    deployment.authority.close(effect, state="done", receipt=receipt, read_back=_found(0), actor=ACTOR)
    return True


def _found(contradictions: int, *, by: str = "inspector") -> dict[str, object]:
    """What another path read back, as the ledger has it and verifiers read it."""
    return {"by": by, "contradictions": contradictions}


def _finished(deployment: Deployment, effect: Effect) -> Receipt | None:
    """The receipt of an effect that needs no second look: a purge that was read back, or what it had quarantined.

    Once a purge has begun, its batch is not quarantined again, whatever the store looks like.
    """
    if effect.power is Power.PURGE:
        return deployment.authority.receipt(effect)
    if effect.power is Power.QUARANTINE and deployment.authority.state(replace(effect, power=Power.PURGE)) is not None:
        return deployment.authority.receipt(effect)
    return None


def _refuse_surprises(order: Order, batch: Batch, power: Power, where: Whereabouts, before: str | None) -> None:
    """Half-done work is ours to finish only when we had intended it; anything else happened behind our back."""
    expected = {
        Power.QUARANTINE: {Whereabouts.LIVE},
        Power.PURGE: {Whereabouts.QUARANTINED},
        Power.RESTORE: {Whereabouts.QUARANTINED, Whereabouts.MIXED, Whereabouts.LIVE},
    }[power]
    if where in expected or (before is not None and where in {*_ALREADY[power], Whereabouts.MIXED}):
        return
    if power is Power.PURGE and where is Whereabouts.LIVE:
        raise Refused(f"order {order.id} batch {batch.index} is live", rule="quarantine before purge")
    raise Residual(
        f"order {order.id} batch {batch.index} is {where} before its {power}, and nobody here intended that",
        next_step="find out who changed the collection after it was frozen",
    )


def require_same_system(inspector: Inspector, plan: Plan, store: str) -> None:
    """Raise Refused when the inspector looks into another system than the planned one: its zero would be worthless."""
    planned, found = dict(plan.identities).get(store, "none"), inspector.identity()
    if found != planned:
        raise Refused(
            f"the inspector of store {store} looks into another system: planned {planned}, found {found}",
            rule="independent read-back",
            next_step=f"point the connection {store}__inspect to the planned system",
        )


def _refuse_blind(inspector: Inspector, order: Order, batch: Batch, power: Power) -> None:
    """Before the first attempt the inspector must see every record; only then does its zero mean anything."""
    if power is Power.RESTORE:
        return
    look = inspector.unchanged if power is Power.QUARANTINE else inspector.set_aside
    seen = look(order, batch)
    if seen != batch.records:
        raise Residual(
            f"before {power} of {order.id} batch {batch.index} the inspector sees {seen} of {batch.records} records",
            rule="independent read-back",
            next_step="check what the inspector's credential may read, and who changed the records",
        )


def _is_unproven(deployment: Deployment, effect: Effect, order: Order) -> bool:
    """Whether a whole table went without having been seen in quarantine as the planned one.

    It is brought back as it is, whoever wrote to it before it went: undo does not wait for that to be cleared up.
    """
    is_whole = order.method in {Method.MOVE_TABLE, Method.DETACH_PARTITION}
    return is_whole and deployment.authority.state(replace(effect, power=Power.QUARANTINE)) != "done"


def _act(store: Store, authorization: Authorization, order: Order, batch: Batch, power: Power) -> Receipt:
    if power is Power.QUARANTINE:
        return store.quarantine(authorization, order, batch)
    if power is Power.PURGE:
        return store.purge(authorization, order, batch)
    return store.restore(authorization, order, batch)


def _read_back(inspector: Inspector, order: Order, batch: Batch, power: Power) -> int:
    """Contradictions that another path finds."""
    if power is Power.RESTORE and order.act is Act.MINIMISE:
        # What else of the row was changed meanwhile is none of ours; nothing may be left behind. Where a part of values
        # stays, what is set aside is only what fits that part.
        return inspector.leftovers(order, batch) if order.generalised else inspector.set_aside(order, batch)
    if power is Power.RESTORE:
        return batch.records - inspector.unchanged(order, batch)
    if power is Power.QUARANTINE:
        return inspector.remaining(order, batch) + batch.records - inspector.set_aside(order, batch)
    return inspector.remaining(order, batch) + inspector.leftovers(order, batch)


def _unaccounted(inspector: Inspector, order: Order, batch: Batch, receipt: Receipt) -> int:
    """How many more or less versions another path finds locked than the store's receipt tells."""
    seen = inspector.locked(order, batch) if isinstance(inspector, SeesKey) else 0
    return abs(seen - int(dict(receipt.details)["locked"]))
