"""What tasks, gates and waits do at run time: who is asked, what is tried again, what a trigger may say."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.exceptions import HITLRejectException, HITLTriggerEventError
from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import DAG, RetryAction
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

from winddown.domain.errors import Refused, Residual, Transient
from winddown.orchestration import tasks
from winddown.stages.review import Due
from winddown.stages.standing import Standing

Function = Callable[[str], Callable[..., Any]]
GATES = {"people.approve_plan": ["chen", "wu"], "people.acknowledge_archives": ["he", "zhou"]}


# -- what is tried again -----------------------------------------------------------------------------------------------


class StrangeRefusal(Refused):
    """A subclass is the same answer."""


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (Refused("no"), RetryAction.FAIL),
        (StrangeRefusal("no"), RetryAction.FAIL),
        (Residual("still there"), RetryAction.FAIL),
        (HITLRejectException('Receive "Reject"'), RetryAction.FAIL),
        (Transient("the network"), RetryAction.RETRY),
        (ConnectionError("the network"), RetryAction.DEFAULT),
    ],
)
def test_only_what_the_world_did_is_tried_again(main_dag: DAG, error: Exception, action: RetryAction) -> None:
    for task in main_dag.tasks:
        assert task.retries == 3, task.task_id  # a killed worker raises nothing
        decision = task.retry_policy.evaluate(error, try_number=1, max_tries=3)
        assert decision.action is action, task.task_id
        assert action is not RetryAction.RETRY or decision.retry_delay == timedelta(seconds=20)


# -- gates -------------------------------------------------------------------------------------------------------------


def test_these_are_all_gates(main_dag: DAG) -> None:
    assert {task.task_id for task in main_dag.tasks if isinstance(task, HITLOperator)} == set(GATES)


@pytest.mark.parametrize("name", GATES)
def test_a_gate_fails_on_rejection_and_answers_nothing_by_itself(main_dag: DAG, name: str) -> None:
    gate = main_dag.get_task(name)
    assert isinstance(gate, ApprovalOperator)
    assert gate.fail_on_reject is True
    assert gate.defaults is None
    assert gate.assigned_users is None  # nobody yet: the case is not known when the file is read
    assert gate.response_timeout == timedelta(hours=1)
    assert gate.execution_timeout is None
    assert gate.options == ["Approve", "Reject"]
    assert not gate.params


@pytest.mark.parametrize("name", GATES)
def test_a_gates_text_carries_an_id_and_nothing_else(main_dag: DAG, name: str) -> None:
    gate = main_dag.get_task(name)
    assert f"{gate.subject} {gate.body}".count("{{") == 1
    assert "{{ task.plan_id }}" in gate.subject


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, str]]]:
    """Who was asked, instead of writing it to Airflow's database."""
    found: list[list[dict[str, str]]] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, _context: found.append(self.assigned_users))
    return found


@pytest.mark.parametrize(("name", "people"), GATES.items())
def test_a_gate_asks_the_people_of_the_case(
    main_dag: DAG, stage: Any, asked: list[list[dict[str, str]]], name: str, people: list[str]
) -> None:
    assert stage.missing
    main_dag.get_task(name).execute({})
    assert asked == [[{"id": person, "name": person} for person in people]]


@pytest.mark.parametrize("name", GATES)
def test_a_gate_asks_nobody_when_nothing_is_missing(
    main_dag: DAG, stage: Any, asked: list[list[dict[str, str]]], name: str
) -> None:
    stage.missing, stage.receivers = "", ()
    assert main_dag.get_task(name).execute({}) is None
    assert asked == []


@pytest.mark.parametrize("name", GATES)
def test_an_unanswered_gate_ends_the_run_quietly_and_a_rejection_halts_the_case(
    main_dag: DAG, stage: Any, name: str
) -> None:
    gate = main_dag.get_task(name)
    gate.plan_id = "p-1"
    with pytest.raises(AirflowSkipException, match="watch_cases"):
        gate.execute_complete({}, {"error": "nobody", "error_type": "timeout"})
    with pytest.raises(HITLTriggerEventError):
        gate.execute_complete({}, {"error": "broken", "error_type": "unknown"})
    answer = {"params_input": {}, "responded_at": SimpleNamespace(isoformat=str), "chosen_options": ["Reject"]}
    for user, by in (({"id": "wu", "name": "Wu"}, "wu"), (None, "airflow")):
        with pytest.raises(Refused, match="plan p-1 was rejected; case c-1 is halted") as refused:
            gate.execute_complete({}, answer | {"responded_by_user": user})
        assert "resume" in refused.value.next_step
        case_id, person, reason, door = stage.halts[-1]
        assert (case_id, person, door) == ("c-1", by, "airflow_answer")
        assert reason.endswith("of plan p-1 was rejected")
    assert gate.execute_complete({}, answer | {"chosen_options": ["Approve"], "responded_by_user": None})
    assert len(stage.halts) == 2


# -- grace -------------------------------------------------------------------------------------------------------------


def test_grace_is_waited_for_when_it_is_near(main_dag: DAG, stage: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        main_dag.get_task("grace").execute({})
    assert deferred.value.trigger.moment - stage.deployment.clock.now() == timedelta(minutes=30, seconds=1)
    assert deferred.value.method_name == "execute"


def test_a_far_end_of_grace_ends_the_run(main_dag: DAG, stage: Any) -> None:
    stage.grace_left = timedelta(days=7)
    with pytest.raises(AirflowSkipException, match="watch_cases"):
        main_dag.get_task("grace").execute({})


def test_an_ended_grace_lets_the_run_go_on(main_dag: DAG, stage: Any) -> None:
    stage.grace_left = timedelta(0)
    assert main_dag.get_task("grace").execute({}, event="resumed") is not None


# -- the trigger -------------------------------------------------------------------------------------------------------


@pytest.fixture
def triggered(monkeypatch: pytest.MonkeyPatch, main_dag: DAG) -> Callable[[dict[str, Any]], None]:
    """Trigger with a conf, as Airflow merges it into the parameters."""

    def trigger(conf: dict[str, Any]) -> None:
        params = {name: param.value for name, param in main_dag.params.items()} | conf
        context = {"params": params, "dag_run": SimpleNamespace(conf=conf, triggering_user_name="operator")}
        monkeypatch.setattr(tasks, "get_current_context", lambda: context)

    return trigger


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(
    "conf",
    [
        {"case_id": "c-1", "skip_approval": True},
        {"case_id": "c-1", "Case_file": "x"},
        {"case_id": "c-1", "approvals": 0},
        {"case_id": "c-1", "": 1},
    ],
)
def test_unknown_keys_in_the_trigger_are_refused(
    triggered: Callable[[dict[str, Any]], None], function_of: Function, conf: dict[str, Any]
) -> None:
    triggered(conf)
    with pytest.raises(Refused, match="unknown key in the trigger"):
        function_of("open_case")()


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("conf", [{}, {"case_id": "c-1", "case_file": "x"}, {"case": {}, "case_file": ""}])
def test_exactly_one_case_is_triggered(
    triggered: Callable[[dict[str, Any]], None], function_of: Function, conf: dict[str, Any]
) -> None:
    triggered(conf)
    with pytest.raises(Refused, match="exactly one"):
        function_of("open_case")()


def test_the_form_offers_every_key_and_no_other(main_dag: DAG) -> None:
    assert set(main_dag.params) == tasks._CONF_KEYS


@pytest.mark.usefixtures("stage")
def test_a_named_case_is_continued_and_looked_at_again_on_request(
    triggered: Callable[[dict[str, Any]], None], function_of: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[str] = []
    monkeypatch.setattr(tasks, "start_again", lambda _deployment, case_id: again.append(case_id))
    triggered({"case_id": "c-1"})
    assert function_of("open_case")() == "c-1"
    assert again == []
    triggered({"case_id": "c-1", "again": True})
    assert function_of("open_case")() == "c-1"
    assert again == ["c-1"]


@pytest.mark.usefixtures("stage")
def test_the_trigger_names_who_requested_it(
    triggered: Callable[[dict[str, Any]], None], function_of: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[object, str]] = []

    def open_case(_deployment: object, case_file: object, *, requested_by: str) -> str:
        opened.append((case_file, requested_by))
        return "c-1"

    monkeypatch.setattr(tasks, "read_case_file", lambda path: path.name)
    monkeypatch.setattr(tasks, "open_case_stage", open_case)
    triggered({"case_file": "/files/case.yaml"})
    assert function_of("open_case")() == "c-1"
    assert opened == [("case.yaml", "operator")]


# -- tasks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("clocks", "plan", "said"), [("tax", "p-1", "not due: tax"), ("", None, "no wave is left")])
@pytest.mark.usefixtures("stage")
def test_a_wave_that_is_not_due_skips_the_rest(
    function_of: Function, monkeypatch: pytest.MonkeyPatch, clocks: str, plan: str | None, said: str
) -> None:
    monkeypatch.setattr(tasks.journey, "waiting_clocks", lambda *_: clocks)
    monkeypatch.setattr(tasks.journey, "plan_wave", lambda *_: plan)
    with pytest.raises(AirflowSkipException, match=said):
        function_of("plan")("c-1")


CALLS: tuple[tuple[str, str, tuple[Any, ...], tuple[Any, ...]], ...] = (
    ("people.approve", "approve", ("p-1",), ("p-1",)),
    ("people.anonymise", "anonymise", ("p-1",), ("p-1",)),
    ("people.seal", "seal", ("p-1",), ("p-1",)),
    ("people.hand_over", "hand_over", ("p-1",), ("p-1",)),
    ("quarantine", "carry_out", ("p-1", ["o-1", "o-2"]), ("p-1", ("o-1", "o-2"), "quarantine")),
    ("purge", "carry_out", ("p-1", ["o-1"]), ("p-1", ("o-1",), "purge")),
    ("sanitise", "sanitise", ("p-1",), ("p-1",)),
    ("verify", "verify", ("p-1",), ("p-1",)),
    ("destroy_keys_and_buckets", "destroy_keys_and_buckets", ("p-1",), ("p-1",)),
    ("certify", "certify", ("p-1",), ("p-1",)),
    ("report", "report", ("c-1",), ("c-1",)),
)


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_a_task_calls_its_stage_and_passes_an_id_on(
    function_of: Function, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: tuple[Any, ...]
) -> None:
    task_id, stage_name, given, wanted = call
    called: list[tuple[Any, ...]] = []

    def said(_deployment: object, *arguments: Any, **named: Any) -> str:
        called.append(arguments)
        assert named == ({"say": print} if stage_name == "carry_out" else {})
        return "12 records"

    monkeypatch.setattr(tasks.journey, stage_name, said)
    result = main_task(function_of, task_id)(*given)
    assert (result, called) == (given[0], [wanted])
    assert isinstance(result, str)
    assert "12 records" in capsys.readouterr().out


@pytest.mark.usefixtures("stage")
def test_a_plan_that_destroys_nothing_still_has_a_unit_so_that_its_run_reaches_the_certificate(
    function_of: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Airflow skips what is mapped over nothing, and everything behind it.
    monkeypatch.setattr(tasks, "units", lambda _plan: ())
    monkeypatch.setattr(tasks.journey, "carry_out", _never)
    (unit,) = function_of("list_units")("p-1")
    for task_id in ("quarantine", "purge"):
        assert main_task(function_of, task_id)("p-1", unit) == "p-1"


def _never(*_: Any, **__: Any) -> str:
    raise AssertionError("there is nothing to carry out")


def main_task(function_of: Function, task_id: str) -> Callable[..., Any]:
    """Mapped tasks keep their function among the arguments that all of them share."""
    functions = {"quarantine": tasks.quarantine.function, "purge": tasks.purge.function}
    return functions.get(task_id) or function_of(task_id)


@pytest.mark.parametrize(
    ("waits_for", "starts"),
    [("nothing", True), ("approvals", False), ("receipts", False), ("grace", False), ("clocks", False),
     ("finished", False)],
)  # fmt: skip
def test_the_watch_starts_what_could_go_on_once_for_each_attempt(
    monkeypatch: pytest.MonkeyPatch, waits_for: str, *, starts: bool
) -> None:
    attempts = iter(("a-2026-11-23", "a-2026-11-23", "b-2026-11-23"))
    current = SimpleNamespace(control=SimpleNamespace(cases=lambda: ("c-1",)))
    monkeypatch.setattr(tasks, "deployment", lambda: current)
    monkeypatch.setattr(tasks, "attempt", lambda _deployment, _case_id: next(attempts))
    monkeypatch.setattr(tasks, "standing", lambda _deployment, case_id: Standing(case_id, waits_for, "p-1", ""))
    first, second, third = (tasks.list_ready_cases.function() for _ in range(3))
    if not starts:
        assert first == []
        return
    assert first == [{"trigger_run_id": "watch-c-1-p-1-a-2026-11-23", "conf": {"case_id": "c-1"}}]
    assert second == first  # the same run id is not started twice
    assert third != first  # the case came further since, or a day began


def test_the_review_writes_each_line_into_the_log_and_passes_a_count_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    current = SimpleNamespace(control=SimpleNamespace(cases=lambda: ("c-1",)))
    due = Due("hold-not-reviewed", "c-1", "H-1", "it was to be reviewed on 2026-06-01", "li")
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(tasks, "deployment", lambda: current)
    monkeypatch.setattr(tasks, "review", lambda _deployment, cases: asked.append(cases) or (due,))
    assert tasks.review_rules.function() == 1
    assert asked == [("c-1",)]
    assert capsys.readouterr().out == "c-1: hold-not-reviewed H-1: it was to be reviewed on 2026-06-01; li\n"
