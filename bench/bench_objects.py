"""Erasing rows inside files: Parquet and gzipped JSON lines, beside what others do with the same keys.

Each method is given the keys of customers whose rows go, finds their rows and writes the file without them, in a
process of its own and on one thread. CPU seconds are compared, the best of ``--turns``, since the machine is shared;
peak memory is the process's. Parquet comes in two files of 5,000,000 rows x 12 columns in 20 row groups, Snappy: ids
scattered over the file, and ids in its order, of which a run is erased.
Peers in the same run: pyarrow, Polars and DuckDB; for JSON lines, ``gunzip | gzip`` without erasing anything is the
floor.

amazon-s3-find-and-forget is not installed by this project. With ``--find-and-forget FOLDER``, a checkout of
https://github.com/awslabs/amazon-s3-find-and-forget (Apache-2.0), its handlers run beside the others too; the
targets refer to its CPU seconds that were published for files of this shape.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import memory
import numpy as np
import object_files
import object_peers

SHARES = (0.001, 0.01, 0.1)
PARQUET = {"scattered": (12.3, 11.7, 15.3), "clustered": (10.9, 10.6, 9.1)}
PUBLISHED_ROWS, PUBLISHED_LINES, PUBLISHED_JSON = 5_000_000, 1_000_000, 25.0
BOUNDS = {"scattered": 0.5, "clustered": 0.12}
PEAK, PEAK_JSON, JSON_BOUND = 450, 100, 0.15
METHODS = ("ours", "pyarrow", "polars", "duckdb")


def figure(name: str, value: float, unit: str, target: str, *, met: bool) -> None:
    """One line a figure."""
    print(f"figure={name} value={value:.3f} unit={unit} target={target} met={'yes' if met else 'no'}", flush=True)


def child(method: str, path: Path, keys: Path, target: Path, folder: str) -> None:
    """Run one method and print what it took."""
    object_peers.load(method, folder)
    wanted = np.load(keys)
    before = time.process_time()
    object_peers.METHODS[method](path, wanted, target)
    print(json.dumps({"cpu": time.process_time() - before, "peak": memory.peak()}))


def measured(method: str, path: Path, keys: Path, turns: int, folder: str = "") -> dict[str, float]:
    """The best CPU seconds and the greatest peak of some runs, each in a process of its own."""
    target = path.with_suffix(f".{method}")
    single = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    runs = []
    for _ in range(turns):
        command = [sys.executable, __file__, "--child", method, str(path), str(keys), str(target), folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env={**os.environ, **single})
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {"cpu": min(run["cpu"] for run in runs), "peak": max(run["peak"] for run in runs)}


def parquet(folder: Path, given: argparse.Namespace) -> None:
    """Both files, every share."""
    for shape, published in PARQUET.items():
        path = folder / f"{shape}.parquet"
        ids = object_files.write_parquet(path, given.rows, given.groups, is_clustered=shape == "clustered")
        print(f"{shape}: {given.rows} rows, {path.stat().st_size >> 20} MiB", flush=True)
        for share, seconds in zip(given.shares, published, strict=False):
            name = f"parquet_{shape}_{share * 100:g}pct"
            keys = object_files.chosen(ids, share, is_clustered=shape == "clustered")
            np.save(folder / "keys.npy", keys)
            found = {method: measured(method, path, folder / "keys.npy", given.turns) for method in given.methods}
            reference = seconds if given.rows == PUBLISHED_ROWS else 0.0
            if given.find_and_forget:
                found["s3f2"] = measured("s3f2", path, folder / "keys.npy", 1, given.find_and_forget)
                _compare(f"{name}_same_run", found["ours"]["cpu"], found["s3f2"]["cpu"], BOUNDS[shape])
            said = ", ".join(f"{name} {run['cpu']:.2f} s {run['peak']:.0f} MiB" for name, run in found.items())
            print(f"{shape} {share:.1%}: {said}; published {seconds} s for 5,000,000 rows", flush=True)
            ours, bound = found["ours"], BOUNDS[shape]
            _compare(name, ours["cpu"], reference, bound)
            figure(f"{name}_peak", ours["peak"], "MiB", f"<{PEAK}", met=ours["peak"] < PEAK)
            left = object_files.residue(path, path.with_suffix(".ours"), keys)
            figure(f"{name}_residue", left, "values", "=0", met=left == 0)
            for method in found:
                path.with_suffix(f".{method}").unlink()
        path.unlink()


def json_lines(folder: Path, given: argparse.Namespace) -> None:
    """One file, every share."""
    path = folder / "lines.jsonl.gz"
    ids, raw = object_files.write_lines(path, given.lines)
    print(f"JSON lines: {given.lines} rows, {raw >> 20} MiB raw, {path.stat().st_size >> 20} MiB packed", flush=True)
    floor = _floor(path)
    for share in given.shares:
        name = f"jsonl_gz_{share * 100:g}pct"
        keys = object_files.chosen(ids, share, is_clustered=False)
        np.save(folder / "keys.npy", keys)
        find = measured("find_lines", path, folder / "keys.npy", given.turns)
        write = measured("write_lines", path, folder / "keys.npy", given.turns)
        reference = PUBLISHED_JSON if given.lines == PUBLISHED_LINES else 0.0
        said = (
            f"finding {find['cpu']:.2f} s {find['peak']:.0f} MiB, writing {write['cpu']:.2f} s {write['peak']:.0f} MiB"
        )
        if given.find_and_forget:
            run = measured("s3f2_lines", path, folder / "keys.npy", 1, given.find_and_forget)
            _compare(f"{name}_same_run", find["cpu"] + write["cpu"], run["cpu"], JSON_BOUND)
            said += f"s3f2 {run['cpu']:.2f} s {run['peak']:.0f} MiB, "
        print(f"lines {share:.1%}: {said}gunzip | gzip {floor:.2f} s; published 25-29 s", flush=True)
        _compare(name, find["cpu"] + write["cpu"], reference, JSON_BOUND)
        figure(f"{name}_peak", write["peak"], "MiB", f"<{PEAK_JSON}", met=write["peak"] < PEAK_JSON)
        gone, left = {f'"id":{key},'.encode() for key in keys.tolist()}, 0
        with gzip.open(path.with_suffix(".write_lines")) as after:
            left = sum(line[1 : line.index(b",") + 1] in gone for line in after)
        figure(f"{name}_residue", left, "rows", "=0", met=left == 0)


def _compare(name: str, seconds: float, reference: float, bound: float) -> None:
    """What was published holds for the full size alone."""
    if reference:
        ratio = seconds / reference
        figure(f"{name}_over_s3f2", ratio, "ratio", f"<={bound}", met=ratio <= bound)


def _floor(path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with path.open("rb") as source:
        unpacked = subprocess.Popen(["gunzip", "-c"], stdin=source, stdout=subprocess.PIPE)
        subprocess.run(["gzip", "-1", "-c"], stdin=unpacked.stdout, stdout=subprocess.DEVNULL, check=True)
        unpacked.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure; whether a target is met stands in the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--find-and-forget", default="")
    parser.add_argument("--child", nargs=5)
    given = parser.parse_args()
    if given.child:
        method, path, keys, target, folder = given.child
        child(method, Path(path), Path(keys), Path(target), folder)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        parquet(Path(folder), given)
        json_lines(Path(folder), given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
