"""What winddown itself holds goes by DAG runs of a real Airflow, and no value of a customer is left in what both wrote.

One story: a company without a hold is wound down, the erasure is asked for on the command line, a value lies open in a
task's log and stops it, somebody removes it and clears the failed task, tasks are killed, and all that Airflow and
winddown have on the disk is searched at the end. ``make traces`` runs it.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import DrivenCase, predicate_of
from winddown.demo.airflow import OPERATOR, AirflowClient
from winddown.demo.compare import read_connections
from winddown.demo.story import PROJECT, Story
from winddown.domain.errors import Refused
from winddown.stages.manifests import read_manifest
from winddown.stages.own_traces import OUTLIVES

from .airflow_kills import TARGETS, Killer
from .airflow_runs import clear_failed, one_more_run
from .markers import Marker, Markers, in_files

CUSTOMERS = 60
SECONDS_MAX = 1_500
CASE = "huadong-2026"
MOBILE_DIGITS = 11
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.thorough,
    pytest.mark.timeout(SECONDS_MAX),
]


@pytest.fixture
def story() -> Iterator[Story]:
    # Not pytest's own folder: another run of pytest closes that to the user that the database server runs as.
    with tempfile.TemporaryDirectory(prefix="winddown-traces-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("winddown.demo.story.DEADLINE_SECONDS", SECONDS_MAX)
        found = Story(Path(folder) / "demo", customers=CUSTOMERS, seed=11, say=lambda _: None)
        try:
            yield found
        finally:
            found.stop()


def test_own_traces_go_by_dag_runs_and_nothing_of_the_customers_is_left(story: Story) -> None:
    address = story.start()
    directory, operator = story.directory, AirflowClient(address, OPERATOR)
    company = DrivenCase(directory, grace_seconds=5)
    company.edit(lambda raw: raw.update(holds=[]))  # a hold in force keeps the key
    planted, names = customers(directory)
    story.pause_watch()
    story.trigger()
    story.accompany()
    before = files(company)
    assert {name.partition("/")[0] for name in before} >= {"archives", "keys", "manifests", "notes"}

    log = directory / "airflow" / "logs" / "plugin.log"
    value = searched_for(company, planted)
    log.write_text(f"somebody printed {value}\n")
    assert "asked for" in erase_traces(directory)
    assert operator.post(f"/winddown/api/cases/{CASE}/erase-traces", None)["asked_by"] == OPERATOR
    story.trigger()
    with pytest.raises(Refused, match="failed in quarantine"):
        story.accompany()
    assert files(company) == before
    assert planted.leaks(in_files(directory / "airflow" / "logs")), "the search at the end would have found it"
    told = [text for _, text in in_files(directory / "airflow" / "logs") if b"lie open in 1 files" in text]
    assert told
    assert all(b"plugin.log" in text and value.encode() not in text for text in told)

    log.unlink()
    killer = Killer(AirflowClient(address, OPERATOR), directory / "airflow", wanted=len(TARGETS))
    killer.start()
    try:
        clear_failed(operator)
        story.accompany()
    finally:
        killer.stop()
    assert {task for _, task, _ in killer.killed} == set(TARGETS)
    assert files(company) == ["keys/case.key.destroyed"]
    found = certificates(company)
    assert [document["wave"] for document in found] == ["at_once", "after_claims", "own_traces"]
    assert found[-1]["own_traces"][-1]["name"] == "keys"
    assert sum(row["files"] for row in found[-1]["own_traces"]) == len(before)
    verify(company)

    assert one_more_run(story, operator) == "success"
    assert certificates(company) == found
    assert files(company) == ["keys/case.key.destroyed"]

    written = [*everything(directory), *pages(operator)]
    assert {"airflow.db xcom", "airflow.db log", "control.sqlite document"} <= {name for name, _ in written}
    assert planted.leaks(written) == set()
    assert [name for text in names for name, content in written if text.encode() in content] == []

    story.stop_airflow()
    assert_that_the_scheduler_is_cleared(company)


# -- what people do ----------------------------------------------------------------------------------------------------


def erase_traces(directory: Path) -> str:
    """Ask on the command line, as the operator."""
    return on_the_command_line(directory, "erase-traces", status=0)


def on_the_command_line(directory: Path, command: str, *, status: int) -> str:
    airflow = directory / "airflow"
    settings = {
        "WINDDOWN_WORKSPACE": str(directory / "winddown"),
        "WINDDOWN_ENGINEERS": OPERATOR,
        "WINDDOWN_SEARCHED": f"{airflow / 'logs'},{airflow / 'airflow.db'}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "winddown", command, CASE, "--by", OPERATOR],
        env={**os.environ, **settings, "PYTHONPATH": str(PROJECT / "include")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


# -- what is there -----------------------------------------------------------------------------------------------------


def assert_that_the_scheduler_is_cleared(company: DrivenCase) -> None:
    """What Airflow keeps of the case stops the person's word, and nothing of it is left by the documented commands."""
    directory, evidence = company.directory, company.workspace / CASE / "evidence"
    assert "files of the scheduler name case" in on_the_command_line(directory, "clear-scheduler", status=2)
    assert_that_airflow_forgets(directory)
    assert "written anew" in on_the_command_line(directory, "clear-scheduler", status=0)
    verify(company)
    (said,) = predicate_of((evidence / "certificate.json").read_bytes())["scheduler_cleared"]
    assert said["person"] == OPERATOR
    assert said["bytes_searched"] > 0


def assert_that_airflow_forgets(directory: Path) -> None:
    """The commands that the administrator is told leave no XCom, not in another table either."""
    told = re.findall(
        r"^airflow (dags delete [^#]+?) *#", (PROJECT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(told) == 2
    environment = {**os.environ, "AIRFLOW_HOME": str(directory / "airflow"), "PYTHONPATH": str(PROJECT / "include")}
    for words in told:
        command = [sys.executable, "-m", "airflow", *words.split()]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    with closing(sqlite3.connect(directory / "airflow" / "airflow.db")) as database:
        (left,) = database.execute("SELECT count(*) FROM xcom WHERE dag_id = 'deregister_company'").fetchone()
        assert left == 0
        assert database.execute("VACUUM").fetchall() == []
    for path in (directory / "airflow" / "logs").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def customers(directory: Path) -> tuple[Markers, list[str]]:
    """Values of every customer, long enough not to occur by chance; names apart, which no digest hides."""
    with psycopg.connect(read_connections(directory)["shop_db"]["url"]) as connection:
        numbers = connection.execute("SELECT resident_id, mobile, email FROM shop.customers").fetchall()
        people = connection.execute("SELECT DISTINCT name FROM shop.customers WHERE length(name) > 2").fetchall()
    values = sorted({value for row in numbers for value in row if value})
    assert len(values) > CUSTOMERS
    return Markers([Marker("shop.customers", value) for value in values]), [name for (name,) in people]


def searched_for(company: DrivenCase, planted: Markers) -> str:
    """A customer's mobile number among the values that winddown will look for."""
    current = company.deploy()
    manifests = sorted((company.workspace / CASE / "manifests").glob("probes-*.sealed"))
    tables = [read_manifest(current, CASE, path.name.removesuffix(".sealed")) for path in manifests]
    values = {str(value) for table in tables for value in table["value"].to_pylist()}
    return min(value for value in values & {one.value for one in planted.planted} if len(value) == MOBILE_DIGITS)


def files(company: DrivenCase) -> list[str]:
    """What the case's folder has beside the evidence and what is for people."""
    folder = company.workspace / CASE
    names = (str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file())
    return [name for name in names if name.partition("/")[0] not in OUTLIVES]


def certificates(company: DrivenCase) -> list[dict[str, Any]]:
    found = (company.workspace / CASE / "evidence").glob("certificate-*.json")
    documents = [predicate_of(path.read_bytes()) for path in found]
    return sorted(documents, key=lambda document: int(document["ledger_size"]))


def verify(company: DrivenCase) -> None:
    evidence = company.workspace / CASE / "evidence"
    command = [sys.executable, "-m", "winddown.evidence.verify", str(evidence / f"{CASE}-bundle.zip")]
    checked = subprocess.run(
        [*command, "--policy", str(evidence / "winddown.pub")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def everything(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Files of Airflow and winddown with what is packed in them, and every row of both databases, XComs among them."""
    for name in ("airflow", "winddown"):
        yield from in_files(directory / name)
    for path in (directory / "airflow" / "airflow.db", directory / "winddown" / "control.sqlite"):
        with closing(sqlite3.connect(path)) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            assert path.name != "airflow.db" or {"xcom", "log", "task_instance"} <= set(tables)
            for table in tables:
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    yield f"{path.name} {table}", " ".join(map(str, row)).encode()


def pages(operator: AirflowClient) -> Iterator[tuple[str, bytes]]:
    case = operator.get(f"/winddown/api/cases/{CASE}")
    yield "page of the case", repr(case).encode()
    for plan in case["plans"]:
        yield "page of a plan", repr(operator.get(f"/winddown/api/plans/{plan['id']}")).encode()
