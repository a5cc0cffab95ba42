"""What goes last in a plan, when all else of a store is purged and looked for: its key, then the bucket itself.

One order of the store says it for all of them; each is an effect of its own, under the power to sanitise.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from winddown.control.authority import Effect
from winddown.domain.authorization import Power
from winddown.domain.plan import Order, Plan
from winddown.stages.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Ending:
    """One thing that goes last.

    Attributes:
        what: ``key`` or ``bucket``.
        order: the order that says so.
    """

    what: str
    order: Order
    effect: Effect

    @property
    def store(self) -> str:
        """Name of the store that it is the key or bucket of."""
        return self.order.collection.store


def endings(plan: Plan) -> tuple[Ending, ...]:
    """Keys first: what is in a bucket is looked at before it goes."""
    return (*_keys(plan), *_buckets(plan))


def key_of(plan: Plan, store: str) -> Ending | None:
    """The destruction of the key under which a store lies; None where the plan leaves it."""
    return next((found for found in _keys(plan) if found.store == store), None)


def has_begun(deployment: Deployment, plan: Plan) -> bool:
    """Whether one of them was intended, so that there may be nothing to look into any more."""
    return any(deployment.authority.state(found.effect) is not None for found in endings(plan))


def unended(deployment: Deployment, plan: Plan) -> list[str]:
    """What a plan says to destroy last, and that is not known to be gone, in words."""
    return [f"the {found.what} of {found.store}" for found in endings(plan) if not _is_done(deployment, found)]


def ended_stores(deployment: Deployment, case_id: str) -> frozenset[str]:
    """Stores whose key or bucket a plan of the case has destroyed: nothing in them is read or missed any more."""
    plans = [deployment.control.plan(plan_id) for plan_id in deployment.control.plans(case_id)]
    return frozenset(found.store for plan in plans for found in endings(plan) if _is_done(deployment, found))


def _is_done(deployment: Deployment, ending: Ending) -> bool:
    return deployment.authority.receipt(ending.effect) is not None


def _keys(plan: Plan) -> Iterator[Ending]:
    for order in plan.orders:
        if order.destroys_key:
            name = f"destroy key of {order.collection.store}"
            yield Ending("key", order, _effect(plan, order, name, digest=order.destroys_key))


def _buckets(plan: Plan) -> Iterator[Ending]:
    for order in plan.orders:
        if order.deletes_bucket:
            yield Ending("bucket", order, _effect(plan, order, f"delete bucket of {order.collection.store}"))


def _effect(plan: Plan, order: Order, name: str, *, digest: str = "") -> Effect:
    return Effect(plan.case, plan.id, name, Power.SANITISE, order.collection.store, 0, digest, 1)
