"""Which names may not be told: names of folders, tables and fields appear in plans, pages and certificates.

Only what says by its own form what it is counts: numbers with a check digit, mobiles, email addresses, access keys. A
person's bare name does not: as a folder's name it cannot be told from any other word.
"""

import json
import re
from collections.abc import Iterable, Iterator

from winddown.detectors.kinds import BY_ID
from winddown.detectors.recognise import found_inside, holds

_SPEAKING = tuple(BY_ID[name] for name in ("resident_id", "resident_id_15", "mobile", "email", "bank_card", "api_key"))
# Whatever is of one of these kinds has a digit, full-width ones included, or an at sign.
_POSSIBLE = re.compile(r"[\d@＠]")


def names_a_person(words: Iterable[str]) -> bool:
    """Whether any of the words is, or has in it, a value that names a person or opens a door."""
    return any(
        holds(kind, word) or found_inside(kind, word) for word in words if _POSSIBLE.search(word) for kind in _SPEAKING
    )


def words_of(name: str) -> Iterator[str]:
    """Parts of a path or of a qualified name. The dot parts some of them, and belongs to an email address."""
    yield from re.split("[/=#:]", name)
    yield from re.split("[/=#:.]", name)


def words_in(sentence: str) -> Iterator[str]:
    """Words of a sentence that lists names; digits of two words never make one number."""
    yield from re.split(r"[/=#:, ()]", sentence)
    yield from re.split(r"[/=#.:, ()]", sentence)


def is_speaking(document: bytes) -> bool:
    """Whether a JSON document names a person, e.g. by the fields of a file whose first record stands for its header."""
    texts = list(_texts(json.loads(document)))
    # Whole, because a number may be written with spaces; in words, because types list the names of members.
    return names_a_person([*texts, *(word for text in texts for word in words_in(text.replace('"', " ")))])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
