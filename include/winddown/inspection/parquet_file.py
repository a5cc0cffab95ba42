"""Parquet files, one row group after another: their rows by DuckDB, and every value that is in their pages by Arrow."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from winddown.domain.errors import Refused
from winddown.inspection.lent import LentFile, to_arrow

if TYPE_CHECKING:
    import duckdb

_ROWS = 128
# Nothing goes to a disk in clear, no extension is fetched, and nothing is read ahead: reads of several threads would
# meet at the one place of the file.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "async_threads": 0,
    "read_ahead_depth": 0,
    "enable_external_file_cache": False,
    "temp_directory": "",
    "autoinstall_known_extensions": False,
}


def rows(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the rows of a seekable file in their order; memory for one row group as it is packed, and some rows.

    Raises:
        Refused: DuckDB cannot read it. What it says is left out, because it may name values.
    """
    import duckdb  # noqa: PLC0415 - 12 MiB, which who searches bytes need not have

    names = pq.ParquetFile(to_arrow(file)).schema_arrow.names
    engine, files = _engine(os.getpid())
    try:
        with files.lent(file) as path, engine.cursor() as connection:
            connection.execute("SET max_streaming_buffer_size = '1MB'")
            for batch in connection.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_reader(_ROWS):
                # DuckDB renames what differs from another name by its case alone.
                found = cast("pl.DataFrame", pl.from_arrow(batch.rename_columns(names)))
                yield from found.iter_rows(named=True)
    except duckdb.Error:
        raise Refused(
            "the inspector cannot read a Parquet file", next_step="look at what wrote its newest version"
        ) from None


def values(file: BinaryIO) -> Iterator[bytes]:
    """Yield every value, those included that no row uses any more and that stand in a dictionary page only.

    Raises:
        ArrowException, OSError: a damaged file; what came before was yielded.
    """
    schema = pq.ParquetFile(to_arrow(file)).schema
    leaves = [schema.column(number).path for number in range(len(schema))]
    # Read as dictionaries: so what is in their pages shows. Group by group, because Arrow cannot join the dictionaries
    # of several groups inside nested columns; field by field, to hold as little as may be.
    opened = pq.ParquetFile(to_arrow(file), read_dictionary=leaves)
    for group in range(opened.num_row_groups):
        for name in opened.schema_arrow.names:
            for column in opened.read_row_group(group, columns=[name], use_threads=False).columns:
                for chunk in column.chunks:
                    for leaf in _leaves(chunk):
                        for start in range(0, len(leaf), _ROWS):
                            yield b"\n".join(_bytes(value) for value in leaf.slice(start, _ROWS).to_pylist())


def _leaves(found: pa.Array) -> Iterator[pa.Array]:
    """The values inside structs, lists and maps; of dictionaries, all that is in them."""
    if pa.types.is_dictionary(found.type):
        yield found.dictionary
    elif pa.types.is_struct(found.type):
        for number in range(found.type.num_fields):
            yield from _leaves(found.field(number))
    elif pa.types.is_map(found.type):
        yield from _leaves(found.keys)
        yield from _leaves(found.items)
    elif pa.types.is_nested(found.type):
        yield from _leaves(found.values)
    else:
        yield found


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


class _LentFiles(AbstractFileSystem):
    """A file system of files that are open already, for DuckDB."""

    protocol = "winddown"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._numbers, self._files = count(), dict[str, BinaryIO]()

    @contextmanager
    def lent(self, file: BinaryIO) -> Iterator[str]:
        """Give a file a path of its own for a while."""
        path = f"{self.protocol}://{next(self._numbers)}"
        self._files[path] = file
        try:
            yield path
        finally:
            del self._files[path]

    def open(self, path: str, mode: str = "rb", **_: Any) -> LentFile:  # noqa: ARG002 - all are read only
        return LentFile(self._files[path])

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return path in self._files

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "type": "file", "size": self._files[path].seek(0, io.SEEK_END)}

    def modified(self, path: str) -> datetime:  # noqa: ARG002 - nobody writes it meanwhile
        return datetime(2000, 1, 1, tzinfo=UTC)


@cache
def _engine(_process: int) -> "tuple[duckdb.DuckDBPyConnection, _LentFiles]":
    """One a process, because starting it costs more than a small file does."""
    import duckdb  # noqa: PLC0415 - as above

    engine, files = duckdb.connect(config=_CONFIG), _LentFiles()
    engine.register_filesystem(files)
    return engine, files
