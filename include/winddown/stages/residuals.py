"""What a certificate says of places that may hold records longer than their tables do: backups, files and logs.

The last certificate of a case is read for all of it, so each one names what earlier plans left as well.
"""

from collections.abc import Sequence
from typing import Any

from winddown.domain.case import Case, StoreDeclaration
from winddown.domain.inventory import CollectionRef, Fact, Inventory
from winddown.domain.plan import Plan
from winddown.domain.receipt import Receipt
from winddown.stages.crypto_erase import erased_stores, residuals_under_key
from winddown.stages.deployment import Deployment
from winddown.stages.retention import kept_by_services
from winddown.stages.sanitise import receipt_of

_DATABASES = {"postgresql", "mysql", "sqlite", "duckdb", "sql"}


def residuals(deployment: Deployment, case: Case, plan: Plan) -> list[dict[str, Any]]:
    """Where records that this plan or a certified one erased may still be, each place once.

    ``until`` is None where somebody must act and no day is known. A store whose files nothing here clears has a row,
    and so has a database of which no backup is declared: there may be one, and nobody said when it goes.
    """
    certified = (deployment.control.plan(name) for name in deployment.control.plans(case.id, state="certified"))
    plans = (*certified, plan)
    rows = [*_in_stores(deployment, case, plans), *_kept(deployment, plans)]
    return [row for number, row in enumerate(rows) if row not in rows[:number]]


def _in_stores(deployment: Deployment, case: Case, plans: Sequence[Plan]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "collection": str(entry.collection),
            "what": f"backup of {entry.backup.of}, taken on {entry.backup.taken_on}, still holds erased records",
            "until": entry.backup.expires_on.isoformat(),
        }
        for entry in case.register
        if entry.backup is not None
    ]
    backed_up = {entry.backup.of for entry in case.register if entry.backup is not None}
    for declaration in _touched(case, plans):
        name = declaration.name
        if declaration.kind in _DATABASES and name not in backed_up:
            what = "no backup of this store is declared; one that exists still holds erased records"
            found.append({"collection": name, "what": what, "until": None})
        for cleared in _clearings(deployment, plans, name):
            tasks = "none" if cleared is None else dict(cleared.details).get("tasks", "none")
            if cleared is None:
                what = "nothing here clears this store's files and logs; they may still hold erased records"
                found.append({"collection": name, "what": what, "until": None})
            elif tasks != "none":
                what = f"files and logs may still hold erased records until the store's administrator has done: {tasks}"
                found.append({"collection": name, "what": what, "until": None})
    return found


def _clearings(deployment: Deployment, plans: Sequence[Plan], store: str) -> list[Receipt | None]:
    """What clearing a store did and left under each plan that changed it; None where nothing was cleared.

    A later clearing takes the place of one of the same collections, or of some of them: it says what is to be done now.
    One of other collections does not, because their files are not what the earlier task is about.
    """
    found: list[tuple[set[CollectionRef], Receipt | None]] = []
    for plan in plans:
        changed = {order.collection for order in plan.orders if order.collection.store == store and order.changes_store}
        if not changed:
            continue
        cleared = receipt_of(deployment, plan, store)
        if cleared is not None:
            found = [(earlier, receipt) for earlier, receipt in found if not earlier <= changed]
        found.append((changed, cleared))
    return [receipt for _, receipt in found]


def _kept(deployment: Deployment, plans: Sequence[Plan]) -> list[dict[str, Any]]:
    """What object services keep, and what stays under destroyed keys."""
    unreadable = frozenset().union(*(erased_stores(deployment, plan) for plan in plans))
    under_key = [row for plan in plans for row in residuals_under_key(deployment, plan)]
    return [*kept_by_services(_facts(deployment, plans), unreadable=unreadable), *under_key]


def _facts(deployment: Deployment, plans: Sequence[Plan]) -> list[Fact]:
    """The facts of each store by the newest inventory that saw it; one whose bucket or key is gone is not read anew."""
    found: list[Fact] = []
    seen: set[str] = set()
    for wave in dict.fromkeys(plan.wave for plan in reversed(plans)):
        inventory = deployment.control.get(plans[-1].case, "inventory", wave, type_=Inventory)
        if inventory is not None:
            found += [fact for fact in inventory.facts if fact.subject.partition(":")[0] not in seen]
            seen |= {store for store, identity in inventory.identities if identity}
    return found


def store_of(case: Case, row: dict[str, Any]) -> str:
    """The store whose erased records a row of residuals speaks of: of a backup the one that it was taken of."""
    taken_of = {str(entry.collection): entry.backup.of for entry in case.register if entry.backup is not None}
    return taken_of.get(row["collection"], str(row["collection"]).partition(":")[0])


def unproven(deployment: Deployment, case: Case, plan: Plan) -> list[str]:
    """What is not claimed of each store that the plan changed, in words for a certificate."""
    said = []
    for declaration in _touched(case, (plan,)):
        if declaration.kind in _DATABASES - {"postgresql"}:
            said.append(f"store {declaration.name}: no backup of it was restored as a proof; only PostgreSQL's are")
        cleared = receipt_of(deployment, plan, declaration.name)
        left = "" if cleared is None else dict(cleared.details).get("not_reached", "")
        said += [f"store {declaration.name}: not reached: {left}"] if left else []
    return said


def _touched(case: Case, plans: Sequence[Plan]) -> list[StoreDeclaration]:
    changed = {order.collection.store for plan in plans for order in plan.orders if order.changes_store}
    return [declaration for declaration in case.stores if declaration.name in changed]
