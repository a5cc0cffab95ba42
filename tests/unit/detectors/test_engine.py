"""The columnar engine counts what a loop over cells counts, and keeps nothing."""

import datetime as dt
import decimal
import pickle
import random
import unicodedata
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winddown.detectors import ALL, ColumnProfile, Profiler
from winddown.detectors.columnar import recognise
from winddown.detectors.fold import buffers, fold, folds_elsewhere, narrow
from winddown.detectors.plan import plan_for
from winddown.detectors.recognise import found_inside, holds
from winddown.detectors.sketch import KEPT, DistinctSketch
from winddown.domain.errors import Refused


def profile_of(array: pa.Array, *, batch: int = 1000) -> ColumnProfile:
    profiler = Profiler(["c"])
    for start in range(0, max(len(array), 1), batch):
        profiler.feed(pa.record_batch({"c": array.slice(start, batch)}))
    return profiler.profiles()["c"]


def naive(cells: list[str]) -> tuple[Counter[str], Counter[str]]:
    whole: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    for cell in cells:
        whole.update(kind.id for kind in ALL if holds(kind, cell))
        inside.update(kind.id for kind in ALL if found_inside(kind, cell))
    return whole, inside


FRAGMENTS = [
    "13812345678",
    "+86 138-1234-5678",
    "１３８１２３４５６７８",
    "11010519491231002X",
    "110105 19491231 002x",
    "91110000600037341L",
    "60003734-1",
    "4111 1111 1111 1111",
    "6222021234567890128",
    "490154203237518",
    "A123456(3)",
    "a123456789",
    "1M8GDM9AXKP042788",
    "GB82 WEST 1234 5698 7654 32",
    "DE89 3704 0044 0532 0130 00",
    "010-62345678",
    "zhang.san@example.com",
    "王小明",
    "欧阳娜娜",
    "联系人：李四",
    "张女士",
    "浙江省杭州市西湖区文三路138号",
    "杭州某某科技有限公司",
    "1985-03-21",
    "1985年3月21日",
    "203.0.113.7",
    "2001:db8::1",
    "E12345678",
    "京A12345",
    "粤B·D12345",
    "138****5678",
    "张*",
    "5d41402abc4b2a76b9719d911017c592",
    "①②③",
    "ﬁ",
    "\u3000",
    " ",
    ",",
    "。",
    "，",
    "请",
    "电话",
    "(",
    ")",
    "-",
    "x",
    "0",
    "é",
    "ｶﾞ",
    "\n",
    "🙂",
    "“",
    "…",
    "12.50",
    "/",
    "@",
    "*",
    ".",
    "110105491231002",
    "400-810-8888",
]
pieces = st.lists(st.sampled_from(FRAGMENTS), max_size=5).map("".join)
texts = st.one_of(st.sampled_from(FRAGMENTS), pieces, st.text(max_size=12), st.text("0123456789- ()+xXAa", max_size=24))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.none(), texts), min_size=1, max_size=25))
def test_counts_equal_a_loop_over_cells(cells: list[str | None]) -> None:
    profile = profile_of(pa.array(cells, pa.string()), batch=7)
    whole, inside = naive([cell for cell in cells if cell is not None])
    assert profile.matches == whole
    assert profile.embedded == inside
    assert profile.nulls == cells.count(None)
    assert profile.blanks == sum(fold(cell) == "" for cell in cells if cell is not None)
    assert profile.distinct == len({cell for cell in cells if cell is not None})


def test_every_character_that_folds_is_known() -> None:
    # U+FFFE and the like are characters too; only surrogates cannot be stored.
    known = {*folds_elsewhere().tolist(), *narrow()[0].tolist()}
    characters = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert {code for code in characters if unicodedata.normalize("NFKC", chr(code)) != chr(code)} <= known
    pairs = [unicodedata.decomposition(chr(code)).split() for code in characters]
    composing = [(int(pair[0], 16), int(pair[1], 16)) for pair in pairs if len(pair) == 2 and "<" not in pair[0]]
    composing += [(0x1100, vowel) for vowel in range(0x1161, 0x1176)] + [(0xAC00, end) for end in range(0x11A8, 0x11C3)]
    assert {
        last for first, last in composing if len(unicodedata.normalize("NFC", chr(first) + chr(last))) == 1
    } <= known


@pytest.mark.parametrize(
    "text",
    [
        "138****5678\U0001ccd6½",
        "北京" + "\u1100\u1161\u11a8" * 30 + "路1号",
        "\u0130slam",
        "chr\u0131stian",
        "12345ﬁ　",
    ],
)
def test_unusual_characters_fold_as_in_one_text(text: str) -> None:
    profile = profile_of(pa.array([text]))
    assert (profile.matches, profile.embedded) == naive([text])


def test_a_null_in_a_dictionary_is_a_null() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, None]), pa.array(["13812345678", None]))
    profile = profile_of(column)
    assert (profile.cells, profile.nulls, profile.blanks, profile.matches["mobile"]) == (4, 3, 0, 1)


def test_buffers_of_a_slice_are_those_of_its_cells() -> None:
    data, offsets = buffers(pa.array(["ab", "c", "", "def"], pa.large_string()).slice(1, 3))
    assert bytes(data) == b"cdef"
    assert offsets.tolist() == [0, 1, 1, 4]


def test_rare_values_are_counted_exactly(rng: random.Random, make: dict) -> None:
    words = ["已发货", "客户要求改期，单号20240512", "ok", "价格12.50元", "“谢谢”"]
    cells = [rng.choice(words) + str(row) for row in range(100_000)]
    for row in range(0, 100_000, 10_000):
        cells[row] = "邮箱zhang@qq.com请，电话" + make["mobile"](rng) + "，证件：" + make["resident_id"](rng) + "。"
    profile = profile_of(pa.array(cells), batch=33_333)
    assert profile.embedded["resident_id"] == 10
    assert profile.embedded["mobile"] == 10
    assert profile.embedded["email"] == 10
    assert profile.cells == profile.filled == 100_000


PLAIN = st.lists(st.sampled_from([each for each in FRAGMENTS if each.isascii()] + ["a1b2c3d4", "x" * 40]), max_size=6)
LONG = st.lists(st.sampled_from([*FRAGMENTS, "客户来电询问，" * 9, "confirmed by warehouse "]), max_size=30)


@settings(max_examples=75, deadline=None)
@given(st.lists(st.one_of(PLAIN.map("".join), PLAIN.map(" ".join), LONG.map("".join)), min_size=1, max_size=12))
def test_long_text_and_plain_ascii_are_counted_alike(cells: list[str]) -> None:
    profile = profile_of(pa.array(cells, pa.large_string()), batch=5)
    assert (profile.matches, profile.embedded) == naive(cells)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), texts), min_size=1, max_size=20), st.integers(0, 5))
def test_slices_dictionaries_and_nulls_are_counted_as_what_they_show(cells: list[str | None], skipped: int) -> None:
    whole, inside = naive([cell for cell in cells[skipped:] if cell is not None])
    array = pa.array(cells, pa.string())
    for form in (array, array.dictionary_encode(), array.cast(pa.large_string()), array.cast(pa.string_view())):
        profile = profile_of(form.slice(skipped))
        assert (profile.matches, profile.embedded) == (whole, inside)
        assert (profile.cells, profile.nulls) == (len(cells[skipped:]), cells[skipped:].count(None))


@settings(max_examples=50, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=12))
def test_characters_of_gb_18030_and_full_width_digits_are_counted_as_their_narrow_forms(cells: list[str]) -> None:
    wide = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
    cells = [each for cell in cells for each in (cell.translate(wide), f"𠮷㐂{cell}䶮", f"{cell}🙂𝟏𝟑𝟖", f"²{cell}")]
    profile = profile_of(pa.array(cells))
    assert (profile.matches, profile.embedded) == naive(cells)


def test_the_forms_that_were_tried_are_counted_whether_or_not_a_clue_was_seen() -> None:
    cells = ["浙江省杭州市西湖区文三路138号", "没有任何地名的一段普通的话", "短"]
    assert profile_of(pa.array(cells)).shaped["address"] == 2


def test_a_column_of_nulls_in_any_form_is_read() -> None:
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.int64(), pa.float64()):
        profile = profile_of(pa.nulls(5, kind))
        assert (profile.cells, profile.nulls, profile.filled, profile.matches) == (5, 5, 0, {})


def test_text_that_is_no_utf_8_is_unread_and_not_quoted() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"13812345678\xff"], pa.binary()).buffers())
    profile = profile_of(broken)
    assert (profile.unread, profile.unread_because) == (1, ("text that is not UTF-8",))


def test_words_do_not_run_across_cells() -> None:
    profile = profile_of(pa.array(["x 1381234", "5678 y", "电话138", "12345678"]))
    assert "mobile" not in profile.matches
    assert "mobile" not in profile.embedded


def test_edges_are_no_letters_and_no_digits() -> None:
    cells = ["电话13812345678", "a13812345678", "138123456789", "13812345678.", "x=13812345678;"]
    assert profile_of(pa.array(cells)).embedded == {"mobile": 3}


def test_a_sentence_of_repeated_values_is_weighted(make: dict, rng: random.Random) -> None:
    number = make["mobile"](rng)
    cells = ["open", "closed", f"call {number}", "", None] * 4000
    plain = profile_of(pa.array(cells), batch=20_000)
    coded = profile_of(pa.array(cells).dictionary_encode(), batch=20_000)
    for profile in (plain, coded):
        assert profile.embedded["mobile"] == 4000
        assert (profile.cells, profile.nulls, profile.blanks, profile.distinct) == (20_000, 4000, 4000, 4)


@pytest.mark.parametrize(
    ("array", "mobiles"),
    [
        (pa.array([13812345678, None, 5], pa.int64()), 1),
        (pa.array([13812345678, 7], pa.uint64()), 1),
        (pa.array([13812345678.0, float("nan"), 1.5, None]), 1),
        (pa.array([decimal.Decimal("13812345678.00"), decimal.Decimal("1.25")]), 1),
        (pa.array([decimal.Decimal("13812345678.00"), decimal.Decimal("1.25")], pa.decimal64(18, 2)), 1),
        (pa.array([decimal.Decimal("13812345678.000"), decimal.Decimal("1.25")], pa.decimal256(60, 3)), 1),
        (pa.array([decimal.Decimal(13812345678), None], pa.decimal128(20, 0)), 1),
        (pa.array([b"13812345678", None], pa.binary()), 1),
        (pa.array([b"13812345678", None], pa.binary_view()), 1),
        (pa.array(["13812345678"], pa.string_view()), 1),
        (pa.array(["13812345678"], pa.large_string()), 1),
        (pa.array([["13812345678", "x"], [], None]), 1),
        (pa.array([["13812345678"]], pa.list_(pa.string(), 1)), 1),
        (pa.array([[("k", "13812345678")]], pa.map_(pa.string(), pa.string())), None),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_every_type_that_can_hold_a_number_is_read(array: pa.Array, mobiles: int | None) -> None:
    profiler = Profiler(["c"])
    profiler.feed(pa.record_batch({"c": array}))
    profiles = profiler.profiles()
    assert sum(profile.matches.get("mobile", 0) for profile in profiles.values()) == (mobiles or 1)
    assert all(profile.unread == 0 for profile in profiles.values())


def test_members_of_structs_have_profiles_of_their_own() -> None:
    rows = [{"phone": "13812345678", "n": {"mail": "a@b.com"}}, None, {"phone": None, "n": None}]
    profiler = Profiler(["owner"])
    profiler.feed(pa.record_batch({"owner": pa.array(rows)}))
    profiles = profiler.profiles()
    assert profiles["owner"].members == ("owner.phone", "owner.n")
    assert profiles["owner.phone"].matches["mobile"] == 1
    assert profiles["owner.phone"].nulls == 1
    assert profiles["owner.n.mail"].matches == {"email": 1}


def test_what_cannot_be_read_is_said() -> None:
    profile = profile_of(pa.array([b"\xff\xfe\x00", b"text", None]))
    assert (profile.unread, profile.filled, profile.nulls) == (2, 0, 1)
    assert profile.unread_because == ("bytes that are not UTF-8 text",)
    union = pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["x"])]
    )
    assert profile_of(union).unread == 2


def test_dates_are_counted_by_type() -> None:
    dates = pa.array([dt.date(1985, 3, 21), dt.date(2024, 1, 1), None, dt.date(1, 1, 1)])
    profile = profile_of(dates)
    assert profile.matches == {"birth_date": 2}
    assert profile.typical == {"birth_date": 1}
    assert profile_of(pa.array([True, None])).filled == 1


def test_distinct_is_exact_when_few_and_close_when_many() -> None:
    few = profile_of(pa.array([f"v{row % 3000}" for row in range(30_000)]))
    assert few.distinct == 3000
    assert few.distinct_is_exact
    many = profile_of(pa.array([f"v{row % 90_000}" for row in range(200_000)]), batch=100_000)
    assert not many.distinct_is_exact
    assert many.distinct == pytest.approx(90_000, rel=4 / KEPT**0.5)


def test_what_cannot_be_among_the_smallest_does_not_wait() -> None:
    sketch = DistinctSketch()
    sketch.add_hashes(np.arange(2 * KEPT, dtype=np.uint64))
    for hashed in range(KEPT, 2 * KEPT):
        sketch.add_hashes(np.array([hashed], np.uint64))
    assert sketch._waiting == []
    sketch.add_hashes(np.array([0], np.uint64))
    assert sketch._waiting_count == 1


def test_sequences_are_noticed() -> None:
    assert profile_of(pa.array(range(100), pa.int64())).sequential == 99


def test_an_undeclared_field_is_refused() -> None:
    profiler = Profiler(["a"])
    with pytest.raises(Refused, match="declared"):
        profiler.feed(pa.record_batch({"a": ["x"], "b": ["y"]}))
    with pytest.raises(Refused, match="share one name"):
        Profiler(["a", "a"])


def test_no_value_is_kept(rng: random.Random, make: dict) -> None:
    values = [make[kind](rng) for kind in ("mobile", "resident_id", "bank_card", "person_name") for _ in range(200)]
    cells = values + [f"备注{value}，谢谢" for value in values]
    profiler = Profiler(["c"])
    profiler.feed(pa.record_batch({"c": cells}))
    kept = pickle.dumps(profiler.profiles()) + repr(profiler.profiles()).encode() + pickle.dumps(profiler._tallies)
    for value in values:
        assert value.encode() not in kept
        if value.isdigit():
            assert int(value).to_bytes(8, "little") not in kept


def test_nothing_is_marked_for_an_empty_column() -> None:
    assert not any(map(len, recognise(pa.array([], pa.large_string()), plan_for(ALL)).words.values()))
    assert profile_of(pa.array([], pa.string())).cells == 0
    assert profile_of(pa.nulls(3)).nulls == 3
