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
        # Quotes count from the beginning of the line; without them only the new piece has to be looked at.
        whole = b"".join([*pending, piece]) if quote and pending else piece
        cut = _cut(whole, quote, end)
        if not cut:
            pending, size = ([whole], len(whole)) if quote else ([*pending, whole], size + len(whole))
        else:
            text = whole[:cut] if quote or not pending else b"".join([*pending, memoryview(whole)[:cut]])
            yield text
            pending, size = [whole[cut:]], len(whole) - cut
        limits.check_record(size)
    if size:
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
