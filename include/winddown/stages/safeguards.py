"""Limits that a steward sets beside the rules: the most that may go, and records that must never be touched.

Rules, findings and labels may be wrong together, and a plan made of them looks right. Two things do not rest on them: a
number that somebody who knows the collection wrote down, and sentinels, records of which their steward knows that they
stay, e.g. a customer who was planted for this. A plan that would take more, or that selects a sentinel, is not made. A
sentinel that is gone or changed while the plan is carried out turns the case's kill switch on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa

from winddown.domain.batch import CONTENT
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, RegisterEntry
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId, Plan
from winddown.domain.selection import Selection
from winddown.ports import Store
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.manifests import batches, plain, select

# Columns of keys that do not say which record is meant.
_NO_NAMES = (CONTENT, "batch", "version", "versions", "also", "action", "history")


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The sentinels of one collection, as they were when the plan was made."""

    collection: CollectionRef
    selection: Selection


def above_maximum(case: Case, orders: Sequence[Order]) -> tuple[Blocker, ...]:
    """A blocker for each collection of which an order would change more records than its entry allows."""
    blockers = []
    for order in orders:
        entry = case.entry(order.collection)
        if entry is None or entry.record_count_max is None or not order.changes_store:
            continue
        if order.selection.count > entry.record_count_max:
            blockers.append(
                Blocker(
                    "above-maximum",
                    str(order.collection),
                    f"an order would {order.act} {order.selection.count:,} records, and the register allows "
                    f"{entry.record_count_max:,}",
                    entry.steward,
                    "find out why it is more than was expected; raise record_count_max only when it is right",
                )
            )
    return tuple(blockers)


def plant(
    deployment: Deployment, case: Case, plan_id: str, collections: Sequence[Collection], orders: Sequence[Order]
) -> tuple[Blocker, ...]:
    """Remember every sentinel as it is now; a blocker for each entry of which one is not there.

    Raises Refused when an order selects a sentinel: then the whole plan is in doubt, not that order alone.
    """
    blockers = []
    planted: list[Sentinels] = []
    for collection in collections:
        entry = case.entry(collection.ref)
        if entry is None or not entry.sentinels:
            continue
        store = deployment.systems(case).store(collection.ref.store)
        rows = _rows(store, collection, entry)
        if rows is None:
            blockers.append(_missing(entry))
            continue
        keys = list(store.batch_keys(collection, [plain(rows)], size=rows.height))
        for order in orders:
            if order.collection == collection.ref and order.changes_store:
                selected = (batch.keys for batch in batches(deployment, case.id, order))
                _refuse_selected(pa.concat_tables(keys), selected, order)
        chosen = select(deployment, case.id, f"sentinels-{plan_id}-{len(planted)}", keys)
        planted.append(Sentinels(collection.ref, chosen))
    deployment.control.put(case.id, "sentinels", plan_id, tuple(planted), type_=tuple[Sentinels, ...])
    return tuple(blockers)


def require_sentinels(deployment: Deployment, plan: Plan, store: str) -> None:
    """Turn the case's kill switch on, and raise Residual, when a sentinel of a store is not as it was planted."""
    planted = deployment.control.require(plan.case, "sentinels", plan.id, type_=tuple[Sentinels, ...])
    for found in planted:
        if found.collection.store != store:
            continue
        order, inspector = _watch(found), deployment.systems(deployment.case(plan.case)).inspectors[store]
        # An inspector looks at an order's first batch more thoroughly than a look before every batch can be.
        planted_now = [replace(batch, index=batch.index + 1) for batch in batches(deployment, plan.case, order)]
        whole = sum(inspector.unchanged(order, batch) for batch in planted_now)
        if whole != found.selection.count:
            said = f"{found.selection.count - whole} of {found.selection.count} sentinels of {found.collection} changed"
            deployment.switch.halt(plan.case, by=ACTOR, reason=said, door="sentinels")
            raise Residual(
                f"{said} or gone: case {plan.case} is halted",
                rule="sentinels are never touched",
                next_step=f"find out what touched them; python -m winddown restore {plan.case} --by PERSON brings back "
                "what is in quarantine",
            )


def _rows(store: Store, collection: Collection, entry: RegisterEntry) -> pl.DataFrame | None:
    """Locators and content of the sentinels' records; None when not every one of them is there once."""
    locators = store.locators(collection)
    named = sorted({name for sentinel in entry.sentinels for name, _ in sentinel})
    if not set(named) <= {*locators, *collection.field_names()}:
        return None
    wanted = [name for name in named if name in collection.field_names()]
    found: list[list[pl.DataFrame]] = [[] for _ in entry.sentinels]
    for batch in store.read(collection, fields=wanted, bound=True):
        frame = pl.DataFrame(batch)
        kept = [name for name in frame.columns if name in {*locators, CONTENT}]
        for parts, sentinel in zip(found, entry.sentinels, strict=True):
            meant = frame.filter(*(pl.col(name).cast(pl.String) == value for name, value in sentinel))
            parts.append(meant.select(kept))
    rows = [pl.concat(parts) for parts in found if parts]
    return pl.concat(rows).sort(locators) if [one.height for one in rows] == [1] * len(found) else None


def _refuse_selected(keys: pa.Table, selected: Iterable[pa.Table], order: Order) -> None:
    """Compare with the keys of the order itself: that is what will be carried out."""
    watched = _named(keys)
    hit = sum(watched.join(_named(part), on=watched.columns, how="semi", nulls_equal=True).height for part in selected)
    if hit:
        raise Refused(
            f"order {order.id} selects {hit} of the sentinels of {order.collection}, which must stay",
            rule="sentinels are never touched",
            next_step="find out which rule, finding or register entry lets them go; nothing is planned until then",
        )


def _named(keys: pa.Table) -> pl.DataFrame:
    """A row for each record, with nothing but what names it."""
    rows = pl.DataFrame(keys).drop(_NO_NAMES, strict=False)
    return rows.explode("rows") if "rows" in rows.columns else rows


def _missing(entry: RegisterEntry) -> Blocker:
    return Blocker(
        "sentinel-missing",
        str(entry.collection),
        "a sentinel of this collection is not there, or its key names more than one record, so nobody would see it hit",
        entry.steward,
        "write the record again, or correct its key in the register",
    )


def _watch(found: Sentinels) -> Order:
    """What an inspector is asked with; nobody carries it out."""
    return Order(
        id=OrderId(found.selection.manifest),
        collection=found.collection,
        label="sentinels",
        act=Act.ERASE,
        method=Method.SET_ASIDE,
        selection=found.selection,
        level=0,
        record_count_max=found.selection.count,
    )
