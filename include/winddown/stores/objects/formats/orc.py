"""Apache ORC: columns in stripes, magic ``ORC`` at the beginning and before the last byte
(https://orc.apache.org/specification/ORCv1/). Read, and written anew, a stripe at a time.

A rewrite keeps types, user metadata, codec, sizes of compressed blocks and the stride of row indexes, all of which are
made anew; bloom filters are dropped, and stripes may end elsewhere.
"""  # noqa: D205 - the address is part of the sentence

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import orc

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.change import Change, Mask, Outcome
from winddown.stores.objects.formats.columnar import opened, rows_a_batch, translated
from winddown.stores.objects.formats.emptied import emptied
from winddown.stores.objects.formats.ends import Ends
from winddown.stores.objects.formats.json_edit import paths_of
from winddown.stores.objects.formats.orc_footer import End, merged, parsed_end, read_end
from winddown.stores.objects.formats.problem import Problem, Unreadable

ID = "orc"
_MAGIC = b"ORC"
_CODECS = frozenset({"UNCOMPRESSED", "ZLIB", "SNAPPY", "ZSTD"})
_DICTIONARY = 0.8  # Hive's share of distinct values up to which text gets a dictionary
_FOOTER = 1 << 22


def recognise(ends: Ends) -> bool:
    """ORC's magic at both ends."""
    return ends.head.startswith(_MAGIC) and ends.tail[:-1].endswith(_MAGIC)


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield all rows in the file's types, only ``fields`` when given; memory is bounded by a stripe."""
    with translated(source, "ORC"):
        file = orc.ORCFile(opened(source))
        names = list(file.schema.names)
        limits.check_names(names)
        wanted = None if fields is None else [name for name in names if name in set(fields)]
        for number in range(file.nstripes):
            stripe = file.read_stripe(number, columns=wanted)
            size = rows_a_batch(stripe.nbytes // max(stripe.num_rows, 1))
            for start in range(0, stripe.num_rows, size):
                yield stripe.slice(start, size)


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """See ``formats.rewrite``; memory is bounded by a stripe.

    Raises Refused for codecs and types that Arrow does not write, and for encrypted columns.
    """
    old = read_end(source)
    with translated(source, "ORC"):
        file = orc.ORCFile(opened(source))
        if old.is_encrypted or file.compression not in _CODECS:
            raise _only_read()
        if old.largest_stripe > limits.PART:
            raise Unreadable(Problem.LIMIT, f"a stripe of an ORC file is longer than {limits.PART >> 20} MiB")
        held = _Held(sink)
        rows = done = 0
        with orc.ORCWriter(
            held,
            compression=file.compression,
            compression_block_size=file.compression_size,
            row_index_stride=file.row_index_stride,
            dictionary_key_size_threshold=_DICTIONARY,
        ) as writer:
            for number in range(file.nstripes):
                stripe = pa.Table.from_batches([file.read_stripe(number)])
                mask = change.mask(rows, stripe.num_rows)
                rows, done = rows + stripe.num_rows, done + int(mask.sum())
                changed = stripe.filter(pa.array(~mask)) if change.is_erasure else _minimised(stripe, mask, change)
                _write(writer, changed)
            if not file.nstripes or done == rows:
                _write(writer, file.schema.empty_table())
    new = held.end()
    if new.types != old.types:
        raise _only_read()
    held.finish(merged(old, new), new.size)
    return Outcome(rows, erased=done) if change.is_erasure else Outcome(rows, minimised=done)


def _write(writer: orc.ORCWriter, table: pa.Table) -> None:
    try:
        writer.write(table)
    except (pa.ArrowException, NotImplementedError):
        raise _only_read() from None


def _minimised(stripe: pa.Table, mask: Mask, change: Change) -> pa.Table:
    for path in paths_of(change.fields):
        index = stripe.schema.get_field_index(path[0])
        if index >= 0:
            column = emptied(stripe.column(index).combine_chunks(), mask, path[1:], str)
            stripe = stripe.set_column(index, stripe.schema.field(index), column)
    return stripe


class _Held(io.RawIOBase):
    """Passes on what is written but for the last bytes, which hold a footer that is not the final one."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._last = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._last += data
        if len(self._last) > 2 * _FOOTER:
            self._sink.write(bytes(self._last[:-_FOOTER]))
            del self._last[:-_FOOTER]
        return len(data)

    def end(self) -> End:
        """The footer that was written; raises Unreadable where it is longer than what is held."""
        end = parsed_end(bytes(self._last))
        if end.size > len(self._last):
            raise Unreadable(Problem.LIMIT, f"the footer of an ORC file is longer than {_FOOTER >> 20} MiB")
        return end

    def finish(self, end: bytes, size: int) -> None:
        """Pass on the rest, with another end in place of the last ``size`` bytes."""
        self._sink.write(bytes(self._last[:-size]) + end)


def _only_read() -> Refused:
    return Refused(
        "an ORC file has a codec, types or encrypted columns that are only read",
        rule="a rewrite keeps what stays",
        next_step="have its producer write it anew without the rows, or delete the whole file",
    )


def describe(source: BinaryIO) -> tuple[pa.Schema, int]:
    """Schema and number of rows, from the footer alone."""
    with translated(source, "ORC"):
        file = orc.ORCFile(opened(source))
        limits.check_names(list(file.schema.names))
        return file.schema, file.nrows
