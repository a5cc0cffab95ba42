"""What it means that a text is a value of a kind, or contains one: the definition that the columnar engine follows.

Slow, for one text at a time. ``columnar.recognise`` counts the same in whole columns; tests compare the two.
"""

import re
from collections.abc import Iterator

import numpy as np

from winddown.detectors.classes import CLASS, LONGEST_JOINED
from winddown.detectors.fold import fold
from winddown.detectors.kind import Kind


def holds(kind: Kind, text: str) -> bool:
    """Return whether a whole text is a valid value of a kind."""
    folded = fold(text)
    return any(_is(kind, form, compact=compact) for form, compact in _forms(folded))


def found_inside(kind: Kind, text: str) -> bool:
    """Return whether a text, longer than the value, contains a valid value of a kind."""
    folded = fold(text)
    if holds(kind, text) or not kind.embeds:
        return False
    if kind.finder is not None:
        return len(folded.encode()) > kind.min_length and re.search(kind.finder, folded) is not None
    return any(_is(kind, word, compact=True) for word in _words(folded) if word != folded)


def _forms(folded: str) -> Iterator[tuple[str, bool]]:
    yield folded, False
    if folded.isascii() and len(folded) <= LONGEST_JOINED:
        yield re.sub(r"[ ()-]", "", folded.removeprefix("+")), True


def _words(folded: str) -> Iterator[str]:
    # Without a digit a word is no number. That spares every kind the words of ordinary language.
    yield from re.findall(r"(?<![A-Za-z])[A-Za-z]*[0-9][0-9A-Za-z]*", folded)
    joined = r"[0-9A-Za-z](?:[0-9A-Za-z]|(?<=[0-9])[ -](?=[0-9])|(?<=[0-9])\((?=[0-9A-Za-z]))*"
    for word in re.findall(joined, folded):
        if len(word) <= LONGEST_JOINED and not word.isalnum():
            yield re.sub(r"[ (-]", "", word)


def _is(kind: Kind, text: str, *, compact: bool) -> bool:
    encoded = np.frombuffer(text.encode(), np.uint8)
    union = int(np.bitwise_or.reduce(CLASS[encoded])) if len(encoded) else 0
    if not kind.admits(union):
        return False
    if kind.check is not None and len(encoded) in kind.lengths and (kind.joins or not compact):
        upper = np.frombuffer(re.sub("[a-z]", lambda match: match[0].upper(), text).encode(), np.uint8)
        if bool(kind.check(upper.reshape(1, -1))[1][0]):
            return True
    if kind.pattern is None or compact or not kind.min_length <= len(encoded) <= kind.max_length:
        return False
    return re.fullmatch(kind.pattern, text) is not None
