"""Apache Avro object container files (https://avro.apache.org/docs/current/specification/): magic ``Obj`` and 1, the
schema as JSON, then blocks of records, each followed by the file's sync mark.

The container is read and written here, so that blocks are unpacked within limits; fastavro decodes the records inside.
"""  # noqa: D205 - the address is part of the sentence

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, BinaryIO

import fastavro
import orjson
import pyarrow as pa
from fastavro.schema import SchemaParseException

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.avro_codecs import CODECS, Codec, broken
from winddown.stores.objects.formats.avro_edit import Editor, written_long
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.json_edit import paths_of
from winddown.stores.objects.formats.problem import Problem, Unreadable

ID = "avro"
_MAGIC = b"Obj\x01"
_SYNC = 16
_LONG_BITS = 63


def recognise(ends: Ends) -> bool:
    """Avro's magic."""
    return ends.head.startswith(_MAGIC)


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:  # noqa: ARG001
    """Yield all records; memory is bounded by a block. A field with parts of its own becomes its JSON text."""
    file = _opened(source)
    names = [field["name"] for field in file.schema["fields"]]
    yield _batch([], names)
    for block in _blocks(source, file):
        yield from _records(io.BytesIO(block.records()), block.count, file.schema, names)


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """See ``formats.rewrite``: head, sync mark and codec stay, and blocks of which nothing changes keep their bytes.

    A block that loses all of its records disappears.
    """
    file = _opened(source)
    head = source.tell()
    source.seek(0)
    sink.write(source.read(head))
    editor = Editor(file.stated)
    paths = paths_of(change.fields)
    rows = done = 0
    for block in _blocks(source, file):
        named = change.within(rows, block.count)
        rows, done = rows + block.count, done + len(named)
        body, count = block.body, block.count
        if len(named):
            records = block.records()
            bounds = _bounds(records, count, file.schema)
            parts = [records[start:end] for start, end in pairwise(bounds)]
            for number in named.tolist():
                first, last = bounds[number : number + 2]
                parts[number] = b"" if change.is_erasure else editor.emptied(records, first, last, paths)
            body = file.codec.pack(b"".join(parts))
            count -= len(named) if change.is_erasure else 0
        if count:
            sink.write(b"".join([written_long(count), written_long(len(body)), body, file.mark]))
    return Outcome(rows, erased=done) if change.is_erasure else Outcome(rows, minimised=done)


@dataclass(frozen=True, slots=True)
class _File:
    """What the head says; ``stated`` is the schema as it is written there, ``schema`` as fastavro takes it."""

    stated: Any
    schema: Any
    codec: Codec
    mark: bytes


@dataclass(frozen=True, slots=True)
class _Block:
    """So many records, packed."""

    count: int
    body: bytes
    records: Callable[[], bytes]


def _opened(source: BinaryIO) -> _File:
    """Read the head; the source then stands at the first block."""
    source.seek(len(_MAGIC))
    head = _head(source)
    try:
        stated = orjson.loads(head.get("avro.schema", b""))
        schema: Any = fastavro.parse_schema(stated)
        [field["name"] for field in schema["fields"]]
    except (ValueError, TypeError, KeyError, SchemaParseException, RecursionError):
        raise broken() from None
    codec = CODECS.get(head.get("avro.codec", b"null"))
    if codec is None:
        raise Unreadable(Problem.BROKEN, "an Avro file is packed by an unknown codec")
    return _File(stated, schema, codec, source.read(_SYNC))


def _blocks(source: BinaryIO, file: _File) -> Iterator[_Block]:
    """Yield the blocks up to the end of the file."""
    packed = unpacked = 0

    def records(body: bytes) -> bytes:
        nonlocal unpacked
        found = file.codec.unpack(body)
        unpacked += len(found)
        limits.check_unpacked(packed, unpacked)
        return found

    while first := source.read(1):
        # A block without records is not the end: some writers flush such ones between others.
        count, size = _long(source, first), _long(source)
        body = _exactly(source, size)
        if count < 0 or _exactly(source, _SYNC) != file.mark:
            raise broken()
        packed += size
        yield _Block(count, body, partial(records, body))


def _bounds(records: bytes, count: int, schema: Any) -> list[int]:
    """Where the records of a block begin, and where the last one ends."""
    block = io.BytesIO(records)
    bounds = [0]
    try:
        for _ in range(count):
            fastavro.schemaless_reader(block, schema, None)
            bounds.append(block.tell())
    except (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, StopIteration, RecursionError):
        raise broken() from None
    if bounds[-1] != len(records):
        raise broken()
    return bounds


def _records(block: io.BytesIO, count: int, schema: Any, names: list[str]) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, Any]] = []
    start = 0
    try:
        for _ in range(count):
            rows.append(fastavro.schemaless_reader(block, schema, None))  # type: ignore[arg-type]
            if len(rows) == limits.ROWS or block.tell() - start > limits.BATCH:
                yield _batch(rows, names)
                rows, start = [], block.tell()
    except (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, StopIteration, RecursionError):
        raise broken() from None
    if block.read(1):
        raise broken()
    if rows:
        yield _batch(rows, names)


def _batch(rows: list[dict[str, Any]], names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([_column([row[name] for row in rows]) for name in names], names=names)


def _column(values: list[Any]) -> pa.Array:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) == 1 and not kinds & {dict, list, tuple}:
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError):
            pass  # e.g. times before the calendar's beginning: their text is enough
    return pa.array([_text(value) for value in values], type=pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple):
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    return _plain(value)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _head(source: BinaryIO) -> dict[str, bytes]:
    """The map of metadata: blocks of pairs, ended by an empty one."""
    found: dict[str, bytes] = {}
    while count := _long(source):
        if count < 0:  # then the block's size follows, which nobody needs
            count = -count
            _long(source)
        if count > limits.MEMBERS:
            raise broken()
        for _ in range(count):
            name = _exactly(source, _long(source)).decode("utf-8", "replace")
            found[name] = _exactly(source, _long(source))
    return found


def _long(source: BinaryIO, first: bytes = b"") -> int:
    """A zigzag number of up to ten bytes, of which the first may have been read already."""
    value = shift = 0
    byte = first or source.read(1)
    while byte:
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:  # noqa: PLR2004 - the last byte has no continuation bit
            return (value >> 1) ^ -(value & 1)
        shift += 7
        if shift > _LONG_BITS:
            raise broken()
        byte = source.read(1)
    raise broken()


def _exactly(source: BinaryIO, size: int) -> bytes:
    if size < 0:
        raise broken()
    if size > limits.PART:
        raise Unreadable(Problem.LIMIT, f"a block of an Avro file is longer than {limits.PART >> 20} MiB")
    found = source.read(size)
    if len(found) != size:
        raise broken()
    return found
