"""The sections that certificates of a wave and of a whole case share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from winddown.rules.words import count, moment
from winddown.stages.papers.blocks import NARROW, WIDE, Block, Line, code, column, items, pairs, signatures, table, text
from winddown.stages.papers.language import Speaker
from winddown.stages.papers.position import LedgerPosition

Document = Mapping[str, Any]


def results(speak: Speaker, totals: Mapping[str, int]) -> list[Block]:
    """Records by what became of them."""
    rows = [[[speak.say(name)], [count(number)]] for name, number in totals.items() if number]
    columns = [column(speak.say("result"), WIDE), column(speak.say("records"), right=True)]
    return [table(columns, rows), text(speak.say("records_note"), tone="note")]


def approvals(speak: Speaker, documents: Iterable[Document]) -> Block:
    """Who approved, as whom, when and how."""
    columns = [column(speak.say(name), width) for name, width in (("person", 1), ("role", 2), ("approved_at", 2))]
    rows = [
        [
            [row["name"]],
            [speak.word("role", row["role"])],
            [moment(row["approved_at"])],
            [speak.say(f"door_{row['door']}")],
        ]
        for document in documents
        for row in document["approvals"]
    ]
    return table([*columns, column(speak.say("door"), WIDE)], rows)


def next_action(speak: Speaker, row: Mapping[str, str | None]) -> str:
    """What comes next, by whom and from when."""
    action = speak.say(f"next_{row['what']}")
    if row["on"] is None:
        return speak.say("next_said", action=action, who=row["who"])
    return speak.say("next_said_on", action=action, who=row["who"], on=row["on"])


def residuals(speak: Speaker, rows: Sequence[Document]) -> list[Block]:
    """What may still hold erased records, until when, and who looks after it."""
    if not rows:
        return [text(speak.say("none"))]
    columns = [column(speak.say("where"), WIDE), column(speak.say("what"), WIDE), column(speak.say("until"))]
    cells: list[list[list[Line]]] = [
        [
            [row["collection"]],
            [speak.recorded(row["what"])],
            [row["until"] or speak.say("open")],
            [next_action(speak, row["next"])],
        ]
        for row in rows
    ]
    return [table([*columns, column(speak.say("next"), WIDE)], cells)]


def remaining(speak: Speaker, rows: Sequence[Document]) -> tuple[list[Block], list[str]]:
    """What stays, alike rows as one, and the grounds to which its last column refers by number."""
    if not rows:
        return [text(speak.say("none"))], []
    grounds: dict[str, int] = {}
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for row in rows:
        refers = tuple(grounds.setdefault(reason, len(grounds) + 1) for reason in row["reasons"])
        action = next_action(speak, row["next"])
        key = (row["collection"], row["disposition"], row["until"], row.get("keeper"), row.get("readable_by"), action)
        groups.setdefault((*key, refers), []).append(row)
    cells = [_remains(speak, key, found) for key, found in groups.items()]
    columns = [
        column(speak.say("collection"), WIDE),
        column(speak.say("count"), right=True),
        column(speak.say("result"), WIDE),
        column(speak.say("custodian"), WIDE),
        column(speak.say("next"), WIDE),
        column(speak.say("grounds_ref"), NARROW),
    ]
    return [table(columns, cells)], [ground(speak, said) for said in grounds]


def _remains(speak: Speaker, key: tuple[Any, ...], rows: Sequence[Document]) -> list[list[Line]]:
    collection, disposition, until, keeper, readable, action, refers = key
    labels = speak.join(dict.fromkeys(speak.label(row["label"]) for row in rows))
    is_counted = all(row["label"] != "unread" for row in rows)
    outcome: list[Line] = [speak.say(disposition)]
    if until is not None or disposition in {"store_only", "hand_over"}:
        outcome.append(f"{speak.say('until')} {until or speak.say('open')}")
    care: list[Line] = [] if keeper is None else [speak.recorded(keeper) if keeper else speak.say("nobody_yet")]
    if readable is not None:
        care.append(speak.say("readable_by", who=speak.recorded(readable) if readable else speak.say("nobody")))
    number = count(sum(row["records"] for row in rows)) if is_counted else speak.say("not_counted")
    where: list[Line] = [collection, labels]
    return [where, [number], outcome, care, [action], [", ".join(f"[{one}]" for one in refers)]]


def ground(speak: Speaker, reason: str) -> str:
    """One recorded reason: rule and citation as they are, what it says in the reader's language."""
    head, _, says = reason.partition(": ")
    return f"{head.strip()}: {speak.recorded(says)}"


def verification(speak: Speaker, documents: Iterable[Document]) -> Block:
    """What independent code found in each store."""
    columns = [
        column(speak.say("store"), WIDE),
        column(speak.say("live"), right=True),
        column(speak.say("leftovers"), right=True),
        column(speak.say("bytes"), right=True),
        column(speak.say("found"), right=True),
        column(speak.say("finding"), 3),
    ]
    cells: list[list[list[Line]]] = [
        [
            [row["store"]],
            [count(row["records_live"])],
            [count(row["leftovers"])],
            [count(row["bytes_searched"])],
            [f"{count(row['values_found'])} / {count(row['values_searched'])}"],
            [speak.recorded(row["claim"]), speak.recorded(row["medium"])],
        ]
        for document in documents
        for row in document["inspection"]
    ]
    return table(columns, cells)


def not_claimed(speak: Speaker, texts: Iterable[str]) -> Block:
    """What nobody can promise."""
    return items(speak.recorded(said) for said in dict.fromkeys(texts))


def place_in_ledger(speak: Speaker, position: LedgerPosition) -> Block:
    """Where the ledger has it; the same that the QR code carries."""
    return pairs(
        (
            (speak.say("origin"), [code(position.origin)]),
            (speak.say("entry"), [speak.say("position_index", index=position.index)]),
            (speak.say("leaf"), [code(position.leaf)]),
            (speak.say("certificate_digest"), [code(position.digest)]),
        )
    )


def signing(speak: Speaker, documents: Iterable[Document]) -> list[Block]:
    """Room for who approved and who received, each once."""
    rows: dict[tuple[str, str], None] = {}
    for document in documents:
        rows |= {(speak.word("role", row["role"]), row["name"]): None for row in document["approvals"]}
        for order in document["orders"]:
            if "receiver" in order:
                rows[speak.word("role", order["receiver"]["role"]), order["receiver"]["organisation"]] = None
    labels = [speak.say(name) for name in ("sign_name", "sign_here", "sign_on")]
    return [signatures(rows, note=speak.say("signatures_note"), labels=labels)]


def outcome_of(speak: Speaker, order: Document) -> str:
    """The NIST outcome of an order, in words."""
    if order["validation"] == "not_applicable":
        return speak.say("outcome_copy")
    return speak.say(f"outcome_{order['outcome']}")


def executed_at(speak: Speaker, orders: Sequence[Document]) -> list[Line]:
    """From the first to the last effect, as people of the case read times; nothing where nothing was done."""
    done = [order["executed"] for order in orders if order["executed"]["from"]]
    if not done:
        return []
    first, last = min(row["from"] for row in done), max(row["to"] for row in done)
    batches = count(sum(row["batches"] for row in done))
    return [speak.say("from_to", first=moment(first), last=moment(last), batches=batches)]


def receipt(speak: Speaker, order: Document) -> list[Line]:
    """Who gave the receipt for an archive, and when."""
    if not order["acknowledged_by"]:
        return [speak.say("not_acknowledged")]
    return [order["acknowledged_by"], moment(order["acknowledged_at"])]
