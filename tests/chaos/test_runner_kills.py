"""Kills the runner again and again, anywhere in a case, and asks for the same end as without a kill.

The grace period is shortened to two seconds in the case file, so that the test is fast.
"""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from faults import Fault, endure
from races import assert_once, on_postgresql, race
from runner_process import WAITING, Jump, Runner, ledger_size, reading
from traced import Call, carry_on, counted, require_strace

from small_company import made
from tallied import tally
from winddown.runner import Halt
from winddown.stages.standing import standing

if TYPE_CHECKING:
    from tests.conftest import CompanyCase, Servers

ALL = os.environ.get("WINDDOWN_TEST_KILLS") == "all"
KILLS = 20 if ALL else 3
FAULTS = 40 if ALL else 1  # cases, each with four of them
RACES = 40 if ALL else 1  # cases, in each of which processes race four times and more
SEED = 20261123
DELAY_MAX = 0.15  # seconds between the ledger's size and the kill: it hits within a stage, not always after an entry

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


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
    """Ledger sizes to kill at: distinct, random, one in each equal part of the run.

    Some kills make an entry be written again, so the ledger of the killed run grows; a third of an entry a kill is
    less than was ever seen.
    """
    draw = Random(SEED)  # noqa: S311 - the same kills every time
    last = undisturbed - 3  # later there is nothing left to interrupt
    return [draw.randrange(1 + k * last // KILLS, 1 + (k + 1) * last // KILLS) + k // 3 for k in range(KILLS)]


def test_a_runner_killed_again_and_again_ends_as_if_never_killed(company_case: "Callable[..., CompanyCase]") -> None:
    calm = company_case(name="calm", grace_seconds=2)
    calm.run_until("finished")
    assert calm.compare().is_clean
    expected, entries = outcome(calm), ledger_size(calm)

    company = company_case(name="killed", grace_seconds=2)
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


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("loses", [True, False], ids=lambda loses: "power" if loses else "alone")
def test_killed_at_system_calls_ends_as_if_never_killed(folder: Path, loses: bool) -> None:
    """At some, once in each run of the program; under ``make kills`` at every one, in an hour or two.

    With ``loses`` a kill is a power cut: it takes with it what was written and not made durable.
    """
    require_strace()
    calm, points = counted(made(folder / "calm")) if ALL else (None, some_calls())
    numbers = itertools.count()

    def killed(kills: tuple[Call | None, ...]) -> int:
        company = made(folder / f"case-{next(numbers)}")
        hit = carry_on(company, kills, loses=loses)
        tally(f"{'power cuts' if loses else 'kills'} by system call", len(hit))
        assert calm in (None, company.end()), hit
        shutil.rmtree(company.directory)
        return len(hit)

    with ThreadPoolExecutor(1 + (os.cpu_count() or 1)) as beside:  # each sleeps while grace lasts
        hits = sum(beside.map(killed, itertools.zip_longest(*points)))
    assert hits >= 0.9 * sum(map(len, points)), "a run's calls are not those of another run"


def calm_end(folder: Path) -> Any:
    """How a case ends that nothing disturbs, where everything is tried; None otherwise."""
    if not ALL:
        return None
    company = made(folder / "calm")
    company.run_until("finished")
    return company.end()


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("control", ["postgresql", "sqlite"] if ALL else ["postgresql"])
def test_two_processes_race_and_nothing_is_done_twice(folder: Path, company_servers: "Servers", control: str) -> None:
    calm = calm_end(folder)
    for number in range(RACES):
        company = made(folder / f"case-{number}")
        if control == "postgresql":
            on_postgresql(company, company_servers.postgres.admin_url(), f"control_{number}")
        races = race(company, Random(number))  # noqa: S311 - the same delays every time
        tally("races", races)
        assert calm in (None, company.end()), number
        assert_once(company)


@pytest.mark.timeout(4 * 3600)
def test_full_disks_and_jumping_clocks_are_told_and_the_case_goes_on(folder: Path) -> None:
    require_strace()
    calm = calm_end(folder)
    for number in range(FAULTS):
        company = made(folder / f"case-{number}")
        faults = some_faults(Random(number))  # noqa: S311 - the same faults every time
        tally("faults of disk and clock", len(faults))
        assert endure(company, faults) > 0
        assert calm in (None, company.end()), faults


def some_faults(draw: Random) -> list[Fault]:
    """One between any two acts of people: full are the control database, the store, archives, the share, evidence.

    Clocks are set back by any time. Ahead they go by less than a test can wait, because grace ends by the right clock.
    """
    by = timedelta(seconds=draw.choice([4, -4, -3_600, -86_400]))
    full = [Call("pwrite64", draw.randrange(1, 100)), Call("write", draw.randrange(1, 3))]
    return [
        draw.choice([Call("pwrite64", draw.randrange(1, 400)), Jump(draw.randrange(60), by)]),
        full[0],
        draw.choice([Call("pwrite64", draw.randrange(1, 180)), Jump(draw.randrange(60), by)]),
        draw.choice([Call("write", draw.randrange(2, 17)), Call("pwrite64", draw.randrange(1, 200)), full[1]]),
    ]


def some_calls() -> list[list[Call]]:
    """One for each run of the program; a small case makes more than twenty of each of these."""
    draw = Random(SEED)  # noqa: S311 - the same kills every time
    return [[Call(name, draw.randrange(1, 20))] for name in ("fdatasync", "pwrite64", "pwrite64", "fsync")]


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
    with contextlib.closing(reading(company.workspace / "control.sqlite")) as control:
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
