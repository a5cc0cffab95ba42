"""Pieces of work side by side: no more at once than there are lanes, and nothing more once one has failed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Value = TypeVar("Value")

Piece = Callable[[], Value]


def in_lanes(pieces: Iterable[Piece[Value]], *, lanes: int, alone: int) -> Iterator[Value]:
    """Call pieces and yield what they return, in their order.

    The first ``alone`` of them are called one after the other. A piece is taken from ``pieces`` by the caller's thread
    when a lane is free. What one of them raises is raised here when its turn comes: no other is begun then, and those
    that were begun have come to their end.
    """
    coming = iter(pieces)
    for piece in islice(coming, alone if lanes > 1 else None):
        yield piece()
    with ThreadPoolExecutor(lanes) as pool:
        running: deque[Future[Value]] = deque()
        for piece in coming:
            running.append(pool.submit(piece))
            if len(running) == lanes:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
