"""Which tables and partitions go whole instead of row by row, and why; and which are gone already.

A table goes whole when all of its records go, nothing in its store keeps on using it, every table that refers to it
goes whole as well, no table that it refers to loses rows, and no later plan would tie records to persons through it. It
is a choice of method only: which records go was decided before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from winddown.domain.batch import CONTENT
from winddown.domain.case import Case
from winddown.domain.inventory import CollectionRef, Medium
from winddown.domain.plan import Act, Method, Plan
from winddown.ports import SupportsWholeTables, Survivors, WholeTables, ability
from winddown.stages.deployment import Deployment
from winddown.stages.labelled import Labelled
from winddown.stages.manifests import plain

_WHOLE_FILES = {Method.DELETE_MARKER, Method.ESCROW_OBJECT, Method.MOVE_FILE}
_OF_OBJECTS = {
    Method.DELETE_MARKER: "every record in these objects goes",
    Method.REWRITE_OBJECT: "other records in the same objects stay",
    Method.COMMIT_TABLE: "the table goes on without them, and its history ends with the purge",
    Method.ESCROW_OBJECT: "every record in these objects goes, and the bucket keeps no versions",
    Method.ESCROW_AND_REWRITE: "other records in the same objects stay, and the bucket keeps no versions",
    Method.MOVE_FILE: "every record in these files goes",
    Method.REWRITE_FILE: "other records in the same files stay",
}


@dataclass(frozen=True, slots=True)
class Erasure:
    """The records of a collection that are to be erased, by their labels."""

    found: Labelled
    labels: tuple[str, ...]

    @property
    def ref(self) -> CollectionRef:
        """Of the collection."""
        return self.found.collection.ref

    @property
    def count(self) -> int:
        """How many there are."""
        return self.found.count(self.labels)

    @property
    def is_whole(self) -> bool:
        """Whether these are all records of the collection."""
        return bool(self.count == self.found.records.height)


def whole_moves(
    deployment: Deployment, case: Case, labelled: Sequence[Labelled], erasures: Sequence[Erasure]
) -> dict[CollectionRef, WholeTables]:
    """What each erased collection's store says; a table that something stays behind to need keeps to its rows."""
    moves = dict(_asked(deployment, case, erasures))
    emptied = {found.collection.ref for found in labelled if found.records.is_empty()}
    emptied |= {erasure.ref for erasure in erasures if erasure.is_whole}
    rows = {ref: _as_rows(moves[ref], because) for ref, because in _tied_through(case, moves, emptied)}
    moves |= rows
    while stuck := [*_referred_to(moves), *_referring(moves, erasures)]:
        moves |= {ref: _as_rows(moves[ref], because) for ref, because in stuck}
    return moves


def gone_whole(deployment: Deployment, case_id: str) -> frozenset[CollectionRef]:
    """Tables that a plan of the case has dropped: they are missing, and nothing is wrong with that."""
    return frozenset(
        order.collection
        for plan, purged in _purged(deployment, case_id)
        for order in plan.orders
        if order.method is Method.MOVE_TABLE and (order.id, 0) in purged
    )


def emptied_folders(deployment: Deployment, case_id: str) -> frozenset[CollectionRef]:
    """Folders of which a plan of the case has purged every record, in whole objects or files: no store lists them."""
    gone = set()
    for plan, purged in _purged(deployment, case_id):
        labels: dict[CollectionRef, set[str]] = {}
        for order in plan.orders:
            batches = {(order.id, number) for number in range(len(order.selection.batch_digests))}
            if order.act is Act.ERASE and order.method in _WHOLE_FILES and batches <= purged:
                labels.setdefault(order.collection, set()).update(order.label.split(", "))
        gone |= {
            ref
            for ref, erased in labels.items()
            if all(decision.label in erased for decision in plan.decisions if decision.collection == ref)
        }
    return frozenset(gone)


def _purged(deployment: Deployment, case_id: str) -> Iterator[tuple[Plan, set[tuple[str, int]]]]:
    """Each plan of the case under which something was purged, with the orders and batches that were."""
    for plan_id in deployment.control.plans(case_id):
        purged = {
            (effect.order_id, effect.batch)
            for effect in deployment.control.effects(plan_id)
            if effect.power == "purge" and effect.state == "done"
        }
        if purged:
            yield deployment.control.plan(plan_id), purged


def reason_for(
    erasure: Erasure | None,
    act: Act,
    move: WholeTables | None,
    kept: Survivors | None,
    *,
    method: Method,
    fields: int,
    in_part: int = 0,
) -> str:
    """Why an order goes about it by this method, with the numbers that led to it; "" where there is no choice.

    ``kept`` is what was said of emptying the table but for what stays; None where that was no choice.
    """
    if act is Act.MINIMISE:
        parts = f", and of {in_part} more a part or a token stays" if in_part else ""
        return f"the records stay and {fields - in_part} of their fields are emptied{parts}"
    if erasure is None:
        return ""
    due, total = erasure.count, erasure.found.records.height
    said = f"{due:,} of {total:,} records go"
    if method is Method.ESCROW_ROWS:
        said += ", in batches, and an encrypted file keeps each until the purge"
        if kept is not None:
            said += f"; the table is not emptied but for what stays, because of: {', '.join(kept.against)}"
    if method is Method.KEEP_SURVIVORS and kept is not None:
        locked = f"about {kept.seconds:.0f} s" if kept.seconds >= 1 else "less than a second"
        said += (
            ", and encrypted files keep them until the purge; after a first batch the table is emptied but for the "
            f"{total - due:,} that stay, and cannot be read for {locked}"
        )
    if move is None:
        return _OF_OBJECTS.get(method, said)
    if method is Method.MOVE_TABLE:
        return f"all {total:,} records go, and no table that stays refers to it"
    if method is Method.DETACH_PARTITION:
        return f"all records of {move.keys.num_rows:,} of {move.of:,} partitions that hold any go"
    if move.keys.num_rows:
        said = f"{move.rest.num_rows:,} records that go lie in partitions of which something stays"
    is_telling = erasure.is_whole or move.method is Method.DETACH_PARTITION
    against = ", ".join(move.against) if is_telling else ""
    return f"{said}; not as a whole, because of: {against}" if against else said


def _asked(
    deployment: Deployment, case: Case, erasures: Sequence[Erasure]
) -> Iterator[tuple[CollectionRef, WholeTables]]:
    for erasure in erasures:
        collection = erasure.found.collection
        store = deployment.systems(case).store(collection.ref.store)
        able = ability(store, SupportsWholeTables)
        entry = case.entry(collection.ref)
        # Where a sentinel stands, rows are named one by one, so that a plan which would take it is seen to.
        if entry is not None and entry.sentinels:
            continue
        is_bound = CONTENT in erasure.found.records.columns and erasure.count > 0
        if able is None or collection.medium is not Medium.TABLE or not is_bound:
            continue
        located = plain(erasure.found.of(erasure.labels, [*store.locators(collection), CONTENT]))
        asked = able.whole_tables(collection, located, whole=erasure.is_whole)
        # Where nothing goes whole, all of them are the rest, and stand in ``found`` already.
        yield collection.ref, asked if asked.keys.num_rows else replace(asked, rest=located.schema.empty_table())


def _tied_through(
    case: Case, moves: Mapping[CollectionRef, WholeTables], emptied: set[CollectionRef]
) -> Iterator[tuple[CollectionRef, str]]:
    """Tables through which a later plan would still tie records to persons, and one that holds such records."""
    for ref, move in moves.items():
        if move.method is not Method.MOVE_TABLE or not move.keys.num_rows:
            continue
        tied = [
            str(entry.collection)
            for entry in case.register
            if entry.subject is not None
            and ref in {entry.subject.via, case.subjects.collection}
            and entry.collection not in {ref, *emptied}
        ]
        if tied:
            yield ref, f"records of {min(tied)} stay and are tied to persons through it"


def _whole(moves: Mapping[CollectionRef, WholeTables]) -> set[CollectionRef]:
    return {ref for ref, move in moves.items() if move.method is Method.MOVE_TABLE and move.keys.num_rows}


def _referred_to(moves: Mapping[CollectionRef, WholeTables]) -> Iterator[tuple[CollectionRef, str]]:
    """Tables that would go whole before what refers to them, and one that does."""
    whole = _whole(moves)
    for ref in whole:
        staying = sorted(set(moves[ref].referred_by) - whole)
        if staying:
            yield ref, f"{staying[0]} refers to it and does not go whole"


def _referring(
    moves: Mapping[CollectionRef, WholeTables], erasures: Sequence[Erasure]
) -> Iterator[tuple[CollectionRef, str]]:
    """Tables and partitions that would go with their foreign keys, which then forbid to delete rows referred to."""
    losing = {erasure.ref for erasure in erasures if erasure.count} - _whole(moves)
    for erasure in erasures:
        ref, targets = erasure.ref, {key.target for key in erasure.found.collection.foreign_keys}
        if ref in moves and moves[ref].keys.num_rows and (found := targets & (losing - {ref})):
            yield ref, f"it refers to {min(found)}, which loses rows"


def _as_rows(move: WholeTables, because: str) -> WholeTables:
    return replace(move, keys=move.keys.slice(0, 0), against=(*move.against, because))
