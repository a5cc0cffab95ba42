r"""Tells from a catalogue's SQL which fields an expression names, e.g. a check, or what a computed field is made of.

A word counts as a field's name wherever it stands in an expression, so a field may be called bound that is not; none
that is bound is missed.

>>> found = definitions('''CREATE TABLE t (a, "b,""c" text CHECK (a > 1), -- ) of t
...   g AS (upper("b,""c")) STORED, CHECK ([a] IS NOT NULL))''')
>>> [words[0] for words in found]
['a', 'b,"c', 'g', 'check']
>>> named_after("as", found[2], ["a", 'B,"c', "g"])
('B,"c',)
"""

import re
from collections.abc import Iterator, Sequence

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'|\w+|\S""", re.DOTALL
)


def definitions(statement: str) -> list[list[str]]:
    """Words of a CREATE TABLE: each column's definition in the table's order, then each constraint, in lower case."""
    found: list[list[str]] = [[]]
    depth = 0
    for word, is_name in _words(statement):
        if is_name or word not in {"(", ")", ","}:
            if depth:
                found[-1].append(word)
            continue
        if word == "," and depth == 1:
            found.append([])
        depth += {"(": 1, ")": -1, ",": 0}[word]
        if depth == 0:
            break
    return found


def named_after(word: str, definition: Sequence[str], fields: Sequence[str]) -> tuple[str, ...]:
    """The fields that are named in a definition after a word; none where the word is not in it."""
    rest = definition[definition.index(word) + 1 :] if word in definition else []
    return tuple(name for name in fields if name.lower() in rest)


def named_in(expression: str, fields: Sequence[str]) -> tuple[str, ...]:
    """The fields that are named in an expression."""
    words = {word for word, _ in _words(expression)}
    return tuple(name for name in fields if name.lower() in words)


def _words(statement: str) -> Iterator[tuple[str, bool]]:
    """Each token without its quotes, and whether it had some."""
    for token in _TOKEN.findall(statement):
        if token.startswith(("--", "/*")):
            continue
        first = token[0]
        if first in "\"'`" and len(token) > 1:
            yield token[1:-1].replace(first * 2, first).lower(), True
        elif first == "[" and len(token) > 1:
            yield token[1:-1].lower(), True
        else:
            yield token.lower(), False
