"""Tries changes of source against tests that are loaded already, each in a process of its own.

Every test runs once to learn which lines it touches and how long it takes. Then each change is made in a process that
is forked after all tests are loaded: functions in memory get the changed code, and the tests that touch the changed
lines run there, fastest first, until one fails. Code that runs on import is changed by importing everything again.
"""

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log2
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, TypeVar

import pyarrow as pa
import pytest
from _pytest.runner import runtestprotocol
from mutant_edits import Mutant, mutated

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "include" / "winddown"
# Tests of whole processes and servers, and of pages that run no Python of ours.
APART = ("postgresql", "test_verifier_page", "test_database_roles", "test_migrations", "test_demo")
SERVERS = {"admin_url", "postgres_url", "engine_of", "company_case", "empty_database"}
PROCESSES = len(os.sched_getaffinity(0))
SECONDS_MAX = 30.0  # of tests for one change, by what they took without it
OPTIONS = ("-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "timeout=0")
_BROKEN = 3  # exit status of a process in which not a test failed but this program


Lines = set[tuple[str, int]]
Functions = dict[tuple[str, str, int], list[FunctionType]]
Job = TypeVar("Job")


class Trial:
    """A plugin that takes the place of pytest's loop over tests: it learns from them, then tries every change.

    Attributes:
        survivors: changes that no test noticed.
        untouched: those of them whose lines no test runs.
    """

    def __init__(self, tried: Sequence[Mutant]) -> None:
        self.tried = tried
        self.survivors: list[Mutant] = []
        self.untouched: list[Mutant] = []
        self.tests = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what needs servers."""
        items[:] = [
            item
            for item in items
            if not any(word in item.nodeid for word in APART) and not SERVERS & set(getattr(item, "fixturenames", ()))
        ]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn and try."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be loaded")
        items, paths = session.items, {str(mutant.path) for mutant in self.tried}
        for path in paths:
            importlib.import_module(_module(Path(path)))
        _load_compiled_code()
        seconds, touched = learnt(items, paths)
        functions = _functions(paths)
        # About the fastest first; those of one module together, which share what they set up.
        order = sorted(seconds, key=lambda place: (round(log2(max(seconds[place], 0.01))), place))
        jobs: list[tuple[Mutant, list[pytest.Item]]] = []
        limits = []
        for mutant in self.tried:
            places = _chosen(mutant, order, seconds, touched)
            jobs.append((mutant, [items[place] for place in places]))
            limits.append(20 + 4 * sum(seconds[place] for place in places))
            self.untouched += [] if places else [mutant]
        _require_control(jobs)
        outcomes = forked(lambda job: _survives(*job, functions), jobs, limits)
        self.survivors = [mutant for (mutant, _), survives in zip(jobs, outcomes, strict=True) if survives]
        self.tests = len(items)
        return True


def _load_compiled_code() -> None:
    """Do once what every process would do again, if any test needs it at all."""
    if "winddown.detectors" in sys.modules:
        profiler = sys.modules["winddown.detectors"].Profiler(["cell"])
        profiler.feed(pa.record_batch({"cell": pa.array(["王小明", "13812345678"])}))


def learnt(items: Sequence[pytest.Item], paths: set[str]) -> tuple[dict[int, float], dict[int, Lines]]:
    """Run every test once; seconds that each takes, and the lines of the guards that it touches, by its place.

    Raises SystemExit when one does not pass.
    """
    modules: dict[str, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        modules[item.nodeid.partition("::")[0]].append(place)
    with tempfile.TemporaryDirectory() as folder:

        def run(places: list[int]) -> bool:
            found: list[tuple[int, float, Lines]] = []
            failed: list[str] = []
            lines: Lines = set()
            watch = _watching(paths, lines)
            threading.settrace(watch)
            sys.settrace(watch)
            began = time.perf_counter()
            for place, is_passed in zip(places, _passes([items[place] for place in places]), strict=True):
                failed += [] if is_passed else [items[place].nodeid]
                found.append((place, time.perf_counter() - began, set(lines)))
                lines.clear()
                began = time.perf_counter()
            (Path(folder) / f"{places[0]}").write_bytes(pickle.dumps((found, failed)))
            return not failed

        jobs = list(modules.values())
        ends = list(forked(run, jobs, [900.0] * len(jobs)))
        seconds: dict[int, float] = {}
        touched: dict[int, Lines] = {}
        failed: list[str] = []
        for job, is_passed in zip(jobs, ends, strict=True):
            kept = Path(folder) / f"{job[0]}"
            if not kept.exists():
                raise SystemExit(f"takes too long: {items[job[0]].nodeid} and what follows")
            found, wrong = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
            failed += wrong if not is_passed else []
            for place, took, lines in found:
                seconds[place], touched[place] = took, lines
    if failed:
        raise SystemExit("these tests do not pass as it is:\n" + "\n".join(failed))
    return seconds, touched


def _chosen(
    mutant: Mutant, order: Sequence[int], seconds: Mapping[int, float], touched: Mapping[int, Lines]
) -> list[int]:
    """The tests that run a changed line; of what runs on import, those that run any line of its file."""
    path, lines = str(mutant.path), range(mutant.first, mutant.last + 1)
    found: list[int] = []
    total = 0.0
    for place in order:
        is_import = mutant.function is None and any(file == path for file, _ in touched[place])
        if is_import or any((path, line) in touched[place] for line in lines):
            total += seconds[place]
            if found and total > SECONDS_MAX:
                break
            found.append(place)
    return found


def _survives(mutant: Mutant, items: Sequence[pytest.Item], functions: Functions) -> bool:
    """Whether no test notices a change; asked in a process of its own."""
    if not items:
        return True
    key = None if mutant.function is None else (str(mutant.path), *mutant.function)
    if key is None or key not in functions:
        return _passes_anew(mutant, items)
    code = _code_of(compile(mutated(mutant), str(mutant.path), "exec"), key[1:])
    for function in functions[key]:
        function.__code__ = code
    return all(_passes(items))


def _require_control(jobs: Sequence[tuple[Mutant, list[pytest.Item]]]) -> None:
    """That everything can be imported again, and passes, where nothing is changed; else all changes look noticed."""
    items = next((items for mutant, items in jobs if mutant.function is None and items), None)
    if items and not all(forked(lambda chosen: _passes_anew(None, chosen), [items], [900.0])):
        raise SystemExit("tests do not pass after importing everything again, without any change")


def forked(run: Callable[[Job], bool], jobs: Sequence[Job], limits: Sequence[float]) -> Iterator[bool]:
    """Whether each job came to a good end, each in a process of its own, in order; after its limit it did not."""
    ends: dict[int, bool] = {}
    running: dict[int, tuple[int, float]] = {}
    waiting = list(range(len(jobs)))[::-1]
    with tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or running:
                while waiting and len(running) < PROCESSES:
                    number = waiting.pop()
                    running[_start(run, jobs[number], Path(folder) / str(number))] = (
                        number,
                        time.monotonic() + limits[number],
                    )
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid in running:
                    number, _ = running.pop(pid)
                    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _BROKEN:
                        raise SystemExit(f"this program failed, not a test: {jobs[number]}")
                    ends[number] = status == 0
                    _kill(pid)
                    shutil.rmtree(Path(folder) / str(number), ignore_errors=True)
                for late in [pid for pid, (_, until) in running.items() if time.monotonic() > until]:
                    _kill(late)
                time.sleep(0.002)
        finally:
            for pid in running:
                _kill(pid)
    yield from (ends[number] for number in range(len(jobs)))


def _start(run: Callable[[Job], bool], job: Job, folder: Path) -> int:
    """Fork a process for one job, with a folder and a process group of its own, and silent."""
    folder.mkdir()
    pid = os.fork()
    if pid:
        return pid
    status = _BROKEN
    try:
        os.setpgid(0, 0)
        tempfile.tempdir = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder)
        with (folder / "said").open("w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        status = 0 if run(job) else 1
    finally:
        os._exit(status)


def _kill(pid: int) -> None:
    """End a job's process with all that it started."""
    with contextlib.suppress(ProcessLookupError):  # it and all of its children may be gone
        os.killpg(pid, signal.SIGKILL)


def _passes(items: Sequence[pytest.Item]) -> Iterator[bool]:
    """Run tests, and say of each whether it passed."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        yield not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def _passes_anew(mutant: Mutant | None, items: Sequence[pytest.Item]) -> bool:
    """Import everything again, with the change in its place, and run tests."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name.partition(".")[0] == "winddown" or file.startswith(str(ROOT / "tests")):
            del sys.modules[name]
    if mutant is not None:
        sys.meta_path.insert(0, _Changed(mutant))
    return pytest.main([*OPTIONS, "-x", *(item.nodeid for item in items)]) == 0


class _Changed(importlib.machinery.SourceFileLoader):
    """Finds and loads a changed module in the place of its file."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(_module(mutant.path), str(mutant.path))
        self._mutant = mutant

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """How the changed module is loaded; None for any other."""
        return importlib.util.spec_from_file_location(fullname, loader=self) if fullname == self.name else None

    def get_code(self, _fullname: str) -> CodeType:
        """The changed code."""
        return compile(mutated(self._mutant), self.path, "exec")


def _module(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)


def _functions(paths: set[str]) -> Functions:
    """Functions in memory by file, qualified name and first line, wherever they are bound."""
    found: Functions = defaultdict(list)
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename in paths:
            code = one.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno].append(one)
    return dict(found)


def _code_of(code: CodeType, function: tuple[str, int]) -> CodeType:
    """The code of a function that is defined in a module or class."""
    waiting = [code]
    for one in waiting:
        if (one.co_qualname, one.co_firstlineno) == function:
            return one
        waiting += [const for const in one.co_consts if isinstance(const, CodeType)]
    raise LookupError(function)


def _watching(paths: set[str], lines: Lines) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that keeps which lines of these files run."""

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, _event: str, _: Any) -> Any:
        return line if frame.f_code.co_filename in paths else None

    return call
