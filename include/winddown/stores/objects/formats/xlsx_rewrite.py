"""Erases rows of Excel workbooks, or empties their cells, in the XML itself: every other byte of a sheet stays.

A row that is erased becomes a blank one, so nothing moves that others refer to. Texts that no cell refers to any longer
are blanked in the table of shared strings. Refused is what may hold a copy of what is erased, or would break: formulas
with their stored results, links, filters by value, comments, pictures, charts, pivot tables, macros, other workbooks.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

import openpyxl
from openpyxl.utils.cell import coordinate_from_string

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import archive, limits
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.problem import Problem, Unreadable

_SHARED = "xl/sharedStrings.xml"
_HARMLESS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(app|core|custom)\.xml|xl/(workbook|styles|sharedStrings|metadata)\.xml"
    r"|xl/_rels/workbook\.xml\.rels|xl/theme/theme\d+\.xml|xl/worksheets/sheet\d+\.xml|xl/tables/table\d+\.xml"
    r"|xl/worksheets/_rels/sheet\d+\.xml\.rels|xl/printerSettings/printerSettings\d+\.bin"
)
_REFUSED = frozenset({"f", "hyperlink", "filterColumn", "oleObject", "legacyDrawing", "drawing", "picture"})
_NO_TEXT = b"<%bsi><%bt/></%bsi>"

Header = Callable[[tuple[Any, ...]], list[str]]
Rows = dict[int, frozenset[str] | None]  # by number in a sheet: which columns' cells go, None for the whole row


def rewrite(
    source: BinaryIO, sink: BinaryIO, change: Change, header: Callable[[tuple[Any, ...]], list[str]]
) -> Outcome:
    """See ``formats.rewrite``; ``header`` turns the first row of a sheet into names of fields."""
    with archive.opened(source) as found:
        unknown = [info.filename for info in found.infolist() if not _HARMLESS.fullmatch(info.filename)]
        if unknown and not all(name.endswith("/") for name in unknown):
            raise _refused("parts such as macros, pictures, charts, comments or pivot tables")
        sheets, outcome = _planned(source, change, header)
        used: set[int] = set()
        for name, rows in sheets.items():
            for _ in _Sheet(rows, used).pieces(archive.member(found, found.getinfo(name))):
                pass
        with zipfile.ZipFile(sink, "w") as target:
            for info in found.infolist():
                _write(target, info, _changed(archive.member(found, info), info.filename, sheets, used))
    return outcome


def _planned(source: BinaryIO, change: Change, header: Header) -> tuple[dict[str, Rows], Outcome]:
    """Which rows of which sheets change; rows are numbered as ``xlsx.read`` numbers them."""
    source.seek(0)
    book = openpyxl.load_workbook(source, read_only=True, data_only=True, keep_links=False)
    sheets: dict[str, Rows] = {}
    count = done = 0
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        rows: Rows = {}
        names: list[str] = []
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if all(value is None for value in row):
                continue
            if not names:
                names = header(row)
                continue
            if len(change.within(count, 1)):
                rows[number] = None if change.is_erasure else _columns(names, len(row), change.fields)
                done += 1
            count += 1
        # Nothing public says which part of the archive a sheet is.
        sheets[sheet._worksheet_path] = rows  # type: ignore[attr-defined]  # noqa: SLF001
    book.close()
    return sheets, Outcome(count, erased=done) if change.is_erasure else Outcome(count, minimised=done)


def _columns(names: list[str], width: int, fields: tuple[str, ...]) -> frozenset[str]:
    letters = [openpyxl.utils.get_column_letter(index + 1) for index in range(max(width, len(names)))]
    named = [*names, *letters[len(names) :]]
    return frozenset(letter for letter, name in zip(letters, named, strict=True) if name in fields)


def _changed(member: BinaryIO, name: str, sheets: dict[str, Rows], used: set[int]) -> Iterator[bytes]:
    if name in sheets:
        return _Sheet(sheets[name], set()).pieces(member)
    if name == _SHARED:
        return _Strings(used).pieces(member)
    return _Looked().pieces(member) if name.startswith("xl/tables/") else iter(lambda: member.read(limits.PIECE), b"")


def _write(target: zipfile.ZipFile, info: zipfile.ZipInfo, pieces: Iterator[bytes]) -> None:
    copy = zipfile.ZipInfo(info.filename, info.date_time)
    copy.compress_type, copy.external_attr = info.compress_type, info.external_attr
    with target.open(copy, "w", force_zip64=info.file_size >= limits.PART) as member:
        for piece in pieces:
            member.write(piece)


class _Looked:
    """Passes XML on as it is, but for ranges that are cut; refuses elements that may repeat what is erased."""

    def __init__(self) -> None:
        self._cuts: list[tuple[int, int, bytes]] = []
        self._open: int | None = None  # where an element began whose end decides whether it is cut
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.buffer_text = True

    def pieces(self, member: BinaryIO) -> Iterator[bytes]:
        """Yield the member's bytes, changed."""
        pending, base = b"", 0
        while True:
            piece = member.read(limits.PIECE)
            try:
                self._parser.Parse(piece, not piece)
            except expat.ExpatError:
                raise Unreadable(Problem.BROKEN, "a workbook cannot be read to its end") from None
            pending += piece
            safe = self._parser.CurrentByteIndex if piece else base + len(pending)
            if self._open is not None:
                safe = self._open
            out, place = [], base
            while self._cuts and (end := self._behind(pending, base, self._cuts[0][1])) is not None:
                start, _, instead = self._cuts.pop(0)
                out += [pending[place - base : start - base], instead]
                place = end
            if self._cuts:
                safe = min(safe, self._cuts[0][0])
            safe = max(safe, place)
            yield b"".join([*out, pending[place - base : safe - base]])
            pending, base = pending[safe - base :], safe
            limits.check_record(len(pending))
            if not piece:
                return

    def _behind(self, pending: bytes, base: int, place: int) -> int | None:
        """Behind the tag that begins at a place, None while it has not come."""
        found = pending.find(b">", place - base)
        return None if found < 0 else base + found + 1

    def _cut(self, start: int, instead: bytes = b"") -> None:
        self._cuts.append((start, self._parser.CurrentByteIndex, instead))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] in _REFUSED:
            raise _refused("formulas, links, filters by value, comments or drawings")
        self._started(name.rpartition(":")[2], attributes)

    def _end(self, name: str) -> None:
        self._ended(name.rpartition(":")[2], name.rpartition(":")[0])

    def _doctype(self, *_: Any) -> None:
        raise Unreadable(Problem.BROKEN, "a workbook declares entities of its own")

    def _text(self, text: str) -> None: ...

    def _started(self, name: str, attributes: dict[str, str]) -> None: ...

    def _ended(self, name: str, prefix: str) -> None: ...


class _Sheet(_Looked):
    """Cuts rows and cells, and notes to which shared strings the cells that stay refer."""

    def __init__(self, rows: Rows, used: set[int]) -> None:
        super().__init__()
        self._rows, self._used = rows, used
        self._number = 0
        self._is_cut = self._is_shared = self._is_value = False
        self._column, self._digits = "", ""

    def _started(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._column = ""
            self._is_cut = self._number in self._rows and self._rows[self._number] is None
            self._open = self._parser.CurrentByteIndex if self._is_cut else None
        elif name == "c":
            self._column = coordinate_from_string(attributes["r"])[0] if "r" in attributes else self._next()
            self._is_shared = attributes.get("t") == "s"
            columns = self._rows.get(self._number)
            if columns is not None and self._column in columns:
                self._open = self._parser.CurrentByteIndex
        elif name == "v":
            self._is_value, self._digits = True, ""

    def _next(self) -> str:
        index = openpyxl.utils.column_index_from_string(self._column) if self._column else 0
        return str(openpyxl.utils.get_column_letter(index + 1))

    def _text(self, text: str) -> None:
        if self._is_value and self._is_shared:
            self._digits += text

    def _ended(self, name: str, prefix: str) -> None:  # noqa: ARG002 - what is cut is replaced by nothing
        if name == "v":
            self._is_value = False
            if self._is_shared and self._open is None:
                self._used.add(int(self._digits))
        elif self._open is not None and (name == "row" or (name == "c" and not self._is_cut)):
            self._cut(self._open)
            self._open = None


class _Strings(_Looked):
    """Blanks the shared strings that are not used."""

    def __init__(self, used: set[int]) -> None:
        super().__init__()
        self._used = used
        self._number = -1

    def _started(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - only the order counts
        if name == "si":
            self._number += 1
            self._open = None if self._number in self._used else self._parser.CurrentByteIndex

    def _ended(self, name: str, prefix: str) -> None:
        if name == "si" and self._open is not None:
            mark = f"{prefix}:".encode() if prefix else b""
            self._cut(self._open, _NO_TEXT % (mark, mark, mark))
            self._open = None


def _refused(what: str) -> Refused:
    return Refused(
        f"a workbook has {what}, which may repeat what is erased",
        rule="a rewrite keeps what stays, and nothing else",
        next_step="save it as a plain table without them, or delete the whole file",
    )
