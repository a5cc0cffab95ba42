"""What is signed beside the certificates of waves: a statement of the whole case, and one of each order to file alone.

Both say nothing of their own: they repeat what certificates and ledger say, so that a verifier can compute them anew
and compare. ``docs/case-certificate.schema.json`` and ``docs/order-certificate.schema.json`` describe them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from winddown.domain.canonical import digest
from winddown.evidence.signing import Signer
from winddown.evidence.statement import CASE_TYPE, ORDER_TYPE, sign_statement

Document = Mapping[str, Any]

_SUMS: Final = {
    "erase": ("destroyed", "purged"),
    "minimise": ("minimised", "purged"),
    "seal": ("handed_over", "records"),
    "anonymise": ("anonymised", "records"),
}
_OF_THE_WAVE: Final = (
    "case", "company", "plan_id", "plan_digest", "wave", "issued_on", "code_version", "rule_packs", "approvals",
)  # fmt: skip


def records_done(documents: Sequence[Document]) -> dict[str, int]:
    """Records by what was done to them under certificates; of what was copied, as many as were ordered."""
    done = {name: 0 for name, _ in _SUMS.values()}
    for order in (order for document in documents for order in document["orders"]):
        name, counted = _SUMS[order["act"]]
        done[name] += order[counted]
    return done


def case_predicate(
    documents: Sequence[Document],
    *,
    entries: Mapping[str, int],
    issued_on: str,
    unfinished: Sequence[str],
    waits_for: Sequence[str],
    scheduler_cleared: Sequence[Document] = (),
) -> dict[str, Any]:
    """Sum up a case by its certificates, in the order in which they were issued; at least one.

    Args:
        documents: the certificates' content.
        entries: certificate → index of the ledger's entry that issued it.
        issued_on: day of the report, as the ledger's entry of it has it.
        unfinished: plans under which something was begun, and that have no certificate, restored ones included.
        waits_for: transfers whose recipients have not confirmed deletion.
        scheduler_cleared: who said that what the scheduler kept of the case is gone: ``plan_id``, ``person``,
            ``bytes_searched``, and ``entry``, the index of the ledger's entry.
    """
    last = documents[-1]
    return {
        "case": last["case"],
        "company": last.get("company"),
        "issued_on": issued_on,
        "certificates": [
            {name: document[name] for name in ("id", "plan_id", "plan_digest", "wave")}
            | {"issued_on": document.get("issued_on"), "digest": digest(document), "entry": entries[document["id"]]}
            for document in documents
        ],
        "records": records_done(documents),
        "remaining": last["remaining"],
        "residual_until": last["residual_until"],
        "not_claimed": list(dict.fromkeys(said for document in documents for said in document["not_claimed"])),
        "unfinished": sorted(unfinished),
        "waits_for": list(waits_for),
        "scheduler_cleared": list(scheduler_cleared),
    }


def order_predicate(document: Document, order: Document) -> dict[str, Any]:
    """What a certificate says of one of its orders, and of the store that it was about."""
    store = order["collection"].partition(":")[0]
    return {
        **{name: document.get(name) for name in _OF_THE_WAVE},
        "certificate": document["id"],
        "certificate_digest": digest(document),
        "order": order,
        "inspection": [found for found in document["inspection"] if found["store"] == store],
        "residual_until": [found for found in document["residual_until"] if found.get("store") == store],
    }


def sign_case(predicate: Document, signers: Sequence[Signer]) -> bytes:
    """The envelope of a case's statement: its subjects are the plans that were carried out."""
    plans = {f"plans/{row['plan_id']}.json": row["plan_digest"] for row in predicate["certificates"]}
    return sign_statement(plans, predicate, predicate_type=CASE_TYPE, signers=signers)


def sign_orders(document: Document, signers: Sequence[Signer]) -> dict[str, bytes]:
    """The envelope of each order of a certificate, by the order's id; its subject is the plan."""
    plan = {f"plans/{document['plan_id']}.json": document["plan_digest"]}
    return {
        order["id"]: sign_statement(plan, order_predicate(document, order), predicate_type=ORDER_TYPE, signers=signers)
        for order in document["orders"]
    }
