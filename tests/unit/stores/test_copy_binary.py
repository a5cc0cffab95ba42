"""Rows of binary COPY are read as the types that they are, however the stream is cut."""

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.stores.sql.binary import ONE_ROW, TEXT, text_batches, wire_of
from winddown.stores.sql.copy_cells import CopyReader

HEADER, END = ONE_ROW[:19], ONE_ROW[-2:]
TYPES = ("boolean", "smallint", "integer", "bigint", "real", "double precision", "bytea", "date")
WIRES = [wire for name in TYPES if (wire := wire_of(name))] + [TEXT]
PACKED = ("?", "h", "i", "q", "f", "d")


def row(*fields: bytes | None) -> bytes:
    cells = (b"\xff\xff\xff\xff" if field is None else struct.pack("!i", len(field)) + field for field in fields)
    return struct.pack("!h", len(fields)) + b"".join(cells)


def read(stream: bytes, wires: Sequence[Any], cuts: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    reader, rows = CopyReader(wires), []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        batch = reader.read(stream[begin:end])
        if batch is not None:
            batch.validate(full=True)
            rows += [tuple(found.values()) for found in batch.to_pylist()]
    reader.close()
    return rows


def texts(*messages: bytes, fields: int = 1) -> list[tuple[Any, ...]]:
    """What comes of messages in each of which the server sends a row."""
    rows = []
    for batch in text_batches(map(memoryview, messages), fields):
        batch.validate(full=True)
        assert set(batch.schema.types) <= {pa.string()}
        rows += [tuple(found.values()) for found in batch.to_pylist()]
    return rows


VALUES = st.tuples(
    st.booleans(),
    st.integers(-(2**15), 2**15 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(width=32, allow_nan=False),
    st.floats(allow_nan=False),
    st.binary(max_size=9),
    st.dates(date(1, 1, 2), date(9999, 12, 30)),
    st.text(max_size=9),
)


@given(st.data())
def test_every_type_comes_back_however_the_stream_is_cut(data: st.DataObject) -> None:
    rows = data.draw(st.lists(VALUES.flatmap(lambda row: st.tuples(*(st.just(value) | st.none() for value in row)))))
    stream = HEADER
    for values in rows:
        fields = [
            None if value is None else struct.pack(f"!{form}", value)
            for form, value in zip(PACKED, values, strict=False)
        ]
        blob, day, text = values[6:]
        fields += [blob, None if day is None else struct.pack("!i", (day - date(2000, 1, 1)).days)]
        stream += row(*fields, None if text is None else text.encode())
    stream += END
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    assert read(stream, WIRES, cuts) == rows


@given(st.integers(1, 4).flatmap(lambda size: st.lists(st.tuples(*[st.none() | st.text()] * size))), st.booleans())
def test_texts_come_back_whatever_is_in_them(rows: list[tuple[str | None, ...]], is_apart: bool) -> None:
    fields = len(rows[0]) if rows else 2
    sent = [row(*(None if value is None else value.encode() for value in values)) for values in rows]
    begun = [HEADER, *sent] if is_apart or not sent else [HEADER + sent[0], *sent[1:]]
    assert texts(*begun, END, fields=fields) == rows


def test_texts_come_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("winddown.stores.sql.binary.BATCH_BYTES", 30)
    sent = [row(str(number).encode() * 7) for number in range(9)]
    found = list(text_batches(map(memoryview, [HEADER, *sent, END]), 1))
    assert [batch.num_rows for batch in found] == [3, 3, 3]
    assert [value for batch in found for value in batch.column(0).to_pylist()] == [str(n) * 7 for n in range(9)]


@pytest.mark.parametrize(
    "messages",
    [
        [b"id,name\n1,a\nand so on, as a stream in text begins"],
        [HEADER, row(b"x", b"y"), END],  # another number of fields
        [HEADER, row(b"x")[:-1], END],  # a row that is cut
        [HEADER, row(b"x")[:3], END],
        [HEADER, row(b"x")[:1], END],
        [HEADER, row(b"x") + row(b"y"), END],  # two rows in one
        [HEADER, b"\x00\x01\xff\xff\xff\xfe", END],  # a length below -1
        [HEADER, b"\x00\x01\x7f\xff\xff\xffx", row(b"x"), END],  # a length that leads beyond
        [HEADER, row(b"x")],  # without an end
        [HEADER, row(b"x"), END, row(b"x")],  # something behind it
        [HEADER, row(b"x"), END, b"\x00"],
        [HEADER[:12]],
        [],
    ],
)
def test_what_is_no_stream_of_texts_is_refused(messages: list[bytes]) -> None:
    with pytest.raises(Refused, match="binary COPY"):
        texts(*messages)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("timestamp without time zone", datetime(1999, 12, 31, 23, 59, 59, 999_999)),  # noqa: DTZ001 - it has none
        ("timestamp(3) with time zone", datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_a_time_counts_from_the_year_2000(declared: str, expected: datetime) -> None:
    assert read(HEADER + row(struct.pack("!q", -1)) + END, [wire_of(declared)]) == [(expected,)]


@pytest.mark.parametrize("declared", ["numeric(12,2)", "jsonb", "text[]", "uuid", "character varying(20)", "interval"])
def test_other_types_are_read_as_text(declared: str) -> None:
    assert wire_of(declared) is None


def test_what_the_header_has_more_is_passed_over() -> None:
    more = HEADER[:15] + struct.pack("!i", 3) + b"abc"
    assert read(more + row(b"x") + END, [TEXT], [20]) == [("x",)]


def test_rows_without_fields_are_no_rows() -> None:
    assert read(HEADER + row() + row() + END, []) == []


@pytest.mark.parametrize(
    "stream",
    [
        b"id,name\n1,a\nand so on, as a stream in text begins",
        HEADER + row(b"x", b"y") + END,  # another number of fields
        HEADER + b"\x00\x01\xff\xff\xff\xfe" + END,  # a length below -1
        HEADER + row(b"x"),  # without an end
        HEADER + row(b"x") + END + row(b"x"),  # something behind it
        HEADER + row(b"x") + END + b"\x00",
        HEADER[:12],
        b"",
    ],
)
def test_what_is_no_such_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(Refused, match="binary COPY"):
        read(stream, [TEXT])


def test_rows_behind_the_end_are_refused_in_a_later_piece_too() -> None:
    with pytest.raises(Refused, match="binary COPY"):
        read(HEADER + row(b"x") + END + row(b"x"), [TEXT], [len(HEADER + row(b"x") + END)])


def test_a_number_of_another_width_is_refused() -> None:
    with pytest.raises(Refused, match="binary COPY"):
        read(HEADER + row(b"\x00\x00\x01") + END, [wire_of("integer")])


def test_a_batch_has_the_types_of_its_wires() -> None:
    batch = CopyReader(WIRES).read(HEADER + row(*[None] * len(WIRES)))
    assert batch is not None
    assert batch.schema.types == [wire.arrow for wire in WIRES]
    assert batch.columns[0].type == pa.bool_()
