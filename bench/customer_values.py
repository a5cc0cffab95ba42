"""Values of a customer table for benchmarks, the same for every run of one seed.

Importing it limits the libraries to one thread, as long as they are not loaded yet.
"""

import os
import random

for _variable in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲建国红梅志华春晓东海鹏飞"
PHRASES = (
    "客户来电询问发货时间，已回复。",
    "系统自动升级到2.3.1版本，",
    "尾款1280.50元未付，",
    "“加急”处理，周三前送到；",
    "Order confirmed by warehouse, ",
    "上次投诉已解决（编号A-2031），",
    "希望改为下午配送。",
    "建议续签合同，折扣95折，",
)


def resident_id(rng: random.Random) -> str:
    """Return a resident identity number with a valid check character."""
    body = f"{rng.choice((110105, 330106, 440305, 510107))}{rng.randint(1950, 2005)}{rng.randint(1, 12):02}"
    body += f"{rng.randint(1, 28):02}{rng.randint(0, 999):03}"
    remainder = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11
    return body + "10X98765432"[remainder]


def mobile(rng: random.Random) -> str:
    """Return a mobile number."""
    return f"1{rng.choice((38, 39, 58, 86, 99))}{rng.randint(0, 10**8 - 1):08}"


def remark(rng: random.Random, row: int) -> str:
    """Return free text; one row in a thousand holds an identity number, one in fifty a phone."""
    text = "".join(rng.choices(PHRASES, k=rng.randint(1, 4)))
    if row % 1000 == 0:
        return text + "身份证" + resident_id(rng)
    return text + "电话" + mobile(rng) if row % 50 == 0 else text
