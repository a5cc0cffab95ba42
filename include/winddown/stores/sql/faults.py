"""Turns a database's errors into the product's three, without the values that they quote.

A driver's message may carry a customer's data (``Key (mobile)=(138…) already exists``), and SQLAlchemy's carries the
bound parameters. So only the SQLSTATE (or the engine's own code) and the names of constraints and tables cross this
line, a name with a long number or an address in it excepted, and the original error is dropped from the chain.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pymysql
from sqlalchemy.exc import DBAPIError

from winddown.domain.errors import Refused, Transient

_SPEAKING = re.compile(r"@|[0-9](?:[ -]?[0-9]){8}")
# What MySQL says of a refused reference, whose message quotes names alone.
_REFERENCE = re.compile(
    r"\(`((?:[^`]|``)+)`\.`((?:[^`]|``)+)`, CONSTRAINT `((?:[^`]|``)+)` .* REFERENCES `((?:[^`]|``)+)`"
)
_REFUSED_REFERENCES = (1216, 1217, 1451, 1452)
_RETRYABLE = ("08", "40", "53", "55", "57")  # connection, serialisation, resources, locks, operator intervention
_FULL = "53100"
_DENIED = ("28", "42501", "3D000")
# What PostgreSQL says of a connection that it refuses for good, for which the driver has no SQLSTATE.
_REFUSED = ("authentication failed", "does not exist", "not permitted to log in", "permission denied", "pg_hba.conf")

# What says the same as an SQLSTATE on engines without one: MySQL's error numbers, SQLite's names of errors.
_LIKE: dict[object, str] = {
    **dict.fromkeys((1044, 1045, 1698, 4151), "28000"),
    **dict.fromkeys((1142, 1143, 1227), "42501"),
    1049: "3D000",
    **dict.fromkeys((1040, 1203, 1226), "53300"),
    **dict.fromkeys((1205, 1213), "40001"),
    **dict.fromkeys((1053, 1317, 1969, 3024), "57014"),
    **dict.fromkeys((0, 1152, 2002, 2003, 2006, 2013, 2055), "08006"),
    "SQLITE_PERM": "42501",
    "SQLITE_AUTH": "42501",
    "SQLITE_CANTOPEN": "3D000",
    "SQLITE_BUSY": "55006",
    "SQLITE_LOCKED": "55006",
    "SQLITE_NOMEM": "53200",
    **dict.fromkeys((1021, 1114, "SQLITE_FULL"), _FULL),
    "SQLITE_PROTOCOL": "55006",
}


@contextmanager
def translated(store: str, doing: str) -> Iterator[None]:
    """Run a block of SQL; raise Refused or Transient in place of the driver's errors."""
    try:
        yield
    except (DBAPIError, psycopg.Error, pymysql.MySQLError, sqlite3.Error) as error:
        raise _translate(store, doing, error) from None


def _translate(store: str, doing: str, error: Exception) -> Refused | Transient:
    cause = getattr(error, "orig", None) or error
    own = _own_code(cause)
    state = getattr(cause, "sqlstate", None) or _LIKE.get(own, "" if own is None else "HY000")
    diagnostic = getattr(cause, "diag", None)
    constraint = told(getattr(diagnostic, "constraint_name", None) or "")
    table = told(getattr(diagnostic, "table_name", None) or "")
    text = str(cause) if not state else ""  # a failed connection has no SQLSTATE, and quotes no data
    said = f"SQLSTATE {state or 'none'}" if own is None else f"error {own}"
    if state.startswith(_DENIED) or any(said in text for said in _REFUSED):
        return Refused(
            f"store {store} refused us while {doing} ({said} {table})".replace(" )", ")"),
            rule="credentials",
            next_step="check the connection's user, password, database and grants",
        )
    if not state or state.startswith(_RETRYABLE):
        step = "make room on the store's disk, then run again" if state == _FULL else ""
        return Transient(f"store {store} is not available while {doing} ({said})", next_step=step)
    reference = _reference(cause) if own in _REFUSED_REFERENCES else ""
    named = " ".join(part for part in (table, constraint, reference) if part)
    return Refused(
        f"store {store} refused {doing} ({said} {named})".replace(" )", ")"),
        next_step="see what became of the rows that refer to these, or that these refer to, then plan again"
        if reference or state == "23503"
        else "",
    )


def _reference(cause: object) -> str:
    """Which constraint between which tables refused, by MySQL's message; or that it does not say.

    >>> said = "Cannot delete (`shop`.`orders`, CONSTRAINT `of` FOREIGN KEY (`c`) REFERENCES `customers` (`id`))"
    >>> _reference(Exception(1451, said))
    'constraint of of orders, which refers to customers'
    """
    given: tuple[object, ...] = getattr(cause, "args", ())
    found = _REFERENCE.search(str(given[1])) if len(given) > 1 else None
    if found is None:
        return "a reference that the server does not name"
    _, child, constraint, parent = (told(name.replace("``", "`")) for name in found.groups())
    return f"constraint {constraint} of {child}, which refers to {parent}"


def told(name: str) -> str:
    """A name that may be told; of one that may itself be a person's number or address, that it is not.

    >>> told("orders_2024_check"), told("u_13800000000"), told("wang@example.cn")
    ('orders_2024_check', '(a name that is not shown)', '(a name that is not shown)')
    """
    return "(a name that is not shown)" if _SPEAKING.search(name) else name


def _own_code(cause: object) -> int | str | None:
    """MySQL's number or SQLite's name of an error; None where the engine has SQLSTATEs."""
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        return str(name) if name in _LIKE else "_".join(str(name).split("_")[:2])
    given = getattr(cause, "args", ())
    return given[0] if given and type(given[0]) is int else None
