"""The invented customers: who is a child, who lives abroad, who is in dispute, and what each is called.

Every person is drawn from a generator seeded with the company's seed and the person's place, so that a person does
not depend on how many others there are or in which order they are asked for. Names are put together from lists.
"""

# A long list of short words reads better as one line of words.
# ruff: noqa: SIM905

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import accumulate
from random import Random

from winddown.demo import numbers
from winddown.domain.errors import Refused

FIRST_CUSTOMER_ID = 100_001
FEWEST_CUSTOMERS = 20
SHANGHAI = timezone(timedelta(hours=8), "CST")
SERVICE_STOPPED_ON = date(2026, 5, 31)
# Whether a person turns fourteen on the birthday or on the day after it is disputed: nobody is born near the border.
OLDEST_CHILD_BORN_ON = date(2012, 6, 6)
YOUNGEST_OTHER_BORN_ON = date(2012, 5, 24)

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁"
    "魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎"
    "易常武乔贺赖龚文"
)
# The first five cover about a third of the population (公安部, 2020 name report); the rest fall off with their rank.
_SURNAME_WEIGHTS = tuple(accumulate(7.2 / (1 + rank / 5) for rank in range(len(SURNAMES))))
COMPOUND_SURNAMES = ("欧阳", "司马", "诸葛", "上官")
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文博宇轩浩然子涵欣怡梓诗雨佳琪"
    "思远晨曦嘉俊睿泽雅婷雪晴倩颖慧琳薇瑶凯峰鹏翔飞龙波斌辉健宁安康乐天成新春"
)
PINYIN = tuple("wang li zhang liu chen yang zhao huang zhou wu xu sun hu zhu gao lin he guo ma luo".split())
FOREIGN_NAMES = {
    "JP": (("佐藤", "鈴木", "高橋", "田中", "伊藤"), ("翔太", "美咲", "健一", "結衣", "大輔")),
    "DE": (("Anna ", "Lukas ", "Sophie ", "Jonas ", "Greta "), ("Vogel", "Krause", "Lehmann", "Winter", "Busch")),
    "US": (("Emily ", "Jacob ", "Olivia ", "Ethan ", "Grace "), ("Harper", "Mason", "Carter", "Bailey", "Reed")),
    "HK": (("陳", "黃", "梁", "鄭", "葉"), ("嘉欣", "家豪", "詠琪", "志明", "穎妍")),
}
MAIL_HOSTS = ("mail.example.com", "qq.example.com", "163.example.net", "example.org")


@dataclass(frozen=True, slots=True)
class Cast:
    """Which customer ids play a part: children, customers abroad, customers in dispute, customers with a scan."""

    customers: int
    seed: int
    children: frozenset[int]
    overseas: frozenset[int]
    held: frozenset[int]
    scanned: frozenset[int]


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """One invented customer; without a repr, as a real customer would have none."""

    index: int
    customer_id: int
    member_no: str
    name: str
    resident_id: str | None
    mobile: str
    email: str
    born_on: date
    country: str
    document_no: str | None
    status: str
    created_at: datetime


def _surname(rng: Random) -> str:
    return rng.choices(SURNAMES, cum_weights=_SURNAME_WEIGHTS)[0]


def draw_cast(customers: int, *, seed: int) -> Cast:
    """Give out the parts: 2% children, 3% abroad, 0.5% held (3 at least), 2% with a scan of their document.

    A small company has more scans, 5% up to ten of them.

    At least one held customer is a child, at least one lives abroad, and the scans cover a held and an unheld child.

    Raises:
        Refused: fewer than 20 customers; the smallest company could not show every part.
    """
    if customers < FEWEST_CUSTOMERS:
        raise Refused(
            f"a company of {customers} customers is too small", next_step=f"ask for {FEWEST_CUSTOMERS} or more"
        )
    rng = Random(f"{seed}/cast")
    ids = range(FIRST_CUSTOMER_ID, FIRST_CUSTOMER_ID + customers)
    children = rng.sample(ids, max(3, round(customers * 0.02)))
    young = frozenset(children)
    overseas = [one for one in rng.sample(ids, max(4, round(customers * 0.03))) if one not in young]
    wanted = max(3, math.ceil(customers * 0.005))
    held = dict.fromkeys([children[0], overseas[0], *rng.sample(ids, wanted + 3)])
    # The third child stays free of the hold, so that the children's wave always has work.
    held.pop(children[2], None)
    chosen = frozenset(list(held)[:wanted])
    scans = min(math.ceil(customers * 0.05), max(10, math.ceil(customers * 0.02)))
    scanned = {children[0], children[2], overseas[0], *rng.sample(ids, scans)}
    return Cast(customers, seed, young, frozenset(overseas), chosen, frozenset(scanned))


def chinese_name(rng: Random) -> str:
    """Return a surname and one or two given characters."""
    surname = rng.choice(COMPOUND_SURNAMES) if rng.random() < 0.01 else _surname(rng)  # noqa: PLR2004
    return surname + "".join(rng.choices(GIVEN, k=rng.choice((1, 2, 2, 2))))


def draw_person(cast: Cast, index: int) -> Person:
    """Return customer number ``index`` (from 0) of the company; the same every time."""
    rng = Random(f"{cast.seed}/person/{index}")
    customer_id = FIRST_CUSTOMER_ID + index
    child = customer_id in cast.children
    country = rng.choice(("JP", "DE", "US", "HK")) if customer_id in cast.overseas else "CN"
    if child:
        born_on = OLDEST_CHILD_BORN_ON + timedelta(days=rng.randrange(8 * 365))
    else:
        born_on = YOUNGEST_OTHER_BORN_ON - timedelta(days=rng.randrange(60 * 365))
    if country == "CN":
        name = chinese_name(rng)
        sequence = index // len(numbers.COUNTIES) % 1000
        resident_id = numbers.resident_id(numbers.COUNTIES[index % len(numbers.COUNTIES)], born_on, sequence)
        mobile, document_no = numbers.mobile(index), None
    else:
        first, last = FOREIGN_NAMES[country]
        name = rng.choice(first) + rng.choice(last)
        resident_id, document_no = None, numbers.foreign_document(country, rng)
        mobile = numbers.foreign_phone(country, rng)
    opened = datetime(2022 if child else 2019, 1, 1, tzinfo=SHANGHAI)
    closed = datetime(2026, 5, 1, tzinfo=SHANGHAI)
    created_at = opened + timedelta(seconds=rng.randrange(int((closed - opened).total_seconds())))
    return Person(
        index=index,
        customer_id=customer_id,
        member_no=numbers.member_number(index),
        name=name,
        resident_id=resident_id,
        mobile=mobile,
        email=f"{rng.choice(PINYIN)}{rng.choice(PINYIN)}{customer_id}@{rng.choice(MAIL_HOSTS)}",
        born_on=born_on,
        country=country,
        document_no=document_no,
        status=rng.choices(("active", "dormant", "closed"), (6, 3, 1))[0],
        created_at=created_at.astimezone(UTC),
    )
