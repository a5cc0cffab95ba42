"""The sheet of one order, which can be filed alone: what, where, why, how, by whom, how checked, what is left."""

from collections.abc import Sequence

from winddown.rules.words import count
from winddown.stages.papers import sections
from winddown.stages.papers.blocks import Block, Line, code, pairs, sheet
from winddown.stages.papers.language import Speaker
from winddown.stages.papers.sections import Document


def order_sheet(speak: Speaker, document: Document, order: Document, *, number: int) -> list[Block]:
    """The sheet of one order of a certificate."""
    title = f"{speak.say('title_order')} · {speak.say('order_of', n=number, of=len(document['orders']))}"
    place = order["place"]
    inside = f"{place['kind']} {place['bucket']}".strip()
    rows: list[tuple[str, Sequence[Line]]] = [
        (speak.say("company"), [document["company"]["name_zh"]]),
        (speak.say("plan"), [document["plan_id"], code(document["plan_digest"])]),
        (speak.say("order"), [order["id"]]),
        (speak.say("collection"), [order["collection"]]),
        (speak.say("place"), [speak.say("place_said", store=place["store"], kind=inside, region=place["region"])]),
        (speak.say("selection"), _selection(speak, order)),
        (speak.say("fields"), [speak.join(order["fields"]) or speak.say("all_fields")]),
        (speak.say("left"), speak.forms(order.get("left", ()))),
        (speak.say("manifest"), [code(order["manifest_digest"])]),
        (speak.say("cluster"), [_cluster(speak, order["cluster"])]),
        (speak.say("rule"), [_ground(speak, found) for found in order["grounds"]]),
        (speak.say("act"), [speak.word("act", order["act"])]),
        (speak.say("method"), [speak.word("method", order["method"]), *_copy(speak, order)]),
        (speak.say("why_method"), [speak.recorded(order["reason"])] if order["reason"] else []),
        (speak.say("outcome"), [sections.outcome_of(speak, order)]),
        *_key(speak, order),
        (speak.say("purged"), [_purged(speak, order)]),
        (speak.say("approved"), [_approvals(speak, document)]),
        (speak.say("executed"), [speak.say("executed_by", version=document["code_version"])]),
        (speak.say("executed_at"), sections.executed_at(speak, [order])),
        (speak.say("read_back_by"), [_checked(speak, order)]),
        (speak.say("validation"), [speak.say(f"validation_{order['validation']}")]),
        *_results(speak, order),
        (speak.say("exceptions"), [speak.recorded(said) for said in order["exceptions"]] or [speak.say("none")]),
        (speak.say("residual_here"), _residuals(speak, document, order)),
    ]
    return [sheet(title, order["id"]), pairs(rows)]


def _selection(speak: Speaker, order: Document) -> list[Line]:
    return [speak.say("selection_said", label=speak.label(order["label"]), records=count(order["records"]))]


def _cluster(speak: Speaker, found: Document) -> str:
    if not found["category"]:
        return speak.say("not_registered")
    about = speak.say(f"about_{found['about']}")
    return speak.say("cluster_said", **{**found, "about": about, "category": speak.word("category", found["category"])})


def _ground(speak: Speaker, found: Document) -> str:
    return sections.ground(speak, f"{found['rule']} {found['citation']}: {found['says']}")


def _copy(speak: Speaker, order: Document) -> list[Line]:
    return [speak.say("quarantine_copy")] if order["quarantine_copy"] == "crypto_erase" else []


def _key(speak: Speaker, order: Document) -> list[tuple[str, Sequence[Line]]]:
    """The destroyed key under which the order's objects lay."""
    if "key" not in order:
        return []
    key = order["key"]
    said = speak.say("company_key_said", locked=count(key["locked_versions"]), copies=key["copies"])
    return [(speak.say("company_key"), [code(key["fingerprint"]), said])]


def _purged(speak: Speaker, order: Document) -> str:
    if order["validation"] == "not_applicable":
        return speak.say("purged_nothing")
    return speak.say("purged_fields" if order["fields"] else "purged_said", records=count(order["purged"]))


def _approvals(speak: Speaker, document: Document) -> str:
    return speak.join(f"{row['name']} ({speak.word('role', row['role'])})" for row in document["approvals"])


def _checked(speak: Speaker, order: Document) -> str:
    if order["validation"] == "not_applicable":
        return speak.say("copy_checked")
    return speak.say("read_back", batches=count(order["executed"]["batches"]))


def _results(speak: Speaker, order: Document) -> list[tuple[str, Sequence[Line]]]:
    """What an order made: an archive with its receipt, or an extract."""
    if "archive" in order:
        archive, receiver = order["archive"], order["receiver"]
        return [
            (speak.say("receiver"), [receiver["organisation"], speak.word("role", receiver["role"])]),
            (speak.say("archive"), [archive["file"], code(archive["sha256"])]),
            (speak.say("keep_until"), [archive["keep_until"] or speak.say("open")]),
            (speak.say("acknowledged"), sections.receipt(speak, order)),
        ]
    if "extract" in order:
        made = order["extract"]
        numbers = {name: count(made[name]) for name in ("written", "suppressed", "k")}
        coarser = speak.join(speak.forms(made["generalised"]))
        said = speak.say("extract_said", **numbers)
        return [(speak.say("extract"), [made["file"], code(made["sha256"]), said, coarser])]
    return []


def _residuals(speak: Speaker, document: Document, order: Document) -> list[Line]:
    """The rows of the certificate that speak of the order's store, its backups elsewhere included."""
    rows = [row for row in document["residual_until"] if row["store"] == order["place"]["store"]]
    if order["validation"] == "not_applicable":
        return [speak.say("none")]
    return [
        f"{row['collection']}: {speak.recorded(row['what'])}; "
        f"{speak.say('until')} {row['until'] or speak.say('open')}; {sections.next_action(speak, row['next'])}"
        for row in rows
    ] or [speak.say("none")]
