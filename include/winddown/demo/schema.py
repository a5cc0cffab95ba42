"""The shop's PostgreSQL tables: columns, keys, comments, and which columns may and may not be left of a record.

Tables are created bare and get their constraints after loading, which is several times faster.
"""

from dataclasses import dataclass

OWN_SCHEMAS = ("shop", "finance")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its qualified name, its key column, and every column with its SQL type in order."""

    name: str
    key: str
    columns: dict[str, str]

    @property
    def collection(self) -> str:
        """The name of the collection in the case file."""
        return f"shop_db:{self.name}"

    def create(self) -> str:
        """Return the statement that creates the table."""
        return f"CREATE TABLE {self.name} ({', '.join(f'{name} {kind}' for name, kind in self.columns.items())})"


@dataclass(frozen=True, slots=True)
class Minimised:
    """What a minimised record may not hold any more and what it must still hold; other columns are open."""

    cleared: tuple[str, ...]
    kept: tuple[str, ...]


CUSTOMERS = Table(
    "shop.customers",
    "customer_id",
    {
        "customer_id": "bigint",
        "member_no": "text",
        "name": "text NOT NULL",
        "resident_id": "text",
        "mobile": "text",
        "email": "text",
        "birth_date": "date",
        "country": "text NOT NULL",
        "document_no": "text",
        "status": "text",
        "created_at": "timestamptz",
    },
)
ADDRESSES = Table(
    "shop.addresses",
    "address_id",
    {
        "address_id": "bigint",
        "customer_id": "bigint NOT NULL",
        "recipient": "text",
        "mobile": "text",
        "line": "text",
        "city": "text",
        "postcode": "text",
    },
)
CONSENTS = Table(
    "shop.consents",
    "consent_id",
    {
        "consent_id": "bigint",
        "customer_id": "bigint NOT NULL",
        "purpose": "text",
        "given_at": "timestamptz",
        "withdrawn_at": "timestamptz",
        "ip_address": "text",
        "device_id": "text",
    },
)
ORDERS = Table(
    "shop.orders",
    "order_no",
    {
        "order_no": "text",
        "customer_id": "bigint",
        "ordered_at": "timestamptz",
        "amount_cny": "numeric(12,2)",
        "tax_cny": "numeric(12,2)",
        "recipient_name": "text",
        "recipient_phone": "text",
        "ship_address": "text",
        "waybill_no": "text",
        "status": "text",
    },
)
TICKETS = Table(
    "shop.tickets",
    "ticket_id",
    {"ticket_id": "bigint", "customer_id": "bigint", "opened_at": "timestamptz", "text": "text"},
)
PRODUCTS = Table(
    "shop.products",
    "sku",
    {
        "sku": "text",
        "name": "text",
        "cost_price": "numeric(12,2)",
        "list_price": "numeric(12,2)",
        "device_serial_prefix": "text",
    },
)
PAYMENTS = Table(
    "finance.payments",
    "payment_no",
    {
        "payment_no": "text",
        "order_no": "text NOT NULL",
        "paid_at": "timestamptz",
        "amount_cny": "numeric(12,2)",
        "method": "text",
        "card_number": "text",
        "payer_name": "text",
        "payer_phone": "text",
    },
)
TABLES = (CUSTOMERS, ADDRESSES, CONSENTS, ORDERS, TICKETS, PRODUCTS, PAYMENTS)

# The final shape of vouchers that stay in place.
FINAL = {
    PAYMENTS.name: Minimised(
        ("card_number", "payer_name", "payer_phone"), ("payment_no", "order_no", "paid_at", "amount_cny", "method")
    ),
}
# The shape of a child's records between the two waves. Whether a member number, a date of birth, a waybill number or
# an order's status goes with the children's wave or with the last one is left open: both are lawful.
CHILDREN = {
    **FINAL,
    CUSTOMERS.name: Minimised(
        ("name", "resident_id", "mobile", "email", "document_no"), ("customer_id", "country", "status", "created_at")
    ),
    ORDERS.name: Minimised(
        ("recipient_name", "recipient_phone", "ship_address"),
        ("order_no", "customer_id", "ordered_at", "amount_cny", "tax_cny"),
    ),
}

CONSTRAINTS = (
    *(f"ALTER TABLE {table.name} ADD PRIMARY KEY ({table.key})" for table in TABLES),
    "ALTER TABLE shop.customers ADD UNIQUE (member_no)",
    *(
        f"ALTER TABLE {table.name} ADD FOREIGN KEY (customer_id) REFERENCES shop.customers"
        for table in (ADDRESSES, CONSENTS, ORDERS, TICKETS)
    ),
    *(f"CREATE INDEX ON {table.name} (customer_id)" for table in (ADDRESSES, CONSENTS, ORDERS, TICKETS)),
    "CREATE INDEX ON finance.payments (order_no)",
    "CREATE INDEX ON shop.customers (mobile)",
    "COMMENT ON TABLE shop.customers IS '会员主档'",
    "COMMENT ON COLUMN shop.customers.member_no IS '会员号，流水号'",
    "COMMENT ON COLUMN shop.customers.name IS '姓名'",
    "COMMENT ON COLUMN shop.customers.resident_id IS '身份证号'",
    "COMMENT ON COLUMN shop.customers.mobile IS '手机号'",
    "COMMENT ON COLUMN shop.customers.document_no IS '境外证件号'",
    "COMMENT ON COLUMN shop.orders.recipient_phone IS '收货人电话'",
    "COMMENT ON COLUMN shop.products.device_serial_prefix IS '设备序列号前缀'",
    "COMMENT ON COLUMN finance.payments.card_number IS '付款银行卡号'",
)
