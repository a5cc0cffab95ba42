"""Writes what names the records of an order: sorted outside of memory, cut into batches, encrypted."""

from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pyarrow as pa

from winddown.archive.sorting import InOrder
from winddown.domain.batch import BATCH_RECORDS, CONTENT, RANK, SHARE_WHERE_REFERRED_TO
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.inventory import Medium
from winddown.domain.plan import Act, Method, OrderId
from winddown.domain.selection import Selection
from winddown.stages.deployment import Deployment
from winddown.stages.labelled import Labelled
from winddown.stages.manifests import plain, select
from winddown.stages.references import ranked, refers_to_itself
from winddown.stages.survivors import in_two


@dataclass(frozen=True, slots=True)
class Chosen:
    """The records of a collection that an order is about, each named by its key.

    Attributes:
        labels: of the records, in their collection.
        is_referred_to: some table refers to theirs.
    """

    found: Labelled
    labels: tuple[str, ...]
    act: Act
    method: Method
    is_referred_to: bool


def selected(deployment: Deployment, case: Case, order_id: OrderId, chosen: Chosen) -> Selection | Blocker:
    """Write the keys of the records, in batches; or say why these cannot be put into an order.

    Keys of a table are in memory a run at a time, however many there are. Those of objects and files are, all of them:
    there is one for each object. Raises Refused when the store does not name each of them once.
    """
    found, collection = chosen.found, chosen.found.collection
    store = deployment.systems(case).store(collection.ref.store)
    names = store.locators(collection)
    columns = [*names, *(name for name in (CONTENT,) if name in found.records.columns)]
    pieces, by, size = found.pieces(chosen.labels, columns), names, BATCH_RECORDS
    if chosen.act is Act.ERASE:
        size //= SHARE_WHERE_REFERRED_TO if chosen.is_referred_to else 1
        if refers_to_itself(collection):
            ranks = ranked(deployment, case, found, found.of(chosen.labels, columns))
            if isinstance(ranks, Blocker):
                return ranks
            pieces, by = iter([ranks]), (RANK, *names)
    with ExitStack() as held:
        located: Iterable[pa.Table] = map(plain, pieces)
        if collection.medium is Medium.TABLE:
            folder = deployment.folder(case.id, "manifests")
            located = held.enter_context(closing(InOrder(located, by, folder=folder)))
        else:
            located = list(located)
        keys = store.batch_keys(collection, located, size=size)
        keys = in_two(keys) if chosen.method is Method.KEEP_SURVIVORS else keys
        selection = select(deployment, case.id, order_id, keys)
    wanted = found.count(chosen.labels)
    if selection.count != wanted:
        raise Refused(
            f"{wanted} records of {collection.ref} were chosen, and the manifest of order {order_id} names "
            f"{selection.count}",
            rule="no record is lost on its way into a plan",
            next_step="plan again; if it stays so, do not let this store's records go, and report what it is",
        )
    return selection
