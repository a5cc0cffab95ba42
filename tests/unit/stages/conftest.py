"""A small valid case file, a deployment on SQLite, and stores that hold their records in memory."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
import yaml

from winddown.archive.keys import CaseKeys
from winddown.control.authority import Authority
from winddown.control.engine import open_control, upgrade
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection, CollectionRef, Field, ForeignKey, Medium
from winddown.domain.pack import Rulebook
from winddown.domain.plan import Act, Method
from winddown.ports import Discovery, Store
from winddown.rules.loader import load_rulebook
from winddown.settings import Settings
from winddown.stages.deployment import Deployment, Systems

OBJECT_LOCATORS = ("winddown_object", "winddown_version", "winddown_row")
Rows = dict[str, list[str | None]]


class FixedClock:
    """Stands still until a test moves it."""

    at = datetime(2026, 11, 23, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@dataclass
class ShelfStore:
    """A store that reads from tables in memory and selects by its keys; it cannot do anything to them."""

    name: str
    shelf: dict[str, tuple[Collection, pa.Table]] = field(default_factory=dict)
    is_down: bool = False
    discoveries: int = 0
    readings: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    blockers: list[Blocker] = field(default_factory=list)
    identity: str = ""

    def put(
        self, name: str, rows: Rows, *, key: tuple[str, ...] = (), refers: Sequence[tuple[str, str]] = (),
        medium: Medium = Medium.TABLE,
    ) -> Collection:  # fmt: skip
        """Shelve records as text. ``refers``: (field, collection of this store) for each foreign key."""
        table = pa.table({column: pa.array(cells, pa.string()) for column, cells in rows.items()})
        keys = tuple(
            ForeignKey((column,), CollectionRef(self.name, target), (column,)) for column, target in refers
        )  # fmt: skip
        own = tuple(Field(column, "text", nullable=True) for column in rows if column not in OBJECT_LOCATORS)
        collection = Collection(
            CollectionRef(self.name, name), medium, "table", key, own, keys, table.num_rows, 1, 0, "f" * 64
        )  # fmt: skip
        self.shelf[name] = (collection, table)
        return collection

    def discover(self) -> Discovery:
        self.discoveries += 1
        if self.is_down:
            raise Transient("the server does not answer")
        collections = tuple(found for found, _ in self.shelf.values())
        return Discovery(collections, tuple(self.blockers), identity=self.identity)

    def locators(self, collection: Collection) -> tuple[str, ...]:
        return collection.key if collection.medium is Medium.TABLE else OBJECT_LOCATORS

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False,  # noqa: ARG002
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        wanted = collection.field_names() if fields is None else fields
        columns = list(dict.fromkeys([*self.locators(collection), *wanted]))
        yield from self.shelf[collection.ref.name][1].select(columns).to_batches(max_chunksize=3)

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        self.readings.append(collection.ref.name)
        if collection.ref.name in self.unreadable:
            raise Refused("a row cannot be read")
        yield from self.shelf[collection.ref.name][1].select(list(collection.field_names())).to_batches()

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method:
        if collection.medium is not Medium.TABLE:
            return Method.DELETE_MARKER if whole else Method.REWRITE_OBJECT
        return Method.MOVE_FIELDS if act is Act.MINIMISE else Method.MOVE_ROWS

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        assert collection.ref.store == self.name
        records = pa.concat_tables(located)
        numbers = pa.array([row // size for row in range(records.num_rows)], pa.int32())
        yield records.append_column("batch", numbers)

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        raise AssertionError(f"{collection.ref} {batch} {fields}: nothing is fetched while planning")


@pytest.fixture
def shop() -> ShelfStore:
    return ShelfStore("shop")


@pytest.fixture
def files() -> ShelfStore:
    return ShelfStore("files")


@pytest.fixture(scope="session")
def control_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stages_control") / "control.sqlite"
    engine = open_control(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    return load_rulebook(("cn",))


@pytest.fixture
def deployment(
    tmp_path: Path, control_template: Path, rulebook: Rulebook, shop: ShelfStore, files: ShelfStore
) -> Iterator[Deployment]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    shutil.copy(control_template, workspace / "control.sqlite")
    url = f"sqlite:///{workspace / 'control.sqlite'}"
    engine, clock = open_control(url), FixedClock()
    ledger = Ledger(engine, clock=clock)
    stores = {store.name: cast("Store", store) for store in (shop, files)}
    keys: dict[str, CaseKeys] = {}

    def keys_of(case_id: str) -> CaseKeys:
        return keys.setdefault(case_id, CaseKeys(workspace / case_id / "keys"))

    yield Deployment(
        settings=Settings(url, workspace, None, ""),
        clock=clock,
        control=Repository(engine, clock=clock),
        ledger=ledger,
        authority=Authority(engine, ledger=ledger, clock=clock, code_version="test"),
        rulebook=rulebook,
        systems=lambda _: Systems(stores, {}, {}),
        connection_exists=lambda name: name != "nowhere",
        keys=keys_of,
        signing_keys=workspace / "signing.keys",
        code_version="test",
    )
    engine.dispose()


TIMELINE = {
    "snapshot_taken": date(2026, 8, 1),
    "dissolution_resolved": date(2026, 8, 3),
    "dissolution_publicised": date(2026, 8, 10),
    "tax_liquidation_reported": date(2026, 8, 17),
    "liquidation_group_formed": date(2026, 8, 18),
    "group_listed": date(2026, 8, 20),
    "creditors_notified": date(2026, 8, 21),
    "creditors_announced": date(2026, 8, 31),
    "stop_notice_published": date(2026, 9, 30),
    "claims_window_closed": date(2026, 10, 20),
    "service_stopped": date(2026, 10, 31),
    "tax_cleared": date(2026, 11, 10),
}


@pytest.fixture
def case_document() -> dict[str, Any]:
    """A valid case, as YAML would give it; tests change one thing of it."""
    people = (("chen", "liquidation_group"), ("wu", "pi_officer"), ("he", "custodian"), ("li", "steward"))

    def entry(collection: str, category: str, **more: Any) -> dict[str, Any]:
        return {"collection": collection, "category": category, "purpose": "sale", "steward": "li", **more}

    return {
        "case": "demo-1",
        "company": {"name_zh": "示例公司", "name_en": "Example", "uscc": "91310000MA1K35QT41"},
        "profile": {
            "route": "general",
            "sectors": ["ecommerce_operator"],
            "faces": 0,
            "critical_infrastructure": False,
            "important_data": False,
            "legal_form": "company",
            "persons": 100,
            "processes_minors": False,
            "algorithm_filed": False,
            "fiscal_year_end": "12-31",
        },
        "people": [{"id": name, "name": name, "role": role} for name, role in people],
        "approvers": ["chen", "wu"],
        "grace": {"duration": "P7D", "reason": "usual", "accepted_by": "chen"},
        "custodian": {
            "person": "he",
            "organisation": "示例托管",
            "contact": "custody@example.com",
            "country": "CN",
            "public_key": "custodian.pub",
            "agreement_on": date(2026, 10, 1),
            "evidence": "evidence/agreement.txt",
        },
        "stores": [
            {"name": "shop", "kind": "postgresql", "connection": "shop", "region": "cn-east-1"},
            {"name": "files", "kind": "s3", "connection": "files", "region": "cn-east-1", "bucket": "files"},
        ],
        "timeline": [
            {"step": "S1", "event": event, "on": on, "evidence": "evidence/event.txt"} for event, on in TIMELINE.items()
        ],
        "accepted_dates": [
            {
                "rule": "RET-TAX-10Y",
                "start_event": "day_after_fiscal_year_end",
                "accepted_by": "chen",
                "evidence": "evidence/event.txt",
            }
        ],
        "subjects": {"collection": "shop:customers", "key": "id", "born_on": "born_on", "country": "country"},
        "register": [
            entry("shop:customers", "customer_profile", subject={"field": "id"}),
            entry(
                "shop:orders",
                "accounting_vouchers",
                subject={"field": "customer"},
                dated_by="ordered_on",
                custody="sealed",
                elements={"order_no": "voucher_number", "amount": "amount"},
            ),
            entry(
                "shop:payments",
                "accounting_vouchers",
                subject={"field": "order_no", "via": "shop:orders", "target": "order_no"},
                dated_by="paid_on",
                custody="in_place",
                elements={"payment_no": "voucher_number"},
            ),
            entry("shop:contacts", "customer_contact", subject={"field": "customer"}),
            entry("files:scans", "identity_scan", subject={"pattern": r"^scans/(?P<subject>[^.]+)\.jpg$"}),
            entry("files:loose", "identity_scan"),
            entry("files:reports", "company_own"),
        ],
        "holds": [
            {
                "id": "H-1",
                "matter": "matter 1",
                "ground": "court",
                "authority": "示例人民法院",
                "document_number": "（2026）示例1号",
                "placed_on": date(2026, 6, 1),
                "review_on": date(2027, 6, 1),
                "steward": "li",
                "subjects": "holds/h-1.csv",
            }
        ],
        "transfers": [
            {
                "id": "XB-1",
                "recipient": "Carrier",
                "country": "JP",
                "purpose": "cross_border_delivery",
                "legal_basis": "contract",
                "collection": "shop:orders",
                "where": "overseas",
                "sensitive": False,
                "evidence": "evidence/event.txt",
            }
        ],
    }


@pytest.fixture
def case_folder(tmp_path: Path) -> Path:
    """A folder with everything that the case file names."""
    folder = tmp_path / "case"
    for name, text in {
        "custodian.pub": "public key",
        "evidence/agreement.txt": "agreed",
        "evidence/event.txt": "it happened",
        "evidence/empty.txt": "",
        "holds/h-1.csv": "subject\nC-held\n",
        "../outside.txt": "not ours",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.fixture
def write_case(case_folder: Path) -> Callable[[Any], Path]:
    """Write a document (or text as it is) as the case file and return its path."""

    def write(document: Any) -> Path:
        path = case_folder / "case.yaml"
        text = document if isinstance(document, str) else yaml.safe_dump(document, allow_unicode=True)
        path.write_text(text, "utf-8")
        return path

    return write
