"""Deletes the buckets that a plan has emptied, where it says so.

Nothing brings a bucket back, so it goes last: after the residual check, with the purger's credential, only the very
bucket that was planned (told by when it was made), and only when neither version, marker nor upload is in it.
"""

from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Order, Plan
from winddown.domain.receipt import Receipt
from winddown.ports import SeesBucket, SupportsBucketDeletion, ability
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.effects import require_same_system
from winddown.stages.emptied import deleting, deletion_of
from winddown.stages.freeze import thaw_store
from winddown.stages.verify import StoreCheck


def delete_buckets(deployment: Deployment, plan_id: str) -> tuple[str, ...]:
    """Delete the buckets that a plan says and has emptied; return the names of their stores. May be repeated.

    Raises:
        Refused: another bucket has that name.
        Residual: something is in one, or it is gone and nobody here intended that, or still there afterwards.
    """
    plan = deployment.control.plan(plan_id)
    planned = deleting(plan)
    for order in planned:
        if deployment.authority.receipt(deletion_of(plan, order)) is None:
            deployment.control.require(plan.case, "checks", plan.id, type_=tuple[StoreCheck, ...])
            _delete(deployment, plan, order)
    return tuple(order.collection.store for order in planned)


def _delete(deployment: Deployment, plan: Plan, order: Order) -> None:
    case, name, effect = deployment.case(plan.case), order.collection.store, deletion_of(plan, order)
    systems = deployment.systems(case)
    store, inspector = ability(systems.store(name), SupportsBucketDeletion), systems.inspectors[name]
    if store is None or not isinstance(inspector, SeesBucket):
        raise Refused(f"store {name} is no bucket any more", next_step="declare it as it was planned")
    require_same_system(inspector, plan, name)
    was_there = inspector.bucket_is_there()
    if not was_there and deployment.authority.state(effect) is None:
        raise Residual(
            f"the bucket of store {name} is gone, and nobody here intended that",
            next_step="find out who deleted it, and what was in it",
        )
    receipt = Receipt("sanitise", name, 0, 1, (("bucket", "gone after an earlier attempt"),))
    if was_there:
        if store.bucket_made() != order.deletes_bucket:
            raise Refused(
                f"the bucket of store {name} is another one than the one made at {order.deletes_bucket}",
                rule="the approved system, no other",
                next_step="leave it alone, and find out what became of the planned one",
            )
        # Before, because there is no policy to give back afterwards. Who writes now keeps the bucket from going.
        thaw_store(deployment, case, name)
        receipt = store.delete_bucket(deployment.authority.authorize(effect, actor=ACTOR), made=order.deletes_bucket)
    if inspector.bucket_is_there():
        said = "a bucket of that name is still there"
        deployment.authority.close(effect, state="unknown", receipt=receipt, read_back=said, actor=ACTOR)
        raise Residual(f"store {name}: {said}", rule="independent read-back", next_step="clear the task to look again")
    deployment.authority.close(effect, state="done", receipt=receipt, read_back="by inspector: no bucket", actor=ACTOR)
    body = {"plan_id": plan.id, "store": name, "details": dict(receipt.details)}
    deployment.ledger.append(plan.case, "sanitised", body, actor=ACTOR)
