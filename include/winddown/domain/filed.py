"""What may stand in a document that people file: plain values, and texts that can be read, logged and printed."""

import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Any

from winddown.domain.errors import Refused

TEXT_MAX, DEPTH_MAX = 10_000, 50
_LINES = "\n\t"


def odd_values(document: Any, place: str = "", *, depth: int = 0) -> Iterator[str]:
    """Yield a sentence for each value that no document may hold, with its place and without the value."""
    here = place or "the document"
    if depth > DEPTH_MAX:
        yield f"{here}: nested in more than {DEPTH_MAX} levels"
    elif isinstance(document, dict):
        for name, value in document.items():
            inside = f"{place}.{name}" if place else str(name)
            yield from odd_values(name, f"a name in {here}")
            yield from odd_values(value, inside, depth=depth + 1)
    elif isinstance(document, list | tuple):
        for index, value in enumerate(document):
            yield from odd_values(value, f"{place}.{index}" if place else str(index), depth=depth + 1)
    elif isinstance(document, str):
        yield from _odd_text(document, here)
    elif document is not None and not isinstance(document, bool | int | float | date):
        yield f"{here}: a value of kind {type(document).__name__} cannot stand in a file"


def written_out(document: Any) -> Any:
    """The document; raises Refused when a part of it is named and used again: so a few lines of YAML have no end."""
    seen: set[int] = set()
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict | list):
            continue
        if id(part) in seen:
            raise Refused("a part of it is named and used again", next_step="write the part out in each place")
        seen.add(id(part))
        waiting += part.values() if isinstance(part, dict) else part
    return document


def _odd_text(text: str, place: str) -> Iterator[str]:
    if len(text) > TEXT_MAX:
        yield f"{place}: the text is longer than {TEXT_MAX:,} characters"
    elif any(unicodedata.category(letter) in {"Cc", "Cs"} and letter not in _LINES for letter in text):
        yield f"{place}: the text has a control character or half of a character"
