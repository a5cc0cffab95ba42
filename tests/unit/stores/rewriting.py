"""Rewriting a whole file in memory, for tests."""

import io
from collections.abc import Iterable

from winddown.stores.objects import formats
from winddown.stores.objects.formats.change import Change, Outcome


class Forwards(io.RawIOBase):
    """A sink that can only be written to, as an upload is."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.pieces.append(bytes(data))  # type: ignore[call-overload]
        return len(self.pieces[-1])


def rewritten(form: str, content: bytes, change: Change) -> tuple[bytes, Outcome]:
    sink = Forwards()
    outcome = formats.rewrite(form, io.BytesIO(content), sink, change)  # type: ignore[arg-type]
    return b"".join(sink.pieces), outcome


def without(form: str, content: bytes, rows: Iterable[int]) -> bytes:
    return rewritten(form, content, Change.of(rows))[0]


def emptied(form: str, content: bytes, rows: Iterable[int], *fields: str) -> bytes:
    return rewritten(form, content, Change.of(rows, fields=fields))[0]
