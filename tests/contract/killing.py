"""Runs a small destruction in a process that is killed at a chosen statement, with nothing of it cleaned up.

Started as a program, it reads pickled pairs of a ``Run`` and a number: it forks a child that is killed before that
change (0: never), and answers with the child's exit status. So the libraries are loaded once.
"""

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tallied import tally
from winddown.archive import escrow
from winddown.archive.tokens import Tokens
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.plan import Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.files import rename
from winddown.stores.files.store import FilesStore
from winddown.stores.sql.duckdb_store import DuckDbStore
from winddown.stores.sql.sqlite_store import SqliteStore

from .desk import TOKEN_KEY, escrow_in
from .subject import Work

_TOKENS = Tokens(lambda: TOKEN_KEY)
STORES: dict[str, Callable[[str, Path, Path], Any]] = {
    "sqlite": lambda name, path, workspace: SqliteStore(
        name, path=path, unlock=lambda _: path, escrow=escrow_in(workspace, name), tokens=_TOKENS
    ),
    "duckdb": lambda name, path, workspace: DuckDbStore(
        name, path=path, unlock=lambda _: path, escrow=escrow_in(workspace, name), tokens=_TOKENS
    ),
    "files": lambda name, path, _: FilesStore(name, root=path, unlock=lambda _: path),
}


def stride(usual: int) -> int:
    """How many statements lie between two kills: ``usual``, but 1 under ``make kills``."""
    return 1 if os.environ.get("WINDDOWN_TEST_KILLS") == "all" else usual


@dataclass(frozen=True, slots=True)
class Run:
    """A whole destruction of one order."""

    kind: str
    path: Path
    order: Order
    batches: Sequence[Batch]
    workspace: Path
    restores: bool = False

    def to_the_end(self) -> None:
        """Quarantine, then purge and sanitise, or restore; from wherever an earlier run was stopped."""
        store = STORES[self.kind](self.order.collection.store, self.path, self.workspace)
        identity = store.discover().identity

        def right(power: Power, batch: Batch | None = None) -> Authorization:
            target, digest = ("", "") if batch is None else (str(self.order.id), batch.digest)
            return Authorization(
                power,
                "case",
                store.name,
                target,
                digest,
                identity,
                nonce="",
                expires_at=None,  # type: ignore[arg-type]
                still_stands=lambda _: None,
            )

        # A batch of files is no transaction: what is half done goes on, until what comes next was intended.
        intended = self.path.with_name("intended")
        unfinished = {Whereabouts.LIVE, Whereabouts.MIXED} if self.kind == "files" else {Whereabouts.LIVE}
        for batch in self.batches:
            if not intended.exists() and store.locate(self.order, batch) in unfinished:
                store.quarantine(right(Power.QUARANTINE, batch), self.order, batch)
        if self.kind == "files":
            intended.touch()
        for batch in self.batches if self.restores else ():
            store.restore(right(Power.RESTORE, batch), self.order, batch)
        for batch in () if self.restores else self.batches:
            if store.locate(self.order, batch) is not Whereabouts.GONE:
                store.purge(right(Power.PURGE, batch), self.order, batch)
        if not self.restores:
            store.sanitise(right(Power.SANITISE), [self.order.collection], settled=[self.order.id])


class Killer:
    """The program, seen from a test."""

    def __init__(self, run: Run) -> None:
        program = [sys.executable, "-c", "from contract.killing import serve; serve()"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=run.path.parent
        )
        assert self._process.stdin is not None
        self.of = run

    def run(self, *, killed_before: int = 0) -> bool:
        """Run once; whether it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((self.of, killed_before), self._process.stdin)
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        assert status in {0, -signal.SIGKILL}, status
        tally("kills", int(status != 0))
        return status != 0

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


def serve() -> None:
    """Answer until there is nothing more to run."""
    while sys.stdin.buffer.peek(1):
        run, number = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the test that started us
        child = os.fork()
        if child == 0:
            _run(run, number)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer


def _run(run: Run, statement: int) -> None:
    left = statement

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch_sqlite(count)
    _watch_duckdb(count)
    _watch_files(count)
    if run.kind == "files":
        _watch_folders(count)
    run.to_the_end()


def _watch_sqlite(count: Callable[[], None]) -> None:
    class Watched(sqlite3.Connection):
        def execute(self, *given: Any) -> sqlite3.Cursor:
            if _changes(given[0]):
                count()
            return super().execute(*given)

    connect = sqlite3.connect
    sqlite3.connect = lambda *given, **named: connect(*given, factory=Watched, **named)  # type: ignore[assignment]


def _watch_duckdb(count: Callable[[], None]) -> None:
    class Watched:
        def __init__(self, inner: duckdb.DuckDBPyConnection) -> None:
            self._inner = inner

        def execute(self, *given: Any) -> Any:
            if _changes(given[0]):
                count()
            return self._inner.execute(*given)

        def close(self) -> None:
            count()
            self._inner.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    connect = duckdb.connect
    duckdb.connect = lambda *given, **named: Watched(connect(*given, **named))  # type: ignore[assignment]


def _changes(statement: str) -> bool:
    """Killed before a query is killed after the last change."""
    return not statement.lstrip().upper().startswith("SELECT")


def _watched(inner: Callable[..., Any], count: Callable[[], None]) -> Callable[..., Any]:
    def step(*given: Any, **named: Any) -> Any:
        count()
        return inner(*given, **named)

    return step


def _watch_files(count: Callable[[], None]) -> None:
    """A file that takes another one's place is a step as well."""
    Path.replace = _watched(Path.replace, count)  # type: ignore[method-assign]
    Path.unlink = _watched(Path.unlink, count)  # type: ignore[method-assign]


def _watch_folders(count: Callable[[], None]) -> None:
    """Every call by which names, files or their attributes change."""
    rename._renameat2 = _watched(rename._renameat2, count)
    for name in (
        "rename",
        "unlink",
        "mkdir",
        "rmdir",
        "link",
        "fsync",
        "write",
        "fchmod",
        "fchown",
        "setxattr",
        "utime",
    ):
        setattr(os, name, _watched(getattr(os, name), count))


def dies(planned: Work, powers: tuple[Power, ...], before: int, *, watch: Callable[[Callable[[], None]], None]) -> bool:
    """Let a process of its own act, and die before its step of that number; False when it came to its end.

    ``watch`` is told in that process what to call before each step.
    """
    process = os.fork()
    if process == 0:
        planned.subject.desk.engine.dispose(close=False)
        count = 0

        def step() -> None:
            nonlocal count
            count += 1
            if count == before:
                os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            watch(step)
            for power in powers:
                planned.act(power)
            status = 0
        finally:
            os._exit(status)
    return was_killed(process)


def was_killed(process: int) -> bool:
    """Wait for a forked process that either came to its end or was killed, and count the kill."""
    _, status = os.waitpid(process, 0)
    assert status in {0, signal.SIGKILL}, "it failed instead"
    tally("kills", int(status == signal.SIGKILL))
    return status == signal.SIGKILL


def watch_escrow(step: Callable[[], None]) -> None:
    """Each change to a file in escrow is a step."""
    escrow.os = Stepping(step)  # type: ignore[attr-defined]


class Stepping:
    """The module ``os``, in which each change to a file is a step."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step

    def __getattr__(self, name: str) -> Any:
        if name in {"pwrite", "fsync", "close"}:
            self._step()
        return getattr(os, name)
