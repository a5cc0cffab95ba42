"""What the formats that Arrow reads by itself share: opening a source, sizing batches, naming failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa

from winddown.domain.errors import WinddownError
from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.problem import Problem, Unreadable


def opened(source: BinaryIO) -> Any:
    """The source as Arrow's random-access file."""
    source.seek(0)
    return pa.PythonFile(source, mode="r")


def rows_a_batch(row_size: int) -> int:
    """Rows of which a batch has about the size that is aimed at."""
    return max(1, min(limits.ROWS, limits.BATCH // max(row_size, 1)))


@contextmanager
def translated(source: BinaryIO, name: str) -> Iterator[None]:
    """Raise Unreadable for what Arrow cannot read, and the source's own error where the source failed."""
    try:
        yield
    except WinddownError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, RuntimeError):
        failure = getattr(source, "failure", None)
        if failure is not None:
            raise failure from None
        # Arrow's message may quote a value.
        raise Unreadable(Problem.BROKEN, f"a file that begins as {name} cannot be read as {name}") from None
