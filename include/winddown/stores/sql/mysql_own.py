"""Our two databases on a server of MySQL or MariaDB: who works in them alone, and when they go."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from winddown.domain.errors import Transient
from winddown.stores.sql.mysql_catalogue import JOURNAL, QUARANTINE

PREPARING = "winddown preparing"
"""Lock of whoever creates our tables and of whoever drops those that are empty."""
CLEARING = "winddown clearing"
"""Lock of whoever drops or fills tables to clear the server, or changes its settings for that."""
_SECONDS = {PREPARING: 30, CLEARING: 180}
_BUSY = {
    PREPARING: "another session of ours prepares to move records",
    CLEARING: "another session of ours clears this server",
}


@contextmanager
def alone(connection: Connection, lock: str) -> Iterator[None]:
    """Hold a lock, which ends with the session at the latest; raises Transient when another one keeps it."""
    taken = connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), {"name": lock, "seconds": _SECONDS[lock]})
    if taken.scalar() != 1:
        raise Transient(_BUSY[lock], next_step="run again when it is done")
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": lock})


@contextmanager
def quarantine_database(connection: Connection) -> Iterator[None]:
    """Have our database of what is set aside for a while; it goes again where nobody else uses it."""
    connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {QUARANTINE} CHARACTER SET utf8mb4"))
    try:
        yield
    finally:
        if not connection.invalidated:
            with alone(connection, PREPARING):
                drop_unused(connection)


def drop_unused(connection: Connection) -> None:
    """Drop both where nothing is in either; the lock on preparing is held, so nobody is about to use them."""
    if not any(tables_of(connection, database) for database in (QUARANTINE, JOURNAL)):
        for database in (JOURNAL, QUARANTINE):
            connection.execute(text(f"DROP DATABASE IF EXISTS {database}"))


def tables_of(connection: Connection, database: str) -> list[str]:
    """Names of all tables of a database."""
    query = text("SELECT table_name FROM information_schema.tables WHERE table_schema = :s ORDER BY 1")
    return [str(name) for name in connection.execute(query, {"s": database}).scalars()]
