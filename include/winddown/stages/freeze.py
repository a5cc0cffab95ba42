"""Stops writes to every store before the snapshot on which a plan rests, and reads of what may only be stored."""

from collections.abc import Sequence

from winddown.control.authority import Effect
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.receipt import NOT_GIVEN_BACK, Receipt
from winddown.ports import SupportsFreeze, ability
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.storage_only import as_remembered, give_back_reads, withdraw_reads


def freeze(deployment: Deployment, case_id: str) -> tuple[str, ...]:
    """Freeze every store that can be frozen; return a sentence a store. Repeating it freezes what was thawed.

    What is taken is remembered in the control database first, for ``thaw``, which forgets it.
    """
    case = deployment.case(case_id)
    inventory: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    sentences = []
    for declaration in case.stores:
        collections = [found.ref for found in inventory.collections if found.ref.store == declaration.name]
        store = ability(deployment.systems(case).store(declaration.name), SupportsFreeze)
        if store is None or not collections:
            sentences.append(f"{declaration.name}: cannot be frozen; a change after the plan is an objection")
            continue
        earlier = deployment.control.get(case_id, "freeze", declaration.name, type_=Receipt | None)
        remembered = store.remember_writers(collections, earlier)
        deployment.control.put(case_id, "freeze", declaration.name, remembered, type_=Receipt | None)
        effect = _effect(case, declaration.name, len(collections), inventory.identity(declaration.name))
        authorization = deployment.authority.authorize(effect, actor=ACTOR)
        receipt = store.freeze(authorization, remembered)
        sentence, read_back = _read_back(deployment, case, declaration.name, collections, receipt)
        deployment.authority.close(effect, state="done", receipt=receipt, read_back=read_back, actor=ACTOR)
        sentences.append(sentence)
    sentences += withdraw_reads(deployment, case, inventory)
    deployment.ledger.append(case_id, "frozen", {"stores": [found.name for found in case.stores]}, actor=ACTOR)
    return tuple(sentences)


def thaw(deployment: Deployment, case_id: str) -> tuple[str, ...]:
    """Give writes back as they were, after everything in quarantine was restored; return a sentence a store."""
    case = deployment.case(case_id)
    give_back_reads(deployment, case)
    receipts = [(found.name, thaw_store(deployment, case, found.name)) for found in case.stores]
    return tuple(_given_back(name, receipt) for name, receipt in receipts if receipt is not None)


def thaw_store(deployment: Deployment, case: Case, name: str) -> Receipt | None:
    """Give writes to one store back as they were; None where nothing was taken."""
    receipt = deployment.control.get(case.id, "freeze", name, type_=Receipt | None)
    store = ability(deployment.systems(case).store(name), SupportsFreeze)
    if receipt is None or store is None:
        return None
    # What was frozen had been found.
    inventory: Inventory = deployment.control.require(case.id, "inventory", "first", type_=Inventory)
    effect = Effect(case.id, "", f"thaw {name}", Power.RESTORE, name, 0, "", receipt.records, inventory.identity(name))
    authorization = deployment.authority.authorize(effect, actor=ACTOR)
    done = store.thaw(authorization, receipt)
    deployment.authority.close(effect, state="done", receipt=done, read_back=as_remembered(done), actor=ACTOR)
    # Given back once: what an administrator revokes from now on is not ours to grant again.
    deployment.control.put(case.id, "freeze", name, None, type_=Receipt | None)
    return done


def _given_back(store: str, receipt: Receipt) -> str:
    left = dict(receipt.details).get(NOT_GIVEN_BACK)
    return store if left is None else f"{store} (not given back: {left})"


def _read_back(
    deployment: Deployment, case: Case, store: str, collections: Sequence[CollectionRef], receipt: Receipt
) -> tuple[str, str]:
    """What the stage says of a store, and what the ledger keeps: who may still write, as the inspector sees it."""
    if not receipt.records:
        sentence = f"{store}: not frozen, the service cannot tell winddown from other writers"
        return f"{sentence}; a change after the plan is an objection", "not frozen"
    writers = deployment.systems(case).inspectors[store].writers(collections)
    if writers:
        sentence = f"{store}: writes revoked, but {', '.join(writers)} can still write; ask the administrator"
        return f"{sentence}; a change after the plan is an objection", f"{len(writers)} roles can still write"
    return f"{store}: writes revoked on {len(collections)} collections", "by inspector: no role can write"


def _effect(case: Case, store: str, collections: int, identity: str) -> Effect:
    return Effect(case.id, "", f"freeze {store}", Power.FREEZE, store, 0, "", collections, identity)
