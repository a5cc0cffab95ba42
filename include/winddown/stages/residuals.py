"""What a certificate says of places that may hold records longer than their tables do: backups, files and logs."""

from typing import Any

from winddown.domain.case import Case, StoreDeclaration
from winddown.domain.plan import Plan
from winddown.stages.deployment import Deployment
from winddown.stages.sanitise import receipt_of

_DATABASES = {"postgresql", "mysql", "sqlite", "duckdb", "sql"}


def residuals(deployment: Deployment, case: Case, plan: Plan) -> list[dict[str, Any]]:
    """Where erased records may still be, and until when; ``until`` is None where somebody must act and no day is known.

    A store whose files nothing here clears has a row, and so has a database of which no backup is declared: there may
    be one, and nobody said when it goes.
    """
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
    for declaration in _touched(case, plan):
        name = declaration.name
        if declaration.kind in _DATABASES and name not in backed_up:
            what = "no backup of this store is declared; one that exists still holds erased records"
            found.append({"collection": name, "what": what, "until": None})
        cleared = receipt_of(deployment, plan, name)
        tasks = "none" if cleared is None else dict(cleared.details).get("tasks", "none")
        if cleared is None:
            what = "nothing here clears this store's files and logs; they may still hold erased records"
            found.append({"collection": name, "what": what, "until": None})
        elif tasks != "none":
            what = f"files and logs may still hold erased records until the store's administrator has done: {tasks}"
            found.append({"collection": name, "what": what, "until": None})
    return found


def store_of(case: Case, row: dict[str, Any]) -> str:
    """The store whose erased records a row of residuals speaks of: of a backup the one that it was taken of."""
    taken_of = {str(entry.collection): entry.backup.of for entry in case.register if entry.backup is not None}
    return taken_of.get(row["collection"], str(row["collection"]).partition(":")[0])


def unproven(deployment: Deployment, case: Case, plan: Plan) -> list[str]:
    """What is not claimed of each store that the plan changed, in words for a certificate."""
    said = []
    for declaration in _touched(case, plan):
        if declaration.kind in _DATABASES - {"postgresql"}:
            said.append(f"store {declaration.name}: no backup of it was restored as a proof; only PostgreSQL's are")
        cleared = receipt_of(deployment, plan, declaration.name)
        left = "" if cleared is None else dict(cleared.details).get("not_reached", "")
        said += [f"store {declaration.name}: not reached: {left}"] if left else []
    return said


def _touched(case: Case, plan: Plan) -> list[StoreDeclaration]:
    changed = {order.collection.store for order in plan.orders if order.changes_store}
    return [declaration for declaration in case.stores if declaration.name in changed]
