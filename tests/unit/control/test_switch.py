"""The kill switch: who turned it on and off stands in the ledger, and what Airflow's variable asked for stays."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from winddown.control.authority import Authority, Effect
from winddown.control.ledger import Ledger
from winddown.control.reasons import WITHHELD
from winddown.control.switch import Switch
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.evidence.entry import LedgerEntry
from winddown.ports import Clock

Deed = Callable[..., Effect]
NUMBER = "13800130001"
NAMING = (
    f"customer {NUMBER} (王小明, 11010519491231002X) complained",
    f"手机{NUMBER}的客户投诉",
    "客户 138 0013 0001 投诉",
    "wang.xiaoming@example.com wrote",
)


def told(ledger: Ledger) -> list[tuple[str, str, str, str]]:
    """Type, actor, reason and door of every entry about the switch."""
    entries = [LedgerEntry.parse(raw) for raw in ledger.entries("c-1")]
    return [
        (entry.type, entry.actor, entry.body["reason"], entry.body["door"])
        for entry in entries
        if entry.type in {"halted", "resumed"}
    ]


def test_halting_and_resuming_are_entries_with_who_and_why(switch: Switch, ledger: Ledger) -> None:
    assert switch.state("c-1") is None
    switch.halt("c-1", by="wu", reason=" wrong customers ", door="command")
    halted = switch.state("c-1")
    assert halted is not None
    assert str(halted) == "halted by wu at 2026-11-23T02:00:00.000000Z: wrong customers"
    switch.resume("c-1", by="chen", reason="they were right", door="api_session")
    assert switch.state("c-1") is None
    assert told(ledger) == [
        ("halted", "wu", "wrong customers", "command"),
        ("resumed", "chen", "they were right", "api_session"),
    ]


def test_the_first_halt_stays(switch: Switch, ledger: Ledger) -> None:
    first = switch.halt("c-1", by="wu", reason="wrong customers", door="command")
    assert switch.halt("c-1", by="chen", reason="lunch", door="api_session") == first
    assert switch.state("c-1") == first
    assert len(told(ledger)) == 1


def test_one_case_halts_no_other(switch: Switch) -> None:
    switch.halt("c-1", by="wu", reason="x", door="command")
    assert switch.state("c-2") is None


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_nothing_changes_without_a_reason(switch: Switch, ledger: Ledger, reason: str) -> None:
    with pytest.raises(Refused, match="without a reason"):
        switch.halt("c-1", by="wu", reason=reason, door="command")
    switch.halt("c-1", by="wu", reason="x", door="command")
    with pytest.raises(Refused, match="without a reason"):
        switch.resume("c-1", by="wu", reason=reason, door="command")
    assert [kind for kind, *_ in told(ledger)] == ["halted"]


@pytest.mark.parametrize("reason", NAMING)
def test_a_reason_that_names_a_person_halts_and_is_withheld(switch: Switch, ledger: Ledger, reason: str) -> None:
    halted = switch.halt("c-1", by="wu", reason=reason, door="command")
    assert halted == switch.state("c-1")
    assert halted.reason == WITHHELD == "reason withheld: it names a person"
    assert told(ledger) == [("halted", "wu", WITHHELD, "command")]


@pytest.mark.parametrize("reason", NAMING)
def test_a_reason_that_names_a_person_resumes_nothing(switch: Switch, ledger: Ledger, reason: str) -> None:
    switch.halt("c-1", by="wu", reason="x", door="command")
    with pytest.raises(Refused, match="names a person") as refusal:
        switch.resume("c-1", by="chen", reason=reason, door="command")
    assert refusal.value.next_step == "say it without numbers or addresses of persons"
    assert NUMBER not in str(refusal.value)
    assert switch.state("c-1") is not None
    assert [kind for kind, *_ in told(ledger)] == ["halted"]


@pytest.mark.parametrize(
    "reason",
    [
        "wrong customers in plan c-1-02-after-claims, 1,250 of 3,400",
        "batch 12 of 2026-11-23 18:07, 停用错误",
        "工单 INC-20261123",
    ],
)
def test_a_reason_with_other_numbers_is_kept(switch: Switch, ledger: Ledger, reason: str) -> None:
    switch.halt("c-1", by="wu", reason=reason, door="command")
    switch.resume("c-1", by="chen", reason=reason, door="command")
    assert [said for _, _, said, _ in told(ledger)] == [reason, reason]


def test_resuming_one_case_resumes_no_other(switch: Switch) -> None:
    for case_id in ("c-1", "c-2"):
        switch.halt(case_id, by="wu", reason="x", door="command")
    switch.resume("c-1", by="chen", reason="y", door="command")
    assert (switch.state("c-1"), switch.state("c-2") is None) == (None, False)


def test_what_is_not_halted_is_not_resumed(switch: Switch, ledger: Ledger) -> None:
    with pytest.raises(Refused, match="case c-1 is not halted"):
        switch.resume("c-1", by="wu", reason="x", door="command")
    assert ledger.size("c-1") == 0


def test_an_authorization_from_before_a_halt_is_worthless_after_it(
    authority: Authority, switch: Switch, approved: object, deed: Deed
) -> None:
    assert approved
    right = authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    undo = authority.authorize(deed("o-files", Power.RESTORE), actor="winddown")
    switch.halt("c-1", by="wu", reason="wrong customers", door="command")
    with pytest.raises(Refused, match="case c-1 was halted by wu"):
        authority.redeem(right)
    authority.redeem(undo)


# -- Airflow's variable ------------------------------------------------------------------------------------------------


@pytest.fixture
def variable() -> list[str]:
    """What the variable says; empty while it does not exist."""
    return []


@pytest.fixture
def watched(engine: Engine, ledger: Ledger, clock: Clock, variable: list[str]) -> Authority:
    """An authority that asks it, as those of tasks do."""
    return Authority(engine, ledger=ledger, clock=clock, code_version="1", halt_asked=lambda: "".join(variable))


@pytest.mark.usefixtures("approved")
def test_the_variable_halts_at_the_next_batch_and_what_it_did_stays(  # noqa: PLR0917
    watched: Authority, authority: Authority, switch: Switch, ledger: Ledger, variable: list[str], deed: Deed
) -> None:
    watched.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    assert told(ledger) == []
    variable.append("li.officer: wrong customers")
    with pytest.raises(Refused, match=r"the case was halted by airflow at .*: li\.officer: wrong customers"):
        watched.authorize(deed("o-seal", Power.SEAL), actor="winddown")
    assert watched.state(deed("o-seal", Power.SEAL)) is None
    variable.clear()
    for asked in (watched, authority):  # a process that knows no variable finds it halted, too
        with pytest.raises(Refused, match="halted by airflow"):
            asked.authorize(deed("o-seal", Power.SEAL), actor="winddown")
    assert told(ledger) == [("halted", "airflow", "li.officer: wrong customers", "airflow_variable")]
    switch.resume("c-1", by="chen", reason="they were right", door="command")
    watched.authorize(deed("o-seal", Power.SEAL), actor="winddown")


@pytest.mark.usefixtures("approved")
def test_a_variable_that_names_a_person_halts_and_its_words_are_withheld(
    watched: Authority, ledger: Ledger, variable: list[str], deed: Deed
) -> None:
    variable.append(f"li.officer: customer {NUMBER} complained")
    with pytest.raises(Refused, match=f"the case was halted by airflow at .*: {WITHHELD}") as refusal:
        watched.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    assert NUMBER not in str(refusal.value)
    assert told(ledger) == [("halted", "airflow", WITHHELD, "airflow_variable")]


@pytest.mark.usefixtures("approved")
def test_restoring_does_not_ask_the_variable(watched: Authority, variable: list[str], deed: Deed) -> None:
    variable.append("everything halts")
    watched.authorize(deed("o-files", Power.RESTORE), actor="winddown")


@pytest.mark.usefixtures("approved")
def test_a_variable_that_cannot_be_asked_for_authorises_nothing(
    engine: Engine, ledger: Ledger, clock: Clock, deed: Deed
) -> None:
    def unanswered() -> str:
        raise ConnectionError("the API server does not answer")

    authority = Authority(engine, ledger=ledger, clock=clock, code_version="1", halt_asked=unanswered)
    size = ledger.size("c-1")
    with pytest.raises(ConnectionError):
        authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    assert ledger.size("c-1") == size
    authority.authorize(deed("o-files", Power.RESTORE), actor="winddown")
