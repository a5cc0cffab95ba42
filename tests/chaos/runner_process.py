"""The command line as a process of its own, again and again, so that it can be killed."""

import contextlib
import itertools
import multiprocessing
import os
import signal
import sqlite3
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from multiprocessing import connection, forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pytest

from winddown.__main__ import main
from winddown.bootstrap import SystemClock

if TYPE_CHECKING:
    from tests.conftest import DrivenCase

POLL = 0.002
ENDING = Lock()  # who starts a process asks all others for their status, and of two who ask at once one reads nothing
REFUSED, WAITING = 2, 3  # the runner's exit status when something stands against it, and when somebody must act


@dataclass(frozen=True, slots=True)
class Jump:
    """The process's clock is set forwards or backwards when it was looked at that often."""

    looks: int
    by: timedelta


def command_line(
    arguments: list[str], environment: dict[str, str], log: Path, held: Connection | None, jump: Jump | None
) -> None:
    """What ``python -m winddown`` does, with its output in a file; never returns. A held one begins when told."""
    if held is not None:
        held.recv()
    if jump is not None:
        _let_jump(jump)
    os.environ.update(environment)
    with log.open("ab") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    sys.exit(main(arguments))


def _let_jump(jump: Jump) -> None:
    now, looks = SystemClock.now, itertools.count()

    def jumping(clock: SystemClock) -> datetime:
        return now(clock) + (jump.by if next(looks) >= jump.looks else timedelta())

    SystemClock.now = jumping  # type: ignore[method-assign]


@cache
def _prepare() -> None:
    """A process forked from one that has loaded everything already is as easily killed, and starts in no time."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["loaded"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))  # it is told of no other way
        forkserver.ensure_running()


class Runner:
    """The command line carrying one case on, with its ledger watched from outside."""

    def __init__(self, company: "DrivenCase") -> None:
        self._company = company
        self._log = company.directory.with_suffix(".log")
        self._processes = multiprocessing.get_context("forkserver")
        _prepare()
        self._process: ForkServerProcess | None = None

    def start(self, held: Connection | None = None, jump: Jump | None = None) -> int:
        """Start the next process, which waits for a word through ``held`` if there is one; its id."""
        environment = {
            "WINDDOWN_CONTROL_URL": self._company.control_url,
            "WINDDOWN_WORKSPACE": str(self._company.workspace),
            "WINDDOWN_CONNECTIONS": str(self._company.directory / "connections.json"),
            "GX_ANALYTICS_ENABLED": "false",
        }
        arguments = ["run", str(self._company.directory / "case.yaml"), "--by", "operator"]
        given = (arguments, environment, self._log, held, jump)
        self._process = self._processes.Process(target=command_line, args=given)
        with ENDING:
            self._process.start()
        assert self._process.pid is not None
        return self._process.pid

    def reaches(self, size: int) -> bool:
        """Watch until the ledger has this size; False when the process ends before."""
        assert self._process is not None
        while ledger_size(self._company) < size:
            if connection.wait([self._process.sentinel], 0):
                return False
            time.sleep(POLL)
        return True

    def wait(self) -> int:
        """The exit status of a process that is left alone."""
        assert self._process is not None
        connection.wait([self._process.sentinel], 120)
        with ENDING:
            self._process.join(timeout=0)
        assert self._process.exitcode is not None, "it does not end"
        return self._process.exitcode

    def kill(self) -> bool:
        """Send SIGKILL; whether it hit a live process."""
        assert self._process is not None
        self._process.kill()
        return self.wait() == -signal.SIGKILL

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def ledger_size(company: "DrivenCase") -> int:
    """Entries so far, read from the file while others write it; 0 before there is a ledger."""
    path = company.workspace / "control.sqlite"
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(reading(path)) as control:
        return int(control.execute("SELECT coalesce(sum(size), 0) FROM ledger_head").fetchone()[0])
    return 0


def reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
