"""Connections of a pool belong to the process that opened them: one that forks leaves them to its parent."""

import os
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError


def opened_anew_after_fork(engine: Engine) -> None:
    """Let a forked process open connections of its own instead of taking its parent's, which it does not close."""
    event.listen(engine, "connect", _remember)
    event.listen(engine, "checkout", _require_own)


def _remember(_: Any, record: Any) -> None:
    record.info["process"] = os.getpid()


def _require_own(_: Any, record: Any, proxy: Any) -> None:
    if record.info["process"] != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("connections are not carried across a fork")
