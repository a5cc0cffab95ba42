"""Clears what purged records leave behind in the stores' own files, once everything of the plan is purged."""

from winddown.control.authority import Effect
from winddown.domain.authorization import Power
from winddown.domain.plan import OrderId, Plan
from winddown.domain.receipt import Receipt
from winddown.ports import SupportsSanitise, ability
from winddown.stages.deployment import ACTOR, Deployment


def sanitise(deployment: Deployment, plan_id: str) -> tuple[Receipt, ...]:
    """Sanitise every store that the plan destroyed something in; a store without the ability is left as it is."""
    plan = deployment.control.plan(plan_id)
    case = deployment.case(plan.case)
    receipts = []
    for declaration in case.stores:
        touched = {
            order.collection
            for order in plan.orders
            if order.collection.store == declaration.name and order.changes_store
        }
        store = ability(deployment.systems(case).store(declaration.name), SupportsSanitise)
        if store is None or not touched:
            continue
        effect = _effect(plan, declaration.name, len(touched))
        receipt = deployment.authority.receipt(effect)
        if receipt is None:
            authorization = deployment.authority.authorize(effect, actor=ACTOR, before=None)
            receipt = store.sanitise(authorization, sorted(touched), settled=_settled(deployment, plan))
            # Told before it is closed: what is closed is not looked at again, and its details would be missing.
            body = {"plan_id": plan.id, "store": declaration.name, "details": dict(receipt.details)}
            deployment.ledger.append(case.id, "sanitised", body, actor=ACTOR)
            deployment.authority.close(
                effect, state="done", receipt=receipt, read_back="searched by verify", actor=ACTOR
            )
        receipts.append(receipt)
    return tuple(receipts)


def _settled(deployment: Deployment, plan: Plan) -> list[OrderId]:
    """Orders of which no store is asked any more: this plan's, all of it purged, and those certified or restored."""
    over = [name for state in ("certified", "superseded") for name in deployment.control.plans(plan.case, state=state)]
    return [order.id for found in (*map(deployment.control.plan, over), plan) for order in found.orders]


def receipt_of(deployment: Deployment, plan: Plan, store: str) -> Receipt | None:
    """What clearing a store under a plan did and left; None where nothing was cleared."""
    return deployment.authority.receipt(_effect(plan, store, 0))


def _effect(plan: Plan, store: str, collections: int) -> Effect:
    return Effect(plan.case, plan.id, f"sanitise {store}", Power.SANITISE, store, 0, "", collections)
