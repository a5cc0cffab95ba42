"""Sets a paper as PDF/A-2b with its fonts inside: the same paper gives the same bytes, on any machine, offline.

Only the two fonts of ``pylopdf-fonts-zh-cn`` are used, never one of the system; the time in the file is the day on
which the certificate was issued. All texts go in as JSON and are never markup. PDF/A forbids a glyph that no font has,
so a character without one stands by its number, e.g. ``[U+1F600]``; so do invisible and direction-changing characters.
"""

import json
import struct
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst
from pylopdf_fonts_zh_cn import sans_path, serif_path

from winddown.domain.errors import Refused
from winddown.stages.papers.characters import INVISIBLE, printable

_TEMPLATE: Final = Path(__file__).parent.parent / "templates" / "certificate.typ"
_CMAP_32_BIT: Final = 12  # the subtable format that has all of Unicode


def pdf(paper: dict[str, Any]) -> bytes:
    """Return the PDF; raises Refused when it cannot be set."""
    qr = str(paper["qr"]).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    data = json.dumps(printable(paper, _characters().__contains__) | {"qr": qr}, ensure_ascii=False, sort_keys=True)
    try:
        compiler = typst.Compiler(_TEMPLATE.read_bytes(), root=_TEMPLATE.parent, font_paths=_fonts())
        found = compiler.compile(format="pdf", sys_inputs={"paper": data}, pdf_standards=["a-2b"])
    except typst.TypstError as error:
        # Its message may quote the paper; the paper holds no personal data, but nothing is lost by keeping it short.
        raise Refused(
            f"the paper {paper['number']} cannot be set: {error.message}",
            next_step="report this as a fault of winddown",
        ) from None
    assert isinstance(found, bytes)  # noqa: S101 - a list is returned for pictures alone
    return found


@cache
def _fonts() -> typst.Fonts:
    folder = sans_path().parent
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])


@cache
def _characters() -> frozenset[int]:
    """Code points that both fonts have a glyph for, but those that show nothing and those that turn the direction."""
    both = _covered(sans_path()) & _covered(serif_path())
    return frozenset(both - INVISIBLE)


def _covered(font: Path) -> set[int]:
    """Code points of an OpenType font's character map (``cmap``, format 12: groups of start, end, first glyph)."""
    data = font.read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    records = (struct.unpack_from(">4sLLL", data, 12 + 16 * n) for n in range(tables))
    start = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    count = struct.unpack_from(">H", data, start + 2)[0]
    found: set[int] = set()
    for n in range(count):
        table = start + struct.unpack_from(">L", data, start + 4 + 8 * n + 4)[0]
        if struct.unpack_from(">H", data, table)[0] == _CMAP_32_BIT:
            groups = struct.unpack_from(">L", data, table + 12)[0]
            for group in range(groups):
                first, last, _ = struct.unpack_from(">LLL", data, table + 16 + 12 * group)
                found.update(range(first, last + 1))
    return found
