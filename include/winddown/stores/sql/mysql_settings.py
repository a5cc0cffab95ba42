"""Gives settings of a MySQL or MariaDB server other values for a while, and their own again even after a kill.

A setting is the server's, so that it outlives the session that changed it. What it was is committed to a table of ours
before it is changed; the table goes when nothing in it is left to be given back.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from sqlalchemy import Connection, text

from winddown.stores.sql.clearing import Report
from winddown.stores.sql.mysql_catalogue import QUARANTINE
from winddown.stores.sql.mysql_report import asked
from winddown.stores.sql.mysql_rows import has_table
from winddown.stores.sql.mysql_values import quoted

_NAME = "winddown_settings"
_TABLE = f"{QUARANTINE}.{_NAME}"


@contextmanager
def changed(connection: Connection, report: Report, values: Mapping[str, int]) -> Iterator[None]:
    """Change settings for a while, in this order. Our database is there, and nobody else changes settings for us."""
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {_TABLE} (name varchar(64) PRIMARY KEY, own varchar(40) NOT NULL, "
            "ours varchar(40) NOT NULL) ENGINE = InnoDB"
        )
    )
    # What could not be given back to a setting stays its own value.
    remember = text(f"INSERT INTO {_TABLE} VALUES (:name, :own, :ours) ON DUPLICATE KEY UPDATE ours = :ours")
    for name, value in values.items():
        own = connection.execute(text(f"SELECT @@GLOBAL.{quoted(name)}")).scalar_one()
        connection.execute(remember, {"name": name, "own": str(own), "ours": str(value)})
    try:
        for name, value in values.items():
            connection.execute(text(f"SET GLOBAL {quoted(name)} = {value}"))
        yield
    finally:
        if not connection.invalidated:
            give_back(connection, report)


def give_back(connection: Connection, report: Report) -> None:
    """Give settings their own values again where they have ours; one that has another was set by somebody since."""
    if not has_table(connection, QUARANTINE, _NAME):
        return
    # In the order of their names, since the percentage of dirty pages must not be below its low water mark.
    query = text(f"SELECT name, own, ours FROM {_TABLE} ORDER BY name")
    for name, own, ours in connection.execute(query).all():
        statement = f"SET GLOBAL {quoted(name)} = {Decimal(own)}"
        with report.may(statement, left="redo log"):
            now = [Decimal(str(value)) for value in asked(connection, f"SELECT @@GLOBAL.{quoted(name)}", {})]
            if now == [Decimal(ours)] != [Decimal(own)]:
                connection.execute(text(statement))
            connection.execute(text(f"DELETE FROM {_TABLE} WHERE name = :name"), {"name": name})
    if connection.execute(text(f"SELECT NOT EXISTS (SELECT 1 FROM {_TABLE})")).scalar():
        connection.execute(text(f"DROP TABLE {_TABLE}"))
