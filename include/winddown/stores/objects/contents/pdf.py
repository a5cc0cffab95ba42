"""Reads the text layer of PDF documents (ISO 32000) in a process of its own, which hostile ones may end without harm.

Read are the text of every page, filled-in form fields, notes, title and author. Not read: what a scanner photographed
(there is no text layer then), attached files, XFA forms, XMP. Whatever is not read is told.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from winddown.stores.objects.contents import pdf_process
from winddown.stores.objects.formats import limits

FIELDS = ("text", "title", "author_name")
_MEMORY = 3 << 28  # address space of the process
_SECONDS = 60.0  # of processor time for one document
_PATIENCE = 5  # times that, of the clock, where the machine has other things to do

_WORDS = {
    "encrypted": "PDF documents that are encrypted",
    "broken": "PDF documents that are damaged",
    "torn": "PDF documents that end too early, as far as they go",
    "attachments": "PDF documents with attached files, which are not read",
    "xfa": "PDF documents with an XFA form, which is not read",
    "no_text": "PDF documents without a text layer",
    "strange_letters": "PDF documents some of whose letters cannot be told, because a font does not say what they are",
    "picture_pages": "pages without text in PDF documents that have some",
    "broken_pages": "damaged pages in PDF documents",
    "long": "PDF documents beyond 10,000 pages or 64 million letters, which are read at their beginning",
}
_BIG = f"PDF documents of more than {limits.PART >> 20} MiB"
_SLOW = "PDF documents that took too long to read, as far as they were"
_ENDED = "PDF documents that need too much memory or end what reads them, as far as they were read"
CIRCUMSTANCES = frozenset({_SLOW, _ENDED})  # what may be otherwise when a document is read again


@dataclass(frozen=True, slots=True)
class Told:
    """A cell of a field, or with an empty field a kind of thing that was not read.

    Attributes:
        count: how many of them.
    """

    field: str
    text: str
    count: int = 1


class _EndedError(Exception):
    """The process is no longer there, or says nothing sensible; the words are those of ``Told``."""


class PdfReader:
    """Reads documents one after another; the process is started for the first and again after one that ended it.

    Not safe for several threads.

    Args:
        memory: bytes of address space that a document may need.
        seconds: of processor time.
    """

    def __init__(self, *, memory: int = _MEMORY, seconds: float = _SECONDS) -> None:
        self._memory, self._seconds = memory, seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def read(self, source: BinaryIO, size: int) -> Iterator[Told]:
        """Yield what a document says and what of it was not read.

        Damage, encryption and documents beyond the limits are told, not raised; what the source raises is not caught.
        """
        if size > limits.PART:
            yield Told("", _BIG)
            return
        done = False
        try:
            self._send(source, size)
            for kind, value, count in self._answers():
                yield Told("", _WORDS[value], count) if kind == "note" else Told(kind, value)
            done = True
        except _EndedError as error:
            yield Told("", str(error))
        finally:
            # What was asked for and not taken would be taken for the answer about the next document.
            if not done:
                self._stop()

    def _send(self, source: BinaryIO, size: int) -> None:
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None  # noqa: S101 - it was started with one
        source.seek(0)
        left = size
        try:
            self._process.stdin.write(size.to_bytes(8, "big"))
            while left and (piece := source.read(min(limits.PIECE, left))):
                left -= len(piece)
                self._process.stdin.write(piece)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _EndedError(_ENDED) from None
        if left:
            raise _EndedError(_WORDS["torn"])

    def _answers(self) -> Iterator[tuple[str, str, int]]:
        until = time.monotonic() + _PATIENCE * self._seconds
        while True:
            kind, value, count = self._line(until)
            if kind == "end":
                return
            if kind not in {*FIELDS, "note"} or (kind == "note" and value not in _WORDS):
                raise _EndedError(_ENDED)
            yield kind, value, count

    def _line(self, until: float) -> tuple[str, str, int]:
        assert self._process is not None  # noqa: S101 - it was sent something
        assert self._process.stdout is not None  # noqa: S101 - it was started with one
        answers = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(answers, select.POLLIN)
        while b"\n" not in self._pending:
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise _EndedError(_SLOW)
            piece = os.read(answers, 1 << 16)
            if not piece:
                slow = self._process.wait() == -signal.SIGPROF
                raise _EndedError(_SLOW if slow else _ENDED)
            self._pending += piece
            if len(self._pending) > limits.RECORD:
                raise _EndedError(_ENDED)
        line, _, self._pending = self._pending.partition(b"\n")
        try:
            kind, value, count = json.loads(line)
            return str(kind), str(value), int(count)
        except (ValueError, TypeError):
            raise _EndedError(_ENDED) from None

    def _start(self) -> subprocess.Popen[bytes]:
        # Isolated from the environment, which has credentials; the path is ours, so that the library is found.
        program = [sys.executable, "-P", str(Path(pdf_process.__file__)), str(self._memory), str(self._seconds)]
        return subprocess.Popen(  # noqa: S603 - our own file
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may quote a document
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self._process.wait()
        self._process, self._pending = None, b""
