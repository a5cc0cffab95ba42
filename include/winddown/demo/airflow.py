"""Airflow on one machine for the demonstration: SQLite, LocalExecutor, a real scheduler, one process group.

``airflow standalone`` leaves its children behind when only the parent is killed, so it gets a session of its own and
the whole group is stopped. Users and passwords are made anew for each folder; connections travel in the environment.
"""

import contextlib
import http
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from winddown.domain.errors import Refused, Transient

# Children that are meant to outlive the object that started them; reaped when they are stopped from here.
_LAUNCHED: "dict[int, subprocess.Popen[bytes]]" = {}
READY_SECONDS = 240
STOP_SECONDS = 20
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class AirflowAddress:
    """Where Airflow listens, and the demo people's passwords; these stay out of the repr."""

    url: str
    passwords: Mapping[str, str] = field(repr=False)


class EmbeddedAirflow:
    """One standalone Airflow in a folder.

    Args:
        directory: its home; created on start.
        project: folder with ``dags``, ``plugins`` and ``include``.
        people: logins that exist beside the operator, e.g. the approvers.
        connections: name → parameters, as in ``connections.json``.
        workspace: winddown's workspace.
    """

    def __init__(
        self,
        directory: Path,
        *,
        project: Path,
        people: tuple[str, ...],
        connections: Mapping[str, Mapping[str, str]],
        workspace: Path,
    ) -> None:
        self._home = directory
        self._project = project
        self._people = people
        self._connections = connections
        self._workspace = workspace
        self._state = directory / "address.json"

    def launch(self) -> None:
        """Start its processes; ``wait`` says when they are ready."""
        self.stop()
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        address = AirflowAddress(
            f"http://127.0.0.1:{_free_port()}",
            {name: secrets.token_urlsafe(12) for name in (OPERATOR, *self._people)},
        )
        passwords = self._home / "passwords.json"
        _write_secret(passwords, dict(address.passwords))
        with (self._home / "airflow.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                cwd=self._home,
                env=self._environment(address, passwords),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _LAUNCHED[process.pid] = process
        _write_secret(self._state, {"pid": process.pid, "url": address.url, "passwords": dict(address.passwords)})

    def wait(self) -> AirflowAddress:
        """Wait until scheduler, DAG processor and triggerer are healthy and the DAGs are there; return where it is."""
        address = self.address()
        process = _LAUNCHED[int(json.loads(self._state.read_text())["pid"])]
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise Transient(f"Airflow ended with status {process.returncode}; see {self._home / 'airflow.log'}")
            if _is_healthy(address):
                return address
            time.sleep(0.5)
        self.stop()
        raise Transient(f"Airflow was not ready within {READY_SECONDS} s; see {self._home / 'airflow.log'}")

    def address(self) -> AirflowAddress:
        """Where the running one listens; raises Refused when none was started in this folder."""
        if not self._state.exists():
            raise Refused("no Airflow was started in this folder")
        state = json.loads(self._state.read_text())
        return AirflowAddress(state["url"], state["passwords"])

    def stop(self) -> None:
        """Stop the whole process group; fine when nothing runs."""
        if not self._state.exists():
            return
        group = int(json.loads(self._state.read_text())["pid"])
        for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5)):
            if not _is_ours(group):
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, sign)
            deadline = time.monotonic() + seconds
            while _group_lives(group) and time.monotonic() < deadline:
                if group in _LAUNCHED:
                    _LAUNCHED[group].poll()
                time.sleep(0.1)
        process = _LAUNCHED.pop(group, None)
        if process is not None:
            process.wait(timeout=5)
        self._state.unlink()

    def _environment(self, address: AirflowAddress, passwords: Path) -> dict[str, str]:
        port = address.url.rpartition(":")[2]
        users = ",".join([f"{OPERATOR}:admin", *(f"{name}:op" for name in self._people)])
        settings = {
            "CORE__DAGS_FOLDER": str(self._project / "dags"),
            "CORE__PLUGINS_FOLDER": str(self._project / "plugins"),
            "CORE__LOAD_EXAMPLES": "False",
            "DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "winddown.demo.metadata.CONNECT",
            "DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": "winddown.demo.metadata.CONNECT",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": users,
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "CORE__EXECUTION_API_SERVER_URL": f"{address.url}/execution/",
            "API__HOST": "127.0.0.1",
            "API__PORT": port,
            "API__BASE_URL": address.url,
            "API__WORKERS": "1",
            "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "TRIGGERER__DEFAULT_CAPACITY": "50",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
            "LOGGING__LOGGING_LEVEL": "WARNING",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "WINDDOWN"))},
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            **{f"AIRFLOW_CONN_{name.upper()}": _connection(found) for name, found in self._connections.items()},
            "AIRFLOW_HOME": str(self._home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # it calls `airflow`
            "PYTHONPATH": str(self._project / "include"),
            "PYTHONWARNINGS": "ignore",
            "GX_ANALYTICS_ENABLED": "false",
            "WINDDOWN_ENGINEERS": OPERATOR,
            "WINDDOWN_WORKSPACE": str(self._workspace),
            "WINDDOWN_SEARCHED": f"{self._home / 'logs'},{self._home / 'airflow.db'}",
        }


class AirflowClient:
    """One person's session with Airflow's API and winddown's API inside it."""

    def __init__(self, address: AirflowAddress, person: str) -> None:
        self._url = address.url
        self.person = person
        body = {"username": person, "password": address.passwords[person]}
        self.token: str = _request("POST", f"{self._url}/auth/token", body)["access_token"]

    def get(self, path: str) -> Any:
        """GET a JSON document."""
        return _request("GET", self._url + path, None, self.token)

    def post(self, path: str, body: Any) -> Any:
        """POST a JSON document."""
        return _request("POST", self._url + path, body, self.token)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH a JSON document."""
        return _request("PATCH", self._url + path, body, self.token)


def _is_healthy(address: AirflowAddress) -> bool:
    try:
        # The tasks' own interface builds itself, for seconds, when it is first asked: not while a task waits for it.
        _request("GET", f"{address.url}/execution/health", None)
        health = _request("GET", f"{address.url}/api/v2/monitor/health", None)
        if any(
            (health.get(name) or {}).get("status") != "healthy" for name in ("scheduler", "dag_processor", "triggerer")
        ):
            return False
        operator = AirflowClient(address, OPERATOR)
        dags = operator.get("/api/v2/dags?limit=50")
        broken = operator.get("/api/v2/importErrors")["import_errors"]
    except (Transient, Refused):
        return False
    if broken:
        raise Refused(f"DAGs cannot be imported: {broken[0]['stack_trace'][-800:]}")
    return "deregister_company" in {dag["dag_id"] for dag in dags["dags"]}


def _request(method: str, url: str, body: Any, token: str = "") -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - always http on loopback
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        detail = error.read().decode("utf-8", "replace")[:600]
        failure = Transient if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR else Refused
        raise failure(
            f"{method} {url.partition('//')[2].partition('/')[2]} was answered {error.code}: {detail}"
        ) from None
    except (OSError, ValueError) as error:
        raise Transient(f"Airflow does not answer ({type(error).__name__})") from None


def _connection(found: Mapping[str, str]) -> str:
    if "url" in found:
        return found["url"]
    return json.dumps(
        {
            "conn_type": "aws",
            "login": found["access_key"],
            "password": found["secret_key"],
            "extra": {"endpoint_url": found["endpoint_url"], "region_name": found["region"]},
        }
    )


def _write_secret(path: Path, document: Any) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(document, file)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _is_ours(group: int) -> bool:
    """Whether the group still is an Airflow: after a reboot its number may be somebody else's."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and b"airflow" in (entry.parent / "cmdline").read_bytes():
                return True
    return False
