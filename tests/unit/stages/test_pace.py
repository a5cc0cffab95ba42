"""The pace of work: it waits while others suffer, gives up after a while, and says how far it is."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from winddown.domain.errors import Transient
from winddown.ports import Store, Strain
from winddown.stages.pace import Pace

CALM = Strain(0, 0.0)


@dataclass
class Busy:
    """A store that tells these strains one after the other, the last one for ever."""

    strains: list[Strain]
    name: str = "shop"
    asked: int = 0

    def strain(self) -> Strain:
        self.asked += 1
        return self.strains.pop(0) if len(self.strains) > 1 else self.strains[0]


class Silent:
    """A store that cannot tell."""

    name = "files"


@dataclass
class Time:
    at: float = 0.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pace(time: Time, said: list[str]) -> Pace:
    return Pace(1_000, said.append, sleep=time.sleep, seconds=lambda: time.at)


def wait(pace: Pace, store: Any) -> None:
    pace.await_calm(cast("Store", store))


@pytest.mark.parametrize("store", [Silent(), Busy([CALM]), Busy([Strain(3, 10.0)])])
def test_nobody_waits_for_a_calm_store(pace: Pace, time: Time, store: object) -> None:
    wait(pace, store)
    assert time.waits == []


@pytest.mark.parametrize(
    ("strain", "why"),
    [
        (Strain(4, 0.0), "4 sessions wait for locks, 3 may"),
        (Strain(0, 12.0), "a replica is 12 s behind, 10 s are the most"),
    ],
)
def test_work_begins_when_the_strain_is_over(
    pace: Pace, time: Time, said: list[str], *, strain: Strain, why: str
) -> None:
    store = Busy([strain, strain, strain, CALM])
    wait(pace, store)
    assert time.waits == [0.5, 1.0, 2.0]
    assert said == [f"0 of 1,000 records; waits for store shop: {why}"] * 3


def test_a_store_that_stays_busy_is_tried_again_later(pace: Pace, time: Time) -> None:
    with pytest.raises(Transient, match="store shop is busy: 9 sessions"):
        wait(pace, Busy([Strain(9, 0.0)]))
    assert 600 < sum(time.waits) < 630
    assert max(time.waits) == 15.0


def test_how_far_it_is_is_said_now_and_then(pace: Pace, time: Time, said: list[str]) -> None:
    pace.add(500, moved=False)
    for _ in range(6):
        time.at += 2.0
        pace.add(50, moved=True)
    assert said == [
        "650 of 1,000 records, 25 a second, about 14 s left",
        "800 of 1,000 records, 25 a second, about 8 s left",
    ]


def test_what_was_done_before_is_no_measure_of_the_rate(pace: Pace, time: Time, said: list[str]) -> None:
    time.at += 6.0
    pace.add(400, moved=False)
    assert said == ["400 of 1,000 records"]
