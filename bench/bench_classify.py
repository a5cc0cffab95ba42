"""Cells classified per second on one core: a mixed customer table, every cell of it read, free text included.

Prints one line per column with its cost, and ends with the figure. CPU time is what counts: the machine is shared.
The checks of the outcome keep the speed honest: a profiler that skipped cells would fail them.
"""

import argparse
import os

for _variable in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import random  # noqa: E402 - the number of threads is read when the libraries are loaded
import time  # noqa: E402

import pyarrow as pa  # noqa: E402

from winddown.detectors import Profiler  # noqa: E402

TARGET = 1_000_000
BATCH = 65_536
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


def card(rng: random.Random) -> str:
    """Return a card number that passes Luhn."""
    body = "622202" + "".join(rng.choices("0123456789", k=12))
    total = sum(sum(divmod(int(digit) * (2 - index % 2), 10)) for index, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


def mobile(rng: random.Random) -> str:
    """Return a mobile number."""
    return f"1{rng.choice((38, 39, 58, 86, 99))}{rng.randint(0, 10**8 - 1):08}"


def remark(rng: random.Random, row: int) -> str:
    """Return free text; one row in a thousand holds an identity number, one in fifty a phone."""
    text = "".join(rng.choices(PHRASES, k=rng.randint(1, 4)))
    if row % 1000 == 0:
        return text + "身份证" + resident_id(rng)
    return text + "电话" + mobile(rng) if row % 50 == 0 else text


def table(rows: int) -> pa.Table:
    """Return a customer table of 24 columns, the same for every run."""
    rng = random.Random(20260101)
    each = range(rows)
    return pa.table(
        {
            "id": pa.array(each, pa.int64()),
            "customer_name": [rng.choice(SURNAMES) + "".join(rng.choices(GIVEN, k=rng.randint(1, 2))) for _ in each],
            "id_card": [resident_id(rng) for _ in each],
            "mobile": [mobile(rng) for _ in each],
            "mobile_number": pa.array([int(mobile(rng)) for _ in each], pa.int64()),
            "email": [f"user{rng.randint(0, 10**7)}@example.com" for _ in each],
            "address": [
                f"浙江省杭州市西湖区文{rng.randint(1, 99)}路{rng.randint(1, 999)}号{rng.randint(1, 30)}幢" for _ in each
            ],
            "bank_card": [card(rng) for _ in each],
            "remark": [remark(rng, row) for row in each],
            "remark_service": [remark(rng, row) for row in each],
            "order_no": [f"{rng.randint(10**17, 10**18 - 1)}" for _ in each],
            "snowflake": pa.array([rng.randint(10**17, 10**18 - 1) for _ in each], pa.int64()),
            "status": [rng.choice(("paid", "open", "closed")) for _ in each],
            "city": [rng.choice(("杭州市", "上海市", "成都市", "武汉市")) for _ in each],
            "amount": [rng.random() * 1000 for _ in each],
            "amount_text": [f"{rng.random() * 10000:.2f}" for _ in each],
            "quantity": pa.array([rng.randint(1, 99) for _ in each], pa.int32()),
            "created_at": [
                f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} 10:{rng.randint(0, 59):02}:00" for _ in each
            ],
            "ip": [".".join(str(rng.randint(1, 254)) for _ in range(4)) for _ in each],
            "token": [f"{rng.getrandbits(128):032x}" for _ in each],
            "sku": [f"SKU-{rng.randint(0, 9999):04}-{rng.choice('ABC')}" for _ in each],
            "active": [rng.choice((True, False)) for _ in each],
            "payload": [f'{{"step":{rng.randint(1, 9)},"ref":"{rng.getrandbits(40):010x}"}}' for _ in each],
            "masked": [f"138****{rng.randint(0, 9999):04}" for _ in each],
        }
    )


def main() -> None:
    """Build the table, read it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    data = table(rows)
    Profiler(data.column_names).feed(data.slice(0, 100).to_batches()[0])  # loads what is loaded lazily
    for name in data.column_names:
        started = time.process_time()
        profiler = Profiler([name])
        for batch in data.select([name]).to_batches(max_chunksize=BATCH):
            profiler.feed(batch)
        print(f"{name:<16} {(time.process_time() - started) / rows * 1e9:8.0f} ns/cell")
    started = time.process_time()
    profiler = Profiler(data.column_names)
    for batch in data.to_batches(max_chunksize=BATCH):
        profiler.feed(batch)
    seconds = time.process_time() - started
    profiles = profiler.profiles()
    whole = {
        "id_card": "resident_id",
        "mobile": "mobile",
        "mobile_number": "mobile",
        "email": "email",
        "bank_card": "bank_card",
    }
    for name, kind_id in whole.items():
        if profiles[name].matches.get(kind_id) != rows:
            raise SystemExit(f"{name}: not every cell was recognised as {kind_id}")
    if profiles["remark"].embedded.get("resident_id") != -(-rows // 1000):
        raise SystemExit("remark: the rare identity numbers were not all found")
    cells = rows * data.num_columns
    rate = int(cells / seconds)
    print(f"{cells} cells in {seconds:.2f} CPU seconds, none unread: {not any(p.unread for p in profiles.values())}")
    met = "yes" if rate >= TARGET else "no"
    print(f"figure=classify_cells_per_second value={rate} unit=cells/s target=>={TARGET} met={met}")


if __name__ == "__main__":
    main()
