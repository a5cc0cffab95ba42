"""JSON lines: one JSON object a line (https://jsonlines.org). Blank lines are no records.

The first lines are parsed one by one and tell each member's type; Arrow reads all that fits these types, and the rest
is parsed one by one again, which may tell other types. Arrow refuses what it would have to guess; what it accepts
beyond JSON lines is looked for.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.change import Change, Numbers, Outcome
from winddown.stores.objects.formats.encoding import require_utf8, utf8_pieces
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.json_edit import emptied, paths_of
from winddown.stores.objects.formats.json_rows import as_batch, kinds_of, refuse_repeated, require_objects
from winddown.stores.objects.formats.lines import whole_lines
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.text_rewrite import Tally, rewrite_text, spliced

ID = "jsonl"
_EXACT = 1 << 53
_SAMPLE = 1 << 15  # bytes of which the types are told; for less Arrow is not worth its beginning
_STEP = 1 << 17  # bytes that are looked at at once, so that they stay in the processor's cache


def recognise(ends: Ends) -> bool:
    """Text of which the first line is an object, or begins one and does not end in the head."""
    text = (ends.text or "").lstrip()
    line, end, _ = text.partition("\n")
    return line.startswith("{") and (not end or _is_object(line))


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield all lines; a missing member is null. Every batch has the members that were met so far.

    With ``fields``, others are not asked for a type, and one that stands twice in a line may not be noticed.
    """
    names: dict[str, None] = {}
    kinds: dict[str, pa.DataType] = {}
    wanted = frozenset(fields or ())
    for text in whole_lines(utf8_pieces(source)):
        require_utf8(text)
        if not kinds and len(text) > _SAMPLE:
            kinds = kinds_of(_parsed(text[: text.find(b"\n", _SAMPLE) + 1 or None]))
            names |= dict.fromkeys(kinds)
        batches = _by_arrow(text, kinds, wanted)
        if not batches:
            batches = [as_batch(_parsed(text), names)]
            # A member without a value may be of the kind that it was before.
            kinds |= {found.name: found.type for found in batches[0].schema if not pa.types.is_null(found.type)}
            kinds = {name: kinds.get(name, pa.null()) for name in names}
        yield from batches


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """See ``formats.rewrite``; lines that stay keep their bytes, and blank lines stay."""
    return rewrite_text(changed, source, sink, change)


def changed(pieces: Iterator[bytes], change: Change, tally: Tally) -> Iterator[bytes]:
    """Yield the text with the change made."""
    paths = paths_of(change.fields)
    for text in whole_lines(pieces):
        require_utf8(text)
        starts, ends = _lines(text)
        places = tally.take(change, len(starts))
        ranges = zip(starts[places].tolist(), ends[places].tolist(), strict=True)
        if change.is_erasure:
            yield spliced(text, ((*each, b"") for each in ranges))
        else:
            yield spliced(text, ((*each, emptied(text[slice(*each)].decode(), paths).encode()) for each in ranges))


def _lines(text: bytes) -> tuple[Numbers, Numbers]:
    """Where the lines that are not blank begin, and where the ones behind them do."""
    buffer = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(buffer == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(text):
        ends = np.append(ends, len(text))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])
    unclear = np.flatnonzero(buffer[starts] != ord("{"))
    blank = [place for place in unclear.tolist() if not text[starts[place] : ends[place]].strip()]
    return np.delete(starts, blank), np.delete(ends, blank)


def _is_object(line: str) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _by_arrow(text: bytes, kinds: dict[str, pa.DataType], fields: frozenset[str]) -> list[pa.RecordBatch]:
    """Return the rows where all members are of these kinds and every line is one document; else nothing.

    Where ``fields`` are some of the known ones, they alone are read, in about half the time.
    """
    count = _lines_of_one(text) if kinds else 0
    if not count:
        return []
    # Behind a document on a line that ends with its bracket stands no null, which Arrow would take for another row.
    ends = text.count(b"}\n") + text.endswith(b"}") if fields and fields < kinds.keys() else 0
    is_part = ends == count
    wanted = {name: kind for name, kind in kinds.items() if not is_part or name in fields}
    try:
        table = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pj.ParseOptions(
                explicit_schema=pa.schema(list(wanted.items())),
                unexpected_field_behavior="ignore" if is_part else "error",
            ),
        )
    except pa.ArrowException:
        return []
    if table.num_rows != count or any(_is_inexact(column) for column in table.columns):
        return []
    if not is_part and _has_empty_row(table):
        return []
    return list(table.to_batches())


def _lines_of_one(text: bytes) -> int:
    """The number of lines where every line begins with a bracket, else 0.

    As many documents of plain values as such lines are one a line: no second one stands behind the first.
    """
    buffer = np.frombuffer(text, dtype=np.uint8)
    count = brackets = 0
    for start in range(0, len(text) - 1, _STEP):
        behind = buffer[start + 1 : start + 1 + _STEP]
        ends = buffer[start : start + len(behind)] == ord("\n")
        count += int(np.count_nonzero(ends))
        ends &= behind == ord("{")
        brackets += int(np.count_nonzero(ends))
    return count + 1 if text.startswith(b"{") and brackets == count else 0


def _has_empty_row(table: pa.Table) -> bool:
    """Whether a row has no value at all: Arrow takes ``null`` for an object without members."""
    if not all(column.null_count for column in table.columns):
        return False
    empty = reduce(pc.and_, (column.is_null() for column in table.columns))
    return bool(pc.any(empty).as_py())


def _is_inexact(column: pa.ChunkedArray) -> bool:
    """Whether a number is none, or a whole one may have lost digits because its member held fractions so far."""
    if column.type != pa.float64():
        return False
    return not pc.all(pc.less(pc.abs(column), float(_EXACT)), min_count=0).as_py()


def _parsed(text: bytes) -> list[dict[str, Any]]:
    """The document of every line that is not blank."""
    lines = [line for line in text.split(b"\n") if line.strip()]
    if text.count(b"{") + text.count(b"[") - len(lines) >= limits.DEPTH:
        for line in lines:
            if line.count(b"{") + line.count(b"[") > limits.DEPTH:
                limits.check_depth(depth_of(line))
    try:
        documents = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        # The parser's message may quote the line.
        raise Unreadable(Problem.BROKEN, "a line of the file is not JSON") from None
    require_objects(documents)
    refuse_repeated(text, documents, lines)
    return documents


def depth_of(text: bytes) -> int:
    """Greatest number of brackets open at once outside strings."""
    depth = deepest = 0
    # Outside strings no backslash is JSON; inside, a pair of them escapes nothing.
    for part in text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]:
        for byte in part:
            if byte in b"{[":
                depth += 1
                deepest = max(deepest, depth)
            elif byte in b"}]":
                depth -= 1
    return deepest
