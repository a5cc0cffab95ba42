"""Excel workbooks (ECMA-376, ``.xlsx`` and ``.xlsm``): XML in a zip archive.

Every sheet, hidden ones included, is a part of the collection: its first row that is not empty names the fields, and
the rows of all sheets are numbered on. A column without a name is named by its letter. Read are the cells' stored
values; not read are formulas, comments, headers and footers, pictures and what pivot tables keep by themselves.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO

import openpyxl
import pyarrow as pa
from openpyxl.utils import get_column_letter

from winddown.domain.errors import WinddownError
from winddown.stores.objects.formats import archive, limits, xlsx_rewrite
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.problem import Problem, Unreadable

ID = "xlsx"
_BOOK = "xl/workbook.xml"
_ROWS = 8_192


def is_workbook(names: Iterable[str]) -> bool:
    """Whether an archive with these members is a workbook."""
    return _BOOK in names


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:  # noqa: ARG001
    """Yield the rows of all sheets; memory is bounded by a batch and the book's table of shared strings."""
    with archive.opened(source) as found:
        shared = sum(info.file_size for info in found.infolist() if info.filename.endswith("sharedStrings.xml"))
        if shared > limits.PART:
            raise Unreadable(Problem.LIMIT, f"a workbook has more than {limits.PART >> 20} MiB of shared strings")
    source.seek(0)
    with _errors():
        book = openpyxl.load_workbook(source, read_only=True, data_only=True, keep_links=False)
        with contextlib.closing(book):
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # what a sheet says of its own size may be too small
                yield from _sheet(sheet.iter_rows(values_only=True))


def rewrite(source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """See ``formats.rewrite``; what a workbook may have beside cells of plain values is refused."""
    with _errors():
        return xlsx_rewrite.rewrite(source, sink, change, _names)


def _sheet(rows: Iterator[tuple[Any, ...]]) -> Iterator[pa.RecordBatch]:
    names: list[str] = []
    pending: list[tuple[Any, ...]] = []
    for row in rows:
        if all(value is None for value in row):
            continue
        if not names:
            names = _names(row)
            continue
        width = max(index for index, value in enumerate(row) if value is not None) + 1
        if width > len(names):
            yield from _batches(pending, names)
            pending = []
            names += [get_column_letter(index + 1) for index in range(len(names), width)]
            limits.check_names(names)
        pending.append(row)
        if len(pending) == _ROWS:
            yield from _batches(pending, names)
            pending = []
    yield from _batches(pending, names)


def _names(header: tuple[Any, ...]) -> list[str]:
    names = [_name(value, index) for index, value in enumerate(header)]
    limits.check_names(names)
    return names


def _name(value: Any, index: int) -> str:
    return get_column_letter(index + 1) if value is None or value == "" else str(_value(value))


def _batches(rows: list[tuple[Any, ...]], names: list[str]) -> Iterator[pa.RecordBatch]:
    if names:
        columns = [_column([row[i] if i < len(row) else None for row in rows]) for i in range(len(names))]
        yield pa.RecordBatch.from_arrays(columns, names=list(names))


def _column(values: list[Any]) -> pa.Array:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) == 1 and kinds <= {str, int, float, bool, datetime, date, time, timedelta}:
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError):
            pass  # numbers beyond 64 bits: their text is enough
    return pa.array([None if value is None else str(_value(value)) for value in values], type=pa.string())


def _value(value: Any) -> Any:
    # Excel keeps every number as a float; an id must not gain a fraction in a column of mixed kinds.
    return int(value) if isinstance(value, float) and value.is_integer() else value


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except WinddownError:
        raise
    except Exception as error:  # noqa: BLE001 - XML and zip have error classes of their own, which quote the file
        raise Unreadable(Problem.BROKEN, f"a workbook cannot be read to its end ({type(error).__name__})") from None
