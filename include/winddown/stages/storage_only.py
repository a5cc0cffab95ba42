"""Takes reads from applications where every record is only stored: storage and protection are all that PIPL 47 leaves.

A collection counts when each of its records stays in place under a duty to keep, or waits for an answer. Where some
records are still in use, single ones cannot be withdrawn, and the collection is left as it is. What a store cannot do
is a task for its administrator; the certificate says of each collection who could still read it.
"""

from collections.abc import Sequence

from winddown.control.authority import Effect
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.receipt import NOT_GIVEN_BACK, Receipt
from winddown.ports import SupportsStorageOnly, ability
from winddown.stages.deployment import ACTOR, Deployment

NOT_TAKEN = "not known: the administrator takes the readers of this store away"


def stored_only(decisions: Sequence[Decision]) -> tuple[CollectionRef, ...]:
    """The collections all of whose records stay where they are and may only be stored, in order."""
    kept: dict[CollectionRef, bool] = {}
    for decision in decisions:
        is_stored = decision.disposition is Disposition.STORE_ONLY and (decision.in_place or decision.is_open)
        kept[decision.collection] = kept.get(decision.collection, True) and is_stored
    return tuple(ref for ref, is_kept in kept.items() if is_kept)


def withdraw_reads(deployment: Deployment, case: Case, inventory: Inventory) -> tuple[str, ...]:
    """Withdraw reads of what is only stored; a sentence for each store that holds any. Repeating it changes nothing.

    What is taken is remembered in the control database first, for ``give_back_reads``.
    """
    decisions = deployment.control.get(case.id, "decisions", "first", type_=tuple[Decision, ...]) or ()
    refs = stored_only(decisions)
    sentences = []
    readable: dict[str, str] = {}
    for declaration in case.stores:
        own = [ref for ref in refs if ref.store == declaration.name and inventory.collection(ref) is not None]
        if not own:
            continue
        names = ", ".join(ref.name for ref in own)
        store = ability(deployment.systems(case).store(declaration.name), SupportsStorageOnly)
        if store is None:
            readable |= dict.fromkeys(map(str, own), NOT_TAKEN)
            sentences.append(f"{declaration.name}: only stored: {names}; the administrator takes their readers away")
            continue
        earlier = deployment.control.get(case.id, "reads", declaration.name, type_=Receipt | None)
        remembered = store.remember_readers(own, earlier)
        deployment.control.put(case.id, "reads", declaration.name, remembered, type_=Receipt | None)
        effect = _effect(case, inventory, declaration.name, Power.FREEZE, len(own))
        receipt = store.freeze(deployment.authority.authorize(effect, actor=ACTOR), remembered)
        readers = deployment.systems(case).inspectors[declaration.name].readers(own)
        said = f"by inspector: {len(readers)} can still read" if readers else "by inspector: nobody can read"
        deployment.authority.close(effect, state="done", receipt=receipt, read_back=said, actor=ACTOR)
        readable |= {
            str(ref): ", ".join(deployment.systems(case).inspectors[declaration.name].readers([ref])) for ref in own
        }
        still = f", but {', '.join(readers)} can still read; ask the administrator" if readers else ""
        sentences.append(f"{declaration.name}: only stored, reads revoked: {names}{still}")
    deployment.control.put(case.id, "stored_only", "readable", readable)
    return tuple(sentences)


def give_back_reads(deployment: Deployment, case: Case) -> None:
    """Give back what was taken, once."""
    for declaration in case.stores:
        remembered = deployment.control.get(case.id, "reads", declaration.name, type_=Receipt | None)
        store = ability(deployment.systems(case).store(declaration.name), SupportsStorageOnly)
        if remembered is None or store is None:
            continue
        # What was withdrawn had been found.
        inventory: Inventory = deployment.control.require(case.id, "inventory", "first", type_=Inventory)
        effect = _effect(case, inventory, declaration.name, Power.RESTORE, remembered.records)
        done = store.thaw(deployment.authority.authorize(effect, actor=ACTOR), remembered)
        deployment.authority.close(effect, state="done", receipt=done, read_back=as_remembered(done), actor=ACTOR)
        deployment.control.put(case.id, "reads", declaration.name, None, type_=Receipt | None)


def as_remembered(receipt: Receipt) -> str:
    """What the ledger keeps of a thaw; what could not be given back is named in its receipt."""
    is_whole = NOT_GIVEN_BACK not in dict(receipt.details)
    return "as remembered" if is_whole else "as remembered, but for what could not be given back"


def readable_by(deployment: Deployment, case_id: str) -> dict[str, str]:
    """Collection that is only stored → who could still read it when reads were withdrawn; "" for nobody."""
    found: dict[str, str] = deployment.control.get(case_id, "stored_only", "readable", type_=dict[str, str]) or {}
    return found


def _effect(case: Case, inventory: Inventory, store: str, power: Power, count: int) -> Effect:
    return Effect(case.id, "", f"reads of {store}", power, store, 0, "", count, inventory.identity(store))
