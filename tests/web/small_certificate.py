"""A certificate of one small wave, as certify writes it."""

from typing import Any

from winddown.domain.plan import Act, Method


def order(act: Act, method: Method, **changes: Any) -> dict[str, Any]:
    given = {
        "id": "p-1-001", "collection": "shop:orders", "act": act.value, "method": method.value, "records": 1234,
        "manifest_digest": "a" * 64, "purged": 1234, "fields": [], "rules": ["DEL-PIPL-47-2"],
    }  # fmt: skip
    return given | changes


def remaining(label: str, **changes: Any) -> dict[str, Any]:
    given = {
        "collection": "shop:orders", "label": label, "records": 7, "disposition": "held", "until": None,
        "keeper": None, "readable_by": None,
        "reasons": ["HOLD-PRECEDENCE 证据保全: the record's person is under a legal hold"],
    }  # fmt: skip
    return given | changes


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
        "preconditions": ["DL-CO-229-PUBLICISE: in time"],
        "approvals": [
            {"person": "chen", "role": "liquidation_group", "door": "api_session", "approved_at": "2026-11-20"}
        ],
        "orders": [
            order(Act.SEAL, Method.CUSTODIAN_ARCHIVE, archive=archive, acknowledged_by="he",
                  acknowledged_at="2026-11-22", receiver=receiver, fields=["amount"]),
            order(Act.ANONYMISE, Method.ANONYMOUS_EXTRACT, purged=0, extract=extract, fields=["city"]),
            order(Act.ERASE, Method.MOVE_ROWS),
            order(Act.MINIMISE, Method.MOVE_FIELDS, fields=["payer_name"]),
        ],
        "remaining": [
            remaining("held"),
            remaining("customer/2025", until="2055-12-31", disposition="store_only", keeper="", readable_by=""),
        ],
        "residual_until": [{"collection": "files:backups", "what": "backup still holds", "until": "2027-02-28"}],
        "inspection": [
            {"store": "shop", "batches": 1, "records_live": 0, "leftovers": 0, "bytes_searched": 99_000,
             "values_searched": 40, "values_found": 0, "medium": "files", "claim": "logically deleted"}
        ],
        "not_claimed": ["blocks of disks were not overwritten"],
        "ledger_size": 80,
    }  # fmt: skip
