"""One walk finds what the expressions find one by one, whatever its memory, and reads no byte that is no UTF-8."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.detectors import ALL
from winddown.detectors.automaton import _ranges, positions_of
from winddown.detectors.cells import cells_of
from winddown.detectors.fold import fold
from winddown.detectors.look import look
from winddown.detectors.plan import plan_for
from winddown.detectors.walk import Machine, machine_of, walk
from winddown.domain.errors import Refused

WHOLE = sorted({one for kind in ALL for one in (kind.pattern, kind.typical_pattern) if one is not None})
INSIDE = sorted({kind.finder for kind in ALL if kind.finder is not None})


# Making a text of an expression with thousands of words takes long on a busy machine.
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]
POSITIONS = positions_of(dict(enumerate(WHOLE)), dict(enumerate(INSIDE)))


@pytest.fixture(scope="module")
def machine() -> Machine:
    return machine_of(POSITIONS)


def walked(machine: Machine, texts: list[str]) -> list[tuple[set[int], set[int]]]:
    cells = cells_of(pa.array(texts, pa.large_string()))
    whole, inside = np.zeros(len(texts), np.uint64), np.zeros(len(texts), np.uint64)
    walk(machine, cells.data, cells.starts, cells.ends, np.arange(len(texts)), whole, inside)
    return [tuple({bit for bit in range(64) if int(word) >> bit & 1} for word in pair) for pair in zip(whole, inside)]  # type: ignore[misc] # noqa: B905


def one_by_one(text: str) -> tuple[set[int], set[int]]:
    return (
        {bit for bit, expression in enumerate(WHOLE) if re.fullmatch(expression, text)},
        {bit for bit, expression in enumerate(INSIDE) if re.search(expression, text)},
    )


@st.composite
def nearly_matching(draw: st.DrawFn) -> str:
    text = draw(st.from_regex(draw(st.sampled_from([*WHOLE, *INSIDE])), fullmatch=draw(st.booleans())))[:120]
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text = (
            text[:place]
            + draw(st.sampled_from(["", "x", "7", "-", " ", "号", "公司", "@", ".", "\n", "🙂"]))
            + text[place + 1 :]
        )
    return fold(text)


@settings(max_examples=120, suppress_health_check=SLOW)
@given(texts=st.lists(nearly_matching().filter(bool), min_size=1, max_size=5))
def test_a_walk_finds_what_each_expression_finds(machine: Machine, texts: list[str]) -> None:
    assert walked(machine, texts) == [one_by_one(text) for text in texts]


@pytest.mark.parametrize("bit", range(len(WHOLE)))
@settings(max_examples=4, suppress_health_check=SLOW)
@given(data=st.data())
def test_what_an_expression_makes_is_found(machine: Machine, bit: int, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(WHOLE[bit], fullmatch=True).map(fold).filter(re.compile(WHOLE[bit]).fullmatch))
    assert not text or walked(machine, [text]) == [one_by_one(text)]


@settings(max_examples=25, suppress_health_check=SLOW)
@given(texts=st.lists(nearly_matching().filter(bool), min_size=1, max_size=8))
def test_a_machine_with_room_for_few_states_is_emptied_and_finds_the_same(texts: list[str]) -> None:
    small = machine_of(POSITIONS, states=4)
    assert walked(small, texts * 2) == [one_by_one(text) for text in texts * 2]


@pytest.mark.parametrize("expression", [r"(a)\1", "(?=a)", r"\d", r"\b", "(?<!a)b"])
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(Refused, match="not understood"):
        positions_of({0: expression}, {})


def test_letters_have_the_case_that_python_gives_them() -> None:
    # Of every letter of an expression that ignores case, all that Python's expressions take for the same one.
    letters = sorted({chr(code) for code in range(0x250) if chr(code).isalpha() and chr(code) in "".join(WHOLE)})
    everything = "".join(chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000)
    for letter in letters:
        found = _ranges("LITERAL", ord(letter), re.IGNORECASE)
        mine = {code for first, last in found for code in range(first, last + 1)}
        assert mine == set(map(ord, re.findall(letter, everything, re.IGNORECASE))), letter


def test_characters_beyond_the_basic_plane_are_not_told_apart() -> None:
    with pytest.raises(Refused, match="basic plane"):
        positions_of({0: "[𠀀-𠀏]"}, {})
    alike = machine_of(positions_of({0: "[^a]"}, {}))
    assert walked(alike, ["𠮷", "🙂", "a"]) == [({0}, set()), ({0}, set()), (set(), set())]


BROKEN = [
    b"\xff",
    b"\xc0\x80",
    b"\xe0\x80\x80",
    b"\xed\xa0\x80",
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xe4\xb8",
    b"\x80",
]


@settings(max_examples=300)
@given(
    st.lists(st.one_of(st.text(max_size=6).map(str.encode), st.binary(max_size=6), st.sampled_from(BROKEN)), min_size=1)
)
def test_a_cell_that_is_no_utf_8_is_refused_and_no_other(cells: list[bytes]) -> None:
    column = pa.Array.from_buffers(pa.large_string(), len(cells), pa.array(cells, pa.large_binary()).buffers())
    well = True
    for cell in cells:
        try:
            cell.decode()
        except UnicodeDecodeError:
            well = False
    try:
        look(cells_of(column), plan_for(ALL))
    except pa.ArrowInvalid:
        assert not well
    else:
        assert well


def test_values_that_differ_in_white_space_or_width_alone_are_different() -> None:
    cells = ["a", " a", "a ", "\ta", "a\t", "　a", "ａ", "", " ", "\t", " a ", "aa", "a a"]
    hashes = look(cells_of(pa.array(cells, pa.large_string())), plan_for(ALL)).hashes
    assert len(set(hashes.tolist())) == len(cells)
    again = look(cells_of(pa.array(cells[::-1], pa.large_string())), plan_for(ALL)).hashes
    assert again.tolist()[::-1] == hashes.tolist()
