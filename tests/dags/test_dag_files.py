"""The DAG files: they load fast and quietly, hold nothing but wiring, and the main one is wired as documented."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from winddown.orchestration.tasks import PURGE_QUEUE
from winddown.stages.journey import PREPARATION

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dags").glob("**/*.py"))
PARSE_SECONDS = 2

# task → what it waits for. The order is that of docs/architecture.md.
EDGES = {
    "open_case": set(),
    "discover": {"open_case"},
    "classify": {"discover"},
    "decide": {"classify"},
    "check": {"decide"},
    "freeze": {"check"},
    "plan": {"freeze"},
    "people.approve_plan": {"plan"},
    "people.approve": {"plan", "people.approve_plan"},
    "people.anonymise": {"people.approve"},
    "people.seal": {"people.anonymise"},
    "people.acknowledge_archives": {"people.seal"},
    "people.hand_over": {"people.seal", "people.acknowledge_archives"},
    "list_units": {"people.hand_over"},
    "quarantine": {"plan", "list_units"},
    "grace": {"plan", "quarantine"},
    "purge": {"plan", "list_units", "grace"},
    "sanitise": {"plan", "purge"},
    "verify": {"sanitise"},
    "destroy_keys_and_buckets": {"verify"},
    "certify": {"destroy_keys_and_buckets"},
    "report": {"open_case", "certify"},
    "is_more_due": {"report"},
    "continue_case": {"is_more_due"},
}


# -- loading -----------------------------------------------------------------------------------------------------------


def test_every_file_loads_without_an_error(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}
    assert {Path(found.file).name for found in bag.dagbag_stats} == {path.name for path in FILES}
    assert set(bag.dags) == {path.stem for path in FILES}


def test_every_file_loads_fast(bag: DagBag) -> None:
    slow = {
        found.file: found.duration for found in bag.dagbag_stats if found.duration > timedelta(seconds=PARSE_SECONDS)
    }
    assert slow == {}


def test_every_dag_is_documented(bag: DagBag) -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("README.md")]
    text = "\n".join(path.read_text("utf-8") for path in pages)
    assert {name for name in bag.dags if f"`{name}`" not in text} == set()
    assert all(found.description or found.doc_md for found in bag.dags.values())


def test_no_run_of_the_past_is_made_up_and_no_two_run_at_once(bag: DagBag) -> None:
    assert {(found.catchup, found.max_active_runs) for found in bag.dags.values()} == {(False, 1)}
    assert {name: found.schedule for name, found in bag.dags.items()} == {
        "deregister_company": None,
        "review_rules": timedelta(weeks=1),
        "watch_cases": timedelta(minutes=10),
        "watch_deadlines": "0 1 * * *",
    }


# -- wiring only -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_dag_file_imports_airflow_and_orchestration_alone(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    allowed = ("airflow.sdk", "airflow.providers.standard.operators", "winddown.orchestration")
    assert {
        name for name in modules if name not in {"datetime", "typing"} and not str(name).startswith(allowed)
    } == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_dag_file_does_nothing_itself(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    reached = {
        "open",
        "os",
        "environ",
        "getenv",
        "Path",
        "exec",
        "eval",
        "print",
        "Variable",
        "Connection",
        "__import__",
    }
    assert names & reached == set()
    assert attributes & {"environ", "getenv", "read_text", "write_text", "connect", "get_connection"} == set()
    branches = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.ListComp, ast.Lambda)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, branches)] == []


# -- the main DAG ------------------------------------------------------------------------------------------------------


def test_the_main_dag_is_wired_as_documented(main_dag: DAG) -> None:
    assert {task.task_id: set(task.upstream_task_ids) for task in main_dag.tasks} == EDGES


def test_the_main_dag_has_every_stage_that_the_documentation_names(main_dag: DAG) -> None:
    order = [task.task_id.rpartition(".")[2] for task in main_dag.topological_sort()]
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    stages = [name for name in table if name in order]
    assert set(PREPARATION) | {"plan", "approve", "seal", "hand_over", "quarantine", "purge", "report"} <= set(stages)
    assert [name for name in order if name in stages] == stages


def test_only_what_destroys_for_good_runs_on_the_purge_queue(main_dag: DAG) -> None:
    queues = {task.task_id: task.queue for task in main_dag.tasks}
    assert {name for name, queue in queues.items() if queue == PURGE_QUEUE} == {
        "purge",
        "sanitise",
        "destroy_keys_and_buckets",
    }
    assert PURGE_QUEUE == "purge"
    assert {queue for queue in queues.values() if queue != PURGE_QUEUE} == {"default"}


def test_nothing_is_purged_before_grace_or_after_a_failure(main_dag: DAG) -> None:
    """No trigger rule lets a destructive task run when something before it failed or was skipped."""
    rules = {task.task_id: task.trigger_rule.value for task in main_dag.tasks}
    assert {name for name, rule in rules.items() if rule != "all_success"} == {"report"}
    assert rules["report"] == "none_failed"
    assert {"people.approve", "people.hand_over", "quarantine", "grace"} <= {
        task.task_id for task in main_dag.get_task("purge").get_flat_relatives(upstream=True)
    }


def test_each_unit_of_work_is_a_task_of_its_own(main_dag: DAG) -> None:
    assert {task.task_id for task in main_dag.tasks if task.is_mapped} == {"quarantine", "purge"}


def test_continuing_names_the_case_alone(main_dag: DAG) -> None:
    task = main_dag.get_task("continue_case")
    assert task.trigger_dag_id == "deregister_company"
    assert task.conf == {"case_id": "{{ ti.xcom_pull(task_ids='report') }}"}


def test_the_watch_starts_each_case_once(bag: DagBag) -> None:
    start = bag.dags["watch_cases"].get_task("start")
    assert start.is_mapped
    assert start.partial_kwargs["trigger_dag_id"] == "deregister_company"
    assert start.partial_kwargs["skip_when_already_exists"] is True
