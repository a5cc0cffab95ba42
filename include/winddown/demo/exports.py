"""The shop's file exports: Parquet, CSV and gzipped JSON lines, each object uploaded twice.

The older version of an object differs only in the rows of customers whose data end with the case: values that were
corrected since, and customers who came later. Rows that must be kept stand in both versions unchanged, so that an
older version may be rewritten or removed without losing one of them.
"""

import csv
import gzip
import io
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from winddown.demo import free_text
from winddown.demo.bucket import Put, Upload
from winddown.demo.people import FIRST_CUSTOMER_ID, SHANGHAI, Cast, Person
from winddown.demo.rows import Draft, moment
from winddown.demo.schema import ADDRESSES, ORDERS
from winddown.demo.truth import ERASABLE, Owner, TruthWriter, digest

CUSTOMERS_PREFIX = "exports/customers"
ORDERS_PREFIX = "exports/orders"
CHATS_PREFIX = "exports/chats"
CUSTOMER_COLUMNS = ("customer_id", "name", "mobile", "resident_id", "city")
ORDER_COLUMNS = ("order_no", "customer_id", "recipient_phone", "amount")
CHAT_COLUMNS = ("customer_id", "at", "text")
MOST_ROWS_A_PART = 20_000
ROWS_OF_LAST_PART = 20
LATECOMERS = 7
CHAT_SHARE = 0.6

FileRow = dict[str, Any]
OwnedRow = tuple[FileRow, Owner]


def parquet_bytes(rows: Sequence[FileRow]) -> bytes:
    """Return a Parquet file of four row groups, text as Arrow dictionaries, Snappy compressed."""
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([(name, pa.int64() if name == "customer_id" else text) for name in CUSTOMER_COLUMNS])
    table = pa.Table.from_pylist(list(rows), schema=schema)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="snappy", row_group_size=max(1, math.ceil(len(rows) / 4)))
    return sink.getvalue()


def csv_bytes(rows: Sequence[FileRow]) -> bytes:
    """Return UTF-8 CSV with a header and line feeds."""
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, ORDER_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


def chat_bytes(rows: Sequence[FileRow]) -> bytes:
    """Return gzipped JSON lines."""
    return gzip.compress(b"".join(orjson.dumps(row) + b"\n" for row in rows), compresslevel=6, mtime=0)


@dataclass(frozen=True, slots=True)
class Format:
    """How the rows of one export become bytes, and how a row looked in the version before."""

    prefix: str
    media_type: str
    encode: Callable[[Sequence[FileRow]], bytes]
    before: Callable[[FileRow], FileRow]


def _other_city(row: FileRow) -> FileRow:
    cities = free_text.CITIES
    place = cities.index(row["city"]) + 1 if row["city"] in cities else 0
    return {**row, "city": cities[place % len(cities)]}


CUSTOMERS_FORMAT = Format(CUSTOMERS_PREFIX, "application/vnd.apache.parquet", parquet_bytes, _other_city)
ORDERS_FORMAT = Format(ORDERS_PREFIX, "text/csv", csv_bytes, lambda row: {**row, "amount": f"1{row['amount']}"})
CHATS_FORMAT = Format(
    CHATS_PREFIX, "application/gzip", chat_bytes, lambda row: {**row, "text": f"{row['text']}（未结）"}
)


@dataclass(slots=True)
class Exports:
    """Collects the rows of all customers and hands out complete objects with their truth.

    Besides the customers' rows there are rows without a customer id, rows of customers who do not exist any more, and
    a last part in which only customers occur whose data end with the case, so that an object is left empty.
    """

    cast: Cast
    truth: TruthWriter
    put: Put
    _customers: list[OwnedRow] = field(default_factory=list)
    _chats: list[OwnedRow] = field(default_factory=list)
    _orders: dict[int, list[OwnedRow]] = field(default_factory=dict)
    _last_customers: deque[OwnedRow] = field(default_factory=lambda: deque(maxlen=ROWS_OF_LAST_PART))
    _last_chats: deque[OwnedRow] = field(default_factory=lambda: deque(maxlen=ROWS_OF_LAST_PART))
    _parts: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Add the rows without a customer and those of customers who do not exist."""
        rng = Random(f"{self.cast.seed}/exports")
        for number in range(3):
            city = rng.choice(free_text.CITIES)
            row = dict.fromkeys(CUSTOMER_COLUMNS) | {"name": "", "mobile": f"1950000000{number}", "city": city}
            self._customers.append((row, Owner.NOBODY))
            at = f"2025-0{number + 1}-11T08:00:00+00:00"
            chat = {"customer_id": None, "at": at, "text": rng.choice(free_text.PLAIN)}
            self._chats.append((chat, Owner.NOBODY))
        for number in range(2):
            values = (FIRST_CUSTOMER_ID - 1 - number, "已注销", f"1960000000{number}", None, "上海市")
            self._customers.append((dict(zip(CUSTOMER_COLUMNS, values, strict=True)), Owner.UNKNOWN))

    def add(self, draft: Draft) -> None:
        """Add the rows of one draft."""
        for order_no, customer_id, _, amount, _, _, phone, *_ in draft.of(ORDERS):
            subject = "" if customer_id is None else str(customer_id)
            row = dict(zip(ORDER_COLUMNS, (order_no, subject, phone, amount), strict=True))
            # The order number begins with the date in Shanghai, which is what the shop calls the year.
            self._orders.setdefault(int(order_no[:4]), []).append((row, draft.owner))
        if draft.person is None:
            return
        person = draft.person
        city = draft.of(ADDRESSES)[0][5]
        values = (person.customer_id, person.name, person.mobile, person.resident_id, city)
        row = dict(zip(CUSTOMER_COLUMNS, values, strict=True))
        self._customers.append((row, draft.owner))
        if draft.owner in ERASABLE:
            self._last_customers.append((row, draft.owner))
        self._add_chat(person, draft.owner)
        self._flush()

    def finish(self) -> None:
        """Hand out everything that is left."""
        self._write_part(CUSTOMERS_FORMAT, "parquet", self._customers)
        self._write_part(CUSTOMERS_FORMAT, "parquet", list(self._last_customers))
        self._write_part(CHATS_FORMAT, "jsonl.gz", self._chats)
        self._write_part(CHATS_FORMAT, "jsonl.gz", list(self._last_chats))
        for year, rows in sorted(self._orders.items()):
            self._write(ORDERS_FORMAT, f"{ORDERS_PREFIX}/{year}.csv", rows)

    def _add_chat(self, person: Person, owner: Owner) -> None:
        rng = Random(f"{self.cast.seed}/chat/{person.index}")
        if owner is Owner.CUSTOMER and rng.random() > CHAT_SHARE:
            return
        at = person.created_at.astimezone(SHANGHAI).replace(hour=rng.randrange(24))
        values = (person.customer_id, moment(at), free_text.chat(rng, person))
        row = dict(zip(CHAT_COLUMNS, values, strict=True))
        self._chats.append((row, owner))
        if owner in ERASABLE:
            self._last_chats.append((row, owner))

    def _flush(self) -> None:
        size = max(5, min(MOST_ROWS_A_PART, math.ceil(self.cast.customers / 4)))
        if len(self._customers) >= size:
            self._write_part(CUSTOMERS_FORMAT, "parquet", self._customers)
            self._customers = []
        if len(self._chats) >= size:
            self._write_part(CHATS_FORMAT, "jsonl.gz", self._chats)
            self._chats = []

    def _write_part(self, form: Format, ending: str, rows: list[OwnedRow]) -> None:
        if rows:
            part = self._parts.get(form.prefix, 0)
            self._parts[form.prefix] = part + 1
            self._write(form, f"{form.prefix}/part-{part:04d}.{ending}", rows)

    def _write(self, form: Format, key: str, rows: list[OwnedRow]) -> None:
        earlier = [
            (form.before(row), owner) if owner in ERASABLE else (row, owner)
            for number, (row, owner) in enumerate(rows)
            if owner not in ERASABLE or number % LATECOMERS
        ]
        for number, (row, owner) in enumerate(rows):
            self.truth.file_row(form.prefix, key, number, before=digest([row]), owner=owner)
        for number, (row, owner) in enumerate(earlier):
            if owner in ERASABLE:
                self.truth.file_row(form.prefix, key, number, before=digest([row]), owner=owner, older=True)
        versions = (form.encode(_rows_of(earlier)), form.encode(_rows_of(rows)))
        self.put(Upload(key, versions, form.media_type))


def _rows_of(owned: Iterable[OwnedRow]) -> list[FileRow]:
    return [row for row, _ in owned]
