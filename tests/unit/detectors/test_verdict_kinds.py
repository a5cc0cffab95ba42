"""Columns of the kinds beyond the first ones, columns of what must never pass for one, and rare values."""

import base64
import random
from collections.abc import Callable

import pyarrow as pa
import pytest
from stdnum import luhn, verhoeff
from stdnum.iso7064 import mod_11_2

from winddown.detectors import ALL, BY_ID, ColumnVerdict, Profiler, Proof, Status, judge
from winddown.detectors.lexicon import OF_COMPANIES

Maker = Callable[[random.Random], object]


def digits(rng: random.Random, width: int) -> str:
    return "".join(rng.choices("0123456789", k=width))


def said(header: str, make: Maker, *, rows: int = 600, siblings: tuple[str, ...] = ()) -> ColumnVerdict:
    rng = random.Random(13)  # noqa: S311 - seeded test data
    profiler = Profiler([header])
    profiler.feed(pa.record_batch({header: pa.array([make(rng) for _ in range(rows)])}))
    return judge(profiler.profiles()[header], siblings=siblings)


def permit(rng: random.Random) -> str:
    body = f"8{rng.randint(1, 3)}0000{rng.randint(1960, 2004)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    body += digits(rng, 3)
    return body + mod_11_2.calc_check_digit(body)


def aadhaar(rng: random.Random) -> str:
    body = str(rng.randint(2, 9)) + digits(rng, 10)
    return body + verhoeff.calc_check_digit(body)


def sim(rng: random.Random) -> str:
    body = "8986" + digits(rng, 14)
    return body + luhn.calc_check_digit(body)


SURNAMES = "Zhang Wang Li Zhao Chen Yang Wu Liu Huang Zhou Xu Sun Ma Zhu Hu Guo He Deng Cao Peng".split()  # noqa: SIM905
FIRST = "James Mary Robert Patricia John Jennifer Linda Thomas Hans Giulia Pierre Carmen Ingrid".split()  # noqa: SIM905
LAST = "Smith Meyer Rossi Garcia Dubois Novak Hansen Costa Brown Bianchi".split()  # noqa: SIM905


def pinyin(rng: random.Random) -> str:
    given = rng.choice(("Xiao", "Jian", "Wen", "Guo", "Hai", "Ming", "Li"))
    return f"{rng.choice(SURNAMES)} {given}{rng.choice(('ming', 'hua', 'wei', 'jun', 'ping', 'lan'))}"


def western(rng: random.Random) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def one_of(*words: object) -> Maker:
    return lambda rng: rng.choice(words)


FINGER = base64.b64encode(b"FMR\x00 20\x00" + bytes(range(90))).decode()

GENUINE: list[tuple[str, Maker, str]] = [
    ("居住证号", permit, "hmt_residence"),
    ("f1", permit, "hmt_residence"),
    ("澳门身份证", lambda rng: f"{rng.choice('157')}{digits(rng, 6)}({digits(rng, 1)})", "macau_id"),
    ("台胞证号", lambda rng: digits(rng, 8), "taiwan_permit"),
    ("回乡证号", lambda rng: rng.choice("HM") + digits(rng, 8), "home_return_permit"),
    ("港澳通行证", lambda rng: "C" + digits(rng, 8), "hk_macau_permit"),
    ("军官证号", lambda rng: f"军字第{digits(rng, 7)}号", "military_id"),
    ("f2", lambda rng: f"军字第{digits(rng, 7)}号", "military_id"),
    ("驾驶证档案编号", lambda rng: "3301" + digits(rng, 8), "driving_licence"),
    ("ssn", lambda rng: f"{rng.randint(100, 599)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}", "us_ssn"),
    ("f3", lambda rng: f"{rng.randint(100, 599)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}", "us_ssn"),
    ("ssn", lambda rng: f"{rng.randint(100, 599)}{rng.randint(10, 99)}{rng.randint(1000, 9999)}", "us_ssn"),
    ("f4", aadhaar, "aadhaar"),
    ("f5", sim, "iccid"),
    ("f6", lambda rng: f"4600{rng.randint(0, 9)}{digits(rng, 10)}", "imsi"),
    ("f7", lambda rng: ":".join(f"{rng.getrandbits(8):02X}" for _ in range(6)), "mac_address"),
    ("f8", lambda rng: f"{rng.uniform(20, 50):.5f},{rng.uniform(80, 130):.5f}", "gps_position"),
    ("lat", lambda rng: rng.uniform(20, 50), "latitude"),
    ("经度", lambda rng: f"{rng.uniform(80, 130):.6f}", "longitude"),
    ("年龄", lambda rng: rng.randint(1, 99), "age"),
    ("f9", one_of("男", "女"), "gender"),
    ("性别", lambda rng: rng.randint(0, 2), "gender"),
    ("f10", one_of("汉族", "回族", "满族", "藏族"), "ethnicity"),
    ("宗教信仰", one_of("无", "佛教", "基督教"), "religion"),
    ("婚姻状况", one_of("已婚", "未婚", "离异"), "marital_status"),
    ("f11", one_of("A型", "B型", "AB型", "O型"), "blood_type"),
    ("f12", one_of("A", "B", "AB", "O"), "blood_type"),
    ("政治面貌", one_of("群众", "中共党员"), "political_status"),
    ("学历", one_of("本科", "大专", "高中"), "education"),
    ("病历号", lambda rng: "ZY" + digits(rng, 8), "medical_record"),
    ("社保卡号", lambda rng: digits(rng, 9), "social_insurance"),
    ("诊断", one_of("高血压", "糖尿病", "骨折"), "diagnosis"),
    ("指纹", lambda rng: "/9j/" + "A" * rng.randint(40, 90), "biometric"),
    ("f13", lambda rng: FINGER + digits(rng, 8), "biometric"),
    ("f14", pinyin, "pinyin_name"),
    ("姓名", pinyin, "pinyin_name"),
    ("f15", western, "western_name"),
    ("name", western, "western_name"),
    ("f16", lambda rng: f"+852 {rng.randint(2000, 9999)} {digits(rng, 4)}", "phone_abroad"),
    ("f17", lambda rng: f"eyJhbGciOiJIUzI1NiJ9.eyJ{digits(rng, 20)}.{digits(rng, 20)}", "jwt"),
    ("f18", lambda rng: "AKIA" + "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16)), "api_key"),
    ("f19", lambda rng: "$2b$12$" + "".join(rng.choices("abcdefgh./ABCDEFGH0123", k=53)), "password_hash"),
    ("password", lambda rng: f"pw{digits(rng, 6)}!", "password"),
    ("成本价", lambda rng: f"{rng.random() * 100:.2f}", "price"),
    ("cost_price", lambda rng: rng.random() * 100, "price"),
    ("合同编号", lambda rng: f"HT-{digits(rng, 6)}", "contract_number"),
    ("公司名称", lambda rng: f"Alfreds {digits(rng, 3)} Futterkiste", "company_name"),
    ("用户名", lambda rng: f"user_{digits(rng, 5)}", "username"),
    ("birth_date", lambda rng: f"{rng.randint(2012, 2020)}-03-{rng.randint(1, 28):02}T08:30:00.000Z", "birth_date"),
    ("passwordHash", lambda rng: base64.b64encode(rng.randbytes(32)).decode(), "password"),
    ("车牌", lambda rng: f"京A-{digits(rng, 5)}", "vehicle_plate"),
]


@pytest.mark.parametrize(("header", "make", "kind"), GENUINE, ids=[f"{row[0]}-{row[2]}" for row in GENUINE])
def test_genuine_columns_are_confirmed(header: str, make: Maker, kind: str) -> None:
    verdict = said(header, make)
    assert (verdict.kind, verdict.status) == (kind, Status.CONFIRMED), verdict
    assert verdict.reasons


CITIES = (
    "杭州市",
    "上海市",
    "成都市",
    "New York",
    "London",
    "San Francisco",
    "Paris",
    "Springfield",
    "Lake Charles",
    "Berlin",
)
PRODUCTS = (
    "高级会员",
    "金牌套餐",
    "Widget A-12",
    "Steel Bolt M8",
    "Mountain Bike",
    "Road Frame",
    "白云石",
    "Ice Cream",
)
IMPOSTORS: list[tuple[str, str, Maker]] = [
    ("order number", "order_no", lambda rng: f"2024{rng.randint(1, 12):02}{rng.randint(1, 28):02}{digits(rng, 10)}"),
    ("order number of twelve", "order_no", lambda rng: f"24{rng.randint(1, 12):02}{digits(rng, 8)}"),
    ("order number of nine", "order_id", lambda rng: f"{rng.randint(1, 9)}{digits(rng, 8)}"),
    ("order number of thirteen", "order_id", lambda rng: f"{rng.randint(1, 9)}{digits(rng, 12)}"),
    ("lettered order number", "order_no", lambda rng: f"SO{digits(rng, 7)}"),
    ("snowflake", "id", lambda rng: rng.randint(10**17, 10**18)),
    ("amount", "amount", lambda rng: f"{rng.random() * 100_000:.2f}"),
    ("amount as number", "amount", lambda rng: rng.random() * 100_000),
    ("fraction", "score", lambda rng: f"{rng.random() * 90:.6f}"),
    (
        "timestamp",
        "created_at",
        lambda rng: f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} 10:20:{rng.randint(10, 59)}",
    ),
    ("epoch", "updated_at", lambda rng: 1_700_000_000 + rng.randint(0, 10**7)),
    ("epoch of milliseconds", "updated_at", lambda rng: 1_700_000_000_000 + rng.randint(0, 10**10)),
    ("version", "version", lambda rng: f"{rng.randint(1, 30)}.{rng.randint(0, 30)}.{rng.randint(0, 99)}"),
    ("sku", "sku", lambda rng: f"{rng.choice('ABCXYZ')}{rng.choice('ABCXYZ')}-{digits(rng, 6)}"),
    ("sku of nine", "sku", lambda rng: f"{rng.choice('ABCXYZ')}{digits(rng, 8)}"),
    ("ean", "barcode", lambda rng: f"69{digits(rng, 11)}"),
    ("city", "city", one_of(*CITIES)),
    ("product", "product_name", one_of(*PRODUCTS)),
    ("grade", "grade", one_of("A", "B", "C", "D")),
    ("size", "size", one_of("S", "M", "L", "XL")),
    ("flag", "active", one_of("Y", "N")),
    ("status", "status", one_of("paid", "open", "closed", "single", "other")),
    ("uuid", "request_uuid", lambda rng: f"{rng.getrandbits(32):08x}-1a2b-4c3d-8e4f-{rng.getrandbits(48):012x}"),
    ("url", "homepage", lambda rng: f"https://example.com/{digits(rng, 5)}"),
    ("path", "file", lambda rng: f"/var/log/app-{digits(rng, 4)}.log"),
]


@pytest.mark.parametrize("opaque", [False, True], ids=["named", "opaque"])
@pytest.mark.parametrize(("header", "make"), [row[1:] for row in IMPOSTORS], ids=[row[0] for row in IMPOSTORS])
def test_nothing_is_confirmed_of_impostors(header: str, make: Maker, *, opaque: bool) -> None:
    verdict = said("c7" if opaque else header, make, rows=3000)
    assert verdict.status is not Status.CONFIRMED, verdict
    if not opaque:
        assert verdict.status is Status.NONE, verdict


def test_hashes_are_hashes_and_nothing_else() -> None:
    verdict = said("c1", lambda rng: f"{rng.getrandbits(256):064x}")
    assert (verdict.kind, verdict.contains) == ("hashed", ("hashed",))


@pytest.mark.parametrize(
    ("header", "make"),
    [
        ("last_login", lambda rng: f"2024-01-{rng.randint(1, 28):02} 10:00:00"),
        ("password_expired", lambda rng: rng.random() < 0.5),
        ("password_changed_at", lambda rng: f"2024-01-{rng.randint(1, 28):02}"),
        ("密码错误次数", lambda rng: rng.randint(0, 5)),
        ("name", one_of(*PRODUCTS)),
        ("dob", one_of("n/a", "none")),
    ],
)
def test_a_word_in_a_header_is_not_enough(header: str, make: Maker) -> None:
    assert said(header, make).status is not Status.CONFIRMED


RARE: list[tuple[str, str, Maker]] = [
    ("resident_id", "f1", lambda rng: "身份证" + _resident(rng)),
    ("mobile", "f1", lambda rng: f"电话1{rng.choice(('38', '39', '58'))}{digits(rng, 8)}，"),
    ("email", "remark", lambda rng: f"写信到 a{digits(rng, 4)}@qq.com 谢谢"),
    ("phone_abroad", "f1", lambda rng: f"call +1 415-555-{digits(rng, 4)} now"),
    ("us_ssn", "f1", lambda rng: f"his number 536-90-{rng.randint(1000, 9999)}"),
    ("api_key", "f1", lambda rng: "key=AKIA" + "".join(rng.choices("ABCDEFGHIJKLMNOP", k=16))),
    ("private_key", "f1", lambda rng: f"cert {digits(rng, 3)} -----BEGIN RSA PRIVATE KEY----- MII"),
]


def _resident(rng: random.Random) -> str:
    body = f"330106{rng.randint(1950, 2005)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{digits(rng, 3)}"
    return body + mod_11_2.calc_check_digit(body)


@pytest.mark.parametrize(("kind", "header", "rare"), RARE, ids=[row[0] for row in RARE])
def test_one_in_ten_thousand_inside_text_is_in_contains(kind: str, header: str, rare: Maker) -> None:
    rows = iter(range(20_000))
    verdict = said(
        header, lambda rng: rare(rng) if next(rows) % 10_000 == 9 else f"第{digits(rng, 4)}条，已处理", rows=20_000
    )
    assert kind in verdict.contains, verdict


@pytest.mark.parametrize(
    ("kind", "rare"),
    [
        ("resident_id", _resident),
        ("email", lambda rng: f"a{digits(rng, 4)}@qq.com"),
        ("mobile", lambda rng: f"138{digits(rng, 8)}"),
    ],
)
def test_one_in_ten_thousand_in_a_column_of_names_is_in_contains(kind: str, rare: Maker) -> None:
    rows = iter(range(20_000))
    verdict = said(
        "姓名",
        lambda rng: rare(rng) if next(rows) % 10_000 == 9 else "王" + rng.choice("伟芳娜秀英敏静丽强磊"),
        rows=20_000,
    )
    assert verdict.kind == "person_name"
    assert kind in verdict.contains, verdict


def test_every_header_word_of_every_kind_is_read_as_that_kind() -> None:
    from winddown.detectors.lexicon import read_header  # noqa: PLC0415 - used here alone

    for kind in ALL:
        for word in kind.headers:
            assert kind.id in read_header(word).kinds, (kind.id, word)


def test_only_kinds_without_a_form_take_the_header_for_enough() -> None:
    assert all(kind.proof is Proof.HEADER for kind in ALL if kind.named_only)
    assert set(BY_ID) >= OF_COMPANIES
