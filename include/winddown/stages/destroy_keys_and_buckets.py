"""Destroys the keys that a plan says, and deletes the buckets that it has emptied.

Nothing brings either back, so they go last: after the residual check, with the purger's credential, only the very key
and bucket that were planned (told by a fingerprint, and by when it was made). A key goes only while nothing is under it
but what the plan left locked; a bucket only when neither version, marker nor upload is in it.
"""

from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Plan
from winddown.domain.receipt import Receipt
from winddown.ports import SeesBucket, SeesKey, SupportsBucketDeletion, SupportsKeyDestruction, ability
from winddown.stages.crypto_erase import require_fit
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.effects import require_same_system
from winddown.stages.endings import Ending, endings
from winddown.stages.freeze import thaw_store
from winddown.stages.verify import StoreCheck


def destroy_keys_and_buckets(deployment: Deployment, plan_id: str) -> tuple[str, ...]:
    """Destroy what a plan ends with, keys first; return what went, in words. May be repeated.

    Raises:
        Refused: another key or bucket is in the place of the planned one, or something stands against a key's end.
        Residual: it is gone and nobody here intended that, or still there afterwards, or a bucket is not empty.
    """
    plan = deployment.control.plan(plan_id)
    planned = endings(plan)
    for ending in planned:
        if deployment.authority.receipt(ending.effect) is None:
            deployment.control.require(plan.case, "checks", plan.id, type_=tuple[StoreCheck, ...])
            (_destroy_key if ending.what == "key" else _delete_bucket)(deployment, plan, ending)
    return tuple(f"{ending.what} of {ending.store}" for ending in planned)


def _destroy_key(deployment: Deployment, plan: Plan, ending: Ending) -> None:
    case, name, fingerprint = deployment.case(plan.case), ending.store, ending.order.destroys_key
    systems, before = deployment.systems(case), deployment.authority.state(ending.effect)
    store, inspector = ability(systems.store(name), SupportsKeyDestruction), systems.inspectors[name]
    if store is None or not isinstance(inspector, SeesKey):
        raise Refused(f"store {name} has no key of the company's any more", next_step="declare it as it was planned")
    require_same_system(inspector, plan, name)
    receipt = _gone_before(ending)
    if inspector.key_is_there():
        require_fit(deployment, case, plan, ending.order)
        authorization = deployment.authority.authorize(ending.effect, actor=ACTOR, before=before)
        receipt = store.destroy_key(authorization, fingerprint=fingerprint)
    elif before is None:
        raise _unintended(ending)
    said = "a file of that name is still there" if inspector.key_is_there() else ""
    opened = 0 if said else inspector.open_without_key()
    said = said or (f"{opened:,} versions can be read without it" if opened else "")
    _close(deployment, plan, ending, receipt, said=said, gone="no key, and what is listed is refused without it")


def _delete_bucket(deployment: Deployment, plan: Plan, ending: Ending) -> None:
    case, name, made = deployment.case(plan.case), ending.store, ending.order.deletes_bucket
    systems, before = deployment.systems(case), deployment.authority.state(ending.effect)
    store, inspector = ability(systems.store(name), SupportsBucketDeletion), systems.inspectors[name]
    if store is None or not isinstance(inspector, SeesBucket):
        raise Refused(f"store {name} is no bucket any more", next_step="declare it as it was planned")
    require_same_system(inspector, plan, name)
    receipt = _gone_before(ending)
    if inspector.bucket_is_there():
        if store.bucket_made() != made:
            raise Refused(
                f"the bucket of store {name} is another one than the one made at {made}",
                rule="the approved system, no other",
                next_step="leave it alone, and find out what became of the planned one",
            )
        authorization = deployment.authority.authorize(ending.effect, actor=ACTOR, before=before)
        # Under the freeze: nobody writes after the last look, and some services delete a bucket that is not empty.
        try:
            receipt = store.delete_bucket(authorization, made=made)
        except Residual:
            thaw_store(deployment, case, name)  # somebody has to move what is in it
            raise
    elif before is None:
        raise _unintended(ending)
    said = "a bucket of that name is still there" if inspector.bucket_is_there() else ""
    if not said:
        # Nothing is left that writes could be given back to.
        deployment.control.put(case.id, "freeze", name, None, type_=Receipt | None)
    _close(deployment, plan, ending, receipt, said=said, gone="no bucket")


def _gone_before(ending: Ending) -> Receipt:
    return Receipt("sanitise", ending.store, 0, 1, ((ending.what, "gone after an earlier attempt"),))


def _unintended(ending: Ending) -> Residual:
    return Residual(
        f"the {ending.what} of store {ending.store} is gone, and nobody here intended that",
        next_step="find out who destroyed it, and what was in the store",
    )


def _close(deployment: Deployment, plan: Plan, ending: Ending, receipt: Receipt, *, said: str, gone: str) -> None:
    """Close the effect by what the inspector found: ``said`` is what is still there, "" when nothing is."""
    if said:
        deployment.authority.close(ending.effect, state="unknown", receipt=receipt, read_back=said, actor=ACTOR)
        raise Residual(
            f"store {ending.store}: {said}", rule="independent read-back", next_step="clear the task to look again"
        )
    deployment.authority.close(
        ending.effect, state="done", receipt=receipt, read_back=f"by inspector: {gone}", actor=ACTOR
    )
    body = {"plan_id": plan.id, "store": ending.store, "details": dict(receipt.details)}
    deployment.ledger.append(plan.case, "sanitised", body, actor=ACTOR)
