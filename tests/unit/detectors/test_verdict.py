"""A table of columns and what must be said of each."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pytest

from winddown.detectors import ColumnProfile, ColumnVerdict, Profiler, Status, judge
from winddown.detectors.lexicon import read_header
from winddown.detectors.weigh import chance_bound

ROWS = 3000


@dataclass(frozen=True)
class Column:
    header: str
    make: Callable[[random.Random, dict], object]
    kind: str | None
    status: str
    comment: str = ""
    contains: frozenset[str] | None = None
    rows: int = ROWS


def text_with(kind: str, *, every: int) -> Callable[[random.Random, dict], str]:
    def make(rng: random.Random, makers: dict) -> str:
        text = rng.choice(["已联系客户，", "发货时间待定；", "尾款12.50元，", "system 2.3.1 ok, "]) + str(
            rng.randint(0, 9999)
        )
        return f"{text}，号码{makers[kind](rng)}。" if rng.randrange(every) == 0 else text

    return make


def serial(rng: random.Random, _: dict) -> str:
    return f"1{rng.randint(0, 10**10 - 1):010}"


def words(*choices: str) -> Callable[[random.Random, dict], str]:
    return lambda rng, _: rng.choice(choices)


def order_number(rng: random.Random, _: dict) -> str:
    # A shop code that is a division code, then a date: everything of a resident number but the check digit.
    return f"110105{rng.randint(2015, 2024)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{rng.randint(0, 9999):04}"


def half(one: str, other: str) -> Callable[[random.Random, dict], str]:
    return lambda rng, makers: makers[one](rng) if rng.random() < 0.5 else other + str(rng.randint(0, 10**6))


COLUMNS = [
    Column("mobile", lambda rng, make: make["mobile"](rng), "mobile", "confirmed"),
    Column("f7", lambda rng, make: make["mobile"](rng), "mobile", "confirmed"),
    Column("f8", lambda rng, make: int(make["mobile"](rng)), "mobile", "confirmed"),
    Column("客户手机号", lambda rng, make: f"+86 {make['mobile'](rng)}", "mobile", "confirmed"),
    Column("serial_no", serial, None, "none"),
    Column("c3", serial, "mobile", "ambiguous"),
    Column("serial_no", lambda rng, make: make["mobile"](rng), "mobile", "ambiguous"),
    Column("phone", words("是", "否"), "mobile", "header_only"),
    Column("phone", lambda rng, make: make["mobile"](rng)[:3] + "****5678", "masked", "confirmed"),
    Column("phone_status", words("verified", "open"), None, "none"),
    Column("f1", half("mobile", "word"), "mobile", "ambiguous"),
    Column("id_card", lambda rng, make: make["resident_id"](rng), "resident_id", "confirmed"),
    Column("f2", lambda rng, make: make["resident_id"](rng).lower(), "resident_id", "confirmed"),
    Column("order_no", order_number, None, "none"),
    Column("f3", order_number, None, "none"),
    Column("f3", lambda rng, _: f"{rng.randint(10**17, 10**18 - 1)}", None, "none"),
    Column("身份证号", order_number, "resident_id", "ambiguous"),
    Column("snowflake", lambda rng, _: rng.randint(62 * 10**16, 63 * 10**16), None, "none"),
    Column("uscc", lambda rng, make: make["uscc"](rng), "uscc", "confirmed"),
    Column("f4", lambda rng, make: make["uscc"](rng), "uscc", "confirmed"),
    Column("f5", lambda rng, make: make["bank_card"](rng), "bank_card", "confirmed"),
    Column("f6", lambda rng, make: make["imei"](rng), "imei", "confirmed"),
    Column("f6", lambda rng, make: make["business_registration"](rng), "business_registration", "confirmed"),
    Column("customer_name", lambda rng, make: make["person_name"](rng), "person_name", "confirmed"),
    Column("f9", lambda rng, make: make["person_name"](rng), "person_name", "confirmed"),
    Column("product_name", words("高级会员", "金牌套餐", "白云石", "黄金卡", "成功礼包"), None, "none"),
    Column("f10", words("成功", "高级", "金额", "方案", "常规"), None, "none"),
    Column("status", words("paid", "open", "closed"), None, "none"),
    Column("id", lambda rng, _: rng.randint(10**6, 10**8), None, "none"),
    Column("amount", lambda rng, _: f"{rng.random() * 10000:.2f}", None, "none"),
    Column("created_at", lambda rng, _: f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}", None, "none"),
    Column(
        "出生日期", lambda rng, _: f"{rng.randint(1950, 2005)}-{rng.randint(1, 12):02}-01", "birth_date", "confirmed"
    ),
    Column("f11", lambda rng, _: f"{rng.randint(1950, 2005)}-{rng.randint(1, 12):02}-01", "birth_date", "ambiguous"),
    Column("app_version", lambda rng, _: ".".join(str(rng.randint(0, 30)) for _ in range(4)), None, "none"),
    Column("f12", lambda rng, _: ".".join(str(rng.randint(0, 30)) for _ in range(4)), "ip_address", "ambiguous"),
    Column("f13", lambda rng, _: ".".join(str(rng.randint(1, 254)) for _ in range(4)), "ip_address", "confirmed"),
    Column("qq", lambda rng, _: rng.randint(10**6, 10**9), "qq", "confirmed"),
    Column("wechat", lambda rng, _: f"wxid_{rng.getrandbits(40):010x}", "wechat", "confirmed"),
    Column(
        "地址", lambda rng, _: f"杭州市西湖区文{rng.randint(1, 99)}路{rng.randint(1, 999)}号", "address", "confirmed"
    ),
    Column(
        "f14", lambda rng, _: f"杭州市西湖区文{rng.randint(1, 99)}路{rng.randint(1, 999)}号", "address", "confirmed"
    ),
    Column("f15", lambda rng, _: f"{rng.randint(0, 10**7)}@qq.com", "email", "confirmed"),
    Column("f16", lambda rng, _: f"{rng.getrandbits(128):032x}", "hashed", "confirmed"),
    Column("f17", lambda rng, _: f"E{rng.randint(0, 10**8 - 1):08}", "passport", "ambiguous"),
    Column("hzh", lambda rng, _: f"E{rng.randint(0, 10**8 - 1):08}", "passport", "confirmed"),
    Column("sku", lambda rng, _: f"E{rng.randint(0, 10**8 - 1):08}", None, "none"),
    Column("f18", lambda rng, _: f"某某{rng.randint(1, 999)}科技有限公司", "company_name", "confirmed"),
    Column("remark", text_with("resident_id", every=1000), "resident_id", "confirmed", rows=20_000),
    Column("remark", text_with("mobile", every=50), "mobile", "confirmed", rows=20_000),
    Column("remark", text_with("imei", every=10**9), None, "none"),
    Column("col_1", lambda rng, make: make["mobile"](rng), "mobile", "confirmed", comment="联系电话"),
    Column("phone", lambda *_: None, "mobile", "header_only"),
    Column("address_id", lambda rng, _: rng.randint(1, 600), None, "none"),
    Column("email", lambda rng, _: rng.randint(1, 600), None, "none"),
    Column("address_id", lambda rng, _: str(rng.randint(1, 600)), "address", "header_only"),
    Column("marital_status", lambda rng, _: rng.randint(0, 3), "marital_status", "header_only"),
    Column("x", lambda *_: None, None, "none"),
]


def profile(column: Column, makers: dict) -> ColumnProfile:
    rng = random.Random(11)  # noqa: S311 - seeded test data
    cells = pa.array([column.make(rng, makers) for _ in range(column.rows)])
    profiler = Profiler([column.header])
    profiler.feed(pa.record_batch({column.header: cells}))
    return profiler.profiles()[column.header]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: f"{column.header}-{column.kind}-{column.status}")
def test_verdict(column: Column, make: dict) -> None:
    verdict = judge(profile(column, make), header=None, comment=column.comment, siblings=())
    assert (verdict.kind, verdict.status) == (column.kind, column.status), verdict
    assert verdict.reasons or verdict.counter_evidence
    if verdict.status is Status.CONFIRMED:
        assert verdict.kind in verdict.contains


def said(header: str, values: list[object], *, siblings: tuple[str, ...] = ()) -> ColumnVerdict:
    profiler = Profiler([header])
    profiler.feed(pa.record_batch({header: pa.array(values)}))
    return judge(profiler.profiles()[header], siblings=siblings)


def test_counter_evidence_says_why_a_serial_is_no_phone(make: dict) -> None:
    verdict = judge(profile(Column("serial_no", serial, None, "none"), make))
    assert any("serial_no" in sentence for sentence in verdict.counter_evidence)
    assert any("operators" in sentence for sentence in verdict.counter_evidence)


def test_a_remark_loses_neither_of_two_kinds(make: dict, rng: random.Random) -> None:
    cells = [f"第{row}条" for row in range(5000)]
    cells[::100] = [f"电话{make['mobile'](rng)}，证件{make['resident_id'](rng)}" for _ in cells[::100]]
    verdict = said("remark", cells)
    assert verdict.status is Status.CONFIRMED
    assert set(verdict.contains) >= {"mobile", "resident_id"}


def test_one_identity_number_is_reported(make: dict, rng: random.Random) -> None:
    cells = [f"第{row}条" for row in range(5000)]
    cells[77] = "证件" + make["resident_id"](rng)
    verdict = said("remark", cells)
    assert (verdict.kind, verdict.status) == ("resident_id", Status.AMBIGUOUS)


def test_one_value_repeated_is_one_piece_of_evidence(make: dict, rng: random.Random) -> None:
    one = make["uscc"](rng)
    assert said("f1", [one] * 5000).status is Status.AMBIGUOUS
    assert said("shop_uscc", [one] * 5000).status is Status.CONFIRMED


def test_half_of_the_check_digits_is_no_confirmation(make: dict, rng: random.Random) -> None:
    cells = [make["resident_id"](rng) for _ in range(500)] + [order_number(rng, {}) for _ in range(500)]
    verdict = said("f1", cells)
    assert (verdict.kind, verdict.status) == ("resident_id", Status.AMBIGUOUS)


def test_unread_cells_never_pass_silently() -> None:
    verdict = said("f1", [b"\xff\xfe", b"\xfe"])
    assert verdict.status is Status.AMBIGUOUS
    assert "2 of 2 cells could not be read" in verdict.counter_evidence[-1]


def test_siblings_lower_the_bar_for_names(make: dict, rng: random.Random) -> None:
    cells = [make["person_name"](rng) if row % 5 else "vip" + str(row) for row in range(1000)]
    cells[::4] = [f"guest{row}" for row in range(len(cells[::4]))]
    assert said("f1", cells).status is Status.AMBIGUOUS
    assert said("f1", cells, siblings=("mobile", "address")).status is Status.CONFIRMED


def test_reasons_hold_no_values(make: dict) -> None:
    for column in COLUMNS[:30]:
        rng = random.Random(11)  # noqa: S311 - seeded test data
        values = {str(column.make(rng, make)) for _ in range(200)}
        verdict = judge(profile(column, make), comment=column.comment)
        sentences = " ".join((*verdict.reasons, *verdict.counter_evidence))
        assert not any(len(value) > 8 and value in sentences for value in values)


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        ("custMobileNo", {"mobile"}),
        ("CUST_ID_CARD", {"resident_id"}),
        ("收货人姓名", {"person_name", "western_name"}),
        ("order_phone", {"mobile", "phone_abroad"}),
        ("lxdh", {"mobile"}),
        ("login_ip_address", {"ip_address"}),
        ("tel", {"mobile", "landline", "phone_abroad"}),
        ("email_verified", set()),
        ("product_name", set()),
        ("城市名称", set()),
        ("shipping", set()),
        ("手机号状态", set()),
        ("xm", {"person_name"}),
        ("credit_card_cvv", {"card_security_code"}),
        ("id_card_address", {"address", "address_latin"}),
    ],
)
def test_headers(header: str, kinds: set[str]) -> None:
    assert read_header(header).kinds == kinds


def test_the_bound_is_never_below_the_probability() -> None:
    rng = random.Random(5)  # noqa: S311 - seeded test data
    trials = [sum(rng.random() < 0.3 for _ in range(20)) for _ in range(20_000)]
    for hits in range(7, 15):
        seen = sum(each >= hits for each in trials) / len(trials)
        assert seen <= chance_bound(hits, 20, 0.3) * 1.1
    assert chance_bound(20, 20, 0.3) == pytest.approx(0.3**20)
