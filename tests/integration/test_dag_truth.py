"""The main job through a real Airflow scheduler, compared with the generator's truth record by record.

One story serves all of it, because starting Airflow costs more than the case: two waves, two killed task processes, a
second trigger of the finished case, and a search for personal data in everything that the run left behind. Under
``WINDDOWN_TEST_KILLS=all`` tasks are killed anywhere, twenty and more, and the scheduler twice.
"""

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pypdfium2 as pdfium
import pytest

from tallied import tally
from winddown.demo.airflow import OPERATOR, AirflowClient
from winddown.demo.case_file import CUSTODIAN, OFFICER
from winddown.demo.compare import Comparison, compare, read_connections
from winddown.demo.story import DAG, Story

from .airflow_kills import TARGETS, Instance, Killer
from .airflow_runs import one_more_run

CUSTOMERS = 200
ALL = os.environ.get("WINDDOWN_TEST_KILLS") == "all"
WANTED = 26 if ALL else len(TARGETS)  # a few hit a process that had come to its end
LEAST = 20 if ALL else len(TARGETS)
SECONDS_MAX = 2_400 if ALL else 900

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(SECONDS_MAX)]


@dataclass
class Outcome:
    """What the story showed, for the tests to judge."""

    directory: Path
    after_children: Comparison
    after_all: Comparison
    killed: Counter[Instance]
    schedulers: int
    tries: dict[Instance, int]
    certificates: list[dict[str, Any]]
    certificates_after_second_trigger: list[dict[str, Any]]
    second_run: str
    pages: list[str]
    answered: dict[str, set[str]]
    samples: list[str] = field(repr=False)


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    # Not pytest's own folder: another run of pytest closes that to the user that the database server runs as.
    with tempfile.TemporaryDirectory(prefix="winddown-story-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("winddown.demo.story.DEADLINE_SECONDS", SECONDS_MAX)
        yield from _story(Path(folder) / "demo")


def _story(directory: Path) -> Iterator[Outcome]:
    story = Story(directory, customers=CUSTOMERS, seed=11, say=lambda _: None)
    killer: Killer | None = None
    try:
        address = story.start()
        samples = _personal_values(directory)
        operator = AirflowClient(address, OPERATOR)
        killer = Killer(AirflowClient(address, OPERATOR), directory / "airflow", wanted=WANTED)
        killer.start()
        story.trigger()
        story.accompany(until=lambda state: _is_asked(operator, state))
        story.accompany(until=_first_wave_is_certified)
        after_children = compare(directory, read_connections(directory), after="children")
        story.accompany()
        killer.stop()
        certificates = _certificates(directory)
        after_all = compare(directory, read_connections(directory))
        pages = [_page(address.url, operator, path) for path in _paths(directory)]
        answered = _answered(operator)
        second = one_more_run(story, operator)
        yield Outcome(
            directory,
            after_children,
            after_all,
            killer.killed,
            killer.schedulers,
            _tries(operator),
            certificates,
            _certificates(directory),
            second,
            pages,
            answered,
            samples,
        )
    finally:
        try:
            if killer is not None:
                killer.stop()
                killer.end_schedulers()
        finally:
            story.stop()


def test_after_the_childrens_wave_nothing_else_has_changed(outcome: Outcome) -> None:
    _assert_clean(outcome.after_children)


def test_every_record_of_every_store_ends_as_the_truth_wants(outcome: Outcome) -> None:
    _assert_clean(outcome.after_all)
    assert outcome.after_all.records > CUSTOMERS * 15


def test_killed_tasks_and_schedulers_reach_the_same_end(outcome: Outcome) -> None:
    assert {task for _, task, _ in outcome.killed} >= set(TARGETS)
    hit = [instance for instance in outcome.killed if outcome.tries[instance] > 1]
    assert len(hit) >= LEAST, "others were run once: they were killed when they had come to their end"
    assert outcome.schedulers == (2 if ALL else 0)
    tally("kills through Airflow", len(hit) + outcome.schedulers)


def test_the_bundle_verifies_offline(outcome: Outcome) -> None:
    evidence = outcome.directory / "winddown" / "huadong-2026" / "evidence"
    command = [sys.executable, "-m", "winddown.evidence.verify", str(next(evidence.glob("*.zip")))]
    checked = subprocess.run(
        [*command, "--policy", str(evidence / "winddown.pub")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_both_waves_have_plans_and_approvals_of_their_own(outcome: Outcome) -> None:
    assert [document["wave"] for document in outcome.certificates] == ["at_once", "after_claims"]
    for document in outcome.certificates:
        assert {row["person"] for row in document["approvals"]} == {"chen.liquidator", "wu.privacy"}
        assert document["grace"]["seconds"] == 5
        assert "demonstration" in document["grace"]["reason"]


def test_who_acts_last_on_our_pages_answers_what_the_run_asks_in_airflow(outcome: Outcome) -> None:
    assert outcome.answered.pop("approve_plan") == {OFFICER}
    assert outcome.answered in ({}, {"acknowledge_archives": {CUSTODIAN}})  # A gate that comes later asks nothing.


def test_triggering_the_finished_case_again_changes_nothing(outcome: Outcome) -> None:
    assert outcome.second_run == "success"
    assert outcome.certificates_after_second_trigger == outcome.certificates


def test_no_personal_data_is_left_in_logs_xcoms_ledger_evidence_or_pages(outcome: Outcome) -> None:
    assert len(outcome.samples) >= 400
    leaks = {
        str(name)
        for name, content in _everything_written(outcome)
        for value in outcome.samples
        if value.encode() in content or json.dumps(value)[1:-1].encode() in content
    }
    assert leaks == set()


# -- helpers ---------------------------------------------------------------------------------------------------------


def _assert_clean(found: Comparison) -> None:
    assert (found.wrongly_destroyed, found.wrongly_kept, found.wrongly_changed) == (0, 0, 0), found.examples


def _first_wave_is_certified(state: dict[str, Any]) -> bool:
    return any(
        (row["wave"], row["stage"], row["state"]) == ("at_once", "certify", "done") for row in state.get("stages", ())
    )


def _predicate_of(envelope: bytes) -> dict[str, Any]:
    """What a signed certificate states."""
    statement = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    predicate: dict[str, Any] = statement["predicate"]
    return predicate


def _is_asked(operator: AirflowClient, state: dict[str, Any]) -> bool:
    """Whether a plan waits for approvals; true only once a run has asked for them in Airflow."""
    if state.get("waits_for") != "approvals":
        return False
    deadline = time.monotonic() + 120
    while not operator.get(f"{DAG}/dagRuns/~/taskInstances?state=awaiting_input")["task_instances"]:
        assert time.monotonic() < deadline, "no run asked for an approval"
        time.sleep(1)
    return True


def _answered(operator: AirflowClient) -> dict[str, set[str]]:
    """Who answered what the runs asked, by task; all of it was answered."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in operator.get(f"{DAG}/dagRuns/~/hitlDetails?limit=50")["hitl_details"]:
        found[row["task_instance"]["task_id"].rpartition(".")[2]].add(row["responded_by_user"]["id"])
    return dict(found)


def _certificates(directory: Path) -> list[dict[str, Any]]:
    found = (directory / "winddown" / "huadong-2026" / "evidence").glob("certificate-*.json")
    documents = [_predicate_of(path.read_bytes()) for path in found]
    return sorted(documents, key=lambda document: document["ledger_size"])


def _tries(operator: AirflowClient) -> dict[Instance, int]:
    rows: list[dict[str, Any]] = []
    while page := operator.get(f"{DAG}/dagRuns/~/taskInstances?limit=50&offset={len(rows)}")["task_instances"]:
        rows += page  # which holds no more than the service gives, whatever is asked for
    return {(row["dag_run_id"], row["task_id"], row["map_index"]): row["try_number"] for row in rows}


def _paths(directory: Path) -> list[str]:
    plans = [document["plan_id"] for document in _certificates(directory)]
    return ["/winddown/", "/winddown/cases/huadong-2026", *(f"/winddown/plans/{plan}" for plan in plans)]


def _page(url: str, operator: AirflowClient, path: str) -> str:

    headers = {"Authorization": f"Bearer {operator.token}"}
    request = urllib.request.Request(url + path, headers=headers)  # noqa: S310 - always http on loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(answer.read().decode())


def _personal_values(directory: Path) -> list[str]:
    """Values of sampled customers, long enough not to occur by chance."""
    url = read_connections(directory)["shop_db"]["url"]
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT name, resident_id, mobile, email FROM shop.customers ORDER BY customer_id LIMIT 200"
        ).fetchall()
    return sorted({value for row in rows for value in row if value and len(value) >= 3})


def _everything_written(outcome: Outcome) -> Iterator[tuple[str, bytes]]:
    """Logs, Airflow's database with XComs and audit log, the control database, the workspace, the bundle, the pages."""
    for folder in (outcome.directory / "airflow", outcome.directory / "winddown"):
        for path in folder.rglob("*"):
            if path.is_file():
                yield from _contents(path)
    with sqlite3.connect(outcome.directory / "airflow" / "airflow.db") as database:
        for (value,) in database.execute("SELECT value FROM xcom"):
            yield "xcom", str(value).encode()
    for number, page in enumerate(outcome.pages):
        yield f"page {number}", page.encode()


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file, and what is packed in it."""
    yield path.name, path.read_bytes()
    if path.suffix in {".zip", ".xlsx"}:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield f"{path.name}/{name}", archive.read(name)
    if path.suffix == ".pdf":
        with pdfium.PdfDocument(path) as document:
            for page in document:
                yield path.name, page.get_textpage().get_text_bounded().encode()
    if path.suffix == ".gz":
        yield path.name, gzip.decompress(path.read_bytes())
