"""Parquet files at the limits: very many columns, and row groups of gigabytes. Rows are erased within bounded memory.

Each file is written by one process and rewritten by another, whose peak memory and CPU seconds are told. A field that
would need too much memory has to be refused by name, before anything but the new file was written.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import memory
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from winddown.stores.objects import formats
from winddown.stores.objects.formats.change import Change
from winddown.stores.objects.formats.problem import Problem, Unreadable

COLUMNS, COLUMN_GROUPS, COLUMN_ROWS = 10_000, 4, 50
ROWS, VALUE = 1 << 17, 1 << 10
MEBIBYTES = 450
FILES = ("columns", "row-group", "field")


def main() -> None:
    """Print what each file took, one line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=2_048, help="size of the big row group")
    parser.add_argument("--write", choices=FILES)
    parser.add_argument("--erase", choices=FILES)
    parser.add_argument("--path", type=Path)
    chosen = parser.parse_args()
    if chosen.write:
        write(chosen.write, chosen.path, chosen.megabytes)
        return
    if chosen.erase:
        print(json.dumps(erase(chosen.path)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            path = Path(folder) / name
            shared = [sys.executable, __file__, "--path", str(path), "--megabytes", str(chosen.megabytes)]
            subprocess.run([*shared, "--write", name], check=True)
            found = json.loads(subprocess.run([*shared, "--erase", name], check=True, stdout=subprocess.PIPE).stdout)
            print(
                f"{name}: {path.stat().st_size >> 20} MiB, {found['outcome']}, {found['cpu']:.1f} s of processor time"
            )
            is_right = found["outcome"] == ("refused by name" if name == "field" else "erased")
            met = "yes" if is_right and found["peak"] <= MEBIBYTES else "no"
            figure = f"limits_{name.replace('-', '_')}_peak_memory"
            print(f"figure={figure} value={found['peak']} unit=MiB target=<={MEBIBYTES} met={met}", flush=True)
            path.unlink()


def write(name: str, path: Path, megabytes: int) -> None:
    """Write one of the files."""
    if name == "columns":
        table = pa.table({f"c{number}": np.arange(COLUMN_ROWS * COLUMN_GROUPS) + number for number in range(COLUMNS)})
        pq.write_table(table, path, row_group_size=COLUMN_ROWS)
        return
    # One field of the whole row group, or as many as keep each below what is held in memory.
    fields = 1 if name == "field" else max(megabytes // (ROWS * VALUE >> 20), 1)
    size = (megabytes << 20) // ROWS // fields
    noise = np.random.default_rng(7).bytes(ROWS * size)
    values = pa.Array.from_buffers(
        pa.large_binary(),
        ROWS,
        [None, pa.py_buffer(np.arange(ROWS + 1, dtype=np.int64) * size), pa.py_buffer(noise)],
    )
    table = pa.table({"id": np.arange(ROWS), **{f"photo{number}": values for number in range(fields)}})
    pq.write_table(table, path, row_group_size=ROWS, compression="none", use_dictionary=False)


def erase(path: Path) -> dict[str, float | str]:
    """Erase the first row; say how that ended, and what it took."""
    before = time.process_time()
    outcome = "erased"
    with path.open("rb") as source, Path("/dev/null").open("wb") as sink:
        try:
            formats.rewrite("parquet", source, sink, Change.of([0]))
        except Unreadable as error:
            outcome = "refused by name" if error.problem is Problem.LIMIT else str(error)
    return {"outcome": outcome, "cpu": time.process_time() - before, "peak": memory.peak()}


if __name__ == "__main__":
    main()
