"""Destruction in databases: the product's batches beside single statements, on identical copies in the same run.

A random tenth of the customers goes with their orders, which refer to them by a foreign key. The servers write through
to the disk as they do out of the box. ``WINDDOWN_TEST_POSTGRES_URL`` (a superuser's, PostgreSQL 15 or later) names
another server than the embedded one. Every way has two turns (``--turns``), each on a copy of its own, of which
the better one counts. MariaDB is measured where Debian's package is installed, pt-archiver where
percona-toolkit is. What could not be measured is said; no figure stands in for it.

``batched`` is what the store does for authorised batches, quarantine and purge; ``performed`` is all that the product
does, looking before and reading back by the inspector included.

    python bench/bench_sql.py [--customers 5000000] [--turns 2] [--engines postgresql mariadb]
"""

import argparse
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import sql_mariadb
from sql_postgres import (
    CUSTOMERS,
    ORDERS,
    copied,
    delete_at_once,
    drop_base,
    empty_at_once,
    fill,
    full,
    live,
    written,
)
from sql_product import Run, apart, choose, run

from winddown.demo.servers import EmbeddedPostgres
from winddown.domain.authorization import Power
from winddown.domain.plan import Act
from winddown.domain.selection import Selection

ERASURE = ((ORDERS, Act.ERASE), (CUSTOMERS, Act.ERASE))
MINIMISATION = ((ORDERS, Act.MINIMISE),)
MEMORY = 300


def figure(name: str, value: float, unit: str, *, most: float) -> None:
    """Print one figure with its bound."""
    met = "yes" if value <= most else "no"
    print(f"figure={name} value={value:.3f} unit={unit} target=<={most} met={met}", flush=True)


def not_measured(name: str, why: str) -> None:
    """Say that a figure is missing, and why."""
    print(f"not measured: {name}: {why}", flush=True)


def postgres(customers: int, turns: int) -> None:
    """Measure on one PostgreSQL."""
    url = os.environ.get("WINDDOWN_TEST_POSTGRES_URL", "")
    with tempfile.TemporaryDirectory(prefix="winddown-bench-") as folder:
        server = None if url else EmbeddedPostgres(Path(folder) / "data")
        try:
            admin = url or (server.start() if server else "")
            fill(admin, customers)
            workspace = Path(folder) / "workspace"
            chosen, planning = apart(choose, admin, workspace, (ORDERS, CUSTOMERS))
            records = sum(found.count for found in chosen.values())
            batches = sum(len(found.batch_digests) for found in chosen.values())
            print(f"postgresql: {records} records of {5 * customers} go, in {batches} batches", flush=True)
            performing = erase(admin, workspace, chosen, turns)
            minimise(admin, workspace, chosen, turns)
            figure("sql_postgres_memory_planning", planning, "MiB", most=MEMORY)
            figure("sql_postgres_memory_performing", performing, "MiB", most=MEMORY)
            # A method that moves a whole table at once is measured here, beside nothing: its target is seconds.
            not_measured("sql_postgres_whole_table", "no method of the store moves a whole table yet")
            drop_base(admin)
        finally:
            if server is not None:
                server.stop()


def erase(admin: str, workspace: Path, chosen: Mapping[str, Selection], turns: int) -> int:
    """Measure the ways to erase; return the peak memory of the process that performed all of it."""
    records = sum(found.count for found in chosen.values())
    ways = (("batched", "effects", 1, 1.0), ("batched_by_two", "effects", 2, 0.6), ("performed", "perform", 1, 2.0))
    floors: list[float] = []
    runs: dict[str, list[Run]] = {name: [] for name, *_ in ways}
    memory = 0
    for turn in range(turns):
        with copied(admin, f"floor{turn}") as url:
            before = written(url)
            took, deleted = delete_at_once(url)
            print(f"single DELETE: {took:.2f} s, WAL {(written(url) - before) / 1e6:.0f} MB", flush=True)
            _require(deleted, records)
            floors.append(took)
        for name, way, workers, _ in ways:
            with copied(admin, f"{name}{turn}") as url:
                before = written(url)
                found, memory = apart(run, url, workspace, ERASURE, chosen, way=way, workers=workers)
                _tell(name, found, written(url) - before)
                _require(found.records, 2 * records)
                _require(live(url), 0)
                runs[name].append(found)
    for name, _, _, most in ways:
        _compare(f"sql_postgres_{name}", "delete", runs[name], floors, most)
    return memory


def minimise(admin: str, workspace: Path, chosen: Mapping[str, Selection], turns: int) -> None:
    """Measure emptying two columns of the orders."""
    records = chosen[ORDERS].count
    floors, runs = [], []
    for turn in range(turns):
        with copied(admin, f"update{turn}") as url:
            before = written(url)
            took, updated = empty_at_once(url)
            print(f"single UPDATE: {took:.2f} s, WAL {(written(url) - before) / 1e6:.0f} MB", flush=True)
            _require(updated, records)
            floors.append(took)
        with copied(admin, f"minimised{turn}") as url:
            before = written(url)
            found, _ = apart(run, url, workspace, MINIMISATION, chosen)
            _tell("minimised", found, written(url) - before)
            _require(found.records, 2 * records)
            _require(full(url), 0)
            runs.append(found)
    _compare("sql_postgres_minimised", "update", runs, floors, 1.3)


def _compare(name: str, floor: str, runs: Sequence[Run], floors: Sequence[float], most: float) -> None:
    """Print the smallest time over the smallest floor, and the longest effect of the turn in which it was shortest."""
    figure(f"{name}_over_{floor}", min(found.total for found in runs) / min(floors), "ratio", most=most)
    figure(f"{name}_longest", min(found.longest for found in runs), "s", most=1.0)


def _tell(name: str, found: Run, wal: int) -> None:
    quarantine, purge = found.seconds[Power.QUARANTINE], found.seconds[Power.PURGE]
    print(f"{name}: quarantine {quarantine:.2f} s, purge {purge:.2f} s, WAL {wal / 1e6:.0f} MB", flush=True)


def _require(found: int, expected: int) -> None:
    """A way that did not do all of the work has no figure."""
    if found != expected:
        raise SystemExit(f"{found} records where {expected} were expected")


def mariadb(customers: int, turns: int) -> None:
    """Measure on Debian's MariaDB."""
    missing = sql_mariadb.missing()
    if missing:
        not_measured("sql_mariadb", missing)
        return
    with sql_mariadb.server() as url:
        floor = archived = math.inf
        for turn in range(turns):
            with sql_mariadb.copied(url, f"floor_{turn}", customers) as database:
                records = sql_mariadb.live(url, database)
                took, deleted = sql_mariadb.delete_at_once(url, database)
                _require(deleted, records)
                floor = min(floor, took)
            if not sql_mariadb.archiver():
                continue
            with sql_mariadb.copied(url, f"archived_{turn}", customers) as database:
                archived = min(archived, sql_mariadb.archive(url, database))
                _require(sql_mariadb.live(url, database), 0)
    print(f"mariadb: {records} records of {5 * customers} go; single DELETE {floor:.2f} s", flush=True)
    if math.isinf(archived):
        not_measured("pt-archiver", "it is not installed (Debian: percona-toolkit)")
    else:
        print(f"pt-archiver: {archived:.2f} s, {archived / floor:.2f} of the single DELETE", flush=True)
    # The product's batches on a copy are measured here: their time over the floor's, and pt-archiver's over theirs.
    not_measured("sql_mariadb_batched_over_delete", "the product only reads MariaDB yet")
    not_measured("sql_mariadb_archiver_over_batched", "the product only reads MariaDB yet")


ENGINES = {"postgresql": postgres, "mariadb": mariadb}


def main() -> None:
    """Measure on each engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--engines", nargs="+", choices=tuple(ENGINES), default=tuple(ENGINES))
    options = parser.parse_args()
    for engine in options.engines:
        ENGINES[engine](options.customers, options.turns)


if __name__ == "__main__":
    main()
