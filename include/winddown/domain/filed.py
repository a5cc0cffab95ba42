"""What may stand in a document that people file: plain values, and texts that can be read, logged and printed."""

import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Any

from winddown.domain.errors import Refused

TEXT_MAX, DEPTH_MAX, VALUES_MAX = 10_000, 50, 1_000_000
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
    """The document; raises Refused for one without an end, which names of parts make of a few lines of YAML."""
    found = 0
    waiting = [document]
    while waiting:
        part = waiting.pop()
        found += 1
        if found > VALUES_MAX:
            raise Refused(f"it has more than {VALUES_MAX:,} values", next_step="write out what is named and used again")
        if isinstance(part, dict | list):
            waiting += part.values() if isinstance(part, dict) else part
    return document


def _odd_text(text: str, place: str) -> Iterator[str]:
    if len(text) > TEXT_MAX:
        yield f"{place}: the text is longer than {TEXT_MAX:,} characters"
    elif any(unicodedata.category(letter) in {"Cc", "Cs"} and letter not in _LINES for letter in text):
        yield f"{place}: the text has a control character or half of a character"
