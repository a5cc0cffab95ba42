"""What was read of each collection and what it was found to hold: coverage, findings, facts. Counts, never values."""

from dataclasses import asdict
from typing import Any

from winddown.domain.drift import Drift
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Fact, Inventory
from winddown.stages.classify import Coverage, TradeSecret
from winddown.stages.deployment import Deployment
from winddown.stages.relations import Relation

_TO_ANSWER = frozenset({Status.AMBIGUOUS, Status.HEADER_ONLY})


def reading_view(deployment: Deployment, case_id: str) -> dict[str, Any]:
    """One row a collection, those with something unread or undecided first; empty before classification."""
    control = deployment.control
    coverage: tuple[Coverage, ...] = control.get(case_id, "coverage", "coverage", type_=tuple[Coverage, ...]) or ()
    findings: tuple[Finding, ...] = control.get(case_id, "findings", "findings", type_=tuple[Finding, ...]) or ()
    lists: tuple[TradeSecret, ...] = control.get(case_id, "trade_secrets", "lists", type_=tuple[TradeSecret, ...]) or ()
    inventory: Inventory | None = control.get(case_id, "inventory", "first", type_=Inventory)
    facts = inventory.facts if inventory is not None else ()
    relations = control.get(case_id, "relations", "relations", type_=tuple[Relation, ...]) or ()
    links: dict[str, list[dict[str, Any]]] = {}
    for each in relations:
        links.setdefault(each.collection, []).append(asdict(each))
    rows = [_row(found, findings, lists, facts) | {"links": links.get(found.collection, [])} for found in coverage]
    return {
        "collections": sorted(rows, key=lambda row: (not row["unread"] and not row["to_answer"], row["collection"])),
        "cells": sum(found.cells for found in coverage),
        "unread": sum(bool(found.unread) for found in coverage),
        "to_answer": sum(row["to_answer"] for row in rows),
        "drift": [asdict(found) for found in _drift(deployment, case_id)],
        "store_facts": [_fact(found) for found in facts if ":" not in found.subject],
    }


def _drift(deployment: Deployment, case_id: str) -> tuple[Drift, ...]:
    return deployment.control.get(case_id, "drift", "drift", type_=tuple[Drift, ...]) or ()


def _row(
    coverage: Coverage, findings: tuple[Finding, ...], lists: tuple[TradeSecret, ...], facts: tuple[Fact, ...]
) -> dict[str, Any]:
    own = [found for found in findings if str(found.collection) == coverage.collection]
    return {
        "collection": coverage.collection,
        "records": coverage.records,
        "cells": coverage.cells,
        "unread": coverage.unread,
        "read_at": coverage.read_at,
        "personal": sum(found.is_personal for found in own),
        "sensitive": sum(found.is_personal and found.sensitive for found in own),
        "to_answer": sum(found.status in _TO_ANSWER for found in own),
        "lists": sorted({found.kind for found in lists if found.collection == coverage.collection}),
        "fields": [_field(found) for found in own if found.status is not Status.NONE],
        "facts": [_fact(found) for found in facts if found.subject == coverage.collection],
    }


def _field(finding: Finding) -> dict[str, Any]:
    return {
        "field": finding.field,
        "status": finding.status.value,
        "kind": finding.kind or "",
        "sensitive": finding.sensitive,
        "contains": [kind for kind in finding.contains if kind != finding.kind],
        "reasons": list(finding.reasons),
        "counter_evidence": list(finding.counter_evidence),
    }


def _fact(fact: Fact) -> dict[str, str]:
    return {"subject": fact.subject, "name": fact.name, "value": fact.value}
