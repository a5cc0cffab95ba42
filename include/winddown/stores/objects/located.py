"""Names rows of files by object, version and number, and gives every file of a collection the same fields."""

from collections.abc import Mapping

import pyarrow as pa

from winddown.stores.objects.formats.text import as_text
from winddown.stores.objects.gathering import place_of

OBJECT, VERSION, ROW = LOCATORS = ("winddown_object", "winddown_version", "winddown_row")

# An opaque object is one row, of which no field is asked for.
WHOLE = pa.RecordBatch.from_arrays([pa.nulls(1)], names=["object"])


Stated = Mapping[str, str | None]
"""Values that are the same in every row of a file, and stand outside of it: in its path, or in a table's log."""


def located(
    named: tuple[str, str], start: int, batch: pa.RecordBatch, fields: list[str], stated: Stated | None = None
) -> pa.RecordBatch:
    """Fields as text behind the locators; ``named`` is the object and its version, ``start`` its first row's number."""
    key, version = named
    count = batch.num_rows
    found = as_text(select(key, batch, fields, stated))
    arrays = [
        pa.repeat(pa.scalar(key), count),
        pa.repeat(pa.scalar(version), count),
        pa.array(range(start, start + count), type=pa.int64()),
        *(found.column(name) for name in fields),
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[*LOCATORS, *fields])


def select(key: str, batch: pa.RecordBatch, fields: list[str], stated: Stated | None = None) -> pa.RecordBatch:
    """Take fields by name; one that the file does not have is what is ``stated``, by default in its path, or null."""
    names = set(batch.schema.names)
    outside = dict(place_of(key).partitions) if stated is None else stated
    columns = [
        batch.column(name)
        if name in names
        else pa.repeat(pa.scalar(outside.get(name), type=pa.string()), batch.num_rows)
        for name in fields
    ]
    return pa.RecordBatch.from_arrays(columns, names=fields)
