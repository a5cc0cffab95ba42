"""Tries changes of source against tests that are loaded already, each in a process of its own.

Every test runs once to learn which lines it touches and how long it takes. Then each change is made in a process that
is forked after all tests are loaded: functions in memory get the changed code, and the tests that touch the changed
lines run there until one fails. Of code that runs on import, constants and defaults are exchanged in memory; for what
else a class is made of, everything is imported again.
"""

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import pickle
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import _lru_cache_wrapper
from math import log2
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, TypeVar

import pyarrow as pa
import pytest
from _pytest.runner import runtestprotocol
from mutant_edits import Mutant, mutated, readers

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "include" / "winddown"
# Tests of whole processes and servers, and of pages that run no Python of ours.
APART = ("postgresql", "test_verifier_page", "test_database_roles", "test_migrations", "test_demo")
SERVERS = {"admin_url", "postgres_url", "engine_of", "company_case", "empty_database"}
PROCESSES = len(os.sched_getaffinity(0))
SECONDS_MAX = 25.0  # of tests for one change, by what they took without it: what nothing notices costs as much
OPTIONS = ("-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "timeout=0")
_MEMORY = Path("/dev/shm")  # noqa: S108 - databases of tests wait for no disk there
_CALLS_WATCHED = 20
_BROKEN = 3  # exit status of a process in which not a test failed but this program


Lines = set[tuple[str, int]]
Functions = dict[tuple[str, str, int], list[FunctionType]]
Job = TypeVar("Job")


class Trial:
    """A plugin that takes the place of pytest's loop over tests: it learns from them, then tries every change.

    Attributes:
        survivors: changes that no test noticed.
        tests: how many were asked.
    """

    def __init__(self, tried: Sequence[Mutant]) -> None:
        self.tried = tried
        self.survivors: list[Mutant] = []
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
        jobs = [(mutant, [items[place] for place in _chosen(mutant, items, seconds, touched)]) for mutant in self.tried]
        _require_control(jobs)
        places = {item: place for place, item in enumerate(items)}
        limits = [30 + 4 * sum(seconds[places[item]] for item in chosen) for _, chosen in jobs]
        for number, survives in forked(lambda job: _survives(*job, functions), jobs, limits):
            mutant, chosen = jobs[number]
            if survives:
                self.survivors.append(mutant)
                said = "no test notices" if chosen else "no test runs it"
                print(f"survivor: {mutant.path.relative_to(ROOT)}:{mutant.first}: {said}: {mutant.name}", flush=True)
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
            began = time.process_time()
            for place, is_passed in zip(places, _passes([items[place] for place in places]), strict=True):
                failed += [] if is_passed else [items[place].nodeid]
                found.append((place, time.process_time() - began, set(lines)))
                lines.clear()
                began = time.process_time()
            (Path(folder) / f"{places[0]}").write_bytes(pickle.dumps((found, failed)))
            return not failed

        jobs = list(modules.values())
        ends = dict(forked(run, jobs, [900.0] * len(jobs)))
        seconds: dict[int, float] = {}
        touched: dict[int, Lines] = {}
        failed: list[str] = []
        for number, job in enumerate(jobs):
            kept = Path(folder) / f"{job[0]}"
            if not kept.exists():
                raise SystemExit(f"takes too long: {items[job[0]].nodeid} and what follows")
            found, wrong = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
            failed += wrong if not ends[number] else []
            for place, took, lines in found:
                seconds[place], touched[place] = took, lines
    if failed:
        raise SystemExit("these tests do not pass as it is:\n" + "\n".join(failed))
    return seconds, touched


def _chosen(
    mutant: Mutant, items: Sequence[pytest.Item], seconds: Mapping[int, float], touched: Mapping[int, Lines]
) -> list[int]:
    """The tests that run a changed line; of what runs on import, those that run a function that reads what it defines.

    Where no function does, those that run any line of its file.

    Those first that touch few lines of all guards, because they are about these: a table of a function's cases comes
    before all that goes through a whole case. Among them those of files that are named like the changed one, and every
    test once before any of them with further values.
    """
    known: Counter[str] = Counter()
    variants = []
    for item in items:
        variants.append(known[item.nodeid.partition("[")[0]])
        known[item.nodeid.partition("[")[0]] += 1

    def order(place: int) -> tuple[int, int, bool, int, int]:
        is_own = mutant.path.stem in items[place].nodeid.partition("::")[0]
        about = round(log2(len(touched[place]) + 1))
        return about, min(variants[place], 3), not is_own, round(log2(max(seconds[place], 0.01))), place

    path = str(mutant.path)
    lines = set(range(mutant.first, mutant.last + 1)) if mutant.function is not None else readers(mutant)
    if not any((path, line) in touched[place] for place in touched for line in lines) and mutant.function is not None:
        lines = {mutant.function[1]}  # seldom run: whoever calls the function may do it
    found: list[int] = []
    total = 0.0
    for place in sorted(seconds, key=order):
        is_import = not lines and any(file == path for file, _ in touched[place])
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
    code = compile(mutated(mutant), str(mutant.path), "exec")
    key = None if mutant.function is None else (str(mutant.path), *mutant.function)
    if key in functions:
        for function in functions[key]:
            function.__code__ = _code_of(code, key[1:])
        return all(_passes(items))
    try:
        is_exchanged = _exchange(sys.modules[_module(mutant.path)], code)
    except Exception:  # noqa: BLE001 - whatever it is: the changed file cannot be imported, which nobody overlooks
        return False
    return all(_passes(items)) if is_exchanged or not mutant.is_of_class else _passes_anew(mutant, items)


def _exchange(module: ModuleType, code: CodeType) -> bool:
    """Give a module, and whoever imported from it, the constants and defaults of its changed code, if any differ."""
    fresh: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(code, fresh)  # noqa: S102 - our own source
    found = False
    for name, new in fresh.items():
        old = vars(module).get(name)
        if isinstance(new, FunctionType) and isinstance(old, FunctionType):
            if (new.__defaults__, new.__kwdefaults__) != (old.__defaults__, old.__kwdefaults__):
                old.__defaults__, old.__kwdefaults__, found = new.__defaults__, new.__kwdefaults__, True
        elif not isinstance(new, type | ModuleType | FunctionType) and not name.startswith("__") and _differs(old, new):
            for other in list(sys.modules.values()):
                if getattr(other, "__dict__", {}).get(name) is old:
                    setattr(other, name, new)
            found = True
    for one in vars(module).values():
        if isinstance(one, _lru_cache_wrapper):
            one.cache_clear()
    return found


def _differs(old: object, new: object) -> bool:
    """Whether two values differ in more than where they lie in memory, or of which import their class is.

    What a statement of SQLAlchemy's says, only its text does; what an encoder of JSON does, only its attributes.
    """
    said = {tuple(re.sub(r" at 0x[0-9a-f]+", "", text) for text in _told(one)) for one in (old, new)}
    return old != new and len(said) > 1


def _told(one: object) -> tuple[str, ...]:
    is_plain = type(one).__module__.partition(".")[0] in sys.stdlib_module_names
    return repr(one), str(one), repr(getattr(one, "__dict__", "")) if is_plain else ""


def _require_control(jobs: Sequence[tuple[Mutant, list[pytest.Item]]]) -> None:
    """That everything can be imported again, and passes, where nothing is changed; else all changes look noticed."""
    items = next((items[:3] for mutant, items in jobs if mutant.is_of_class and items), None)
    if items and not all(is_good for _, is_good in forked(lambda chosen: _passes_anew(None, chosen), [items], [900.0])):
        raise SystemExit("tests do not pass after importing everything again, without any change")


def forked(run: Callable[[Job], bool], jobs: Sequence[Job], seconds: Sequence[float]) -> Iterator[tuple[int, bool]]:
    """The place of each job, as they end, and whether it came to a good end; each in a process of its own.

    A job that takes more seconds of processor time than it may, or twenty times that by the clock, did not.
    """
    running: dict[int, tuple[int, float]] = {}
    waiting = list(range(len(jobs)))[::-1]
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        try:
            while waiting or running:
                while waiting and len(running) < PROCESSES:
                    place = waiting.pop()
                    pid = _start(run, jobs[place], Path(folder) / str(place), seconds=seconds[place])
                    running[pid] = place, time.monotonic() + 20 * seconds[place]
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid in running:
                    place, _ = running.pop(pid)
                    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _BROKEN:
                        said = (Path(folder) / str(place) / "said").read_text()
                        raise SystemExit(f"this program failed, not a test: {jobs[place]}\n{said[-2000:]}")
                    _kill(pid)
                    shutil.rmtree(Path(folder) / str(place), ignore_errors=True)
                    yield place, status == 0
                for late in [pid for pid, (_, until) in running.items() if time.monotonic() > until]:
                    _kill(late)
                time.sleep(0.002)
        finally:
            for pid in running:
                _kill(pid)


def _start(run: Callable[[Job], bool], job: Job, folder: Path, *, seconds: float) -> int:
    """Fork a process for one job, with a folder and a process group of its own, and silent."""
    folder.mkdir()
    pid = os.fork()
    if pid:
        return pid
    status = _BROKEN
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
        tempfile.tempdir = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder)
        with (folder / "said").open("w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        status = 0 if run(job) else 1
    except BaseException:  # noqa: BLE001 - this process must not go on as its parent would
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _kill(pid: int) -> None:
    """End a job's process with all that it started."""
    with contextlib.suppress(ProcessLookupError):  # it and all of its children may be gone
        os.killpg(pid, signal.SIGKILL)


def _passes(items: Sequence[pytest.Item]) -> Iterator[bool]:
    """Run tests, and say of each whether it passed."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        yield not any(map(_is_failure, runtestprotocol(item, log=False, nextitem=following)))


def _is_failure(report: pytest.TestReport) -> bool:
    """Whether a test failed; that hypothesis could not draw the same twice, e.g. while it is watched, says nothing."""
    return report.failed and "hypothesis.errors.Flaky" not in report.longreprtext


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
        if type(one) is FunctionType and one.__code__.co_filename in paths:  # isinstance wakes what is loaded lazily
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
    """A trace function that keeps which lines of these files run, in the first calls of each function."""
    calls: Counter[CodeType] = Counter()

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, _event: str, _: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in paths:
            return None
        if not lines:
            calls.clear()  # the next test
        calls[code] += 1
        if calls[code] > _CALLS_WATCHED:
            return None
        lines.add((code.co_filename, code.co_firstlineno))
        return line

    return call
