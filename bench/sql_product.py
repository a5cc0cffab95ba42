"""The product's own path through a database: a deployment with one case, its plan, and batches that are performed.

Control is a SQLite file with the settings of an embedded deployment, manifests are encrypted, approvals enter by the
door. Nothing stands in for a part of the product. Measured in a process of its own, whose memory counts.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from memory import peak
from sql_postgres import CUSTOMERS, MINIMISED
from sqlalchemy import Connection, Engine, Pool, create_engine, event, make_url, text
from sqlalchemy.pool import ConnectionPoolEntry

from winddown import bootstrap
from winddown.archive.escrow import Attempt, Escrow
from winddown.archive.sorting import InOrder
from winddown.connections import ConnectionParameters
from winddown.control.authority import effect_of
from winddown.control.door import Door
from winddown.domain.authorization import Power
from winddown.domain.batch import BATCH_RECORDS, SHARE_WHERE_REFERRED_TO, SMALL_BATCHES, Batch
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, Custodian, Grace, Person, Profile, StoreDeclaration, Subjects
from winddown.domain.company import Company
from winddown.domain.hold import holds_digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId, Plan, Wave
from winddown.domain.selection import Selection
from winddown.domain.timeline import Timeline
from winddown.ports import SupportsSideBySide, ability
from winddown.settings import Settings
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.effects import perform
from winddown.stages.lanes import in_lanes
from winddown.stages.manifests import batches, plain, select
from winddown.stages.pieces import in_pieces
from winddown.stages.safeguards import plant
from winddown.stages.survivors import in_two

CASE, STORE = "bench", "shop"
PEOPLE = (("chen", "liquidation_group"), ("wu", "pi_officer"))


@dataclass(frozen=True, slots=True)
class Database:
    """The store, and the URL of each of its credentials.

    Attributes:
        kind: as a case declares it.
        urls: what a connection's name adds to the store's, e.g. ``__mark`` → URL; what is missing has the URL of "".
    """

    kind: str
    urls: Mapping[str, str]

    def find(self, name: str) -> ConnectionParameters | None:
        """The store's connections and no others."""
        if not name.startswith(STORE):
            return None
        return ConnectionParameters(self.urls.get(name.removeprefix(STORE), self.urls[""]))


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured of a way to perform a plan's orders.

    Attributes:
        seconds: power → seconds for all batches.
        longest: power → seconds of the longest transaction of the store that changed something, its commit included.
        records: that the receipts name, quarantined and purged alike.
    """

    seconds: Mapping[Power, float]
    longest: Mapping[Power, float]
    records: int

    @property
    def total(self) -> float:
        """Seconds of quarantine and purge together."""
        return sum(self.seconds.values())


def deploy(database: Database, workspace: Path) -> Deployment:
    """A deployment with one opened case, whose one store is a database."""
    settings = Settings(f"sqlite:///{workspace / 'control.sqlite'}", workspace, None, "")
    deployment = bootstrap.deploy(database, settings=settings)
    deployment.control.put(CASE, "case", "case", _case(database.kind), type_=Case)
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


def choose(
    database: Database, workspace: Path, lists: Mapping[str, str], *, at_once: bool = False
) -> Mapping[str, Selection]:
    """Read the tables as a plan does, bind each chosen record's content, and write the encrypted manifests.

    ``lists`` names, by collection, the table that has the ids of what goes; ``at_once``: in two batches.
    """
    deployment = deploy(database, workspace)
    store = deployment.systems(deployment.case(CASE)).store(STORE)
    found = {collection.ref.name: collection for collection in store.discover().collections}
    selections = {}
    for name, listed in lists.items():
        collection = found[name]
        chosen = _ids(database, listed)
        chosen.sort()
        kept = (_among(chosen, piece) for piece in in_pieces(store, collection, fields=[], bound=True))
        is_referred_to = any(key.target == collection.ref for other in found.values() for key in other.foreign_keys)
        size = BATCH_RECORDS // (SHARE_WHERE_REFERRED_TO if is_referred_to else 1)
        with closing(InOrder(map(plain, kept), ["id"], folder=workspace)) as located:
            keys = store.batch_keys(collection, located, size=size)
            manifest = f"{name}-{listed}-{at_once}"
            selections[name] = select(deployment, CASE, manifest, in_two(keys) if at_once else keys)
    return selections


def _among(chosen: npt.NDArray[np.int32], piece: pl.DataFrame) -> pl.DataFrame:
    """The records whose ids are among these, which ascend."""
    ids = piece.get_column("id").cast(pl.Int32).to_numpy()
    nearest = np.minimum(np.searchsorted(chosen, ids), len(chosen) - 1)
    return piece.filter(pl.Series(chosen[nearest] == ids))


def _ids(database: Database, listed: str) -> npt.NDArray[np.int32]:
    driver = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}[database.kind]
    with create_engine(make_url(database.urls[""]).set(drivername=driver)).connect() as connection:
        found = connection.execution_options(stream_results=True).execute(text(f"SELECT id FROM {listed}"))
        return np.fromiter(found.scalars(), np.int32)


def order_of(plan_id: str, name: str, act: Act, method: Method, selection: Selection, *, level: int) -> Order:
    """One act on chosen records of a table, or on all of it."""
    return Order(
        id=OrderId(f"{plan_id}-{level}"),
        collection=CollectionRef(STORE, name),
        label="customer",
        act=act,
        method=method,
        selection=selection,
        level=level,
        record_count_max=selection.count,
        fields=() if act is Act.ERASE else MINIMISED,
    )


def method_of(deployment: Deployment, name: str, act: Act) -> Method:
    """How the store would do it to some of a collection's records."""
    store = deployment.systems(deployment.case(CASE)).store(STORE)
    (collection,) = [found for found in store.discover().collections if found.ref.name == name]
    method = store.method(collection, act, whole=False)
    if isinstance(method, Blocker):
        raise SystemExit(method.explanation)
    return method


def approve(deployment: Deployment, plan_id: str, made: Sequence[Order]) -> Plan:
    """Store a plan of these orders, with the approvals that it needs."""
    identity = deployment.systems(deployment.case(CASE)).inspectors[STORE].identity()
    plan = Plan(
        id=plan_id,
        case=CASE,
        wave=Wave.AFTER_CLAIMS,
        orders=tuple(made),
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
        approvers=deployment.case(CASE).named_approvers(),
        requested_by="operator",
        approval_days=30,
    )
    plant(deployment, deployment.case(CASE), plan.id, (), tuple(made))
    deployment.control.add_plan(plan)
    door = Door(deployment.control.engine, ledger=deployment.ledger, clock=deployment.clock)
    for person, _ in PEOPLE:
        door.approve(deployment.case(CASE), plan.id, plan_digest=plan.digest, person_id=person)
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


class Discarding(Escrow):
    """Takes the rows of a batch, has them compared with the plan, and keeps nothing: what the deletion costs alone."""

    @contextmanager
    def written(self, order_id: str, batch: Batch, records: Iterable[bytes]) -> Iterator[Attempt]:  # noqa: ARG002
        """Count the records."""
        yield Counted(sum(1 for _ in records))


class Counted(Attempt):
    """An attempt without a file."""

    def __init__(self, records: int) -> None:
        self.records = records

    def keep(self) -> str:
        """Name nothing."""
        return "nothing"


WAYS: Mapping[str, Doing] = {"delete": effect_alone, "effects": effect_alone, "perform": whole}
"""``delete``: batches are deleted and not kept, so there is nothing to purge."""


def run(
    database: Database,
    workspace: Path,
    plan_id: str,
    orders: Sequence[tuple[str, Act]],
    chosen: Mapping[str, Selection],
    *,
    way: str = "effects",
    workers: int = 1,
    method: Method | None = None,
) -> Run:
    """Quarantine, then purge: one order after the other, its batches shared among workers.

    What is performed is shared as the product does it. ``method`` is the orders' where it is not the one that the store
    chooses by itself.
    """
    deployment = deploy(database, workspace)
    powers = (Power.QUARANTINE,) if way == "delete" else (Power.QUARANTINE, Power.PURGE)
    if way == "delete":
        keeping = Discarding(workspace, scope="", key=deployment.keys(CASE).container_key)
        store: Any = deployment.systems(deployment.case(CASE)).store(STORE)
        holder = store._effects if database.kind == "mysql" else store  # noqa: SLF001
        holder._escrow = keeping  # noqa: SLF001
    made = [
        order_of(plan_id, name, act, method or method_of(deployment, name, act), chosen[name], level=level)
        for level, (name, act) in enumerate(orders)
    ]
    plan = approve(deployment, plan_id, made)
    records: list[int] = []

    def work(order: Order, batch: Batch, power: Power) -> None:
        records.append(WAYS[way](deployment, plan, order, batch, power))

    acting = deployment.systems(deployment.case(CASE)).store(STORE)
    wide = ability(acting, SupportsSideBySide) if way == "perform" else None
    seconds, longest = {}, {}
    for power in powers:
        started = time.monotonic()
        with Changes().watched() as took:
            for order in plan.orders:
                pieces = (partial(work, order, batch, power) for batch in batches(deployment, CASE, order))
                lanes = workers if wide is None else wide.side_by_side(order)
                for _ in in_lanes(pieces, lanes=lanes, alone=SMALL_BATCHES):
                    pass
        seconds[power], longest[power] = time.monotonic() - started, max(took)
    return Run(seconds, longest, sum(records))


class Changes:
    """Seconds of transactions that end by a commit, which is included; not of the control database's.

    PostgreSQL's are begun and ended by SQLAlchemy, MySQL's and MariaDB's by statements of the store.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @contextmanager
    def watched(self) -> Iterator[list[float]]:
        """Add what ends meanwhile, in whatever thread."""
        hooks = (
            (Engine, "begin", self._began),
            (Engine, "commit", self._commits),
            (Pool, "reset", self._ended),
            (Engine, "before_cursor_execute", self._executes),
            (Engine, "after_cursor_execute", self._executed),
        )
        for hook in hooks:
            event.listen(*hook)
        try:
            yield self.seconds
        finally:
            for hook in hooks:
                event.remove(*hook)

    def _began(self, connection: Connection) -> None:
        connection.info["began"] = None if connection.dialect.name == "sqlite" else time.monotonic()
        connection.info["commits"] = False

    def _commits(self, connection: Connection) -> None:
        connection.info["commits"] = True

    def _ended(self, _: Any, record: ConnectionPoolEntry, *__: Any) -> None:
        if record.info.pop("commits", False) and record.info["began"] is not None:
            self.seconds.append(time.monotonic() - record.info["began"])

    def _executes(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "START TRANSACTION":
            connection.info["began"] = time.monotonic()

    def _executed(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT":
            self.seconds.append(time.monotonic() - connection.info["began"])


def apart(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a function returns that is called in a process of its own, and that process's peak memory in MiB."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, arguments, named).result()


def _with_peak(function: Callable[..., Any], arguments: Any, named: Any) -> tuple[Any, int]:
    return function(*arguments, **named), peak()
