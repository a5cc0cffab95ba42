"""Versions that the object service itself keeps: under Object Lock nothing is purged that nobody released.

Governance retention may be bypassed by whoever has the right to. Here that takes a reason in the collection's register
entry, which stands in the plan that people approve; without it the collection is blocked. Compliance retention and
legal holds of the service are never bypassed: the store blocks their folders. Where the case file says that the key of
a store goes, retention blocks nothing by itself (``crypto_erase``).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, StoreDeclaration
from winddown.domain.inventory import CollectionRef, Fact, Inventory
from winddown.domain.plan import Act, Order

_NAMES = {"inventory-reports": "inventory reports", "access-logs": "access logs"}
GOVERNANCE, COMPLIANCE, _HOLD = "governance-retention", "compliance-retention", "object-legal-hold"


def under_governance(
    case: Case, inventory: Inventory, orders: tuple[Order, ...]
) -> tuple[tuple[Order, ...], list[Blocker]]:
    """Let the orders whose register entry says why bypass governance retention; a blocker for each other collection.

    Collections of a store whose key goes are not blocked here: what stays of them may be left locked.
    """
    keyless = {store.name for store in case.stores if not store.destroy_key}
    found: list[Order] = []
    blockers: list[Blocker] = []
    for order in orders:
        said = retained(inventory.facts, GOVERNANCE, order.collection) if order.act is Act.ERASE else ""
        if not said:
            found.append(order)
            continue
        entry = case.entry(order.collection)
        if entry is not None and entry.bypass_governance:
            reason = f"bypasses governance retention of {said}: {entry.bypass_governance}"
            reason = "; ".join(filter(None, (order.reason, reason)))
            found.append(replace(order, bypasses_governance=True, reason=reason))
            continue
        found.append(order)
        if order.collection.store not in keyless:
            continue
        blockers.append(
            Blocker(
                "governance-retention",
                str(order.collection),
                f"{said} are under governance retention, which only an approved reason may bypass",
                entry.steward if entry is not None else "steward",
                "wait until it ends, or say in the register under bypass_governance why it may be bypassed",
            )
        )
    return tuple(found), blockers


def without_compliance(declaration: StoreDeclaration, blockers: Iterable[Blocker]) -> list[Blocker]:
    """The blockers of a store; those for compliance retention only where it declares no key that goes."""
    return [found for found in blockers if found.code != COMPLIANCE or not declaration.destroy_key]


def undeclared_replicas(case: Case, facts: Iterable[Fact]) -> list[Blocker]:
    """A blocker for each store whose bucket is copied to one that the case does not declare.

    A deletion of single versions is not replicated, so the copies are orders of a store of their own or stay.
    """
    declared = {store.bucket for store in case.stores}
    blockers = []
    for fact in facts:
        _, is_copied, targets = fact.value.partition("copies to ")
        if fact.name != "replication" or not is_copied:
            continue
        missing = [name for target in targets.split(", ") if (name := target.rpartition(":")[2]) not in declared]
        if missing:
            blockers.append(
                Blocker(
                    "undeclared-replica",
                    fact.subject,
                    f"its bucket is copied to {', '.join(missing)}, which is no store of the case",
                    "storage administrator",
                    "declare the bucket as a store of its own, or end the replication and delete what was copied",
                )
            )
    return blockers


def kept_by_services(facts: Iterable[Fact], *, unreadable: frozenset[str]) -> list[dict[str, Any]]:
    """What object services keep of what is erased, for a certificate; some of it has no last day that anybody knows.

    Of the stores in ``unreadable``, whose key is destroyed, what is retained is told by what the purge left.
    """
    rows: list[dict[str, Any]] = []
    for fact in facts:
        if fact.name == COMPLIANCE:
            if fact.subject.partition(":")[0] in unreadable:
                continue
            count, _, until = fact.value.partition(" until ")
            rows.append({"collection": fact.subject, "what": f"{count} in compliance retention", "until": until})
        elif fact.name == _HOLD:
            what = f"{fact.value} under a legal hold of the object service, until it is lifted"
            rows.append({"collection": fact.subject, "what": what, "until": None})
        elif fact.name in _NAMES and fact.value.startswith("to "):
            what = f"names of objects in {_NAMES[fact.name]} delivered {fact.value}, until they are deleted there"
            rows.append({"collection": fact.subject, "what": what, "until": None})
    return rows


def retained(facts: Iterable[Fact], name: str, ref: CollectionRef) -> str:
    """What a retention keeps of a collection, or of the folder that it is in with other formats, in words."""
    subjects = {str(ref), str(ref).partition("#")[0]}
    return next((fact.value for fact in facts if fact.name == name and fact.subject in subjects), "")
