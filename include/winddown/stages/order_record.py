"""What a certificate says of one order: the fields of NIST SP 800-88 Rev. 2 and ISO/IEC 27555 for logical storage.

From SP 800-88 Rev. 2 (the certificate of sanitization): what, where, method, tool and version, who, when, how verified,
whether the outcome was validated. From ISO/IEC 27555: the pii_cluster with its purpose, the deletion rule with its
ground, who answers for it, the deletion method, and the record of the deletion.

The outcome is never stronger than what another path could look at. Rows that a database deleted, and objects and files
that a service removed, are *clear* at best, and only where raw bytes were searched and nothing was left for an
administrator to do. *purge* is said of what lay under a key of the company's that was destroyed (crypto erase), and of
nothing else; *destroy* is an outcome for a medium, and never claimed.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from winddown.control.repository import EffectState
from winddown.domain.case import Case
from winddown.domain.decision import Decision
from winddown.domain.plan import Act, Method, Order, Plan
from winddown.domain.receipt import Receipt
from winddown.stages.anonymise import Extract
from winddown.stages.crypto_erase import key_row
from winddown.stages.deployment import Deployment
from winddown.stages.sanitise import receipt_of
from winddown.stages.seal import SealedArchive
from winddown.stages.verify import StoreCheck

_ESCROWED = {Method.ESCROW_ROWS, Method.ESCROW_OBJECT, Method.ESCROW_AND_REWRITE}  # an encrypted copy comes first


class Outcome(StrEnum):
    """What was reached of the outcomes of NIST SP 800-88 Rev. 2."""

    NONE = "none"  # only copied, or deleted in a way that nobody could look behind
    CLEAR = "clear"
    PURGE = "purge"  # every version lay under a key that was destroyed, and is refused to whoever asks without it


class Validation(StrEnum):
    """Whether the outcome is enough, as far as it could be judged."""

    NOT_APPLICABLE = "not_applicable"  # nothing was taken from the store
    LIMITED = "limited"  # gone by every query; raw bytes were not searched, or somebody still has to act
    PASSED = "passed"  # gone by every query, and its sampled values from every byte that could be read


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """What happened under a plan.

    Attributes:
        effects: the last known state of each effect.
        checks: the clean inspection of each store that was changed.
        interrupted: order → number of times that an effect of it ended without a known outcome, and was settled later.
    """

    effects: Sequence[EffectState]
    checks: Sequence[StoreCheck]
    interrupted: Mapping[str, int]


def carried_out(deployment: Deployment, plan: Plan, checks: Sequence[StoreCheck]) -> CarriedOut:
    """Read from database and ledger what happened under a plan."""
    unknown = (json.loads(raw) for raw in deployment.ledger.entries(plan.case) if b'"type":"unknown"' in raw)
    bodies = (entry["body"] for entry in unknown if entry["type"] == "unknown")
    interrupted = Counter(str(body["order_id"]) for body in bodies if body["plan_id"] == plan.id)
    return CarriedOut(deployment.control.effects(plan.id), checks, interrupted)


def order_row(deployment: Deployment, case: Case, plan: Plan, order: Order, *, done: CarriedOut) -> dict[str, Any]:
    """The part of a certificate that speaks of one order; JSON."""
    effects = [found for found in done.effects if found.order_id == order.id]
    check = next((found for found in done.checks if found.store == order.collection.store), None)
    key = key_row(deployment, case, plan, order)
    cleared = receipt_of(deployment, plan, order.collection.store)
    outcome, validation = reached(order, check, cleared, key_is_gone=key is not None)
    decisions = decisions_of(plan, order)
    row: dict[str, Any] = {
        "id": order.id,
        "collection": str(order.collection),
        "label": order.label,
        "cluster": _cluster(case, order),
        "place": _place(case, order),
        "act": order.act.value,
        "method": order.method.value,
        "reason": order.reason,
        "records": order.selection.count,
        "manifest_digest": order.selection.digest,
        # A minimised record stays; what is purged of it is its fields' values.
        "purged": sum(found.records for found in effects if found.power == "purge"),
        "fields": list(order.fields),
        "rules": sorted({reason.rule for found in decisions for reason in found.reasons if reason.prevails}),
        "grounds": _grounds(decisions),
        "executed": _executed(effects),
        "outcome": outcome.value,
        # The rows that waited for the purge in an encrypted file became unreadable with its key, before it went.
        "quarantine_copy": "crypto_erase" if order.method in _ESCROWED and order.changes_store else "none",
        "validation": validation.value,
        "exceptions": _exceptions(order, done.interrupted.get(order.id, 0)),
    }
    if order.act is Act.MINIMISE and order.generalised:
        row["left"] = [list(pair) for pair in order.generalised]
    if key is not None:
        row["key"] = key
    if order.act is Act.SEAL:
        row |= _handed_over(deployment, case, plan, order)
    if order.act is Act.ANONYMISE:
        extract: Extract = deployment.control.require(plan.case, "extract", f"{plan.id}/{order.id}", type_=Extract)
        row["extract"] = asdict(extract) | {"k": order.k, "generalised": [list(pair) for pair in order.generalised]}
    return row


def decisions_of(plan: Plan, order: Order) -> list[Decision]:
    """The decisions that ask for an order."""
    labels = order.label.split(", ")
    return [found for found in plan.decisions if found.collection == order.collection and found.label in labels]


def receiver_row(case: Case, order: Order) -> dict[str, str]:
    """Who receives the archive of a seal: organisation, role and person."""
    receiver = case.receiver(order.recipient)
    return {"organisation": receiver.organisation, "role": receiver.role, "person": receiver.person}


def reached(
    order: Order, check: StoreCheck | None, cleared: Receipt | None, *, key_is_gone: bool
) -> tuple[Outcome, Validation]:
    """How far an order got, by what the inspection of its store could look at and what the store could clear.

    ``key_is_gone``: all that it was about lay under a key that was destroyed; what is validated stays the same.
    """
    if not order.changes_store:
        return Outcome.NONE, Validation.NOT_APPLICABLE
    was_searched = check is not None and check.reached and str(order.collection) in check.probed
    waits = cleared is None or dict(cleared.details).get("tasks", "none") != "none"
    is_clear = was_searched and not waits
    outcome = Outcome.PURGE if key_is_gone else Outcome.CLEAR if is_clear else Outcome.NONE
    return outcome, Validation.PASSED if is_clear else Validation.LIMITED


def _cluster(case: Case, order: Order) -> dict[str, str]:
    """The pii_cluster that the records belong to, as their steward registered it."""
    entry = case.entry(order.collection)
    if entry is None:
        return {"category": "", "purpose": "", "about": "", "steward": ""}
    return {"category": entry.category, "purpose": entry.purpose, "about": entry.about, "steward": entry.steward}


def _place(case: Case, order: Order) -> dict[str, str]:
    declared = next(found for found in case.stores if found.name == order.collection.store)
    return {"store": declared.name, "kind": declared.kind, "region": declared.region, "bucket": declared.bucket}


def _grounds(decisions: Sequence[Decision]) -> list[dict[str, str]]:
    """The deletion rules that prevailed, each once, with the words of law and facts."""
    found = {
        (reason.rule, reason.citation, reason.says): None
        for decision in decisions
        for reason in decision.reasons
        if reason.prevails
    }
    return [{"rule": rule, "citation": citation, "says": says} for rule, citation, says in found]


def _executed(effects: Sequence[EffectState]) -> dict[str, Any]:
    """When the first and the last effect of an order were closed, each after its read-back, and on how many batches."""
    times = sorted(found.changed_at for found in effects)
    batches = len({found.batch for found in effects})
    return {"from": times[0] if times else None, "to": times[-1] if times else None, "batches": batches}


def _exceptions(order: Order, interrupted: int) -> list[str]:
    found = []
    if order.bypasses_governance:
        found.append("versions under governance retention were purged for the approved reason")
    if order.deletes_bucket:
        found.append("its bucket was deleted once it was empty, for the approved reason")
    if order.destroys_key:
        found.append("the key of its store was destroyed once all else was purged, for the approved reason")
    if order.leaves_locked:
        found.append("versions that a retention keeps stay behind, unreadable")
    if interrupted:
        found.append(f"interrupted {interrupted} times with an unknown outcome, which was settled by looking again")
    return found


def _handed_over(deployment: Deployment, case: Case, plan: Plan, order: Order) -> dict[str, Any]:
    archive = deployment.control.require(plan.case, "archive", f"{plan.id}/{order.id}", type_=SealedArchive)
    receipts = {found["order_id"]: found for found in deployment.control.acknowledgements(plan.id)}
    return {
        "archive": {"file": archive.file, "sha256": archive.archive_sha256, "keep_until": archive.until},
        "receiver": receiver_row(case, order),
        "acknowledged_by": receipts[order.id]["person"] if order.id in receipts else None,
        "acknowledged_at": receipts[order.id]["acknowledged_at"] if order.id in receipts else None,
    }
