"""Airflow's variable ``winddown_halt``: present it halts, absent it does not, unanswered it is an error."""

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import Variable

from winddown.orchestration import tasks
from winddown.orchestration.halting import halt_asked

Set = Callable[..., None]


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Answer for Airflow: what ``get`` returns, and the names that ``keys`` lists."""

    def answer(value: Any, *, listed: bool) -> None:
        monkeypatch.setattr(Variable, "get", lambda name, default: value if name == "winddown_halt" else default)
        monkeypatch.setattr(Variable, "keys", lambda prefix: [prefix] if listed else [])

    return answer


def test_without_the_variable_nothing_halts(variable: Set) -> None:
    variable(None, listed=False)
    assert halt_asked() == ""


@pytest.mark.parametrize("value", ["li.officer: wrong customers", "  li.officer: wrong customers\n"])
def test_its_value_says_who_and_why(variable: Set, value: str) -> None:
    variable(value, listed=True)
    assert halt_asked() == "li.officer: wrong customers"


@pytest.mark.parametrize("value", ["", "  "])
def test_a_blank_one_halts_as_well(variable: Set, value: str) -> None:
    variable(value, listed=True)
    assert halt_asked() == "the variable gives no reason"


def test_one_that_is_listed_and_not_answered_halts(variable: Set) -> None:
    variable(None, listed=True)
    assert halt_asked() == "the variable gives no reason"


def test_a_list_that_fails_is_no_no(variable: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(prefix: str) -> None:
        raise ConnectionError(prefix)

    variable(None, listed=False)
    monkeypatch.setattr(Variable, "keys", fails)
    with pytest.raises(ConnectionError):
        halt_asked()


def test_a_reason_fits_into_the_ledger(variable: Set) -> None:
    variable("x" * 70_000, listed=True)
    assert len(halt_asked()) == 500


def test_every_tasks_deployment_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks, "deploy", lambda _connections, **named: given.append(named))
    tasks.deployment()
    assert given == [{"halt_asked": halt_asked}]
