"""Destruction in databases: the product's batches beside single statements, on identical copies in the same run.

A random tenth of the customers goes with their orders, which refer to them by a foreign key. The servers write through
to the disk as they do out of the box. ``WINDDOWN_TEST_POSTGRES_URL`` (a superuser's, PostgreSQL 15 or later) names
another server than the embedded one. MariaDB is measured where Debian's package is installed, pt-archiver where
percona-toolkit is. What could not be measured is said; no figure stands in for it.

``batched`` is what the store does for authorised batches, quarantine and purge; ``performed`` is all that the product
does, looking before and reading back by the inspector included.

    python bench/bench_sql.py [--customers 5000000] [--engines postgresql mariadb]
"""

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
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


def figure(name: str, value: float, unit: str, *, most: float | None = None, least: float | None = None) -> None:
    """Print one figure with its bound, above or below."""
    met = value <= most if most is not None else value >= (least or 0.0)
    bound = f"<={most}" if most is not None else f">={least}"
    print(f"figure={name} value={value:.3f} unit={unit} target={bound} met={'yes' if met else 'no'}", flush=True)


def not_measured(name: str, why: str) -> None:
    """Say that a figure is missing, and why."""
    print(f"not measured: {name}: {why}", flush=True)


def postgres(customers: int, url: str) -> None:
    """Measure on one PostgreSQL."""
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
            performing = erase(admin, workspace, chosen)
            minimise(admin, workspace, chosen)
            figure("sql_postgres_memory_planning", planning, "MiB", most=MEMORY)
            figure("sql_postgres_memory_performing", performing, "MiB", most=MEMORY)
            # A method that moves a whole table at once is measured here, beside nothing: its target is seconds.
            not_measured("sql_postgres_whole_table", "no method of the store moves a whole table yet")
            drop_base(admin)
        finally:
            if server is not None:
                server.stop()


def erase(admin: str, workspace: Path, chosen: Mapping[str, Selection]) -> int:
    """Measure the ways to erase; return the peak memory of the process that performed all of it."""
    records = sum(found.count for found in chosen.values())
    with copied(admin, "floor") as url:
        before = written(url)
        floor, deleted = delete_at_once(url)
        print(f"single DELETE: {floor:.2f} s, WAL {(written(url) - before) / 1e6:.0f} MB", flush=True)
        _require(deleted, records)
    memory = 0
    for name, way, workers, most in (
        ("batched", "effects", 1, 1.0),
        ("batched_by_two", "effects", 2, 0.6),
        ("performed", "perform", 1, 2.0),
    ):
        with copied(admin, name) as url:
            before = written(url)
            found, memory = apart(run, url, workspace, ERASURE, chosen, way=way, workers=workers)
            _tell(name, found, written(url) - before)
            _require(found.records, 2 * records)
            _require(live(url), 0)
        figure(f"sql_postgres_{name}_over_delete", found.total / floor, "ratio", most=most)
        figure(f"sql_postgres_{name}_longest", found.longest, "s", most=1.0)
    return int(memory)


def minimise(admin: str, workspace: Path, chosen: Mapping[str, Selection]) -> None:
    """Measure emptying two columns of the orders."""
    with copied(admin, "update") as url:
        before = written(url)
        floor, updated = empty_at_once(url)
        print(f"single UPDATE: {floor:.2f} s, WAL {(written(url) - before) / 1e6:.0f} MB", flush=True)
        _require(updated, chosen[ORDERS].count)
    with copied(admin, "minimised") as url:
        before = written(url)
        found, _ = apart(run, url, workspace, MINIMISATION, chosen)
        _tell("minimised", found, written(url) - before)
        _require(found.records, 2 * chosen[ORDERS].count)
        _require(full(url), 0)
    figure("sql_postgres_minimised_over_update", found.total / floor, "ratio", most=1.3)
    figure("sql_postgres_minimised_longest", found.longest, "s", most=1.0)


def _tell(name: str, found: Run, wal: int) -> None:
    quarantine, purge = found.seconds[Power.QUARANTINE], found.seconds[Power.PURGE]
    print(f"{name}: quarantine {quarantine:.2f} s, purge {purge:.2f} s, WAL {wal / 1e6:.0f} MB", flush=True)


def _require(found: int, expected: int) -> None:
    """A way that did not do all of the work has no figure."""
    if found != expected:
        raise SystemExit(f"{found} records where {expected} were expected")


def mariadb(customers: int) -> None:
    """Measure on Debian's MariaDB."""
    reason = sql_mariadb.missing()
    if reason:
        not_measured("sql_mariadb_*", reason)
        return
    with sql_mariadb.server() as url:
        sql_mariadb.fill(url, customers)
        floor, records = sql_mariadb.delete_at_once(url)
        print(f"mariadb: {records} records of {5 * customers} go; single DELETE {floor:.2f} s", flush=True)
        archived = None
        if sql_mariadb.archiver():
            archived, done = sql_mariadb.archive(url)
            _require(done, records)
            print(f"pt-archiver: {archived:.2f} s, {archived / floor:.2f} of the single DELETE", flush=True)
        # The product's batches on a copy are measured here: over the floor, and pt-archiver's time over theirs.
        not_measured("sql_mariadb_batched_over_delete", "the product only reads MariaDB yet")
        not_measured("sql_mariadb_archiver_over_batched", "the product only reads MariaDB yet")


def main() -> None:
    """Measure on each engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--engines", nargs="+", choices=("postgresql", "mariadb"), default=("postgresql", "mariadb"))
    options = parser.parse_args()
    ways = {
        "postgresql": partial(postgres, url=os.environ.get("WINDDOWN_TEST_POSTGRES_URL", "")),
        "mariadb": mariadb,
    }
    for engine in options.engines:
        ways[engine](options.customers)


if __name__ == "__main__":
    main()
