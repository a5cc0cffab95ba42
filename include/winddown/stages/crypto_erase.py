"""Keys that go with what lies under them, because the case file says why: crypto erase (NIST SP 800-88 Rev. 2).

A retention of the object service keeps a body from being deleted, not its key. So where everything of a store goes and
every version in it is under one key of the company's, the locked ones stay behind unreadable, and all others, which are
deleted as ever, are so as well where the service may still have their bytes. It counts only if no copy of the key is
left, which nobody here can look for: the case file says what became of them, and approvers approve it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from winddown.control.authority import effect_of
from winddown.domain.authorization import Power
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, StoreDeclaration
from winddown.domain.errors import Refused
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Act, Order, Plan, Wave
from winddown.ports import SeesKey, SupportsKeyDestruction, ability
from winddown.stages.deployment import Deployment
from winddown.stages.emptied import left_behind, reasons
from winddown.stages.endings import ended_stores, key_of
from winddown.stages.manifests import batches
from winddown.stages.retention import COMPLIANCE, GOVERNANCE, retained


def destroying_keys(
    deployment: Deployment,
    case: Case,
    wave: Wave,
    *,
    inventory: Inventory,
    orders: tuple[Order, ...],
    blockers: Sequence[Blocker],
) -> tuple[tuple[Order, ...], list[Blocker]]:
    """Let one order of each store whose key goes with this plan say so, and others that they may leave locked versions.

    Where the key stays, what the service locks is in no order: before the last wave the key may still go, and then a
    blocker tells what stands against it.
    """
    stuck: list[Blocker] = []
    for declaration in case.stores:
        mine = [order for order in orders if order.collection.store == declaration.name and order.changes_store]
        if not declaration.destroy_key or not mine:
            continue
        locked = {order.id: said for order in mine if (said := _locked(inventory, order))}
        against = left_behind(declaration, inventory, mine, (*inventory.blockers, *blockers))
        against += _unfit(deployment, case, declaration)
        if against:
            names = {str(order.collection) for order in mine if order.id in locked}
            orders = tuple(order for order in orders if str(order.collection) not in names)
            if wave is Wave.AFTER_CLAIMS:
                stuck += [_stays(subject, against) for subject in (declaration.name, *sorted(names))]
            continue
        fingerprint = _store(deployment, case, declaration.name).key_fingerprint()
        changed = {order.id: _leaving(order, locked[order.id]) for order in mine if order.id in locked}
        last = changed.get(mine[-1].id, mine[-1])
        changed[last.id] = replace(
            last,
            destroys_key=fingerprint,
            reason=reasons(
                last,
                f"when all else is purged, the key with fingerprint {fingerprint} is destroyed for good: "
                f"{declaration.destroy_key}, and of its copies: {declaration.key_copies}",
            ),
        )
        orders = tuple(changed.get(order.id, order) for order in orders)
    return orders, stuck


def require_fit(deployment: Deployment, case: Case, plan: Plan, order: Order) -> None:
    """Raise Refused unless the key is the planned one, and nothing is under it that the plan does not know.

    What is listed by now must be what the plan's own orders left locked: a version that somebody wrote meanwhile would
    become unreadable with them.
    """
    name = order.collection.store
    declaration = next(found for found in case.stores if found.name == name)
    found = _store(deployment, case, name).key_fingerprint()
    if found != order.destroys_key:
        raise Refused(
            f"the key of store {name} is another one, with fingerprint {found}, than the planned one",
            rule="the approved key, no other",
            next_step="leave it alone, and find out what became of the planned one",
        )
    inspector = deployment.systems(case).inspectors[name]
    assert isinstance(inspector, SeesKey)  # noqa: S101 - whoever destroys asked for it
    strange = inspector.listed() - sum(
        inspector.locked(one, batch)
        for one in plan.orders
        if one.collection.store == name and one.leaves_locked
        for batch in batches(deployment, case.id, one)
    )
    against = _unfit(deployment, case, declaration)
    against += [f"{strange:,} versions that the plan did not leave locked"] if strange else []
    opened = inspector.open_without_key()
    against += [f"{opened:,} versions that are not refused to somebody without the key"] if opened else []
    if against:
        raise Refused(
            f"the key of store {name} stays, because something stands against its destruction: {', '.join(against)}",
            rule="only what was planned becomes unreadable",
            next_step="find out who wrote there after the purge, move it out of the store or have it planned, then "
            "clear the task",
        )


@dataclass(frozen=True, slots=True)
class Locked:
    """Versions that a purge left, because a retention of the service keeps them; ``until`` is its last day."""

    versions: int
    until: str


def locked_by(deployment: Deployment, plan: Plan, order: Order) -> Locked:
    """What an order left locked, by the receipts of its purges."""
    found = [] if not order.leaves_locked else list(batches(deployment, plan.case, order))
    receipts = (deployment.authority.receipt(effect_of(plan, order, batch, Power.PURGE)) for batch in found)
    details = [dict(receipt.details) for receipt in receipts if receipt is not None]
    return Locked(
        sum(int(one.get("locked", 0)) for one in details),
        max((one.get("locked_until", "") for one in details), default=""),
    )


def erased_stores(deployment: Deployment, plan: Plan) -> frozenset[str]:
    """Stores whose key the plan has destroyed."""
    keys = [key_of(plan, order.collection.store) for order in plan.orders if order.destroys_key]
    return frozenset(
        key.store for key in keys if key is not None and deployment.authority.receipt(key.effect) is not None
    )


def key_row(deployment: Deployment, case: Case, plan: Plan, order: Order) -> dict[str, Any] | None:
    """What a certificate says of the destroyed key under which an order's objects lay; None for any other order."""
    name = order.collection.store
    key = key_of(plan, name)
    if key is None or order.act is not Act.ERASE or name not in erased_stores(deployment, plan):
        return None
    declaration = next(found for found in case.stores if found.name == name)
    locked = locked_by(deployment, plan, order)
    return {
        "technique": "crypto_erase",
        "fingerprint": key.order.destroys_key,
        "copies": declaration.key_copies,
        "locked_versions": locked.versions,
        "locked_until": locked.until or None,
    }


def residuals_under_key(deployment: Deployment, plan: Plan) -> list[dict[str, Any]]:
    """What stays, unreadable, of each collection: bodies that are locked, and what was never encrypted about them."""
    rows: list[dict[str, Any]] = []
    erased = erased_stores(deployment, plan)
    for order in plan.orders:
        locked = locked_by(deployment, plan, order)
        if locked.versions and order.collection.store in erased:
            what = (
                f"{locked.versions:,} versions stay locked, unreadable since their key was destroyed (crypto_erase; "
                "NIST outcome: purge); their names, sizes, metadata and tags stay in clear"
            )
            rows.append({"collection": str(order.collection), "what": what, "until": locked.until})
    return rows


def _unfit(deployment: Deployment, case: Case, declaration: StoreDeclaration) -> list[str]:
    """What speaks against the destruction of a key, whatever a plan takes out of its store."""
    try:
        store = _store(deployment, case, declaration.name)
        fingerprint = store.key_fingerprint()
        others = store.not_under_key()
    except Refused as error:
        return [error.message]
    against = [f"{others:,} versions that are not under the key"] if others else []
    gone = ended_stores(deployment, case.id)
    for other in case.stores:
        if not other.customer_key or other.name == declaration.name or other.name in gone:
            continue
        try:
            is_same = _store(deployment, case, other.name).key_fingerprint() == fingerprint
        except Refused as error:
            against.append(f"whether store {other.name} is under the same key is not known: {error.message}")
        else:
            against += [f"store {other.name} is under the same key"] if is_same else []
    return against


def _store(deployment: Deployment, case: Case, name: str) -> SupportsKeyDestruction:
    found = ability(deployment.systems(case).store(name), SupportsKeyDestruction)
    if found is None:
        raise Refused(f"store {name} has no key of the company's", next_step="declare it as it was planned")
    return found


def _locked(inventory: Inventory, order: Order) -> str:
    """What retention keeps of an order's collection, in words; "" where the order may take all of it."""
    modes: Iterable[str] = (COMPLIANCE,) if order.bypasses_governance else (COMPLIANCE, GOVERNANCE)
    return ", ".join(filter(None, (retained(inventory.facts, mode, order.collection) for mode in modes)))


def _leaving(order: Order, said: str) -> Order:
    return replace(
        order, leaves_locked=True, reason=reasons(order, f"leaves locked what the service retains, unreadable: {said}")
    )


def _stays(subject: str, against: Sequence[str]) -> Blocker:
    return Blocker(
        "key-stays",
        subject,
        f"the case file says that its key goes, but this would stand against it: {', '.join(against)}; the key stays, "
        "and so does what the service locks",
        "storage administrator",
        "let everything in the store go and be under this key alone, or say in the case file that the key stays",
    )
