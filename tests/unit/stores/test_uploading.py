"""New objects are cut into parts that every service takes, whatever of them is copied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.stores.objects.formats.change import Copied
from winddown.stores.objects.uploading import PART_LEAST, parts_of

MEBI, GIBI, TEBI = 1 << 20, 1 << 30, 1 << 40


@st.composite
def rewritten(draw: st.DrawFn) -> tuple[int, list[Copied]]:
    """The size of a new object, and ranges of it that are ranges of the old one."""
    scale = draw(st.sampled_from([1, MEBI, 64 * MEBI, GIBI]))
    sizes = draw(st.lists(st.tuples(st.integers(0, 40 * scale), st.integers(1, 40 * scale)), max_size=12))
    copied, place, origin = [], 0, 0
    for gap, size in sizes:
        place, origin = place + gap, origin + draw(st.integers(0, 3 * scale))
        copied.append(Copied(origin, place, size))
        place, origin = place + size, origin + size
    return place + draw(st.integers(0, 40 * scale)), copied


@given(rewritten())
def test_parts_cover_the_object_and_keep_the_services_rules(found: tuple[int, list[Copied]]) -> None:
    size, copied = found
    parts = parts_of(size, copied)
    place = 0
    for part in parts:
        assert part.start == place
        place += part.size
        within = [each for each in copied if each.sink <= part.start and place <= each.sink + each.size]
        assert part.origin is None or [part.origin] == [part.start - each.sink + each.source for each in within]
    assert place == size
    assert all(PART_LEAST <= part.size <= 5 * GIBI for part in parts[:-1])
    assert len(parts) <= 10_000


def test_what_is_long_enough_is_copied_and_what_is_not_is_sent() -> None:
    copied = [Copied(4, 4, 100 * MEBI), Copied(200 * MEBI, 101 * MEBI, 4 * MEBI), Copied(300 * MEBI, 105 * MEBI, MEBI)]
    parts = parts_of(106 * MEBI, copied)
    assert sum(part.size for part in parts if part.origin is not None) == 95 * MEBI + 4
    assert [part.origin is None for part in parts] == [True, False, True]


@pytest.mark.parametrize("size", [5 * TEBI, 156 * GIBI, 17 * MEBI])
def test_the_biggest_objects_have_few_enough_parts(size: int) -> None:
    apart = [Copied(place, place, 6 * MEBI) for place in range(MEBI, min(size, 90 * GIBI), 8 * MEBI)]
    for copied in ([], [Copied(4, 4, size - 8)], apart):
        parts = parts_of(size, copied)
        assert len(parts) <= 10_000
        assert sum(part.size for part in parts) == size
