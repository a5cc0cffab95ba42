"""The product's own path through a database: a deployment with one case, its plan, and batches that are performed.

Control is a SQLite file with the settings of an embedded deployment, manifests are encrypted, approvals enter by the
door. Nothing stands in for a part of the product. Measured in a process of its own, whose memory counts.
"""

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa
from memory import peak
from sql_postgres import BASE, CUSTOMERS, LISTS, MINIMISED, url_of

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.control.authority import effect_of
from winddown.control.door import Door
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.case import Case, Custodian, Grace, Person, Profile, StoreDeclaration, Subjects
from winddown.domain.company import Company
from winddown.domain.hold import holds_digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId, Plan, Wave
from winddown.domain.selection import Selection
from winddown.domain.timeline import Timeline
from winddown.settings import Settings
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.effects import perform
from winddown.stages.manifests import batches, select
from winddown.stages.orders import BATCH_RECORDS
from winddown.stages.safeguards import plant

CASE, STORE = "bench", "shop"
PEOPLE = (("chen", "liquidation_group"), ("wu", "pi_officer"))


@dataclass(frozen=True, slots=True)
class Known:
    """One URL for every credential; separate ones are no matter of speed."""

    url: str

    def find(self, name: str) -> ConnectionParameters | None:
        """The same for every name of the store."""
        return ConnectionParameters(self.url) if name.startswith(STORE) else None


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured of a way to perform a plan's orders.

    Attributes:
        seconds: power → seconds for all batches.
        longest: seconds of the longest single effect; its transaction took less.
        records: that the receipts name, quarantined and purged alike.
    """

    seconds: Mapping[Power, float]
    longest: float
    records: int

    @property
    def total(self) -> float:
        """Seconds of quarantine and purge together."""
        return sum(self.seconds.values())


def deploy(url: str, workspace: Path, *, kind: str = "postgresql") -> Deployment:
    """A deployment with one opened case, whose one store is a database of a kind."""
    settings = Settings(f"sqlite:///{workspace / 'control.sqlite'}", workspace, None, "")
    deployment = bootstrap.deploy(Known(url), settings=settings)
    deployment.control.put(CASE, "case", "case", _case(kind), type_=Case)
    return deployment


def _case(kind: str) -> Case:
    return Case(
        id=CASE,
        company=Company("示例公司", "Example", "91310000MA1K35QT41"),
        profile=Profile("general", (), False, False, (12, 31)),
        people=tuple(Person(name, name, role) for name, role in PEOPLE),
        approvers=tuple(name for name, _ in PEOPLE),
        grace=Grace(timedelta(), "a benchmark waits for nobody", "chen"),
        custodian=Custodian("wu", "示例托管", "custody@example.com", "", date(2026, 10, 1)),
        stores=(StoreDeclaration(STORE, kind, STORE, "cn-east"),),
        timeline=Timeline(()),
        accepted_dates=(),
        subjects=Subjects(CollectionRef(STORE, CUSTOMERS), "id", "born_on", "country"),
        register=(),
        transfers=(),
    )


# -- planning --------------------------------------------------------------------------------------------------------


def choose(admin: str, workspace: Path, names: Sequence[str]) -> Mapping[str, Selection]:
    """Read the tables as a plan does, bind each chosen record's content, and write the encrypted manifests."""
    url = url_of(admin, BASE)
    deployment = deploy(url, workspace)
    store = deployment.systems(deployment.case(CASE)).store(STORE)
    found = {collection.ref.name: collection for collection in store.discover().collections}
    selections = {}
    for name in names:
        collection = found[name]
        with psycopg.connect(url) as connection:
            listed = connection.execute(f"SELECT id::text FROM {LISTS[name]}".encode()).fetchall()
        chosen = pl.Series([row[0] for row in listed])
        kept: list[pa.RecordBatch] = []
        for batch in store.read(collection, fields=[], bound=True):
            is_chosen = pl.Series(batch.column("id")).is_in(chosen.implode())
            kept.append(batch.filter(is_chosen.to_arrow()))
        keys = store.batch_keys(collection, pa.Table.from_batches(kept), size=BATCH_RECORDS)
        selections[name] = select(deployment, CASE, name, keys)
    return selections


def approve(
    deployment: Deployment, plan_id: str, orders: Sequence[tuple[str, Act]], chosen: Mapping[str, Selection]
) -> Plan:
    """Store a plan of these acts on the chosen records, with the approvals that it needs."""
    made = tuple(
        Order(
            id=OrderId(f"{plan_id}-{level}"),
            collection=CollectionRef(STORE, name),
            label="customer",
            act=act,
            method=Method.MOVE_ROWS if act is Act.ERASE else Method.MOVE_FIELDS,
            selection=chosen[name],
            level=level,
            record_count_max=chosen[name].count,
            fields=() if act is Act.ERASE else MINIMISED,
        )
        for level, (name, act) in enumerate(orders)
    )
    identity = deployment.systems(deployment.case(CASE)).inspectors[STORE].identity()
    plan = Plan(
        id=plan_id,
        case=CASE,
        wave=Wave.AFTER_CLAIMS,
        orders=made,
        inventory_digest="0" * 64,
        decisions=(),
        fingerprints=(),
        holds_digest=holds_digest(()),
        preconditions=(),
        rule_packs=(),
        code_version=deployment.code_version,
        grace_seconds=0,
        grace_reason="a benchmark waits for nobody",
        approvals_needed=len(PEOPLE),
        approver_roles=tuple(role for _, role in PEOPLE),
        identities=((STORE, identity),),
    )
    plant(deployment, deployment.case(CASE), plan.id, (), made)
    deployment.control.add_plan(plan, requested_by="operator")
    door = Door(deployment.control.engine, ledger=deployment.ledger, clock=deployment.clock)
    for person, _ in PEOPLE:
        door.approve(deployment.case(CASE), plan.id, plan_digest=plan.digest, person_id=person, door="api_session")
    return plan


# -- performing ------------------------------------------------------------------------------------------------------

Doing = Callable[[Deployment, Plan, Order, Batch, Power], int]


def effect_alone(deployment: Deployment, plan: Plan, order: Order, batch: Batch, power: Power) -> int:
    """Authorise, let the store act, close: without asking where the batch is, and without reading back."""
    effect = effect_of(plan, order, batch, power)
    store = deployment.systems(deployment.case(CASE)).store(STORE)
    authorization = deployment.authority.authorize(effect, actor=ACTOR)
    act = store.quarantine if power is Power.QUARANTINE else store.purge
    receipt = act(authorization, order, batch)
    deployment.authority.close(effect, state="done", receipt=receipt, read_back="not asked", actor=ACTOR)
    return receipt.records


def whole(deployment: Deployment, plan: Plan, order: Order, batch: Batch, power: Power) -> int:
    """All that the product does, its independent look before and after included."""
    return perform(deployment, plan, order, batch, power).records


WAYS: Mapping[str, Doing] = {"effects": effect_alone, "perform": whole}


def run(
    url: str,
    workspace: Path,
    orders: Sequence[tuple[str, Act]],
    chosen: Mapping[str, Selection],
    *,
    way: str = "effects",
    workers: int = 1,
) -> Run:
    """Quarantine, then purge: one order after the other, its batches shared among workers."""
    deployment = deploy(url, workspace)
    plan = approve(deployment, f"{CASE}-{url.rpartition('_')[2]}", orders, chosen)
    times: list[tuple[float, int]] = []

    def work(order: Order, number: int, power: Power) -> None:
        for batch in islice(batches(deployment, CASE, order), number, None, workers):
            started = time.monotonic()
            records = WAYS[way](deployment, plan, order, batch, power)
            times.append((time.monotonic() - started, records))

    seconds = {}
    for power in (Power.QUARANTINE, Power.PURGE):
        started = time.monotonic()
        for order in plan.orders:
            with ThreadPoolExecutor(workers) as pool:
                shares = [pool.submit(work, order, number, power) for number in range(workers)]
            for share in shares:
                share.result()
        seconds[power] = time.monotonic() - started
    return Run(seconds, max(took for took, _ in times), sum(records for _, records in times))


def apart(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a function returns that is called in a process of its own, and that process's peak memory in MiB."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, arguments, named).result()


def _with_peak(function: Callable[..., Any], arguments: Any, named: Any) -> tuple[Any, int]:
    return function(*arguments, **named), peak()
