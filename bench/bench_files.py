"""How long it takes to erase many local files in stages, beside ``sha256sum`` and ``rm`` of the same files.

A data set of scans of 64 KiB to 4 MiB is erased as the stages do it: named and bound by content, then batch by batch
located, looked at by the inspector, quarantined, looked at again, and once all of them wait, purged in the same way.
Each file is hashed six times so, by two programs that share no code. The floor hashes once and removes. Control
database and ledger are left out: their cost does not grow with bytes. Memory is that of this process, and cores count
as busy by its part of the time that other programs left to it: its own, and the time in which cores were idle or waited
for disks. Where others used more than a quarter of the cores' time, that part says nothing and no figure is printed.
"""

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import memory
import pyarrow as pa

from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Whereabouts
from winddown.domain.selection import Selection
from winddown.inspection.files import FilesInspector
from winddown.stages.manifests import split
from winddown.stores.files.store import FilesStore

STORE = "share"
SIZES = (64 << 10, 256 << 10, 1 << 20, 4 << 20)
MEBIBYTES, BUSY, RATIO, OTHERS = 500, 0.85, 4.0, 0.25
CORES = len(os.sched_getaffinity(0))


def write(root: Path, size: int) -> int:
    """Write files of so many bytes in all; return how many."""
    drawn, count = random.Random(7), 0
    noise = drawn.randbytes(2 * max(SIZES))
    while size > 0:
        folder = root / "scans" / f"month={count // 500:04}"
        folder.mkdir(parents=True, exist_ok=True)
        length, start = SIZES[count % len(SIZES)], drawn.randrange(max(SIZES))
        (folder / f"{count:07}.pdf").write_bytes(b"%PDF-1.7 " + noise[start : start + length])
        size, count = size - length, count + 1
    os.sync()
    return count


class Steps:
    """Seconds of each step, those that it computed, and those in which cores had nothing to do."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.own: dict[str, float] = {}
        self.idle: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; the same name adds up."""
        before = (time.perf_counter(), _spent(), _idle())
        yield
        after = (time.perf_counter(), _spent(), _idle())
        for kept, first, last in zip((self.seconds, self.own, self.idle), before, after, strict=True):
            kept[name] = kept.get(name, 0) + last - first

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())

    @property
    def others(self) -> float:
        """Part of the time of all cores that other programs used."""
        return 1 - (sum(self.own.values()) + sum(self.idle.values())) / (self.total * CORES)

    @property
    def share(self) -> float:
        """Part of the time that other programs left that this process used."""
        own = sum(self.own.values())
        return own / (own + sum(self.idle.values()))


def _idle() -> float:
    """Seconds in which the cores did nothing since the machine started, one after another and in all."""
    words = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
    return (int(words[4]) + int(words[5])) / os.sysconf("SC_CLK_TCK")


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Erasure:
    """One order over all files of a collection."""

    def __init__(self, root: Path, steps: Steps) -> None:
        self._steps = steps
        self._store = FilesStore(STORE, root=root, unlock=lambda _: root)
        self._inspector = FilesInspector(STORE, root=root)
        found = self._store.discover()
        self._identity = found.identity
        (collection,) = found.collections
        with steps.step("named and bound"):
            self._batches = self._planned(collection)
        count = sum(batch.records for batch in self._batches)
        digests = tuple(batch.digest for batch in self._batches)
        selection = Selection("bench", "0" * 64, count, digests)
        self.order = Order(
            OrderId("bench"), collection.ref, "all", Act.ERASE, Method.MOVE_FILE, selection, 0, record_count_max=count
        )

    def _planned(self, collection: Collection) -> tuple[Batch, ...]:
        located = pa.Table.from_batches(list(self._store.read(collection)))
        return tuple(split(self._store.batch_keys(collection, [located], size=10_000)))

    def run(self) -> int:
        """Quarantine and purge every batch; return how many names and traces the inspector still finds."""
        left = 0
        for batch in self._batches:
            with self._steps.step("quarantined"):
                self._require(self._store.locate(self.order, batch), Whereabouts.LIVE)
                self._require(self._inspector.unchanged(self.order, batch), batch.records)
                self._store.quarantine(self._right(Power.QUARANTINE, batch), self.order, batch)
                left += self._inspector.remaining(self.order, batch)
                self._require(self._inspector.set_aside(self.order, batch), batch.records)
        for batch in self._batches:
            with self._steps.step("purged"):
                self._require(self._store.locate(self.order, batch), Whereabouts.QUARANTINED)
                self._require(self._inspector.set_aside(self.order, batch), batch.records)
                self._store.purge(self._right(Power.PURGE, batch), self.order, batch)
                left += self._inspector.remaining(self.order, batch) + self._inspector.leftovers(self.order, batch)
        return left

    def _right(self, power: Power, batch: Batch) -> Authorization:
        return Authorization(
            power,
            "bench",
            STORE,
            str(self.order.id),
            batch.digest,
            self._identity,
            nonce="",
            expires_at=datetime.now(UTC),
            still_stands=lambda _: None,
        )

    def _require(self, found: object, wanted: object) -> None:
        if found != wanted:
            raise SystemExit(f"{found} where {wanted} was expected")


def floor(root: Path) -> float:
    """Seconds in which the system's own programs hash the files and remove them."""
    started = time.perf_counter()
    listed = subprocess.Popen(["find", str(root), "-type", "f", "-print0"], stdout=subprocess.PIPE)
    subprocess.run(["xargs", "-0", "sha256sum"], stdin=listed.stdout, stdout=subprocess.DEVNULL, check=True)
    listed.wait()
    subprocess.run(["rm", "-r", str(root)], check=True)
    os.sync()
    return time.perf_counter() - started


def main() -> int:
    """Measure; whether the targets are met stands in the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--dir", type=Path, default=None, help="where the files are written; the temporary folder")
    asked = parser.parse_args()
    size = asked.megabytes << 20
    folder = Path(tempfile.mkdtemp(dir=asked.dir))
    try:
        write(folder / "floor", size)
        least = floor(folder / "floor")
        count = write(folder / "share", size)
        steps = Steps()
        erasure = Erasure(folder / "share", steps)
        left = erasure.run()
        still = sum(len(files) for _, _, files in os.walk(folder / "share/scans"))
    finally:
        shutil.rmtree(folder)
    if left or still:
        raise SystemExit(f"{left} traces and {still} files are left")
    print(f"{count} files, {size >> 20} MiB, {CORES} cores; sha256sum and rm: {least:.1f} s")
    for name, seconds in steps.seconds.items():
        own, idle = steps.own[name], steps.idle[name]
        print(f"{name}: {seconds:.1f} s, {own:.1f} s of CPU, cores idle for {idle:.1f} s of {seconds * CORES:.1f} s")
    peak, ratio = memory.peak(), steps.total / least
    figures = (
        ("files_erased_peak", peak, "MiB", f"<={MEBIBYTES}", peak <= MEBIBYTES),
        ("files_erased_cores_busy", f"{steps.share:.2f}", "share", f">={BUSY}", steps.share >= BUSY),
        ("files_erased_over_floor", f"{ratio:.2f}", "ratio", f"<={RATIO}", ratio <= RATIO),
        ("files_erased_rate", f"{(size >> 20) / steps.total:.0f}", "MiB/s", "none", True),
    )
    for name, value, unit, target, is_met in figures:
        if name.endswith("busy") and steps.others > OTHERS:
            print(f"not measured: {name}: other programs used {steps.others:.0%} of the cores' time")
            continue
        print(f"figure={name} value={value} unit={unit} target={target} met={'yes' if is_met else 'no'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
