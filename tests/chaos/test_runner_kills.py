"""Kills the runner twenty times, anywhere in a case, and asks for the same end as without a kill.

The grace period is shortened to two seconds in the case file, so that the test is fast.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from tallied import tally
from winddown.__main__ import main
from winddown.runner import Halt
from winddown.stages.standing import standing

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

KILLS = 20
SEED = 20261123
DELAY_MAX = 0.15  # seconds between the ledger's size and the kill: it hits within a stage, not always after an entry
POLL = 0.002
WAITING = 3  # the runner's exit status when somebody must act

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


# A process forked from one that has loaded the libraries already is as easily killed, and starts in no time.
LOADED = [
    "winddown.__main__", "great_expectations", "winddown.stores.objects.s3", "winddown.inspection.s3",
    "winddown.stores.sql.postgresql", "winddown.inspection.postgresql", "winddown.inspection.backup",
]  # fmt: skip


def command_line(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    """What ``python -m winddown`` does, with its output in a file; never returns."""
    os.environ.update(environment)
    with log.open("ab") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    sys.exit(main(arguments))


class Runner:
    """The command line as a process of its own, again and again, with its ledger watched from outside."""

    def __init__(self, company: "CompanyCase") -> None:
        self._company = company
        self._log = company.directory / "runner.log"
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(LOADED)
        self._process: ForkServerProcess | None = None

    def start(self) -> None:
        """Start the next process."""
        environment = {
            "WINDDOWN_WORKSPACE": str(self._company.workspace),
            "WINDDOWN_CONNECTIONS": str(self._company.directory / "connections.json"),
            "GX_ANALYTICS_ENABLED": "false",
        }
        arguments = ["run", str(self._company.directory / "case.yaml"), "--by", "operator"]
        self._process = self._processes.Process(target=command_line, args=(arguments, environment, self._log))
        self._process.start()

    def reaches(self, size: int) -> bool:
        """Watch until the ledger has this size; False when the process ends before."""
        assert self._process is not None
        while ledger_size(self._company) < size:
            if not self._process.is_alive():
                return False
            time.sleep(POLL)
        return True

    def wait(self) -> int:
        """The exit status of a process that is left alone."""
        assert self._process is not None
        self._process.join(timeout=120)
        assert self._process.exitcode is not None, "it does not end"
        return self._process.exitcode

    def kill(self) -> bool:
        """Send SIGKILL; whether it hit a live process."""
        assert self._process is not None
        self._process.kill()
        return self.wait() == -signal.SIGKILL

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def ledger_size(company: "CompanyCase") -> int:
    """Entries so far, read from the file while others write it; 0 before there is a ledger."""
    path = company.workspace / "control.sqlite"
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(_reading(path)) as control:
        return int(control.execute("SELECT coalesce(sum(size), 0) FROM ledger_head").fetchone()[0])
    return 0


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)


def outcome(company: "CompanyCase") -> Counter[tuple[str, str, str, int]]:
    """Wave, collection, act and records of every order in the certificates."""
    return Counter(
        (document["wave"], order["collection"], order["act"], order["records"])
        for document in company.certificates()
        for order in document["orders"]
    )


def halted(company: "CompanyCase") -> Halt:
    """What the case waits for, as the parent sees it."""
    found = standing(company.deploy(), company.case_id)
    return Halt(found.waits_for, found.plan_id, found.message)


def sizes(undisturbed: int) -> list[int]:
    """Ledger sizes to kill at: distinct, random, one in each twentieth of the run.

    Some kills make an entry be written again, so the ledger of the killed run grows; a third of an entry a kill is
    less than was ever seen.
    """
    draw = Random(SEED)  # noqa: S311 - the same kills every time
    last = undisturbed - 3  # later there is nothing left to interrupt
    return [draw.randrange(1 + k * last // KILLS, 1 + (k + 1) * last // KILLS) + k // 3 for k in range(KILLS)]


def test_a_runner_killed_twenty_times_ends_as_if_never_killed(company_case: "Callable[..., CompanyCase]") -> None:
    calm = company_case(customers=200, name="calm", grace_seconds=2)
    calm.run_until("finished")
    assert calm.compare().is_clean
    expected, entries = outcome(calm), ledger_size(calm)

    company = company_case(customers=200, name="killed", grace_seconds=2)
    runner, delays = Runner(company), Random(SEED + 1)  # noqa: S311 - the same delays every time
    targets = sizes(entries)
    hit_at: list[int] = []
    children_compared = False
    while True:
        before = ledger_size(company)
        runner.start()
        # A process that finds its size reached already must get somewhere first: its start alone is no kill point.
        if targets and runner.reaches(max(targets[0], before + 1)):
            time.sleep(delays.uniform(0, DELAY_MAX))
            if runner.kill():
                hit_at.append(ledger_size(company))
                targets.pop(0)
                leave_half_written(company)
                continue
        # It ended by itself, so the next kill waits for the next process.
        status = runner.wait()
        assert status in {0, WAITING}, runner.last_words()
        if status == 0:
            break
        halt = halted(company)
        if halt.reason == "approvals" and halt.plan_id.endswith("after-claims"):
            assert company.compare(after="children").is_clean
            children_compared = True
        company.act(halt)

    (company.directory / "kills.json").write_text(json.dumps({"undisturbed": entries, "killed_at": hit_at}))
    assert len(hit_at) == KILLS
    tally("kills", len(hit_at))
    assert children_compared
    assert company.compare().is_clean, company.compare().examples
    assert outcome(company) == expected
    assert_evidence(company)
    assert_tidy(company)


def leave_half_written(company: "CompanyCase") -> None:
    """Leave what a kill in the middle of a write leaves: that moment is too short to be hit by chance."""
    for folder in ("manifests", "archives", "keys", "evidence"):
        (company.workspace / company.case_id / folder).mkdir(parents=True, exist_ok=True)
        (company.workspace / company.case_id / folder / ".unfinished.part").write_bytes(b"half")


def assert_evidence(company: "CompanyCase") -> None:
    """The bundle verifies with the stand-alone verifier, and the ledger has no gap."""
    evidence = company.workspace / company.case_id / "evidence"
    bundle = evidence / f"{company.case_id}-bundle.zip"
    command = [
        sys.executable,
        "-m",
        "winddown.evidence.verify",
        str(bundle),
        "--policy",
        str(evidence / "winddown.pub"),
    ]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout
    with contextlib.closing(_reading(company.workspace / "control.sqlite")) as control:
        numbers = [row[0] for row in control.execute("SELECT seq FROM ledger_entry ORDER BY seq")]
        unfinished = control.execute("SELECT count(*) FROM effect WHERE state <> 'done'").fetchone()[0]
    assert numbers == list(range(len(numbers)))
    assert unfinished == 0


def assert_tidy(company: "CompanyCase") -> None:
    """Nothing of ours lies about: no half-written file, no quarantine, no scratch database."""
    assert [path.name for path in company.workspace.rglob(".*")] == []
    assert company.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'winddown_quarantine'") == 0
    assert company.number("SELECT count(*) FROM pg_database WHERE datname LIKE 'winddown%'") == 0
    assert company.keys("winddown-") == []
