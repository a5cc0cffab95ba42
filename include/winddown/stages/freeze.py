"""Stops writes to every store before the snapshot on which a plan rests."""

from winddown.control.authority import Effect
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.inventory import Inventory
from winddown.domain.receipt import Receipt
from winddown.ports import SupportsFreeze, ability
from winddown.stages.deployment import ACTOR, Deployment


def freeze(deployment: Deployment, case_id: str) -> tuple[str, ...]:
    """Freeze every store that can be frozen; return a sentence a store. Repeating it freezes what was thawed.

    What is taken is remembered in the control database first, for ``thaw``.
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
        earlier = deployment.control.get(case_id, "freeze", declaration.name, type_=Receipt)
        remembered = store.remember_writers(collections, earlier)
        deployment.control.put(case_id, "freeze", declaration.name, remembered, type_=Receipt)
        effect = _effect(case, declaration.name, len(collections))
        authorization = deployment.authority.authorize(effect, actor=ACTOR)
        receipt = store.freeze(authorization, remembered)
        deployment.authority.close(effect, state="done", receipt=receipt, read_back="policy read back", actor=ACTOR)
        if receipt.records:
            sentences.append(f"{declaration.name}: writes revoked on {len(collections)} collections")
        else:
            sentences.append(f"{declaration.name}: not frozen, the service cannot tell winddown from other writers")
    deployment.ledger.append(case_id, "frozen", {"stores": [found.name for found in case.stores]}, actor=ACTOR)
    return tuple(sentences)


def thaw(deployment: Deployment, case_id: str) -> tuple[str, ...]:
    """Give writes back as they were, after everything in quarantine was restored."""
    case = deployment.case(case_id)
    thawed: list[str] = []
    for declaration in case.stores:
        receipt = deployment.control.get(case_id, "freeze", declaration.name, type_=Receipt)
        store = ability(deployment.systems(case).store(declaration.name), SupportsFreeze)
        if receipt is None or store is None:
            continue
        effect = Effect(case_id, "", f"thaw {declaration.name}", Power.RESTORE, declaration.name, 0, "", 0)
        authorization = deployment.authority.authorize(effect, actor=ACTOR)
        done = store.thaw(authorization, receipt)
        deployment.authority.close(effect, state="done", receipt=done, read_back="policy read back", actor=ACTOR)
        thawed.append(declaration.name)
    return tuple(thawed)


def _effect(case: Case, store: str, collections: int) -> Effect:
    return Effect(case.id, "", f"freeze {store}", Power.FREEZE, store, 0, "", collections)
