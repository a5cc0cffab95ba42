"""Pieces side by side: in order, bounded, and nothing more after a failure."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from winddown.stages.lanes import in_lanes


class Counting:
    """Pieces that note how many of them run at once."""

    def __init__(self, fails: int = -1) -> None:
        self.fails = fails
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.together: list[int] = []
        self.running = 0
        self.lock = threading.Lock()

    def pieces(self, count: int) -> Iterator[Callable[[], int]]:
        for number in range(count):
            yield lambda number=number: self.work(number)

    def work(self, number: int) -> int:
        with self.lock:
            self.running += 1
            self.begun.append(number)
            self.together.append(self.running)
        time.sleep(0.01)
        with self.lock:
            self.running -= 1
            self.ended.append(number)
        if number == self.fails:
            raise ValueError(number)
        return number


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_results_come_in_order_and_no_more_run_than_there_are_lanes(lanes: int) -> None:
    counting = Counting()
    assert list(in_lanes(counting.pieces(9), lanes=lanes, alone=2)) == list(range(9))
    assert counting.together[:2] == [1, 1]
    assert max(counting.together) == lanes


@pytest.mark.parametrize("lanes", [1, 2])
def test_after_a_failure_nothing_more_is_begun_and_what_runs_ends(lanes: int) -> None:
    counting = Counting(fails=3)
    done = []
    with pytest.raises(ValueError, match="3"):
        done.extend(in_lanes(counting.pieces(9), lanes=lanes, alone=2))
    assert counting.running == 0
    assert sorted(counting.begun) == sorted(counting.ended)
    assert max(counting.begun) <= 3 + lanes - 1


def test_a_piece_is_taken_when_a_lane_is_free() -> None:
    counting, taken = Counting(), []

    def pieces() -> Iterator[Callable[[], int]]:
        for number, piece in enumerate(counting.pieces(5)):
            taken.append((number, len(counting.ended)))
            yield piece

    list(in_lanes(pieces(), lanes=2, alone=0))
    assert all(ended >= number - 1 for number, ended in taken if number)


def test_a_slow_piece_keeps_no_other_lane_waiting() -> None:
    over = threading.Event()

    def slow() -> int:
        assert over.wait(10), "the other lane waits for this one"
        return 0

    def last() -> int:
        over.set()
        return 3

    assert list(in_lanes([slow, lambda: 1, lambda: 2, last], lanes=2, alone=0)) == [0, 1, 2, 3]
