"""The certificate of a whole case as a paper: the sum of its waves, and what remains after the last of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from winddown.rules.words import count
from winddown.stages.certify import totals
from winddown.stages.papers import sections
from winddown.stages.papers.blocks import WIDE, Block, Line, code, column, items, pairs, table, text
from winddown.stages.papers.certificate import company_lines, numbered, paper
from winddown.stages.papers.language import Language, Speaker
from winddown.stages.papers.position import LedgerPosition
from winddown.stages.papers.sections import Document

_DONE = ("destroyed", "minimised", "handed over", "anonymised")


def whole_case_paper(
    documents: Sequence[Document], positions: Sequence[LedgerPosition], language: Language
) -> dict[str, Any]:
    """Sum up all certificates of a case, oldest first; at least one. What remains is what the last one says."""
    speak, last = Speaker(language), documents[-1]
    remaining, grounds = sections.remaining(speak, last["remaining"])
    limits = [said for document in documents for said in document["not_claimed"]]
    chapters: list[tuple[str, Sequence[Block]]] = [
        ("results", sections.results(speak, summed(documents))),
        ("parts", [_parts(speak, documents, positions)]),
        ("approved", [sections.approvals(speak, documents)]),
        ("verified", [sections.verification(speak, documents)]),
        ("residuals", sections.residuals(speak, last["residual_until"])),
        ("remaining", remaining),
        ("grounds", [items(grounds, numbered=True)] if grounds else []),
        ("not_claimed", [sections.not_claimed(speak, limits)]),
        (
            "position",
            [
                sections.place_in_ledger(speak, positions[-1]),
                text(speak.say("position_note_case"), tone="note"),
            ],
        ),
        ("signatures", sections.signing(speak, documents)),
    ]
    blocks = [_head(speak, documents), text(speak.say("lead_case"), tone="lead"), *numbered(speak, chapters)]
    other = Speaker(Language.EN if language is Language.ZH else Language.ZH)
    titles = (speak.say("title_case"), other.say("title_case"))
    return paper(speak, last, positions[-1], titles=titles, number=last["case"]) | {"blocks": blocks}


def summed(documents: Sequence[Document]) -> dict[str, int]:
    """Records by what became of them under all certificates, and what remains by the last one."""
    done: Counter[str] = Counter(dict.fromkeys(_DONE, 0))
    for document in documents:
        found = totals(dict(document))
        done.update({name: found[name] for name in _DONE})
    return {**totals(dict(documents[-1])), **done}


def _head(speak: Speaker, documents: Sequence[Document]) -> Block:
    last = documents[-1]
    return pairs(
        (
            (speak.say("company"), company_lines(last)),
            (speak.say("uscc"), [last["company"]["uscc"]]),
            (speak.say("case"), [last["case"]]),
            (speak.say("issued_on"), [last["issued_on"]]),
        )
    )


def _parts(speak: Speaker, documents: Sequence[Document], positions: Sequence[LedgerPosition]) -> Block:
    columns = [
        column(speak.say("certificate"), WIDE),
        column(speak.say("wave"), WIDE),
        column(speak.say("issued_on")),
        column(speak.say("entry"), right=True),
        column(speak.say("digest"), 3),
    ]
    rows: list[list[list[Line]]] = [
        [
            [document["id"]],
            [speak.word("wave", document["wave"])],
            [document["issued_on"]],
            [count(position.index)],
            [code(position.digest)],
        ]
        for document, position in zip(documents, positions, strict=True)
    ]
    return table(columns, rows)
