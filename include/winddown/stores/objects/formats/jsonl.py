"""JSON lines: one JSON object a line (https://jsonlines.org). Blank lines are no records.

The first lines are parsed one by one and tell each member's type; the rest goes through Arrow for as long as every
line fits these types, and one by one again where it does not. Arrow refuses what it would have to guess.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.encoding import require_utf8, utf8_pieces
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.json_rows import as_batch, refuse_repeated
from winddown.stores.objects.formats.lines import whole_lines
from winddown.stores.objects.formats.problem import Problem, Unreadable

ID = "jsonl"
_EXACT = 1 << 53
_KNOWN = (pa.string(), pa.int64(), pa.float64(), pa.bool_())


def recognise(ends: Ends) -> bool:
    """Text of which the first line is an object, or begins one and does not end in the head."""
    text = (ends.text or "").lstrip()
    line, end, _ = text.partition("\n")
    return line.startswith("{") and (not end or _is_object(line))


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:  # noqa: ARG001
    """Yield all lines; a missing member is null. Every batch has the members that were met so far."""
    names: dict[str, None] = {}
    types: pa.Schema | None = None
    for text in whole_lines(utf8_pieces(source)):
        require_utf8(text)
        batches = _by_arrow(text, types) if types is not None else []
        if not batches:
            lines = [line for line in text.split(b"\n") if line.strip()]
            batches = [_one_by_one(lines, names)]
            types = batches[0].schema if all(kind in _KNOWN for kind in batches[0].schema.types) else None
        yield from batches


def _is_object(line: str) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _by_arrow(text: bytes, types: pa.Schema) -> list[pa.RecordBatch]:
    try:
        table = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pj.ParseOptions(explicit_schema=types, unexpected_field_behavior="error"),
        )
    except pa.ArrowException:
        return []
    # Two documents on one line are no JSON lines; blank lines are rare enough to go one by one.
    if table.num_rows != text.count(b"\n") + (not text.endswith(b"\n")) or any(
        _is_rounded(column) for column in table.columns
    ):
        return []
    return list(table.to_batches())


def _is_rounded(column: pa.ChunkedArray) -> bool:
    """Whether a whole number may have lost digits because its member held fractions so far."""
    if column.type != pa.float64():
        return False
    greatest = pc.max(pc.abs(column)).as_py()
    return greatest is not None and greatest >= _EXACT


def _one_by_one(lines: list[bytes], names: dict[str, None]) -> pa.RecordBatch:
    for line in lines:
        if line.count(b"{") + line.count(b"[") > limits.DEPTH:
            limits.check_depth(depth_of(line))
    try:
        documents = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        # The parser's message may quote the line.
        raise Unreadable(Problem.BROKEN, "a line of the file is not JSON") from None
    refuse_repeated(b"".join(lines), documents, lines)
    return as_batch(documents, names)


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
