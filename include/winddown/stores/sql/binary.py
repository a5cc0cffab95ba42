"""PostgreSQL's binary ``COPY``: its types, rows of texts read as Arrow, and rows of one text written and read.

Source: PostgreSQL's manual, COPY, File Formats. What follows the signature is, for every row, the number of its fields
in two bytes, then each field's length in four and its bytes; a length of -1 is null, a number of -1 the end. Cells of
other types than text are read by ``copy_cells``.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from winddown.domain.errors import Refused
from winddown.stores.sql.reading import BATCH_BYTES

SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
TRAILER = b"\xff\xff"
HEADER = len(SIGNATURE) + 8  # flags, then the length of what else stands there
ONE_ROW = SIGNATURE + bytes(8) + b"\x00\x01\x00\x00\x00\x01x" + TRAILER  # the text "x"
_ONE_FIELD = struct.Struct(">hi")
_PIECE_BYTES = 1 << 18
_EPOCH_DAYS, _EPOCH_MICROSECONDS = 10_957, 946_684_800_000_000  # from 1970 to 2000, where PostgreSQL's time begins
_COUNT, _LENGTH = 2, 4  # bytes of a row's number of fields, and of a field's length


class Wire(NamedTuple):
    """How a type is written: so many bytes (0: any number of them), as what Arrow reads them, and what is added."""

    width: int
    arrow: "pa.DataType[Any]"
    shift: int = 0


TEXT = Wire(0, pa.string())
_WIRES = {
    "boolean": Wire(1, pa.bool_()),
    "smallint": Wire(2, pa.int16()),
    "integer": Wire(4, pa.int32()),
    "bigint": Wire(8, pa.int64()),
    "real": Wire(4, pa.float32()),
    "double precision": Wire(8, pa.float64()),
    "bytea": Wire(0, pa.binary()),
    "date": Wire(4, pa.date32(), _EPOCH_DAYS),
}
_TIMESTAMP = re.compile(r"timestamp(?:\(\d\))? (with|without) time zone")


def wire_of(declared: str) -> Wire | None:
    """Return how a type of the catalogue is written; None for one that is better read as text."""
    if found := _TIMESTAMP.fullmatch(declared):
        return Wire(8, pa.timestamp("us", "UTC" if found[1] == "with" else None), _EPOCH_MICROSECONDS)
    return _WIRES.get(declared)


def text_batches(messages: Iterable[memoryview], fields: int) -> Iterator[pa.RecordBatch]:
    """Read a stream of which the server sends a row a message, and of whose rows every field is a text.

    Raises:
        Refused: these are not such rows.
    """
    content, ends = bytearray(), list[int]()
    for row in _rows(messages):
        content += row
        ends.append(len(content))
        if len(content) >= BATCH_BYTES:
            yield _texts(content, ends, fields)
            content, ends = bytearray(), list[int]()
    if ends:
        yield _texts(content, ends, fields)


def _rows(messages: Iterable[memoryview]) -> Iterator[memoryview]:
    """What is neither the stream's beginning nor its end."""
    is_ended = False
    for message in messages:
        # The stream's beginning may come with its first row, and has to be told from a row that begins like it.
        row = message[HEADER:] if message[: len(SIGNATURE)] == SIGNATURE else message
        if is_ended:
            raise unreadable()
        if row == TRAILER:
            is_ended = True
        elif row:
            yield row
    if not is_ended:
        raise unreadable()


def _texts(content: bytearray, ends: list[int], fields: int) -> pa.RecordBatch:
    # All rows at once, a field after the other: each is where the one before ends.
    behind = np.array(ends, np.int64)
    place = np.concatenate(([0], behind[:-1]))
    _require(place + _COUNT <= behind)
    _require(_numbers(content, _COUNT)[place] == fields)
    place += _COUNT
    borders = np.empty((len(ends), fields, 2), np.int32)
    filled = np.empty((fields, len(ends)), np.bool_)
    for field in range(fields):
        _require(place + _LENGTH <= behind)
        length = _numbers(content, _LENGTH)[place].astype(np.int64)
        _require(length >= -1)
        begin, filled[field] = place + _LENGTH, length >= 0
        place = begin + np.maximum(length, 0)
        _require(place <= behind)
        borders[:, field, 0], borders[:, field, 1] = begin, place
    _require(place == behind)
    offsets = pa.py_buffer(np.concatenate(([0], borders.ravel()), dtype=np.int32))
    # In turns what stands before a field, and a field.
    pieces = pa.Array.from_buffers(pa.binary(), 2 * filled.size, [None, offsets, pa.py_buffer(content)])
    columns = []
    for field in range(fields):
        mine = pieces.take(pa.array(np.arange(2 * field + 1, 2 * filled.size, 2 * fields)))
        nulls = len(ends) - int(np.count_nonzero(filled[field]))
        valid = pa.py_buffer(np.packbits(filled[field], bitorder="little")) if nulls else None
        columns.append(pa.Array.from_buffers(pa.string(), len(ends), [valid, *mine.buffers()[1:]], nulls))
    return pa.RecordBatch.from_arrays(columns, names=[str(field) for field in range(fields)])


def _numbers(content: bytearray, size: int) -> "npt.NDArray[Any]":
    """The number of some bytes that begins at each place, the highest byte first."""
    return np.ndarray((max(0, len(content) - size + 1),), f">i{size}", buffer=content, strides=(1,))


def _require(is_so: "npt.NDArray[np.bool_]") -> None:
    if not is_so.all():
        raise unreadable()


def unreadable() -> Refused:
    """What is said of a stream that is not what it should be."""
    return Refused(
        "the database did not send rows as PostgreSQL's binary COPY writes them",
        next_step="connect to the server itself, without a proxy that understands only a part of its protocol",
    )


def texts(messages: Iterable[memoryview]) -> Iterator[bytes]:
    """Yield the one field of each row of a stream, of which the server sends a row a message."""
    for row in _rows(messages):
        if len(row) < _ONE_FIELD.size or _ONE_FIELD.unpack_from(row) != (1, len(row) - _ONE_FIELD.size):
            raise unreadable()
        yield bytes(row[_ONE_FIELD.size :])


def written(values: Iterable[bytes]) -> Iterator[bytes]:
    """Yield, in pieces of some size, a stream whose rows have one field each."""
    pieces, size = [SIGNATURE, bytes(8)], 0
    for value in values:
        pieces += (_ONE_FIELD.pack(1, len(value)), value)
        size += len(value)
        if size >= _PIECE_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join([*pieces, TRAILER])
