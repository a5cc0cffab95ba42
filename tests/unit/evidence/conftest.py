"""One small, realistic case that the tests bundle, bend and verify."""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from winddown.domain.canonical import canonical, digest
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.entry import LedgerEntry
from winddown.evidence.keyring import log_signers
from winddown.evidence.merkle import leaf_hash, root
from winddown.evidence.signing import Signer
from winddown.evidence.statement import CERTIFICATE_TYPE, sign_statement

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
GRACE = 3600
ORIGIN = "winddown.example/ledger"
NOW = 1_796_000_000
FOR_PEOPLE = {
    "certificate.zh.pdf": b"%PDF-1.7 the whole case",
    "certificates/k1.zh.html": b"<!doctype html><title>certificate</title>",
    "registers.xlsx": bytes(range(256)),
}


@dataclass
class Case:
    """Steps by label, in order. ``plan:p1`` and ``certificate:k1`` in a body stand for that document's digest."""

    signers: tuple[Signer, ...]
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    certificates: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    def step(self, label: str, after: int, kind: str, **body: Any) -> None:
        self.steps[label] = {"after": after, "type": kind, "body": body}

    def effect(  # noqa: PLR0917 - the steps of a case read as the rows of a table
        self, label: str, after: int, kind: str, act: str, order: str, batch: str, records: int
    ) -> None:
        body = {"effect": f"{act}-{order}-{batch}", "plan_id": "p1", "order_id": order, "act": act, "batch": batch}
        if kind == "intent":
            self.step(label, after, kind, **body, batch_digest=f"d-{batch}", records=records, nonce=f"n-{label}")
        else:
            self.step(label, after, kind, **body, records=records, read_back={"rows": 0})

    def entries(self) -> list[bytes]:
        digests = {f"plan:{one}": digest(plan) for one, plan in self.plans.items()}
        digests |= {f"certificate:{one}": digest(document) for one, document in self.certificates.items()}
        lines = []
        for seq, step in enumerate(self.steps.values()):
            body = {
                key: digests.get(item, item) if isinstance(item, str) else item for key, item in step["body"].items()
            }
            at = START + timedelta(seconds=step["after"])
            lines.append(LedgerEntry(seq, at, case="c1", type=step["type"], actor="svc", body=body).raw)
        return lines

    @property
    def policy(self) -> str:
        """What a reader who trusts no witnesses has."""
        return "".join(f"log {signer.key.line}\n" for signer in self.signers) + "quorum none\n"

    def checkpoint(self, lines: list[bytes], *, origin: str = ORIGIN) -> bytes:
        head = Checkpoint(origin, len(lines), root([leaf_hash(line) for line in lines]))
        return head.sign([signer.named(origin) for signer in self.signers], at=NOW)

    def certificate(self, document: dict[str, Any]) -> bytes:
        plan_id = str(document["plan_id"])
        subject = {f"plans/{plan_id}.json": digest(self.plans.get(plan_id))}
        return sign_statement(subject, document, predicate_type=CERTIFICATE_TYPE, signers=self.signers)

    def files(self, lines: list[bytes] | None = None) -> dict[str, bytes]:
        lines = self.entries() if lines is None else lines
        files = {"ledger.jsonl": b"".join(line + b"\n" for line in lines), "checkpoint.txt": self.checkpoint(lines)}
        files |= {f"plans/{one}.json": canonical(plan) for one, plan in self.plans.items()}
        for one, document in self.certificates.items():
            files[f"certificates/{one}.json"] = self.certificate(document)
        if "report" in self.steps:
            signed = {f"certificates/{one}.zh.html" for one in self.certificates}
            files |= {name: data for name, data in FOR_PEOPLE.items() if "/" not in name or name in signed}
        return {**files, "rules/pipl.json": b'{"rule":"PIPL 47"}'}

    def bundle(self) -> bytes:
        return bundle_bytes(self.files(), signers=self.signers)

    def copy(self) -> "Case":
        return Case(self.signers, *copy.deepcopy((self.plans, self.certificates, self.steps)))


def realistic(*signers: Signer) -> Case:
    case = Case(signers)
    orders: list[dict[str, Any]] = [
        {"id": "o1", "act": "hand_over", "record_count_max": 5, "requires": []},
        {"id": "o2", "act": "erase", "record_count_max": 10, "requires": ["o1"], "note": "合同期满"},
        {"id": "o3", "act": "erase", "record_count_max": 4, "requires": []},
    ]
    plan = {"id": "p1", "case": "c1", "wave": 1, "approvals_needed": 2, "grace_seconds": GRACE, "orders": orders}
    approvers = [{"person": "u-7", "role": "liquidator"}, {"person": "u-8", "role": "pi_officer"}]
    whom = {"approvers": approvers, "requested_by": "u-1", "approval_days": 30}
    case.plans["p1"] = {**plan, **whom, "rule_pack": "a" * 64}
    rows = [{"id": "o2", "purged": 9}, {"id": "o3", "purged": 4}]
    case.certificates["k1"] = {"id": "k1", "case": "c1", "plan_id": "p1", "orders": rows, "remains": "backups to 2027"}
    case.step("opened", 0, "case_opened", company="u-1")
    freeze = {"effect": "freeze-1", "plan_id": "", "order_id": "", "act": "freeze", "batch": "all"}
    case.step("freeze", 1, "intent", **freeze, batch_digest="", records=0, nonce="n-f")
    case.step("frozen", 2, "done", **freeze, records=0, read_back={"writable": False})
    case.step("plan", 10, "plan_made", plan_id="p1", wave=1, digest="plan:p1")
    approval = {"plan_id": "p1", "plan_digest": "plan:p1", "door": "api"}
    case.step("yes1", 20, "approval_given", **approval, person="u-7", role="liquidator")
    case.step("yes2", 30, "approval_given", **approval, person="u-8", role="pi_officer")
    case.effect("seal", 31, "intent", "seal", "o1", "b1", 5)
    case.effect("sealed", 32, "done", "seal", "o1", "b1", 5)
    acknowledged = {"plan_id": "p1", "order_id": "o1", "archive_digest": "e" * 64, "person": "u-9"}
    case.step("received", 40, "handover_acknowledged", **acknowledged)
    for start, order, batch, records in ((50, "o2", "b1", 6), (52, "o2", "b2", 3), (54, "o3", "b1", 4)):
        case.effect(f"q-{order}{batch}", start, "intent", "quarantine", order, batch, records)
        case.effect(f"Q-{order}{batch}", start + 1, "done", "quarantine", order, batch, records)
    case.effect("p-o2b1", 60 + GRACE, "intent", "purge", "o2", "b1", 6)
    case.effect("P-o2b1", 61 + GRACE, "done", "purge", "o2", "b1", 6)
    # A kill between act and record: closed as unknown, then the same effect again.
    case.effect("p-o2b2", 62 + GRACE, "intent", "purge", "o2", "b2", 3)
    case.effect("U-o2b2", 63 + GRACE, "unknown", "purge", "o2", "b2", 0)
    case.effect("p-o2b2-again", 64 + GRACE, "intent", "purge", "o2", "b2", 3)
    case.effect("P-o2b2", 65 + GRACE, "done", "purge", "o2", "b2", 3)
    case.effect("p-o3b1", 66 + GRACE, "intent", "purge", "o3", "b1", 4)
    case.effect("P-o3b1", 67 + GRACE, "done", "purge", "o3", "b1", 4)
    case.step("residual", 70 + GRACE, "residual_checked", found=0)
    case.step("certificate", 80 + GRACE, "certificate_issued", certificate_id="k1", digest="certificate:k1")
    documents = {name: hashlib.sha256(content).hexdigest() for name, content in FOR_PEOPLE.items()}
    case.step("report", 90 + GRACE, "report_issued", entries=len(case.steps), documents=documents)
    return case


@pytest.fixture(scope="session")
def signers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Signer, ...]:
    """Both keys of a log."""
    return log_signers(tmp_path_factory.mktemp("signing_keys"), ORIGIN)


@pytest.fixture
def signer(signers: tuple[Signer, ...]) -> Signer:
    return signers[0]


@pytest.fixture
def case(signers: tuple[Signer, ...]) -> Case:
    return realistic(*signers)


@pytest.fixture
def new_case() -> Callable[..., Case]:
    return realistic
