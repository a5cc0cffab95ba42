"""Opens the control database and brings its schema up to date."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError

from winddown.archive.atomic import made_folder
from winddown.domain.errors import Refused
from winddown.forking import opened_anew_after_fork

_RESTED_SECONDS = 1.0
_MIGRATING = Lock()  # what Alembic's scripts see of it are globals of the process


def open_control(url: str) -> Engine:
    """Return an engine for the control database.

    On SQLite every transaction starts with ``BEGIN IMMEDIATE`` and is fsynced: a ledger append reads the head and
    then writes, and a deferred transaction would let two appends read the same head. Its connections are kept, because
    the last one to close would write the whole WAL back each time. A forked process opens its own.

    A PostgreSQL session that nobody used for a second is asked whether it is still there; asking before every
    transaction took a tenth of an append.
    """
    if not url.startswith("sqlite"):
        engine = create_engine(url)
        opened_anew_after_fork(engine)
        event.listen(engine, "checkin", _rests)
        event.listen(engine, "checkout", _is_there(engine))
        return engine
    path = make_url(url).database or ""
    made_folder(Path(path).parent)
    engine = create_engine(url, max_overflow=-1, connect_args={"timeout": 60})
    opened_anew_after_fork(engine)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not open deferred transactions of its own
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=60000")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _rests(_: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _is_there(engine: Engine) -> Callable[[Any, Any, Any], None]:
    """What asks a session that rested for a sign of life: where there is none, a new one takes its place."""

    def ask(connection: Any, record: Any, _: Any) -> None:
        rested = time.monotonic() - record.info.get("rests_since", time.monotonic())
        if rested < _RESTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError("the session is gone") from error

    return ask


def migration_config(url: str) -> Config:
    """Return Alembic's configuration for this package's migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def require_current(engine: Engine) -> None:
    """Raise Refused when the schema is not this program's; workers and the API server may not change it."""
    head = ScriptDirectory.from_config(migration_config("sqlite://")).get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != head:
        raise Refused(
            f"the control database has schema {found or 'none'}, this program needs {head}",
            next_step="run `python -m winddown migrate` with the owner's credential",
        )


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest version; repeating it does nothing."""
    config = migration_config(engine.url.render_as_string(hide_password=False))
    with _MIGRATING, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
