"""The same customers and orders in a MariaDB of the benchmark's own, the single statement, and pt-archiver.

pt-archiver walks each table by its primary key, a thousand listed rows at a time, each a bulk delete and a commit.
Without ``--bulk-delete`` it was slower, without its ascent (``--no-ascend``) several times so.

The product's accounts have the grants that the documents ask for, read from there.

The server comes from Debian's package and writes through to the disk; only its buffer pool is larger than out of the
box, because 128 MB would measure the disk. Each way works on tables of its own with the same rows, made anew from the
same expressions, because InnoDB has no copy file by file.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pymysql
from sql_postgres import CUSTOMERS, ORDERS, ORDERS_EACH
from sqlalchemy import make_url

READY_SECONDS = 60
OPTIONS = (
    "--innodb-buffer-pool-size=1G",
    "--innodb-log-file-size=512M",
    "--innodb-flush-log-at-trx-commit=1",
    "--max-allowed-packet=64M",
    "--innodb-print-all-deadlocks=0",
)
TABLES = (
    """CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(40) NOT NULL, mobile varchar(20), email varchar(60),
        address varchar(100), joined_at datetime NOT NULL) CHARSET utf8mb4""",
    """INSERT INTO customers SELECT seq, concat('客户', seq), concat('138', lpad(seq % 100000000, 8, '0')),
        concat('user', seq, '@example.com'), concat('示例市中山路', seq % 997, '号'),
        '2020-01-01' + INTERVAL seq * 20 SECOND FROM seq_1_to_{customers}""",
    """CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, placed_at datetime NOT NULL,
        amount decimal(12, 2) NOT NULL, receiver varchar(40), address varchar(100)) CHARSET utf8mb4""",
    """INSERT INTO orders SELECT seq, 1 + crc32(concat('o', seq)) % {customers},
        '2020-01-01' + INTERVAL seq * 5 SECOND, (seq % 100000) / 100, concat('收件人', seq % 9973),
        concat('示例市解放路', seq % 1009, '号') FROM seq_1_to_{orders}""",
    # Checked, it would be another copy of the table; the expressions above make no order without its customer.
    "SET foreign_key_checks = 0",
    "ALTER TABLE orders ADD KEY (customer_id), ADD FOREIGN KEY (customer_id) REFERENCES customers (id)",
    "SET foreign_key_checks = 1",
    """CREATE TABLE chosen_customers (id bigint PRIMARY KEY)
        SELECT id FROM customers WHERE crc32(concat('c', id)) % 10 = 0""",
    """CREATE TABLE chosen_orders (id bigint PRIMARY KEY)
        SELECT o.id FROM orders o JOIN chosen_customers c ON c.id = o.customer_id""",
    "ANALYZE TABLE customers, orders, chosen_customers, chosen_orders",
)
STEPS = ("orders", "customers")  # children first
DATABASE = "shop"
LISTS = {ORDERS: "chosen_orders", CUSTOMERS: "chosen_customers"}
ACCOUNTS = {"": "reader", "__mark": "marker", "__purge": "purger", "__inspect": "inspector"}
GRANTS = re.compile(r"^MySQL and MariaDB in which records are destroyed.*?^```sql\n(.*?)^```", re.DOTALL | re.MULTILINE)
DOCUMENT = Path(__file__).parent.parent / "docs" / "deployment.md"


def missing() -> str:
    """Why there is no server to be had; "" when there is one."""
    found = all(_tool(name) for name in ("mariadbd", "mariadb-install-db"))
    return "" if found else "mariadbd is not installed (Debian: mariadb-server)"


def archiver() -> str:
    """Where pt-archiver is; "" where it is not installed (Debian: percona-toolkit)."""
    return shutil.which("pt-archiver") or ""


def _tool(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def server(*, options: Sequence[str] = OPTIONS) -> Iterator[str]:
    """Yield an administrator's URL of a new server, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="winddown-bench-"))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "mysql", "mysql")
        folder.chmod(0o755)
        as_user = ["--user=mysql"]
    data = f"--datadir={folder / 'data'}"
    install = [str(_tool("mariadb-install-db")), "--no-defaults", data, *as_user, "--skip-test-db"]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 's'}", f"--tmpdir={folder}"]
    command = [str(_tool("mariadbd")), "--no-defaults", data, *as_user, *place, f"--pid-file={folder / 'pid'}"]
    process = subprocess.Popen(
        [*command, *options, "--skip-log-error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"mysql://root@127.0.0.1:{port}"
        _wait(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=READY_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(pymysql.err.OperationalError):
            _connect(url, None).close()
            return
        time.sleep(0.1)
    raise SystemExit("MariaDB did not start")


def _connect(url: str, database: str | None) -> pymysql.Connection:
    place = make_url(url)
    return pymysql.connect(
        host=place.host, port=place.port or 3306, user=place.username, database=database, autocommit=True,
        charset="utf8mb4", init_command="SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    )  # fmt: skip


def accounts(url: str) -> dict[str, str]:
    """Create the product's accounts; return what each connection's name ends with → its URL."""
    found = GRANTS.search(DOCUMENT.read_text("utf-8"))
    if found is None:
        raise SystemExit("the documents name no grants for MariaDB")
    grants = re.sub(r"--.*$", "", found[1], flags=re.MULTILINE).split(";")
    urls = {}
    with _connect(url, None) as connection, connection.cursor() as cursor:
        for suffix, role in ACCOUNTS.items():
            name, password = f"winddown_{role}", secrets.token_urlsafe(12)
            cursor.execute(f"CREATE USER {name} IDENTIFIED BY '{password}'")
            place = make_url(url).set(username=name, password=password, database=DATABASE)
            urls[suffix] = place.render_as_string(hide_password=False)
        for grant in filter(str.strip, grants):
            cursor.execute(grant)
    return urls


@contextlib.contextmanager
def copied(url: str, customers: int) -> Iterator[str]:
    """Have the database with the tables and the lists of what goes, and drop it afterwards with what was set aside."""
    with _connect(url, None) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
        cursor.execute(f"USE {DATABASE}")
        for statement in TABLES:
            cursor.execute(statement.format(customers=customers, orders=ORDERS_EACH * customers))
            cursor.fetchall()
        _settle(cursor)
        try:
            yield url
        finally:
            for name in (DATABASE, "winddown_quarantine", "winddown_journal"):
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")


def _settle(cursor: pymysql.cursors.Cursor) -> None:
    """Write back what the filling left in memory, so that no way has to do it for it."""
    cursor.execute(
        "SET GLOBAL innodb_max_dirty_pages_pct = 0, innodb_io_capacity_max = 40000, innodb_io_capacity = 20000"
    )
    deadline = time.monotonic() + 10 * READY_SECONDS
    while time.monotonic() < deadline:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")
        row = cursor.fetchone()
        if row is not None and int(row[1]) == 0:
            break
        time.sleep(0.2)
    cursor.execute(
        "SET GLOBAL innodb_max_dirty_pages_pct = 90, innodb_io_capacity = 200, innodb_io_capacity_max = 2000"
    )


def delete_at_once(url: str) -> tuple[float, int]:
    """Seconds and rows of one statement for the orders and one for the customers."""
    with _connect(url, DATABASE) as connection, connection.cursor() as cursor:
        started = time.monotonic()
        rows = sum(cursor.execute(f"DELETE t FROM {table} t JOIN chosen_{table} c ON c.id = t.id") for table in STEPS)
        return time.monotonic() - started, rows


def archive(url: str) -> float:
    """Seconds of pt-archiver for both tables."""
    place = make_url(url)
    started = time.monotonic()
    for table in STEPS:
        source = f"h={place.host},P={place.port},u={place.username},D={DATABASE},t={table}"
        where = f"EXISTS (SELECT 1 FROM chosen_{table} c WHERE c.id = {table}.id)"
        command = [archiver(), "--source", source, "--where", where, "--purge", "--primary-key-only"]
        command += ["--bulk-delete", "--limit", "1000", "--commit-each"]
        command += ["--no-check-charset", "--no-version-check", "--charset", "utf8mb4"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"})
        if done.returncode:
            raise SystemExit(f"pt-archiver failed: {done.stderr.strip()[-400:]}")
    return time.monotonic() - started


def live(url: str) -> int:
    """Rows of both tables that are on the list and still there."""
    with _connect(url, DATABASE) as connection, connection.cursor() as cursor:
        found = 0
        for table in STEPS:
            cursor.execute(f"SELECT count(*) FROM {table} JOIN chosen_{table} c USING (id)")
            row = cursor.fetchone()
            found += int(row[0]) if row is not None else 0
        return found


def written(url: str) -> int:
    """Bytes that went to the redo log since the server started."""
    with _connect(url, None) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_os_log_written'")
        row = cursor.fetchone()
        return int(row[1]) if row is not None else 0
