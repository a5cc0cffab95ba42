"""What a plan leaves where it is: copies that are known must not be taken for leftovers of what was destroyed.

A collection that a blocker stops keeps its records whole, and the certificate lists it. Values that stay somewhere
are no probes for the search in raw bytes: finding one would prove nothing. What the company calls its own is searched
nevertheless, because no customer's value should stand in it.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.inventory import Collection, Inventory, Medium
from winddown.domain.minimise import TOKEN, Form, kind_of
from winddown.domain.plan import Act, Order, Plan
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.labelled import BESIDE
from winddown.stages.pieces import in_pieces

_OWN = "company-own"


def blockers_of(deployment: Deployment, plan: Plan) -> tuple[Blocker, ...]:
    """Every blocker that stood when the plan was made; none stops own traces."""
    if plan.traces:
        return ()
    inventory: Inventory = deployment.control.require(plan.case, "inventory", plan.wave, type_=Inventory)
    planning = deployment.control.get(plan.case, "blockers", plan.wave, type_=tuple[Blocker, ...]) or ()
    return (*inventory.blockers, *planning)


def left_alone(deployment: Deployment, plan: Plan) -> tuple[str, ...]:
    """Names of the collections that a blocker stops, read or not, and that the plan does nothing to; sorted."""
    acted = {str(order.collection) for order in plan.orders}
    by_name: dict[str, list[Decision]] = {}
    for decision in plan.decisions:
        by_name.setdefault(str(decision.collection), []).append(decision)
    undecided = {name for name, decisions in by_name.items() if all(map(_is_stopped, decisions))}
    return tuple(sorted((undecided | {found.subject for found in blockers_of(deployment, plan)}) - acted))


def staying_values(
    deployment: Deployment, case: Case, plan: Plan, labelled: Sequence[Labelled], *, values: set[str]
) -> set[str]:
    """Those of ``values`` that occur, whole or inside a text, in a record or field that the plan leaves.

    Memory: a piece of the store's records at a time. Not read: opaque objects, folders that are left alone, and stores
    in which the plan destroys nothing, because these are not searched afterwards.
    """
    apart = set(left_alone(deployment, plan))
    searched = {order.collection.store for order in plan.orders if order.changes_store}
    staying: set[str] = set()
    for found in labelled:
        collection, entry = found.collection, case.entry(found.collection.ref)
        is_own = entry is not None and entry.category == "company_own"
        is_skipped = collection.medium is Medium.ROW_FILES and str(collection.ref) in apart
        if not values or is_own or is_skipped or collection.medium is Medium.OBJECTS:
            continue
        if collection.ref.store not in searched:
            continue
        for frame in _left(deployment, case, plan, found):
            for name in frame.columns:
                hits = frame.get_column(name).cast(pl.String).str.extract_many(sorted(values), overlapping=True)
                staying |= set(hits.explode(empty_as_null=True).drop_nulls().to_list())
        values = values - staying
    return staying


def _is_stopped(decision: Decision) -> bool:
    is_undecided = decision.disposition is Disposition.BLOCKED or decision.is_open
    return is_undecided and all(reason.rule != _OWN for reason in decision.reasons)


def _left(deployment: Deployment, case: Case, plan: Plan, found: Labelled) -> Iterator[pl.DataFrame]:
    """The records of a collection after the plan, piece by piece: without erased rows and emptied fields."""
    collection: Collection = found.collection
    store = deployment.systems(case).store(collection.ref.store)
    locators = list(store.locators(collection))
    orders = [order for order in plan.orders if order.collection == collection.ref and order.changes_store]
    for piece in in_pieces(store, collection):
        left = found.beside(piece, locators) if orders else piece
        for order in orders:
            is_due = pl.col(BESIDE).is_in(order.label.split(", ")).fill_null(value=False)
            if order.act is Act.MINIMISE:
                yield _emptied(left.filter(is_due).drop(BESIDE), collection, order)
            left = left.filter(~is_due)
        yield left.drop(BESIDE, strict=False)


def _emptied(rows: pl.DataFrame, collection: Collection, order: Order) -> pl.DataFrame:
    """Rows as a minimise leaves them, without tokens."""
    types = {field.name: kind_of(field.type) for field in collection.fields}
    forms = {name: Form.parse(text) for name, text in order.generalised if text != TOKEN}

    def left(name: str, value: str | None) -> str | None:
        kind = types[name]
        return forms[name].left(kind, value) if value and kind is not None else None

    columns = [pl.Series(name, [left(name, v) for v in rows.get_column(name)], pl.String) for name in forms]
    return rows.drop(order.fields).with_columns(columns)
