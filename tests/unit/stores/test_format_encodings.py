"""Encodings of text files: told by content, proved by decoding, refused when in doubt."""

import csv
import io
import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.stores.objects import formats
from winddown.stores.objects.formats import csv_text, limits
from winddown.stores.objects.formats import encoding as module
from winddown.stores.objects.formats.encoding import encoding_of, require_utf8, utf8_pieces
from winddown.stores.objects.formats.problem import Problem, Unreadable

from .rewriting import without

SIMPLIFIED = (
    "欧阳娜娜,北京市朝阳区建国路八十八号,客户来电询问发货时间", "诸葛瑾,浙江省杭州市西湖区文三路,尾款未付请尽快联系",
    "皇甫嵩,黑龙江省齐齐哈尔市龙沙区,上次投诉已解决", "尉迟敬德,新疆维吾尔自治区喀什地区疏勒县,希望改为下午配送",
    "翟鑫磊,陕西省榆林市绥德县名州镇,建议续签合同折扣九五折", "覃婧,广西壮族自治区柳州市鹿寨县,身份证过期",
)  # fmt: skip
TRADITIONAL = (
    "歐陽娜娜,臺北市信義區忠孝東路五段,客戶來電詢問出貨時間", "諸葛瑾,高雄市左營區博愛二路,尾款未付請儘快聯絡",
    "張惠妹,香港九龍旺角彌敦道,上次投訴已解決", "陳奕迅,新竹縣竹北市光明六路,希望改為下午配送",
    "蔡依林,臺中市西屯區臺灣大道,建議續約合約折扣", "林志玲,澳門氹仔地堡街,身分證過期請補件",
)  # fmt: skip
HEADERS = ("id,name,address,note", "编号,姓名,地址,备注"), ("id,name,address,note", "編號,姓名,地址,備註")


def table(lines: tuple[str, ...], headers: tuple[str, str], rng: Random) -> str:
    rows = [f"{number},{rng.choice(lines)}" for number in range(rng.randint(1, 5))]
    return "\n".join([rng.choice(headers), *rows, ""])


@pytest.mark.parametrize(
    ("lines", "headers", "encodings"),
    [
        (SIMPLIFIED, HEADERS[0], ["gb18030", "gbk", "utf-8", "utf-8-sig", "utf-16"]),
        (TRADITIONAL, HEADERS[1], ["big5hkscs", "cp950", "utf-8", "utf-16"]),
    ],
)
def test_small_tables_are_read_in_the_encoding_that_they_are_written_in(
    lines: tuple[str, ...], headers: tuple[str, str], encodings: list[str]
) -> None:
    rng = Random(7)  # noqa: S311 - the same tables in every run
    for _ in range(200):
        text = table(lines, headers, rng)
        for encoding in encodings:
            raw = text.encode(encoding, "ignore")
            assert b"".join(utf8_pieces(io.BytesIO(raw))).decode() == raw.decode(encoding)


@given(
    st.text(st.sampled_from("ab,\n中文欧𠮷é\u2028"), min_size=1, max_size=60), st.sampled_from([1, 2, 3, 5, 1 << 22])
)
def test_utf_8_and_utf_16_are_read_whatever_the_pieces(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "PIECE", size)
        assert b"".join(utf8_pieces(io.BytesIO(text.encode()))).decode() == text
        if size > 3:
            marked = text.encode("utf-16")
            assert b"".join(utf8_pieces(io.BytesIO(marked))).decode() == text


@given(
    st.text(st.sampled_from("ab|~0\n中文欧镕丂é·𠮷\u2028"), max_size=60),
    st.sampled_from(["gb18030", "big5hkscs", "utf-16-le"]),
    st.sampled_from([1, 2, 3, 5, 1 << 16]),
    st.sampled_from([4, 7, 1 << 22]),
)
def test_steps_of_decoding_change_no_character(text: str, name: str, step: int, size: int) -> None:
    raw = text.encode(name, "ignore")
    source = io.BytesIO(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STEP", step)
        patch.setattr(limits, "PIECE", size)
        assert b"".join(module._translated(source.read(size), source, name)).decode() == raw.decode(name)
        if raw.decode(name):
            with pytest.raises(Unreadable):  # the last character is cut
                list(module._translated(raw + "中".encode(name)[:1], io.BytesIO(), name))


@given(st.text(max_size=20), st.binary(max_size=4), st.text(max_size=20))
def test_utf_8_is_what_decodes(before: str, between: bytes, after: str) -> None:
    raw = before.encode() + between + after.encode()
    try:
        raw.decode()
    except UnicodeDecodeError:
        with pytest.raises(Unreadable) as refused:
            require_utf8(raw)
        assert refused.value.problem is Problem.ENCODING
        assert refused.value.__cause__ is None
    else:
        require_utf8(raw)


WORDS = re.compile(rb"(?<![\x80-\xff])(?:[\xe4-\xe9][\x80-\xbf]{2}){2,}(?![\x80-\xff])")


def are_common(characters: str) -> bool:
    pairs = [character.encode("gb18030") for character in characters]
    return all(len(pair) == 2 and 0xB0 <= pair[0] <= 0xD7 for pair in pairs)


@given(
    st.lists(st.sampled_from([*"ab,中文欧镕丂", "的是", "\xe9", "客"]), max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
    st.sampled_from([1, 2, 3, 7, 1 << 16]),
)
def test_words_of_utf_8_are_found_wherever_they_lie(parts: list[str], are_utf8: list[bool], step: int) -> None:
    encoded = zip(parts, are_utf8, strict=False)
    raw = b"".join(part.encode("utf-8" if is_utf8 else "gb18030") for part, is_utf8 in encoded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STEP", step)
        assert module._holds_utf8(raw) == any(are_common(word.decode()) for word in WORDS.findall(raw))


def points(text: str, name: str) -> int:
    """What ``_score`` says, one character after the other."""
    found = {"frequent": 0, "common": 0, "rare": 0}
    first, last = module._LEVEL_ONE[name]
    for character in text:
        raw = b"" if character < "\x80" else character.encode(name, "replace")
        if character in module._COMMON:
            found["frequent"] += 1
        elif len(raw) == 2:
            is_level_one = 0xA1 <= raw[0] <= last and not 0xA4 <= raw[0] < first
            found["common" if is_level_one and (name != "gb18030" or raw[1] >= 0xA1) else "rare"] += 1
    if sum(found.values()) >= 30 and found["frequent"] < 0.3 * sum(found.values()):
        return -1
    return 2 * found["frequent"] + found["common"] - 2 * found["rare"]


@given(
    st.lists(st.sampled_from(["a", "\n", "的", "是", "镕", "丂", "，", "α", "é", "𠮷", "鱻", "歐", "㐂"]), max_size=60),
    st.sampled_from(["gb18030", "big5hkscs"]),
)
def test_points_are_those_of_every_character(text: list[str], name: str) -> None:
    assert module._score("".join(text), name) == points("".join(text), name)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told_by_its_zero_bytes(encoding: str) -> None:
    raw = "id,name,note\n1,欧阳娜娜,来电\n".encode(encoding)
    assert formats.recognise(raw, raw) == "csv"
    assert [row["name"] for batch in csv_text.read(io.BytesIO(raw)) for row in batch.to_pylist()] == ["欧阳娜娜"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (
            "이름,주소\n김철수,서울특별시 강남구 테헤란로 백이십삼번지 삼층\n박영희,부산광역시 해운대구 우동\n" * 3,
            "euc-kr",
        ),
        ("naïve,café\nMüller,Straße\n", "latin-1"),
        ("имя,адрес\nИванов,Москва\n", "cp1251"),
        ("氏名,住所\n山田太郎,東京都新宿区西新宿二丁目\n", "shift-jis"),
    ],
)
def test_other_encodings_are_refused_rather_than_read_wrongly(text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    with pytest.raises(Unreadable) as refused:
        formats.recognise(raw, raw)
    assert refused.value.problem is Problem.ENCODING


def test_a_file_that_begins_in_ascii_is_judged_by_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIECE", 64)
    head = "id,name,note\n" + "".join(f"{number},n,plain\n" for number in range(40))
    for encoding in ("gb18030", "utf-8"):
        raw = (head + "40,欧阳娜娜,客户来电\n" * 9).encode(encoding)
        found = [row["name"] for batch in csv_text.read(io.BytesIO(raw)) for row in batch.to_pylist()]
        assert found == ["n"] * 40 + ["欧阳娜娜"] * 9


@pytest.mark.parametrize(
    "raw",
    [
        "编号,姓名\n1,欧阳\n".encode() * 40 + "2,客户地址\n".encode("gb18030"),
        "编号,姓名\n1,客户地址\n".encode("gb18030") * 40 + "2,欧阳\n".encode() * 3,
        "编号,姓名\n".encode("utf-16") + b"\x00\xd8",
    ],
)
def test_mixed_encodings_are_refused(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIECE", 256)
    with pytest.raises(Unreadable) as refused:
        list(csv_text.read(io.BytesIO(raw)))
    assert refused.value.problem is Problem.ENCODING


def test_binary_is_no_text_and_too_little_text_is_not_guessed() -> None:
    assert formats.recognise(b"\x01\x02,\xff", b"") is None
    with pytest.raises(Unreadable):
        encoding_of(b"a,\xb0\xa1\xb0\xa1"[:3] + b"\xc0\xff")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "big5hkscs"])
def test_rows_are_removed_in_every_encoding(encoding: str) -> None:
    lines = ["編號,姓名,地址\n", '0,"歐陽\n娜娜",臺北市信義區\n', "1,張惠妹,香港九龍旺角\n", "2,許功蓋,|\n"]
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    content = (mark + "".join(lines)).encode(encoding)
    after = without("csv", content, frozenset({1}))
    assert after == (mark + "".join(lines[:2] + lines[3:])).encode(encoding)
    assert [row["編號"] for batch in csv_text.read(io.BytesIO(after)) for row in batch.to_pylist()] == ["0", "2"]


PIECES = ["a", "b", ",", '"', "\n", "\r", "\r\n", " ", "中", "0"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from([8, 24, 1 << 22]))
def test_arrow_and_the_standard_library_see_the_same_records(text: str, size: int) -> None:
    content = ("id,name\n" + text).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "PIECE", size)
        try:
            found = [list(row.values()) for b in csv_text.read(io.BytesIO(content)) for row in b.to_pylist()]
        except Unreadable:
            return
    header, *raw = csv_text._records(content)
    parsed = csv_text._parsed([record.decode() for record in raw], ",")
    assert found == [[value or None for value in row] for row in parsed]
    assert without("csv", content, frozenset()) == content
    assert len(header) + sum(map(len, raw)) == len(content)


def test_quotes_of_real_writers_go_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_parsed", lambda lines, delimiter: [next(csv.reader(lines, delimiter=delimiter))])
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "note"], ["1", 'say "x", twice\n'], ["2", '""'], ["3", ""]])
    content = sink.getvalue().encode()
    found = [row["note"] for batch in csv_text.read(io.BytesIO(content)) for row in batch.to_pylist()]
    assert found == ['say "x", twice\n', '""', None]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"id,name\n1,a\n2\n", Problem.BROKEN),
        (b"id,name\n1,a,b\n", Problem.BROKEN),
        (b'id,name\n"1,a\n', Problem.BROKEN),
        (b"id,name,id\n1,a,2\n", Problem.FIELDS),
    ],
)
def test_a_table_that_is_none_is_named(content: bytes, problem: Problem) -> None:
    with pytest.raises(Unreadable) as refused:
        list(csv_text.read(io.BytesIO(content)))
    assert (refused.value.problem, refused.value.__cause__) == (problem, None)


def test_names_with_quotes_and_line_ends_are_names() -> None:
    content = b'"a""b","c\nd",""\n1,2,3\n'
    (row,) = [row for batch in csv_text.read(io.BytesIO(content)) for row in batch.to_pylist()]
    assert row == {'a"b': "1", "c\nd": "2", "": "3"}
