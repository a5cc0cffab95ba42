"""Cuts a stream of text at line ends, so that every piece holds whole lines."""

from collections.abc import Iterable, Iterator

from winddown.stores.objects.formats import limits


def whole_lines(pieces: Iterable[bytes], *, quote: bytes = b"", end: bytes = b"\n") -> Iterator[bytes]:
    """Yield pieces that end with a line end, the last one perhaps without.

    Args:
        pieces: the text; a piece may end anywhere.
        quote: a line end behind an odd number of these is part of a value.
        end: what ends a line.

    Raises:
        Unreadable: a line is longer than is allowed.
    """
    pending: list[bytes] = []
    size = 0
    for piece in pieces:
        whole = piece
        if quote or end in piece:
            whole, pending, size = b"".join([*pending, piece]), [], 0
            cut = _cut(whole, quote, end)
            if cut:
                yield whole[:cut]
                whole = whole[cut:]
        if whole:
            pending.append(whole)
            size += len(whole)
        limits.check_record(size)
    if pending:
        yield b"".join(pending)


def _cut(text: bytes, quote: bytes, end: bytes) -> int:
    """Place behind the last line end that lies outside quotes, or 0."""
    cut = text.rfind(end) + 1
    if not quote:
        return cut
    quotes = text.count(quote, 0, cut)
    while cut and quotes % 2:
        earlier = text.rfind(end, 0, text.rfind(quote, 0, cut)) + 1
        quotes -= text.count(quote, earlier, cut)
        cut = earlier
    return cut
