"""The scoreboard of safety and evidence: what was tried to break them, and what it did.

Every row runs its tests or benchmarks anew and counts what these tried; a failed one fails its row. ``--write`` puts
what was measured into docs/scoreboard.md, each row with its day, and leaves the other rows there as they are.
``--small`` tries less, so that nothing here can rot.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = ROOT / "docs" / "scoreboard.md"
TESTS = ("-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "--show-capture=no")
OF_A_CASE = "system_calls or processes_race or full_disks"  # of these, each has a row of its own
_CELLS = 5  # between the six of a benchmark's row
OUTCOME = re.compile(r"(\d+) (passed|failed|error)")


@dataclass(frozen=True)
class Row:
    """One row: what a command's tests count under ``tallied``.

    Attributes:
        least: the number of attempts to reach.
        thorough: settings under which the command tries everything.
        outcome: what it means that every test passed.
    """

    name: str
    tallied: str
    least: int
    command: tuple[str, ...]
    thorough: dict[str, str] = field(default_factory=dict)
    outcome: str = "end state identical"


ROWS = (
    Row(
        "SIGKILL at side effects of our own processes: SQLite, DuckDB, PostgreSQL, MariaDB, S3, files, the runner",
        "kills",
        1_000,
        (*TESTS, "-m", "chaos", "-k", f"not ({OF_A_CASE})", "tests/contract", "tests/chaos"),
        {"WINDDOWN_TEST_KILLS": "all"},
    ),
    Row(
        "SIGKILL at every write, fsync, rename and unlink of a small case (strace): SQLite, files, archives, evidence",
        "kills by system call",
        1_000,
        (*TESTS, "-k", "system_calls and alone", "tests/chaos"),
        {"WINDDOWN_TEST_KILLS": "all"},
    ),
    Row(
        "the same, with what was not durable lost as in a power cut; nothing is told before it is durable",
        "power cuts by system call",
        1_000,
        (*TESTS, "-k", "system_calls and power", "tests/chaos"),
        {"WINDDOWN_TEST_KILLS": "all"},
    ),
    Row(
        "two processes racing on one case, control in SQLite and in PostgreSQL",
        "races",
        200,
        (*TESTS, "-k", "processes_race", "tests/chaos"),
        {"WINDDOWN_TEST_KILLS": "all"},
        "0 double effects, end state identical",
    ),
    Row(
        "disk full at control database, store, archive, share and evidence; clock set back and ahead",
        "faults of disk and clock",
        150,
        (*TESTS, "-k", "full_disks", "tests/chaos"),
        {"WINDDOWN_TEST_KILLS": "all"},
        "told in words, end state identical",
    ),
    Row(
        "tasks killed anywhere in a real Airflow that is kept up, and its scheduler twice",
        "kills through Airflow",
        22,
        (*TESTS, "tests/integration/test_dag_truth.py"),
        {"WINDDOWN_TEST_KILLS": "all"},
    ),
    Row(
        "injected faults of an object service: timeouts after success, 5xx, throttling, partial and stale answers",
        "faults",
        500,
        (*TESTS, "tests/contract/test_s3_faults.py"),
        {"WINDDOWN_TEST_EXAMPLES": "8"},
    ),
    Row(
        "evidence mutations: every byte of a bundle, every edit signed anew",
        "evidence mutations",
        32_768,
        (*TESTS, "--timeout", "7200", "tests/unit/evidence/test_mutations.py"),
        {"WINDDOWN_TEST_MUTATIONS": "all"},
        "all detected",
    ),
    Row(
        "of these one in ten, judged by the verifier's page in a browser beside it",
        "evidence mutations in a browser",
        1_000,
        (*TESTS, "--timeout", "7200", "tests/unit/evidence/test_verifier_page.py"),
        {"WINDDOWN_TEST_MUTATIONS": "tenth"},
        "all detected, in the same words",
    ),
    Row(
        "approval bypasses: forged XCom, clear, mark success, direct call, replay, edited plan, expired, same person",
        "approval bypasses",
        9,
        (*TESTS, "tests/unit/stages/test_approval_bypass.py"),
        {},
        "0 records destroyed",
    ),
    Row(
        "bad inputs: case files, hold files, rules, connections, files that are no document",
        "bad inputs",
        10_000,
        (*TESTS, "tests/unit/stages/test_bad_documents.py"),
        {"WINDDOWN_TEST_BAD_INPUTS": "all"},
        "0 taken, 0 tracebacks",
    ),
    Row(
        "access probes: role and route",
        "access probes",
        100,
        (*TESTS, "tests/web/test_access_probe.py"),
        {},
        "all as the table says",
    ),
)
TRUTH = Row(
    "records of the generated company, wound down through a real Airflow and compared one by one with its truth",
    "records",
    1_000_000,
    ("-m", "winddown.demo", "run"),
    {"customers": "52000"},
    "0 destroyed that are kept by law, 0 kept that must go, 0 changed; bundle verified",
)
COMPARED = re.compile(r"([\d,]+) records compared: 0 wrongly destroyed, 0 wrongly kept, 0 wrongly changed")
NOT_MEASURED = ("a disk that confirms writes and loses them: the order of syncs and renames is checked instead",)
BENCHES = {
    "ledger": ("bench/bench_ledger.py", (), ("--appends", "200", "--entries", "20000")),
    "mutants": (
        "bench/mutants.py",
        ("--every", "7"),  # half an hour; `make mutants` makes all of them, in three
        ("--only", "domain/approval.py", "--every", "3", "--tests", "tests/unit/domain/test_approval.py"),
    ),
    "forensics": ("bench/forensics.py", (), ("--markers", "20", "--fillers", "500", "--engines", "sqlite")),
}

FIGURES = {"ledger": "ledger-", "mutants": "guards_mutated", "forensics": "residue_"}
"""How the names of a benchmark's figures begin."""


@dataclass(frozen=True)
class Result:
    """What came of a row: how many attempts, and whether every test passed."""

    row: Row
    tried: int
    is_clean: bool


def measured(row: Row, *, is_small: bool) -> Result:
    """Run a row's tests and count."""
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder) / "tally"
        environment = {**os.environ, "WINDDOWN_TALLY": str(tally)}
        environment |= {} if is_small else row.thorough
        command = [sys.executable, *row.command]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        counts: Counter[str] = Counter()
        for line in tally.read_text().splitlines() if tally.exists() else ():
            name, _, number = line.partition("\t")
            counts[name] += int(number)
    outcomes = {word: int(number) for number, word in OUTCOME.findall(done.stdout)}
    if done.returncode:
        sys.stderr.write(done.stdout[-4_000:])
    is_clean = done.returncode == 0 and outcomes.get("passed", 0) > 0
    return Result(row, counts[row.tallied], is_clean)


def compared(*, is_small: bool) -> Result:
    """Wind the generated company down and count the records that were compared with its truth."""
    with tempfile.TemporaryDirectory() as folder:
        size = "500" if is_small else TRUTH.thorough["customers"]
        command = [sys.executable, *TRUTH.command, "--customers", size, "--dir", f"{folder}/demo"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = COMPARED.search(done.stdout)
    if done.returncode:
        sys.stderr.write(done.stdout[-4_000:] + done.stderr[-4_000:])
    tried = int(found[1].replace(",", "")) if found else 0
    return Result(TRUTH, tried, done.returncode == 0 and found is not None)


def figures(script: str, options: tuple[str, ...]) -> list[str]:
    """The lines of figures that a benchmark prints."""
    done = subprocess.run([sys.executable, script, *options], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("figure=")]


def document(results: list[Result], lines: list[str], before: str) -> str:
    """The scoreboard as a page: what was measured now, and from the page before what was not."""
    today = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    attempts = {
        r.row.name: f"| {r.row.name} | {r.tried:,} | {r.row.least:,} | "
        f"{r.row.outcome if r.is_clean else '**a test failed**'} | {today} |"
        for r in results
    }
    told = {}
    for line in lines:
        found = dict(part.split("=", 1) for part in line.split())
        cells = [found[name] for name in ("figure", "value", "unit", "target", "met")]
        told[cells[0]] = f"| {' | '.join(cells)} | {today} |"
    earlier = {row.split(" | ")[0].removeprefix("| "): row for row in before.splitlines() if row.startswith("| ")}
    names = [row.name for row in (*ROWS, TRUTH)]
    table = [row for name in names if (row := attempts.get(name, earlier.get(name)))]
    rest = [name for name, line in earlier.items() if line.count(" | ") == _CELLS and name not in told]
    figured = [told.get(name, earlier.get(name, "")) for name in sorted({*told, *rest} - {"figure"})]
    missing = [name for name in names if name not in attempts and name not in earlier]
    missing += [
        f"figures of {script}"
        for name, (script, *_) in BENCHES.items()
        if not any(known.startswith(FIGURES[name]) for known in (*told, *rest))
    ]
    return "\n".join([
        "# Scoreboard", "",
        "Written by `make scoreboard`; do not edit. What was tried to break safety and evidence, and what it did.", "",
        "| what | tried | wanted | outcome | measured |", "|---|---:|---:|---|---|", *table, "",
        "Figures of benchmarks:", "",
        "| figure | value | unit | target | met | measured |", "|---|---:|---|---|---|---|", *figured, "",
        "Not measured yet:", "", *(f"- {line}" for line in (*missing, *NOT_MEASURED)), "",
    ])  # fmt: skip


def main() -> int:
    """Measure, print a line a figure, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="try a sample")
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        choices=[*(row.tallied for row in (*ROWS, TRUTH)), *BENCHES],
        help="rows by the name of what they count, and benchmarks",
    )
    parser.add_argument("--write", action="store_true", help="write docs/scoreboard.md")
    options = parser.parse_args()
    results: list[Result] = []
    lines: list[str] = []
    for row in (*ROWS, TRUTH):
        if options.only and row.tallied not in options.only:
            continue
        result = compared(is_small=options.small) if row is TRUTH else measured(row, is_small=options.small)
        results.append(result)
        is_met = result.is_clean and result.tried >= row.least
        print(
            f"figure={row.tallied.replace(' ', '_')} value={result.tried} unit=attempts target=>={row.least} "
            f"met={'yes' if is_met else 'no'}",
            flush=True,
        )
        _write(results, lines, is_wanted=options.write)
    for name, (script, thorough, small) in BENCHES.items():
        if options.only and name not in options.only:
            continue
        found = figures(script, small if options.small else thorough)
        print("\n".join(found), flush=True)
        lines += found
        _write(results, lines, is_wanted=options.write)
    return 0 if all(result.is_clean for result in results) else 1


def _write(results: list[Result], lines: list[str], *, is_wanted: bool) -> None:
    """After every row: the whole takes hours, and what was measured counts."""
    if is_wanted:
        TEXT.write_text(document(results, lines, TEXT.read_text("utf-8") if TEXT.exists() else ""), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
