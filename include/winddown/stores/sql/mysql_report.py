"""What became of each step by which a MySQL or MariaDB server is cleared, and how a step asks the server."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.stores.sql.mysql_catalogue import DENIED

_UNKNOWN = frozenset({1109, 1146, 1193})  # no such table or variable
_NEVER = ("files of replicas", "backups", "copies of binary logs", "blocks of the file system")

Detail = tuple[str, str]


class Report:
    """What was done, what the administrator is to do, and what stays."""

    def __init__(self) -> None:
        self.done: list[Detail] = []
        self.tasks: list[str] = []
        self.left: list[str] = []

    @contextmanager
    def may(self, *statements: str, left: str) -> Iterator[None]:
        """Run a step; where the account may not, its statements become a task, and what stays is named."""
        try:
            yield
        except DBAPIError as error:
            arguments = error.orig.args if error.orig is not None else (0,)
            if arguments[0] not in DENIED:
                raise
            self.tasks += statements
            self.left.append(left)

    def details(self) -> tuple[Detail, ...]:
        """As a receipt has them."""
        tasks = "; ".join(dict.fromkeys(self.tasks)) or "none"
        return (*self.done, ("tasks", tasks), ("not_reached", "; ".join([*self.left, *_NEVER])))


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


def has_database(connection: Connection, schema: str) -> bool:
    """Whether there is such a database, and we may know of it."""
    query = text("SELECT count(*) FROM information_schema.schemata WHERE schema_name = :s")
    return bool(connection.execute(query, {"s": schema}).scalar())


def asked(connection: Connection, query: str, values: dict[str, str]) -> list[Any]:
    """Values of a query's first column; none where the engine does not have what is asked for. Raises when denied."""
    try:
        return list(connection.execute(text(query), values).scalars())
    except DBAPIError as error:
        if error.orig is not None and error.orig.args[0] in _UNKNOWN:
            return []
        raise
