"""Writes a text file with single records changed: as UTF-8 inside, byte for byte in its own encoding outside."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from winddown.stores.objects.formats.change import Change, Numbers, Outcome
from winddown.stores.objects.formats.encoding import Text


@dataclass(slots=True)
class Tally:
    """How many records were seen so far, and how many of them were changed."""

    rows: int = 0
    changed: int = 0

    def take(self, change: Change, count: int) -> Numbers:
        """See that many more records; returns which of them the change names, counted from the first of them."""
        found = change.within(self.rows, count)
        self.rows += count
        self.changed += len(found)
        return found


Edit = Callable[[Iterator[bytes], Change, Tally], Iterator[bytes]]


def rewrite_text(edit: Edit, source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
    """Pass a file through ``edit``, which takes and gives UTF-8 in pieces that end between characters."""
    text = Text(source, exact=True)
    tally = Tally()
    is_begun = False
    for piece in edit(text.pieces(), change, tally):
        if not is_begun:
            sink.write(text.mark)
            is_begun = True
        sink.write(text.back(piece))
    if change.is_erasure:
        return Outcome(tally.rows, erased=tally.changed)
    return Outcome(tally.rows, minimised=tally.changed)


def spliced(text: bytes, replaced: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The text with ranges of it replaced; they stand in order."""
    parts: list[bytes | memoryview] = []
    view = memoryview(text)
    place = 0
    for start, end, instead in replaced:
        parts += [view[place:start], instead]
        place = end
    parts.append(view[place:])
    return b"".join(parts)
