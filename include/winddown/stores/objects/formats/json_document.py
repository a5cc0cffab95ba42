"""A JSON document (RFC 8259): an array of objects, each a record, or one object, which is one record.

An array is cut between its elements and read in pieces; a single object has to fit into memory as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.encoding import require_utf8, utf8_pieces
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.json_rows import as_batch, refuse_repeated
from winddown.stores.objects.formats.problem import Problem, Unreadable

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


def _whole(text: bytes, pieces: Iterator[bytes]) -> bytes:
    for piece in pieces:
        text += piece
        if len(text) > limits.DOCUMENT:
            raise Unreadable(Problem.LIMIT, f"one JSON object is longer than {limits.DOCUMENT >> 20} MiB")
    limits.check_depth(_scan(text, depth=0).deepest)
    return text


def _elements(text: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield runs of whole elements of an array, without the commas around them."""
    while True:
        found = _scan(text, depth=1)
        limits.check_depth(found.deepest)
        if found.end >= 0:
            if text[: found.end].strip():
                yield text[: found.end]
            if text[found.end + 1 :].strip() or any(piece.strip() for piece in pieces):
                raise Unreadable(Problem.BROKEN, "something stands behind the end of a JSON array")
            return
        if found.comma >= 0:
            yield text[: found.comma]
            text = text[found.comma + 1 :]
        limits.check_record(len(text))
        piece = next(pieces, b"")
        if not piece:
            raise Unreadable(Problem.BROKEN, "a JSON array does not end")
        text += piece


@dataclass(frozen=True, slots=True)
class _Scan:
    """Places in a text: its last comma between elements, and the bracket that closes what was open; -1 for none."""

    comma: int
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
        comma=int(places[commas[-1]]) if len(commas) and depth else -1,
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
