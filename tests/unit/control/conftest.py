"""A control database on each engine, one case with one plan in it, and a clock that the test moves."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, make_url

from winddown.control import tables
from winddown.control.authority import Authority, Effect, effect_of
from winddown.control.door import Door
from winddown.control.engine import open_control, upgrade
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.control.switch import Switch
from winddown.demo.servers import EmbeddedPostgres
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch, keys_digest
from winddown.domain.case import Case, Custodian, Grace, Person, Profile, Subjects
from winddown.domain.company import Company
from winddown.domain.hold import holds_digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId, Plan, Wave
from winddown.domain.receipt import Receipt
from winddown.domain.selection import Selection
from winddown.domain.timeline import Timeline
from winddown.evidence.signing import Kind, Signer

START = datetime(2026, 11, 23, 2, tzinfo=UTC)
GRACE = timedelta(hours=1)
PASSWORD = "only-for-this-test"
TEMPLATE = "control_template"
ORDERS, FILES = CollectionRef("shop", "orders"), CollectionRef("files", "scans")


@dataclass
class MovableClock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at


@pytest.fixture(scope="session")
def admin_url() -> Iterator[str]:
    """A PostgreSQL with the two roles and a migrated template database."""
    server = EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="winddown-")) / "data")
    url = server.start()
    with psycopg.connect(url, autocommit=True) as admin:
        # These databases outlive nothing; what is tested is order and rights, not survival of a power cut.
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("SELECT pg_reload_conf()")
        for role in ("winddown_worker", "winddown_api"):
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
        admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
    engine = open_control(database_url(url, TEMPLATE))
    upgrade(engine)
    engine.dispose()
    yield url
    server.stop()


def database_url(url: str, database: str, *, user: str | None = None) -> str:
    found = make_url(url).set(drivername="postgresql+psycopg", database=database)
    if user is not None:
        found = found.set(username=user, password=PASSWORD)
    return found.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def empty_database(admin_url: str) -> Callable[[str], str]:
    """Make a new database from a template and return its URL."""
    numbers = count()

    def make(template: str) -> str:
        name = f"control_{next(numbers)}"
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return database_url(admin_url, name)

    return make


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("control_sqlite") / "control.sqlite"
    engine = open_control(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a fresh, migrated control database."""
    if request.param == "postgresql":
        make: Callable[[str], str] = request.getfixturevalue("empty_database")
        return make(TEMPLATE)
    path = tmp_path / "control.sqlite"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a control database in which nothing is yet."""
    if request.param == "postgresql":
        make: Callable[[str], str] = request.getfixturevalue("empty_database")
        return make("template1")
    return f"sqlite:///{tmp_path / 'folder' / 'control.sqlite'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_control(url)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_url(empty_database: Callable[[str], str]) -> str:
    return empty_database(TEMPLATE)


@pytest.fixture
def engine_of(postgres_url: str) -> Iterator[Callable[[str], Engine]]:
    """The same PostgreSQL control database as one of its roles sees it."""
    engines: dict[str, Engine] = {}

    def as_role(role: str) -> Engine:
        if role not in engines:
            database = str(make_url(postgres_url).database)
            engines[role] = open_control(database_url(postgres_url, database, user=role))
        return engines[role]

    yield as_role
    for engine in engines.values():
        engine.dispose()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def pass_time(clock: MovableClock) -> Callable[[timedelta], None]:
    def move(by: timedelta) -> None:
        clock.at += by

    return move


@pytest.fixture
def ledger(engine: Engine, clock: MovableClock) -> Ledger:
    return Ledger(engine, clock=clock)


@pytest.fixture
def control(engine: Engine, clock: MovableClock) -> Repository:
    return Repository(engine, clock=clock)


@pytest.fixture
def authority(engine: Engine, ledger: Ledger, clock: MovableClock) -> Authority:
    return Authority(engine, ledger=ledger, clock=clock, code_version="1")


@pytest.fixture
def switch(engine: Engine, ledger: Ledger) -> Switch:
    return Switch(engine, ledger=ledger)


@pytest.fixture
def door(engine: Engine, ledger: Ledger, clock: MovableClock, approver_keys: Path) -> Door:
    return Door(engine, ledger=ledger, clock=clock, approver_keys=approver_keys)


@pytest.fixture
def approver_keys(tmp_path: Path, signers: dict[str, Signer]) -> Path:
    """The administrator's list: everybody's key."""
    path = tmp_path / "approvers.txt"
    path.write_text("".join(f"{signer.key.line}\n" for signer in signers.values()))
    return path


@pytest.fixture(scope="session")
def signers() -> dict[str, Signer]:
    """The own keys of those who may sign approvals; zhao has none."""
    return {
        name: Signer.of(Ed25519PrivateKey.from_private_bytes(name.ljust(32).encode()), name=name, kind=Kind.NOTE)
        for name in ("chen", "wu")
    }


@pytest.fixture(scope="session")
def case(signers: dict[str, Signer]) -> Case:
    people = (("chen", "liquidation_group"), ("zhao", "liquidation_group"), ("wu", "pi_officer"), ("he", "custodian"))
    return Case(
        id="c-1",
        company=Company("示例公司", "Example", "91310000MA1K35QT41"),
        profile=Profile("general", (), False, False, (12, 31)),
        people=tuple(
            Person(name, name, role, signers[name].key.line if name in signers else "") for name, role in people
        ),
        approvers=("chen", "zhao", "wu"),
        grace=Grace(GRACE, "usual", "chen"),
        custodian=Custodian("he", "示例托管", "custody@example.com", "", date(2026, 10, 1)),
        stores=(),
        timeline=Timeline(()),
        accepted_dates=(),
        subjects=Subjects(ORDERS, "id", "born_on", "country"),
        register=(),
        transfers=(),
    )


@pytest.fixture(scope="session")
def batches() -> dict[str, tuple[Batch, ...]]:
    """The batches of each order: the erase has two, of three and of two records."""
    keys = {"o-seal": ("abc",), "o-erase": ("abc", "de"), "o-files": ("wxyz",)}
    tables = {name: [pa.table({"id": list(letters)}) for letters in found] for name, found in keys.items()}
    return {
        name: tuple(Batch(index, keys_digest(table), table) for index, table in enumerate(found))
        for name, found in tables.items()
    }


@pytest.fixture(scope="session")
def plan(batches: dict[str, tuple[Batch, ...]], case: Case) -> Plan:
    """Seal three records, then erase these and two more of the same store; erase four objects of another store."""

    def selection(name: str) -> Selection:
        found = batches[name]
        return Selection(name, "a" * 64, sum(one.records for one in found), tuple(one.digest for one in found))

    seal = Order(
        OrderId("o-seal"), ORDERS, "customer/2025", Act.SEAL, Method.CUSTODIAN_ARCHIVE, selection("o-seal"), 0, 3,
        fields=("amount",), until="2055-12-31",
    )  # fmt: skip
    erase = Order(
        OrderId("o-erase"), ORDERS, "customer", Act.ERASE, Method.MOVE_ROWS, selection("o-erase"), 0, 5,
        requires=(OrderId("o-seal"),),
    )  # fmt: skip
    files = Order(OrderId("o-files"), FILES, "customer", Act.ERASE, Method.DELETE_MARKER, selection("o-files"), 0, 4)
    return Plan(
        id="p-1",
        case="c-1",
        wave=Wave.AFTER_CLAIMS,
        orders=(seal, erase, files),
        inventory_digest="d" * 64,
        decisions=(),
        fingerprints=(),
        holds_digest=holds_digest(()),
        preconditions=(),
        rule_packs=(),
        code_version="1",
        grace_seconds=int(GRACE.total_seconds()),
        grace_reason="usual",
        approvals_needed=2,
        approver_roles=("liquidation_group", "pi_officer"),
        identities=(("shop", "PostgreSQL 1, database 2 (shop)"), ("files", "bucket files at http://s3")),
        approvers=case.named_approvers(),
        requested_by="operator",
        approval_days=30,
    )


@pytest.fixture
def open_plan(control: Repository, plan: Plan) -> Plan:
    control.add_plan(plan)
    return plan


@pytest.fixture
def approved(door: Door, case: Case, open_plan: Plan) -> Plan:
    for person in ("chen", "wu"):
        door.approve(case, open_plan.id, plan_digest=open_plan.digest, person_id=person)
    return open_plan


@pytest.fixture
def deed(plan: Plan, batches: dict[str, tuple[Batch, ...]]) -> Callable[..., Effect]:
    """``deed("o-erase", Power.PURGE, 1)``: the effect of a power on a batch of an order."""

    def effect(order_id: str, power: Power, batch: int = 0) -> Effect:
        return effect_of(plan, plan.order(order_id), batches[order_id][batch], power)

    return effect


@pytest.fixture
def carry_out(authority: Authority) -> Callable[..., None]:
    """Authorise an effect, spend the right, and close it as done."""

    def act(effect: Effect, *, records: int | None = None) -> None:
        authority.redeem(authority.authorize(effect, actor="winddown"))
        receipt = Receipt(effect.power, effect.order_id, effect.batch, effect.records if records is None else records)
        authority.close(effect, state="done", receipt=receipt, read_back="0 contradictions", actor="winddown")

    return act


def record_sealed(control: Repository, plan_id: str) -> None:
    """As it is recorded that the archive of o-seal was written, and that its one batch was sealed in it."""
    control.put("c-1", "archive", f"{plan_id}/o-seal", {"archive_sha256": "1" * 64, "content_sha256": "2" * 64})
    values = {"effect_id": f"{plan_id}/o-seal/seal/0", "case_id": "c-1", "plan_id": plan_id, "order_id": "o-seal"}
    values |= {"power": Power.SEAL, "batch": 0, "state": "done", "records": 1, "receipt": "", "changed_at": ""}
    with control.engine.begin() as connection:
        connection.execute(tables.effect.insert().values(values))


@pytest.fixture
def acknowledged(control: Repository, door: Door, case: Case, approved: Plan) -> Plan:
    """The approved plan, its archive sealed and in the custodian's hands."""
    record_sealed(control, approved.id)
    door.acknowledge(
        case, approved.id, "o-seal", archive_digest="1" * 64, content_digest="2" * 64, person_id="he"
    )  # fmt: skip
    return approved
