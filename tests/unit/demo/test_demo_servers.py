import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from winddown.demo.bucket import connect
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3, postgres_bin_dir
from winddown.domain.errors import Refused


def count_rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM survivor").fetchone()
    return row[0] if row else -1


def test_postgres_survives_stop_start_crash_and_a_stale_pid_file(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "a" / "data")
    url = server.start()
    pid_file = server.data_dir / "postmaster.pid"
    try:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE survivor AS SELECT generate_series(1, 10) AS n")
        assert server.start() == url, "starting a running server does nothing"
        server.stop()
        assert not server.is_running()
        server.stop()
        assert EmbeddedPostgres(server.data_dir).start() == url, "the same port and password serve again"
        assert count_rows(url) == 10

        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        while server.is_running():
            pass
        assert pid_file.exists(), "a crash leaves the pid file"
        # The number may belong to another process by now: here to this one.
        pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getpid()), 1))
        assert not server.is_running()
        assert server.start() == url
        assert count_rows(url) == 10
    finally:
        server.stop()


def test_postgres_asks_for_the_password_and_keeps_it_private(admin_url: str, tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(admin_url.replace("postgres:", "postgres:x", 1).replace("xql:", "ql:"), connect_timeout=5)
    server = EmbeddedPostgres(tmp_path / "data")
    server.start()
    try:
        assert stat.S_IMODE((tmp_path / "data.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    finally:
        server.stop()


def test_postgres_refuses_a_folder_with_something_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "letter.txt").write_text("mine")
    with pytest.raises(Refused):
        EmbeddedPostgres(tmp_path / "data").start()
    assert (tmp_path / "data" / "letter.txt").read_text() == "mine"


def test_servers_outlive_the_process_that_starts_them(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3\n"
        "EmbeddedPostgres(Path(sys.argv[1]) / 'data').start(); EmbeddedS3(Path(sys.argv[1])).start()\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    postgres, files = EmbeddedPostgres(tmp_path / "data"), EmbeddedS3(tmp_path)
    try:
        assert postgres.is_running()
        assert files.is_running()
        psycopg.connect(postgres.admin_url()).close()
        client = connect(files.address())
        assert client.list_buckets()["Buckets"] == []
        client.close()
    finally:
        files.stop()
        postgres.stop()
    assert not files.is_running()
    assert not postgres.is_running()


def test_s3_starts_again_on_its_port_and_empty(tmp_path: Path) -> None:
    server = EmbeddedS3(tmp_path)
    address = server.start()
    assert address.secret_key not in repr(address)
    try:
        client = connect(address)
        client.create_bucket(Bucket="once", CreateBucketConfiguration={"LocationConstraint": "cn-shanghai"})
        server.stop()
        server.stop()
        assert not server.is_running()
        assert server.start() == address
        assert client.list_buckets()["Buckets"] == []
        client.close()
    finally:
        server.stop()


def test_the_tools_of_the_wheel_are_there() -> None:
    for tool in ("pg_dump", "pg_restore", "psql", "pg_ctl", "initdb"):
        assert os.access(postgres_bin_dir() / tool, os.X_OK)
