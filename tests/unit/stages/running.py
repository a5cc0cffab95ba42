"""A company whose tables lie in memory, taken through every stage by the plain runner; its people act when asked."""

import base64
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import jsonschema
import yaml
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from referencing import Registry, Resource

from winddown.archive.content import content_digest
from winddown.archive.custody import open_as_custodian
from winddown.control.door import Door
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.canonical import digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.pack import Rulebook, Subject
from winddown.domain.plan import Act, Order
from winddown.domain.rule import AuthorityLevel, Basis, Rule, RuleKind, Verification, VerificationStatus
from winddown.evidence import verify
from winddown.ports import ByteSearch, Inspector
from winddown.runner import Halt, run
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.open import open_case
from winddown.stages.report import Report
from winddown.stages.seal import SealedArchive
from winddown.stores.memory import MemoryStore, MemoryTable, Row

NONE = {"kind": "none", "because": "checked by hand"}


def rule(rule_id: str, kind: RuleKind, categories: Sequence[str], start: str, **more: Any) -> Rule:
    """A verified rule of a law that binds every company."""
    values: dict[str, Any] = {
        "id": rule_id,
        "title_zh": rule_id,
        "title_en": rule_id,
        "kind": kind,
        "data_category": tuple(categories),
        "applies_to": ("all_companies",),
        "start_event": start,
        "basis": Basis("示例法", "第一条", AuthorityLevel.LAW, date(2020, 1, 1), quote="应当"),
        "verification": Verification(VerificationStatus.VERIFIED, "test", "test"),
        "priority": 5,
        "reviewed_on": date(2026, 1, 1),
    }
    return Rule(**(values | more))


def with_rules(rulebook: Rulebook, *rules: Rule, sectors: Sequence[str] = ()) -> Rulebook:
    """The same book with these rules, and the categories and sectors that they speak of."""
    first = rulebook.packs[0]
    categories = first.categories.union(*(one.data_category for one in rules))
    subjects = {**first.subjects, **{name: Subject(name) for name in sectors}}
    changed = {**first.rules, **{one.id: one for one in rules}}
    pack = replace(first, rules=MappingProxyType(changed), categories=categories, subjects=MappingProxyType(subjects))
    return Rulebook((pack, *rulebook.packs[1:]))


class TableInspector:
    """Looks into the tables themselves."""

    def __init__(self, tables: dict[str, MemoryTable], *, store: str = "shop") -> None:
        self._tables = tables
        self._store = store

    def identity(self) -> str:
        return f"memory {self._store}"

    def unchanged(self, order: Order, batch: Batch) -> int:
        planned = batch.keys.column(CONTENT).to_pylist()
        return sum(digest(row) in planned for row in self._tables[order.collection.name].rows)

    def set_aside(self, order: Order, batch: Batch) -> int:
        return self.leftovers(order, batch)

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        return tuple(sorted({who for ref in collections for who in self._tables[ref.name].writers}))

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        return tuple(sorted({who for ref in collections for who in self._tables[ref.name].readers}))

    def remaining(self, order: Order, batch: Batch) -> int:
        table = self._tables[order.collection.name]
        keys = {table.key_of(row) for row in batch.keys.to_pylist()}
        rows = [row for row in table.rows if table.key_of(row) in keys]
        return sum(order.act is Act.ERASE or any(row[name] for name in order.fields) for row in rows)

    def leftovers(self, order: Order, batch: Batch) -> int:
        return len(self._tables[order.collection.name].aside.get((order.id, batch.index), ()))

    def search_bytes(self, probes: Sequence[bytes], **_: object) -> ByteSearch:
        return ByteSearch(reached=False, medium="none", bytes_read=0, probes=len(probes), found=0)


def visits(case_document: dict[str, Any], count: int, *, persons: int = 3) -> dict[str, MemoryTable]:
    """Tables of a shop's customers and of their visits, of which every one goes; the document registers both."""
    customers: list[Row] = [{"id": f"C{n}", "born_on": "1980-01-01", "country": "CN"} for n in range(persons)]
    found: list[Row] = [
        {"no": f"V{n}", "phone": f"1380013{n:04d}", "customer": f"C{n % persons}"} for n in range(count)
    ]
    case_document["accepted_dates"] = []
    case_document["register"] = [
        {"collection": "shop:customers", "category": "company_own", "purpose": "x", "steward": "li"},
        {
            "collection": "shop:visits", "category": "customer_service", "purpose": "service", "steward": "li",
            "subject": {"field": "customer"},
            "fields": {"phone": {"kind": "mobile", "because": "seen"}, "no": NONE, "customer": NONE},
        },
    ]  # fmt: skip
    return {"customers": table("id", rows=customers), "visits": table("no", rows=found)}


@dataclass
class Running:
    """One case on a store in memory.

    Attributes:
        document: the case file, to be changed before the first run.
        keys: file name of a public key → the private key.
        requested_by: who opens the case.
    """

    deployment: Deployment
    folder: Path
    document: dict[str, Any]
    tables: dict[str, MemoryTable]
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    requested_by: str = "operator"

    def key(self, name: str) -> str:
        """Make a receiver's key pair; return the file name of the public one."""
        private = X25519PrivateKey.generate()
        (self.folder / name).write_bytes(
            private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        self.keys[name] = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return name

    def run(self) -> Halt:
        """Open or continue the case."""
        (self.folder / "case.yaml").write_text(yaml.safe_dump(self.document, allow_unicode=True), "utf-8")
        read = read_case_file(self.folder / "case.yaml")
        case_id = open_case(self.deployment, read, requested_by=self.requested_by)
        return run(self.deployment, case_id)

    @property
    def door(self) -> Door:
        current, keys = self.deployment, self.deployment.settings.approver_keys
        return Door(current.control.engine, ledger=current.ledger, clock=current.clock, approver_keys=keys)

    def list_keys(self, *lines: str) -> Path:
        """Write the administrator's list of approvers' keys, and name it in the settings."""
        path = self.folder / "approvers.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        settings = replace(self.deployment.settings, approver_keys=path)
        self.deployment = replace(self.deployment, settings=settings)
        return path

    def approve(self, plan_id: str) -> None:
        case = self.deployment.case("demo-1")
        for person in case.approvers:
            plan_digest = self.deployment.control.plan(plan_id).digest
            self.door.approve(case, plan_id, plan_digest=plan_digest, person_id=person)

    def receipt(self, plan_id: str, order_id: str, *, key: str) -> dict[str, str]:
        """What a receiver hands in after opening an archive with a key."""
        sealed = self.deployment.control.require("demo-1", "archive", f"{plan_id}/{order_id}", type_=SealedArchive)
        path = self.deployment.folder("demo-1", "archives") / sealed.file
        _, table = open_as_custodian(path, private_key_pem=self.keys[key])
        return {"archive_digest": sealed.archive_sha256, "content_digest": content_digest(table.to_batches())}

    def acknowledge(self, plan_id: str, order_id: str, *, key: str, person: str) -> None:
        receipt = self.receipt(plan_id, order_id, key=key)
        self.door.acknowledge(self.deployment.case("demo-1"), plan_id, order_id, person_id=person, **receipt)

    def pass_grace(self) -> None:
        cast("Any", self.deployment.clock).at += timedelta(days=8)

    def until(self, reason: str) -> Halt:
        """Let people act until the case waits for this."""
        while (halt := self.run()).reason != reason:
            if halt.reason == "approvals":
                self.approve(halt.plan_id)
            else:
                assert halt.reason == "grace", halt
                self.pass_grace()
        return halt

    def certificate(self, plan_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.deployment.control.require(
            "demo-1", "certificate", f"certificate-{plan_id}", type_=dict[str, Any]
        )
        return found


def running(deployment: Deployment, folder: Path, document: dict[str, Any], tables: dict[str, MemoryTable]) -> Running:
    """A case on one store, ``shop``, with a custodian that has a key."""
    store = MemoryStore("shop", tables=tables, unlock=deployment.authority.redeem)
    inspector = cast("Inspector", TableInspector(tables))
    systems = Systems({"shop": store}, {"shop": inspector}, {})
    document["stores"] = [{"name": "shop", "kind": "sql", "connection": "shop", "region": "cn-east-1"}]
    document["transfers"] = document["holds"] = []
    document["timeline"] += [
        {"step": "S3", "event": event, "on": date(2026, 11, 1), "evidence": "evidence/event.txt"}
        for event in ("guardians_told", "recipient_notice_published", "staff_settled")
    ]
    current = replace(deployment, systems=lambda _: systems)
    made = Running(current, folder, document, tables)
    made.key("custodian.pub")
    return made


def table(*key: str, rows: list[Row]) -> MemoryTable:
    return MemoryTable(key, rows, writers={"app"})


SCHEMAS = {
    found["$id"]: found
    for path in (Path(__file__).parents[3] / "docs").glob("*certificate.schema.json")
    for found in [json.loads(path.read_text("utf-8"))]
}
KNOWN = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items())
SIGNED = {
    "certificates/.*\\.json": "certificate",
    "orders/.*": "order-certificate",
    "certificate\\.json": "case-certificate",
}


def statement_of(envelope: bytes) -> dict[str, Any]:
    """The statement that was signed."""
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    return found


def require_sound(written: Report) -> None:
    """The bundle verifies by the policy beside it, and all that is signed in it is as the published schemas say."""
    data = written.bundle.read_bytes()
    assert verify.verify(data, written.key.read_text()).reasons == []
    members = verify.read_archive(data)
    found: Counter[str] = Counter()
    for pattern, kind in SIGNED.items():
        for content in (content for name, content in members.items() if re.fullmatch(pattern, name)):
            statement = statement_of(content)
            assert statement["predicateType"] == f"https://winddown.example/{kind}/v1"
            schema = SCHEMAS[statement["predicateType"]]
            jsonschema.Draft202012Validator(schema, registry=KNOWN).validate(statement["predicate"])
            found[kind] += 1
    assert found["certificate"] == len(written.certificates) > 0
    assert found["case-certificate"] == 1
