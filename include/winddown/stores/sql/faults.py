"""Turns a database's errors into the product's three, without the values that they quote.

A driver's message may carry a customer's data (``Key (mobile)=(138…) already exists``), and SQLAlchemy's carries the
bound parameters. So only the SQLSTATE and the names of constraints and tables cross this line, and the original
error is dropped from the chain.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError

from winddown.domain.errors import Refused, Transient

_RETRYABLE = ("08", "40", "53", "55", "57")  # connection, serialisation, resources, locks, operator intervention
_DENIED = ("28", "42501", "3D000")


@contextmanager
def translated(store: str, doing: str) -> Iterator[None]:
    """Run a block of SQL; raise Refused or Transient in place of the driver's errors."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        raise _translate(store, doing, error) from None


def _translate(store: str, doing: str, error: Exception) -> Refused | Transient:
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None) or ""
    diagnostic = getattr(cause, "diag", None)
    constraint = getattr(diagnostic, "constraint_name", None) or ""
    table = getattr(diagnostic, "table_name", None) or ""
    text = str(cause) if not state else ""  # a failed connection has no SQLSTATE, and quotes no data
    if state.startswith(_DENIED) or "authentication failed" in text or "does not exist" in text:
        return Refused(
            f"store {store} refused us while {doing} (SQLSTATE {state or 'none'} {table})".rstrip(),
            rule="credentials",
            next_step="check the connection's user, password, database and grants",
        )
    if not state or state.startswith(_RETRYABLE):
        return Transient(f"store {store} is not available while {doing} (SQLSTATE {state or 'none'})")
    named = " ".join(part for part in (table, constraint) if part)
    return Refused(f"store {store} refused {doing} (SQLSTATE {state} {named})".rstrip())
