"""Pieces of work side by side: no more at once than there are lanes, and nothing more once one has failed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Value = TypeVar("Value")

Piece = Callable[[], Value]


def in_lanes(pieces: Iterable[Piece[Value]], *, lanes: int, alone: int) -> Iterator[Value]:
    """Call pieces and yield what they return, in their order.

    The first ``alone`` of them are called one after the other. A piece is taken from ``pieces`` by the caller's thread
    when a lane is free, whichever. What one of them raises is raised here when its turn comes: once it was raised no
    other is begun, and those that were begun have come to their end.
    """
    coming = iter(pieces)
    for piece in islice(coming, alone if lanes > 1 else None):
        yield piece()
    with ThreadPoolExecutor(lanes) as pool:
        begun: deque[Future[Value]] = deque()
        for piece in coming:
            begun.append(pool.submit(piece))
            working = [one for one in begun if not one.done()]
            if len(working) == lanes:
                wait(working, return_when=FIRST_COMPLETED)
            if any(one.done() and one.exception() is not None for one in begun):
                break
            while begun and begun[0].done():
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
