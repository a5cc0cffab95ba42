"""An engine of one credential of PostgreSQL, whose connections stay open for a while.

A new connection costs as much as a look at a batch: a process of the server, which reads its catalogues anew. What one
is used for leaves nothing in it: whoever gets it next finds the session as new. It is closed with the engine, and a
process that forks leaves it to its parent. A server from version 14 closes one that nobody uses for a while: an
administrator cannot copy a database in which a session is.

None is handed out whose role may not log in or connect any more. A password that was changed is noticed when a session
is as old as an authorization may be: an older one is not handed out.
"""

import os
import weakref
from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool

from winddown.forking import opened_anew_after_fork

_OPEN = 2
_IDLE_SECONDS = 20
_OLDEST_SECONDS = 60
_CAN_CLOSE = 140_000
_MAY_CONNECT = (
    "SELECT rolcanlogin AND has_database_privilege(session_user, current_database(), 'CONNECT') FROM pg_roles "
    "WHERE rolname = session_user"
)
_IN_USE = f"SELECT ({_MAY_CONNECT}), set_config('idle_session_timeout', '0', false)"
_USED = "winddown_used"
# A server whose machine is lost is missed within a minute.
_MISSED = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}


def kept_open(url: URL, connect_args: Mapping[str, Any]) -> Engine:
    """Build the engine; up to two connections of it stay open, and more are opened when they are needed."""
    engine = create_engine(
        url,
        pool_size=_OPEN,
        max_overflow=-1,
        pool_recycle=_OLDEST_SECONDS,
        pool_reset_on_return=None,
        hide_parameters=True,
        # A discarded session has no prepared statements.
        connect_args={**connect_args, **_MISSED, "prepare_threshold": None},
    )
    opened_anew_after_fork(engine)
    event.listen(engine, "reset", _as_new)
    event.listen(engine, "checkout", _in_use)
    weakref.finalize(engine, _close, engine.pool, os.getpid())
    return engine


def _as_new(connection: Any, *_: Any) -> None:
    can_close, close = connection.info.server_version >= _CAN_CLOSE, f"SET idle_session_timeout = '{_IDLE_SECONDS}s'"
    if connection.read_only and can_close:
        # Who only reads can leave nothing but settings in a session; one message takes the place of three.
        connection.execute(f"ROLLBACK; RESET ALL; {close}")
        return
    connection.rollback()
    connection.autocommit = True
    connection.execute("DISCARD ALL")
    if can_close:
        connection.execute(close)
    connection.autocommit = False


def _in_use(connection: Any, record: Any, _: Any) -> None:
    """Whoever has the session may take its time between two statements.

    One that was lost, or whose role may not connect any more, is not used: a new one is opened in its place, or the
    server says no.
    """
    if not record.info.get(_USED):
        record.info[_USED] = True
        return
    try:
        connection.autocommit = True
        found = connection.execute(_IN_USE if connection.info.server_version >= _CAN_CLOSE else _MAY_CONNECT).fetchone()
        connection.autocommit = False
    except psycopg.Error:
        found = None
    if found is None or not found[0]:
        raise DisconnectionError("the session was lost, or its role may not connect any more")


def _close(pool: Pool, process: int) -> None:
    if os.getpid() == process:
        pool.dispose()
