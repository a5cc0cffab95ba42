"""The process that opens PDF documents: started by ``pdf``, it imports nothing of winddown and sees no environment.

What a document can ask for is bounded by the operating system, because the library that reads it does not bound it: by
address space, by processor time a document (the signal's default action ends the process, wherever it is), no files, no
core dumps. In: the length of a document as eight bytes, then the document. Out: lines of JSON, each a kind and a value:
``text``, ``title``, ``author_name``; ``note``, a word that ``pdf`` explains, with a count; ``end``.
"""

import ctypes
import json
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

Said = tuple[str, str, int]

_PAGES = 10_000
_CELL = 1 << 14  # characters of one cell; a page that is longer is several
_TEXT = 1 << 26  # characters of one document
_END_WITHIN = 1 << 11  # bytes at the end in which a whole file has its mark
_LETTERS = 256  # letters of a page of which it is asked whether they could be told
_MEMORY_ERROR = 3
_ANNOTATION_TEXT = 1 << 16


def main(memory: int, seconds: float) -> None:
    """Answer documents until the input ends."""
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        while len(header := source.read(8)) == 8:  # noqa: PLR2004 - bytes of the length
            content = source.read(int.from_bytes(header, "big"))
            signal.setitimer(signal.ITIMER_PROF, seconds)
            for said in _document(content):
                sink.write(json.dumps(said).encode() + b"\n")
                sink.flush()
            signal.setitimer(signal.ITIMER_PROF, 0)
            del content
            sink.write(b'["end", "", 0]\n')
            sink.flush()
    except MemoryError:
        sys.exit(_MEMORY_ERROR)


def _document(content: bytes) -> Iterator[Said]:
    import pypdfium2 as pdfium  # noqa: PLC0415 - the limits are set before it is loaded

    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        locked = error.err_code in {pdfium.raw.FPDF_ERR_PASSWORD, pdfium.raw.FPDF_ERR_SECURITY}
        yield "note", "encrypted" if locked else "broken", 1
        return
    try:
        if not len(document):
            yield "note", "broken", 1
            return
        if b"%%EOF" not in content[-_END_WITHIN:]:
            yield "note", "torn", 1
        yield from _beside(pdfium, document)
        yield from _pages(pdfium, document)
    finally:
        document.close()


def _beside(pdfium: Any, document: Any) -> Iterator[Said]:
    """What stands beside the pages."""
    for field, names in (("author_name", ("Author",)), ("title", ("Title", "Subject", "Keywords"))):
        for name in names:
            value = document.get_metadata_value(name).strip("\0 \t\r\n")
            if value:
                yield field, value[:_CELL], 1
    if document.count_attachments():
        yield "note", "attachments", 1
    form = document.get_formtype()
    if form in {pdfium.raw.FORMTYPE_XFA_FULL, pdfium.raw.FORMTYPE_XFA_FOREGROUND}:
        yield "note", "xfa", 1
    if form != pdfium.raw.FORMTYPE_NONE:
        document.init_forms()


def _pages(pdfium: Any, document: Any) -> Iterator[Said]:
    count: Counter[str] = Counter()
    if len(document) > _PAGES:
        yield "note", "long", 1
    for number in range(min(len(document), _PAGES)):
        try:
            page = document[number]
            texts = list(_page(pdfium, document, page, count))
        except pdfium.PdfiumError:
            count["broken"] += 1
            continue
        for text in texts:
            count["letters"] += len(text)
            yield "text", text, 1
        count["text" if texts else "picture" if pdfium.raw.FPDFPage_CountObjects(page) else "empty"] += 1
        page.close()
        if count["letters"] > _TEXT:
            yield "note", "long", 1
            break
    if not count["text"]:
        yield "note", "broken" if count["broken"] else "no_text", 1
        return
    if count["strange"]:
        yield "note", "strange_letters", 1
    for name in ("picture", "broken"):
        if count[name]:
            yield "note", f"{name}_pages", count[name]


def _page(pdfium: Any, document: Any, page: Any, count: Counter[str]) -> Iterator[str]:
    """Yield a page's text, then what was filled in and noted on it."""
    letters = page.get_textpage()
    try:
        text = letters.get_text_range()
        asked = range(min(letters.count_chars(), _LETTERS))
        count["strange"] += any(pdfium.raw.FPDFText_HasUnicodeMapError(letters, index) == 1 for index in asked)
    finally:
        letters.close()
    yield from _cells(text)
    yield from _cells("\n".join(_annotations(pdfium, document, page)))


def _cells(text: str) -> Iterator[str]:
    """Yield a text in pieces, cut between lines where there are any."""
    lines = [line.strip() for line in text.replace("\ufffe", "").splitlines()]
    held = ""
    for line in filter(None, lines):
        if held and len(held) + len(line) >= _CELL:
            yield held
            held = ""
        held = f"{held}\n{line}" if held else line
        while len(held) > _CELL:
            yield held[:_CELL]
            held = held[_CELL:]
    if held:
        yield held


def _annotations(pdfium: Any, document: Any, page: Any) -> Iterator[str]:
    raw = pdfium.raw
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            if document.formenv is not None:
                yield _wide(partial(raw.FPDFAnnot_GetFormFieldValue, document.formenv, annotation))
            for key in (b"Contents", b"T"):  # T: who wrote a note, or what a field is called
                yield _wide(partial(raw.FPDFAnnot_GetStringValue, annotation, key))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _wide(ask: Any) -> str:
    """A text of the library: asked for its length, then written into a buffer as UTF-16."""
    size = min(int(ask(None, 0)), _ANNOTATION_TEXT)
    buffer = ctypes.create_string_buffer(size + 2)
    ask(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[:size].decode("utf-16-le", "replace").partition("\0")[0].strip()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
