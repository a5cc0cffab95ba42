"""Objects as records of an escrow: a heading of each, its content in pieces.

A record's first byte says what it is: ``H`` a heading as JSON, ``P`` a piece of the content of the last heading's
object. Between two headings stands one object; pieces are as long as they came.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from winddown.domain.errors import Refused

Heading = dict[str, Any]
_HEADING, _PIECE = b"H", b"P"


def as_records(objects: Iterable[tuple[Heading, Iterable[bytes]]]) -> Iterator[bytes]:
    """Yield the records of objects, which are opened one after another."""
    for heading, pieces in objects:
        yield _HEADING + json.dumps(heading, ensure_ascii=False).encode("utf-8", "surrogatepass")
        for piece in pieces:
            yield _PIECE + piece


def from_records(records: Iterable[bytes]) -> Iterator[tuple[Heading, Iterator[bytes]]]:
    """Yield each object; its pieces are to be taken before the next one, what is not taken of them is skipped."""
    rest = iter(records)
    following = next(rest, None)

    def pieces() -> Iterator[bytes]:
        nonlocal following
        while (following := next(rest, None)) is not None and following[:1] == _PIECE:
            yield following[1:]

    while following is not None:
        if following[:1] != _HEADING:
            raise Refused("an escrow of objects does not begin with a heading")
        heading: Heading = json.loads(following[1:])
        content = pieces()
        yield heading, content
        for _ in content:
            pass
