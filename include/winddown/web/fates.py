"""What becomes of each collection under one plan, label by label: what happens, why, what stays and until when."""

from collections.abc import Sequence
from typing import Any

from winddown.domain.blocker import Blocker
from winddown.domain.decision import Decision, Disposition, Reason, Term
from winddown.domain.pack import Rulebook
from winddown.domain.plan import Act, Order, Plan, Wave

GOES = ("erase", "anonymise", "seal", "hand_over")  # fates after which the record is no longer in its collection
_DUE = (Disposition.ERASE, Disposition.ANONYMISE, Disposition.HAND_OVER)


def fates(plan: Plan, rulebook: Rulebook, blockers: Sequence[Blocker]) -> list[dict[str, Any]]:
    """One row a collection, those that the plan touches first, each with its orders and its labels' fates."""
    rows = []
    for ref in dict.fromkeys([order.collection for order in plan.orders] + [d.collection for d in plan.decisions]):
        orders = [order for order in plan.orders if order.collection == ref]
        stopped = tuple(found for found in blockers if found.covers(str(ref)))
        labels = [
            decision_row(decision, rulebook) | {"fate": _fate(plan.wave, decision, orders, is_stopped=bool(stopped))}
            for decision in plan.decisions
            if decision.collection == ref
        ]
        rows.append(
            {
                "collection": str(ref),
                "orders": [order_row(order) for order in orders],
                "labels": labels,
                "goes": sum(row["count"] for row in labels if row["fate"] in GOES),
                "stays": sum(row["count"] for row in labels if row["fate"] not in GOES),
                "blockers": [{"code": b.code, "explanation": b.explanation} for b in stopped],
            }
        )
    return rows


def totals(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Records by fate over all collections, in the order of finality."""
    result = dict.fromkeys((*GOES, "minimise", "later", "stopped", "to_hand_over", "store_only", "held", "blocked"), 0)
    for row in rows:
        for label in row["labels"]:
            result[label["fate"]] += label["count"]
    return {fate: number for fate, number in result.items() if number}


def order_row(order: Order) -> dict[str, Any]:
    """An order as pages and API show it."""
    return {
        "id": order.id,
        "collection": str(order.collection),
        "act": order.act.value,
        "method": order.method.value,
        "reason": order.reason,
        "records": order.selection.count,
        "record_count_max": order.record_count_max,
        "batches": len(order.selection.batch_digests),
        "manifest_digest": order.selection.digest,
        "labels": order.label.split(", "),
        "fields": list(order.fields),
        "recipient": order.recipient,
        "requires": list(order.requires),
        "until": order.until,
        "generalised": [list(pair) for pair in order.generalised],
        "k": order.k,
    }


def decision_row(decision: Decision, rulebook: Rulebook) -> dict[str, Any]:
    """A decision with its reasons, each with its rule's title where the rulebook still has it."""
    return {
        "collection": str(decision.collection),
        "label": decision.label,
        "count": decision.count,
        "disposition": decision.disposition.value,
        "until": decision.until.isoformat() if decision.until else None,
        "needed_fields": list(decision.needed_fields),
        "terms": [_term_row(term) for term in decision.terms],
        "recipient": decision.recipient,
        "is_open": decision.is_open,
        "in_place": decision.in_place,
        "at_once": decision.at_once,
        "reasons": [_reason_row(reason, rulebook) for reason in decision.reasons],
    }


def _term_row(term: Term) -> dict[str, Any]:
    until = term.until.isoformat() if term.until else None
    return {"until": until, "fields": list(term.fields), "recipient": term.recipient}


def _reason_row(reason: Reason, rulebook: Rulebook) -> dict[str, Any]:
    rule = rulebook.rules.get(reason.rule)
    return {
        "rule": reason.rule,
        "citation": reason.citation,
        "says": reason.says,
        "prevails": reason.prevails,
        "step": reason.step,
        "title_zh": rule.title_zh if rule else "",
        "title_en": rule.title_en if rule else "",
        "quote": rule.basis.quote if rule else "",
        "verification": rule.verification.status.value if rule else "",
    }


def _copied(decision: Decision) -> str:
    """What becomes of records whose source goes after something of them was kept."""
    return "seal" if decision.disposition is Disposition.STORE_ONLY else decision.disposition.value


def _fate(wave: Wave, decision: Decision, orders: Sequence[Order], *, is_stopped: bool) -> str:
    acts = {order.act for order in orders if decision.label in order.label.split(", ")}
    if Act.ERASE in acts:
        return _copied(decision) if acts & {Act.SEAL, Act.ANONYMISE} else "erase"
    if Act.MINIMISE in acts:
        return "minimise"
    if decision.disposition is Disposition.HAND_OVER and decision.in_place:
        return "to_hand_over"
    if decision.disposition not in _DUE:
        return decision.disposition.value
    if is_stopped:
        return "stopped"
    return "later" if wave is Wave.AT_ONCE else "stopped"
