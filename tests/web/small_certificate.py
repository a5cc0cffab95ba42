"""A certificate of one small wave, as certify writes it."""

from typing import Any

from winddown.domain.plan import Act, Method
from winddown.stages.papers.position import LedgerPosition


def order(act: Act, method: Method, **changes: Any) -> dict[str, Any]:
    is_copy = act in {Act.SEAL, Act.ANONYMISE}
    given = {
        "id": "p-1-001", "collection": "shop:orders", "label": "customer/2025", "act": act.value,
        "method": method.value, "reason": "", "records": 1234, "manifest_digest": "a" * 64,
        "purged": 0 if is_copy else 1234, "fields": [], "rules": ["DEL-PIPL-47-2"],
        "cluster": {"category": "customer_profile", "purpose": "sale", "about": "customers", "steward": "li"},
        "place": {"store": "shop", "kind": "postgresql", "region": "cn-east-1", "bucket": ""},
        "grounds": [
            {
                "rule": "DEL-PIPL-47-2", "citation": "个人信息保护法 第四十七条",
                "says": "the service stopped on 2026-05-31",
            }
        ],
        "executed": {"from": "2026-11-21T02:00:00.000000Z", "to": "2026-11-28T03:00:00.000000Z", "batches": 3},
        "outcome": "none" if is_copy else "clear", "quarantine_copy": "none",
        "validation": "not_applicable" if is_copy else "passed", "exceptions": [],
    }  # fmt: skip
    return given | changes


def remaining(label: str, **changes: Any) -> dict[str, Any]:
    given = {
        "collection": "shop:orders", "label": label, "records": 7, "disposition": "held", "until": None,
        "keeper": None, "readable_by": None, "next": {"what": "review_hold", "who": "li", "on": None},
        "reasons": ["HOLD-PRECEDENCE 证据保全: the record's person is under a legal hold"],
    }  # fmt: skip
    return given | changes


POSITION = LedgerPosition("c-1", 57, "d" * 64, "e" * 64)


def make_document() -> dict[str, Any]:
    receiver = {"organisation": "示例清算机构", "role": "designated_body", "person": "he"}
    extract = {
        "file": "visits.parquet", "sha256": "2" * 64, "written": 1200, "suppressed": 34, "smallest": 6, "probes": 400,
        "k": 5, "generalised": [["city", "keep"], ["visited_on", "month"]],
    }  # fmt: skip
    archive = {"file": "orders.custody", "sha256": "1" * 64, "keep_until": "2055-12-31"}
    return {
        "id": "certificate-p-1",
        "case": "c-1",
        "company": {"name_zh": "示例公司", "name_en": "Example", "uscc": "91310000MA1K35QT41"},
        "plan_id": "p-1",
        "plan_digest": "b" * 64,
        "wave": "after_claims",
        "issued_on": "2026-11-23",
        "rule_packs": [["cn 2026.11.1", "c" * 64]],
        "code_version": "0.1.0",
        "grace": {"seconds": 604800, "reason": "usual; accepted by chen"},
        "preconditions": ["DL-CO-229-PUBLICISE: in time (late)"],
        "approvals": [
            {"person": "chen", "name": "陈立", "role": "liquidation_group", "door": "api_session",
             "approved_at": "2026-11-20T08:00:00.000000Z"}
        ],
        "orders": [
            order(Act.SEAL, Method.CUSTODIAN_ARCHIVE, archive=archive, acknowledged_by="he",
                  acknowledged_at="2026-11-22T08:00:00.000000Z", receiver=receiver, fields=["amount"]),
            order(Act.ANONYMISE, Method.ANONYMOUS_EXTRACT, purged=0, extract=extract, fields=["city"]),
            order(Act.ERASE, Method.ESCROW_ROWS, quarantine_copy="crypto_erase"),
            order(Act.MINIMISE, Method.MOVE_FIELDS, fields=["payer_name"]),
        ],
        "remaining": [
            remaining("held"),
            remaining("customer/2025", until="2055-12-31", disposition="store_only", keeper="", readable_by=""),
        ],
        "residual_until": [{"collection": "files:backups", "what": "backup still holds", "store": "shop",
                            "until": "2027-02-28",
                            "next": {"what": "confirm_expiry", "who": "示例托管", "on": "2027-03-01"}}],
        "inspection": [
            {"store": "shop", "batches": 1, "records_live": 0, "leftovers": 0, "bytes_searched": 99_000,
             "values_searched": 40, "values_found": 0, "medium": "files", "claim": "logically deleted"}
        ],
        "not_claimed": ["blocks of disks were not overwritten"],
        "ledger_size": 80,
    }  # fmt: skip
