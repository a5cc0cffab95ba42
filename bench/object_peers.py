"""Ways to write a file without the rows of given keys: ours, and those of others."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from winddown.stores.objects import formats
from winddown.stores.objects.formats.change import Change

Keys = npt.NDArray[np.int64]
_AT_ONCE = 1_000_000


def _rows(form: str, path: Path, keys: Keys, field: str) -> Keys:
    """The numbers of rows with these keys."""
    wanted = pa.array(keys)
    pending: list[pa.Array] = []
    found: list[Keys] = []
    start = size = 0

    def settle() -> None:
        nonlocal start, size
        column = pa.chunked_array(pending, type=wanted.type)
        found.append(np.flatnonzero(pc.is_in(column, value_set=wanted).to_numpy()) + start)
        start, size = start + size, 0
        pending.clear()

    with path.open("rb") as source:
        for batch in formats.read(form, source, fields=[field]):
            pending.append(batch.column(field).cast(wanted.type))
            size += batch.num_rows
            if size >= _AT_ONCE:
                settle()
    settle()
    return np.concatenate(found)


def ours(path: Path, keys: Keys, target: Path) -> None:
    """Find the rows by their key's column, then rewrite."""
    rows = _rows("parquet", path, keys, "customer_id")
    with path.open("rb") as source, target.open("wb") as sink:
        formats.rewrite("parquet", source, sink, Change(rows))


def pyarrow(path: Path, keys: Keys, target: Path) -> None:
    """Row group by row group, with Arrow's own filter."""
    file = pq.ParquetFile(path)
    wanted = pa.array(keys)
    with pq.ParquetWriter(target, file.schema_arrow, compression="snappy") as writer:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            writer.write_table(table.filter(pc.invert(pc.is_in(table["customer_id"], value_set=wanted))))


def polars(path: Path, keys: Keys, target: Path) -> None:
    """Its streaming engine."""
    import polars as pl  # noqa: PLC0415 - loaded before the clock starts

    wanted = pl.Series(keys)
    lazy = pl.scan_parquet(path).filter(~pl.col("customer_id").is_in(wanted.implode()))
    lazy.sink_parquet(target, compression="snappy")


def duckdb(path: Path, keys: Keys, target: Path) -> None:
    """An anti join into COPY."""
    import duckdb as db  # noqa: PLC0415 - loaded before the clock starts

    connection = db.connect(config={"threads": 1})
    connection.register("wanted", pa.table({"customer_id": keys}))
    connection.execute(
        f"COPY (SELECT * FROM '{path}' ANTI JOIN wanted USING (customer_id)) TO '{target}' "
        "(FORMAT parquet, COMPRESSION snappy)"
    )


def find_lines(path: Path, keys: Keys, target: Path) -> None:
    """Our first half: which lines."""
    np.save(target.with_suffix(".npy"), _rows("jsonl.gz", path, keys, "id"))


def write_lines(path: Path, keys: Keys, target: Path) -> None:  # noqa: ARG001 - the lines were found by their keys
    """Our second half."""
    rows = np.load(target.with_suffix(".npy"))
    with path.open("rb") as source, target.open("wb") as sink:
        formats.rewrite("jsonl.gz", source, sink, Change(rows))


def s3f2(path: Path, keys: Keys, target: Path) -> None:
    """Its handler, which takes and gives whole files."""
    import parquet_handler  # noqa: PLC0415 - of the checkout

    column = {"Column": "customer_id", "MatchIds": set(keys.tolist()), "Type": "Simple"}
    out, _ = parquet_handler.delete_matches_from_parquet_file(io.BytesIO(path.read_bytes()), [column])
    target.write_bytes(out.getvalue())


def s3f2_lines(path: Path, keys: Keys, target: Path) -> None:
    """Its handler; it is given the file unpacked, as its task does."""
    import gzip  # noqa: PLC0415

    import json_handler  # noqa: PLC0415 - of the checkout

    column = {"Column": "id", "MatchIds": set(keys.tolist()), "Type": "Simple"}
    with gzip.open(path) as source:
        out, _ = json_handler.delete_matches_from_json_file(source, [column], compressed=True)
    target.write_bytes(out.getvalue())


METHODS: dict[str, Callable[[Path, Keys, Path], None]] = {
    found.__name__: found for found in (ours, pyarrow, polars, duckdb, find_lines, write_lines, s3f2, s3f2_lines)
}
_LIBRARIES = {"polars": "polars", "duckdb": "duckdb", "s3f2": "parquet_handler", "s3f2_lines": "json_handler"}


def load(method: str, folder: str) -> None:
    """Load what a method needs, before the clock starts."""
    if folder:
        tasks = Path(folder, "backend")
        sys.path += [str(tasks / "ecs_tasks/delete_files"), str(tasks / "lambda_layers/boto_utils/python")]
    if method != "write_lines":
        pa.array([])  # Arrow loads pandas when it is first given a list, which is no part of the work
    if method in _LIBRARIES:
        __import__(_LIBRARIES[method])
