"""A JSON document (RFC 8259): an array of objects, each a record, or one object, which is one record.

An array is cut between its elements and read in pieces; a single object has to fit into memory as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.encoding import require_utf8, utf8_pieces
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.json_edit import emptied, paths_of
from winddown.stores.objects.formats.json_rows import as_batch, refuse_repeated
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text_rewrite import Tally, rewrite_text

ID = "json"
_STEP = np.zeros(256, dtype=np.int8)
_STEP[list(b"{[")], _STEP[list(b"}]")] = 1, -1
_MARKS = np.zeros(256, dtype=bool)
_MARKS[list(b'"{}[],')] = True


def recognise(ends: Ends) -> bool:
    """Text that begins an array, or an object; JSON lines are looked for first."""
    return (ends.text or "").lstrip().startswith(("{", "["))


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:  # noqa: ARG001
    """Yield all records; a missing member is null. Every batch has the members that were met so far."""
    pieces = utf8_pieces(source)
    first = b""
    while not first and (piece := next(pieces, b"")):
        first = piece.lstrip()
    names: dict[str, None] = {}
    if first.startswith(b"["):
        for text in _elements(first[1:], pieces):
            yield as_batch(_parsed(b"[" + text + b"]"), names)
    else:
        yield as_batch([_parsed(_whole(first, pieces))], names)


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """See ``formats.rewrite``; elements that stay keep their bytes, and the space around them."""
    return rewrite_text(changed, source, sink, change)


def changed(pieces: Iterator[bytes], change: Change, tally: Tally) -> Iterator[bytes]:
    """Yield the text with the change made."""
    first = b""
    while not first.strip() and (piece := next(pieces, b"")):
        first += piece
    paths = paths_of(change.fields)
    bracket = len(first) - len(first.lstrip()) + 1
    if first[bracket - 1 : bracket] != b"[":
        text = _whole(first, pieces)
        require_utf8(text)
        named = len(tally.take(change, 1))
        if named and change.is_erasure:
            raise Refused(
                "a JSON document is one object, of which nothing would be left",
                rule="a rewrite leaves a file of the same format",
                next_step="delete the whole object",
            )
        yield emptied(text.decode(), paths).encode() if named else text
        return
    yield first[:bracket]
    is_first = True
    for run in _runs(first[bracket:], pieces):
        if run.is_end:
            yield run.text
            continue
        require_utf8(run.text)
        bounds = [-1, *run.commas, len(run.text)]
        elements = [run.text[before + 1 : after] for before, after in pairwise(bounds)]
        places = tally.take(change, len(elements))
        for place in places.tolist():
            elements[place] = b"" if change.is_erasure else emptied(elements[place].decode(), paths).encode()
        kept = [element for element in elements if element]
        if kept:
            yield (b"" if is_first else b",") + b",".join(kept)
            is_first = False


def _whole(text: bytes, pieces: Iterator[bytes]) -> bytes:
    for piece in pieces:
        text += piece
        if len(text) > limits.DOCUMENT:
            raise Unreadable(Problem.LIMIT, f"one JSON object is longer than {limits.DOCUMENT >> 20} MiB")
    limits.check_depth(_scan(text, depth=0).deepest)
    return text


def _elements(text: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield runs of whole elements of an array, without the commas around them."""
    return (run.text for run in _runs(text, pieces) if not run.is_end)


@dataclass(frozen=True, slots=True)
class _Run:
    """Whole elements and the places of the commas between them, or the end of the array with all behind it."""

    text: bytes
    commas: list[int]
    is_end: bool = False


def _runs(text: bytes, pieces: Iterator[bytes]) -> Iterator[_Run]:
    """Yield runs of whole elements of an array, without the commas around them, and then its end."""
    while True:
        found = _scan(text, depth=1)
        limits.check_depth(found.deepest)
        if found.end >= 0:
            space = b""
            if text[: found.end].strip():
                yield _Run(text[: found.end], found.commas)
            else:
                space = text[: found.end]
            rest = text[found.end + 1 :] + b"".join(pieces)
            if rest.strip():
                raise Unreadable(Problem.BROKEN, "something stands behind the end of a JSON array")
            yield _Run(space + b"]" + rest, [], is_end=True)
            return
        if found.commas:
            comma = found.commas[-1]
            yield _Run(text[:comma], found.commas[:-1])
            text = text[comma + 1 :]
        limits.check_record(len(text))
        piece = next(pieces, b"")
        if not piece:
            raise Unreadable(Problem.BROKEN, "a JSON array does not end")
        text += piece


@dataclass(frozen=True, slots=True)
class _Scan:
    """Places in a text: the commas between elements, and the bracket that closes what was open, -1 for none."""

    commas: list[int]
    end: int
    deepest: int


def _scan(text: bytes, *, depth: int) -> _Scan:
    """Follow brackets and strings from a place outside strings with ``depth`` brackets open."""
    # Of the same length: first pairs of backslashes, then quotes that one escapes.
    plain = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    buffer = np.frombuffer(plain, dtype=np.uint8)
    places = np.flatnonzero(_MARKS[buffer])
    marks = buffer[places]
    outside = (np.cumsum(marks == ord('"')) & 1) == 0
    depths = depth + np.cumsum(_STEP[marks] * outside, dtype=np.int64)
    closed = np.flatnonzero((depths == 0) & outside & (_STEP[marks] < 0))
    end = int(closed[0]) if len(closed) else -1
    upto = slice(None) if end < 0 else slice(end)
    commas = np.flatnonzero((marks[upto] == ord(",")) & outside[upto] & (depths[upto] == 1))
    return _Scan(
        commas=places[commas].tolist() if depth else [],
        end=int(places[end]) if end >= 0 else -1,
        deepest=int(depths.max(initial=0)),
    )


def _parsed(text: bytes) -> Any:
    require_utf8(text)
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        # The parser's message may quote the text.
        raise Unreadable(Problem.BROKEN, "a JSON file is not JSON") from None
    refuse_repeated(text, found, [text])
    return found
