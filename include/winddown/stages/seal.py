"""Seals what the law keeps into archives that only their receiver can open, and waits for the receiver's receipt."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from winddown.archive.custody import seal_for_custodian
from winddown.control.authority import effect_of
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.case import Case
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import Collection, Inventory
from winddown.domain.plan import Act, Order, Plan
from winddown.domain.receipt import Receipt
from winddown.domain.transfer import undeclared_hand_over
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.manifests import batches


@dataclass(frozen=True, slots=True)
class SealedArchive:
    """One archive as the control database knows it; the content digest never leaves it but to be compared."""

    order_id: str
    file: str
    archive_sha256: str
    content_sha256: str
    records: int
    until: str


def seal(deployment: Deployment, plan_id: str) -> tuple[SealedArchive, ...]:
    """Seal every seal order of a plan; an archive that was sealed already is not written again."""
    plan = deployment.control.plan(plan_id)
    return tuple(_seal_order(deployment, plan, order) for order in plan.orders if order.act is Act.SEAL)


def unacknowledged(deployment: Deployment, plan_id: str) -> tuple[str, ...]:
    """Seal orders for which the receiver's receipt is missing."""
    plan = deployment.control.plan(plan_id)
    have = {row["order_id"] for row in deployment.control.acknowledgements(plan_id)}
    return tuple(order.id for order in plan.orders if order.act is Act.SEAL and order.id not in have)


def awaited(deployment: Deployment, plan_id: str) -> str:
    """Whose receipts are missing, in words; "" when none is."""
    waiting = unacknowledged(deployment, plan_id)
    plan = deployment.control.plan(plan_id)
    roles = dict.fromkeys(plan.order(order_id).recipient or "custodian" for order_id in waiting)
    whose = " and ".join(f"the {role}'s" for role in roles)
    return f"{whose} receipt for {len(waiting)} archives: {', '.join(waiting)}" if waiting else ""


def handed_over(deployment: Deployment, plan_id: str) -> dict[str, int]:
    """Number of acknowledged archives of each role."""
    plan = deployment.control.plan(plan_id)
    roles = [
        plan.order(row["order_id"]).recipient or "custodian" for row in deployment.control.acknowledgements(plan_id)
    ]
    return {f"the {role}": roles.count(role) for role in dict.fromkeys(roles)}


def receivers(deployment: Deployment, plan_id: str) -> tuple[str, ...]:
    """Logins of those whose receipts are missing, each once."""
    plan = deployment.control.plan(plan_id)
    case = deployment.case(plan.case)
    waiting = [plan.order(order_id) for order_id in unacknowledged(deployment, plan_id)]
    return tuple(dict.fromkeys(case.receiver(order.recipient).person for order in waiting))


def _seal_order(deployment: Deployment, plan: Plan, order: Order) -> SealedArchive:
    name = f"{plan.id}/{order.id}"
    known: SealedArchive | None = deployment.control.get(plan.case, "archive", name, type_=SealedArchive)
    all_batches = tuple(batches(deployment, plan.case, order))
    effects = [effect_of(plan, order, batch, Power.SEAL) for batch in all_batches]
    if known is not None and all(deployment.authority.state(effect) == "done" for effect in effects):
        return known
    for effect in effects:
        # Nothing in a store changes, but each sealing is authorised and spent like an act.
        deployment.authority.redeem(deployment.authority.authorize(effect, actor=ACTOR))
    if known is None:
        case = deployment.case(plan.case)
        inventory: Inventory = deployment.control.require(plan.case, "inventory", plan.wave, type_=Inventory)
        collection = inventory.collection(order.collection)
        assert collection is not None  # noqa: S101 - the plan was made from this inventory
        known = _write(deployment, case, order, collection, all_batches)
        # From here on it is never written again: a receipt may name it as soon as the ledger says that it is sealed.
        deployment.control.put(plan.case, "archive", name, known, type_=SealedArchive)
    for effect, batch in zip(effects, all_batches, strict=True):
        receipt = Receipt("seal", order.id, batch.index, batch.records, (("archive", known.archive_sha256),))
        deployment.authority.close(
            effect,
            state="done",
            receipt=receipt,
            read_back="record count of the archive equals the order's",
            actor=ACTOR,
        )
    return known


def require_whole(deployment: Deployment, plan_id: str) -> None:
    """Raise Residual when an acknowledged archive is no longer there byte for byte; its source must then stay."""
    plan = deployment.control.plan(plan_id)
    folder = deployment.folder(plan.case, "archives")
    for order in plan.orders:
        if order.act is not Act.SEAL:
            continue
        known: SealedArchive = deployment.control.require(
            plan.case, "archive", f"{plan.id}/{order.id}", type_=SealedArchive
        )
        path = folder / known.file
        if not path.is_file() or _sha256(path) != known.archive_sha256:
            raise Residual(
                f"archive {known.file} is missing or changed",
                rule="archive digest",
                next_step="bring back the custodian's copy; nothing of its source is destroyed until then",
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(
    deployment: Deployment, case: Case, order: Order, collection: Collection, all_batches: tuple[Batch, ...]
) -> SealedArchive:
    store = deployment.systems(case).store(order.collection.store)

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in all_batches:
            found = 0
            for part in store.fetch(collection, batch, fields=order.fields):
                found += part.num_rows
                yield part
            if found != batch.records:
                raise _changed(order, batch, found)

    receiver = case.receiver(order.recipient)
    abroad = undeclared_hand_over(case, order.collection, receiver)
    if abroad:  # `check` blocks it long before; the case may have been changed since
        raise Refused(
            f"order {order.id}: {abroad}",
            rule="a hand-over abroad is a declared transfer",
            next_step="declare the transfer, or correct the country, and check the case again",
        )
    path = deployment.folder(case.id, "archives") / f"{order.id}.custody"
    description = {
        "case": case.id,
        "company": case.company.uscc,
        "collection": str(order.collection),
        "order": order.id,
        "fields": list(order.fields),
        "keep_until": order.until,
    }
    # Written under a name of its own while nothing of the source was touched: a killed attempt is simply replaced.
    receipt = seal_for_custodian(
        rows(), path, public_key_pem=receiver.public_key_pem.encode(), description=description, replace=True
    )
    if receipt.record_count != order.selection.count:
        raise _changed(order, all_batches[-1], receipt.record_count)
    return SealedArchive(
        order.id, path.name, receipt.archive_sha256, receipt.content_sha256, receipt.record_count, order.until
    )


def _changed(order: Order, batch: Batch, found: int) -> Refused:
    return Refused(
        f"order {order.id} batch {batch.index}: {found} records found, {batch.records} planned",
        rule="an archive holds what was approved",
        next_step="check that the store is frozen, then plan again",
    )
