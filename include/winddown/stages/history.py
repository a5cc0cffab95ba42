"""Looks into older versions before their objects are planned: what only they hold must not go unread.

Purging an object's records destroys its older versions too. A row of an older version may go when its label is to be
erased, in this wave or a later one, or when the same row stands in a current version, where it is kept: a table writes
rows that stay into other files. Anything else, such as the only copy of a held person's row, blocks the collection.
"""

from collections.abc import Sequence

import polars as pl

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Disposition
from winddown.domain.errors import Refused
from winddown.domain.inventory import Inventory, Medium
from winddown.domain.plan import Act, Order
from winddown.ports import SupportsVersions, ability
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.subjects import SubjectIndex, label_rows


def unkept_history(
    deployment: Deployment,
    case: Case,
    inventory: Inventory,
    index: SubjectIndex,
    *,
    labelled: Sequence[Labelled],
    orders: Sequence[Order],
) -> tuple[Blocker, ...]:
    """A blocker for each collection of files whose older versions hold rows that nothing would keep."""
    erased = {order.collection for order in orders if order.act is Act.ERASE}
    blockers = []
    for found in labelled:
        if found.collection.medium is Medium.ROW_FILES and found.collection.ref in erased:
            lost: int | str
            try:
                lost = _lost(deployment, case, inventory, index, found)
            except Refused as error:
                lost = error.message
            if lost:
                blockers.append(
                    Blocker(
                        "older-versions-hold-more",
                        str(found.collection.ref),
                        lost
                        if isinstance(lost, str)
                        else f"{lost} rows that must stay stand only in older versions of its objects",
                        "steward",
                        "bring these versions back under names of their own, so that their rows are decided on",
                    )
                )
    return tuple(blockers)


def _lost(deployment: Deployment, case: Case, inventory: Inventory, index: SubjectIndex, found: Labelled) -> int:
    collection, entry = found.collection, case.entry(found.collection.ref)
    store = deployment.systems(case).store(collection.ref.store)
    versions = ability(store, SupportsVersions)
    if versions is None or entry is None or entry.subject is None:
        return 0
    fields = list(collection.field_names())
    frames = [pl.from_arrow(batch) for batch in versions.older(collection)]
    if not frames:
        return 0
    (older,) = label_rows(deployment, case, inventory, index, entry=entry, pieces=[pl.concat(frames)])
    going = [item.label for item in found.decisions if item.disposition is Disposition.ERASE]
    staying = older.filter(~pl.col("label").is_in(going)).select(fields)
    if staying.is_empty():
        return 0
    current = pl.concat([pl.from_arrow(batch) for batch in store.read(collection)]).select(fields)
    lost = staying.join(current, on=fields, how="anti", nulls_equal=True)
    return int(lost.height)
