"""Buckets that go with what was in them, because the case file says why: planned with the orders that empty them."""

from collections.abc import Sequence
from dataclasses import replace

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, StoreDeclaration
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Act, Method, Order, Wave
from winddown.ports import SupportsBucketDeletion, ability
from winddown.stages.deployment import Deployment

_WHOLE = {Method.DELETE_MARKER, Method.ESCROW_OBJECT}


def emptying(
    deployment: Deployment,
    case: Case,
    wave: Wave,
    *,
    inventory: Inventory,
    orders: tuple[Order, ...],
    blockers: Sequence[Blocker],
) -> tuple[tuple[Order, ...], list[Blocker]]:
    """Let one order of each bucket that a plan empties, and that is to go, say so.

    A blocker tells of a bucket in which something would stay for good; before the last wave it may still go.
    """
    stuck: list[Blocker] = []
    for declaration in case.stores:
        mine = [order for order in orders if order.collection.store == declaration.name and order.changes_store]
        if not declaration.delete_bucket or not mine:
            continue
        store = ability(deployment.systems(case).store(declaration.name), SupportsBucketDeletion)
        made = "" if store is None else store.bucket_made()
        against = left_behind(declaration, inventory, mine, (*inventory.blockers, *blockers))
        against += [] if made else ["its service does not tell us when it was made"]
        locking = len({order.collection for order in mine if order.leaves_locked})
        against += [f"versions in {locking} collections that a retention keeps"] if locking else []
        if against:
            stuck += [_stays(declaration, against)] if wave is Wave.AFTER_CLAIMS else []
            continue
        last = mine[-1]
        said = replace(
            last,
            deletes_bucket=made,
            reason=reasons(last, f"when it is empty, the bucket is deleted for good: {declaration.delete_bucket}"),
        )
        orders = tuple(said if order is last else order for order in orders)
    return orders, stuck


def reasons(order: Order, more: str) -> str:
    """The reason of an order with another one behind it."""
    return "; ".join(filter(None, (order.reason, more)))


def left_behind(
    declaration: StoreDeclaration, inventory: Inventory, orders: Sequence[Order], blockers: Sequence[Blocker]
) -> list[str]:
    """What these orders would leave in the store, in counts; empty when every object goes whole."""
    going: dict[str, int] = {}
    for order in orders:
        if order.act is Act.ERASE and order.method in _WHOLE:
            going[str(order.collection)] = going.get(str(order.collection), 0) + order.selection.count
    left = [
        max(found.record_count - going.get(str(found.ref), 0), 0)
        for found in inventory.collections
        if found.ref.store == declaration.name and found.record_count != going.get(str(found.ref), 0)
    ]
    stopped = [found for found in blockers if found.subject.partition(":")[0] == declaration.name]
    against = [f"{sum(left):,} records in {len(left)} collections"] if left else []
    return against + ([f"what {len(stopped)} blockers stop"] if stopped else [])


def _stays(declaration: StoreDeclaration, against: Sequence[str]) -> Blocker:
    return Blocker(
        "bucket-stays",
        declaration.name,
        f"the case file says that its bucket goes, but this would stand against it: {', '.join(against)}; the plan "
        "erases what it can and leaves the bucket",
        "storage administrator",
        "let everything in it go, or say in the case file that the bucket stays",
    )
