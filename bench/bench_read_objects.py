"""Classification through a file against its own floor: the library's plain read, and profiling the same batches.

Every file is generated, then read by the library's own streaming reader, by ours (typed, every row), and by ours with
every cell classified, each in a process of its own, so that peak memory is the reader's. The floor is the plain read
and the classification of batches that lie in memory. CPU seconds are compared, the best of ``--repeat`` runs: the
machine is shared. ``--megabytes 1000`` is the size that the limits are meant for; the default is small.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import memory
import orjson
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from winddown.detectors import Profiler
from winddown.stores.objects import formats

RATIO, MEGABYTES = 1.2, 500
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
CITIES = ("北京市朝阳区建国路八十八号", "上海市浦东新区世纪大道", "杭州市西湖区文三路", "成都市锦江区春熙路")
BLOCK = 100_000


def rows(megabytes: int) -> Iterator[list[dict[str, object]]]:
    """Blocks of rows of about a hundred and twenty bytes as CSV."""
    rng = Random(1)
    for start in range(0, megabytes * 8_000, BLOCK):
        yield [
            {
                "id": 10**12 + number,
                "name": rng.choice(SURNAMES) + rng.choice(SURNAMES),
                "mobile": f"138{rng.randrange(10**8):08}",
                "address": f"{rng.choice(CITIES)}{rng.randrange(999)}号",
                "amount": f"{rng.randrange(10**6) / 100:.2f}",
                "note": f'"加急", 第{rng.randrange(9)}次' if number % 10 == 0 else "客户来电询问发货时间，已回复",
            }
            for number in range(start, start + BLOCK)
        ]


def write(kind: str, path: Path, megabytes: int) -> None:
    """Generate one file."""
    if kind == "parquet":
        writer = None
        for block in rows(megabytes):
            table = pa.Table.from_pylist(block)
            writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
            writer.write_table(table, row_group_size=BLOCK)
        if writer:
            writer.close()
        return
    with gzip.open(path, "wb", 1) if kind.endswith("gz") else path.open("wb") as raw:
        for number, block in enumerate(rows(megabytes)):
            if kind.startswith("jsonl"):
                raw.write(b"".join(orjson.dumps(row) + b"\n" for row in block))
                continue
            sink = _Text()
            lines = csv.writer(sink, lineterminator="\n")
            if not number:
                lines.writerow(block[0])
            lines.writerows(row.values() for row in block)
            raw.write("".join(sink.parts).encode("gb18030" if kind == "csv_gb18030" else "utf-8"))


class _Text:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)


def plain(kind: str, path: Path) -> int:
    """The library's own read: the number of rows."""
    if kind == "parquet":
        return sum(batch.num_rows for batch in pq.ParquetFile(path).iter_batches(use_threads=False))
    if kind.startswith("jsonl"):
        with gzip.open(path) if kind.endswith("gz") else path.open("rb") as raw:
            return sum(1 for line in raw if orjson.loads(line))
    options = pacsv.ReadOptions(use_threads=False, encoding="gb18030" if kind == "csv_gb18030" else "utf8")
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    return sum(batch.num_rows for batch in pacsv.open_csv(path, read_options=options, parse_options=parsing))


def ours(kind: str, path: Path) -> int:
    """Our read: the number of rows."""
    with path.open("rb") as source:
        form = formats.identify(source, path.stat().st_size)
        if form != {"jsonl_gz": "jsonl.gz", "csv_gb18030": "csv"}.get(kind, kind):
            raise SystemExit(f"{kind} is taken for {form}")
        return sum(batch.num_rows for batch in formats.read(form, source))


def through(kind: str, path: Path) -> int:
    """Our read with every cell classified: the number of rows."""
    with path.open("rb") as source:
        return profiled(formats.read(formats.identify(source, path.stat().st_size) or kind, source))


def profiled(batches: Iterable[pa.RecordBatch]) -> int:
    """Classify every cell; the number of rows."""
    profiler, count = None, 0
    for batch in batches:
        profiler = profiler or Profiler(batch.schema.names)
        profiler.feed(batch)
        count += batch.num_rows
    return count


READERS: dict[str, Callable[[str, Path], int]] = {"plain": plain, "ours": ours, "through": through}
IN_MEMORY = "memory"
KINDS = ("parquet", "csv", "csv_gb18030", "jsonl", "jsonl_gz")


def child(kind: str, reader: str, path: Path) -> None:
    """Read and print rows, CPU seconds and peak memory."""
    held = []
    pa.array([])  # Arrow loads pandas when it is first given a list, which is no part of reading or classifying
    if reader == IN_MEMORY:
        with path.open("rb") as source:
            held = list(formats.read(formats.identify(source, path.stat().st_size) or kind, source))
    if reader in {IN_MEMORY, "through"}:  # so is what a process loads once to classify
        profiled(
            [pa.record_batch({"loaded": ["13812345678", "1000000000001", "12.50", "张三", "北京市1号", "2024-01-01"]})]
        )
    before = time.process_time()
    count = profiled(held) if reader == IN_MEMORY else READERS[reader](kind, path)
    spent = time.process_time() - before
    print(json.dumps({"rows": count, "cpu": spent, "peak": memory.peak()}))


def measured(kind: str, reader: str, path: Path) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--child", kind, reader, str(path)]
    single = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, check=True, text=True, env={**os.environ, **single})
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    """Measure every kind; whether a target is met stands in the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=24)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--child", nargs=3)
    given = parser.parse_args()
    if given.child:
        kind, reader, name = given.child
        child(kind, reader, Path(name))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in given.kinds:
            path = Path(folder) / f"{kind}.data"
            write(kind, path, given.megabytes)
            runs: dict[str, list[dict[str, float]]] = {reader: [] for reader in (*READERS, IN_MEMORY)}
            for _ in range(given.repeat):
                for reader, found in runs.items():
                    found.append(measured(kind, reader, path))
            if len({run["rows"] for found in runs.values() for run in found}) != 1:
                raise SystemExit(f"{kind}: the readers see different rows")
            best = {reader: min(run["cpu"] for run in found) for reader, found in runs.items()}
            peak = max(run["peak"] for run in runs["ours"])
            size = path.stat().st_size >> 20
            print(
                f"{kind}: {size} MiB, CPU seconds: plain read {best['plain']:.2f}, our read {best['ours']:.2f}, "
                f"classification {best[IN_MEMORY]:.2f}, both {best['through']:.2f}; peak of the read {peak} MiB"
            )
            figures = (
                (f"read_{kind}_over_floor", best["through"] / (best["plain"] + best[IN_MEMORY]), "ratio", RATIO),
                (f"read_{kind}_peak", peak, "MiB", MEGABYTES),
            )
            for name, value, unit, target in figures:
                is_met = value <= target
                print(f"figure={name} value={value:.2f} unit={unit} target=<={target} met={'yes' if is_met else 'no'}")
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
