"""Values turned into matrices, and numbers written as text, are what plain Python makes of them."""

from decimal import Decimal, localcontext
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.detectors.checksums import every, member
from winddown.detectors.classes import SEPARATOR
from winddown.detectors.turned import turned
from winddown.detectors.written import halves, whole_decimals, written

BYTES = st.sampled_from([*b"09AZaz@[`{", 0x80, 0xE1, 0xFA, 0xFF])


@st.composite
def stretches(draw: st.DrawFn) -> tuple[int, list[bytes]]:
    length = draw(st.integers(1, 40))
    values = draw(st.lists(st.lists(BYTES, min_size=length, max_size=length).map(bytes), min_size=1, max_size=80))

    def separated(value: bytes) -> bytes:
        place = draw(st.integers(0, length))
        return (
            draw(st.sampled_from([b"", b"+"]))
            + value[:place]
            + draw(st.sampled_from([b" ", b"-", b"()"]))
            + value[place:]
        )

    return length, [separated(value) if draw(st.integers(0, 4)) == 0 else value for value in values]


def plain(value: bytes, length: int) -> list[int]:
    if len(value) != length:
        value = bytes(byte for byte in value.removeprefix(b"+") if not SEPARATOR[byte])
    return [byte - 32 if ord("a") <= byte <= ord("z") else byte for byte in value]


@given(stretches(), st.integers(0, 9), st.randoms())
def test_values_stand_in_columns_in_capitals_without_separators(
    made: tuple[int, list[bytes]], behind: int, random: Random
) -> None:
    length, values = made
    data = np.frombuffer(b"".join(values) + b"z" * behind, np.uint8)
    ends = np.cumsum([len(value) for value in values])
    starts = ends - [len(value) for value in values]
    chosen = np.array(sorted(random.sample(range(len(values)), random.randint(1, len(values)))))
    found = turned(data, starts, ends, chosen, length)
    assert found.T.tolist() == [plain(values[each], length) for each in chosen]


@given(st.lists(st.lists(st.integers(0, 255), min_size=3, max_size=3), min_size=1, max_size=40), st.binary(max_size=12))
def test_every_asks_for_allowed_bytes_alone(rows: list[list[int]], allowed: bytes) -> None:
    alphabet = bytes(byte & 0x7F for byte in allowed).decode("ascii")
    table = member(alphabet)
    block = np.array(rows, np.uint8)
    assert every(block, table).tolist() == [all(table[byte] for byte in row) for row in rows]


def test_every_of_more_rows_than_are_compared_together() -> None:
    block = np.full((10_000, 4), ord("a"), np.uint8)
    block[[0, 4095, 4096, 9_999], [0, 1, 2, 3]] = ord("z") + 1
    assert np.flatnonzero(~every(block, member("abcxyz"))).tolist() == [0, 4095, 4096, 9_999]


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_whole_numbers_are_written_as_python_writes_them(kind: str) -> None:
    bounds = np.iinfo(kind)
    near = [sign * 10**digits + more for digits in range(20) for sign in (1, -1) for more in (-1, 0, 1)]
    numbers = [number for number in (bounds.min, bounds.max, 0, *near) if bounds.min <= number <= bounds.max]
    found = written(np.array(numbers, kind))
    found.validate(full=True)
    assert found.to_pylist() == [str(number) for number in numbers]


def test_no_numbers_are_no_text() -> None:
    assert written(np.empty(0, np.int64)).to_pylist() == []


@given(
    st.lists(st.integers(-(10**38) + 1, 10**38 - 1) | st.integers(-999, 999).map(lambda number: number * 10**6)),
    st.integers(0, 6),
    st.integers(0, 3),
)
def test_decimals_without_a_fraction_are_written_as_whole_numbers(raw: list[int], scale: int, skipped: int) -> None:
    with localcontext(prec=60):
        array = pa.array([Decimal(number).scaleb(-scale) for number in raw], pa.decimal128(38, scale))[skipped:]
    raw = raw[skipped:]
    assert whole_decimals(array).to_pylist() == [str(number // 10**scale) for number in raw if number % 10**scale == 0]
    lower, upper = halves(array)
    assert [int(low) + (int(high) << 64) for low, high in zip(lower, upper, strict=True)] == raw
