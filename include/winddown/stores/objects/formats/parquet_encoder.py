"""Encodes a few columns of one row group of a Parquet file at a time anew, without some rows or their fields."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats import parquet_columns as columns
from winddown.stores.objects.formats import parquet_footer as footers
from winddown.stores.objects.formats.change import Change, Mask
from winddown.stores.objects.formats.columnar import opened, rows_a_batch
from winddown.stores.objects.formats.emptied import emptied
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.thrift import Struct

_BUFFER = 1 << 20
_PROBED = 64
_AT_ONCE = 2  # batches' worth of columns that are decoded at once; what is bigger, batch by batch
_MOST = 3 << 26  # bytes of one field's kept rows in memory


class Encoder:
    """Encodes columns of one row group at a time anew."""

    def __init__(
        self, source: BinaryIO, footer: Struct, change: Change, fields: dict[int, list[tuple[str, ...]]]
    ) -> None:
        self._source, self._change, self._emptied = source, change, fields
        self._leaves = footers.leaves(footer)
        self._names = footers.names(footer)
        self._pages: dict[int, columns.Pages] = {}
        limits.check_names([self._names[place] for place in footers.field_places(footer)])
        folded = self._folded(footer)
        tops = footers.field_places(footer)
        self._unfolding = {
            number
            for number, leaf in enumerate(self._leaves)
            if leaf.shape[0] == footers.BYTE_ARRAY
            and tops[leaf.field] not in folded
            and any(
                footers.value(footers.meta(footers.chunks(group)[number]), footers.DICTIONARY_PAGE)
                for group in footers.groups(footer)
            )
        }
        self._bare = footers.bare(footer)
        self._folding = self._opened([f"n{place}" for place in folded])
        self._unfolded: Any = None

    def _opened(self, dictionaries: list[str]) -> Any:
        """A reader that leaves these columns in their dictionaries."""
        return pq.ParquetFile(
            opened(self._source),
            metadata=self._bare,
            read_dictionary=dictionaries,
            pre_buffer=False,
            buffer_size=_BUFFER,
            arrow_extensions_enabled=False,
        ).reader

    def _folded(self, footer: Struct) -> list[int]:
        """Fields of plain bytes that keep a dictionary in all row groups: they are not unfolded."""
        places = footers.field_places(footer)
        found = []
        for number, leaf in enumerate(self._leaves):
            is_plain = leaf.shape[0] == footers.BYTE_ARRAY and leaf.shape[3] == 0 and leaf.shape[2] <= 1
            if not is_plain or footers.TYPE not in footer[footers.SCHEMA][1][1][places[leaf.field]]:
                continue
            chunks = [footers.chunks(group)[number] for group in footers.groups(footer)]
            if leaf.field not in self._emptied and all(
                columns.encoding_of(chunk, leaf).is_dictionary for chunk in chunks
            ):
                found.append(places[leaf.field])
        return found

    def parts(self, group: Struct, wanted: list[int]) -> Iterator[list[int]]:
        """Cut columns into runs of whole fields with pages of one kind that take about a batch of memory together."""
        chunks = footers.chunks(group)
        run: list[int] = []
        size = 0
        for leaf in wanted:
            found = footers.meta(chunks[leaf])[footers.UNCOMPRESSED][1]
            is_new_field = bool(run) and self._leaves[run[-1]].field != self._leaves[leaf].field
            if is_new_field and (
                size + found > limits.BATCH
                or self._pages_of(chunks[run[0]], run[0]) != self._pages_of(chunks[leaf], leaf)
            ):
                yield run
                run, size = [], 0
            run.append(leaf)
            size += found
        yield run

    def _pages_of(self, chunk: Struct, leaf: int) -> columns.Pages:
        if leaf not in self._pages:
            self._pages[leaf] = columns.pages_of(self._source, chunk)
        return self._pages[leaf]

    def encode(self, number: int, group: Struct, part: list[int], doomed: Mask) -> columns.Written:
        """A file with these columns of the group, without the doomed rows, or with their fields emptied."""
        chunks = [footers.chunks(group)[leaf] for leaf in part]
        encodings = [columns.encoding_of(chunk, self._leaves[leaf]) for chunk, leaf in zip(chunks, part, strict=True)]
        tables = self._changed(self._read(number, group, part), doomed, self._leaves[part[0]].field)
        pages = self._pages_of(chunks[0], part[0])
        try:
            return columns.written(pa.concat_tables(tables), encodings, pages)
        except pa.ArrowException:
            raise other_types() from None

    def _read(self, number: int, group: Struct, part: list[int]) -> Iterator[pa.Table]:
        """The columns as a whole, or in batches where they would take too much memory."""
        rows = group[footers.GROUP_ROWS][1]
        row_size = max(self._unfolded_size(number, part), sum(_size(group, leaf) for leaf in part) // max(rows, 1))
        if row_size * rows > _MOST:
            raise Unreadable(
                Problem.LIMIT, f"a field of a row group of a Parquet file needs more than {_MOST >> 20} MiB of memory"
            )
        if row_size * rows <= limits.BATCH * _AT_ONCE:
            yield self._folding.read_row_group(number, column_indices=part, use_threads=False)
            return
        # Arrow cannot join the dictionaries of batches.
        self._unfolded = self._unfolded or self._opened([])
        for batch in self._unfolded.iter_batches(
            rows_a_batch(row_size), row_groups=[number], column_indices=part, use_threads=False
        ):
            limits.check_batch(batch.nbytes)
            yield pa.Table.from_batches([batch])

    def _unfolded_size(self, number: int, part: list[int]) -> int:
        """Bytes of a row of columns whose dictionaries may unfold beyond what the footer says: some rows are tried."""
        tried = [leaf for leaf in part if leaf in self._unfolding]
        if not tried:
            return 0
        batches = self._folding.iter_batches(_PROBED, row_groups=[number], column_indices=tried, use_threads=False)
        first = next(iter(batches), None)
        return first.nbytes // first.num_rows if first is not None and first.num_rows else 0

    def _changed(self, tables: Iterator[pa.Table], doomed: Mask, field: int) -> Iterator[pa.Table]:
        seen = 0
        for table in tables:
            mask = doomed[seen : seen + table.num_rows]
            seen += table.num_rows
            yield columns.without(table, mask) if self._change.is_erasure else self._minimised(table, mask, field)
        if seen != len(doomed):
            raise Unreadable(Problem.BROKEN, "a row group of a Parquet file has other rows than its footer says")

    def _minimised(self, table: pa.Table, mask: Mask, field: int) -> pa.Table:
        about = table.schema.field(0)
        pieces, seen = [], 0
        for chunk in table.column(0).chunks:
            piece = chunk
            for path in self._emptied[field]:
                there = mask[seen : seen + len(chunk)]
                piece = emptied(piece, there, path, self._named, nullable=about.nullable)
            pieces.append(piece)
            seen += len(chunk)
        return pa.table([pa.chunked_array(pieces, type=about.type)], schema=table.schema)

    def _named(self, name: str) -> str:
        """The file's name of an element; Arrow knows it by its place."""
        return self._names[int(name[1:])] if name[1:].isdecimal() else name


def _size(group: Struct, leaf: int) -> int:
    size: int = footers.meta(footers.chunks(group)[leaf])[footers.UNCOMPRESSED][1]
    return size


def other_types() -> Refused:
    """The refusal of what Arrow would write in another way."""
    return Refused(
        "a Parquet file has types of nested fields that cannot be written as they are",
        rule="a rewrite keeps what stays",
        next_step="have the file written anew by its producer, without the rows",
    )
