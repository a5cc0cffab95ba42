"""Whether a column chunk's dictionary holds a value that none of its rows has.

Most writers put into the dictionary of a row group what its rows have. Some, Arrow among them, put the whole dictionary
of a column of categories into every row group; there a value of an erased row would stay in row groups that never had
such a row, so these are not copied. Only indices are looked at, and only until every value was met.

>>> equal, packed = numbers(bytes([3 << 1, 5, 1 << 1 | 1, 0b10001000, 0b11000110, 0b11111010]), 3, 8)
>>> equal, packed.tolist()
({5: 3}, [0, 1, 2, 3, 4])
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import limits, thrift
from winddown.stores.objects.formats import parquet_footer as footers
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.thrift import Struct

DATA, DICTIONARY, DATA_2 = 0, 2, 3
_CODECS = {0: None, 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_INDICES = frozenset({2, 8})
_BIT_PACKED = 4
_HEADER = 1 << 12
_GROUP = 8
_MORE = 0x80
_WORD = 8
# What begins the longest bit-packed run that most writers make, of 63 groups.
_LONGEST = 63 << 1 | 1
_NEXT = bytes([_LONGEST])

Indices = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Page:
    """A page's header and where its body lies; see ``parquet.thrift`` for the numbers."""

    header: Struct
    place: int

    @property
    def kind(self) -> int:
        """Data, dictionary, index or data of the second version."""
        return int(self.header[1][1])

    @property
    def size(self) -> int:
        """Bytes of the body in the file."""
        return int(self.header[3][1])


def pages(source: BinaryIO, chunk: Struct) -> Iterator[Page]:
    """The headers of a chunk's pages, in order; the pages themselves are skipped."""
    place, end = footers.span(chunk)
    while place < end:
        window = _HEADER
        while True:
            source.seek(place)
            data = source.read(min(window, end - place))
            try:
                header, length = thrift.read(data)
                break
            except Unreadable:
                # Smallest and greatest values may make a header long.
                if window >= end - place or window > limits.RECORD:
                    raise
                window <<= 4
        yield Page(header, place + length)
        place += length + header[3][1]


def has_unused_values(source: BinaryIO, chunk: Struct, leaf: footers.Leaf) -> bool:
    """Look through a chunk; raises Unreadable or Refused where that cannot be told."""
    try:
        return _has_unused_values(source, chunk, leaf)
    except (IndexError, KeyError, TypeError, ValueError):
        raise Unreadable(Problem.BROKEN, "a page of a Parquet file is not what it should be") from None


def _has_unused_values(source: BinaryIO, chunk: Struct, leaf: footers.Leaf) -> bool:
    used: npt.NDArray[np.bool_] | None = None
    for page in pages(source, chunk):
        if page.kind == DICTIONARY:
            used = np.zeros(page.header[7][1][1][1], dtype=np.bool_)
        elif used is None:
            return False
        elif page.kind in {DATA, DATA_2}:
            found = _indices(source, chunk, page, leaf)
            if len(found) and int(found.max()) >= len(used):
                raise Unreadable(Problem.BROKEN, "a Parquet file refers to values that its dictionary does not have")
            used[found] = True
            if used.all():
                return False
    return used is not None and not used.all()


def _indices(source: BinaryIO, chunk: Struct, page: Page, leaf: footers.Leaf) -> Indices:
    """The indices of a data page in any order, those of runs once; none where it does not refer to the dictionary."""
    is_second = page.kind == DATA_2
    about: Struct = page.header[8 if is_second else 5][1]
    if about[4 if is_second else 2][1] not in _INDICES:
        return np.zeros(0, dtype=np.uint32)
    if max(page.size, page.header[2][1]) > limits.PART:
        raise Unreadable(Problem.LIMIT, f"a page of a Parquet file is longer than {limits.PART >> 20} MiB")
    source.seek(page.place)
    body = source.read(page.size)
    count = about[1][1]
    unpacked = page.header[2][1]
    if is_second:
        levels = about[5][1] + about[6][1]
        count -= about[2][1]
        body = body[levels:]
        if footers.value(about, 7, True):
            body = _decompressed(body, chunk, unpacked - levels)
    else:
        # Writers differ in whether a field that is absent with what it lies in counts as null.
        stated: Struct = footers.value(footers.meta(chunk), footers.STATISTICS, {})
        has_nulls = leaf.shape[2:] != (1, 0) or footers.value(stated, 3, 1) != 0
        body, count = _behind_levels(_decompressed(body, chunk, unpacked), about, count, leaf, has_nulls=has_nulls)
    if not count:
        return np.zeros(0, dtype=np.uint32)
    equal, packed = numbers(body[1:], body[0], count)
    return np.concatenate([np.fromiter(equal, dtype=np.uint32), packed])


def _behind_levels(body: bytes, about: Struct, count: int, leaf: footers.Leaf, *, has_nulls: bool) -> tuple[bytes, int]:
    """What follows the levels of a page of the first version, and how many values that are not null it holds."""
    _, _, definition, repetition = leaf.shape
    values, start = count, 0
    for most, number in ((repetition, 4), (definition, 3)):
        if not most:
            continue
        width = most.bit_length()
        if about[number][1] == _BIT_PACKED:
            raise Refused(
                "a Parquet file has levels in an encoding that was given up in 2013",
                rule="a rewrite keeps what stays",
                next_step="have its producer write it anew",
            )
        size = int.from_bytes(body[start : start + 4], "little")
        levels = body[start + 4 : start + 4 + size]
        start += 4 + size
        if number == 3 and has_nulls:  # noqa: PLR2004 - definition levels: the greatest one is a value
            equal, packed = numbers(levels, width, count)
            values = equal.get(most, 0) + int(np.count_nonzero(packed == most))
    return body[start:], values


def _decompressed(body: bytes, chunk: Struct, size: int) -> bytes:
    codec = footers.meta(chunk)[footers.CODEC][1]
    if codec not in _CODECS:
        raise Refused(
            "a Parquet file is packed by a codec (LZO or Hadoop's LZ4) that cannot be looked into",
            rule="a rewrite keeps what stays",
            next_step="have its producer write it with another codec",
        )
    name = _CODECS[codec]
    if name is None or not size:
        return body
    found: bytes = pa.decompress(body, decompressed_size=size, codec=name, asbytes=True)
    return found


def numbers(data: bytes, width: int, count: int) -> tuple[dict[int, int], Indices]:
    """Decode runs of equal or bit-packed numbers (https://parquet.apache.org/docs/file-format/data-pages/encodings/).

    Returns how often each number stands in runs of equal ones, and the bit-packed ones, in their order.
    """
    if not width:
        return {0: count}, np.zeros(0, dtype=np.uint32)
    size = (width + 7) // 8
    packed: list[bytes] = []
    equal: dict[int, int] = {}
    place, left = 0, count
    while left > 0 and place < len(data):
        head = data[place]
        place += 1
        if head >= _MORE:
            shift = 7
            head &= 127
            while True:
                byte = data[place]
                place += 1
                head |= (byte & 127) << shift
                if byte < _MORE:
                    break
                shift += 7
        if head == _LONGEST and data[place + _LONGEST // 2 * width : place + _LONGEST // 2 * width + 1] == _NEXT:
            place, body = _longest(data, place - 1, 1 + _LONGEST // 2 * width)
            packed.append(body)
            left -= len(body) // width * _GROUP
        elif head & 1:
            end = place + (head >> 1) * width
            packed.append(data[place:end])
            place = end
            left -= (head >> 1) * _GROUP
        else:
            number = int.from_bytes(data[place : place + size], "little")
            place += size
            length = min(head >> 1, left)
            equal[number] = equal.get(number, 0) + length
            left -= length
    if left > 0:
        raise Unreadable(Problem.BROKEN, "a page of a Parquet file ends too early")
    found = _unpacked(b"".join(packed), width)
    # Only a bit-packed run, which is of whole groups of eight, can hold more than there are.
    return equal, found[: len(found) + left]


def _longest(data: bytes, place: int, size: int) -> tuple[int, bytes]:
    """Some runs of ``size`` bytes that begin alike, at once: where they end, and what they hold."""
    runs = np.frombuffer(data, dtype=np.uint8, offset=place)
    runs = runs[: len(runs) // size * size].reshape(-1, size)
    others = np.flatnonzero(runs[:, 0] != _LONGEST)
    count = int(others[0]) if len(others) else len(runs)
    return place + count * size, runs[:count, 1:].tobytes()


def _unpacked(data: bytes, width: int) -> Indices:
    """Numbers of ``width`` bits, the lowest bit first: eight of them are ``width`` bytes."""
    if width > 32 or len(data) % width:  # noqa: PLR2004 - bits of an index
        raise Unreadable(Problem.BROKEN, "a page of a Parquet file ends too early")
    count = len(data) // width
    padded = data + bytes(_WORD)
    found = np.empty((count, _GROUP), dtype=np.uint32)
    for number in range(_GROUP):
        first, offset = divmod(number * width, 8)
        # A number lies within eight bytes from where it begins, whatever its width.
        words: npt.NDArray[np.uint64] = np.ndarray((count,), "<u8", padded, first, (width,))
        found[:, number] = (words >> np.uint64(offset)) & np.uint64((1 << width) - 1)
    return found.reshape(-1)
