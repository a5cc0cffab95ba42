"""The runner under strace: killed at a system call of its choice, with a record of what it changed and made durable.

strace counts calls by name and thread; the runner changes things in one thread.
"""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from runner_process import WAITING, Runner

if TYPE_CHECKING:
    from tests.small_company import End, SmallCompany

CHANGING = (
    "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "renameat", "renameat2", "unlink", "unlinkat",
    "link", "linkat", "mkdir", "mkdirat", "rmdir",
)  # fmt: skip
_NAMING = {"rename", "renameat", "renameat2", "link", "linkat"}
_OF_DESCRIPTORS = {"write", "pwrite64", "fsync", "fdatasync", "ftruncate"}
# A change to these is made durable by the database that they belong to.
OF_DATABASES = re.compile(r"\.sqlite(-wal|-shm|-journal)?$")
_LOCKS = re.compile(r"/\.?turn$")  # empty: what counts is who holds them
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")
_BEGUN = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_NAMED = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"')
_OPENED = re.compile(r"^\d+<([^>]*)>")
_RESULT = re.compile(r"= (-?\d+)(?:<([^>]*)>)?")


@dataclass(frozen=True, slots=True)
class Call:
    """The call of this number (from 1) among those of its name, with the paths that it names."""

    name: str
    number: int
    paths: tuple[str, ...] = ()
    line: str = ""
    result: int = -1


def lacking() -> str:
    """Why nothing can be traced here, or nothing."""
    if shutil.which("strace") is None:
        return "needs strace on the PATH (Debian: strace)"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return f"strace may trace nothing here: {tried.stderr.strip()}" if tried.returncode else ""


def require_strace() -> None:
    """Skip, or fail where everything has to run."""
    if said := lacking():
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(said)
        pytest.skip(said)


def run_traced(
    company: "SmallCompany", log: Path, *, killed_at: Call | None = None, full_at: Call | None = None
) -> int:
    """Carry the case on in a process of its own, killed where a call would begin; its exit status.

    ``full_at`` is a write for which the disk has no room.
    """
    runner = Runner(company)
    told, telling = multiprocessing.Pipe(duplex=False)
    number = runner.start(held=told)
    command = ["strace", "-f", "-y", "-s", "0", "-o", str(log), "-e", f"trace=openat,{','.join(CHANGING)}"]
    if killed_at is not None:
        command += ["-e", f"inject={killed_at.name}:signal=SIGKILL:when={killed_at.number}"]
    if full_at is not None:
        command += ["-e", f"inject={full_at.name}:error=ENOSPC:when={full_at.number}"]
    with subprocess.Popen([*command, "-p", str(number)], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        assert "attached" in said, said
        telling.send("go")
        status = runner.wait()
        strace.wait(60)
    assert status >= 0 or killed_at is not None, runner.last_words()
    return status


def whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """A line a call: one during which another thread makes a call is written in two parts."""
    begun: dict[str, str] = {}
    for line in lines:
        if beginning := _BEGUN.match(line):
            begun[beginning.group(1)] = f"{beginning.group(1)} {beginning.group(2)}"
        elif rest := _RESUMED.match(line):
            yield begun.pop(rest.group(1), "") + rest.group(2)
        else:
            yield line


def calls(log: Path, within: Path) -> Iterator[Call]:
    """The calls of the traced process's first thread that name something in a folder."""
    first, counts = "", dict.fromkeys((*CHANGING, "openat"), 0)
    for line in whole_lines(log.read_text(errors="replace").splitlines()):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, name, rest = match.groups()
        first = first or thread
        if thread != first:
            assert name == "openat" or str(within) not in rest, f"another thread changes something: {line}"
            continue
        counts[name] += 1
        opened = _OPENED.match(rest)
        if name in _OF_DESCRIPTORS:
            paths = [opened.group(1)] if opened else []
        else:
            paths = [os.path.join(folder, path) for folder, path in _NAMED.findall(rest)]  # noqa: PTH118 - or absolute
        if any(f"{path}/".startswith(f"{within}/") for path in paths):
            result = _RESULT.search(rest)
            yield Call(name, counts[name], tuple(paths), line, int(result.group(1)) if result else -1)


@dataclass(slots=True)
class Volatile:
    """What a power cut would take: contents that were not synced since they were written, names in unsynced folders.

    Attributes:
        sizes: of files, as far as they are durable. At first of all that are there when the process starts.
        written: files with later contents than that.
        names: made, moved or removed, in folders that were not synced since; what a name was before, if it was moved.
    """

    sizes: dict[str, int]
    written: dict[str, int] = field(default_factory=dict)
    names: dict[str, str | None] = field(default_factory=dict)

    def see(self, call: Call) -> None:
        """Follow one call that was carried out."""
        path = call.paths[-1]
        if call.result < 0 or OF_DATABASES.search(path) or _LOCKS.search(path) or path.endswith(" (deleted)"):
            return
        match call.name:
            case "openat" if "O_CREAT" in call.line and path not in self.sizes:
                self.sizes[path], self.names[path] = 0, None
            case "write" | "pwrite64":
                self.written[path] = self.written.get(path, self.sizes.get(path, 0)) + call.result
            case "fsync" | "fdatasync":
                if path in self.written:
                    self.sizes[path] = self.written.pop(path)
                self.names = {name: before for name, before in self.names.items() if str(Path(name).parent) != path}
            case name if name in _NAMING:
                self._name(path, call.paths[0], call)
            case "unlink" | "unlinkat":
                self._unlink(path)
            case "mkdir" | "mkdirat":
                self.names[path] = None

    def _unlink(self, path: str) -> None:
        if self.names.pop(path, path) == path:  # what had no durable name leaves nothing behind
            self.names[path] = None
        self._forget(path)

    def _name(self, path: str, source: str, call: Call) -> None:
        exchanged = "RENAME_EXCHANGE" in call.line
        is_linked = call.name.startswith("link")
        for known in (self.sizes, self.written):
            ours, theirs = known.pop(source, None), known.pop(path, None)
            left = ours if is_linked else theirs if exchanged else None
            known.update({name: size for name, size in ((path, ours), (source, left)) if size is not None})
        self.names[path] = None if is_linked else source
        if not (exchanged or is_linked):
            self.names.pop(source, None)

    def _forget(self, path: str) -> None:
        for known in (self.sizes, self.written):
            known.pop(path, None)

    def lose(self) -> int:
        """Take it away: how many files were cut and names removed. What was overwritten in place stays so."""
        lost = 0
        for path in self.written.keys() & self.sizes.keys():
            if Path(path).is_file():
                os.truncate(path, min(self.sizes[path], Path(path).stat().st_size))
                lost += 1
        for name, before in self.names.items():
            if name in self.sizes and Path(name).is_file():
                if before is None:
                    Path(name).unlink()
                elif Path(before).exists():
                    exchange(name, before)
                else:
                    Path(name).rename(before)
                lost += 1
        return lost


def exchange(one: str, other: str) -> None:
    aside = Path(f"{one}.aside")
    Path(one).rename(aside)
    Path(other).rename(one)
    aside.rename(other)


def sizes(folder: Path) -> dict[str, int]:
    """Of all files in a folder."""
    return {str(path): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def after(log: Path, within: Path, before: dict[str, int]) -> tuple[Volatile, list[str]]:
    """What a power cut would take at a log's end, and what one would have taken when a database said something stands.

    No entry of the ledger, and no row's going, may become durable before the files on which it rests.
    """
    volatile, early = Volatile(before), []
    for call in calls(log, within):
        if call.name in {"fsync", "fdatasync"} and OF_DATABASES.search(call.paths[-1]):
            early += [f"{call.paths[-1]} before {path}" for path in {*volatile.names, *volatile.written}]
        if call.name in _NAMING and call.paths[0] in volatile.written:
            early.append(f"{call.paths[-1]} has its name before its content")
        volatile.see(call)
    return volatile, early


def carry_on(company: "SmallCompany", kills: Sequence[Call | None], *, loses: bool) -> list[str]:
    """Carry a case to its end, killed once between any two acts of people; the kills that hit.

    After each one the case is carried on without kills until somebody has to act. With ``loses`` a kill takes with it
    what was not durable yet, as a power cut would, and whatever is run is followed: nothing may be told too early.
    """
    hit: list[str] = []
    number, status = 0, WAITING
    while status:
        kill = kills[number] if number < len(kills) else None
        number += 1
        status, volatile = _followed(company, kill) if loses or kill else (_run(company), None)
        if kill is not None and status == -signal.SIGKILL:
            hit.append(f"{kill.name} {kill.number}")
            if loses and volatile is not None:
                volatile.lose()
            status = _followed(company, None)[0] if loses else _run(company)
        assert status in {0, WAITING}, (status, hit, company.directory.with_suffix(".log").read_text()[-2000:])
        if status == WAITING:
            company.act_as_asked()
    return hit


def _run(company: "SmallCompany") -> int:
    runner = Runner(company)
    runner.start()
    return runner.wait()


def _followed(company: "SmallCompany", kill: Call | None) -> tuple[int, Volatile]:
    """Run once: the exit status, and what is not durable at the end; nothing may have been told too early."""
    before, log = sizes(company.directory), company.directory.with_suffix(".strace")
    status = run_traced(company, log, killed_at=kill)
    volatile, early = after(log, company.directory, before)
    assert early == [], early
    return status, volatile


def counted(company: "SmallCompany") -> tuple["End", list[list[Call]]]:
    """The end of a case that is never killed, and the calls that change something, from each act of people to the next.

    A call that would fail changes nothing.
    """
    points: list[list[Call]] = []
    log = company.directory.with_suffix(".strace")
    while status := run_traced(company, log):
        assert status == WAITING, company.directory.with_suffix(".log").read_text()[-2000:]
        points.append(_changing(log, company.directory))
        company.act_as_asked()
    return company.end(), [*points, _changing(log, company.directory)]


def _changing(log: Path, within: Path) -> list[Call]:
    return [call for call in calls(log, within) if call.name in CHANGING and call.result >= 0]
