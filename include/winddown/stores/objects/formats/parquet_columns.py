"""Encodes columns of one row group anew without some rows, as they were encoded.

Codec, encoding, dictionary, version and checksums of pages, statistics, page indexes and bloom filters are those that a
chunk had; all that sums up values is made anew from those that stay. A dictionary of which a value is no longer used is
made smaller: Arrow's ``filter`` would keep the value in the dictionary page.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import parquet_dictionary as dictionaries
from winddown.stores.objects.formats import parquet_footer as footers
from winddown.stores.objects.formats.change import Mask
from winddown.stores.objects.formats.thrift import Struct

_CODECS = {0: "none", 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4"}
_ENCODINGS = {
    5: "DELTA_BINARY_PACKED",
    6: "DELTA_LENGTH_BYTE_ARRAY",
    7: "DELTA_BYTE_ARRAY",
    9: "BYTE_STREAM_SPLIT",
}
_DICTIONARY = frozenset({2, 8})
_LEVELS = frozenset({3, 4})
_DATA_PAGES = frozenset({dictionaries.DATA, dictionaries.DATA_2})
_CHECKSUM = 4
_WHOLE_DICTIONARY = 1 << 30
_FALSE_POSITIVES = 0.01


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a column chunk is encoded.

    Attributes:
        is_dictionary: all of its data pages refer to a dictionary. A chunk that left its dictionary half-way is
            written as the second half was.
        name: Arrow's name of any other encoding, None for the plain one.
    """

    codec: str
    is_dictionary: bool
    name: str | None
    has_statistics: bool
    has_index: bool
    has_bloom: bool


def encoding_of(chunk: Struct, leaf: footers.Leaf) -> Encoding:
    """Read it from the footer; raises Refused for a codec that cannot be written."""
    found = footers.meta(chunk)
    codec = _CODECS.get(found[footers.CODEC][1])
    if codec is None:
        raise Refused(
            "a Parquet file is packed by a codec (LZO or Hadoop's LZ4) that is only read",
            rule="a rewrite keeps what stays",
            next_step="have its producer write it with another codec",
        )
    stated = footers.value(found, footers.ENCODING_STATS, None)
    if stated is None:
        used = set(found[footers.ENCODINGS][1][1]) - _LEVELS
        is_dictionary = bool(used & _DICTIONARY)
    else:
        used = {footers.value(each, 2) for each in stated[1] if footers.value(each, 1) in _DATA_PAGES}
        is_dictionary = bool(used) and used <= _DICTIONARY
    statistics: Struct = footers.value(found, footers.STATISTICS, {})
    return Encoding(
        codec,
        is_dictionary,
        next((_ENCODINGS[each] for each in sorted(used) if each in _ENCODINGS), None),
        bool(set(statistics) - {3, 4}) and leaf.is_ordered,
        footers.OFFSET_INDEX in chunk,
        footers.BLOOM in found,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages of a chunk have that the footer does not tell."""

    version: str
    has_checksum: bool


def pages_of(source: BinaryIO, chunk: Struct) -> Pages:
    """Look at the headers up to the first data page."""
    for page in dictionaries.pages(source, chunk):
        if page.kind in _DATA_PAGES:
            return Pages("2.0" if page.kind == dictionaries.DATA_2 else "1.0", _CHECKSUM in page.header)
    return Pages("1.0", has_checksum=False)


def paths(field: pa.Field) -> list[str]:
    """The paths under which Arrow writes the leaves of a field."""
    return list(_paths(field.name, field.type))


def _paths(path: str, kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _paths(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for child in kind:
            yield from _paths(f"{path}.{child.name}", child.type)
    else:
        yield path


class Written(io.RawIOBase):
    """A file in memory, in the pieces in which it came: one buffer would be twice as long, and copied as it grows.

    Attributes:
        size: its bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(data))
        self.size += len(self._pieces[-1])
        return len(self._pieces[-1])

    def range(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a range, in pieces."""
        place = 0
        for piece in self._pieces:
            if place < end and place + len(piece) > start:
                yield piece[max(start - place, 0) : end - place]
            place += len(piece)


def written(table: pa.Table, encodings: Sequence[Encoding], pages: Pages) -> Written:
    """A file of one row group that holds this table; one encoding a leaf of its schema."""
    schema, rows = table.schema, table.num_rows
    names = [path for field in schema for path in paths(field)]
    each = dict(zip(names, encodings, strict=True))
    folded = [path for path, found in each.items() if found.is_dictionary]
    others = {path: found.name or "PLAIN" for path, found in each.items() if not found.is_dictionary}
    sink = Written()
    with pq.ParquetWriter(
        sink,
        schema,
        compression={path: found.codec for path, found in each.items()},
        use_dictionary=folded or False,
        column_encoding=None if folded else others,
        write_statistics=[path for path, found in each.items() if found.has_statistics],
        write_page_index=any(found.has_index for found in encodings),
        bloom_filter_options={
            path: {"ndv": max(rows, 1), "fpp": _FALSE_POSITIVES} for path, found in each.items() if found.has_bloom
        }
        or None,
        data_page_version=pages.version,
        write_page_checksum=pages.has_checksum,
        dictionary_pagesize_limit=_WHOLE_DICTIONARY,
        store_schema=False,
    ) as writer:
        # Column after column: the fewest bytes are held at once.
        writer.write_table(table, row_group_size=max(rows, 1))
    return sink


def compacted(table: pa.Table) -> pa.Table:
    """Leave out of every dictionary the values that no row refers to."""
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = table.column(index).unify_dictionaries().combine_chunks()
            pieces = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
            table = table.set_column(index, field, pa.chunked_array([_used(each) for each in pieces], type=field.type))
    return table


def _used(array: pa.DictionaryArray) -> pa.DictionaryArray:
    flags = np.zeros(len(array.dictionary), dtype=np.bool_)
    flags[array.indices.drop_null().to_numpy(zero_copy_only=False)] = True
    if flags.all():
        return array
    numbers = pa.array((np.cumsum(flags) - 1).astype(np.int32))
    return pa.DictionaryArray.from_arrays(numbers.take(array.indices), array.dictionary.filter(pa.array(flags)))


def without(table: pa.Table, doomed: Mask) -> pa.Table:
    """The rows that are not doomed."""
    return compacted(table.filter(pa.array(~doomed)))
