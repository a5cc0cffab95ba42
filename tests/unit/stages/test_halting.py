"""A unit of work at its batches: whichever way somebody halts the case, the next batch is not begun."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown import __main__ as command_line
from winddown.control.authority import Authority
from winddown.domain.access import Action
from winddown.domain.errors import Refused
from winddown.evidence.entry import LedgerEntry
from winddown.stages.deployment import Deployment
from winddown.stages.people import halt, may, resume
from winddown.stages.quarantine import restore
from winddown.stages.standing import standing

from .running import Running, running, visits

VISITS = 1_250  # three batches: 100, 1,000, 150
CASE = "demo-1"


@pytest.fixture
def variable() -> list[str]:
    return []


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any], variable: list[str]) -> Running:
    case_document["people"].append({"id": "sun", "name": "sun", "role": "auditor"})
    asking = Authority(
        deployment.control.engine,
        ledger=deployment.ledger,
        clock=deployment.clock,
        code_version="test",
        halt_asked=lambda: "".join(variable),
    )
    settings = replace(deployment.settings, engineers=("ops",), auditors=("eve",))
    tables = visits(case_document, VISITS)
    return running(replace(deployment, authority=asking, settings=settings), case_folder, case_document, tables)


@pytest.fixture
def press(
    company: Running, variable: list[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:  # fmt: skip
    """Halt the case in one of the three forms."""
    monkeypatch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)

    def by(form: str) -> None:
        if form == "command":
            assert command_line.main(["halt", CASE, "--by", "wu", "--reason", "wrong customers"]) == 0
        elif form == "button":
            halt(company.deployment, CASE, by="wu", reason="wrong customers", door="api_session")
        else:
            variable.append("wu: wrong customers")

    return by


@pytest.mark.parametrize("power", ["quarantine", "purge"])
@pytest.mark.parametrize(
    ("form", "who", "door"),
    [
        ("command", "wu", "command"),
        ("button", "wu", "api_session"),
        ("variable", "airflow", "airflow_variable"),
    ],
)
def test_a_running_unit_stops_at_the_next_batch(  # noqa: PLR0917
    company: Running, press: Callable[[str], None], variable: list[str], power: str, form: str, who: str, door: str
) -> None:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    if power == "purge":
        assert company.run().reason == "grace"
        company.pass_grace()
    store: Any = company.deployment.systems(company.deployment.case(CASE)).store("shop")
    act, acts = getattr(store, power), []

    def pressing(*given: Any) -> Any:
        """Somebody halts while the first batch is at work."""
        receipt = act(*given)
        acts.append(receipt)
        if len(acts) == 1:
            press(form)
        return receipt

    setattr(store, power, pressing)
    with pytest.raises(Refused, match=f"the case was halted by {who} at .*wrong customers"):
        company.run()
    assert len(acts) == 1
    effects = [one for one in company.deployment.control.effects(plan_id) if one.power == power]
    assert [(one.batch, one.state, one.records) for one in effects] == [(0, "done", 100)]
    (entry,) = [one for one in map(LedgerEntry.parse, company.deployment.ledger.entries(CASE)) if one.type == "halted"]
    assert (entry.actor, entry.body["door"]) == (who, door)
    assert "wrong customers" in entry.body["reason"]
    assert standing(company.deployment, CASE).waits_for == "halt"
    assert not standing(company.deployment, CASE).is_ready

    for other in ("sun", "eve", "stranger"):
        with pytest.raises(Refused, match=f"{other} may not restore"):
            restore(company.deployment, CASE, requested_by=other)
    # Undoing is not halted. What was purged is gone, and nothing else is.
    restore(company.deployment, CASE, requested_by="ops")
    assert len(company.tables["visits"].rows) == (VISITS if power == "quarantine" else VISITS - 100)
    variable.clear()
    resume(company.deployment, CASE, by="chen", reason="they were right", door="command")
    assert standing(company.deployment, CASE).waits_for == "nothing"


def test_who_halts_and_who_resumes(company: Running) -> None:
    company.run()
    current = company.deployment
    for who in ("eve", "sun", "he", "stranger"):
        with pytest.raises(Refused, match=f"{who} may not halt in case {CASE}") as refusal:
            halt(current, CASE, by=who, reason="x", door="command")
        assert refusal.value.rule == "roles of the product"
        assert current.switch.state(CASE) is None
    for who in ("ops", "wu", "li"):
        halt(current, CASE, by=who, reason="x", door="command")
        refusals = {}
        for other in ("ops", "eve", "sun", "he", "li", "stranger"):
            with pytest.raises(Refused) as refusal:
                resume(current, CASE, by=other, reason="x", door="command")
            refusals[other] = refusal.value.rule
        assert refusals.pop("li") == "resuming needs a role"
        assert set(refusals.values()) == {"roles of the product"}
        assert current.switch.state(CASE) is not None
        resume(current, CASE, by="chen", reason="x", door="command")
        assert current.switch.state(CASE) is None


def test_useless_buttons_are_spared(company: Running) -> None:
    company.run()
    reading = {Action.OPEN, Action.READ, Action.EXPLAIN, Action.READ_EVIDENCE}
    changing = {Action.BRING_SIGNATURE, Action.PLACE_HOLD, Action.RELEASE_HOLD, Action.HALT, Action.RESTORE}
    changing |= {Action.ERASE_TRACES, Action.CLEAR_SCHEDULER}
    assert may(company.deployment, CASE, "stranger") == frozenset()
    assert may(company.deployment, CASE, "eve") == reading
    assert may(company.deployment, CASE, "li") == reading | changing, "a steward does not resume"
    of_an_approver = reading | changing | {Action.APPROVE, Action.RESUME}
    assert may(company.deployment, CASE, "chen") == of_an_approver - {Action.ERASE_TRACES}


def test_the_command_line_keeps_no_reason_that_names_a_person(
    company: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    company.run()
    monkeypatch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)
    number = "13800130001"
    naming = f"customer {number} (王小明, 11010519491231002X) complained"
    assert command_line.main(["halt", CASE, "--by", "wu", "--reason", naming]) == 0
    assert command_line.main(["resume", CASE, "--by", "chen", "--reason", naming]) == 2
    said = capsys.readouterr()
    assert "reason withheld: it names a person" in said.out
    assert "say it without numbers or addresses of persons" in said.err
    assert standing(company.deployment, CASE).waits_for == "halt"
    assert not any(number.encode() in raw for raw in company.deployment.ledger.entries(CASE))
    assert number not in said.out + said.err


def test_the_command_line_resumes(
    company: Running, press: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    company.run()
    press("command")
    assert command_line.main(["resume", CASE, "--by", "li", "--reason", "x"]) == 2
    assert command_line.main(["resume", CASE, "--by", "chen", "--reason", "they were right"]) == 0
    assert command_line.main(["status", CASE]) == 0
    said = capsys.readouterr()
    assert "li may not resume case demo-1" in said.err
    assert "demo-1 waits for approvals" in said.out
