"""Cells classified per second: 44 columns of a company's database, every cell of them read, free text included.

Five figures, each on a line ``figure=<name> value=<number> unit=<unit> target=<bound> met=yes|no``:

* in memory on one core, in CPU seconds, because the machine is shared: the best of three passes;
* the time for twice the rows, as a multiple of the time for the rows;
* two processes that take half of the batches each, in wall seconds, against one that takes all: the best of three;
* the peak memory of a process through which batches stream, made one by one and never held;
* the ratio to Presidio, which gets a slice of the same cells (``presidio_peer.py``).

The counts are checked against what was put into the table: a profiler that skipped cells would fail.
"""

import argparse
import os

for _variable in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import json  # noqa: E402 - the number of threads is read when the libraries are loaded
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import venv  # noqa: E402
from collections.abc import Iterable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

import memory  # noqa: E402
import pyarrow as pa  # noqa: E402
from customer_table import BATCH, IMPLANTS, batch, batches  # noqa: E402

from winddown.detectors import ColumnProfile, Profiler  # noqa: E402

HERE = Path(__file__).parent
PASSES = 3
STREAM = 3  # times the rows: what streams by is several times what one may hold
WHOLE = {
    "id_card": "resident_id",
    "mobile": "mobile",
    "email": "email",
    "bank_card": "bank_card",
    "address": "address",
    "birthday": "birth_date",
    "token": "hashed",
    "ip": "ip_address",
    "masked_mobile": "masked",
}


def figure(name: str, value: float, unit: str, target: str) -> None:
    """Print a figure with its bound, which begins with ``>=``, ``<=`` or ``<``."""
    bound = float(target.lstrip("<>="))
    met = value >= bound if target[0] == ">" else value <= bound if target[1] == "=" else value < bound
    print(f"figure={name} value={value} unit={unit} target={target} met={'yes' if met else 'no'}", flush=True)


def profile(parts: Iterable[pa.RecordBatch]) -> tuple[float, dict[str, ColumnProfile]]:
    """Return the CPU seconds that it takes to read batches, and the profiles."""
    profiler, seconds = None, 0.0
    for part in parts:
        started = time.process_time()
        profiler = profiler or Profiler(part.schema.names)
        profiler.feed(part)
        seconds += time.process_time() - started
    if profiler is None:
        raise SystemExit("no rows")
    return seconds, profiler.profiles()


def check(profiles: dict[str, ColumnProfile], parts: Sequence[pa.RecordBatch]) -> None:
    """Stop if cells were skipped or values overlooked."""
    rows = sum(part.num_rows for part in parts)
    for name, one in profiles.items():
        if one.cells != rows or one.unread:
            raise SystemExit(f"{name}: not every cell was read")
    for name, kind in WHOLE.items():
        if profiles[name].matches.get(kind) != rows:
            raise SystemExit(f"{name}: not every cell was recognised as {kind}")
    for name, (nth, kind) in IMPLANTS.items():
        expected = sum(value is not None for part in parts for value in part.column(name)[::nth].to_pylist())
        if profiles[name].embedded.get(kind, 0) != expected:
            raise SystemExit(f"{name}: the {kind}s inside the text were not all found, or too many")


def in_memory(rows: int, *, columns: bool) -> float:
    """Measure one core and linearity; return the cells per second."""
    parts = list(batches(rows))
    profile([parts[0].slice(0, 200)])  # loads what is loaded lazily
    if columns:
        for name in parts[0].schema.names:
            seconds, _ = profile(part.select([name]) for part in parts)
            print(f"{name:<16} {seconds / rows * 1e9:8.0f} ns/cell")
    half = parts[: len(parts) // 2] or [parts[0].slice(0, parts[0].num_rows // 2)]
    whole_seconds, half_seconds = [], []
    for _ in range(PASSES):
        half_seconds.append(profile(half)[0])
        seconds, profiles = profile(parts)
        whole_seconds.append(seconds)
        check(profiles, parts)
    cells, size = rows * len(profiles), sum(part.nbytes for part in parts) / 1e6
    seconds = min(whole_seconds)
    print(f"{cells} cells in {len(profiles)} columns, {size:.0f} MB, {seconds:.2f} CPU seconds, none unread")
    figure("classify_cells_per_second", int(cells / seconds), "cells/s", ">=4000000")
    share = sum(part.num_rows for part in half) / rows
    growth = seconds * 2 * share / min(half_seconds)
    figure("classify_linearity", round(growth, 2), "ratio", "<=2.2")
    return cells / seconds


def work(numbers: range, rows: int) -> None:
    """Read some of the batches when told so, as often as told: the other end of ``Worker``."""
    parts = [batch(number, min(BATCH, rows - number * BATCH)) for number in numbers]
    profile([parts[0].slice(0, 200)])
    print("ready", flush=True)
    for _ in sys.stdin:
        seconds, _profiles = profile(parts)
        print(seconds, flush=True)


class Worker:
    """A process that holds some of the batches."""

    def __init__(self, numbers: range, rows: int) -> None:
        span = f"{numbers.start}:{numbers.stop}"
        command = [sys.executable, __file__, "--rows", str(rows), "--work", span]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait()

    def start(self) -> None:
        """Let it read its batches."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe, see above
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def wait(self) -> str:
        """Wait until it says that it is ready, or how many CPU seconds it took."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe, see above
        said = self._process.stdout.readline()
        if not said:
            raise SystemExit("a worker stopped")
        return said

    def stop(self) -> None:
        """End it."""
        self._process.communicate()


def two_processes(rows: int) -> None:
    """Measure two processes against one, alternately."""
    numbers = -(-rows // BATCH)
    if numbers < 2:  # noqa: PLR2004 - nothing to share out
        rows, numbers = 2 * BATCH, 2
    one = [Worker(range(numbers), rows)]
    two = [Worker(range(numbers // 2), rows), Worker(range(numbers // 2, numbers), rows)]
    best, processor = {1: float("inf"), 2: float("inf")}, {1: float("inf"), 2: float("inf")}
    for _ in range(PASSES):
        for workers in (one, two):
            started = time.perf_counter()
            for worker in workers:
                worker.start()
            seconds = sum(float(worker.wait()) for worker in workers)
            best[len(workers)] = min(best[len(workers)], time.perf_counter() - started)
            processor[len(workers)] = min(processor[len(workers)], seconds)
    for worker in one + two:
        worker.stop()
    # With an odd number of batches one process has more to do; the larger half sets the pace.
    fair = numbers / (numbers - numbers // 2) / 2
    print(
        f"one process {best[1]:.2f} s of wall time and {processor[1]:.2f} of CPU, two {best[2]:.2f} and "
        f"{processor[2]:.2f}; the machine is shared, and wall time counts what others take"
    )
    ratio = best[1] / best[2] / fair
    figure("classify_two_processes_ratio", round(ratio, 2), "ratio", ">=1.7")


def stream(rows: int) -> None:
    """Read batches that are made one by one; print the peak memory and the bytes that streamed by."""
    size = 0

    def counted() -> Iterable[pa.RecordBatch]:
        nonlocal size
        for part in batches(rows):
            size += part.nbytes
            yield part

    profile(counted())
    print(json.dumps({"peak": memory.peak(), "streamed": size / 1e6}))


def peak_memory(rows: int) -> None:
    """Measure the peak memory in a process of its own."""
    command = [sys.executable, __file__, "--rows", str(rows), "--stream"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"{rows} rows, {result['streamed']:.0f} MB, streamed through one process")
    figure("classify_peak_memory", round(result["peak"]), "MB", "<1000")


def presidio(python: str, rows: int, rate: float) -> None:
    """Measure Presidio on a slice of the same table."""
    part = batch(0, BATCH).slice(0, rows)
    cells = [str(value) for column in part.columns for value in column.to_pylist() if value is not None]
    with tempfile.TemporaryDirectory() as folder:
        interpreter = python or _with_presidio(Path(folder) / "venv")
        path = Path(folder) / "cells.json"
        path.write_text(json.dumps(cells, ensure_ascii=False), encoding="utf-8")
        command = [interpreter, str(HERE / "presidio_peer.py"), str(path)]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    theirs = result["cells"] / result["seconds"]
    print(
        f"Presidio, NLP engine {result['engine']}, {result['recognisers']} recognisers: {result['cells']} cells in "
        f"{result['seconds']:.2f} CPU seconds, {theirs:.0f} cells/s"
    )
    figure("classify_ratio_to_presidio", int(rate / theirs), "ratio", ">=1000")


def _with_presidio(folder: Path) -> str:
    print("installing presidio-analyzer into a temporary environment")
    venv.create(folder, with_pip=True)
    interpreter = str(folder / "bin" / "python")
    subprocess.run([interpreter, "-m", "pip", "install", "-qq", "presidio-analyzer"], check=True)
    return interpreter


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", action="store_true", help="also print what each column costs")
    parser.add_argument("--presidio-python", default="", help="a Python that has presidio-analyzer")
    parser.add_argument("--presidio-rows", type=int, default=100)
    parser.add_argument("--no-presidio", action="store_true")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--stream", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rows = arguments.rows
    if arguments.work:
        first, end = map(int, arguments.work.split(":"))
        work(range(first, end), rows)
        return
    if arguments.stream:
        stream(rows)
        return
    rate = in_memory(rows, columns=arguments.columns)
    two_processes(rows)
    peak_memory(STREAM * rows)
    if arguments.no_presidio:
        print("classify_ratio_to_presidio was not measured")
    else:
        presidio(arguments.presidio_python, arguments.presidio_rows, rate)


if __name__ == "__main__":
    main()
