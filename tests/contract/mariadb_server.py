"""A MariaDB server of the tests' own, from the distribution's package."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql
import pytest

READY_SECONDS = 60


@contextmanager
def mariadb(*more: str) -> Iterator[str]:
    """Yield an administrator's URL; skips where there is no server to be had. With more options, always a new one."""
    url = os.environ.get("WINDDOWN_TEST_MARIADB_URL")
    if url and not more:
        yield url
        return
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    server, install = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    if server is None or install is None:
        lacking = "needs mariadbd on the PATH (Debian: mariadb-server) or WINDDOWN_TEST_MARIADB_URL"
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    folder = Path(tempfile.mkdtemp(prefix="winddown-mariadb-"))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "mysql", "mysql")
        folder.chmod(0o755)
        as_user = ["--user=mysql"]
    data = f"--datadir={folder / 'data'}"
    command = [install, "--no-defaults", data, *as_user, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(command, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 's'}", f"--tmpdir={folder}"]
    options += [f"--pid-file={folder / 'pid'}", "--max-allowed-packet=64M", "--skip-log-error"]
    # By default 200 pages a second are flushed, for which each sanitising would wait for half a minute.
    options += ["--innodb-io-capacity=20000", "--innodb-io-capacity-max=40000", *more]
    process = subprocess.Popen(
        [server, "--no-defaults", data, *as_user, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(port)
        yield f"mysql://root@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=READY_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(pymysql.err.OperationalError):
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
            return
        time.sleep(0.1)
    raise AssertionError("MariaDB did not start")
