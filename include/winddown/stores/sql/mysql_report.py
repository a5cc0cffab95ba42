"""How a step by which a MySQL or MariaDB server is cleared asks the server, and tells that it may not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.stores.sql.clearing import Report
from winddown.stores.sql.mysql_catalogue import DENIED

_NEVER = ("files of replicas", "backups", "copies of binary logs", "blocks of the file system")
_UNKNOWN = frozenset({1109, 1146, 1193})  # no such table or variable


def new_report() -> Report:
    """A report in which nothing is said yet."""
    return Report(
        is_denied, never=("files of replicas", "backups", "copies of binary logs", "blocks of the file system")
    )


def is_denied(error: BaseException | None) -> bool:
    """Whether the server says that the account may not."""
    return error is not None and error.args[0] in DENIED


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction on a session that otherwise commits each statement."""
    connection.execute(text("START TRANSACTION"))
    yield
    connection.execute(text("COMMIT"))


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Wait until something is so; False when it is not in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def asked(connection: Connection, query: str, values: dict[str, str]) -> list[Any]:
    """Values of a query's first column; none where the engine does not have what is asked for. Raises when denied."""
    try:
        return list(connection.execute(text(query), values).scalars())
    except DBAPIError as error:
        if error.orig is not None and error.orig.args[0] in _UNKNOWN:
            return []
        raise
