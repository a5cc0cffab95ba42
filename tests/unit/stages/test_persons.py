"""Counting persons: a union is what a set would say, a sketch keeps its interval, spans give the exact number."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winddown.domain.transfer import Count
from winddown.stages.persons import EVERYTHING, Persons, spans


def persons(keys: "list[str | None]", *, seed: int = 7, room: int = 1 << 20, sketch: int = 1 << 12) -> Persons:
    found = Persons(seed, EVERYTHING, room, sketch)
    for start in range(0, len(keys), 3):  # in batches, as stores give them
        found.add(pl.Series(keys[start : start + 3], dtype=pl.String))
    return found


def numbered(first: int, last: int, *, room: int, sketch: int, seed: int = 7) -> Persons:
    found = Persons(seed, EVERYTHING, room, sketch)
    for start in range(first, last, 10_000):
        found.add(pl.int_range(start, min(start + 10_000, last), eager=True).cast(pl.String))
    return found


KEYS = st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=60)


@settings(max_examples=60)
@given(st.lists(KEYS, min_size=1, max_size=4))
def test_a_union_is_what_a_set_would_say(stores: "list[list[str | None]]") -> None:
    everyone = {key for keys in stores for key in keys if key}
    sets = [persons(keys) for keys in stores]
    assert sets[0].union(sets[1:]).count() == Count(len(everyone), len(everyone))
    rest = everyone - set(stores[0])
    assert sets[0].union(sets[1:]).without(sets[0]).count() == Count(len(rest), len(rest))


def test_a_count_is_exact_up_to_the_room_and_says_when_it_is_not() -> None:
    assert numbered(0, 50_000, room=50_000, sketch=4096).count() == Count(50_000, 50_000)
    sketched = numbered(0, 50_001, room=50_000, sketch=4096).count()
    assert sketched.at_least < 50_001 < (sketched.at_most or 0)


def test_a_sketch_keeps_within_its_interval() -> None:
    outside = 0
    for seed in range(60):
        found = numbered(0, 60_000, room=10_000, sketch=4096, seed=seed)
        count = found.count()
        outside += not count.at_least <= 60_000 <= (count.at_most or 0)
        # Five standard errors of a sketch of 4,096 are 7.5%.
        assert (count.at_most or 0) - count.at_least < 0.16 * 60_000
    assert not outside


def test_a_small_sketch_keeps_within_its_interval_too() -> None:
    for seed in range(500):
        count = numbered(0, 99, room=32, sketch=4096, seed=seed).count()
        assert 32 <= count.at_least <= 99 <= (count.at_most or 0)


def test_sketched_sets_are_joined_and_taken_from_each_other() -> None:
    one, two = (numbered(first, first + 60_000, room=10_000, sketch=8192) for first in (0, 30_000))
    for found, truth in ((one.union([two]), 90_000), (one.union([two]).without(one), 30_000)):
        assert found.count().at_least <= truth <= (found.count().at_most or 0)
        assert not found.count().is_exact


def test_spans_cover_the_hash_range_and_add_up_to_the_exact_number() -> None:
    parts = spans(60_000, room=10_000)
    assert len(parts) == 7
    counted = []
    for part in parts:
        found = Persons(7, part, room=10_000, sketch=4096)
        found.add(pl.int_range(0, 60_000, eager=True).cast(pl.String))
        assert found.count().is_exact
        counted.append(found.count().at_least)
    assert sum(counted) == 60_000


def test_order_and_repetition_do_not_matter() -> None:
    keys = [str(number) for number in range(30_000)] * 2
    shuffled = Persons(7, EVERYTHING, room=10_000, sketch=4096)
    shuffled.add(pl.Series(keys).shuffle(seed=3))
    assert shuffled.count() == numbered(0, 30_000, room=10_000, sketch=4096).count()


def test_nothing_of_a_person_shows() -> None:
    assert "13812345678" not in repr(persons(["13812345678"]))


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_key_names_nobody(empty: str | None) -> None:
    assert persons([empty, "1"]).count() == Count(1, 1)
