"""Takes an inventory of every declared store. What cannot be read is a named blocker; the rest goes on."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from winddown.detectors.lexicon import words_read
from winddown.detectors.names import names_a_person, words_in, words_of
from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.drift import Drift, drift
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection, CollectionRef, Fact, ForeignKey, Inventory
from winddown.ports import Discovery, Store, SupportsReport, ability
from winddown.stages.coverage import HOLDS
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.earlier import forget
from winddown.stages.endings import ended_stores
from winddown.stages.retention import undeclared_replicas, without_compliance
from winddown.stages.whole import emptied_folders, gone_whole

MISNAMED = frozenset({"unknown-field", "reserved-name"})
"""Blockers of collections whose records are not read to be labelled, because a field is not what its name says."""

_OWN_PREFIX = "winddown_"
# What stages add to the records that they read, or to keys.
_OWN_COLUMNS = {"subject", "label", "held", "minor", "overseas", HOLDS, "kept", "batch", "rows"}


def take_inventory(deployment: Deployment, case: Case, *, reported: frozenset[str] = frozenset()) -> Inventory:
    """Read the catalogue of every store; a store that is down or refuses us blocks all that it holds.

    Stores named in ``reported`` may answer from an inventory report; a plan never rests on one.
    """
    systems = deployment.systems(case)
    collections: list[Collection] = []
    blockers: list[Blocker] = []
    facts: list[Fact] = []
    identities: list[tuple[str, str]] = []
    gone = ended_stores(deployment, case.id)
    for declaration in case.stores:
        if declaration.name in gone:
            continue
        try:
            found = _discovered(systems.store(declaration.name), by_report=declaration.name in reported)
        except Transient as error:
            blockers.append(
                _store_blocker("store-down", declaration.name, error.message, "start the store, then run again")
            )
        except Refused as error:
            blockers.append(_store_blocker("credentials-refused", declaration.name, error.message, error.next_step))
        else:
            collections += [_without_words(_marked(deployment, case, each)) for each in found.collections]
            stopping = without_compliance(declaration, found.blockers)
            blockers += [_unspeaking(deployment, case, blocker) for blocker in stopping]
            facts += found.facts
            identities += [(declaration.name, found.identity)] if found.identity else []
    blockers += undeclared_replicas(case, facts)
    collections, speaking = _without_personal_names(deployment, case, collections)
    blockers += [*speaking, *_unknown_fields(case, collections), *_reserved_names(case, collections)]
    registered = {entry.collection for entry in case.register}
    missing = registered - {collection.ref for collection in collections}
    if missing:
        missing -= gone_whole(deployment, case.id) | emptied_folders(deployment, case.id)
    blocked_stores = {blocker.subject for blocker in blockers}
    blockers += [
        Blocker(
            "missing-collection",
            str(ref),
            "it is in the register but not in the store",
            "steward",
            "correct the register, or find out where it went",
        )
        for ref in sorted(missing)
        if ref.store not in blocked_stores | gone
    ]
    return Inventory(
        collections=tuple(sorted(collections, key=lambda found: found.ref)),
        blockers=tuple(sorted(blockers)),
        facts=tuple(sorted(_without_personal_words(facts))),
        identities=tuple(identities),
    )


def _discovered(store: Store, *, by_report: bool) -> Discovery:
    reporting = ability(store, SupportsReport) if by_report else None
    found = None if reporting is None else reporting.discover_reported()
    return store.discover() if found is None else found


def _marked(deployment: Deployment, case: Case, collection: Collection) -> Collection:
    """Key the change mark: a store may take it from records, and an inventory holds nothing that can be tried out."""
    mark = collection.change_mark
    return replace(collection, change_mark=deployment.keys(case.id).pseudonym(mark)) if mark else collection


def _without_words(collection: Collection) -> Collection:
    """Keep of comments what a header is read for: somebody wrote them in free words, and may have given an example."""
    fields = tuple(replace(field, comment=words_read(field.comment)) for field in collection.fields)
    return replace(collection, fields=fields, comment="")


def _unspeaking(deployment: Deployment, case: Case, blocker: Blocker) -> Blocker:
    """A blocker about something whose name is personal information, under a keyed hash and without its explanation."""
    name = blocker.subject.partition(":")[2]
    if not names_a_person([*words_of(name), *words_in(blocker.explanation)]):
        return blocker
    hidden = "its name, which is not shown here on purpose, is itself personal information"
    return replace(blocker, subject=_alias(deployment, case, blocker.subject), explanation=hidden)


def _alias(deployment: Deployment, case: Case, subject: str) -> str:
    """The store's name and a keyed hash in place of what may not be shown."""
    return f"{subject.partition(':')[0]}:{deployment.keys(case.id).pseudonym(subject)[:16]}"


def _without_personal_words(facts: list[Fact]) -> list[Fact]:
    """Withhold facts that would say what the name of a collection may not; how many they are is a fact itself."""
    words = {fact: {*words_of(fact.subject), *words_in(f"{fact.subject}:{fact.value}")} for fact in facts}
    personal = {word for word in set().union(*words.values()) if names_a_person([word])}
    withheld = Counter(fact.subject.partition(":")[0] for fact, own in words.items() if personal.intersection(own))
    kept = [fact for fact, own in words.items() if not personal.intersection(own)]
    return [*kept, *(Fact(store, "withheld", f"{count} facts that name a person") for store, count in withheld.items())]


def _without_personal_names(
    deployment: Deployment, case: Case, collections: list[Collection]
) -> tuple[list[Collection], list[Blocker]]:
    """Names of folders and fields appear in plans, pages and certificates, so one that names a person goes no further.

    A CSV file without a header shows its first record as field names. Such a collection is blocked as a whole, under a
    keyed hash of its name; so is one whose types do, which tell the names of members of structures. No plan reads it,
    so what it refers to is blocked as well.
    """
    kept, blockers = [], []
    referring: dict[CollectionRef, str] = {}
    for collection in collections:
        types = (word for field in collection.fields for word in words_in(field.type.replace('"', " ")))
        if not names_a_person([*words_of(collection.ref.name), *collection.field_names(), *types]):
            links = tuple(_unspeaking_link(deployment, case, key) for key in collection.foreign_keys)
            kept.append(replace(collection, foreign_keys=links))
            continue
        alias = _alias(deployment, case, str(collection.ref))
        referring |= {key.target: alias for key in collection.foreign_keys}
        blockers.append(
            Blocker(
                "personal-name",
                alias,
                "a folder's or field's name is itself personal information, or a file has no header",
                "steward",
                "rename the folder, or give the file a header; the name is not shown here on purpose",
            )
        )
    seen = {collection.ref for collection in kept}
    blockers += [_unread_reference(ref, by) for ref, by in referring.items() if ref in seen]
    return kept, blockers


def _unread_reference(ref: CollectionRef, by: str) -> Blocker:
    return Blocker(
        "unread-reference",
        str(ref),
        f"rows of {by}, which is not read for its name, refer to its rows, so nobody knows which of these may go",
        "steward",
        "rename that table or its field",
    )


def _unspeaking_link(deployment: Deployment, case: Case, key: ForeignKey) -> ForeignKey:
    """A reference to a collection that is blocked for its name, or for that of the field, without either."""
    if not names_a_person([*words_of(key.target.name), *key.target_fields]):
        return key
    target = CollectionRef.parse(_alias(deployment, case, str(key.target)))
    hidden = tuple(deployment.keys(case.id).pseudonym(name)[:16] for name in key.target_fields)
    return replace(key, target=target, target_fields=hidden)


def _unknown_fields(case: Case, collections: list[Collection]) -> list[Blocker]:
    """Fields that the register names and the collection does not have."""
    blockers = []
    for collection in collections:
        entry = case.entry(collection.ref)
        if entry is None or not collection.fields:
            continue
        named = {entry.dated_by, *(field for field, _ in entry.elements), *(field for field, _, _ in entry.answers)}
        named |= {entry.subject.field} if entry.subject is not None else set()
        known = set(collection.field_names())
        # A member of a structure, such as owner.phone, is known when the structure is.
        unknown = sorted(name for name in named - {""} if name not in known and name.partition(".")[0] not in known)
        if unknown:
            blockers.append(
                Blocker(
                    "unknown-field",
                    str(collection.ref),
                    f"the register names {', '.join(unknown)}, which it does not have",
                    entry.steward,
                    "correct the register",
                )
            )
    return blockers


def _reserved_names(case: Case, collections: list[Collection]) -> Iterator[Blocker]:
    """Fields whose names winddown gives to columns of its own: one would be taken for the other."""
    for collection in collections:
        entry = case.entry(collection.ref)
        link = None if entry is None else entry.subject
        used = {*collection.key, *(() if entry is None else (entry.dated_by, *(field for _, field in entry.dates)))}
        # Of records that name their customer themselves, the customer is what such a field says.
        used |= {link.field} if link is not None and (link.via is not None or link.field != "subject") else set()
        ours = {name for name in collection.field_names() if name.lower().startswith(_OWN_PREFIX)}
        if ours | (used & _OWN_COLUMNS):
            yield Blocker(
                "reserved-name",
                str(collection.ref),
                f"winddown has columns of its own under the names of {', '.join(sorted(ours | (used & _OWN_COLUMNS)))}",
                "database administrator",
                "rename these fields for the case; of names without winddown_ only a key, link or date is in the way",
            )


def discover(deployment: Deployment, case_id: str) -> Inventory:
    """Take the case's inventory and record it, with how it differs from the last one."""
    case = deployment.case(case_id)
    before: Inventory | None = deployment.control.get(case_id, "inventory", "first", type_=Inventory)
    # What came after a report is in no later reading of the same one: a store that was looked at before is listed.
    unseen = frozenset(found.name for found in case.stores if before is None or not before.identity(found.name))
    inventory = take_inventory(deployment, case, reported=unseen)
    if not inventory.collections:
        raise Refused(
            f"case {case_id}: no collection was found in any store: "
            + (
                "; ".join(f"{found.subject}: {found.explanation}" for found in inventory.blockers)
                or "the stores are empty"
            ),
            rule="zero is suspicious",
            next_step="resolve the blockers, or check that the right stores are declared",
        )
    if before is not None:
        found = drift(before, inventory)
        deployment.control.put(case_id, "drift", "drift", found, type_=tuple[Drift, ...])
    record_inventory(deployment, case_id, inventory, name="first")
    return inventory


def record_inventory(deployment: Deployment, case_id: str, inventory: Inventory, *, name: str) -> str:
    """Store an inventory under a name and in the ledger; return its digest."""
    for collection in inventory.collections:
        if not collection.change_mark:
            # The store may tell again later, with the same mark as before: that proves nothing about the time between.
            forget(deployment, case_id, collection)
    inventory_digest = deployment.control.put(case_id, "inventory", name, inventory, type_=Inventory)
    body = {
        "name": name,
        "digest": inventory_digest,
        "collections": len(inventory.collections),
        "records": sum(max(found.record_count, 0) for found in inventory.collections),
        "blockers": [f"{found.code} {digest(found.subject)[:16]}" for found in inventory.blockers],
    }
    deployment.ledger.append(case_id, "snapshot_taken", body, actor=ACTOR)
    return inventory_digest


def _store_blocker(code: str, store: str, explanation: str, next_step: str) -> Blocker:
    return Blocker(code, store, explanation, "database or storage administrator", next_step)
