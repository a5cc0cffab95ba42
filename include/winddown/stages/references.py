"""Looks ahead at foreign keys: a parent row may only go when every row that refers to it goes as well, or went before.

Without this the database itself would refuse, but in the middle of a wave. What it does not see: references that no
catalogue declares, unless the register names them.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from winddown.domain.batch import RANK
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.inventory import Collection, CollectionRef, ForeignKey
from winddown.domain.plan import Act, Order
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment


def kept_references(
    deployment: Deployment, case: Case, labelled: Sequence[Labelled], orders: Sequence[Order]
) -> tuple[Blocker, ...]:
    """A blocker for each collection whose erasure would leave a row that refers to nothing.

    What is blocked keeps its rows, and these refer to others: so the rest is looked at again until nothing is found.
    """
    erased = {order.collection: set(order.label.split(", ")) for order in orders if order.act is Act.ERASE}
    blockers: list[Blocker] = []
    while found := _referred_to(deployment, case, labelled, erased):
        blockers += [blocker for _, blocker in found]
        erased = {ref: labels for ref, labels in erased.items() if ref not in dict(found)}
    return tuple(blockers)


def _referred_to(
    deployment: Deployment, case: Case, labelled: Sequence[Labelled], erased: dict[CollectionRef, set[str]]
) -> list[tuple[CollectionRef, Blocker]]:
    """The collections of ``erased``, each with a blocker, to whose rows others would still refer."""
    by_ref = {found.collection.ref: found for found in labelled}
    blockers = []
    for child in labelled:
        for key in child.collection.foreign_keys:
            parent = by_ref.get(key.target)
            if parent is None or key.target not in erased:
                continue
            going = erased.get(child.collection.ref, set())
            left = _dangling(deployment, case, (child, going), (parent, erased[key.target]), key)
            if left:
                blocker = Blocker(
                    "referenced-by-kept",
                    str(key.target),
                    f"{left} rows of {child.collection.ref} that stay refer to rows that would go",
                    "steward",
                    f"resolve what keeps or blocks {child.collection.ref}, then plan again",
                )
                blockers.append((key.target, blocker))
    return blockers


def ranked(deployment: Deployment, case: Case, found: Labelled, records: pl.DataFrame) -> pl.DataFrame | Blocker:
    """Give records of a table that refers to itself a column ``RANK``: every row's is above those that refer to it.

    So children go in no later batch than their parents, and come back in no earlier one. Records come back as they are
    where the table does not refer to itself; rows that refer to each other in a circle are a blocker.
    """
    collection = found.collection
    keys = [key for key in collection.foreign_keys if key.target == collection.ref]
    if not keys:
        return records
    locators, number = list(collection.key), pl.int_range(pl.len(), dtype=pl.Int64)
    wanted = [name for key in keys for name in (*key.fields, *key.target_fields)]
    values = _values(deployment, case, collection, wanted)
    rows = records.select(locators).with_columns(number.alias("row")).join(values, on=locators, how="left")
    links = [
        rows.join(rows.select("row", *key.target_fields), left_on=key.fields, right_on=key.target_fields)
        .filter(pl.col("row") != pl.col("row_right"))
        .select("row", "row_right")
        for key in keys
    ]
    ranks = _heights(pl.concat(links).unique(), records.height)
    if ranks is None:
        return Blocker(
            "circular-references",
            str(collection.ref),
            "rows of the table refer to each other in a circle, so that none of them can go first",
            "database administrator",
            "break the circle, or make the constraint deferrable and erase these rows by hand",
        )
    return records.with_columns(pl.Series(RANK, ranks))


def _heights(links: pl.DataFrame, count: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]] | None":
    """For each of ``count`` rows, the length of the longest chain that ends in it; None when there is a circle.

    ``links`` are pairs of a row and the one that it refers to.
    """
    ordered = links.sort("row")
    targets = ordered.get_column("row_right").to_numpy()
    first = np.searchsorted(ordered.get_column("row").to_numpy(), np.arange(count + 1))
    waiting = np.bincount(targets, minlength=count)
    heights = np.zeros(count, dtype=np.int64)
    ready, done = np.flatnonzero(waiting == 0), 0
    for height in range(count):
        heights[ready] = height
        done += len(ready)
        sizes = first[ready + 1] - first[ready]
        each = np.repeat(first[ready] - np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes) + np.arange(sizes.sum())
        above, times = np.unique(targets[each], return_counts=True)
        waiting[above] -= times
        ready = above[waiting[above] == 0]
        if not len(ready):
            break
    return heights if done == count else None


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
