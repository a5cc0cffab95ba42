"""A fingerprint of the rows of a table that does not depend on batches, files, compression or integer widths.

Whoever opens an archive computes it from the rows alone; equal to the sender's, it is the acknowledgement of receipt.
Each column is three byte streams over all rows in order, each hashed with SHA-256:

* ``validity``: one byte a row, 1 for a value, 0 for null;
* ``lengths``: for text, bytes and lists, one signed 64-bit little-endian integer a row, 0 for null;
* ``data``: the values, null as zeros or nothing::

    int, date, time, timestamp   64-bit little-endian integers (uint64 unsigned; dates in days, times in microseconds,
                                 nanoseconds where the type has them; a time zone changes the label, not the value)
    bool                         64-bit little-endian integers 0 and 1
    float                        64-bit little-endian IEEE 754, every NaN as 0x7ff8000000000000
    decimal                      unscaled value as 128-bit little-endian two's complement; the scale is in the label
    text, bytes                  UTF-8 or the bytes themselves, one after the other
    list, struct                 no data; ``children`` hold the values below, a null parent having none or null below

A column is ``{"name", "type", "validity", "lengths", "data", "children"}`` with the digests in hex; the fingerprint is
SHA-256 over the RFC 8785 form of ``{"form": "winddown content 1", "rows": n, "columns": [...]}``.

It is computed over personal data without a salt: a ledger commits to it with a salt, and never shows it plain.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from winddown.domain.canonical import digest
from winddown.domain.errors import Refused


def content_digest(batches: Iterable[pa.RecordBatch]) -> str:
    """Return the fingerprint of all rows of the batches, 64 hex digits.

    >>> one = pa.record_batch({"n": pa.array([1, None], pa.int32())})
    >>> content_digest([one.slice(0, 1), one.slice(1)]) == content_digest([one])
    True
    """
    content: ContentDigest | None = None
    for batch in batches:
        content = content or ContentDigest(batch.schema)
        content.update(batch)
    if content is None:
        raise Refused("no batch, so there is nothing to fingerprint")
    return content.hexdigest()


class ContentDigest:
    """The fingerprint while rows stream by. Maps, unions, durations and decimals over 38 digits are ``Refused``."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns = [_Column(field) for field in schema]
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch; ``Refused`` when its fields differ from the first batch's."""
        if not batch.schema.equals(self._schema):
            raise Refused("the batches of one table have different fields", next_step="read them with one schema")
        self.rows += batch.num_rows
        for column, array in zip(self._columns, batch.columns, strict=True):
            column.update(array)

    def hexdigest(self) -> str:
        """Return the fingerprint of the rows so far."""
        columns = [column.document() for column in self._columns]
        return digest({"form": "winddown content 1", "rows": self.rows, "columns": columns})


class _Column:
    def __init__(self, field: Any) -> None:
        self._name = field.name
        self._label, self._as, children = _canonical_type(field.type)
        self._validity, self._lengths, self._data = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._children = [_Column(child) for child in children]

    def update(self, array: Any) -> None:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        self._validity.update(_bytes(pc.is_valid(array).cast(pa.uint8()), "u1"))
        if self._label == "struct":
            # flatten() carries a null parent down to its fields.
            for child, values in zip(self._children, array.flatten(), strict=True):
                child.update(values)
        elif self._label == "list":
            self._lengths.update(_bytes(pc.fill_null(pc.list_value_length(array).cast(pa.int64()), 0), "<i8"))
            self._children[0].update(array.flatten())
        elif self._label in {"text", "bytes"}:
            array = array.cast(self._as)
            self._lengths.update(_bytes(pc.fill_null(pc.binary_length(array).cast(pa.int64()), 0), "<i8"))
            self._data.update(_payload(array.drop_null()))
        elif self._label.startswith("decimal"):
            wide = pc.fill_null(array.cast(self._as), pa.scalar(0, pa.int8()).cast(self._as))
            self._data.update(wide.buffers()[1].slice(wide.offset * 16, len(wide) * 16) if len(wide) else b"")
        elif self._label == "float":
            wide = _filled(array.cast(self._as)).to_numpy(zero_copy_only=False).astype("<f8")
            self._data.update(np.where(np.isnan(wide), np.nan, wide).astype("<f8").tobytes())
        elif self._label != "null":
            number = "<u8" if self._label == "uint64" else "<i8"
            self._data.update(_bytes(_filled(_as_integers(array.cast(self._as))), number))

    def document(self) -> dict[str, Any]:
        return {
            "name": self._name,
            "type": self._label,
            "validity": self._validity.hexdigest(),
            "lengths": self._lengths.hexdigest(),
            "data": self._data.hexdigest(),
            "children": [child.document() for child in self._children],
        }


def _canonical_type(kind: Any) -> tuple[str, Any, list[Any]]:  # noqa: C901, PLR0911, PLR0912 - a table
    """Return label, the type to cast to, and the fields below."""
    is_ = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _canonical_type(kind.storage_type)
    if is_.is_dictionary(kind):
        return _canonical_type(kind.value_type)
    if is_.is_null(kind):
        return "null", kind, []
    if is_.is_boolean(kind):
        return "bool", pa.uint8(), []
    if is_.is_uint64(kind):
        return "uint64", kind, []
    if is_.is_integer(kind):
        return "int", pa.int64(), []
    if is_.is_floating(kind):
        return "float", pa.float64(), []
    if is_.is_decimal(kind) and not is_.is_decimal256(kind):
        return f"decimal({kind.scale})", pa.decimal128(38, kind.scale), []
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return "text", pa.large_string(), []
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind) or is_.is_binary_view(kind):
        return "bytes", pa.large_binary(), []
    if is_.is_date(kind):
        return "date", pa.date32(), []
    if is_.is_timestamp(kind):
        unit = "ns" if kind.unit == "ns" else "us"
        return f"timestamp({unit}, {'utc' if kind.tz else 'local'})", pa.timestamp(unit, kind.tz), []
    if is_.is_time(kind):
        unit = "ns" if kind.unit == "ns" else "us"
        return f"time({unit})", pa.time64(unit), []
    if is_.is_struct(kind):
        return "struct", kind, [kind.field(position) for position in range(kind.num_fields)]
    if is_.is_list(kind) or is_.is_large_list(kind):
        # Writers disagree on what the values of a list are called (item, element), so the name is not part of it.
        return "list", kind, [pa.field("item", kind.value_type)]
    raise Refused(f"a column of type {kind} has no canonical form", next_step="turn it into text or numbers first")


def _as_integers(array: Any) -> Any:
    # Arrow casts dates to 32 and times to 64 bits only; the integer behind each then fits the common width.
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    return array if pa.types.is_uint64(array.type) else array.cast(pa.int64())


def _filled(array: Any) -> Any:
    return pc.fill_null(array, pa.scalar(0, array.type))


def _bytes(array: Any, number: str) -> bytes:
    return bytes(array.to_numpy(zero_copy_only=False).astype(number).tobytes())


def _payload(array: Any) -> Any:
    _, offsets, data = array.buffers()
    if not len(array) or data is None:
        return b""
    ends = np.frombuffer(offsets, dtype="<i8")[[array.offset, array.offset + len(array)]]
    return data.slice(int(ends[0]), int(ends[1] - ends[0]))
