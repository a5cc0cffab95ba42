"""The certificate of one wave as a paper: what is signed, and after it a sheet for each order."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from winddown.rules.words import count
from winddown.stages.certify import totals
from winddown.stages.papers import sections
from winddown.stages.papers.blocks import WIDE, Block, Line, code, column, heading, items, pairs, table, text
from winddown.stages.papers.language import Language, Speaker
from winddown.stages.papers.order_sheet import order_sheet
from winddown.stages.papers.position import LedgerPosition, draw
from winddown.stages.papers.sections import Document


def certificate_paper(document: Document, position: LedgerPosition, language: Language) -> dict[str, Any]:
    """Lay a certificate's content out in one language; the same for the same certificate."""
    speak = Speaker(language)
    remaining, grounds = sections.remaining(speak, document["remaining"])
    chapters: list[tuple[str, Sequence[Block]]] = [
        ("results", sections.results(speak, totals(dict(document))) if document["orders"] else []),
        ("methods", _methods(speak, document) if document["orders"] else []),
        ("own_traces", _own_traces(speak, document)),
        ("approved", [sections.approvals(speak, [document])]),
        ("executed", [_executed(speak, document)]),
        ("verified", [sections.verification(speak, [document])]),
        ("handed", _handed(speak, document)),
        ("residuals", sections.residuals(speak, document["residual_until"])),
        ("remaining", remaining),
        ("grounds", [items(grounds, numbered=True)] if grounds else []),
        ("preconditions", [items(_precondition(speak, said) for said in document["preconditions"])]),
        ("not_claimed", [sections.not_claimed(speak, document["not_claimed"])]),
        ("position", [sections.place_in_ledger(speak, position), _how_to_verify(speak, document)]),
        ("signatures", sections.signing(speak, [document])),
    ]
    blocks: list[Block] = [_head(speak, document), text(speak.say("lead"), tone="lead")]
    blocks += numbered(speak, chapters)
    for number, order in enumerate(document["orders"], 1):
        blocks += order_sheet(speak, document, order, number=number)
    other = Speaker(Language.EN if language is Language.ZH else Language.ZH)
    return paper(speak, document, position, titles=(speak.say("title"), other.say("title"))) | {"blocks": blocks}


def paper(
    speak: Speaker, document: Document, position: LedgerPosition, *, titles: tuple[str, str], number: str = ""
) -> dict[str, Any]:
    """The frame of a paper: what stands at its head and on each page. ``number`` takes the place of the document's."""
    return {
        "language": speak.language.value,
        "title": titles[0],
        "subtitle": titles[1],
        "number": number or document["id"],
        "issued_on": document["issued_on"],
        "holder": document["company"]["name_zh"],
        "page": speak.say("page", n="{n}", of="{of}"),
        "position": f"{position.origin} · {speak.say('position_index', index=position.index)}",
        "qr": draw(position),
    }


def numbered(speak: Speaker, chapters: Sequence[tuple[str, Sequence[Block]]]) -> list[Block]:
    """Chapters with numbered headings; one without content is left out."""
    blocks: list[Block] = []
    written = [chapter for chapter in chapters if chapter[1]]
    for number, (name, content) in enumerate(written, 1):
        blocks += [heading(speak.heading(number, name)), *content]
    return blocks


def company_lines(document: Document) -> list[Line]:
    """The company's names."""
    return [name for name in (document["company"]["name_zh"], document["company"]["name_en"]) if name]


def _head(speak: Speaker, document: Document) -> Block:
    grace = document["grace"]
    lasts = speak.duration(grace["seconds"])
    return pairs(
        (
            (speak.say("company"), company_lines(document)),
            (speak.say("uscc"), [document["company"]["uscc"]]),
            (speak.say("case"), [document["case"]]),
            (speak.say("certificate"), [document["id"]]),
            (speak.say("issued_on"), [document["issued_on"]]),
            (speak.say("wave"), [speak.word("wave", document["wave"])]),
            (speak.say("plan"), [document["plan_id"], code(document["plan_digest"])]),
            (speak.say("grace"), [speak.say("grace_said", duration=lasts, reason=speak.recorded(grace["reason"]))]),
        )
    )


def _methods(speak: Speaker, document: Document) -> list[Block]:
    orders: Counter[tuple[str, str, str]] = Counter()
    records: Counter[tuple[str, str, str]] = Counter()
    for order in document["orders"]:
        key = (order["act"], order["method"], sections.outcome_of(speak, order))
        orders[key] += 1
        records[key] += order["records"]
    columns = [
        column(speak.say("act")),
        column(speak.say("method"), WIDE),
        column(speak.say("outcome"), WIDE),
        column(speak.say("orders"), right=True),
        column(speak.say("records"), right=True),
    ]
    rows: list[list[list[Line]]] = [
        [
            [speak.word("act", act)],
            [speak.word("method", method)],
            [outcome],
            [count(orders[act, method, outcome])],
            [count(records[act, method, outcome])],
        ]
        for act, method, outcome in orders
    ]
    return [table(columns, rows), text(speak.say("outcomes_note"), tone="note")]


def _own_traces(speak: Speaker, document: Document) -> list[Block]:
    traces = document.get("own_traces", ())
    columns = [
        column(speak.say("folder"), WIDE),
        column(speak.say("files"), right=True),
        column(speak.say("method"), WIDE),
    ]
    rows: list[list[list[Line]]] = [
        [[trace["name"]], [count(trace["files"])], [speak.say(f"own_{trace['method']}")]] for trace in traces
    ]
    return [table(columns, rows), text(speak.say("own_traces_note"), tone="note")] if traces else []


def _executed(speak: Speaker, document: Document) -> Block:
    packs: list[Line] = []
    for name, digest in document["rule_packs"]:
        packs += [name, code(digest)]
    return pairs(
        (
            (speak.say("executed"), [speak.say("executed_by", version=document["code_version"])]),
            (speak.say("executed_at"), sections.executed_at(speak, document["orders"])),
            (speak.say("rule_packs"), packs),
        )
    )


def _handed(speak: Speaker, document: Document) -> list[Block]:
    orders = [order for order in document["orders"] if "archive" in order]
    columns = [
        column(speak.say("collection"), WIDE),
        column(speak.say("receiver"), WIDE),
        column(speak.say("archive"), 3),
        column(speak.say("keep_until")),
        column(speak.say("acknowledged"), WIDE),
    ]
    rows = [
        [
            [order["collection"]],
            [order["receiver"]["organisation"], speak.word("role", order["receiver"]["role"])],
            [order["archive"]["file"], code(order["archive"]["sha256"])],
            [order["archive"]["keep_until"] or speak.say("open")],
            sections.receipt(speak, order),
        ]
        for order in orders
    ]
    return [table(columns, rows)] if rows else []


def _precondition(speak: Speaker, said: str) -> str:
    rule, _, sentence = said.partition(": ")
    if not sentence:  # one that no rule asks for
        return speak.recorded(said)
    is_late = sentence.endswith(" (late)")
    told = speak.recorded(sentence.removesuffix(" (late)"))
    return f"{rule}: {speak.say('late', sentence=told) if is_late else told}"


def _how_to_verify(speak: Speaker, document: Document) -> Block:
    return text(speak.say("position_note", id=document["id"]), tone="note")
