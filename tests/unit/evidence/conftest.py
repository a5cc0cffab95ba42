"""One small, realistic case that the tests bundle, bend and verify."""

import copy
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from winddown.domain.canonical import canonical, digest
from winddown.domain.errors import Refused
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.entry import LedgerEntry
from winddown.evidence.keyring import log_signers
from winddown.evidence.merkle import leaf_hash, root
from winddown.evidence.predicates import case_predicate, sign_case, sign_orders
from winddown.evidence.signing import Signer
from winddown.evidence.statement import CERTIFICATE_TYPE, sign_statement

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
GRACE = 3600
ORIGIN = "winddown/c1"
NOW = 1_796_000_000
FOUND = {"by": "inspector", "contradictions": 0}
FOR_PEOPLE = {
    "certificate.zh.pdf": b"%PDF-1.7 the whole case",
    "certificates/k1.zh.html": b"<!doctype html><title>certificate</title>",
    "registers.xlsx": bytes(range(256)),
}


@dataclass
class Case:
    """Steps by label, in order.

    ``plan:p1`` and ``certificate:k1`` in a body, and ``plan:p1`` in a certificate, stand for that document's digest.
    """

    signers: tuple[Signer, ...]
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    certificates: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    origin: str = ORIGIN

    def step(self, label: str, after: int, kind: str, **body: Any) -> None:
        self.steps[label] = {"after": after, "type": kind, "body": body}

    def effect(  # noqa: PLR0917 - the steps of a case read as the rows of a table
        self, label: str, after: int, kind: str, act: str, order: str, batch: str, records: int
    ) -> None:
        body = {"effect": f"{act}-{order}-{batch}", "plan_id": "p1", "order_id": order, "act": act, "batch": batch}
        if kind == "intent":
            found = "" if act == "sanitise" else f"d-{batch}"
            self.step(label, after, kind, **body, batch_digest=found, records=records, nonce=f"n-{label}")
        else:
            read_back = "0 rows" if act in {"seal", "anonymise", "sanitise"} else dict(FOUND, contradictions=0)
            self.step(label, after, kind, **body, records=records, read_back=read_back)

    def entries(self) -> list[bytes]:
        digests = {f"plan:{one}": digest(plan) for one, plan in self.plans.items()}
        digests |= {f"certificate:{one}": digest(self.issued(one)) for one in self.certificates}
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

    def checkpoint(self, lines: list[bytes], *, origin: str = "") -> bytes:
        origin = origin or self.origin
        head = Checkpoint(origin, len(lines), root([leaf_hash(line) for line in lines]))
        return head.sign([signer.named(origin) for signer in self.signers], at=NOW)

    def issued(self, one: str) -> dict[str, Any]:
        """A certificate as it is signed."""
        plans = {f"plan:{name}": digest(plan) for name, plan in self.plans.items()}
        return {
            name: plans.get(value, value) if isinstance(value, str) else value
            for name, value in self.certificates[one].items()
        }

    def certificate(self, document: dict[str, Any]) -> bytes:
        plan_id = str(document["plan_id"])
        subject = {f"plans/{plan_id}.json": digest(self.plans.get(plan_id))}
        return sign_statement(subject, document, predicate_type=CERTIFICATE_TYPE, signers=self.signers)

    def files(self, lines: list[bytes] | None = None) -> dict[str, bytes]:
        lines = self.entries() if lines is None else lines
        files = {"ledger.jsonl": b"".join(line + b"\n" for line in lines), "checkpoint.txt": self.checkpoint(lines)}
        files |= {f"plans/{one}.json": canonical(plan) for one, plan in self.plans.items()}
        for one in self.certificates:
            files[f"certificates/{one}.json"] = self.certificate(self.issued(one))
        # A certificate that a test bent may say nothing to repeat; it is refused before anybody looks for that.
        with suppress(LookupError, TypeError, AttributeError, Refused):
            files |= self.told(lines)
        if "report" in self.steps:
            signed = {f"certificates/{one}.zh.html" for one in self.certificates}
            files |= {name: data for name, data in FOR_PEOPLE.items() if "/" not in name or name in signed}
        return {**files, "rules/pipl.json": b'{"rule":"PIPL 47"}'}

    def told(self, lines: list[bytes]) -> dict[str, bytes]:
        """What is signed of the whole case and of each order alone."""
        found = [json.loads(line) for line in lines]
        entries = {entry["body"]["certificate_id"]: entry for entry in found if entry["type"] == "certificate_issued"}
        documents = [self.issued(one) for one in entries]
        if not documents:
            return {}
        intents = [entry["body"] for entry in found if entry["type"] == "intent"]
        begun = {body["plan_id"] for body in intents if body["plan_id"] and body["act"] != "restore"}
        reports = [entry for entry in found if entry["type"] == "report_issued"]
        cleared = [entry for entry in found if entry["type"] == "scheduler_cleared"]
        firsts = {entry["body"]["plan_id"]: entry for entry in reversed(cleared)}
        predicate = case_predicate(
            documents,
            entries={one: entry["seq"] for one, entry in entries.items()},
            issued_on=reports[-1]["at"][:10] if reports else "",
            unfinished=sorted(begun - {document["plan_id"] for document in documents}),
            waits_for=reports[-1]["body"].get("waits_for", []) if reports else [],
            scheduler_cleared=[entry["body"] | {"entry": entry["seq"]} for entry in firsts.values()],
        )
        files = {"certificate.json": sign_case(predicate, self.signers)}
        for document in documents:
            signed = sign_orders(document, self.signers)
            files |= {f"orders/{order}.json": content for order, content in signed.items()}
        return files

    def bundle(self) -> bytes:
        return bundle_bytes(self.files(), signers=self.signers)

    def copy(self) -> "Case":
        return Case(self.signers, *copy.deepcopy((self.plans, self.certificates, self.steps)), self.origin)


def order(order_id: str, act: str, most: int, *batches: str, count: int) -> dict[str, Any]:
    """An order of one collection, named after it."""
    selection = {"digest": f"s-{order_id}", "count": count, "batch_digests": [f"d-{batch}" for batch in batches]}
    said = {"id": order_id, "act": act, "method": "move_rows", "label": f"{order_id}, old", "fields": []}
    collection = {"store": "shop", "name": order_id}
    return {**said, "record_count_max": most, "requires": [], "collection": collection, "selection": selection}


def decision(name: str, count: int) -> dict[str, Any]:
    kept = (
        {"disposition": "store_only", "until": "2031-11-23"}
        if name == "kept"
        else {"disposition": "erase", "until": None}
    )
    return {"collection": {"store": "shop", "name": name}, "label": name, "count": count} | kept


def certificate_of(plan: dict[str, Any]) -> dict[str, Any]:
    """What the product says of a plan that was carried out, as far as the verifier reads it."""
    rows = [
        {name: one[name] for name in ("id", "act", "method", "label", "fields")}
        | {"collection": f"shop:{one['id']}", "records": one["selection"]["count"]}
        | {"manifest_digest": one["selection"]["digest"]}
        | {"purged": one["selection"]["count"] if one["act"] in {"erase", "minimise"} else 0}
        | ({"acknowledged_by": "u-9", "archive": {"sha256": "e" * 64}} if one["act"] == "seal" else {})
        for one in plan["orders"]
    ]
    approvals = [{"door": "api", "person": one["person"], "role": one["role"]} for one in plan["approvers"]]
    look = {"store": "shop", "records_live": 0, "leftovers": 0, "values_searched": 7, "values_found": 0}
    return {
        "id": "k1", "case": plan["case"], "plan_id": plan["id"], "plan_digest": "plan:p1", "wave": plan["wave"],
        "grace": {"seconds": plan["grace_seconds"], "reason": plan["grace_reason"]}, "orders": rows,
        "code_version": plan["code_version"], "approvals": approvals, "inspection": [look],
        "remaining": [
            {"collection": "shop:kept", "label": "kept", "records": 7, "until": "2031-11-23"}
            | {"disposition": "store_only"}
        ],
        "remains": "backups to 2027",
        "residual_until": [{"collection": "backups:shop", "until": "2027-05-01"}],
        "not_claimed": ["blocks of disks were not overwritten"],
    }  # fmt: skip


def realistic(*signers: Signer) -> Case:
    case = Case(signers)
    orders = [
        order("o1", "seal", 5, "0", count=5),
        order("o2", "erase", 10, "0", "1", count=9) | {"requires": ["o1"], "note": "合同期满"},
        order("o3", "erase", 4, "0", count=4),
    ]
    plan = {"id": "p1", "case": "c1", "wave": 1, "approvals_needed": 2, "grace_seconds": GRACE, "orders": orders}
    plan |= {"holds_digest": digest([]), "decisions": [decision("o2", 9), decision("kept", 7)], "traces": []}
    plan |= {"grace_reason": "a day was too long", "code_version": "1"}
    approvers = [{"person": "u-7", "role": "liquidator"}, {"person": "u-8", "role": "pi_officer"}]
    whom = {"approvers": approvers, "requested_by": "u-1", "approval_days": 30}
    case.plans["p1"] = {**plan, **whom, "rule_pack": "a" * 64}
    case.certificates["k1"] = certificate_of(case.plans["p1"])
    case.step("opened", 0, "case_opened", company="u-1")
    freeze = {"effect": "freeze-1", "plan_id": "", "order_id": "", "act": "freeze", "batch": "all"}
    case.step("freeze", 1, "intent", **freeze, batch_digest="", records=0, nonce="n-f")
    case.step("frozen", 2, "done", **freeze, records=0, read_back="nobody can write")
    case.step("plan", 10, "plan_made", plan_id="p1", wave=1, digest="plan:p1")
    approval = {"plan_id": "p1", "plan_digest": "plan:p1", "door": "api"}
    case.step("yes1", 20, "approval_given", **approval, person="u-7", role="liquidator")
    case.step("yes2", 30, "approval_given", **approval, person="u-8", role="pi_officer")
    case.effect("seal", 31, "intent", "seal", "o1", "0", 5)
    case.effect("sealed", 32, "done", "seal", "o1", "0", 5)
    acknowledged = {"plan_id": "p1", "order_id": "o1", "archive_digest": "e" * 64, "person": "u-9"}
    case.step("received", 40, "handover_acknowledged", **acknowledged)
    for start, label, of, batch, records in (
        (50, "o2b1", "o2", "0", 6), (52, "o2b2", "o2", "1", 3), (54, "o3b1", "o3", "0", 4),
    ):  # fmt: skip
        case.effect(f"q-{label}", start, "intent", "quarantine", of, batch, records)
        case.effect(f"Q-{label}", start + 1, "done", "quarantine", of, batch, records)
    case.effect("p-o2b1", 60 + GRACE, "intent", "purge", "o2", "0", 6)
    case.effect("P-o2b1", 61 + GRACE, "done", "purge", "o2", "0", 6)
    # A kill between act and record: closed as unknown, then the same effect again.
    case.effect("p-o2b2", 62 + GRACE, "intent", "purge", "o2", "1", 3)
    case.effect("U-o2b2", 63 + GRACE, "unknown", "purge", "o2", "1", 0)
    case.effect("p-o2b2-again", 64 + GRACE, "intent", "purge", "o2", "1", 3)
    case.effect("P-o2b2", 65 + GRACE, "done", "purge", "o2", "1", 3)
    case.effect("p-o3b1", 66 + GRACE, "intent", "purge", "o3", "0", 4)
    case.effect("P-o3b1", 67 + GRACE, "done", "purge", "o3", "0", 4)
    case.effect("s-shop", 68 + GRACE, "intent", "sanitise", "sanitise shop", "0", 2)
    case.effect("S-shop", 69 + GRACE, "done", "sanitise", "sanitise shop", "0", 2)
    case.step("backup", 69 + GRACE, "backup_proven", store="shop", collection="backups:shop", until="2027-05-01")
    look = {"store": "shop", "remaining": 0, "leftovers": 0, "probes": 7, "found": 0}
    case.step("residual", 70 + GRACE, "residual_checked", plan_id="p1", stores=[look])
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
