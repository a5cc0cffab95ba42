"""Awkward tables on MariaDB, with an account for each credential."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pymysql
from sqlalchemy import make_url

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.domain.inventory import CollectionRef
from winddown.inspection.mysql import MySqlInspector
from winddown.stores.sql.mysql_store import MySqlStore

from .ability_suites import FreezableSubject, WatchableSubject
from .desk import Desk
from .table_subject import Shape, TableSubject

STORE = "mysql_db"
TABLE = '客户 "A".x%y'
SUFFIXES = {"": "reader", "__mark": "marker", "__purge": "purger", "__inspect": "inspector"}
# What the documents ask for, by account; {s} stands for the company's database.
GRANTS = {
    "reader": [
        "SELECT, SHOW VIEW, TRIGGER ON {s}.*",
        "PROCESS, SHOW DATABASES ON *.*",
        "SELECT ON `winddown\\_journal`.*",
        "SELECT ON mysql.db",
        "SELECT ON mysql.tables_priv",
        "SELECT ON mysql.columns_priv",
        "SELECT (Host, User, Insert_priv, Update_priv, Delete_priv, Drop_priv, Select_priv, Super_priv) ON mysql.user",
    ],
    "marker": [
        "SELECT, INSERT, UPDATE, DELETE, DROP, TRIGGER ON {s}.* ",
        "PROCESS ON *.*",
        "ALL PRIVILEGES ON `winddown\\_quarantine`.*",
        "ALL PRIVILEGES ON `winddown\\_journal`.*",
    ],
    "purger": [
        "SELECT, INSERT ON {s}.*",
        "PROCESS, RELOAD, SUPER, BINLOG ADMIN, BINLOG MONITOR, REPLICATION MASTER ADMIN ON *.*",
        "ALL PRIVILEGES ON `winddown\\_quarantine`.*",
        "ALL PRIVILEGES ON `winddown\\_journal`.*",
        "SELECT, INSERT, ALTER, CREATE ON mysql.column_stats",
        "DROP ON performance_schema.*",
    ],
    "inspector": ["SELECT, SHOW VIEW, PROCESS ON *.*"],
}
COMPOSITE = Shape(
    """(region varchar(40) CHARACTER SET gbk, no bigint NOT NULL AUTO_INCREMENT,
        "na""me" varchar(60) CHARACTER SET gbk NOT NULL, "a.b" longtext, "50% %s (:b)" varchar(40) CHARACTER SET latin1,
        photo longblob, seen_at datetime(6), amount decimal(12, 2), note json, born date NOT NULL, flags bit(10),
        mood enum('是', '否', ''), tags set('x', 'y'), spot point, ratio float, rate double, "yéar" year, took time(3),
        wide binary(3), hidden int INVISIBLE DEFAULT 7, of_id uuid, stamped timestamp(3) NOT NULL DEFAULT '2001-01-01'
        ON UPDATE CURRENT_TIMESTAMP(3), upper varchar(60) AS (upper("a.b")) VIRTUAL,
        stored varchar(60) AS (lower("50% %s (:b)")) STORED, PRIMARY KEY (region, no), KEY (no)) CHARSET utf8mb4""",
    ("region", "no"),
    (
        *("region", "no", 'na"me', "a.b", "50% %s (:b)", "photo", "seen_at", "amount", "note", "born", "flags", "mood"),
        *("tags", "ratio", "rate", "yéar", "took", "wide", "of_id"),
    ),
    tuple(
        row + (None,) * (19 - len(row))
        for row in (
            (
                *("", 0, "欧阳娜娜", "", "Zoë", b"\x00\xff\r\n" * 40, "2024-02-29 23:59:59.123456", "0.00", "{}"),
                *("0000-00-00", 5, "是", "x,y", 0.1, 5e-324, 2024, "-838:59:59", b"a"),
                "123e4567-e89b-12d3-a456-426655440000",
            ),
            ("华东", 0, 'O\'Brien \\ "x"', None, None, b"", None, None, None, "2024-00-00"),
            (
                *("a", 1, "", "line\none\ttwo", "%s :x $1", None, "1969-12-31 00:00:00", "-1.50"),
                *('{"k": [null, "值"]}', "2024-02-31", 1023, "", "", 16777217.0, 1e300, 0, "00:00:00.5", b"\x00"),
            ),
            (
                *("A", 2, "NULL", "x" * 50, "x", b"x", "9999-12-31 23:59:59", "9999999999.99", '"s"', "1990-01-01"),
                *(0, "否", "y", -0.5, 0.1, 1901, "1:2:3", b"\xff\xfe\xfd"),
            ),
            ("NULL", 3, "吉野", "a", "b", None, None, None, None, "1990-01-01", None, None, None, 3.0, 2.0),
            (" pad", 4, "z", None, "c", None, None, None, None, "1990-01-01"),
            ("north", -5, "y", "q", None, None, None, None, None, "1990-01-01"),
        )
    ),
    ("a.b", "50% %s (:b)", "photo", "seen_at", "upper", "stored", "mood", "spot"),
)
BYTES_KEY = Shape(
    '(id varbinary(40) PRIMARY KEY, "select" varchar(40), born date) CHARSET utf8mb4',
    ("id",),
    ("id", "select", "born"),
    tuple((bytes([number]) * number * 5, f"值{number}", "2000-01-01") for number in range(6)),
    ("select", "born"),
)
DECIMAL_KEY = Shape(
    '(id decimal(30, 10), "at" datetime(6), name text, PRIMARY KEY (id, "at")) CHARSET utf8mb4 '
    "PARTITION BY KEY (id) PARTITIONS 3",
    ("id", "at"),
    ("id", "at", "name"),
    tuple((f"9007199254740993.000000000{number}", "0000-00-00 00:00:00.000000", f"值{number}") for number in range(5)),
    ("name",),
)
TEXT_KEY = Shape(
    "(city varchar(20) COLLATE utf8mb4_general_ci, no int, name text, PRIMARY KEY (city, no)) CHARSET utf8mb4",
    ("city", "no"),
    ("city", "no", "name"),
    tuple((city, number, f"客户{number}") for number, city in enumerate(("上海", "北京", "上海", "a", "A", "é"))),
    ("name",),
)


class MySqlSubject(TableSubject, FreezableSubject, WatchableSubject):
    def __init__(self, admin_url: str, desk: Desk, shape: Shape) -> None:
        self.desk, self.shape, self._url = desk, shape, make_url(admin_url)
        self.schema = f"contract_{secrets.token_hex(4)}"
        self.ref = CollectionRef(STORE, f"{self.schema}.{TABLE}")
        self.table = f'{self.schema}."{TABLE.replace(chr(34), chr(34) * 2)}"'
        self._admin = self.connect("root", self._url.password or "")
        self.run(f"CREATE DATABASE {self.schema} CHARACTER SET utf8mb4")
        self.create()
        self.connections = {STORE + suffix: self._account(role) for suffix, role in SUFFIXES.items()}
        opened = partial(bootstrap._mysql_engine, STORE)
        unlock = desk.unlock(STORE, self.connections, opened)
        self.store = MySqlStore(
            STORE,
            reader=opened(self.connections[STORE]),
            unlock=unlock,
            escrow=desk.escrow(STORE),
            tokens=desk.tokens(),
        )
        self.inspector = MySqlInspector(
            STORE,
            engine=opened(self.connections[f"{STORE}__inspect"]),
            escrow=desk.escrow(STORE),
            token_key=desk.tokens().key,
        )
        self._admit_applications()
        self.plan_systems()

    def connect(self, user: str, password: str) -> Any:
        return pymysql.connect(
            ssl_disabled=True,  # the driver would read the machine's authorities each time
            host=self._url.host or "127.0.0.1",
            port=self._url.port or 3306,
            user=user,
            password=password,
            autocommit=True,
            init_command="SET sql_mode = 'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+08:00'",
        )

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._admin.cursor() as cursor:
            cursor.execute(statement.replace("%", "%%").replace("?", "%s"), tuple(values))
            return list(cursor.fetchall())

    def watch(self, event: str = "INSERT") -> None:
        self.run(f"CREATE TABLE {self.schema}.log (x int)")
        act = f"INSERT INTO {self.schema}.log VALUES (1)"
        self.run(f"CREATE TRIGGER {self.schema}.noted AFTER {event} ON {self.table} FOR EACH ROW {act}")

    def noted(self) -> int:
        return int(self.run(f"SELECT count(*) FROM {self.schema}.log")[0][0])

    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._admin.cursor() as cursor:
            cursor.executemany(statement.replace("%", "%%").replace("?", "%s"), [tuple(row) for row in rows])

    def _account(self, role: str) -> ConnectionParameters:
        name, password = f"winddown_{self.schema}_{role}", secrets.token_urlsafe(12)
        self.run(f"CREATE USER {name} IDENTIFIED BY '{password}'")
        for grant in GRANTS[role]:
            option = " WITH GRANT OPTION" if role == "marker" and "{s}" in grant else ""
            self.run(f"GRANT {grant} TO {name}{option}".replace("{s}", self.schema).replace("`", '"'))
        url = self._url.set(username=name, password=password, database=self.schema, drivername="mysql")
        return ConnectionParameters(url=url.render_as_string(hide_password=False))

    def _admit_applications(self) -> None:
        app, clerk, role = self.accounts()
        self.run(f"CREATE USER {app} IDENTIFIED BY 'app', {clerk} IDENTIFIED BY 'clerk'")
        self.run(f"CREATE ROLE {role}")
        self.run(f"GRANT ALL PRIVILEGES ON {self.schema}.* TO {app} WITH GRANT OPTION")
        self.run(f"GRANT SELECT, INSERT ON {self.table} TO {clerk} WITH GRANT OPTION")
        self.run(
            f'GRANT UPDATE ("{self.shape.fields[1]}"), SELECT ("{self.shape.fields[1]}") ON {self.table} TO {clerk}'
        )
        self.run(f"GRANT INSERT, DELETE, CREATE ON {self.schema}.* TO {role}")
        self.run(f"GRANT {role} TO {clerk}")
        self.run(f"GRANT DELETE ON {self.table} TO PUBLIC")

    def accounts(self) -> tuple[str, str, str]:
        return f"app_{self.schema}@'%'", f"clerk_{self.schema}@localhost", f"role_{self.schema}"

    def grants(self) -> object:
        found = [self.run(f"SHOW GRANTS FOR {name}") for name in (*self.accounts(), "PUBLIC")]
        return [sorted(line for (line,) in lines if "IDENTIFIED" not in line) for lines in found]

    def can_write(self) -> bool:
        with self.connect(f"app_{self.schema}", "app") as application, application.cursor() as cursor:
            for statement in (
                f"DELETE FROM {self.table} WHERE false",
                f'UPDATE {self.table} SET "{self.shape.fields[1]}" = NULL WHERE false',
                f"INSERT INTO {self.table} SELECT * FROM {self.table} WHERE false",
            ):
                with suppress(pymysql.err.OperationalError, pymysql.err.ProgrammingError):
                    cursor.execute(statement.replace("%", "%%"), ())
                    return True
        return False

    def drop(self) -> None:
        with suppress(pymysql.err.OperationalError):  # a test may have left it frozen
            self.run(f"REVOKE ALL PRIVILEGES ON {self.table} FROM PUBLIC")
        for database in (self.schema, "winddown_quarantine", "winddown_journal"):
            self.run(f"DROP DATABASE IF EXISTS {database}")
        app, clerk, role = self.accounts()
        self.run(f"DROP USER {app}, {clerk}")
        self.run(f"DROP ROLE {role}")
        for account in SUFFIXES.values():
            self.run(f"DROP USER winddown_{self.schema}_{account}")
        self._admin.close()
