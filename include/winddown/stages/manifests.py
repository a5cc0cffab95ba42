"""Encrypted manifests: the keys of a selection, the subjects of a hold, the probes of a residual search.

A manifest is one Arrow table in one encrypted container in the case's workspace. Whatever names a person leaves a
store only in here. A manifest is written once; the digest in the plan says which one was meant.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from winddown.archive.container import open_container, seal
from winddown.domain.batch import CONTENT_HELD, Batch, KeysHash, keys_digest, spelled, stretches
from winddown.domain.errors import Refused
from winddown.domain.plan import Order
from winddown.domain.selection import Selection
from winddown.stages.deployment import Deployment


def write_manifest(deployment: Deployment, case_id: str, name: str, table: pa.Table) -> None:
    """Write a table as an encrypted manifest, replacing one of the same name."""
    _write(deployment, case_id, name, table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)])


def _write(deployment: Deployment, case_id: str, name: str, pieces: Iterable[pa.RecordBatch]) -> None:
    seal(
        _streamed(pieces),
        deployment.folder(case_id, "manifests") / f"{name}.sealed",
        key=deployment.keys(case_id).container_key(),
        context=f"manifest/{case_id}/{name}",
        replace=True,
    )


def _streamed(pieces: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The bytes of an Arrow stream, a piece at a time; nothing for no piece."""
    sink, stream = io.BytesIO(), None
    for piece in pieces:
        stream = stream or pa.ipc.new_stream(sink, piece.schema)
        stream.write_batch(piece)
        yield sink.getvalue()
        sink.seek(0)
        sink.truncate()
    if stream is not None:
        stream.close()
    yield sink.getvalue()


def read_manifest(deployment: Deployment, case_id: str, name: str) -> pa.Table:
    """Read a manifest; raises Refused when it is missing or was changed."""
    with closing(_opened(deployment, case_id, name)) as file, pa.ipc.open_stream(file) as stream:
        return stream.read_all()


def _opened(deployment: Deployment, case_id: str, name: str) -> io.BufferedReader:
    pieces = open_container(
        deployment.folder(case_id, "manifests") / f"{name}.sealed",
        key=deployment.keys(case_id).container_key(),
        context=f"manifest/{case_id}/{name}",
    )
    return io.BufferedReader(_Pieces(pieces))


class _Pieces(io.RawIOBase):
    """A file to be read once, of the pieces that a container yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer as far as the piece at hand goes; 0 at the end."""
        while not self._piece:
            following = next(self._pieces, None)
            if following is None:
                return 0
            self._piece = memoryview(following)
        count = min(len(buffer), len(self._piece))
        buffer[:count], self._piece = self._piece[:count], self._piece[count:]
        return count


def plain(records: pl.DataFrame) -> pa.Table:
    """Polars hands out large strings; keys are plain ones, so that digests do not depend on the reader.

    Contents come as ``CONTENT_HELD``. Column by column, so that no more than one is there twice.
    """
    columns = {name: records.get_column(name).to_arrow() for name in records.columns}
    return pa.table({name: _plain(column) for name, column in columns.items()})


def _plain(column: "pa.Array[Any]") -> "pa.Array[Any]":
    if pa.types.is_fixed_size_list(column.type):
        # A part of a column has the buffer of the whole.
        values = column.flatten()
        offset = values.offset // CONTENT_HELD.byte_width
        return pa.Array.from_buffers(CONTENT_HELD, len(column), [None, values.buffers()[1]], offset=offset)
    is_text = pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type)
    return column.cast(pa.string()) if is_text else column


def split(keys: Iterable[pa.Table], *, salt: bytes = b"") -> Iterator[Batch]:
    """Cut keys into their batches, by their column ``batch``, in whose order they come."""
    held: list[pa.Table] = []
    index = 0
    for piece in keys:
        rows = piece.drop_columns(["batch"])
        for number, begin, end in stretches(piece.column("batch")):
            if held and number != index:
                yield _batch(index, held, salt)
                held = []
            index = number
            held.append(rows.slice(begin, end - begin))
    if held:
        yield _batch(index, held, salt)


def _batch(index: int, parts: Sequence[pa.Table], salt: bytes) -> Batch:
    keys = spelled(pa.concat_tables(parts))
    return Batch(index=index, digest=keys_digest(keys, salt=salt), keys=keys)


def select(deployment: Deployment, case_id: str, name: str, keys: Iterable[pa.Table]) -> Selection:
    """Write the keys of a selection as a manifest and return the selection, its digests salted with the case's key.

    Each batch is a piece of the manifest, so that whoever writes it or carries it out holds one batch at a time in
    memory. Raises Refused when there is nothing to select.
    """
    salt = deployment.keys(case_id).salt()
    digests: list[str] = []
    everything = KeysHash(salt)
    count = 0

    def pieces() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in split(keys, salt=salt):
            assert batch.index == len(digests)  # noqa: S101 - stores number from 0, without gaps
            digests.append(batch.digest)
            numbers = np.full(batch.keys.num_rows, batch.index, np.int32)
            everything.update(batch.keys.append_column("batch", pa.array(numbers)))
            count += batch.records
            yield _piece(batch)

    _write(deployment, case_id, name, pieces())
    return Selection(name, digest=everything.hexdigest(), count=count, batch_digests=tuple(digests))


def batches(deployment: Deployment, case_id: str, order: Order) -> Iterator[Batch]:
    """Yield the approved batches of an order, one at a time in memory.

    Raises Refused at a batch that is not the approved one, or at the end when one is missing.
    """
    salt = deployment.keys(case_id).salt()
    approved = order.selection.batch_digests
    count = 0
    with closing(_opened(deployment, case_id, order.selection.manifest)) as file, pa.ipc.open_stream(file) as stream:
        for index, piece in enumerate(stream):
            keys = pa.Table.from_batches([piece])
            batch = Batch(index=index, digest=keys_digest(keys, salt=salt), keys=keys)
            if index >= len(approved) or approved[index] != batch.digest:
                raise _another(order)
            count += 1
            yield batch
    if count != len(approved):
        raise _another(order)


def _piece(batch: Batch) -> pa.RecordBatch:
    (piece,) = batch.keys.combine_chunks().to_batches()
    return piece


def _another(order: Order) -> Refused:
    return Refused(
        f"the manifest of order {order.id} is not the approved one",
        rule="approval binds the digest",
        next_step="restore the manifest, or plan the wave again",
    )
