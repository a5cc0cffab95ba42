"""An engine of a credential that only reads PostgreSQL, and whose connections stay open.

A new connection costs as much as a look at a batch. What one is used for leaves nothing in it: whoever gets it next
finds the session as new. It is closed with the engine, and a process that forks leaves it to its parent. A server from
version 14 closes one that nobody uses for a while: an administrator cannot copy a database in which a session is.
"""

import os
import weakref
from collections.abc import Mapping
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import Pool

from winddown.forking import opened_anew_after_fork

_OPEN = 2
_IDLE_SECONDS = 20
_CAN_CLOSE = 140_000


def kept_open(url: URL, connect_args: Mapping[str, Any]) -> Engine:
    """Build the engine; up to two connections of it stay open, and more are opened when they are needed."""
    engine = create_engine(
        url,
        pool_size=_OPEN,
        max_overflow=-1,
        pool_pre_ping=True,
        pool_reset_on_return=None,
        hide_parameters=True,
        # A discarded session has no prepared statements.
        connect_args={**connect_args, "prepare_threshold": None},
    )
    opened_anew_after_fork(engine)
    event.listen(engine, "reset", _as_new)
    event.listen(engine, "checkout", _in_use)
    weakref.finalize(engine, _close, engine.pool, os.getpid())
    return engine


def _as_new(connection: Any, *_: Any) -> None:
    connection.rollback()
    connection.autocommit = True
    connection.execute("DISCARD ALL")
    if connection.info.server_version >= _CAN_CLOSE:
        connection.execute(f"SET idle_session_timeout = '{_IDLE_SECONDS}s'")
    connection.autocommit = False


def _in_use(connection: Any, *_: Any) -> None:
    """Whoever has the session may take its time between two statements."""
    if connection.info.server_version >= _CAN_CLOSE:
        connection.autocommit = True
        connection.execute("SET idle_session_timeout = 0")
        connection.autocommit = False


def _close(pool: Pool, process: int) -> None:
    if os.getpid() == process:
        pool.dispose()
