"""Most rows of a PostgreSQL table at once: emptied but for what stays, beside batches and beside a bare DELETE.

Orders, each of which refers to a customer, with two indexes; nothing refers to them. For each share a random part goes,
on identical copies in the same run. The floor is what gives the same files without the product: one DELETE, then
VACUUM FULL. ``survivors`` and ``batched`` are what the store does to authorised batches, quarantine and purge, with the
rows in encrypted escrow; after batches the table is still to be rewritten. Somebody reads the table all the time; the
longest wait is how long it could not be read, beside what a plan would have said.

    python bench/bench_survivors.py [--customers 250000] [--turns 2] [--shares 0.3 0.5 0.7 0.9]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import psycopg
from bench_sql import MEMORY, as_one, figure, require
from sql_postgres import BASE, ORDERS, copied, drop_base, fill, timed, url_of, written
from sql_product import CASE, STORE, Database, Run, apart, choose, deploy, run

from winddown.demo.servers import EmbeddedPostgres
from winddown.domain.plan import Act, Method
from winddown.ports import SupportsSurvivors, Survivors, ability
from winddown.stages.survivors import LOCKED_SECONDS_MAX, SHARE_MIN

SHOWN = 0.9
"""The share of which figures are printed."""


def listed(url: str, share: float) -> tuple[str, int]:
    """Choose that share of the orders; return the table that has their ids, and how many they are."""
    name = f"lists.orders_{share * 1000:.0f}"
    with psycopg.connect(url, autocommit=True) as connection:
        chosen = f"SELECT id FROM {ORDERS} WHERE (hashint8extended(id, 13) & 1023) < {share * 1024:.0f}"
        made = connection.execute(f"CREATE TABLE {name} AS {chosen} ORDER BY id".encode())
        connection.execute(f"ANALYZE {name}".encode())
        return name, made.rowcount


@contextmanager
def reading(url: str) -> Iterator[list[float]]:
    """Read a row again and again; the list has how long each took."""
    took: list[float] = []
    over = Event()

    def read() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.is_set():
                started = time.monotonic()
                connection.execute(f"SELECT FROM {ORDERS} LIMIT 1".encode())
                took.append(time.monotonic() - started)
                time.sleep(0.02)

    reader = Thread(target=read)
    reader.start()
    try:
        yield took
    finally:
        over.set()
        reader.join()


def foreseen(database: Database, workspace: Path, going: int) -> Survivors:
    """What a plan says of it."""
    deployment = deploy(database, workspace)
    store = deployment.systems(deployment.case(CASE)).store(STORE)
    able = ability(store, SupportsSurvivors)
    (orders,) = [found for found in store.discover().collections if found.ref.name == ORDERS]
    if able is None:
        raise SystemExit("the store empties no tables")
    return able.survivors(orders, going=going)


def measured(admin: str, workspace: Path, share: float, turn: int) -> tuple[float, Run, Run, float, int]:
    """Seconds of the floor, the runs at once and in batches, the longest wait of a reader, and peak MiB at once."""
    name, going = listed(url_of(admin, BASE), share) if not turn else known[share]
    known[share] = (name, going)
    with copied(admin, "floor") as url:
        before = written(url)
        deleted, rows = timed(url, f"DELETE FROM {ORDERS} t USING {name} l WHERE t.id = l.id")
        vacuumed, _ = timed(url, f"VACUUM FULL {ORDERS}")
        require(rows, going)
        log = (written(url) - before) / 1e6
        print(f"{share:.0%}: DELETE {deleted:.2f} s, VACUUM FULL {vacuumed:.2f} s, log {log:.0f} MB", flush=True)
    runs = {}
    for way, method in (("batched", Method.ESCROW_ROWS), ("survivors", Method.KEEP_SURVIVORS)):
        with copied(admin, way) as url, reading(url) as waits:
            before = written(url)
            at_once = method is Method.KEEP_SURVIVORS
            chosen, _ = apart(choose, as_one(url), workspace, {ORDERS: name}, at_once=at_once)
            waits.clear()
            plan_id = f"{way}-{share:.3f}-{turn}".replace(".", "-")
            orders = ((ORDERS, Act.ERASE),)
            runs[way], memory = apart(run, as_one(url), workspace, plan_id, orders, chosen, method=method)
            require(runs[way].records, 2 * going)
            said = ", ".join(f"{power} {seconds:.2f} s" for power, seconds in runs[way].seconds.items())
            log = (written(url) - before) / 1e6
            print(f"{share:.0%}: {way} {said}, a reader waited {max(waits):.2f} s, log {log:.0f} MB", flush=True)
    return deleted + vacuumed, runs["survivors"], runs["batched"], max(waits), memory


known: dict[float, tuple[str, int]] = {}


def main() -> None:
    """Measure each share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=250_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.3, 0.5, 0.7, SHOWN])
    options = parser.parse_args()
    ratios: dict[float, float] = {}
    with tempfile.TemporaryDirectory(prefix="winddown-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "data")
        try:
            admin = server.start()
            fill(admin, options.customers)
            workspace = Path(folder) / "workspace"
            for share in options.shares:
                found = [measured(admin, workspace, share, turn) for turn in range(options.turns)]
                floor = min(one[0] for one in found)
                at_once, batched = min(one[1].total for one in found), min(one[2].total for one in found)
                locked, memory = min(one[3] for one in found), max(one[4] for one in found)
                asked, _ = apart(foreseen, as_one(url_of(admin, BASE)), workspace, known[share][1])
                ratios[share] = at_once / batched
                print(
                    f"{share:.0%}: at once {at_once:.2f} s, in batches {batched:.2f} s, floor {floor:.2f} s; "
                    f"locked {locked:.2f} s, a plan says {asked.seconds:.2f} s",
                    flush=True,
                )
                if share == SHOWN:
                    figure("sql_postgres_survivors_over_delete_and_vacuum", at_once / floor, "ratio", "<=2.0")
                    figure("sql_postgres_survivors_over_batched", at_once / batched, "ratio", "<=1.0")
                    figure("sql_postgres_survivors_locked_over_foreseen", locked / asked.seconds, "ratio", "<=1.0")
                    figure("sql_postgres_survivors_locked", locked, "s", f"<={LOCKED_SECONDS_MAX}")
                    figure("sql_postgres_survivors_memory", memory, "MiB", f"<={MEMORY}")
            drop_base(admin)
        finally:
            server.stop()
    even = min((share for share, ratio in ratios.items() if ratio <= 1), default=1.0)
    figure("sql_postgres_survivors_break_even", even, "share", f"<={SHARE_MIN}")


if __name__ == "__main__":
    main()
