"""Tables of which everything goes: moved as they are, looked at by the inspector, dropped.

The plan is made on the copy that it is for, because it names tables by their object ids.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sql_product import CASE, STORE, Database, approve, deploy, effect_alone, order_of

from winddown.domain.authorization import Power
from winddown.domain.plan import Act, Method, Order
from winddown.ports import SupportsWholeTables, ability
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import batches, select


@dataclass(frozen=True, slots=True)
class Moved:
    """What was measured of tables that went whole.

    Attributes:
        quarantine, purge: seconds of the longest effect, which is one table's.
        look: seconds in which the inspector compared every row of what was set aside.
        records: that the receipts name, quarantined and purged alike.
    """

    quarantine: float
    purge: float
    look: float
    records: int


def move(database: Database, workspace: Path, plan_id: str, names: Sequence[str]) -> Moved:
    """Plan these tables, those that refer to others first; quarantine them, let the inspector look, purge them."""
    deployment = deploy(database, workspace)
    plan = approve(deployment, plan_id, _orders(deployment, plan_id, names))
    inspector = deployment.systems(deployment.case(CASE)).inspectors[STORE]
    longest = {}
    records = 0
    look = 0.0
    for power in (Power.QUARANTINE, Power.PURGE):
        longest[power] = 0.0
        for order in plan.orders:
            (batch,) = batches(deployment, CASE, order)
            started = time.monotonic()
            records += effect_alone(deployment, plan, order, batch, power)
            longest[power] = max(longest[power], time.monotonic() - started)
            if power is Power.QUARANTINE:
                started = time.monotonic()
                seen = inspector.set_aside(order, batch)
                look += time.monotonic() - started
                if seen != batch.records:
                    raise SystemExit(f"the inspector sees {seen} of {batch.records} records in quarantine")
    return Moved(longest[Power.QUARANTINE], longest[Power.PURGE], look, records)


def _orders(deployment: Deployment, plan_id: str, names: Sequence[str]) -> list[Order]:
    store = deployment.systems(deployment.case(CASE)).store(STORE)
    able = ability(store, SupportsWholeTables)
    if able is None:
        raise SystemExit("the store moves no whole tables")
    found = {collection.ref.name: collection for collection in store.discover().collections}
    orders = []
    for level, name in enumerate(names):
        located = pa.Table.from_batches(list(store.read(found[name], fields=[], bound=True)))
        moved = able.whole_tables(found[name], located, whole=True)
        if moved.keys.num_rows != 1 or moved.method is not Method.MOVE_TABLE:
            raise SystemExit(f"{name} does not go whole: {', '.join(moved.against)}")
        selection = select(deployment, CASE, f"{plan_id}-{level}", [moved.keys])
        orders.append(order_of(plan_id, name, Act.ERASE, moved.method, selection, level=level))
    return orders
