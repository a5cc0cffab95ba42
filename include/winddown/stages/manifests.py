"""Encrypted manifests: the keys of a selection, the subjects of a hold, the probes of a residual search.

A manifest is one Arrow table in one encrypted container in the case's workspace. Whatever names a person leaves a
store only in here. A manifest is written once; the digest in the plan says which one was meant.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from winddown.archive.container import open_container, seal
from winddown.domain.batch import CONTENT_HELD, Batch, keys_digest, spelled
from winddown.domain.errors import Refused
from winddown.domain.plan import Order
from winddown.domain.selection import Selection
from winddown.stages.deployment import Deployment


def write_manifest(deployment: Deployment, case_id: str, name: str, table: pa.Table) -> None:
    """Write a table as an encrypted manifest, replacing one of the same name."""
    _write(deployment, case_id, name, table.schema, table.to_batches())


def _write(
    deployment: Deployment, case_id: str, name: str, schema: pa.Schema, pieces: Iterable[pa.RecordBatch]
) -> None:
    seal(
        _streamed(schema, pieces),
        deployment.folder(case_id, "manifests") / f"{name}.sealed",
        key=deployment.keys(case_id).container_key(),
        context=f"manifest/{case_id}/{name}",
        replace=True,
    )


def _streamed(schema: pa.Schema, pieces: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The bytes of an Arrow stream, a piece at a time."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as stream:
        for piece in pieces:
            stream.write_batch(piece)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
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


def split(keys: pa.Table, *, salt: bytes = b"") -> Iterator[Batch]:
    """Cut a table of keys into its batches, by its column ``batch``; keys in the order of batches are not copied."""
    numbers = keys.column("batch").to_numpy()
    if (numbers[1:] < numbers[:-1]).any():
        keys = keys.take(np.argsort(numbers, kind="stable"))
        numbers = keys.column("batch").to_numpy()
    rows = keys.drop_columns(["batch"])
    begins = [0, *(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)] if len(numbers) else []
    for begin, end in zip(begins, [*begins[1:], len(numbers)], strict=True):
        part = spelled(rows.slice(int(begin), int(end - begin)))
        yield Batch(index=int(numbers[begin]), digest=keys_digest(part, salt=salt), keys=part)


def select(deployment: Deployment, case_id: str, name: str, keys: pa.Table) -> Selection:
    """Write the keys of a selection as a manifest and return the selection, its digests salted with the case's key.

    Each batch is a piece of the manifest, so that whoever carries it out holds one batch at a time in memory.
    """
    salt = deployment.keys(case_id).salt()
    digests: list[str] = []
    count = 0

    def pieces() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in split(keys, salt=salt):
            assert batch.index == len(digests)  # noqa: S101 - stores number from 0, without gaps
            digests.append(batch.digest)
            count += batch.records
            yield _piece(batch)

    _write(deployment, case_id, name, spelled(keys.slice(0, 0)).drop_columns(["batch"]).schema, pieces())
    return Selection(name, digest=keys_digest(keys, salt=salt), count=count, batch_digests=tuple(digests))


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
