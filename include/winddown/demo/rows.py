"""The rows of the shop's tables, customer by customer, in the canonical form that the truth is digested in.

Values are int, str or None: amounts are decimal strings with two places, dates ISO 8601, times ISO 8601 in UTC with
whole seconds. PostgreSQL takes all of them as text, and nothing is rounded on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from winddown.demo import free_text, numbers
from winddown.demo.people import SERVICE_STOPPED_ON, SHANGHAI, Cast, Person, chinese_name, draw_person
from winddown.demo.schema import ADDRESSES, CONSENTS, CUSTOMERS, ORDERS, PAYMENTS, PRODUCTS, TICKETS, Table
from winddown.demo.truth import Owner, owner_of

Row = tuple[Any, ...]
FIRST_ORDER_AT = datetime(2024, 1, 1, tzinfo=SHANGHAI)
LAST_ORDER_AT = datetime(SERVICE_STOPPED_ON.year, SERVICE_STOPPED_ON.month, SERVICE_STOPPED_ON.day, tzinfo=SHANGHAI)
ORDERS_WEIGHTS = (4, 10, 22, 28, 18, 10, 5, 3)
MOST_ORDERS = 16
PURPOSES = ("membership", "marketing_sms", "personalised_recommendation", "cross_border_delivery")
ORDER_STATES = ("delivered", "returned", "delivered", "closed")
# Counters for mobiles of people who are no customers: gift recipients, guests, anonymous callers.
GIFT_COUNTER = 1_000_000_000
GUEST_COUNTER = 3_000_000_000
CALLER_COUNTER = 3_500_000_000


@dataclass(slots=True)
class Draft:
    """The rows of one customer, or of nobody: ``rows`` pairs each with its table, ``owner`` rules them all."""

    owner: Owner
    person: Person | None = None
    rows: list[tuple[Table, Row]] = field(default_factory=list)

    def add(self, table: Table, *values: Any) -> None:
        """Add one row, its values in the table's column order."""
        self.rows.append((table, values))

    def of(self, table: Table) -> list[Row]:
        """Return the rows of one table."""
        return [row for its_table, row in self.rows if its_table is table]


@dataclass(slots=True)
class Serials:
    """The running numbers of the tables that count."""

    address: int = 0
    consent: int = 0
    ticket: int = 0


def moment(at: datetime) -> str:
    """Return a time in canonical form."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def draw_drafts(cast: Cast) -> Iterator[Draft]:
    """Yield the company's own rows, then every customer's, then those of guests and anonymous callers."""
    yield draw_products(cast)
    serials = Serials()
    for index in range(cast.customers):
        yield _draw_customer(cast, index, serials)
    yield _draw_guests(cast, serials)


def draw_products(cast: Cast) -> Draft:
    """Return the stock list; two of three device serial prefixes look like mobile numbers."""
    rng = Random(f"{cast.seed}/products")
    draft = Draft(Owner.COMPANY)
    for index in range(max(40, min(2000, cast.customers // 100))):
        cost = rng.randrange(500, 90_000)
        prefix = f"1{rng.randrange(10**10):010d}"
        name = f"{rng.choice(('蓝牙耳机', '电饭煲', '台灯', '保温杯', '扫地机', '净水器'))}{rng.randrange(100, 999)}"
        price = f"{cost * 14 // 1000}.{cost % 100:02d}"
        draft.add(PRODUCTS, f"SKU{index:06d}", name, f"{cost // 100}.{cost % 100:02d}", price, prefix)
    return draft


def _draw_customer(cast: Cast, index: int, serials: Serials) -> Draft:
    person = draw_person(cast, index)
    owner = owner_of(cast, person.customer_id)
    rng = Random(f"{cast.seed}/rows/{index}")
    draft = Draft(owner, person)
    draft.add(
        CUSTOMERS,
        person.customer_id,
        person.member_no,
        person.name,
        person.resident_id,
        person.mobile,
        person.email,
        person.born_on.isoformat(),
        person.country,
        person.document_no,
        person.status,
        moment(person.created_at),
    )
    places = [free_text.address(rng, person.country) for _ in range(2 if rng.random() < 0.3 else 1)]  # noqa: PLR2004
    for place in places:
        serials.address += 1
        draft.add(ADDRESSES, serials.address, person.customer_id, person.name, person.mobile, *place)
    for purpose in rng.sample(PURPOSES, rng.choice((1, 2, 2, 3))):
        serials.consent += 1
        given_at = person.created_at + timedelta(seconds=rng.randrange(86_400))
        withdrawn_at = moment(given_at + timedelta(days=rng.randrange(1, 20))) if rng.random() < 0.1 else None  # noqa: PLR2004
        ip_address = f"100.{rng.randrange(64, 128)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        device_id = f"{rng.getrandbits(64):016x}"
        times = (moment(given_at), withdrawn_at)
        draft.add(CONSENTS, serials.consent, person.customer_id, purpose, *times, ip_address, device_id)
    orders = rng.choices(range(len(ORDERS_WEIGHTS)), ORDERS_WEIGHTS)[0]
    # Everybody whose fate is special has something to show it on.
    for number in range(max(orders, 0 if owner is Owner.CUSTOMER else 1)):
        counter = index * MOST_ORDERS + number
        recipient = (person.name, person.mobile)
        if rng.random() < 0.08:  # noqa: PLR2004
            recipient = (chinese_name(rng), numbers.mobile(GIFT_COUNTER + counter))
        line, city, _ = rng.choice(places)
        start = max(FIRST_ORDER_AT, person.created_at)
        payer = (person.name, person.mobile)
        _add_order(draft, rng, counter, (person.customer_id, start, recipient, payer, city + line))
    for _ in range(rng.choices((0, 1, 2), (55, 40, 5))[0] if owner is Owner.CUSTOMER else 1):
        serials.ticket += 1
        opened_at = person.created_at + timedelta(seconds=rng.randrange(30 * 86_400))
        text = free_text.ticket(rng, person)
        draft.add(TICKETS, serials.ticket, person.customer_id, moment(opened_at), text)
    return draft


def _draw_guests(cast: Cast, serials: Serials) -> Draft:
    rng = Random(f"{cast.seed}/guests")
    draft = Draft(Owner.NOBODY)
    for guest in range(max(2, round(cast.customers * 3 * 0.005))):
        who = (chinese_name(rng), numbers.mobile(GUEST_COUNTER + guest))
        line, city, _ = free_text.address(rng, "CN")
        counter = cast.customers * MOST_ORDERS + guest
        _add_order(draft, rng, counter, (None, FIRST_ORDER_AT, who, who, city + line))
    for caller in range(max(2, round(cast.customers * 0.5 * 0.01))):
        serials.ticket += 1
        opened_at = FIRST_ORDER_AT + timedelta(seconds=rng.randrange(800 * 86_400))
        text = free_text.anonymous_ticket(rng, mobile=numbers.mobile(CALLER_COUNTER + caller))
        draft.add(TICKETS, serials.ticket, None, moment(opened_at), text)
    return draft


def _add_order(
    draft: Draft,
    rng: Random,
    counter: int,
    order: tuple[int | None, datetime, tuple[str, str], tuple[str, str], str],
) -> None:
    """Add one order and its payment: customer, earliest time, recipient, payer, address."""
    customer_id, start, recipient, payer, ship_address = order
    ordered_at = start + timedelta(seconds=rng.randrange(int((LAST_ORDER_AT - start).total_seconds())))
    order_no = numbers.order_number(ordered_at.astimezone(SHANGHAI).date(), counter)
    fen = rng.randrange(990, 499_900)
    tax = fen * 13 // 113
    amount = f"{fen // 100}.{fen % 100:02d}"
    waybill = f"SF{rng.randrange(10**13):013d}"
    tax_text = f"{tax // 100}.{tax % 100:02d}"
    status = rng.choice(ORDER_STATES)
    sums = (amount, tax_text)
    draft.add(ORDERS, order_no, customer_id, moment(ordered_at), *sums, *recipient, ship_address, waybill, status)
    method = rng.choice(("unionpay", "unionpay", "unionpay", "alipay", "wechat_pay"))
    card = numbers.card_number(rng) if method == "unionpay" else None
    paid_at = ordered_at + timedelta(seconds=rng.randrange(5, 900))
    payment_no = f"4200{order_no}{rng.randrange(10**6):06d}"
    draft.add(PAYMENTS, payment_no, order_no, moment(paid_at), amount, method, card, *payer)
