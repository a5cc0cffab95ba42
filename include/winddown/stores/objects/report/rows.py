"""Reads one file of an S3 Inventory report, in any of its three formats, as rows of one schema.

CSV has no header, keys are URL-encoded and empty values are empty strings; ORC and Parquet have keys as they are, and
nulls. A version that was written before the bucket kept versions has no id here, and the id ``null`` in listings. ETags
come without the quotes that listings have.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from winddown.stores.objects.formats import orc, parquet
from winddown.stores.objects.formats.columnar import translated
from winddown.stores.objects.formats.packed import GZIP, Unpacking
from winddown.stores.objects.report.manifest import NEEDED, Manifest, unusable

# In the order of Version's fields.
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("version_id", pa.string()),
        ("etag", pa.string()),
        ("size", pa.int64()),
        ("is_latest", pa.bool_()),
        ("is_marker", pa.bool_()),
        ("storage_class", pa.string()),
    ]
)
_CLASS = "storage_class"
_REPAIR = "have another one made, or take the option `inventory` out of the case file"
_READERS = {"ORC": orc.read, "Parquet": parquet.read}


def read_rows(manifest: Manifest, source: BinaryIO, *, bucket: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file; raises Refused for what is no report of this bucket. Memory: a batch, or a stripe."""
    wanted = [name for name in manifest.columns if name in {*NEEDED, _CLASS}]
    if manifest.form == "CSV":
        batches = _csv(manifest.columns, source, wanted)
    else:
        batches = _READERS[manifest.form](source, fields=wanted)
    with translated(source, "an inventory report"):
        for batch in batches:
            yield _checked(batch, bucket, is_encoded=manifest.form == "CSV")


def _csv(columns: tuple[str, ...], source: BinaryIO, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    unpacked = pa.PythonFile(cast("BinaryIO", Unpacking(source, GZIP)), mode="r")
    with translated(source, "CSV in gzip"):
        yield from csv.open_csv(
            unpacked,
            read_options=csv.ReadOptions(use_threads=False, column_names=columns),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, strings_can_be_null=False
            ),
        )


def _checked(batch: pa.RecordBatch, bucket: str, *, is_encoded: bool) -> pa.RecordBatch:
    lacking = sorted(NEEDED.difference(batch.schema.names))
    if lacking:
        raise unusable(f"has no column {', '.join(lacking)} in a file", _REPAIR)
    if not _all(pc.equal(batch.column("bucket"), bucket)):
        raise unusable("names another bucket in a row", "give the report of this store's bucket")
    is_latest, is_marker = (_flags(batch.column(name)) for name in ("is_latest", "is_delete_marker"))
    size = _numbers(batch.column("size"))
    if not _all(pc.not_equal(batch.column("key"), "")) or is_latest.null_count or is_marker.null_count:
        raise unusable("has a row without a key, or without the flags of its version", _REPAIR)
    if not _all(pc.or_(is_marker, pc.fill_null(pc.greater_equal(size, 0), False))):
        raise unusable("has a row without a size", _REPAIR)
    keys = batch.column("key")
    etags = pc.fill_null(batch.column("e_tag"), "")
    version_ids = pc.fill_null(batch.column("version_id"), "")
    columns = [
        _decoded(keys) if is_encoded else keys,
        pc.if_else(pc.equal(version_ids, ""), "null", version_ids),
        pc.if_else(pc.or_(is_marker, pc.equal(etags, "")), "", _quoted(etags)),
        pc.fill_null(pc.if_else(is_marker, 0, size), 0),
        is_latest,
        is_marker,
        # What is not in the report stays unsaid.
        pc.fill_null(batch.column(_CLASS), "") if _CLASS in batch.schema.names else pa.array([""] * batch.num_rows),
    ]
    return pa.RecordBatch.from_arrays(
        [column.cast(kind.type) for column, kind in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def _all(flags: Any) -> bool:
    return bool(pc.all(pc.fill_null(flags, False)).as_py()) if len(flags) else True


def _flags(column: Any) -> Any:
    if not pa.types.is_string(column.type):
        return column
    words = pc.utf8_lower(column)
    if not _all(pc.is_in(words, pa.array(["true", "false"]))):
        raise unusable("has a flag that is neither true nor false", _REPAIR)
    return pc.equal(words, "true")


def _numbers(column: Any) -> Any:
    if not pa.types.is_string(column.type):
        return column
    return pc.cast(pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column), pa.int64())


def _quoted(etags: Any) -> Any:
    bare = pc.utf8_trim(etags, '"')
    return pc.binary_join_element_wise('"', bare, '"', "")


def _decoded(keys: Any) -> Any:
    try:
        return pa.array([unquote_plus(key, errors="strict") for key in keys.to_pylist()], pa.string())
    except UnicodeDecodeError:
        raise unusable("has a key that is not UTF-8", _REPAIR) from None
