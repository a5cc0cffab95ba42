"""Makers of valid values, through python-stdnum where it knows the number."""

import random
from collections.abc import Callable

import pytest
from stdnum import luhn
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2, mod_11_10

Maker = Callable[[random.Random], str]


def resident(rng: random.Random) -> str:
    body = (
        f"{rng.choice((110105, 330106, 440305))}{rng.randint(1950, 2005)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    )
    body += f"{rng.randint(0, 999):03}"
    return body + mod_11_2.calc_check_digit(body)


def mobile(rng: random.Random) -> str:
    return f"1{rng.choice((38, 39, 58, 86, 99))}{rng.randint(0, 10**8 - 1):08}"


def card(rng: random.Random) -> str:
    body = "622202" + "".join(rng.choices("0123456789", k=12))
    return body + luhn.calc_check_digit(body)


def imei(rng: random.Random) -> str:
    body = "8612" + "".join(rng.choices("0123456789", k=10))
    return body + luhn.calc_check_digit(body)


def credit_code(rng: random.Random) -> str:
    body = "".join(rng.choices("0123456789", k=8))
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    check = (11 - sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11) % 11
    whole = f"91{rng.choice((110000, 330106))}{body}{'X' if check == 10 else check}"
    return whole + uscc.calc_check_digit(whole)


def registration(rng: random.Random) -> str:
    body = "110108" + "".join(rng.choices("0123456789", k=8))
    return body + mod_11_10.calc_check_digit(body)


def name(rng: random.Random) -> str:
    surname = rng.choice("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余")
    return surname + "".join(
        rng.choices("伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲建国红梅志华", k=rng.randint(1, 2))
    )


MAKERS: dict[str, Maker] = {
    "resident_id": resident,
    "mobile": mobile,
    "bank_card": card,
    "imei": imei,
    "uscc": credit_code,
    "business_registration": registration,
    "person_name": name,
}


@pytest.fixture
def rng() -> random.Random:
    return random.Random(7)  # noqa: S311 - seeded test data


@pytest.fixture
def make() -> dict[str, Maker]:
    return MAKERS
