"""Writes a Parquet file without some rows, or with fields of some rows emptied, by splicing.

Row groups that hold no such row, and columns that lose no value, are copied byte for byte; the others are encoded anew,
a few columns of one row group at a time, so that memory is bounded by them. The footer is the old one with other
places and numbers: schema, key-value metadata, sorting and the name of the writer stay. Row groups that lose every row
disappear.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa

from winddown.stores.objects.formats import parquet_dictionary as dictionaries
from winddown.stores.objects.formats import parquet_footer as footers
from winddown.stores.objects.formats import thrift
from winddown.stores.objects.formats.change import Change, Copied, Mask, Outcome
from winddown.stores.objects.formats.columnar import translated
from winddown.stores.objects.formats.parquet_columns import Written
from winddown.stores.objects.formats.parquet_encoder import Encoder, other_types
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.thrift import Struct

_PIECE = 1 << 23
_COLUMN_INDEXES = frozenset({footers.COLUMN_INDEX, footers.COLUMN_INDEX_LENGTH})
_KEPT_PLACES = _COLUMN_INDEXES | {
    footers.FILE_OFFSET,
    footers.META,
    footers.OFFSET_INDEX,
    footers.OFFSET_INDEX_LENGTH,
}


class _Origin(Protocol):
    """Where the parts of a chunk lie that stand behind the row groups."""

    def part(self, place: int, size: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A column chunk of the new file; ``shift`` is how far its pages moved from where ``entry`` says."""

    entry: Struct
    shift: int
    origin: _Origin


@dataclass(frozen=True, slots=True)
class _Old:
    source: BinaryIO

    def part(self, place: int, size: int) -> bytes:
        self.source.seek(place)
        return _exactly(self.source, size)


@dataclass(frozen=True, slots=True)
class _New:
    """The end of a file of one row group that was encoded anew."""

    data: bytes
    start: int

    def part(self, place: int, size: int) -> bytes:
        return self.data[place - self.start : place - self.start + size]


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """See ``formats.rewrite``."""
    try:
        return _rewritten(source, sink, change)
    except (IndexError, KeyError, TypeError):
        # A header that parses may still lack what the format demands.
        raise Unreadable(Problem.BROKEN, "a Parquet file is not what it should be") from None


def _rewritten(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    size = source.seek(0, 2)
    footer = footers.read_footer(source, size)
    with translated(source, "Parquet"):
        splice = _Splice(source, sink, footer, change)
        for group in footers.groups(footer):
            splice.add(group)
        splice.finish()
    total = footer[footers.ROWS][1]
    done = len(change.within(0, total))
    copied = tuple(splice.out.copied)
    return Outcome(total, erased=done, copied=copied) if change.is_erasure else Outcome(total, 0, done, copied)


class _Splice:
    """A file being written, group by group."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, footer: Struct, change: Change) -> None:
        self._source, self._footer, self._change = source, footer, change
        self._leaves = footers.leaves(footer)
        self._emptied = _fields(footer, change)
        self._rows = self._number = 0
        self._groups: list[tuple[Struct, list[_Chunk]]] = []
        self._encoder: Encoder | None = None
        self.out = _Out(sink)
        self.out.write(footers.MAGIC)

    def add(self, group: Struct) -> None:
        """Copy or encode one row group."""
        rows = group[footers.GROUP_ROWS][1]
        doomed = self._change.mask(self._rows, rows) if len(self._change.within(self._rows, rows)) else None
        self._rows += rows
        number = self._number
        self._number += 1
        if doomed is None:
            self._put(group, rows, self._kept(number, group, rows))
        elif not self._change.is_erasure:
            chunks = self._encoded_fields(number, group, self._emptied, doomed)
            self._put(_unsorted(group, self._leaves, self._emptied), rows, chunks)
        elif not doomed.all():
            everything = list(range(len(self._leaves)))
            self._put(group, rows - int(doomed.sum()), self._encoded(number, group, everything, doomed))

    def _put(self, group: Struct, rows: int, chunks: list[_Chunk]) -> None:
        self._groups.append(({**group, footers.GROUP_ROWS: (thrift.I64, rows)}, chunks))

    def _kept(self, number: int, group: Struct, rows: int) -> list[_Chunk]:
        """Copy a row group that loses nothing, but for columns whose dictionary may hold what other groups lose."""
        chunks = footers.chunks(group)
        unclean = {
            leaf.field
            for chunk, leaf in zip(chunks, self._leaves, strict=True)
            if len(self._change.rows)
            and (self._change.is_erasure or leaf.field in self._emptied)
            and dictionaries.has_unused_values(self._source, chunk, leaf)
        }
        return self._encoded_fields(number, group, unclean, np.zeros(rows, dtype=np.bool_))

    def _copied(self, chunks: Iterable[Struct]) -> list[_Chunk]:
        found = []
        for chunk in chunks:
            first, last = footers.span(chunk)
            place = self.out.copy(self._source, first, last - first)
            found.append(_Chunk(chunk, place - first, _Old(self._source)))
        return found

    def _encoded_fields(self, number: int, group: Struct, fields: Collection[int], doomed: Mask) -> list[_Chunk]:
        """Encode the columns of these fields anew and copy the others, in the order of the schema."""
        found: list[_Chunk] = []
        chunks = footers.chunks(group)
        for field, run in groupby(range(len(chunks)), key=lambda leaf: self._leaves[leaf].field):
            belonging = list(run)
            if field in fields:
                found += self._encoded(number, group, belonging, doomed)
            else:
                found += self._copied([chunks[leaf] for leaf in belonging])
        return found

    def _encoded(self, number: int, group: Struct, wanted: list[int], doomed: Mask) -> list[_Chunk]:
        self._encoder = self._encoder or Encoder(self._source, self._footer, self._change, self._emptied)
        found: list[_Chunk] = []
        for part in self._encoder.parts(group, wanted):
            old = [footers.chunks(group)[leaf] for leaf in part]
            rows = len(doomed) - int(doomed.sum()) if self._change.is_erasure else len(doomed)
            # No name is given to what was encoded, so that it is gone before the next part is.
            leaves = [self._leaves[leaf] for leaf in part]
            found += self._spliced(old, leaves, self._encoder.encode(number, group, part, doomed), rows)
            pa.default_memory_pool().release_unused()
        return found

    def _spliced(self, old: list[Struct], leaves: list[footers.Leaf], data: Written, rows: int) -> list[_Chunk]:
        """Put the pages of a file of one row group that was just encoded into this one, and its footer into ours."""
        behind = data.size - footers.TAIL
        length = int.from_bytes(b"".join(data.range(behind, data.size))[:4], "little")
        footer, _ = thrift.read(b"".join(data.range(behind - length, behind)))
        if [leaf.shape for leaf in footers.leaves(footer)] != [_written_shape(leaf) for leaf in leaves]:
            raise other_types()
        (written,) = footers.groups(footer)
        if written[footers.GROUP_ROWS][1] != rows:
            raise other_types()
        new = footers.chunks(written)
        end = max(footers.span(chunk)[1] for chunk in new)
        place = self.out.place
        for piece in data.range(len(footers.MAGIC), end):
            self.out.write(piece)
        origin = _New(b"".join(data.range(end, data.size)), end)
        return [
            _Chunk(_entry(before, after, leaf), place - len(footers.MAGIC), origin)
            for before, after, leaf in zip(old, new, leaves, strict=True)
        ]

    def finish(self) -> None:
        """Write what stands behind the row groups, and the footer."""
        every = [chunk for _, chunks in self._groups for chunk in chunks]
        entries = [_moved(chunk) for chunk in every]
        for chunk, entry in zip(every, entries, strict=True):
            self._bloom(chunk, entry)
        for chunk, entry in zip(every, entries, strict=True):
            place = footers.value(chunk.entry, footers.COLUMN_INDEX)
            if place:
                part = chunk.origin.part(place, chunk.entry[footers.COLUMN_INDEX_LENGTH][1])
                entry[footers.COLUMN_INDEX] = (thrift.I64, self.out.write(part))
        for chunk, entry in zip(every, entries, strict=True):
            place = footers.value(chunk.entry, footers.OFFSET_INDEX)
            if place:
                part = _moved_index(chunk.origin.part(place, chunk.entry[footers.OFFSET_INDEX_LENGTH][1]), chunk.shift)
                entry[footers.OFFSET_INDEX] = (thrift.I64, self.out.write(part))
                entry[footers.OFFSET_INDEX_LENGTH] = (thrift.I32, len(part))
        groups, taken = [], iter(entries)
        for number, (group, chunks) in enumerate(self._groups):
            groups.append(_group(group, [next(taken) for _ in chunks], number))
        footer = {**self._footer, footers.GROUPS: (thrift.LIST, (thrift.STRUCT, groups))}
        footer[footers.ROWS] = (thrift.I64, sum(group[footers.GROUP_ROWS][1] for group in groups))
        body = thrift.write(footer)
        self.out.write(body + len(body).to_bytes(4, "little") + footers.MAGIC)

    def _bloom(self, chunk: _Chunk, entry: Struct) -> None:
        found = footers.meta(chunk.entry)
        place = footers.value(found, footers.BLOOM)
        if not place:
            return
        size = footers.value(found, footers.BLOOM_LENGTH)
        if not size:
            header, length = thrift.read(chunk.origin.part(place, 32))
            size = length + header[1][1]
        entry[footers.META][1][footers.BLOOM] = (thrift.I64, self.out.write(chunk.origin.part(place, size)))


def _fields(footer: Struct, change: Change) -> dict[int, list[tuple[str, ...]]]:
    """Which paths are emptied inside which top-level fields; a field that the file does not have is empty already."""
    every = footers.names(footer)
    found: dict[int, list[tuple[str, ...]]] = {}
    tops = [every[place] for place in footers.field_places(footer)]
    for wanted in change.fields:
        for number, top in enumerate(tops):
            if wanted == top:
                found.setdefault(number, []).append(())
            elif wanted.startswith(f"{top}.") and wanted not in tops:
                found.setdefault(number, []).append(tuple(wanted[len(top) + 1 :].split(".")))
    return found


def _written_shape(leaf: footers.Leaf) -> tuple[int, int, int, int]:
    """The shape under which a leaf was encoded: numbers of 96 bits as twelve bytes."""
    kind, length, definition, repetition = leaf.shape
    return (
        (footers.FIXED, 12, definition, repetition) if kind == footers.INT96 else (kind, length, definition, repetition)
    )


def _entry(before: Struct, after: Struct, leaf: footers.Leaf) -> Struct:
    """The footer's entry of a column chunk that was encoded anew, under the old name."""
    old, new = footers.meta(before), dict(footers.meta(after))
    for number in (footers.KIND, footers.PATH, footers.META_KEY_VALUES):
        new.pop(number, None)
        if number in old:
            new[number] = old[number]
    if not leaf.is_ordered:
        new.pop(footers.STATISTICS, None)
    found = {number: each for number, each in after.items() if number in _KEPT_PLACES}
    if footers.OFFSET_INDEX not in before:
        found = {number: each for number, each in found.items() if number in {footers.FILE_OFFSET, footers.META}}
    if footers.COLUMN_INDEX not in before or not leaf.is_ordered:
        found = {number: each for number, each in found.items() if number not in _COLUMN_INDEXES}
    return {**found, footers.META: (thrift.STRUCT, new)}


def _moved(chunk: _Chunk) -> Struct:
    """The entry with the places of the new file."""
    found = dict(footers.meta(chunk.entry))
    first, _ = footers.span(chunk.entry)
    for number in (footers.DATA_PAGE, footers.INDEX_PAGE, footers.DICTIONARY_PAGE):
        if footers.value(found, number) > 0:
            found[number] = (thrift.I64, found[number][1] + chunk.shift)
    entry = {**chunk.entry, footers.META: (thrift.STRUCT, found)}
    # Some writers put a copy of the entry behind the pages, which is not copied, and name its place here.
    is_first = footers.value(entry, footers.FILE_OFFSET) == first
    entry[footers.FILE_OFFSET] = (thrift.I64, first + chunk.shift if is_first else 0)
    return entry


def _moved_index(part: bytes, shift: int) -> bytes:
    index, _ = thrift.read(part)
    locations = index[1][1][1]
    moved = [{**location, 1: (thrift.I64, location[1][1] + shift)} for location in locations]
    return thrift.write({**index, 1: (thrift.LIST, (thrift.STRUCT, moved))})


def _group(group: Struct, entries: list[Struct], number: int) -> Struct:
    found = {**group, footers.COLUMNS: (thrift.LIST, (thrift.STRUCT, entries))}
    found[footers.BYTE_SIZE] = (thrift.I64, sum(footers.meta(entry)[footers.UNCOMPRESSED][1] for entry in entries))
    stated = {
        footers.GROUP_OFFSET: (thrift.I64, min((footers.span(entry)[0] for entry in entries), default=0)),
        footers.COMPRESSED_SIZE: (thrift.I64, sum(footers.meta(entry)[footers.COMPRESSED][1] for entry in entries)),
        footers.ORDINAL: (thrift.I16, number),
    }
    return found | {name: each for name, each in stated.items() if name in group}


def _unsorted(group: Struct, leaves: list[footers.Leaf], emptied_fields: Iterable[int]) -> Struct:
    """The group without the claim of an order by columns of which values are emptied."""
    if footers.SORTING not in group:
        return group
    kept = []
    for column in group[footers.SORTING][1][1]:
        if leaves[column[1][1]].field in emptied_fields:
            break
        kept.append(column)
    rest = {number: each for number, each in group.items() if number != footers.SORTING}
    return {**rest, footers.SORTING: (thrift.LIST, (thrift.STRUCT, kept))} if kept else rest


def _exactly(source: BinaryIO, size: int) -> bytes:
    found = source.read(size)
    if len(found) != size:
        raise Unreadable(Problem.BROKEN, "a Parquet file is shorter than its footer says")
    return found


class _Out:
    """The new file: counts its bytes, and remembers which of them are the old file's.

    Attributes:
        place: where the next byte goes.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self.place = 0
        self.copied: list[Copied] = []

    def write(self, data: Any) -> int:
        """Write bytes; returns their place."""
        place = self.place
        self._sink.write(data)
        self.place += len(data)
        return place

    def copy(self, source: BinaryIO, place: int, size: int) -> int:
        """Copy a range of the old file; returns its new place."""
        start = self.place
        source.seek(place)
        left = size
        while left:
            piece = _exactly(source, min(left, _PIECE))
            self._sink.write(piece)
            left -= len(piece)
        self.place += size
        last = self.copied[-1] if self.copied else None
        if last and last.source + last.size == place and last.sink + last.size == start:
            self.copied[-1] = Copied(last.source, last.sink, last.size + size)
        else:
            self.copied.append(Copied(place, start, size))
        return start
