"""Customers and their orders in a PostgreSQL, identical copies of them, and the single statements that are the floor.

Everything is generated inside the server. A random tenth of the customers goes with their orders; which ones stands in
tables of a schema of its own. A copy is made file by file from the same database, so that all begin alike.
"""

import contextlib
import time
from collections.abc import Iterator

import psycopg
from sqlalchemy import make_url

BASE = "winddown_bench_base"
CUSTOMERS, ORDERS = "shop.customers", "shop.orders"
MINIMISED = ("receiver", "address")
ORDERS_EACH = 4
LISTS = {ORDERS: "lists.orders", CUSTOMERS: "lists.customers"}  # those that refer to others first

TABLES = """
    CREATE SCHEMA shop;
    CREATE TABLE shop.customers (id bigint, name text NOT NULL, mobile text, email text, address text,
        joined_at timestamptz NOT NULL);
    CREATE TABLE shop.orders (id bigint, customer_id bigint NOT NULL, placed_at timestamptz NOT NULL,
        amount numeric(12, 2) NOT NULL, receiver text, address text);
    CREATE SCHEMA lists;
"""
CUSTOMER_ROWS = """
    INSERT INTO shop.customers
    SELECT i, '客户' || i, '138' || lpad((i % 100000000)::text, 8, '0'), 'user' || i || '@example.com',
           '示例市中山路' || i % 997 || '号', timestamptz '2020-01-01 00:00+08' + i * interval '20 seconds'
      FROM generate_series(1, {customers}) i
"""
ORDER_ROWS = """
    INSERT INTO shop.orders
    SELECT i, 1 + (hashint8extended(i, 7) & 4611686018427387903) % {customers},
           timestamptz '2020-01-01 00:00+08' + i * interval '5 seconds', (i % 100000) / 100.0, '收件人' || i % 9973,
           '示例市解放路' || i % 1009 || '号'
      FROM generate_series(1, {orders}) i
"""
KEYS = """
    ALTER TABLE shop.customers ADD PRIMARY KEY (id);
    ALTER TABLE shop.orders ADD PRIMARY KEY (id);
    CREATE INDEX ON shop.orders (customer_id);
    ALTER TABLE shop.orders ADD FOREIGN KEY (customer_id) REFERENCES shop.customers;
    CREATE TABLE lists.customers AS
        SELECT id FROM shop.customers WHERE hashint8extended(id, 11) & 1023 < 102 ORDER BY id;
    CREATE TABLE lists.orders AS
        SELECT o.id FROM shop.orders o JOIN lists.customers c ON c.id = o.customer_id ORDER BY o.id;
"""


def url_of(admin: str, database: str) -> str:
    """The URL of a database of the administrator's server."""
    return make_url(admin).set(database=database).render_as_string(hide_password=False)


def write_log_by_default(admin: str) -> None:
    """Let a server write its log as PostgreSQL does out of the box; the demonstration's keeps it a few segments short.

    That one wrote its pages back every 64 MB of log, and a single statement as much as batches waited for the disk.
    """
    with psycopg.connect(admin, autocommit=True) as connection:
        for name, value in (("max_wal_size", "1GB"), ("min_wal_size", "80MB")):
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        connection.execute("SELECT pg_reload_conf()")


def fill(admin: str, customers: int) -> None:
    """Create the database that all copies are made from."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {BASE} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {BASE}".encode())
    with psycopg.connect(url_of(admin, BASE), autocommit=True) as connection:
        connection.execute(TABLES.encode())
        connection.execute(CUSTOMER_ROWS.format(customers=customers).encode())
        connection.execute(ORDER_ROWS.format(customers=customers, orders=ORDERS_EACH * customers).encode())
        connection.execute(KEYS.encode())
        connection.execute("VACUUM (FREEZE, ANALYZE)")


@contextlib.contextmanager
def copied(admin: str, name: str) -> Iterator[str]:
    """Yield the URL of a copy with nothing left to write back, and drop it afterwards."""
    database = f"winddown_bench_{name}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {database} TEMPLATE {BASE} STRATEGY file_copy".encode())
        connection.execute("CHECKPOINT")
        try:
            yield url_of(admin, database)
        finally:
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())


def drop_base(admin: str) -> None:
    """Drop the database that all copies were made from."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {BASE} WITH (FORCE)".encode())


def timed(url: str, *statements: str) -> tuple[float, int]:
    """Seconds of some statements, each a transaction, and how many rows they changed."""
    rows = 0
    with psycopg.connect(url, autocommit=True) as connection:
        started = time.monotonic()
        for statement in statements:
            rows += connection.execute(statement.encode()).rowcount
        return time.monotonic() - started, rows


def delete_at_once(url: str) -> tuple[float, int]:
    """The floor of an erasure: one statement for the orders, one for the customers."""
    found = (f"DELETE FROM {table} t USING {LISTS[table]} l WHERE t.id = l.id" for table in (ORDERS, CUSTOMERS))
    return timed(url, *found)


def empty_at_once(url: str) -> tuple[float, int]:
    """The floor of a minimisation: one statement that empties two columns of the orders."""
    emptied = ", ".join(f"{name} = NULL" for name in MINIMISED)
    return timed(url, f"UPDATE {ORDERS} t SET {emptied} FROM {LISTS[ORDERS]} l WHERE t.id = l.id")


def live(url: str) -> int:
    """Rows of both tables that are on the list and still there."""
    union = " UNION ALL ".join(
        f"SELECT count(*) AS found FROM {table} JOIN {LISTS[table]} l USING (id)" for table in LISTS
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT sum(found)::bigint FROM ({union}) u".encode()).fetchone()
    return int(row[0]) if row else 0


def rows(url: str) -> int:
    """Rows of those of both tables that are there."""
    found = 0
    with psycopg.connect(url) as connection:
        for table in LISTS:
            there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
            if there == (True,):
                counted = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
                found += int(counted[0]) if counted else 0
    return found


def full(url: str) -> int:
    """Orders on the list of which a column that was to be emptied is not."""
    left = " OR ".join(f"{name} IS NOT NULL" for name in MINIMISED)
    with psycopg.connect(url) as connection:
        query = f"SELECT count(*) FROM {ORDERS} JOIN {LISTS[ORDERS]} l USING (id) WHERE {left}"
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def written(url: str) -> int:
    """Where the write-ahead log stands, in bytes."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
    return int(row[0]) if row else 0
