"""What a paper consists of: plain values that a page and a PDF lay out, each in its own way.

A paper is JSON: ``language``, ``title``, ``subtitle``, ``number``, ``issued_on``, ``holder``, ``page``, ``position``,
``qr`` (SVG) and ``blocks``. Every text in it is data and is never read as markup. A line is a text, or
``{"code": …}`` for a digest or a name that people compare letter by letter.
"""

from collections.abc import Iterable, Sequence
from typing import Any

Line = str | dict[str, str]
Block = dict[str, Any]
NARROW, WIDE = 1, 2


def code(text: str) -> Line:
    """A text that is compared letter by letter."""
    return {"code": text}


def heading(text: str) -> Block:
    """A numbered heading."""
    return {"kind": "heading", "text": text}


def text(said: str, *, tone: str = "") -> Block:
    """A paragraph; ``tone``: ``lead`` for the statement that is signed, ``note`` for an explanation."""
    return {"kind": "text", "text": said, "tone": tone}


def pairs(rows: Iterable[tuple[str, Sequence[Line]]]) -> Block:
    """Names with their values, each of one or more lines; a name without a value is left out."""
    return {"kind": "pairs", "rows": [[name, list(lines)] for name, lines in rows if lines]}


def column(title: str, width: int = NARROW, *, right: bool = False) -> dict[str, Any]:
    """A column of a table; widths are relative, numbers stand to the right."""
    return {"title": title, "width": width, "right": right}


def table(columns: Sequence[dict[str, Any]], rows: Iterable[Sequence[Sequence[Line]]]) -> Block:
    """A table whose cells have one or more lines each; its header is repeated on each page."""
    return {"kind": "table", "columns": list(columns), "rows": [[list(cell) for cell in row] for row in rows]}


def items(texts: Iterable[str], *, numbered: bool = False) -> Block:
    """A list."""
    return {"kind": "items", "items": list(texts), "numbered": numbered}


def signatures(rows: Iterable[tuple[str, str]], *, note: str, labels: Sequence[str]) -> Block:
    """Room to sign ``note`` for each role with its name; ``labels``: words for name, signature and date."""
    return {"kind": "signatures", "rows": [list(row) for row in rows], "note": note, "labels": list(labels)}


def sheet(title: str, number: str) -> Block:
    """The beginning of a sheet of its own, with the paper's QR code, so that it can be filed alone."""
    return {"kind": "sheet", "title": title, "number": number}
