"""Looks ahead at foreign keys: a parent row may only go when every row that refers to it goes as well, or went before.

Without this the database itself would refuse, but in the middle of a wave. What it does not see: references that no
catalogue declares, unless the register names them.
"""

from collections.abc import Sequence

import polars as pl

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.inventory import Collection, ForeignKey
from winddown.domain.plan import Act, Order
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment


def kept_references(
    deployment: Deployment, case: Case, labelled: Sequence[Labelled], orders: Sequence[Order]
) -> tuple[Blocker, ...]:
    """A blocker for each collection whose erasure would leave a row that refers to nothing."""
    by_ref = {found.collection.ref: found for found in labelled}
    erased = {order.collection: set(order.label.split(", ")) for order in orders if order.act is Act.ERASE}
    blockers = []
    for child in labelled:
        for key in child.collection.foreign_keys:
            parent = by_ref.get(key.target)
            if parent is None or key.target not in erased or key.target == child.collection.ref:
                continue
            going = erased.get(child.collection.ref, set())
            left = _dangling(deployment, case, (child, going), (parent, erased[key.target]), key)
            if left:
                blockers.append(
                    Blocker(
                        "referenced-by-kept",
                        str(key.target),
                        f"{left} rows of {child.collection.ref} that stay refer to rows that would go",
                        "steward",
                        f"resolve what keeps or blocks {child.collection.ref}, then plan again",
                    )
                )
    return tuple(blockers)


def _dangling(
    deployment: Deployment,
    case: Case,
    child: tuple[Labelled, set[str]],
    parent: tuple[Labelled, set[str]],
    key: ForeignKey,
) -> int:
    """Number of the child's rows that stay and refer to a parent's row that goes."""
    found, going = child
    staying = _values(deployment, case, found.collection, key.fields)
    if going:
        locators = list(found.collection.key)
        gone = found.records.filter(pl.col("label").is_in(list(going))).select(locators)
        staying = staying.join(gone, on=locators, how="anti")
    above, doomed = parent
    target = above.records.filter(pl.col("label").is_in(list(doomed)))
    if not set(key.target_fields) <= set(target.columns):
        wanted = _values(deployment, case, above.collection, key.target_fields)
        target = wanted.join(target.select(list(above.collection.key)), on=list(above.collection.key), how="semi")
    dangling = staying.join(
        target.select(list(key.target_fields)).unique(),
        left_on=list(key.fields),
        right_on=list(key.target_fields),
        how="semi",
    )
    return int(dangling.height)


def _values(deployment: Deployment, case: Case, collection: Collection, fields: Sequence[str]) -> pl.DataFrame:
    """Key and given fields of all rows, as text."""
    store = deployment.systems(case).store(collection.ref.store)
    names = list(dict.fromkeys([*collection.key, *fields]))
    frames = [pl.from_arrow(batch).select(names) for batch in store.read(collection, fields=list(fields))]
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
