"""Destruction in databases: the product's batches beside single statements, on identical copies in the same run.

A random tenth of the customers goes with their orders, which refer to them by a foreign key. The servers write through
to the disk as they do out of the box. ``WINDDOWN_TEST_POSTGRES_URL`` (a superuser's, PostgreSQL 15 or later) names
another server than the embedded one. Every way has two turns (``--turns``), each on a copy of its own, of which
the better one counts. MariaDB is measured where Debian's package is installed, pt-archiver where
percona-toolkit is. What could not be measured is said; no figure stands in for it.

``deleted`` is what the store does to authorised batches, but for writing the rows into escrow: they are handed out,
compared with the plan and deleted; pt-archiver keeps none of its rows either. ``performed`` is all that the product
does, quarantine and purge, with escrow and its encryption, looking before and reading back by the inspector;
``escrowed`` is the quarantine of these alone, after which the rows are gone from the table and in the escrow.
``whole`` is one table of which everything goes.

    python bench/bench_sql.py [--customers 5000000] [--turns 2] [--engines postgresql mariadb]
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import sql_mariadb
import sql_postgres
from sql_postgres import (
    BASE,
    CUSTOMERS,
    LISTS,
    ORDERS,
    copied,
    drop_base,
    empty_at_once,
    fill,
    full,
    rows,
    url_of,
    write_log_by_default,
    written,
)
from sql_product import Database, Run, apart, choose, run
from sql_whole import Moved, move

from winddown.demo.servers import EmbeddedPostgres
from winddown.domain.authorization import Power
from winddown.domain.plan import Act
from winddown.domain.selection import Selection

ERASURE = ((ORDERS, Act.ERASE), (CUSTOMERS, Act.ERASE))
MINIMISATION = ((ORDERS, Act.MINIMISE),)
MEMORY = 300


def figure(name: str, value: float, unit: str, target: str) -> None:
    """Print one figure with its bound, which begins with ``>=`` or ``<=``."""
    bound = float(target[2:])
    met = value >= bound if target[0] == ">" else value <= bound
    print(f"figure={name} value={value:.3f} unit={unit} target={target} met={'yes' if met else 'no'}", flush=True)


def not_measured(name: str, why: str) -> None:
    """Say that a figure is missing, and why."""
    print(f"not measured: {name}: {why}", flush=True)


def as_one(url: str) -> Database:
    """A PostgreSQL that everybody enters as its superuser; whose credential it is, is no matter of speed there."""
    return Database("postgresql", {"": url})


@dataclass(frozen=True, slots=True)
class Server:
    """One server that is measured.

    Attributes:
        name: as it stands in figures.
        tables: the module that makes its tables, with ``delete_at_once``, ``live`` and ``written``.
        copied: has the tables anew under a name, and yields the URL of whoever may look at everything.
        database: the store's credentials, from that URL.
        by_two_most: how much of a single DELETE's time two batches at once may take.
    """

    name: str
    tables: ModuleType
    copied: Callable[[str], AbstractContextManager[str]]
    database: Callable[[str], Database]
    by_two_most: float


def postgres(customers: int, turns: int) -> None:
    """Measure on one PostgreSQL."""
    url = os.environ.get("WINDDOWN_TEST_POSTGRES_URL", "")
    with tempfile.TemporaryDirectory(prefix="winddown-bench-") as folder:
        server = None if url else EmbeddedPostgres(Path(folder) / "data")
        try:
            admin = url or (server.start() if server else "")
            if server is not None:
                write_log_by_default(admin)
            fill(admin, customers)
            workspace = Path(folder) / "workspace"
            chosen, planning = apart(choose, as_one(url_of(admin, BASE)), workspace, LISTS)
            _announce("postgresql", chosen, customers)
            measured = Server("postgres", sql_postgres, partial(copied, admin), as_one, by_two_most=0.6)
            performing, _ = erase(measured, workspace, chosen, turns)
            minimise(admin, workspace, chosen, turns)
            figure("sql_postgres_memory_planning", planning, "MiB", f"<={MEMORY}")
            figure("sql_postgres_memory_performing", performing, "MiB", f"<={MEMORY}")
            whole(admin, workspace, turns)
            drop_base(admin)
        finally:
            if server is not None:
                server.stop()


def erase(server: Server, workspace: Path, chosen: Mapping[str, Selection], turns: int) -> tuple[int, float]:
    """Measure the ways to erase; return the peak memory of what performed all of it, and the seconds of ``by_two``."""
    records, tables = sum(found.count for found in chosen.values()), server.tables
    ways = (
        ("deleted", "delete", 1, 1.0),
        ("deleted_by_two", "delete", 2, server.by_two_most),
        ("performed", "perform", 1, 2.0),
    )
    floors: list[float] = []
    runs: dict[str, list[Run]] = {name: [] for name, *_ in ways}
    memory = 0
    for turn in range(turns):
        with server.copied(f"floor{turn}") as url:
            before = tables.written(url)
            took, deleted = tables.delete_at_once(url)
            print(f"single DELETE: {took:.2f} s, log {(tables.written(url) - before) / 1e6:.0f} MB", flush=True)
            require(deleted, records)
            floors.append(took)
        for name, way, workers, _ in ways:
            with server.copied(f"{name}{turn}") as url:
                before = tables.written(url)
                database, plan_id = server.database(url), f"{name}-{turn}"
                found, memory = apart(run, database, workspace, plan_id, ERASURE, chosen, way=way, workers=workers)
                _tell(name, found, tables.written(url) - before)
                require(found.records, records if way == "delete" else 2 * records)
                require(tables.live(url), 0)
                runs[name].append(found)
    for name, _, _, most in ways:
        _compare(f"sql_{server.name}_{name}", "delete", runs[name], floors, most)
    escrowed = min(found.seconds[Power.QUARANTINE] for found in runs["performed"])
    figure(f"sql_{server.name}_escrowed_over_delete", escrowed / min(floors), "ratio", "<=2.0")
    return memory, min(found.total for found in runs["deleted_by_two"])


def minimise(admin: str, workspace: Path, chosen: Mapping[str, Selection], turns: int) -> None:
    """Measure emptying two columns of the orders."""
    records = chosen[ORDERS].count
    floors, runs = [], []
    for turn in range(turns):
        with copied(admin, f"update{turn}") as url:
            before = written(url)
            took, updated = empty_at_once(url)
            print(f"single UPDATE: {took:.2f} s, WAL {(written(url) - before) / 1e6:.0f} MB", flush=True)
            require(updated, records)
            floors.append(took)
        with copied(admin, f"minimised{turn}") as url:
            before = written(url)
            found, _ = apart(run, as_one(url), workspace, f"minimised-{turn}", MINIMISATION, chosen)
            _tell("minimised", found, written(url) - before)
            require(found.records, 2 * records)
            require(full(url), 0)
            runs.append(found)
    _compare("sql_postgres_minimised", "update", runs, floors, 1.3)


def whole(admin: str, workspace: Path, turns: int) -> None:
    """Measure both tables going whole; the look stands beside it, because it has to read every row."""
    moves: list[Moved] = []
    for turn in range(turns):
        with copied(admin, f"whole{turn}") as url:
            everything = rows(url)
            found, _ = apart(move, as_one(url), workspace, f"whole-{turn}", tuple(LISTS))
            print(
                f"whole tables: {everything} records, quarantine {found.quarantine:.2f} s and "
                f"purge {found.purge:.2f} s for the slower table, the inspector's look at both {found.look:.2f} s",
                flush=True,
            )
            require(found.records, 2 * everything)
            require(rows(url), 0)
            moves.append(found)
    figure("sql_postgres_whole_quarantine", min(found.quarantine for found in moves), "s", "<=1.0")
    figure("sql_postgres_whole_purge", min(found.purge for found in moves), "s", "<=1.0")


def _compare(name: str, floor: str, runs: Sequence[Run], floors: Sequence[float], most: float) -> None:
    """Print the smallest time over the smallest floor, and of the turns the shortest of their longest transactions."""
    figure(f"{name}_over_{floor}", min(found.total for found in runs) / min(floors), "ratio", f"<={most}")
    figure(f"{name}_longest", min(max(found.longest.values()) for found in runs), "s", "<=1.0")


def _announce(engine: str, chosen: Mapping[str, Selection], customers: int) -> None:
    records = sum(found.count for found in chosen.values())
    batches = sum(len(found.batch_digests) for found in chosen.values())
    print(f"{engine}: {records} records of {5 * customers} go, in {batches} batches", flush=True)


def _tell(name: str, found: Run, log: int) -> None:
    said = ", ".join(
        f"{power} {found.seconds[power]:.2f} s (longest {found.longest[power]:.2f} s)" for power in found.seconds
    )
    print(f"{name}: {said}, log {log / 1e6:.0f} MB", flush=True)


def require(found: int, expected: int) -> None:
    """A way that did not do all of the work has no figure."""
    if found != expected:
        raise SystemExit(f"{found} records where {expected} were expected")


def mariadb(customers: int, turns: int) -> None:
    """Measure on Debian's MariaDB."""
    missing = sql_mariadb.missing()
    if missing:
        not_measured("sql_mariadb", missing)
        return
    with tempfile.TemporaryDirectory(prefix="winddown-bench-") as folder, sql_mariadb.server() as url:
        workspace = Path(folder)
        database = Database("mysql", sql_mariadb.accounts(url))
        with sql_mariadb.copied(url, customers):
            chosen, planning = apart(choose, database, workspace, sql_mariadb.LISTS)
        _announce("mariadb", chosen, customers)
        server = Server(
            "mariadb", sql_mariadb, lambda _: sql_mariadb.copied(url, customers), lambda _: database, by_two_most=1.0
        )
        performing, by_two = erase(server, workspace, chosen, turns)
        if sql_mariadb.archiver():
            archived = []
            for _ in range(turns):
                with sql_mariadb.copied(url, customers):
                    archived.append(sql_mariadb.archive(url))
                    print(f"pt-archiver: {archived[-1]:.2f} s", flush=True)
                    require(sql_mariadb.live(url), 0)
            figure("sql_mariadb_archiver_over_deleted_by_two", min(archived) / by_two, "ratio", ">=2.0")
        else:
            why = "pt-archiver is not installed (Debian: percona-toolkit)"
            not_measured("sql_mariadb_archiver_over_deleted_by_two", why)
    figure("sql_mariadb_memory_planning", planning, "MiB", f"<={MEMORY}")
    figure("sql_mariadb_memory_performing", performing, "MiB", f"<={MEMORY}")


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
